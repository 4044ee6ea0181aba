/**
 * Performance records: what a cluster reports of itself, and what all of them add up to.
 *
 * A field that nobody measured is null, and sums and means are taken over those that are not.
 */

export interface ClusterPerformanceRecord {
  readonly cluster_id: string
  readonly cluster_name: string
  readonly region: string
  readonly avg_latency_ms: number
  readonly p95_latency_ms: number
  readonly p99_latency_ms: number
  readonly throughput_rps: number
  readonly error_rate_percent: number
  /** 0 to 100. */
  readonly health_score: number
  readonly uptime_seconds: number
  /** Unix seconds. */
  readonly last_seen: number
  readonly cpu_usage_percent: number | null
  readonly memory_usage_percent: number | null
  readonly network_io_mbps: number | null
  readonly disk_io_mbps: number | null
  readonly active_connections: number
  /** Requests sent to other clusters since the start. */
  readonly cross_cluster_messages: number
  readonly federation_latency_ms: number | null
  /** 0 to 100. */
  readonly bridge_health: number
  readonly messages_sent: number | null
  readonly messages_received: number | null
  readonly messages_failed: number | null
  readonly queue_depth: number | null
  /** Event loop delay of the reporting process. */
  readonly event_loop_delay_p50_ms: number | null
  readonly event_loop_delay_p99_ms: number | null
  readonly event_loop_delay_max_ms: number | null
  /** Share of the time spent in garbage collection. */
  readonly gc_time_percent: number | null
  readonly rss_bytes: number | null
}

/** What a reporter must say at least; the rest is filled by {@link clusterRecord}. */
export type ClusterReport = Pick<ClusterPerformanceRecord, 'cluster_id'> & Partial<ClusterPerformanceRecord>

export function clusterRecord(report: ClusterReport, nowS: number): ClusterPerformanceRecord {
  return {
    cluster_name: report.cluster_id,
    region: '',
    avg_latency_ms: 0,
    p95_latency_ms: 0,
    p99_latency_ms: 0,
    throughput_rps: 0,
    error_rate_percent: 0,
    health_score: 100,
    uptime_seconds: 0,
    last_seen: nowS,
    cpu_usage_percent: null,
    memory_usage_percent: null,
    network_io_mbps: null,
    disk_io_mbps: null,
    active_connections: 0,
    cross_cluster_messages: 0,
    federation_latency_ms: null,
    bridge_health: 100,
    messages_sent: null,
    messages_received: null,
    messages_failed: null,
    queue_depth: null,
    event_loop_delay_p50_ms: null,
    event_loop_delay_p99_ms: null,
    event_loop_delay_max_ms: null,
    gc_time_percent: null,
    rss_bytes: null,
    ...report,
  }
}

export interface FederationPerformanceRecord {
  readonly total_clusters: number
  readonly healthy_clusters: number
  readonly degraded_clusters: number
  readonly unhealthy_clusters: number
  readonly federation_avg_latency_ms: number
  readonly federation_p95_latency_ms: number
  readonly federation_total_throughput_rps: number
  readonly federation_error_rate_percent: number
  readonly total_cross_cluster_messages: number
  readonly avg_cross_cluster_latency_ms: number | null
  readonly cross_cluster_error_rate_percent: number | null
  readonly avg_cpu_usage_percent: number | null
  readonly avg_memory_usage_percent: number | null
  readonly total_network_io_mbps: number | null
  /** 0 to 100. */
  readonly federation_health_score: number
  readonly total_uptime_hours: number
  readonly total_messages_sent: number | null
  readonly total_messages_received: number | null
  readonly total_messages_failed: number | null
  readonly average_queue_depth: number | null
  /** Unix seconds. */
  readonly collected_at: number
}

const HEALTHY_FROM = 80
const DEGRADED_FROM = 60

/** @param crossClusterErrorRatePercent measured on calls to other clusters; null when there were none */
export function federationRecord(
  clusters: readonly ClusterPerformanceRecord[],
  crossClusterErrorRatePercent: number | null,
  nowS: number,
): FederationPerformanceRecord {
  const all = (field: NumericField): number[] => clusters.map((cluster) => cluster[field]).filter((value) => value !== null)
  const scores = all('health_score')
  const healthy = scores.filter((score) => score >= HEALTHY_FROM).length
  const unhealthy = scores.filter((score) => score < DEGRADED_FROM).length
  const p95 = all('p95_latency_ms').sort((a, b) => a - b)
  return {
    total_clusters: clusters.length,
    healthy_clusters: healthy,
    degraded_clusters: clusters.length - healthy - unhealthy,
    unhealthy_clusters: unhealthy,
    federation_avg_latency_ms: mean(all('avg_latency_ms')) ?? 0,
    federation_p95_latency_ms: p95[Math.min(p95.length - 1, Math.floor(0.95 * p95.length))] ?? 0,
    federation_total_throughput_rps: sum(all('throughput_rps')) ?? 0,
    federation_error_rate_percent: mean(all('error_rate_percent')) ?? 0,
    total_cross_cluster_messages: sum(all('cross_cluster_messages')) ?? 0,
    avg_cross_cluster_latency_ms: mean(all('federation_latency_ms')),
    cross_cluster_error_rate_percent: crossClusterErrorRatePercent,
    avg_cpu_usage_percent: mean(all('cpu_usage_percent')),
    avg_memory_usage_percent: mean(all('memory_usage_percent')),
    total_network_io_mbps: sum(all('network_io_mbps')),
    federation_health_score: mean(scores) ?? 0,
    total_uptime_hours: (sum(all('uptime_seconds')) ?? 0) / 3600,
    total_messages_sent: sum(all('messages_sent')),
    total_messages_received: sum(all('messages_received')),
    total_messages_failed: sum(all('messages_failed')),
    average_queue_depth: mean(all('queue_depth')),
    collected_at: nowS,
  }
}

type NumericField = {
  [K in keyof ClusterPerformanceRecord]: ClusterPerformanceRecord[K] extends number | null ? K : never
}[keyof ClusterPerformanceRecord]

function sum(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0)
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0) / values.length
}
