/**
 * Saying goodbye: whom to tell, and how many at once. Linked peers are told over their links; some of the known nodes without a link get a
 * short dial of their own, the rest hear of it by gossip.
 */

export interface GoodbyeBudget {
  /** Known nodes without a link to dial. */
  readonly temporaryDials: number
  /** Dials at once. */
  readonly concurrency: number
}

/**
 * @param known other nodes this node knows
 * @param active peers with an open link
 * @param unconnected known nodes without one
 */
export function goodbyeBudget(known: number, active: number, unconnected: number): GoodbyeBudget {
  const root = Math.floor(Math.sqrt(known))
  const temporaryDials = known <= 8 ? unconnected : Math.min(unconnected, Math.max(0, root - Math.floor(active / 8)))
  return { temporaryDials, concurrency: Math.max(2, Math.min(8, root + 1)) }
}

/** Runs `work` for every item, at most `concurrency` at once. `work` must not reject. */
export async function forEachAtMost<T>(items: readonly T[], concurrency: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) await work(items[next++] as T)
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, lane))
}
