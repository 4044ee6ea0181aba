/**
 * The numbers that order a node's route messages: one series for all of them, started at the clock, so that a restarted node is newer than
 * what its neighbours remember of it.
 */

/** @param now Unix seconds */
export function createEpochs(now: number): () => number {
  // Far below 2^53 even if the clock is not to be believed: counting up must stay exact.
  let epoch = Math.min(2 ** 52, Math.max(0, Math.floor(now * 1000)))
  return () => ++epoch
}
