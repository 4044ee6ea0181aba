/** Does something with each of many, so many at once at most. Results are in the order of the items; the first failure is that of all. */
export async function sideBySide<T, R>(items: readonly T[], max: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const waiting = items.entries()
  const turns = Array.from({ length: Math.min(max, items.length) }, async () => {
    // All take from the one iterator: each item has one taker.
    for (const [index, item] of waiting) results[index] = await work(item)
  })
  await Promise.all(turns)
  return results
}
