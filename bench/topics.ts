/** Topic matching: our trie and qlobber, 10,000 wildcard subscriptions, topics never seen before. */
import type { BenchOptions } from './options.ts'
import { measurePairs } from './pairs.ts'
import { Report } from './report.ts'
import { type Role, startRole } from './role.ts'
import type { MatcherInput, TopicMatcher } from './roles/topic-matcher.ts'
import { summarize } from './statistics.ts'

const SUBSCRIPTIONS = 10_000
const SAMPLE = 500
const MEMORY_RUNS = 3

export async function benchTopics({ runs, seconds }: BenchOptions): Promise<void> {
  const report = new Report('topics')
  for (const contender of ['trie', 'qlobber'] as const) {
    const values: number[] = []
    for (let i = 0; i < MEMORY_RUNS; i++) {
      const matcher = await startMatcher(contender, ['--expose-gc'])
      values.push(await matcher.ask('bytesPerSubscription', undefined))
      await matcher.stop()
    }
    report.result(contender === 'trie' ? 'memory_mpreg' : 'memory_qlobber', 'bytes/subscription', summarize(values))
  }

  const [trie, qlobber] = [await startMatcher('trie'), await startMatcher('qlobber')]
  const counts = await trie.ask('counts', { topics: SAMPLE })
  const theirs = await qlobber.ask('counts', { topics: SAMPLE })
  if (counts.some((count, i) => count !== theirs[i])) throw new Error('the two matchers disagree about what matches')
  report.note(`${SUBSCRIPTIONS} wildcard subscriptions, ${(counts.reduce((a, b) => a + b) / SAMPLE).toFixed(1)} matches a topic on average`)

  await trie.ask('throughput', { seconds: 1, seed: 'warm-up' })
  await qlobber.ask('throughput', { seconds: 1, seed: 'warm-up' })
  let seed = 0
  const outcome = await measurePairs(
    runs,
    () => trie.ask('throughput', { seconds, seed: `run ${++seed}` }),
    () => qlobber.ask('throughput', { seconds, seed: `run ${seed}` }),
  )
  report.pair('topics_vs_qlobber', 'topics/s', ['match_mpreg', 'match_qlobber'], outcome, '>= 1.0')
  await Promise.all([trie.stop(), qlobber.stop()])
  report.print()
}

function startMatcher(contender: MatcherInput['contender'], nodeOptions: readonly string[] = []): Promise<Role<TopicMatcher>> {
  const input: MatcherInput = { contender, subscriptions: SUBSCRIPTIONS }
  return startRole(new URL('./roles/topic-matcher.ts', import.meta.url), input, nodeOptions)
}
