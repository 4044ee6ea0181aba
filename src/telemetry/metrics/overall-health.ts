/**
 * From error rates and latencies to one score and one word: the formulas.
 */
import type { EventSystem, HealthStatus, OverallHealth } from '../../wire/index.ts'
import { ERROR_RATE_CRITICAL, ERROR_RATE_WARNING, LATENCY_CRITICAL_MS, SCORE_CRITICAL, SCORE_DEGRADED } from './constants.ts'

/** What a system is judged by. */
export interface SystemFacts {
  readonly error_rate_percent: number
  /** The 95th percentile where one is known, else the mean: a mean hides a few very slow calls, or lets one stand for all. */
  readonly latency_ms: number
}

/** Errors weigh 0.6, latency 0.4; a latency of `latencyMaxMs` or more loses all of its share. */
export function systemScore({ error_rate_percent, latency_ms }: SystemFacts, latencyMaxMs = LATENCY_CRITICAL_MS): number {
  return Math.max(0, 1 - 0.6 * Math.min(error_rate_percent / 100, 1) - 0.4 * Math.min(latency_ms / latencyMaxMs, 1))
}

function statusOfScore(score: number): HealthStatus {
  return score >= SCORE_DEGRADED ? 'healthy' : score >= SCORE_CRITICAL ? 'degraded' : 'critical'
}

/** What one health check of a system says: stricter on latency than the overall score, and a score of 0 means that nothing works. */
export function systemCheck(facts: SystemFacts): { readonly score: number; readonly status: HealthStatus } {
  const score = systemScore(facts, 1000)
  return { score, status: score === 0 ? 'unavailable' : statusOfScore(score) }
}

/** The status a system is counted under. */
function systemStatus(facts: SystemFacts | undefined): HealthStatus {
  if (facts === undefined) return 'unavailable'
  const { error_rate_percent } = facts
  return error_rate_percent <= 100 * ERROR_RATE_WARNING
    ? 'healthy'
    : error_rate_percent <= 100 * ERROR_RATE_CRITICAL
      ? 'degraded'
      : 'critical'
}

/** Mean score of the systems there are; each of the six counted under its status. */
export function overallHealth(systems: Readonly<Record<EventSystem, SystemFacts | undefined>>): OverallHealth {
  const scores: number[] = []
  const counts = { healthy: 0, degraded: 0, critical: 0, unavailable: 0 }
  for (const facts of Object.values(systems)) {
    if (facts !== undefined) scores.push(systemScore(facts))
    counts[systemStatus(facts)]++
  }
  const score = scores.length === 0 ? 0 : scores.reduce((sum, each) => sum + each, 0) / scores.length
  return {
    health_score: score,
    status: scores.length === 0 ? 'unavailable' : statusOfScore(score),
    systems_healthy: counts.healthy,
    systems_degraded: counts.degraded,
    systems_critical: counts.critical,
    systems_unavailable: counts.unavailable,
  }
}
