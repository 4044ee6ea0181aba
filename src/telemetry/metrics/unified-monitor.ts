/**
 * One view over all systems: their metrics, what crosses between them, and how the whole does.
 *
 * Systems are attached as they come to exist; one that fails to answer is treated as absent and never stops the others. Everything is computed
 * at most once a second, however many ask. Three loops run while started: history (5 s), clean-up (60 s), health checks (10 s).
 */
import type { Cancel, Env } from '../../base/index.ts'
import {
  type CorrelationMetrics,
  type EventSystem,
  type HealthStatus,
  MONITORED_SYSTEMS,
  type MonitoredSystem,
  TIMESERIES_METRICS,
  type TimeseriesPoint,
  type TransportHealthSnapshot,
  type UnifiedMetrics,
} from '../../wire/index.ts'
import { logOncePer } from '../once-per.ts'
import type { CrossCluster } from './cluster-traffic.ts'
import {
  CLEANUP_INTERVAL_MS,
  COARSE_POINTS_MAX,
  COLLECTION_INTERVAL_MS,
  COMPUTED_FOR_MS,
  FINE_POINTS_MAX,
  HEALTH_CHECK_INTERVAL_MS,
  MINUTE_MS,
} from './constants.ts'
import type { CountedCorrelations } from './correlation-counts.ts'
import type { EventLog, EventLogSnapshot } from './event-log.ts'
import type { FederationLinks } from './federation-links.ts'
import { createMetricHistory } from './metric-history.ts'
import { overallHealth, type SystemFacts, systemCheck } from './overall-health.ts'
import { percent, type SystemReading, type SystemSource } from './system-meter.ts'
import { systemTrackingId } from './tracking-id.ts'
import { transportFacts } from './transport-snapshot.ts'

export interface UnifiedMonitorDeps {
  readonly env: Env
  readonly events: EventLog
  /** Attached as the federation system, and the source of what is said about other clusters. */
  readonly links: FederationLinks
  /** Requests that run now and are told of when they end. */
  readonly runningRequests?: () => number
}

/** The systems' own members are there with everything that is known of them. */
export interface UnifiedReading extends UnifiedMetrics {
  readonly rpc: SystemReading | null
  readonly pubsub: SystemReading | null
  readonly queue: SystemReading | null
  readonly cache: SystemReading | null
  readonly federation: SystemReading | null
}

export interface UnifiedMonitorSnapshot {
  readonly running: boolean
  readonly attached: readonly EventSystem[]
  readonly computations: number
  /** Times a system failed to answer. */
  readonly failed_readings: number
  readonly history_points: number
  readonly history_points_max: number
  readonly events: EventLogSnapshot
}

/** A number whose history is kept; null while it has no source. */
export type Gauge = () => number | null | undefined

export interface UnifiedMonitor {
  readonly events: EventLog
  readonly links: FederationLinks
  /** Replaces what was attached for the system. */
  attach(system: Exclude<MonitoredSystem, 'federation'>, source: SystemSource): void
  /** By endpoint. */
  attachTransport(snapshots: () => Readonly<Record<string, TransportHealthSnapshot>>): void
  /** Keeps a history of `read` under `name`, beside that of the systems. */
  addGauge(name: string, read: Gauge): void
  start(): void
  stop(): void
  /** At most a second old. */
  metrics(): UnifiedReading
  /** Throws UnknownMetricError. */
  timeseries(metric: string, durationHours: number, resolutionMinutes: number): readonly TimeseriesPoint[]
  snapshot(): UnifiedMonitorSnapshot
}

/** Of each system, kept in the history as `<system>_<metric>`. */
const SYSTEM_METRICS = ['requests_per_second', 'p95_latency_ms', 'error_rate_percent'] as const

export function createUnifiedMonitor(deps: UnifiedMonitorDeps): UnifiedMonitor {
  const { env, events, links, runningRequests = () => 0 } = deps
  const { clock } = env
  const log = env.log.scope('core.monitoring')
  const sources = new Map<MonitoredSystem, SystemSource>([['federation', links]])
  const gauges = new Map<string, Gauge>()
  const history = createMetricHistory(clock, [
    ...TIMESERIES_METRICS,
    ...MONITORED_SYSTEMS.flatMap((system) => SYSTEM_METRICS.map((metric) => `${system}_${metric}`)),
  ])
  const failureLog = logOncePer({ clock, intervalMs: MINUTE_MS })
  let transport: (() => Readonly<Record<string, TransportHealthSnapshot>>) | undefined
  let loops: Cancel[] = []
  let computed: UnifiedReading | undefined
  let computedAtMs = Number.NEGATIVE_INFINITY
  let computations = 0
  let failedReadings = 0
  let lastStatus: HealthStatus | undefined

  /** A source that throws counts as absent. */
  function guarded<T>(what: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      failedReadings++
      failureLog.log(what, (more) => log.warn(`Metrics of ${what} are missing: ${String(error)}${more}`))
      return undefined
    }
  }

  function reading(system: MonitoredSystem): SystemReading | null {
    const source = sources.get(system)
    return (source && guarded(system, () => source.metrics())) ?? null
  }

  function compute(): UnifiedReading {
    const startMs = clock.monotonic()
    const systems = Object.fromEntries(MONITORED_SYSTEMS.map((system) => [system, reading(system)])) as Record<
      MonitoredSystem,
      SystemReading | null
    >
    const snapshots = transport === undefined ? undefined : guarded('transport', transport)
    const present = Object.values(systems).filter((each) => each !== null)
    const cross = links.crossCluster()
    const totalRps = present.reduce((sum, each) => sum + each.requests_per_second, 0)
    const latencyMs = present.length === 0 ? 0 : present.reduce((sum, each) => sum + each.average_latency_ms, 0) / present.length
    const facts = Object.fromEntries(MONITORED_SYSTEMS.map((system) => [system, factsOf(systems[system])])) as Record<
      MonitoredSystem,
      SystemFacts | undefined
    >
    computations++
    return {
      ...systems,
      transport_health_snapshots: snapshots ?? {},
      correlation_metrics: correlationMetrics(events.counts.metrics(), cross, snapshots ?? {}),
      overall_health: overallHealth({ ...facts, transport: snapshots && transportFacts(snapshots) }),
      performance_summary: {
        total_requests_per_second: totalRps,
        average_cross_system_latency_ms: latencyMs,
        total_active_correlations: events.activeCorrelations + runningRequests(),
      },
      collection_info: { collection_timestamp: clock.wall(), collection_duration_ms: clock.monotonic() - startMs },
    }
  }

  function metrics(): UnifiedReading {
    const nowMs = clock.monotonic()
    if (computed === undefined || nowMs - computedAtMs >= COMPUTED_FOR_MS) {
      computed = compute()
      computedAtMs = nowMs
    }
    return computed
  }

  function collect(): void {
    const now = metrics()
    history.append({
      health_score: now.overall_health.health_score,
      latency_ms: now.performance_summary.average_cross_system_latency_ms,
      requests_per_second: now.performance_summary.total_requests_per_second,
      active_correlations: now.performance_summary.total_active_correlations,
      error_rate_percent: errorRatePercent(now),
      cross_cluster_latency_ms: links.crossCluster().average_latency_ms,
      ...Object.fromEntries(
        MONITORED_SYSTEMS.flatMap((system) => SYSTEM_METRICS.map((metric) => [`${system}_${metric}`, now[system]?.[metric] ?? null])),
      ),
      ...Object.fromEntries([...gauges].map(([name, read]) => [name, guarded(name, read)])),
    })
    if (log.debugOn) log.debug(collectedLine(now))
    noteStatus(now)
  }

  function noteStatus({ overall_health: { status, health_score } }: UnifiedReading): void {
    if (status === lastStatus) return
    const from = lastStatus
    lastStatus = status
    const score = health_score.toFixed(2)
    if (status !== 'healthy') log.warn(`Overall health is ${status} (score ${score})`)
    else if (from !== undefined) log.info(`Overall health is ${status} again (score ${score})`)
  }

  function check(): void {
    const facts: Partial<Record<EventSystem, SystemFacts>> = {}
    for (const system of sources.keys()) {
      const found = factsOf(reading(system))
      if (found !== undefined) facts[system] = found
    }
    const snapshots = transport && guarded('transport', transport)
    if (snapshots !== undefined) facts.transport = transportFacts(snapshots)
    for (const [system, each] of Object.entries(facts) as [EventSystem, SystemFacts][]) {
      const { score, status } = systemCheck(each)
      const id = `health_${system}_${Math.floor(clock.wall())}`
      events.tell({ kind: 'health_check', id, system, score, status, trackingId: systemTrackingId(env.random, system) })
    }
  }

  function every(ms: number, what: string, run: () => void): void {
    loops.push(env.timers.every(ms, () => guarded(what, run)))
  }

  return {
    events,
    links,
    attach(system, source) {
      sources.set(system, source)
      computed = undefined
    },
    attachTransport(snapshots) {
      transport = snapshots
      computed = undefined
    },
    addGauge(name, read) {
      gauges.set(name, read)
    },
    start() {
      if (loops.length > 0) return
      every(COLLECTION_INTERVAL_MS, 'the collection', collect)
      every(CLEANUP_INTERVAL_MS, 'the clean-up', () => events.sweep())
      every(HEALTH_CHECK_INTERVAL_MS, 'the health check', check)
    },
    stop() {
      for (const cancel of loops) cancel()
      loops = []
    },
    metrics,
    timeseries: (metric, durationHours, resolutionMinutes) => history.series(metric, durationHours, resolutionMinutes),
    snapshot: () => ({
      running: loops.length > 0,
      attached: [...sources.keys(), ...(transport === undefined ? [] : (['transport'] as const))],
      computations,
      failed_readings: failedReadings,
      history_points: history.points,
      history_points_max: FINE_POINTS_MAX + COARSE_POINTS_MAX,
      events: events.snapshot(),
    }),
  }
}

/** Events decide most of it; links to other clusters and transports the rest. In the order of the protocol. */
function correlationMetrics(
  counted: CountedCorrelations,
  cross: CrossCluster,
  snapshots: Readonly<Record<string, TransportHealthSnapshot>>,
): CorrelationMetrics {
  const {
    circuit_breaker_events,
    correlation_success_rate_percent,
    correlation_tracking_success_rate,
    end_to_end_latency_p95_ms,
    federation_message_hops,
    total_cross_system_correlations,
    ...pairs
  } = counted
  return {
    ...pairs,
    federation_message_hops,
    // Without a single call to another cluster these say what the protocol says for "none".
    cross_cluster_latency_p95_ms: cross.p95_latency_ms ?? 0,
    federation_success_rate_percent: cross.success_rate_percent ?? 100,
    transport_health_scores: Object.fromEntries(
      Object.entries(snapshots).map(([endpoint, snapshot]) => [endpoint, snapshot.overall_health_score]),
    ),
    circuit_breaker_events,
    correlation_tracking_success_rate,
    end_to_end_latency_p95_ms,
    total_cross_system_correlations,
    correlation_success_rate_percent,
  }
}

function factsOf(reading: SystemReading | null): SystemFacts | undefined {
  return reading === null ? undefined : { error_rate_percent: reading.error_rate_percent, latency_ms: reading.p95_latency_ms }
}

function collectedLine({ collection_info, overall_health, performance_summary }: UnifiedReading): string {
  const { health_score: score, status } = overall_health
  const { average_cross_system_latency_ms: latencyMs, total_requests_per_second: rps } = performance_summary
  return `collected health=${status} score=${score.toFixed(2)} rps=${rps.toFixed(2)} latency_ms=${latencyMs.toFixed(2)} took_ms=${collection_info.collection_duration_ms.toFixed(2)}`
}

/** Over all operations of the last five minutes; null without any. */
function errorRatePercent(reading: UnifiedReading): number | null {
  let operations = 0
  let failures = 0
  for (const system of MONITORED_SYSTEMS) {
    operations += reading[system]?.outcomes_last_5_minutes ?? 0
    failures += reading[system]?.failures_last_5_minutes ?? 0
  }
  return operations === 0 ? null : percent(failures, operations, 0)
}
