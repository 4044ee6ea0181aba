/**
 * Exponential backoff with jitter ("equal jitter": M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog 2015).
 *
 * The delay doubles with each failure up to a ceiling; half of it is fixed, so that no attempt comes too soon, and half is random, so
 * that those who lost the same server do not return together.
 */

export interface BackoffOptions {
  readonly initialMs: number
  readonly factor: number
  readonly maxMs: number
  /** Share of the delay that is random, 0 to 1. */
  readonly jitter: number
}

export const DEFAULT_BACKOFF: BackoffOptions = { initialMs: 1_000, factor: 2, maxMs: 30_000, jitter: 0.5 }

/** Delay before the attempt that follows `failures` failed ones, ms. `chance` is uniform in [0, 1). No failure, no delay. */
export function backoffMs(failures: number, chance: number, options: BackoffOptions = DEFAULT_BACKOFF): number {
  if (failures <= 0) return 0
  const { initialMs, factor, maxMs, jitter } = options
  const full = Math.min(maxMs, initialMs * factor ** (failures - 1))
  return full * (1 - jitter + jitter * chance)
}
