/**
 * Aggregation: when one metric goes wrong in many places, that is one story and not many.
 *
 * The first alert on a metric goes out by itself. A second one within the window opens an aggregate, which is told of at once; from then on
 * alerts on that metric are only counted, and told of once a window. When it gets worse that is told at once too: nobody should learn of a
 * critical alert five minutes late because there was a warning before. An aggregate closes after a window without news, or when all its alerts
 * are resolved.
 */
import type { Cancel, Env } from '../../base/index.ts'
import type { Alert } from '../../wire/index.ts'
import type { AlertAggregate } from './notification.ts'
import { bareAlert, higherSeverity, severityRank } from './records.ts'

/** `closed`: no more will be said of it. `settled`: it was closed before, and now its last alert is resolved. */
export type AggregateNews = 'opened' | 'updated' | 'closed' | 'settled'

export interface AggregateReport {
  readonly news: AggregateNews
  readonly aggregate: AlertAggregate
  /** Where its alerts would have been sent, each by itself. */
  readonly channels: readonly string[]
  /** Whether all its alerts are resolved. */
  readonly resolved: boolean
}

export interface Aggregation {
  /** How many are open. */
  readonly open: number
  /**
   * Takes a new alert: the aggregate it is part of now, or undefined when it should be told of by itself.
   * @param active the alerts there are besides it
   * @param channelsOf where an alert would be sent by itself
   */
  add(alert: Alert, active: Iterable<Alert>, channelsOf: (alert: Alert) => readonly string[]): Aggregated | undefined
  /** Somebody looks after it; the aggregate, when that is so for all its alerts now. */
  attend(alertId: string): Aggregated | undefined
  resolve(alertId: string): void
  /** The band of an alert changed: another alert takes its place. */
  supersede(alertId: string, byId: string): void
  stop(): void
}

/** One aggregate, the same object as long as it lasts. */
export interface Aggregated {
  readonly id: string
  /** As it is now. */
  record(): AlertAggregate
}

/** Clusters an aggregate names. */
const CLUSTERS_MAX = 1_000

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

interface Group extends Aggregated {
  readonly aggregate: Mutable<AlertAggregate>
  readonly clusters: Set<string>
  readonly channels: Set<string>
  readonly unresolved: Set<string>
  readonly unattended: Set<string>
  isOpen: boolean
  hasNews: boolean
  cancelTick: Cancel
}

export function createAggregation(
  env: Pick<Env, 'clock' | 'timers'>,
  windowSeconds: number,
  report: (report: AggregateReport) => void,
): Aggregation {
  /** Open ones, by metric. */
  const openGroups = new Map<string, Group>()
  /** By alert, as long as it is not resolved. */
  const groups = new Map<string, Group>()

  function tell(group: Group, news: AggregateNews): void {
    const { aggregate, channels, unresolved } = group
    group.hasNews = false
    group.cancelTick()
    aggregate.suppressed_until = null
    if (group.isOpen) {
      aggregate.suppressed_until = env.clock.wall() + windowSeconds
      group.cancelTick = env.timers.after(windowSeconds * 1000, () => tick(group))
    }
    report({ news, aggregate: group.record(), channels: [...channels], resolved: unresolved.size === 0 })
  }

  function tick(group: Group): void {
    if (group.hasNews) tell(group, 'updated')
    else close(group)
  }

  function close(group: Group): void {
    group.isOpen = false
    openGroups.delete(group.aggregate.common_metric)
    tell(group, 'closed')
  }

  /** One alert less that it has to wait for. */
  function release(group: Group, alertId: string): void {
    group.unattended.delete(alertId)
    group.unresolved.delete(alertId)
    if (group.unresolved.size > 0) return
    if (group.isOpen) close(group)
    else tell(group, 'settled')
  }

  function include(group: Group, alert: Alert, channels: readonly string[]): void {
    const former = groups.get(alert.alert_id)
    // It took the place of one in an aggregate that has closed since: only one of the two would ever hear of its end.
    if (former !== undefined && former !== group) release(former, alert.alert_id)
    if (group.clusters.size < CLUSTERS_MAX) group.clusters.add(alert.cluster_id)
    group.unresolved.add(alert.alert_id)
    group.unattended.add(alert.alert_id)
    groups.set(alert.alert_id, group)
    for (const channel of channels) group.channels.add(channel)
  }

  function open(alert: Alert, similar: readonly Alert[], channelsOf: (alert: Alert) => readonly string[]): Group {
    const members = [...similar, alert].sort((a, b) => a.timestamp - b.timestamp)
    const nowSeconds = env.clock.wall()
    const id = `agg_${alert.alert_id}_${Math.floor(nowSeconds)}`
    const clusters = new Set<string>()
    const group: Group = {
      id,
      record: () => ({ ...group.aggregate, affected_clusters: [...clusters] }),
      aggregate: {
        aggregation_id: id,
        alert_count: members.length,
        first_alert: bareAlert(members[0] as Alert),
        last_alert: bareAlert(alert),
        affected_clusters: [],
        common_metric: alert.metric_name,
        severity: members.map(({ severity }) => severity).reduce(higherSeverity),
        created_at: nowSeconds,
        last_updated: nowSeconds,
        suppressed_until: null,
      },
      clusters,
      channels: new Set(),
      unresolved: new Set(),
      unattended: new Set(),
      isOpen: true,
      hasNews: false,
      cancelTick: () => {},
    }
    for (const member of members) include(group, member, channelsOf(member))
    openGroups.set(alert.metric_name, group)
    tell(group, 'opened')
    return group
  }

  function count(group: Group, alert: Alert, channels: readonly string[]): void {
    const { aggregate } = group
    const isWorse = severityRank(alert.severity) > severityRank(aggregate.severity)
    include(group, alert, channels)
    aggregate.alert_count++
    aggregate.last_alert = bareAlert(alert)
    aggregate.last_updated = env.clock.wall()
    aggregate.severity = higherSeverity(aggregate.severity, alert.severity)
    group.hasNews = true
    if (isWorse) tell(group, 'updated')
  }

  return {
    get open() {
      return openGroups.size
    },
    add(alert, active, channelsOf) {
      const group = openGroups.get(alert.metric_name)
      if (group !== undefined) {
        count(group, alert, channelsOf(alert))
        return group
      }
      const similar = [...active].filter((other) => isSimilar(alert, other, windowSeconds) && !groups.has(other.alert_id))
      return similar.length === 0 ? undefined : open(alert, similar, channelsOf)
    },
    attend(alertId) {
      const group = groups.get(alertId)
      group?.unattended.delete(alertId)
      return group?.unattended.size === 0 ? group : undefined
    },
    resolve(alertId) {
      const group = groups.get(alertId)
      if (group === undefined) return
      groups.delete(alertId)
      release(group, alertId)
    },
    supersede(alertId, byId) {
      const group = groups.get(alertId)
      if (group === undefined) return
      groups.delete(alertId)
      groups.set(byId, group)
      group.unresolved.delete(alertId)
      group.unresolved.add(byId)
    },
    stop() {
      for (const group of openGroups.values()) group.cancelTick()
      openGroups.clear()
      groups.clear()
    },
  }
}

function isSimilar(alert: Alert, other: Alert, windowSeconds: number): boolean {
  const isAnother = other.alert_id !== alert.alert_id && other.metric_name === alert.metric_name
  return isAnother && Math.abs(alert.timestamp - other.timestamp) <= windowSeconds
}
