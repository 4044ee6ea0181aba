/**
 * What the own cluster reports of itself: every number with its source, or null.
 */
import { successRatePercent } from './cluster-health.ts'
import type { ClusterReport } from './performance-records.ts'
import type { ProcessReading } from './process-probe.ts'
import type { UnifiedMonitor } from './unified-monitor.ts'

export interface OwnClusterInit {
  readonly clusterId: string
  /** The node's name. */
  readonly name: string
  readonly region: string
  /** Frames since the start, where the node counts them. */
  readonly messages?: () => { readonly sent: number; readonly received: number; readonly failed: number }
  /** Messages waiting in queues, where there are any. */
  readonly queueDepth?: () => number
}

export interface OwnClusterFacts {
  readonly own: OwnClusterInit
  readonly monitor: UnifiedMonitor
  readonly process: ProcessReading | null
  readonly uptimeSeconds: number
  /** What garbage collection time is related to. */
  readonly intervalMs: number
}

export function ownClusterReport({ own, monitor, process, uptimeSeconds, intervalMs }: OwnClusterFacts): ClusterReport {
  const unified = monitor.metrics()
  const links = monitor.links.links()
  const cross = monitor.links.crossCluster()
  const messages = own.messages?.()
  const systems = [unified.rpc, unified.pubsub, unified.queue, unified.cache, unified.federation].filter((each) => each !== null)
  const operations = systems.reduce((sum, each) => sum + each.outcomes_last_5_minutes, 0)
  const failures = systems.reduce((sum, each) => sum + each.failures_last_5_minutes, 0)
  return {
    cluster_id: own.clusterId,
    cluster_name: own.name,
    region: own.region,
    avg_latency_ms: unified.performance_summary.average_cross_system_latency_ms,
    p95_latency_ms: Math.max(0, ...systems.map((each) => each.p95_latency_ms)),
    p99_latency_ms: Math.max(0, ...systems.map((each) => each.p99_latency_ms)),
    throughput_rps: unified.performance_summary.total_requests_per_second,
    error_rate_percent: operations === 0 ? 0 : (100 * failures) / operations,
    health_score: 100 * unified.overall_health.health_score,
    uptime_seconds: uptimeSeconds,
    cpu_usage_percent: process?.cpu_usage_percent ?? null,
    memory_usage_percent: process === null ? null : (100 * process.rss_bytes) / process.memory_limit_bytes,
    active_connections: links.filter((link) => link.is_healthy).length,
    cross_cluster_messages: monitor.links.snapshot().total_cross_federation_requests,
    federation_latency_ms: cross.p95_latency_ms,
    bridge_health: successRatePercent(links.filter((link) => link.is_foreign)),
    messages_sent: messages?.sent ?? null,
    messages_received: messages?.received ?? null,
    messages_failed: messages?.failed ?? null,
    queue_depth: own.queueDepth?.() ?? null,
    event_loop_delay_p50_ms: process?.event_loop_delay_ms?.p50 ?? null,
    event_loop_delay_p99_ms: process?.event_loop_delay_ms?.p99 ?? null,
    event_loop_delay_max_ms: process?.event_loop_delay_ms?.max ?? null,
    gc_time_percent: process === null ? null : (100 * process.gc.total_ms) / intervalMs,
    rss_bytes: process?.rss_bytes ?? null,
  }
}
