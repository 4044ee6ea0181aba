/**
 * Threshold alerts: each record of measurements is held against the limits, and what goes beyond becomes an alert with a life.
 *
 *     firing -> acknowledged -> resolved          (or straight from firing to resolved)
 *
 * There is at most one alert for a metric of a cluster. While it lasts its value is kept current; when the band changes, an alert of the new
 * band takes its place. Acknowledging hides it until it is over or gets worse. It resolves by itself when the value is well back.
 *
 * @example
 * const alerts = createAlerts(env, { thresholds: ALERT_PRESETS.production })
 * alerts.subscribe('notifier', notifier.handle)
 * alerts.check(record)                       // every few seconds, for each cluster
 * alerts.acknowledge(alertId, 'ada')
 */
import { BoundedQueue, type Env } from '../../base/index.ts'
import type { Alert } from '../../wire/index.ts'
import { AlertIdRequiredError, AlertNotFoundError } from './errors.ts'
import { type AlertSubscriber, createAlertFeed } from './feed.ts'
import {
  type AlertEvent,
  type AlertHistoryRecord,
  type AlertsSnapshot,
  bareAlert,
  type ClusterMeasurements,
  severityBreakdown,
  severityRank,
} from './records.ts'
import {
  ALERT_METRICS,
  ALERT_PRESETS,
  type AlertBand,
  type AlertLimits,
  type AlertMetric,
  type AlertThresholds,
  alertMessage,
  type BandStreaks,
  freshStreaks,
  stepBand,
} from './thresholds.ts'
import { type BaselineOptions, createThroughputBaseline, DEFAULT_BASELINE, type ThroughputBaseline } from './throughput-baseline.ts'

export interface AlertsOptions {
  /** Default: `ALERT_PRESETS.default`. */
  readonly thresholds?: AlertThresholds
  readonly throughput?: Partial<ThroughputOptions>
}

export interface ThroughputOptions extends BaselineOptions {
  /** Judge a cluster's throughput by its own normal; else by the fixed limits. */
  readonly adaptive: boolean
  /** Checks on end a drop below the normal must last before it is an alert. */
  readonly checksBeforeFiring: number
}

const DEFAULT_THROUGHPUT: ThroughputOptions = { ...DEFAULT_BASELINE, adaptive: true, checksBeforeFiring: 3 }

const HISTORY_MAX = 1_000
/** Clusters followed at once; one more, and the one heard of longest ago is forgotten. */
const CLUSTERS_MAX = 1_000

export interface Alerts {
  /** Holds one record against the limits; fires, refreshes, replaces and resolves what follows. */
  check(record: ClusterMeasurements): void
  /**
   * Takes an alert off the active ones. Repeating it is fine and changes nothing.
   * @throws AlertIdRequiredError when the id is empty, AlertNotFoundError when no such alert is active
   */
  acknowledge(alertId: string, by: string): AlertHistoryRecord
  /** The alerts that need attention, oldest first. */
  active(): readonly Alert[]
  /** The latest `limit` alerts, whatever became of them, newest last. */
  history(limit?: number): readonly AlertHistoryRecord[]
  /** Calls `subscriber` with every event from now on, never within `check`. Returns how to stop. */
  subscribe(name: string, subscriber: AlertSubscriber): () => void
  snapshot(): AlertsSnapshot
  stop(): void
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Entry = Mutable<AlertHistoryRecord>

interface MetricState {
  readonly metric: AlertMetric
  readonly streaks: BandStreaks
  /** Its alert, firing or acknowledged. */
  alert: Entry | undefined
}

interface ClusterState {
  readonly clusterId: string
  readonly metrics: readonly MetricState[]
  readonly baseline: ThroughputBaseline
}

export function createAlerts(env: Env, options: AlertsOptions = {}): Alerts {
  const thresholds = options.thresholds ?? ALERT_PRESETS.default
  const throughput: ThroughputOptions = { ...DEFAULT_THROUGHPUT, ...options.throughput }
  const log = env.log.scope('fabric.alerting')
  const feed = createAlertFeed({ timers: env.timers, log })
  /** In order of the latest check. */
  const clusters = new Map<string, ClusterState>()
  /** Firing and acknowledged ones, oldest first. */
  const live = new Map<string, Entry>()
  const history = new BoundedQueue<Entry>({ capacity: HISTORY_MAX, whenFull: 'drop-oldest' })
  let fired = 0
  let resolved = 0
  let clustersForgotten = 0

  function clusterState(clusterId: string): ClusterState {
    const known = clusters.get(clusterId)
    clusters.delete(clusterId)
    const cluster = known ?? freshCluster(clusterId)
    clusters.set(clusterId, cluster)
    if (clusters.size > CLUSTERS_MAX) {
      const [oldest] = clusters.keys()
      clustersForgotten++
      forget(oldest as string)
    }
    return cluster
  }

  function freshCluster(clusterId: string): ClusterState {
    return {
      clusterId,
      metrics: ALERT_METRICS.map((metric) => ({ metric, streaks: freshStreaks(), alert: undefined })),
      baseline: createThroughputBaseline(env.clock, throughput),
    }
  }

  function judge(cluster: ClusterState, state: MetricState, value: number): void {
    if (state.metric === 'throughput_rps' && throughput.adaptive) judgeDrop(cluster, state, value)
    else enter(cluster, state, value, thresholds[state.metric], 1)
  }

  function judgeDrop(cluster: ClusterState, state: MetricState, value: number): void {
    const arming = cluster.baseline.arming()
    if (arming.armed) {
      enter(cluster, state, value, arming.limits, throughput.checksBeforeFiring)
    } else {
      if (log.debugOn) log.debug(`Throughput of cluster ${cluster.clusterId} is not judged: ${arming.reason}`)
      Object.assign(state.streaks, freshStreaks())
      if (state.alert !== undefined) resolve(state, state.alert)
    }
    cluster.baseline.record(value, state.alert !== undefined || state.streaks.warning > 0)
  }

  function enter(cluster: ClusterState, state: MetricState, value: number, limits: AlertLimits, checks: number): void {
    const { metric, streaks, alert } = state
    const band = stepBand(metric, value, limits, streaks, alert?.severity as AlertBand | undefined, checks)
    if (band === undefined) {
      if (alert !== undefined) resolve(state, alert)
      return
    }
    const threshold_value = limits[band]
    const message = alertMessage(metric, band, cluster.clusterId, value)
    if (alert?.severity === band) {
      Object.assign(alert, { current_value: value, threshold_value, message })
      return
    }
    const entry: Entry = {
      alert_id: `${cluster.clusterId}_${metric}_${band}`,
      severity: band,
      metric_name: metric,
      current_value: value,
      threshold_value,
      cluster_id: cluster.clusterId,
      node_id: null,
      timestamp: env.clock.wall(),
      message,
      resolved: false,
      state: 'firing',
    }
    if (alert !== undefined) takeOver(state, alert, entry)
    state.alert = entry
    live.set(entry.alert_id, entry)
    history.push(entry)
    if (entry.state === 'firing') fire(entry)
    else publish('acknowledged', entry)
  }

  /** The band changed. An acknowledgement holds unless it got worse. */
  function takeOver(state: MetricState, previous: Entry, next: Entry): void {
    next.replaces = previous.alert_id
    if (previous.state === 'acknowledged' && severityRank(next.severity) < severityRank(previous.severity)) {
      const { acknowledged_at = null, acknowledged_by = null } = previous
      Object.assign(next, { state: 'acknowledged', acknowledged_at, acknowledged_by })
    }
    previous.replaced_by = next.alert_id
    resolve(state, previous)
  }

  function fire(entry: Entry): void {
    fired++
    const line = `ALERT [${entry.severity.toUpperCase()}]: ${entry.message}`
    if (entry.severity === 'warning') log.warn(line)
    else if (entry.severity === 'error') log.error(line)
    else log.critical(line)
    publish('fired', entry)
  }

  function resolve(state: MetricState, entry: Entry): void {
    state.alert = undefined
    live.delete(entry.alert_id)
    Object.assign(entry, { resolved: true, state: 'resolved', resolved_at: env.clock.wall() })
    resolved++
    const outcome = entry.replaced_by === undefined ? 'resolved' : `replaced by ${entry.replaced_by}`
    log.info(`Alert ${entry.alert_id} ${outcome} after ${Math.round(env.clock.wall() - entry.timestamp)} s`)
    publish('resolved', entry)
  }

  function publish(type: AlertEvent['type'], entry: Entry): void {
    feed.publish({ type, alert: { ...entry } })
  }

  /** A cluster that is not followed any more has no alerts: resolves what it had. */
  function forget(clusterId: string): void {
    const cluster = clusters.get(clusterId)
    clusters.delete(clusterId)
    for (const state of cluster?.metrics ?? []) if (state.alert !== undefined) resolve(state, state.alert)
  }

  const firing = (): Entry[] => [...live.values()].filter(({ state }) => state === 'firing')

  return {
    check(record) {
      const cluster = clusterState(record.cluster_id)
      for (const state of cluster.metrics) {
        const value = record[state.metric]
        if (typeof value === 'number' && Number.isFinite(value)) judge(cluster, state, value)
      }
    },
    acknowledge(alertId, by) {
      if (alertId === '') throw new AlertIdRequiredError()
      const entry = live.get(alertId)
      if (entry === undefined) throw new AlertNotFoundError(alertId, [...live.keys()])
      if (entry.state === 'firing') {
        Object.assign(entry, { state: 'acknowledged', acknowledged_at: env.clock.wall(), acknowledged_by: by })
        log.info(`Alert ${alertId} acknowledged by ${by}`)
        publish('acknowledged', entry)
      }
      return { ...entry }
    },
    active: () => firing().map(bareAlert),
    history(limit = HISTORY_MAX) {
      const all = [...history]
      return all.slice(Math.max(0, all.length - limit)).map((entry) => ({ ...entry }))
    },
    subscribe: feed.subscribe,
    snapshot() {
      const active = firing()
      return {
        firing: active.length,
        acknowledged: live.size - active.length,
        severity_breakdown: severityBreakdown(active),
        fired_total: fired,
        resolved_total: resolved,
        history_size: history.length,
        history_max: HISTORY_MAX,
        clusters: clusters.size,
        clusters_forgotten: clustersForgotten,
        subscribers: feed.snapshot(),
        throughput_rules: throughput.adaptive
          ? Object.fromEntries([...clusters.values()].map(({ clusterId, baseline }) => [clusterId, baseline.arming()]))
          : {},
      }
    },
    stop: feed.stop,
  }
}
