/**
 * Single pattern against single topic, with glob words: the matcher of queue subscriptions, queue-name patterns, cache namespaces and
 * routing policies. For many patterns at once, and for pub/sub, use {@link TopicTrie}.
 *
 * Segments are separated by `.`; `*` is exactly one segment, `#` any number of them, zero included. Two differences to the trie:
 * an empty pattern never matches, and when neither side has a dot, both `*` and `#` stand for any run of characters, so that `ord*` matches
 * `orders`.
 */

/** Whether `pattern` matches `topic`. Time O(pattern * topic) in the worst case, linear in practice; allocates two arrays. */
export function matchesTopicGlob(pattern: string, topic: string): boolean {
  if (pattern === '') return false
  if (pattern === topic) return true
  if (!pattern.includes('.') && !topic.includes('.'))
    return matchWithRuns(pattern.length, topic.length, isRunCharacter(pattern), sameCharacter(pattern, topic))
  const want = pattern.split('.')
  const have = topic === '' ? [] : topic.split('.')
  return matchWithRuns(
    want.length,
    have.length,
    (i) => want[i] === '#',
    (i, j) => want[i] === '*' || want[i] === have[j],
  )
}

const isRunCharacter =
  (pattern: string) =>
  (i: number): boolean =>
    pattern[i] === '*' || pattern[i] === '#'

const sameCharacter =
  (pattern: string, topic: string) =>
  (i: number, j: number): boolean =>
    pattern[i] === topic[j]

/**
 * Greedy wildcard matching: only the last run ever needs to grow, since an earlier one growing could only repeat what the later one can
 * do. `isRun(i)` says whether pattern element i takes any number of elements, `same(i, j)` whether it takes exactly topic element j.
 */
function matchWithRuns(
  patternLength: number,
  topicLength: number,
  isRun: (i: number) => boolean,
  same: (i: number, j: number) => boolean,
): boolean {
  let i = 0
  let j = 0
  let runAt = -1
  let runEnd = 0
  while (j < topicLength) {
    if (i < patternLength && isRun(i)) {
      runAt = i++
      runEnd = j
    } else if (i < patternLength && same(i, j)) {
      i++
      j++
    } else if (runAt >= 0) {
      i = runAt + 1
      j = ++runEnd
    } else {
      return false
    }
  }
  while (i < patternLength && isRun(i)) i++
  return i === patternLength
}

export type PatternVerdict = { readonly ok: true } | { readonly ok: false; readonly message: string }

const ALLOWED = /^[a-zA-Z0-9._*#-]+$/

/**
 * Checks the syntax of a pattern an operator registers for routing. Publishing and subscribing accept every string and never call it.
 * A pattern without a dot may have wildcards inside its word (see {@link matchesTopicGlob}).
 */
export function validatePattern(pattern: string): PatternVerdict {
  const message = patternFault(pattern)
  return message === undefined ? { ok: true } : { ok: false, message }
}

function patternFault(pattern: string): string | undefined {
  if (pattern === '') return 'Topic pattern cannot be empty'
  if (!ALLOWED.test(pattern)) return 'Topic pattern contains invalid characters'
  if (pattern.includes('##') || pattern.includes('**')) return 'Invalid wildcard usage (double wildcards not allowed)'
  if (!pattern.includes('.')) return undefined
  for (const segment of pattern.split('.')) {
    if (segment !== '#' && segment.includes('#')) return '# wildcard must be its own segment'
    if (segment !== '*' && segment.includes('*')) return '* wildcard must be its own segment'
  }
  return undefined
}
