/**
 * How long a suspect may take to answer for itself (Lifeguard, arXiv:1707.00788 §IV-B).
 *
 * One accuser may itself be the sick one, so alone it has to wait long. Each further member that comes to the same suspicion by itself makes
 * it more likely, and shortens the wait, down to what plain SWIM would always have waited.
 */
import { SUSPECTERS_CERTAIN, SUSPECTERS_MAX } from './constants.ts'

/**
 * Milliseconds from the beginning of a suspicion to the verdict: `maxMs` without confirmation, falling with the logarithm of their number to
 * `minMs` at `expected` confirmations. With `expected` 0 nobody else could confirm, and it is `minMs`.
 */
export function suspicionTimeoutMs(confirmations: number, expected: number, minMs: number, maxMs: number): number {
  if (expected < 1) return minMs
  const progress = Math.log(confirmations + 1) / Math.log(expected + 1)
  return Math.max(minMs, maxMs - progress * (maxMs - minMs))
}

/**
 * The two ends of the timeout in a group of `members`: alpha * log10(members) probe intervals, in which news reaches everybody and a
 * refutation comes back, and `beta` times that.
 */
export function suspicionBoundsMs(
  members: number,
  probeIntervalMs: number,
  alpha: number,
  beta: number,
): { readonly minMs: number; readonly maxMs: number } {
  const minMs = alpha * Math.max(1, Math.log10(Math.max(1, members))) * probeIntervalMs
  return { minMs, maxMs: Math.max(1, beta) * minMs }
}

/** From 0 (nobody suspects it) to 1 (three members do, or more). */
export function suspicionLevel(suspecters: number): number {
  return Math.min(1, suspecters / SUSPECTERS_CERTAIN)
}

export interface Suspicion {
  /** Monotonic. */
  readonly startedMs: number
  readonly expected: number
  readonly minMs: number
  readonly maxMs: number
  /** Who suspects, by which event, in order of their coming. */
  readonly suspecters: Map<string, { readonly eventId: string; readonly at: number }>
  /** How often this node stood still when the time was up, and waited a little longer for what may have arrived meanwhile. */
  extensions: number
}

/** Whether `by` had not yet been among those who suspect. `at`: Unix seconds. */
export function confirmSuspicion(suspicion: Suspicion, by: string, eventId: string, at: number): boolean {
  if (suspicion.suspecters.has(by) || suspicion.suspecters.size >= SUSPECTERS_MAX) return false
  suspicion.suspecters.set(by, { eventId, at })
  return true
}

/** When the suspicion becomes a verdict, by what is known now; monotonic ms. */
export function suspicionDeadlineMs({ startedMs, expected, minMs, maxMs, suspecters }: Suspicion): number {
  return startedMs + suspicionTimeoutMs(Math.max(0, suspecters.size - 1), expected, minMs, maxMs)
}
