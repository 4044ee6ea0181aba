/**
 * Which of two announcements of one thing counts, and how long it counts.
 *
 * The guard is what ends gossip's echoes: an announcement that comes round again changes nothing, so it is not passed on.
 */

/** Both in Unix seconds and seconds. */
export interface Lifetime {
  readonly advertised_at: number
  readonly ttl_seconds: number
}

/** An entry at its very limit is alive. */
export function isExpired({ advertised_at, ttl_seconds }: Lifetime, now: number): boolean {
  return now > advertised_at + ttl_seconds
}

/** Negative: `newcomer` is older and refused. 0: it tells nothing new. Positive: it takes the place of `known`. */
export function compareFreshness(newcomer: Lifetime, known: Lifetime): number {
  if (newcomer.advertised_at !== known.advertised_at) return newcomer.advertised_at - known.advertised_at
  return Math.max(0, newcomer.ttl_seconds - known.ttl_seconds)
}
