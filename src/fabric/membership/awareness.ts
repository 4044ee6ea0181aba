/**
 * Local health (Lifeguard, arXiv:1707.00788 §IV-A): a node that hears from nobody should first doubt itself.
 *
 * The score runs from 0 (healthy) to `max`. Missing answers, missing nacks, having to refute, and timers that fire late raise it; every
 * answered probe lowers it. Probe intervals and timeouts are multiplied by score + 1, so that a node in poor health accuses slowly, and
 * with patience. Late timers are not in the paper: in one process everything waits for the same event loop, and how late it runs is
 * the most direct sign of poor health there is.
 */
import { LATE_POINT_PART, LATE_POINTS_MAX } from './constants.ts'

export interface AwarenessSnapshot {
  /** 0 is healthy. Probe interval and timeout are multiplied by one more. */
  readonly local_health: number
  readonly local_health_max: number
  /** Points added, by cause, and taken off; also those that found the score at its end. */
  readonly points: {
    readonly probe_failed: number
    readonly nack_missed: number
    readonly refuted: number
    readonly timer_late: number
    readonly probe_answered: number
  }
}

export interface Awareness {
  readonly score: number
  /** `ms` at the present state of health. */
  scaled(ms: number): number
  probeAnswered(): void
  /** `nacksMissing`: how many of the relays that were asked said nothing at all; undefined when none was asked. */
  probeFailed(nacksMissing: number | undefined): void
  /** Somebody had taken this node for dead. */
  refuted(): void
  timerLate(latenessMs: number): void
  snapshot(): AwarenessSnapshot
}

export interface AwarenessOptions {
  /** 0 switches local health off: the score stays 0. */
  readonly max: number
  readonly probeTimeoutMs: number
}

export function createAwareness({ max, probeTimeoutMs }: AwarenessOptions): Awareness {
  let score = 0
  const points = { probe_failed: 0, nack_missed: 0, refuted: 0, timer_late: 0, probe_answered: 0 }

  function raise(cause: keyof typeof points, by: number): void {
    points[cause] += by
    score = Math.min(max, score + by)
  }

  return {
    get score() {
      return score
    },
    scaled: (ms) => ms * (score + 1),
    probeAnswered() {
      points.probe_answered++
      if (score > 0) score--
    },
    probeFailed(nacksMissing) {
      // Relays that all say "I am here, it is not" leave no doubt about this node.
      if (nacksMissing === undefined) raise('probe_failed', 1)
      else raise('nack_missed', nacksMissing)
    },
    refuted: () => raise('refuted', 1),
    timerLate: (latenessMs) => raise('timer_late', latenessPoints(latenessMs, probeTimeoutMs, max)),
    snapshot: () => ({ local_health: score, local_health_max: max, points: { ...points } }),
  }
}

/** Points of local health that a timer costs which fired `latenessMs` too late. */
export function latenessPoints(latenessMs: number, probeTimeoutMs: number, max: number): number {
  return Math.min(max, LATE_POINTS_MAX, Math.floor(Math.max(0, latenessMs) / (LATE_POINT_PART * probeTimeoutMs)))
}
