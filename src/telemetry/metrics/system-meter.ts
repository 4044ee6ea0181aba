/**
 * What one system (RPC, publish/subscribe, queue, cache, federation) does: how much, how fast, how often it fails.
 *
 *     const meter = createSystemMeter(env.clock, { system: 'rpc', systemName: 'node-a', activeConnections: () => clients.size })
 *     meter.record(endMs - startMs, true, endMs)
 *     meter.metrics().error_rate_percent
 *
 * `record` stands in the way of every call, so it allocates nothing and adds up within a second what fixed windows then take. Error rate and percentiles are those of the
 * last five minutes; lifetime values stand beside them, for comparing and for monotonic counters.
 */
import { type Clock, type Histogram, SlidingWindow } from '../../base/index.ts'
import type { MonitoredSystem, SystemMetrics } from '../../wire/index.ts'
import { HOUR_MS, MINUTE_MS, RECENT_MS } from './constants.ts'
import { LatencyWindow } from './latency-window.ts'

/** The record that travels, with what every system here knows beyond it. */
export interface SystemReading extends SystemMetrics {
  readonly p50_latency_ms: number
  readonly operations_last_5_minutes: number
  readonly failures_last_5_minutes: number
  readonly total_operations: number
  readonly total_failures: number
  /** Operations whose outcome is known, which failures are a share of: all, but for messages that still are in a queue. */
  readonly outcomes_last_5_minutes: number
  readonly total_outcomes: number
  readonly lifetime_error_rate_percent: number
  readonly lifetime_average_latency_ms: number
  readonly lifetime_p95_latency_ms: number
}

/** What the unified monitor reads; a meter is one, and so is whatever else yields a reading. */
export interface SystemSource {
  metrics(): SystemReading
}

export interface SystemMeterInit {
  readonly system: MonitoredSystem
  /** The node's name. */
  readonly systemName: string
  readonly activeConnections: () => number
  /** Called before anything is read: who still has operations to record does it then. */
  readonly settle?: () => void
}

export interface SystemMeter extends SystemSource {
  /**
   * An operation ended, or so many that took as long; null where nobody measured. `nowMs` is the clock's monotonic reading that ended the measurement: passing it on saves reading the clock, which
   * costs more than everything else here.
   */
  record(durationMs: number | null, ok: boolean, nowMs?: number, operations?: number): void
  /** So many operations that succeeded, all within the second of `nowMs`. */
  recordAll(durationsMs: Float64Array, nowMs: number): void
  /** Latencies in ms since the start: what a monotonic exposition is rendered from. A copy. */
  lifetimeLatencies(): Histogram
}

const WINDOW_STEPS = 60
/** A step of every window is a multiple of this. */
const SETTLE_MS = MINUTE_MS / WINDOW_STEPS

export function createSystemMeter(
  clock: Clock,
  { system, systemName, activeConnections, settle: settleOthers = () => {} }: SystemMeterInit,
): SystemMeter {
  const lastMinute = new SlidingWindow(clock, { windowMs: MINUTE_MS, buckets: WINDOW_STEPS })
  const recent = new SlidingWindow(clock, { windowMs: RECENT_MS, buckets: WINDOW_STEPS })
  const recentFailures = new SlidingWindow(clock, { windowMs: RECENT_MS, buckets: WINDOW_STEPS })
  const lastHour = new SlidingWindow(clock, { windowMs: HOUR_MS, buckets: WINDOW_STEPS })
  const latencies = new LatencyWindow(clock.monotonic())
  let operations = 0
  let failures = 0
  /** Operations of one second that are in no window yet: all of them fall into the same step of each. */
  let waiting = 0
  let waitingEndMs = Number.NEGATIVE_INFINITY

  function settle(nowMs: number): void {
    if (waiting > 0) {
      const startMs = waitingEndMs - SETTLE_MS
      for (const window of [lastMinute, recent, lastHour]) window.record(waiting, startMs)
      waiting = 0
    }
    waitingEndMs = (Math.floor(nowMs / SETTLE_MS) + 1) * SETTLE_MS
  }

  return {
    record(durationMs, ok, nowMs = clock.monotonic(), times = 1) {
      if (nowMs >= waitingEndMs) settle(nowMs)
      operations += times
      waiting += times
      if (durationMs !== null) latencies.record(durationMs, nowMs, times)
      if (!ok) {
        failures += times
        recentFailures.record(times, nowMs)
      }
    },
    recordAll(durationsMs, nowMs) {
      if (nowMs >= waitingEndMs) settle(nowMs)
      operations += durationsMs.length
      waiting += durationsMs.length
      latencies.recordAll(durationsMs, nowMs)
    },
    lifetimeLatencies() {
      settleOthers()
      return latencies.lifetime()
    },
    metrics() {
      settleOthers()
      const nowMs = clock.monotonic()
      settle(nowMs)
      const late = latencies.recent(nowMs)
      const ever = latencies.lifetime()
      const recentOperations = recent.total()
      const failed = recentFailures.total()
      return {
        system_type: system,
        system_name: systemName,
        requests_per_second: (lastMinute.total() * 1000) / MINUTE_MS,
        average_latency_ms: late.mean ?? 0,
        p50_latency_ms: late.quantile(0.5) ?? 0,
        p95_latency_ms: late.quantile(0.95) ?? 0,
        p99_latency_ms: late.quantile(0.99) ?? 0,
        error_rate_percent: percent(failed, recentOperations, 0),
        active_connections: activeConnections(),
        total_operations_last_hour: lastHour.total(),
        last_updated: clock.wall(),
        operations_last_5_minutes: recentOperations,
        failures_last_5_minutes: failed,
        total_operations: operations,
        total_failures: failures,
        outcomes_last_5_minutes: recentOperations,
        total_outcomes: operations,
        lifetime_error_rate_percent: percent(failures, operations, 0),
        lifetime_average_latency_ms: ever.mean ?? 0,
        lifetime_p95_latency_ms: ever.quantile(0.95) ?? 0,
      }
    },
  }
}

/** `part` of `whole` in percent; `ofNothing` when there is no whole. */
export function percent(part: number, whole: number, ofNothing: number): number {
  return whole === 0 ? ofNothing : (100 * part) / whole
}
