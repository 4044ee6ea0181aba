/**
 * A list in order from one question to the next. To sort a hundred thousand entries for each page that somebody turns would stop the node for
 * most of a second; to see that nothing has changed takes less than a millisecond, to sort in what came some ten.
 */
export type KeptOrder<T> = (current: readonly T[]) => readonly T[]

/** Holds the list of the last question. @param compare must not change its mind about two items */
export function keepInOrder<T>(compare: (a: T, b: T) => number): KeptOrder<T> {
  let last: readonly T[] = []
  let sorted: readonly T[] = []
  return (current) => {
    if (isSame(current, last)) return sorted
    last = current
    const added = new Set(current)
    const stayed = sorted.filter((item) => added.delete(item))
    // Sorting takes what is in order already as it is.
    sorted = added.size === 0 ? stayed : [...stayed, ...[...added].sort(compare)].sort(compare)
    return sorted
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at])
}
