/**
 * The performance answers, composed from what monitor, links and performance service say. Nothing is counted here.
 */
import type { Bottlenecks, ClusterPerformance, PerformanceSummary } from '../../wire/index.ts'
import { statusOfRate, successRatePercent } from './cluster-health.ts'
import { CLUSTER_DEGRADED, CPU_BOTTLENECK_PERCENT, LATENCY_WARNING_MS, MEMORY_BOTTLENECK_PERCENT } from './constants.ts'
import type { PerformanceService } from './performance.ts'
import { TREND_RULES } from './trend.ts'
import type { UnifiedMonitor } from './unified-monitor.ts'

export function performanceSummaryView(monitor: UnifiedMonitor, performance: PerformanceService): PerformanceSummary {
  const { performance_summary, correlation_metrics } = monitor.metrics()
  const success = successRatePercent(monitor.links.links())
  const hops = correlation_metrics.federation_message_hops
  const ranking = monitor.links.traffic.ranking()
  return {
    requests_per_second: performance_summary.total_requests_per_second,
    average_latency_ms: performance_summary.average_cross_system_latency_ms,
    p95_latency_ms: correlation_metrics.cross_cluster_latency_p95_ms,
    p99_latency_ms: monitor.links.crossCluster().p99_latency_ms,
    error_rate_percent: Math.max(0, 100 - success),
    cross_cluster_hops_average: hops.length === 0 ? 0 : hops.reduce((sum, hop) => sum + hop, 0) / hops.length,
    federation_efficiency_score: success / 100,
    bottleneck_clusters: ranking.slow.map((cluster) => cluster.cluster_id),
    top_performing_clusters: ranking.fast.map((cluster) => cluster.cluster_id),
    recent_performance_trend: performance.trend('federation_avg_latency_ms', TREND_RULES.latency),
  }
}

/** Undefined for a cluster this node does not know. */
export function clusterPerformanceView(
  monitor: UnifiedMonitor,
  performance: PerformanceService,
  clusterId: string,
): ClusterPerformance | undefined {
  const record = performance.current(clusterId)
  const links = monitor.links.links().filter((link) => link.remote_cluster_id === clusterId)
  if (links.length === 0 && record === undefined && clusterId !== monitor.links.localClusterId) return undefined
  const success = successRatePercent(links)
  const roundTrips = links.map((link) => link.round_trip_ms).filter((ms) => ms !== null)
  return {
    cpu_usage: record?.cpu_usage_percent ?? null,
    memory_usage: record?.memory_usage_percent ?? null,
    network_latency: roundTrips.length === 0 ? null : roundTrips.reduce((sum, ms) => sum + ms, 0) / roundTrips.length,
    federation_health: statusOfRate(success / 100) === 'healthy' ? 'healthy' : 'degraded',
    success_rate_percent: success,
    active_connections: links.length,
  }
}

/** Values that were measured and lie beyond their limit. Alerts, the fourth kind of bottleneck, are not known here. */
export function bottlenecksView(monitor: UnifiedMonitor, performance: PerformanceService): Omit<Bottlenecks, 'federation_bottlenecks'> {
  const beyond = (field: 'cpu_usage_percent' | 'memory_usage_percent', limit: number): Bottleneck[] =>
    performance.clusters().flatMap((record) => {
      const value = record[field]
      return value === null || value < limit ? [] : [bottleneck(record.cluster_id, field, value, limit)]
    })
  return {
    cpu_bottlenecks: beyond('cpu_usage_percent', CPU_BOTTLENECK_PERCENT),
    memory_bottlenecks: beyond('memory_usage_percent', MEMORY_BOTTLENECK_PERCENT),
    network_bottlenecks: monitor.links.traffic
      .ranking()
      .slow.map(({ cluster_id, p95_latency_ms, success_rate_percent }) =>
        success_rate_percent < 100 * CLUSTER_DEGRADED
          ? bottleneck(cluster_id, 'success_rate_percent', success_rate_percent, 100 * CLUSTER_DEGRADED)
          : bottleneck(cluster_id, 'p95_latency_ms', p95_latency_ms, LATENCY_WARNING_MS),
      ),
  }
}

type Bottleneck = Bottlenecks['cpu_bottlenecks'][number]

function bottleneck(clusterId: string, metric: string, value: number, limit: number): Bottleneck {
  return { cluster_id: clusterId, metric_name: metric, current_value: value, threshold_value: limit }
}
