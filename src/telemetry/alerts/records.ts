/** What alerts are told as: to subscribers, in the history, and in the snapshot. The wire object itself is declared in wire. */
import { ALERT_SEVERITIES, type Alert, type AlertSeverity, type SeverityBreakdown } from '../../wire/index.ts'
import type { AlertMetric } from './thresholds.ts'
import type { Arming } from './throughput-baseline.ts'

/**
 * What alerts are judged by: of a cluster's metrics record those fields that have thresholds. A value that is null or absent was not
 * measured, and changes nothing.
 */
export type ClusterMeasurements = { readonly cluster_id: string } & { readonly [M in AlertMetric]?: number | null }

/** An alert as the history keeps it. */
export interface AlertHistoryRecord extends Alert {
  /** The alert of another band that this one took the place of. */
  readonly replaces?: string
  /** The alert of another band that took the place of this one, which was resolved by that. */
  readonly replaced_by?: string
}

/** `fired` needs somebody's attention, `acknowledged` has it, `resolved` is over. */
export interface AlertEvent {
  readonly type: 'fired' | 'acknowledged' | 'resolved'
  readonly alert: AlertHistoryRecord
}

/** One of those who are told of alerts: events by what became of them. */
export interface SubscriberSnapshot {
  readonly name: string
  readonly pending: number
  readonly delivered: number
  readonly failed: number
  readonly dropped: number
}

export interface AlertsSnapshot {
  readonly firing: number
  readonly acknowledged: number
  readonly severity_breakdown: SeverityBreakdown
  /** Since the start. */
  readonly fired_total: number
  readonly resolved_total: number
  readonly history_size: number
  readonly history_max: number
  readonly clusters: number
  /** Clusters given up to make room for others; above 0 there are more than can be followed. */
  readonly clusters_forgotten: number
  readonly subscribers: readonly SubscriberSnapshot[]
  /** By cluster: whether a drop in throughput is judged, and by what; empty where it is judged by fixed limits. */
  readonly throughput_rules: Readonly<Record<string, Arming>>
}

/** Position in the order of severities: `info` 0, `emergency` 4. */
export function severityRank(severity: AlertSeverity): number {
  return ALERT_SEVERITIES.indexOf(severity)
}

export function higherSeverity(one: AlertSeverity, other: AlertSeverity): AlertSeverity {
  return severityRank(one) >= severityRank(other) ? one : other
}

/** How many alerts of each severity; `emergency` is there only when one exists. */
export function severityBreakdown(alerts: Iterable<Pick<Alert, 'severity'>>): SeverityBreakdown {
  const counts = { critical: 0, error: 0, warning: 0, info: 0, emergency: 0 }
  for (const { severity } of alerts) counts[severity]++
  const { emergency, ...always } = counts
  return emergency === 0 ? always : { ...always, emergency }
}

/** The ten fields every alert is shown with, without its life. */
export function bareAlert(alert: Alert): Alert {
  const { alert_id, severity, metric_name, current_value, threshold_value, cluster_id, node_id, timestamp, message, resolved } = alert
  return { alert_id, severity, metric_name, current_value, threshold_value, cluster_id, node_id, timestamp, message, resolved }
}
