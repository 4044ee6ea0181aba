/**
 * The performance service: a record of the own cluster every five seconds, records others hand in, and what all of them add up to.
 *
 * Who wants to judge a record (threshold alerts) listens; a listener that throws is logged and stops nobody. Bounded: a thousand records a
 * cluster, a thousand clusters, a hundred samples of each kind.
 */
import { BoundedQueue, type Cancel, type Env } from '../../base/index.ts'
import type { PerformanceTrends, Trend } from '../../wire/index.ts'
import { logOncePer } from '../once-per.ts'
import {
  CLUSTERS_MAX,
  COLLECTOR_INTERVAL_MS,
  FEDERATION_RECORD_STEP_MS,
  FEDERATION_RECORDS_MAX,
  HOUR_MS,
  INGEST_INTERVAL_MS,
  MINUTE_MS,
  RECORDS_PER_CLUSTER_MAX,
  SAMPLES_PER_CLUSTER_MAX,
} from './constants.ts'
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

/** Fetches records of clusters that do not report by themselves. */
export interface PerformanceCollector {
  readonly name: string
  /** Undefined when it has nothing to say of that cluster. */
  collect(clusterId: string, signal: AbortSignal): Promise<ClusterReport | undefined>
}

export interface PerformanceDeps {
  readonly env: Env
  readonly monitor: UnifiedMonitor
  readonly own: OwnClusterInit
  /** Without one, processor and memory are unknown. */
  readonly probe?: ProcessProbe
}

export interface PerformanceOptions {
  /** 0 or less: no records of the own cluster. */
  readonly ingestIntervalMs?: number
  readonly collectorIntervalMs?: number
}

export interface PerformanceSnapshot {
  readonly federation_metrics: FederationPerformanceRecord | null
  readonly cluster_count: number
  readonly clusters: Readonly<
    Record<
      string,
      Pick<ClusterPerformanceRecord, 'cluster_id' | 'health_score' | 'avg_latency_ms' | 'throughput_rps' | 'error_rate_percent'>
    >
  >
  readonly collection_status: { readonly collecting: boolean; readonly collectors: number; readonly collection_interval: number }
  /** The process, at the latest record; null without a probe or before the first. */
  readonly process: ProcessReading | null
  readonly clusters_dropped: number
  readonly timestamp: number
}

export interface PerformanceService {
  start(): void
  stop(): void
  ingest(report: ClusterReport): ClusterPerformanceRecord
  recordLatency(clusterId: string, latencyMs: number): void
  recordThroughput(clusterId: string, rps: number): void
  recordError(clusterId: string): void
  /** Called with each record that is taken in; returns how to stop listening. */
  onRecord(listener: (record: ClusterPerformanceRecord) => void): Cancel
  addCollector(collector: PerformanceCollector): Cancel
  current(clusterId: string): ClusterPerformanceRecord | undefined
  clusters(): readonly ClusterPerformanceRecord[]
  federation(): FederationPerformanceRecord | undefined
  /** Not older than `hours`, oldest first. */
  clusterHistory(clusterId: string, hours?: number): readonly ClusterPerformanceRecord[]
  federationHistory(hours?: number): readonly FederationPerformanceRecord[]
  /** The latest hundred that are greater than 0, oldest first: what a baseline is made of. */
  throughputSamples(clusterId: string): readonly number[]
  latencySamples(clusterId: string): readonly number[]
  /** Reported with `recordError`, since the start. */
  errorsOf(clusterId: string): number
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

interface ClusterState {
  current: ClusterPerformanceRecord | undefined
  readonly history: BoundedQueue<Timed<ClusterPerformanceRecord>>
  readonly throughput: BoundedQueue<number>
  readonly latency: BoundedQueue<number>
  errors: number
}

export function createPerformanceService(deps: PerformanceDeps, options: PerformanceOptions = {}): PerformanceService {
  const { env, monitor, own, probe } = deps
  const { clock } = env
  const log = env.log.scope('fabric.metrics')
  const ingestIntervalMs = options.ingestIntervalMs ?? INGEST_INTERVAL_MS
  const collectorIntervalMs = options.collectorIntervalMs ?? COLLECTOR_INTERVAL_MS
  const states = new Map<string, ClusterState>()
  const collectors = new Set<PerformanceCollector>()
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

  function stateOf(clusterId: string): ClusterState {
    const known = states.get(clusterId)
    if (known !== undefined) return known
    const state: ClusterState = {
      current: undefined,
      history: new BoundedQueue({ capacity: RECORDS_PER_CLUSTER_MAX, whenFull: 'drop-oldest' }),
      throughput: new BoundedQueue({ capacity: SAMPLES_PER_CLUSTER_MAX, whenFull: 'drop-oldest' }),
      latency: new BoundedQueue({ capacity: SAMPLES_PER_CLUSTER_MAX, whenFull: 'drop-oldest' }),
      errors: 0,
    }
    states.set(clusterId, state)
    if (states.size > CLUSTERS_MAX) dropOneCluster()
    return state
  }

  /** The one known for longest that is not the own one. */
  function dropOneCluster(): void {
    for (const clusterId of states.keys()) {
      if (clusterId === own.clusterId) continue
      states.delete(clusterId)
      clustersDropped++
      return
    }
  }

  function ingest(report: ClusterReport): ClusterPerformanceRecord {
    const record = clusterRecord(report, clock.wall())
    const atMs = clock.monotonic()
    const state = stateOf(record.cluster_id)
    state.current = record
    state.history.push({ atMs, record })
    if (record.throughput_rps > 0) state.throughput.push(record.throughput_rps)
    if (record.avg_latency_ms > 0) state.latency.push(record.avg_latency_ms)
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
    return [...states.values()].map((state) => state.current).filter((record) => record !== undefined)
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
    ingest(ownClusterReport({ own, monitor, process, uptimeSeconds, intervalMs: ingestIntervalMs }))
  }

  async function poll(collector: PerformanceCollector, signal: AbortSignal): Promise<void> {
    for (const clusterId of [...states.keys()]) {
      if (signal.aborted) return
      try {
        const report = await collector.collect(clusterId, signal)
        if (report !== undefined && !signal.aborted) ingest(report)
      } catch (error) {
        failureLog.log(collector.name, (more) =>
          log.warn(`Collector ${collector.name} failed for cluster ${clusterId}: ${String(error)}${more}`),
        )
      }
    }
  }

  function startLoops(): () => void {
    const abort = new AbortController()
    const polling = new Set<PerformanceCollector>()
    const pollAll = (): void => {
      for (const collector of collectors) {
        // One that is slower than the interval is not asked again before it has answered.
        if (polling.has(collector)) continue
        polling.add(collector)
        void poll(collector, abort.signal).finally(() => polling.delete(collector))
      }
    }
    const loops = [env.timers.every(collectorIntervalMs, pollAll)]
    if (ingestIntervalMs > 0) loops.push(env.timers.every(ingestIntervalMs, () => guarded('The record of the own cluster', ingestOwn)))
    probe?.start()
    return () => {
      for (const cancel of loops) cancel()
      abort.abort()
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
      stopping ??= startLoops()
    },
    stop() {
      stopping?.()
      stopping = undefined
    },
    ingest,
    recordLatency(clusterId, latencyMs) {
      if (latencyMs > 0) stateOf(clusterId).latency.push(latencyMs)
    },
    recordThroughput(clusterId, rps) {
      if (rps > 0) stateOf(clusterId).throughput.push(rps)
    },
    recordError(clusterId) {
      stateOf(clusterId).errors++
    },
    onRecord(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    addCollector(collector) {
      collectors.add(collector)
      return () => {
        collectors.delete(collector)
      }
    },
    current: (clusterId) => states.get(clusterId)?.current,
    clusters: currentRecords,
    federation: federationNow,
    clusterHistory: (clusterId, hours = 1) => within(states.get(clusterId)?.history ?? [], hours),
    federationHistory: (hours = 1) => within(history, hours),
    throughputSamples: (clusterId) => [...(states.get(clusterId)?.throughput ?? [])],
    latencySamples: (clusterId) => [...(states.get(clusterId)?.latency ?? [])],
    errorsOf: (clusterId) => states.get(clusterId)?.errors ?? 0,
    trend,
    trends: () => ({
      latency_trend: trend('federation_avg_latency_ms', TREND_RULES.latency),
      throughput_trend: trend('federation_total_throughput_rps', TREND_RULES.throughput),
      error_rate_trend: trend('federation_error_rate_percent', TREND_RULES.error_rate),
      resource_utilization_trend: trend('avg_cpu_usage_percent', TREND_RULES.resource_utilization),
    }),
    gauges: () => ({ ...federationGauges(federationNow), ...ownGauges(() => states.get(own.clusterId)?.current) }),
    snapshot: () => ({
      federation_metrics: federationNow() ?? null,
      cluster_count: states.size,
      clusters: Object.fromEntries(
        currentRecords().map(({ cluster_id, health_score, avg_latency_ms, throughput_rps, error_rate_percent }) => [
          cluster_id,
          { cluster_id, health_score, avg_latency_ms, throughput_rps, error_rate_percent },
        ]),
      ),
      collection_status: {
        collecting: stopping !== undefined,
        collectors: collectors.size,
        collection_interval: collectorIntervalMs / 1000,
      },
      process,
      clusters_dropped: clustersDropped,
      timestamp: clock.wall(),
    }),
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
