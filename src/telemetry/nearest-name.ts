/** Names longer than this get no suggestion: the work grows with the square of the length, and names may come from a peer. */
const NAME_CHARACTERS_MAX = 200

/**
 * "Did you mean …?": the closest of a list of known names.
 *
 * Distance is Levenshtein's (one insertion, deletion or substitution each cost 1). A suggestion further away than a third of the
 * longer name would only confuse, so there is none.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > NAME_CHARACTERS_MAX) return undefined
  const lowered = name.toLowerCase()
  let nearest: string | undefined
  let nearestDistance = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    if (candidate.length > NAME_CHARACTERS_MAX) continue
    const loweredCandidate = candidate.toLowerCase()
    const tolerated = Math.ceil(Math.max(name.length, candidate.length) / 3)
    // Each character that one has more than the other costs 1, so the distance is at least this.
    if (Math.abs(lowered.length - loweredCandidate.length) > tolerated) continue
    const distance = editDistance(lowered, loweredCandidate)
    if (distance <= tolerated && distance < nearestDistance) {
      nearest = candidate
      nearestDistance = distance
    }
  }
  return nearest
}

/** Levenshtein distance in UTF-16 units, one row of the matrix at a time. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
