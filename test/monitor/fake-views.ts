/** A node that exists only as the views the monitoring service reads: two nodes of one cluster, a little of everything measured. */
import type { GraphView, MonitorViews, NodeFigures } from '../../src/monitor/index.ts'
import type { Alert, MonitoredSystem, SystemMetrics, TopologyNode, UnifiedMetrics } from '../../src/wire/index.ts'

const NOW = 1_800_000_000.25

export function fakeViews(changes: Partial<MonitorViews> = {}): MonitorViews {
  const active = new Map([[fakeAlert.alert_id, fakeAlert]])
  return {
    identity: () => ({
      name: 'node-a',
      node_id: 'ws://127.0.0.1:9000',
      cluster_id: 'golden',
      federation_mode: 'strict_isolation',
      version: '0.1.0',
    }),
    readiness: () => ({ ready: true, checks: [{ name: 'started', ok: true, detail: 'since 3 s' }] }),
    unified: () => fakeUnified(),
    clusters: () => ({
      golden: {
        cluster_id: 'golden',
        status: 'healthy',
        health_score: 1,
        node_count: 2,
        active_connections: 1,
        last_heartbeat: NOW - 1,
      },
    }),
    connections: () => ({
      total_connections: 1,
      active_connections: 1,
      connection_success_rate: 100,
      average_connection_latency_ms: null,
      connections_by_cluster: { golden: 1 },
    }),
    transport: () => ({
      snapshots: {},
      correlations: Array.from({ length: 120 }, (_, at) => ({
        correlation_id: `c-${at}`,
        latency_ms: 1.5,
        endpoint_used: 'ws://127.0.0.1:9001',
        connection_id: 'k',
        success: true,
        error_message: null,
        response_size_bytes: 12,
        metadata: {},
      })),
    }),
    endpoints: () => ({
      last_updated: NOW,
      assignments: [{ connection_type: 'client', protocol: 'ws', host: '127.0.0.1', port: 9000, endpoint: 'ws://127.0.0.1:9000' }],
    }),
    graph: () =>
      fakeGraph(
        ['a', 'b', 'c'],
        [
          ['a', 'b'],
          ['b', 'c'],
        ],
      ),
    performance: () => ({
      requests_per_second: 0.5,
      average_latency_ms: 2,
      p95_latency_ms: 4,
      p99_latency_ms: null,
      error_rate_percent: 0,
      cross_cluster_hops_average: 0,
      federation_efficiency_score: 1,
      bottleneck_clusters: [],
      top_performing_clusters: ['golden'],
      recent_performance_trend: 'stable',
    }),
    performanceTrends: () => ({
      latency_trend: 'stable',
      throughput_trend: 'insufficient_data',
      error_rate_trend: 'insufficient_data',
      resource_utilization_trend: 'insufficient_data',
    }),
    clusterPerformance: (id) =>
      id === 'golden'
        ? {
            cpu_usage: 3,
            memory_usage: null,
            network_latency: null,
            federation_health: 'healthy',
            success_rate_percent: 100,
            active_connections: 1,
          }
        : undefined,
    bottlenecks: () => ({ cpu_bottlenecks: [], memory_bottlenecks: [], network_bottlenecks: [] }),
    timeseries: (_metric, hours) =>
      hours >= 1
        ? [
            [NOW - 15, 1],
            [NOW - 10, 0.5],
            [NOW - 5, 1],
          ]
        : [],
    timeline: (id) =>
      id === 'u-1'
        ? [
            {
              tracking_id: 'u-1',
              correlation_id: 'u-1',
              event_type: 'request_start',
              source_system: 'rpc',
              target_system: null,
              timestamp: NOW,
              latency_ms: 0,
              success: true,
              metadata: {},
              error_message: null,
            },
          ]
        : [],
    alerts: {
      active: () => [...active.values()],
      history: () => [fakeAlert],
      acknowledge: (id) => active.delete(id),
    },
    configuration: () => ({
      policies_total: 2,
      policies_active: 1,
      version: 'c0ffee',
      last_update: NOW - 60,
      pending_changes: 0,
      errors: [],
      warnings: [],
    }),
    routeTrace: (destination, avoid) => ({
      destination: { cluster_id: destination },
      evaluated_at: NOW,
      avoid_clusters: [...avoid],
      candidates: [],
      selected: null,
    }),
    linkState: () => undefined,
    explain: {
      function: (name, question) => (name === 'echo' ? { name, question, chosen: 'ws://127.0.0.1:9000' } : undefined),
      route: () => undefined,
      peer: () => undefined,
      topic: (topic) => ({ topic, subscribers: [] }),
      queue: () => undefined,
    },
    diagnosis: () => ({ node_id: 'ws://127.0.0.1:9000' }),
    log: fakeLog(),
    figures: () => fakeFigures(),
    ...changes,
  }
}

export const fakeAlert: Alert = {
  alert_id: 'golden_avg_latency_ms_warning',
  severity: 'warning',
  metric_name: 'avg_latency_ms',
  current_value: 120,
  threshold_value: 100,
  cluster_id: 'golden',
  node_id: null,
  timestamp: NOW - 30,
  message: 'Elevated latency in cluster golden: 120.0ms',
  resolved: false,
}

function fakeGraph(ids: readonly string[], pairs: readonly (readonly [string, string])[]): GraphView {
  return {
    nodes: ids.map(
      (node_id): TopologyNode => ({
        node_id,
        cluster_id: 'golden',
        host: '127.0.0.1',
        port: 9000,
        health_score: 1,
        status: 'healthy',
        last_seen: NOW,
      }),
    ),
    edges: pairs.map(([source, target]) => ({ source, target, status: 'healthy', latency_ms: null })),
  }
}

export function fakeSystem(system_type: MonitoredSystem): SystemMetrics {
  return {
    system_type,
    system_name: 'node-a',
    requests_per_second: 0.5,
    average_latency_ms: 2,
    p95_latency_ms: 4,
    p99_latency_ms: 5,
    error_rate_percent: 0,
    active_connections: 1,
    total_operations_last_hour: 8,
    last_updated: NOW,
  }
}

export function fakeUnified(): UnifiedMetrics {
  return {
    rpc: fakeSystem('rpc'),
    pubsub: fakeSystem('pubsub'),
    queue: null,
    cache: null,
    federation: fakeSystem('federation'),
    transport_health_snapshots: {},
    correlation_metrics: {
      rpc_to_pubsub_events: 0,
      rpc_to_queue_events: 0,
      rpc_to_cache_events: 0,
      pubsub_to_queue_events: 0,
      pubsub_to_cache_events: 0,
      queue_to_cache_events: 0,
      federation_message_hops: [],
      cross_cluster_latency_p95_ms: 0,
      federation_success_rate_percent: 100,
      transport_health_scores: {},
      circuit_breaker_events: 0,
      correlation_tracking_success_rate: 100,
      end_to_end_latency_p95_ms: 0,
      total_cross_system_correlations: 6,
      correlation_success_rate_percent: 100,
    },
    overall_health: {
      health_score: 0.97,
      status: 'healthy',
      systems_healthy: 3,
      systems_degraded: 0,
      systems_critical: 0,
      systems_unavailable: 3,
    },
    performance_summary: { total_requests_per_second: 1.5, average_cross_system_latency_ms: 2, total_active_correlations: 0 },
    collection_info: { collection_timestamp: NOW, collection_duration_ms: 0.2 },
  }
}

function fakeLog(): MonitorViews['log'] {
  let level = 'INFO'
  let scopes: readonly string[] = []
  const status = () => ({ level, debug_scopes: [...scopes], known_scopes: ['fabric.gossip'], warnings: [] })
  return {
    status,
    change(change) {
      level = change.level ?? level
      scopes = change.debug_scopes ?? scopes
      return status()
    },
    lines: () => [],
  }
}

export function fakeFigures(): NodeFigures {
  return {
    node: {
      uptime_seconds: 3.5,
      connections: 2,
      connections_total: 3,
      functions: 5,
      frames: { rpc: 4, server: 2 },
      rpc: {
        requests_total: 8,
        requests_failed: 2,
        requests_in_flight: 0,
        requests_overloaded: 0,
        requests_timed_out: 0,
        commands_total: 9,
      },
      workers: { threads: 0, waiting: 0, completed: 0 },
      pubsub: {
        active_subscriptions: 1,
        active_subscribers: 1,
        messages_published: 2,
        messages_delivered: 2,
        backlog_stats: { total_messages: 2, total_size_bytes: 300, active_topics: 1, dropped_total: 0 },
      },
      queues: undefined,
      discovery: undefined,
      streams: undefined,
      fabric: undefined,
      reach: undefined,
    },
  }
}
