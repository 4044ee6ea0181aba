/**
 * How well a connection does, as one number between 0 and 1, and how an endpoint does, from its connections.
 *
 * The score weighs success over the whole life (0.4), speed (up to 0.3), success in the last five minutes (0.2) and steadiness of the
 * latency (0.1). Everything is computed from what was recorded; a connection nobody has used scores 1.
 */

import { BoundedQueue, type Clock, SlidingWindow } from '../base/index.ts'
import type { CircuitState } from './circuit-breaker.ts'

export type HealthTrend = 'stable' | 'improving' | 'degrading' | 'critical'

/** What a score is computed from. */
export interface HealthFacts {
  /** Successes among all operations ever, 0 to 1. */
  readonly lifetimeSuccess: number
  /** Successes among those of the last five minutes; 1 without any. */
  readonly recentSuccess: number
  /** The latest latencies, ms. */
  readonly latenciesMs: readonly number[]
}

export function healthScore(facts: HealthFacts): number {
  const { lifetimeSuccess, recentSuccess, latenciesMs } = facts
  const score = 0.4 * lifetimeSuccess + latencyShare(latenciesMs) + 0.2 * recentSuccess + 0.1 * steadiness(latenciesMs)
  return Math.min(1, Math.max(0, score))
}

/** 0.30 below 10 ms mean (and without samples), 0.25 below 50, 0.15 below 200, else 0.05. */
export function latencyShare(latenciesMs: readonly number[]): number {
  if (latenciesMs.length === 0) return 0.3
  const meanMs = mean(latenciesMs)
  return meanMs < 10 ? 0.3 : meanMs < 50 ? 0.25 : meanMs < 200 ? 0.15 : 0.05
}

/** 1 minus the coefficient of variation, with everything below 0.1 counted as steady; 1 while there are fewer than ten samples. */
export function steadiness(latenciesMs: readonly number[]): number {
  if (latenciesMs.length < SAMPLES_MIN) return 1
  const meanMs = mean(latenciesMs)
  if (meanMs === 0) return 1
  const variance = mean(latenciesMs.map((latencyMs) => (latencyMs - meanMs) ** 2))
  const variation = Math.sqrt(variance) / meanMs
  return variation < 0.1 ? 1 : Math.max(0, 1 - variation)
}

/** `lastMinute` and `lastQuarter` are failures in the last 60 and 15 seconds. */
export function healthTrend(lastMinute: number, lastQuarter: number, failures: number, score: number): HealthTrend {
  if (failures === 0) return score > 0.8 ? 'stable' : 'improving'
  if (lastQuarter > 3) return 'critical'
  if (lastMinute > 2 * lastQuarter) return 'improving'
  return lastQuarter > 0 ? 'degrading' : 'stable'
}

export interface HealthOptions {
  /** How long a computed score stands, ms. */
  readonly scoreCacheMs?: number
  /** Operations and latencies remembered. */
  readonly operationsMax?: number
}

export interface ConnectionHealthSnapshot {
  readonly connection_id: string
  readonly endpoint: string
  readonly health_score: number
  readonly success_rate_percent: number
  /** Over the remembered latencies; 0 without any. */
  readonly average_latency_ms: number
  readonly total_operations: number
  /** In the last five minutes. */
  readonly recent_failures: number
  /** Unix times, seconds; null before the first. */
  readonly last_successful_operation: number | null
  readonly last_failed_operation: number | null
  readonly health_trend: HealthTrend
  readonly circuit_breaker_state: CircuitState
}

export interface ConnectionHealth {
  readonly connectionId: string
  readonly endpoint: string
  readonly operations: number
  readonly operationsLastHour: number
  readonly successes: number
  record(success: boolean, latencyMs?: number): void
  score(): number
  averageLatencyMs(): number
  snapshot(): ConnectionHealthSnapshot
}

export interface ConnectionHealthInit {
  readonly connectionId: string
  readonly endpoint: string
  /** Where the breaker of this connection's endpoint stands; closed when there is none. */
  readonly circuitState?: () => CircuitState
}

const SCORE_CACHE_MS = 5_000
const OPERATIONS_MAX = 100
const SAMPLES_MIN = 10
const RECENT_MS = 300_000
const TREND_LONG_MS = 60_000
const TREND_SHORT_MS = 15_000
const HOUR_MS = 3_600_000

export function createConnectionHealth(clock: Clock, init: ConnectionHealthInit, options: HealthOptions = {}): ConnectionHealth {
  const scoreCacheMs = options.scoreCacheMs ?? SCORE_CACHE_MS
  const capacity = options.operationsMax ?? OPERATIONS_MAX
  const recent = new BoundedQueue<{ atMs: number; success: boolean }>({ capacity, whenFull: 'drop-oldest' })
  const latencies = new BoundedQueue<number>({ capacity, whenFull: 'drop-oldest' })
  const lastHour = new SlidingWindow(clock, { windowMs: HOUR_MS, buckets: 60 })
  let operations = 0
  let successes = 0
  let lastSuccess: number | null = null
  let lastFailure: number | null = null
  let cached = 1
  let cachedAtMs = Number.NEGATIVE_INFINITY

  function within(ms: number): { operations: number; failures: number } {
    const sinceMs = clock.monotonic() - ms
    let count = 0
    let failures = 0
    for (const operation of recent) {
      if (operation.atMs < sinceMs) continue
      count++
      if (!operation.success) failures++
    }
    return { operations: count, failures }
  }

  function score(): number {
    if (operations === 0) return 1
    const nowMs = clock.monotonic()
    if (nowMs - cachedAtMs < scoreCacheMs) return cached
    const lately = within(RECENT_MS)
    cached = healthScore({
      lifetimeSuccess: successes / operations,
      recentSuccess: lately.operations === 0 ? 1 : 1 - lately.failures / lately.operations,
      latenciesMs: [...latencies],
    })
    cachedAtMs = nowMs
    return cached
  }

  function averageLatencyMs(): number {
    return latencies.length === 0 ? 0 : mean([...latencies])
  }

  return {
    connectionId: init.connectionId,
    endpoint: init.endpoint,
    get operations() {
      return operations
    },
    get operationsLastHour() {
      return lastHour.total()
    },
    get successes() {
      return successes
    },
    record(success, latencyMs) {
      operations++
      lastHour.record()
      if (success) {
        successes++
        lastSuccess = clock.wall()
      } else {
        lastFailure = clock.wall()
      }
      recent.push({ atMs: clock.monotonic(), success })
      if (latencyMs !== undefined) latencies.push(latencyMs)
    },
    score,
    averageLatencyMs,
    snapshot: () => ({
      connection_id: init.connectionId,
      endpoint: init.endpoint,
      health_score: score(),
      success_rate_percent: operations === 0 ? 100 : (100 * successes) / operations,
      average_latency_ms: averageLatencyMs(),
      total_operations: operations,
      recent_failures: within(RECENT_MS).failures,
      last_successful_operation: lastSuccess,
      last_failed_operation: lastFailure,
      health_trend: healthTrend(within(TREND_LONG_MS).failures, within(TREND_SHORT_MS).failures, operations - successes, score()),
      circuit_breaker_state: init.circuitState?.() ?? 'closed',
    }),
  }
}

export interface EndpointHealthSnapshot {
  readonly endpoint: string
  /** Mean of the connections' scores; 1 without any. */
  readonly health_score: number
  /** Score at least 0.8, at least 0.5, below. */
  readonly healthy_connections: number
  readonly degraded_connections: number
  readonly failed_connections: number
  /** Mean latency weighted by operations. */
  readonly average_latency_ms: number
  readonly error_rate_percent: number
  readonly total_operations_last_hour: number
  readonly active_connections: number
  /** Ever, closed ones included. */
  readonly total_connections: number
  /** Unix time of this snapshot, seconds. */
  readonly last_health_check: number
}

export interface EndpointHealth {
  /** Starts following a connection. */
  open(init: Omit<ConnectionHealthInit, 'endpoint'>): ConnectionHealth
  /** Stops following one that is gone; its numbers go with it. */
  close(connectionId: string): void
  connections(): readonly ConnectionHealth[]
  snapshot(): EndpointHealthSnapshot
}

export function createEndpointHealth(clock: Clock, endpoint: string, options: HealthOptions = {}): EndpointHealth {
  const connections = new Map<string, ConnectionHealth>()
  let total = 0
  return {
    open(init) {
      const health = createConnectionHealth(clock, { ...init, endpoint }, options)
      connections.set(init.connectionId, health)
      total++
      return health
    },
    close(connectionId) {
      connections.delete(connectionId)
    },
    connections: () => [...connections.values()],
    snapshot() {
      const all = [...connections.values()]
      const scores = all.map((health) => health.score())
      const operations = all.reduce((sum, health) => sum + health.operations, 0)
      const successes = all.reduce((sum, health) => sum + health.successes, 0)
      const latencyMs = all.reduce((sum, health) => sum + health.averageLatencyMs() * health.operations, 0)
      const healthy = scores.filter((score) => score >= 0.8).length
      const degraded = scores.filter((score) => score >= 0.5 && score < 0.8).length
      return {
        endpoint,
        health_score: scores.length === 0 ? 1 : mean(scores),
        healthy_connections: healthy,
        degraded_connections: degraded,
        failed_connections: all.length - healthy - degraded,
        average_latency_ms: operations === 0 ? 0 : latencyMs / operations,
        error_rate_percent: operations === 0 ? 0 : (100 * (operations - successes)) / operations,
        total_operations_last_hour: all.reduce((sum, health) => sum + health.operationsLastHour, 0),
        active_connections: all.length,
        total_connections: total,
        last_health_check: clock.wall(),
      }
    },
  }
}

function mean(values: readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
