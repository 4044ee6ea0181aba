/** An aggregate in the shape of an alert, which is what backends and templates can word. */
import type { Alert } from '../../wire/index.ts'
import type { AggregateReport } from './aggregation.ts'
import type { AlertAggregate } from './notification.ts'

/** Clusters named in a message. */
const NAMED_MAX = 10

/** Its id is that of the aggregate, its values are those of the latest alert. */
export function aggregateAlert(
  report: Pick<AggregateReport, 'aggregate' | 'resolved'> & { readonly news?: AggregateReport['news'] },
): Alert {
  const { aggregate, resolved } = report
  const { aggregation_id, severity, common_metric, last_alert } = aggregate
  return {
    alert_id: aggregation_id,
    severity,
    metric_name: common_metric,
    current_value: last_alert.current_value,
    threshold_value: last_alert.threshold_value,
    cluster_id: named(aggregate.affected_clusters),
    node_id: null,
    timestamp: last_alert.timestamp,
    message: message(aggregate, resolved, report.news === 'closed'),
    resolved,
  }
}

function message(aggregate: AlertAggregate, resolved: boolean, closed: boolean): string {
  const { alert_count, common_metric, affected_clusters, last_alert } = aggregate
  const clusters = affected_clusters.length === 1 ? 'cluster' : `${affected_clusters.length} clusters`
  const what = `${alert_count} alerts on ${common_metric} in ${clusters} (${named(affected_clusters)})`
  if (resolved) return `All resolved: ${what}`
  return closed ? `No new ones: ${what}, the last was "${last_alert.message}"` : `${what}, the latest: ${last_alert.message}`
}

function named(clusters: readonly string[]): string {
  const more = clusters.length - NAMED_MAX
  return clusters.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
