/** Names longer than this get no suggestion: the work grows with the square of the length, and names may come from a peer. */
const NAME_CHARACTERS_MAX = 200

/**
 * "Did you mean …?": the closest of a list of known names.
 *
 * Distance is Levenshtein's (one insertion, deletion or substitution each cost 1). A suggestion further away than a third of the
 * longer name would only confuse, so there is none. A hundred thousand names take some twenty milliseconds: most are given up after a few
 * characters.
 * @param mayBeNamed whether a name may be suggested; asked of few
 */
export function nearestName(name: string, known: Iterable<string>, mayBeNamed = (_candidate: string): boolean => true): string | undefined {
  if (name.length > NAME_CHARACTERS_MAX) return undefined
  const lowered = name.toLowerCase()
  let nearest: string | undefined
  let nearestDistance = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    if (candidate.length > NAME_CHARACTERS_MAX) continue
    const loweredCandidate = candidate.toLowerCase()
    const tolerated = Math.min(Math.ceil(Math.max(name.length, candidate.length) / 3), nearestDistance - 1)
    // Each character that one has more than the other costs 1, so the distance is at least this.
    if (Math.abs(lowered.length - loweredCandidate.length) > tolerated) continue
    const distance = editDistance(lowered, loweredCandidate, tolerated)
    if (distance <= tolerated && mayBeNamed(candidate)) {
      nearest = candidate
      nearestDistance = distance
    }
  }
  return nearest
}

/**
 * Levenshtein distance in UTF-16 units, one row of the matrix at a time.
 * @param limit beyond it the answer is some number above it: the work ends as soon as that is certain
 */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  let start = 0
  let endA = a.length
  let endB = b.length
  // What is common at either end costs nothing.
  while (start < endA && start < endB && a.charCodeAt(start) === b.charCodeAt(start)) start++
  while (endA > start && endB > start && a.charCodeAt(endA - 1) === b.charCodeAt(endB - 1)) {
    endA--
    endB--
  }
  const width = endB - start
  const row: number[] = []
  for (let column = 0; column <= width; column++) row.push(column)
  for (let i = start; i < endA; i++) {
    let above = row[0] as number
    let lowest = above + 1
    row[0] = lowest
    for (let column = 1; column <= width; column++) {
      const substituted = above + (a.charCodeAt(i) === b.charCodeAt(start + column - 1) ? 0 : 1)
      above = row[column] as number
      const cost = Math.min(substituted, above + 1, (row[column - 1] as number) + 1)
      row[column] = cost
      if (cost < lowest) lowest = cost
    }
    if (lowest > limit) return lowest
  }
  return row[width] as number
}
