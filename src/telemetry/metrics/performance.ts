/**
 * The performance service: a record of the own cluster every five seconds, records others hand in, and what all of them add up to.
 *
 * Who wants to judge a record (threshold alerts) listens; a listener that throws is logged and stops nobody. Bounded: the latest record of each
 * of a thousand clusters, and a thousand of what they add up to.
 */
import { BoundedQueue, type Cancel, type Env } from '../../base/index.ts'
import type { PerformanceTrends, Trend } from '../../wire/index.ts'
import { logOncePer } from '../once-per.ts'
import { CLUSTERS_MAX, FEDERATION_RECORD_STEP_MS, FEDERATION_RECORDS_MAX, HOUR_MS, INGEST_INTERVAL_MS, MINUTE_MS } from './constants.ts'
import { type OwnClusterInit, ownClusterReport } from './own-cluster.ts'
import {
  type ClusterPerformanceRecord,
  type ClusterReport,
  clusterRecord,
  type FederationPerformanceRecord,
  federationRecord,
} from './performance-records.ts'
import type { ProcessProbe, ProcessReading } from './process-probe.ts'
import { TREND_RULES, type TrendRule, trendOf } from './trend.ts'
import type { Gauge, UnifiedMonitor } from './unified-monitor.ts'

export interface PerformanceDeps {
  readonly env: Env
  readonly monitor: UnifiedMonitor
  readonly own: OwnClusterInit
  /** Without one, processor and memory are unknown. */
  readonly probe?: ProcessProbe
}

export interface PerformanceSnapshot {
  readonly clusters: number
  /** Too many reported: given up, with all that was known of them. */
  readonly clusters_dropped: number
  /** The process, at the latest record; null without a probe or before the first. */
  readonly process: ProcessReading | null
}

export interface PerformanceService {
  start(): void
  stop(): void
  ingest(report: ClusterReport): ClusterPerformanceRecord
  /** Called with each record that is taken in; returns how to stop listening. */
  onRecord(listener: (record: ClusterPerformanceRecord) => void): Cancel
  current(clusterId: string): ClusterPerformanceRecord | undefined
  clusters(): readonly ClusterPerformanceRecord[]
  federation(): FederationPerformanceRecord | undefined
  /** Of a federation field over the last hour. */
  trend(field: keyof FederationPerformanceRecord, rule: TrendRule): Trend
  trends(): PerformanceTrends
  /** The federation record's numbers, to be kept in the history of metrics. */
  gauges(): Readonly<Record<string, Gauge>>
  snapshot(): PerformanceSnapshot
}

interface Timed<T> {
  readonly atMs: number
  readonly record: T
}

export function createPerformanceService(deps: PerformanceDeps): PerformanceService {
  const { env, monitor, own, probe } = deps
  const { clock } = env
  const log = env.log.scope('fabric.metrics')
  /** The latest of each cluster, that of the one known for longest first. */
  const records = new Map<string, ClusterPerformanceRecord>()
  const listeners = new Set<(record: ClusterPerformanceRecord) => void>()
  const history = new BoundedQueue<Timed<FederationPerformanceRecord>>({ capacity: FEDERATION_RECORDS_MAX, whenFull: 'drop-oldest' })
  const failureLog = logOncePer({ clock, intervalMs: MINUTE_MS })
  const startedAtMs = clock.monotonic()
  let federation: FederationPerformanceRecord | undefined
  let isOutdated = false
  let federationAtMs = Number.NEGATIVE_INFINITY
  let process: ProcessReading | null = null
  let clustersDropped = 0
  let stopping: (() => void) | undefined

  /** The one known for longest that is not the own one. */
  function dropOneCluster(): void {
    for (const clusterId of records.keys()) {
      if (clusterId === own.clusterId) continue
      records.delete(clusterId)
      clustersDropped++
      return
    }
  }

  function ingest(report: ClusterReport): ClusterPerformanceRecord {
    const record = clusterRecord(report, clock.wall())
    const atMs = clock.monotonic()
    records.set(record.cluster_id, record)
    if (records.size > CLUSTERS_MAX) dropOneCluster()
    keepFederation(atMs)
    if (log.debugOn) log.debug(recordLine(record))
    for (const listener of listeners) guarded('a listener of performance records', () => listener(record))
    return record
  }

  /** Adding up all clusters for each of their records would take the square of their number: once a second does, and when somebody asks. */
  function federationNow(): FederationPerformanceRecord | undefined {
    if (isOutdated) {
      const success = monitor.links.crossCluster().success_rate_percent
      federation = federationRecord(currentRecords(), success === null ? null : 100 - success, clock.wall())
      isOutdated = false
    }
    return federation
  }

  function keepFederation(atMs: number): void {
    isOutdated = true
    if (atMs - federationAtMs < FEDERATION_RECORD_STEP_MS) return
    federationAtMs = atMs
    history.push({ atMs, record: federationNow() as FederationPerformanceRecord })
  }

  function currentRecords(): ClusterPerformanceRecord[] {
    return [...records.values()]
  }

  function guarded(what: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      failureLog.log(what, (more) => log.warn(`${what} failed: ${String(error)}${more}`))
    }
  }

  function ingestOwn(): void {
    process = probe?.read() ?? null
    const uptimeSeconds = (clock.monotonic() - startedAtMs) / 1000
    ingest(ownClusterReport({ own, monitor, process, uptimeSeconds, intervalMs: INGEST_INTERVAL_MS }))
  }

  function startLoop(): () => void {
    const cancel = env.timers.every(INGEST_INTERVAL_MS, () => guarded('The record of the own cluster', ingestOwn))
    probe?.start()
    return () => {
      cancel()
      probe?.stop()
    }
  }

  function within<T>(queue: Iterable<Timed<T>>, hours: number): T[] {
    const sinceMs = clock.monotonic() - hours * HOUR_MS
    return [...queue].filter(({ atMs }) => atMs >= sinceMs).map(({ record }) => record)
  }

  function trend(field: keyof FederationPerformanceRecord, rule: TrendRule): Trend {
    const values = within(history, 1).map((record) => record[field])
    return trendOf(
      values.filter((value) => value !== null),
      rule,
    )
  }

  return {
    start() {
      stopping ??= startLoop()
    },
    stop() {
      stopping?.()
      stopping = undefined
    },
    ingest,
    onRecord(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    current: (clusterId) => records.get(clusterId),
    clusters: currentRecords,
    federation: federationNow,
    trend,
    trends: () => ({
      latency_trend: trend('federation_avg_latency_ms', TREND_RULES.latency),
      throughput_trend: trend('federation_total_throughput_rps', TREND_RULES.throughput),
      error_rate_trend: trend('federation_error_rate_percent', TREND_RULES.error_rate),
      resource_utilization_trend: trend('avg_cpu_usage_percent', TREND_RULES.resource_utilization),
    }),
    gauges: () => ({ ...federationGauges(federationNow), ...ownGauges(() => records.get(own.clusterId)) }),
    snapshot: () => ({ clusters: records.size, clusters_dropped: clustersDropped, process }),
  }
}

const federationGauges = gaugesOf<FederationPerformanceRecord>([
  'total_clusters',
  'federation_avg_latency_ms',
  'federation_p95_latency_ms',
  'federation_total_throughput_rps',
  'federation_error_rate_percent',
  'federation_health_score',
  'total_cross_cluster_messages',
  'avg_cross_cluster_latency_ms',
  'cross_cluster_error_rate_percent',
  'avg_cpu_usage_percent',
  'avg_memory_usage_percent',
  'total_network_io_mbps',
  'total_messages_sent',
  'total_messages_received',
  'total_messages_failed',
  'average_queue_depth',
])

const ownGauges = gaugesOf<ClusterPerformanceRecord>([
  'cpu_usage_percent',
  'memory_usage_percent',
  'rss_bytes',
  'event_loop_delay_p50_ms',
  'event_loop_delay_p99_ms',
  'event_loop_delay_max_ms',
  'gc_time_percent',
  'active_connections',
])

/** Gauges named like the fields they read. */
function gaugesOf<T>(fields: readonly (keyof T & string)[]): (record: () => T | undefined) => Record<string, Gauge> {
  return (record) =>
    Object.fromEntries(
      fields.map((field) => [
        field,
        () => {
          const value = record()?.[field]
          return typeof value === 'number' ? value : null
        },
      ]),
    )
}

function recordLine({ avg_latency_ms, cluster_id, error_rate_percent, health_score, throughput_rps }: ClusterPerformanceRecord): string {
  return `record cluster=${cluster_id} health=${health_score} rps=${throughput_rps.toFixed(2)} latency_ms=${avg_latency_ms.toFixed(2)} error_percent=${error_rate_percent.toFixed(2)}`
}
