/**
 * What a node tells over HTTP about its health, load, alerts and topology: the records that monitoring answers are made of.
 *
 * One declaration gives the type every room uses and the schema the OpenAPI document shows. Times are Unix seconds. A member that may be
 * null has no source in some nodes; null then stands where the protocol wants the member, and nothing is made up. Further members may
 * follow those declared here; readers skip what they do not know. monitoring-parts.ts has the records of discovery, routing, persistence
 * and configuration; monitoring-answers.ts says which record answers which path.
 */
import { Type } from 'typebox'
import {
  amount,
  anything,
  count,
  flag,
  list,
  mapOf,
  nullable,
  oneOf,
  optional,
  type ReadOnly,
  record,
  text,
  time,
} from './monitoring-fields.ts'
import { clusterGraph, graphMonitorStatus, graphSuggestion } from './monitoring-graph.ts'

// ── Health ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const HEALTH_STATUSES = ['healthy', 'degraded', 'critical', 'unavailable'] as const
export type HealthStatus = (typeof HEALTH_STATUSES)[number]
const healthStatus = oneOf(HEALTH_STATUSES)

export const FEDERATION_MODES = ['strict_isolation', 'explicit_bridging', 'permissive_bridging'] as const
export type FederationMode = (typeof FEDERATION_MODES)[number]
export const federationMode = oneOf(FEDERATION_MODES)

/** One cluster as this node sees it. */
export const clusterHealth = record({
  cluster_id: text,
  status: healthStatus,
  /** 0 to 1. */
  health_score: amount,
  node_count: count,
  active_connections: count,
  /** 0 before the first. */
  last_heartbeat: time,
})
export type ClusterHealth = ReadOnly<typeof clusterHealth>

export const federationHealth = record({
  overall_status: healthStatus,
  health_score: amount,
  total_clusters: count,
  healthy_clusters: count,
  degraded_clusters: count,
  critical_clusters: count,
  unavailable_clusters: count,
  connection_health: record({ total_connections: count, active_connections: count, success_rate_percent: amount }),
  performance: record({ cross_cluster_latency_p95_ms: amount, federation_mode: federationMode }),
  last_updated: time,
})
export type FederationHealth = ReadOnly<typeof federationHealth>

export const healthSummary = record({
  overall: record({ health_score: amount, status: healthStatus, federation_mode: federationMode }),
  cluster_counts: record({ total: count, healthy: count, degraded: count, critical: count, unavailable: count }),
  connections: record({ total: count, active: count, success_rate_percent: amount }),
  cluster_details: mapOf(clusterHealth),
})
export type HealthSummary = ReadOnly<typeof healthSummary>

// ── Systems ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The systems that have metrics of their own. */
export const MONITORED_SYSTEMS = ['rpc', 'pubsub', 'queue', 'cache', 'federation'] as const
export type MonitoredSystem = (typeof MONITORED_SYSTEMS)[number]

export const systemMetrics = record({
  system_type: oneOf(MONITORED_SYSTEMS),
  /** The node's name. */
  system_name: text,
  requests_per_second: amount,
  average_latency_ms: amount,
  p95_latency_ms: amount,
  p99_latency_ms: amount,
  error_rate_percent: amount,
  active_connections: count,
  total_operations_last_hour: count,
  last_updated: time,
})
export type SystemMetrics = ReadOnly<typeof systemMetrics>

export const correlationMetrics = record({
  rpc_to_pubsub_events: count,
  rpc_to_queue_events: count,
  rpc_to_cache_events: count,
  pubsub_to_queue_events: count,
  pubsub_to_cache_events: count,
  queue_to_cache_events: count,
  federation_message_hops: list(amount),
  cross_cluster_latency_p95_ms: amount,
  federation_success_rate_percent: amount,
  transport_health_scores: mapOf(amount),
  circuit_breaker_events: count,
  correlation_tracking_success_rate: amount,
  end_to_end_latency_p95_ms: amount,
  total_cross_system_correlations: count,
  correlation_success_rate_percent: amount,
})
export type CorrelationMetrics = ReadOnly<typeof correlationMetrics>

/** The four counts sum to six: the five systems and the transport. */
export const overallHealth = record({
  health_score: amount,
  status: healthStatus,
  systems_healthy: count,
  systems_degraded: count,
  systems_critical: count,
  systems_unavailable: count,
})
export type OverallHealth = ReadOnly<typeof overallHealth>

export const collectionInfo = record({ collection_timestamp: time, collection_duration_ms: amount })
export type CollectionInfo = ReadOnly<typeof collectionInfo>

export const transportHealthSnapshot = record({
  endpoint: text,
  overall_health_score: amount,
  active_connections: count,
  total_connections: count,
  healthy_connections: count,
  degraded_connections: count,
  failed_connections: count,
  average_response_time_ms: amount,
  total_operations_last_hour: count,
  error_rate_percent: amount,
  last_health_check: time,
})
export type TransportHealthSnapshot = ReadOnly<typeof transportHealthSnapshot>

/** A request over one connection and how it ended. */
export const transportCorrelation = record({
  correlation_id: text,
  latency_ms: amount,
  endpoint_used: text,
  connection_id: text,
  success: flag,
  error_message: nullable(text),
  response_size_bytes: count,
  metadata: mapOf(anything),
})
export type TransportCorrelation = ReadOnly<typeof transportCorrelation>

export const unifiedMetrics = record({
  rpc: nullable(systemMetrics),
  pubsub: nullable(systemMetrics),
  queue: nullable(systemMetrics),
  cache: nullable(systemMetrics),
  federation: nullable(systemMetrics),
  /** By endpoint. */
  transport_health_snapshots: mapOf(transportHealthSnapshot),
  correlation_metrics: correlationMetrics,
  overall_health: overallHealth,
  performance_summary: record({
    total_requests_per_second: amount,
    average_cross_system_latency_ms: amount,
    total_active_correlations: count,
  }),
  collection_info: collectionInfo,
})
export type UnifiedMetrics = ReadOnly<typeof unifiedMetrics>

export const federationMetrics = record({
  federation_system: record({
    requests_per_second: amount,
    average_latency_ms: amount,
    p95_latency_ms: amount,
    error_rate_percent: amount,
    active_connections: count,
  }),
  correlation_metrics: record({
    total_cross_system_correlations: count,
    federation_success_rate_percent: amount,
    cross_cluster_latency_p95_ms: amount,
    federation_message_hops: list(amount),
  }),
  overall_health: record({
    health_score: amount,
    status: healthStatus,
    systems_healthy: count,
    systems_degraded: count,
    systems_critical: count,
  }),
})
export type FederationMetrics = ReadOnly<typeof federationMetrics>

export const connectionMetrics = record({
  total_connections: count,
  active_connections: count,
  /** Percent. */
  connection_success_rate: amount,
  /** Null while no round trip has been measured. */
  average_connection_latency_ms: nullable(amount),
  connections_by_cluster: mapOf(count),
})
export type ConnectionMetrics = ReadOnly<typeof connectionMetrics>

// ── Events and timelines ────────────────────────────────────────────────────────────────────────────────────────────────

export const EVENT_SYSTEMS = [...MONITORED_SYSTEMS, 'transport'] as const
export type EventSystem = (typeof EVENT_SYSTEMS)[number]

export const MONITORING_EVENT_TYPES = [
  'system_start',
  'system_stop',
  'request_start',
  'request_complete',
  'dependency_resolved',
  'health_check',
  'performance_alert',
  'cross_system_correlation',
] as const
export type MonitoringEventType = (typeof MONITORING_EVENT_TYPES)[number]

export const monitoringEvent = record({
  tracking_id: text,
  correlation_id: text,
  event_type: oneOf(MONITORING_EVENT_TYPES),
  source_system: oneOf(EVENT_SYSTEMS),
  target_system: nullable(oneOf(EVENT_SYSTEMS)),
  timestamp: time,
  latency_ms: amount,
  success: flag,
  metadata: mapOf(anything),
  error_message: nullable(text),
})
export type MonitoringEvent = ReadOnly<typeof monitoringEvent>

// ── Performance and alerts ──────────────────────────────────────────────────────────────────────────────────────────────

export const TRENDS = ['improving', 'degrading', 'stable', 'insufficient_data'] as const
export type Trend = (typeof TRENDS)[number]
export const trend = oneOf(TRENDS)

export const performanceSummary = record({
  requests_per_second: amount,
  average_latency_ms: amount,
  p95_latency_ms: amount,
  /** Null while nothing has been measured. */
  p99_latency_ms: nullable(amount),
  error_rate_percent: amount,
  cross_cluster_hops_average: amount,
  federation_efficiency_score: amount,
  bottleneck_clusters: list(text),
  top_performing_clusters: list(text),
  recent_performance_trend: trend,
})
export type PerformanceSummary = ReadOnly<typeof performanceSummary>

export const performanceTrends = record({
  latency_trend: trend,
  throughput_trend: trend,
  error_rate_trend: trend,
  resource_utilization_trend: trend,
})
export type PerformanceTrends = ReadOnly<typeof performanceTrends>

export const clusterPerformance = record({
  /** Percent of one core. */
  cpu_usage: nullable(amount),
  /** Percent of the limit. */
  memory_usage: nullable(amount),
  /** Mean round trip, ms. */
  network_latency: nullable(amount),
  federation_health: oneOf(['healthy', 'degraded'] as const),
  success_rate_percent: amount,
  active_connections: count,
})
export type ClusterPerformance = ReadOnly<typeof clusterPerformance>

/** Rising. */
export const ALERT_SEVERITIES = ['info', 'warning', 'error', 'critical', 'emergency'] as const
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number]

export const ALERT_STATES = ['firing', 'acknowledged', 'resolved'] as const
export type AlertState = (typeof ALERT_STATES)[number]

export const alert = record({
  alert_id: text,
  severity: oneOf(ALERT_SEVERITIES),
  metric_name: text,
  current_value: amount,
  threshold_value: amount,
  cluster_id: text,
  node_id: nullable(text),
  timestamp: time,
  message: text,
  resolved: flag,
  state: optional(oneOf(ALERT_STATES)),
  acknowledged_at: optional(nullable(time)),
  acknowledged_by: optional(nullable(text)),
  resolved_at: optional(nullable(time)),
})
export type Alert = ReadOnly<typeof alert>

/** What holds a node back: facts by resource, and everything that fires. */
export const bottlenecks = record({
  cpu_bottlenecks: list(mapOf(anything)),
  memory_bottlenecks: list(mapOf(anything)),
  network_bottlenecks: list(mapOf(anything)),
  federation_bottlenecks: list(alert),
})
export type Bottlenecks = ReadOnly<typeof bottlenecks>

/** The four are always there; `emergency` only when there is one. */
export const severityBreakdown = record({ critical: count, error: count, warning: count, info: count, emergency: optional(count) })
export type SeverityBreakdown = ReadOnly<typeof severityBreakdown>

/** Metrics with a history. The first three and `active_correlations` come from the unified monitor, the others from the performance service. */
export const TIMESERIES_METRICS = [
  'health_score',
  'latency_ms',
  'requests_per_second',
  'active_correlations',
  'error_rate_percent',
  'cross_cluster_latency_ms',
] as const
export type TimeseriesMetric = (typeof TIMESERIES_METRICS)[number]

/** When, and how much. */
export const timeseriesPoint = Type.Tuple([time, amount])
export type TimeseriesPoint = ReadOnly<typeof timeseriesPoint>

// ── Topology ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const topologyNode = record({
  node_id: text,
  cluster_id: text,
  host: text,
  port: count,
  /** Of the requests over the link to it; null: there is no link, and the status is failure detection's word. */
  health_score: nullable(amount),
  status: healthStatus,
  last_seen: time,
})
export type TopologyNode = ReadOnly<typeof topologyNode>

export const topologyEdge = record({ source: text, target: text, status: healthStatus, latency_ms: nullable(amount) })
export type TopologyEdge = ReadOnly<typeof topologyEdge>

/** The score is the mean of those of its nodes that have one; null where none has. */
export const topologyCluster = record({ cluster_id: text, node_count: count, health_score: nullable(amount), status: healthStatus })
export type TopologyCluster = ReadOnly<typeof topologyCluster>

export const topology = record({
  summary: record({
    total_nodes: count,
    total_edges: count,
    /** Hops. This and the next are null for graphs too large to measure, and where not all links are known. */
    graph_diameter: nullable(count),
    clustering_coefficient: nullable(amount),
  }),
  nodes: list(topologyNode),
  edges: list(topologyEdge),
  clusters: mapOf(topologyCluster),
  snapshot_timestamp: time,
  /** The clusters next door, and all that are heard of where link-state routing is on. */
  federation: optional(clusterGraph),
})
export type Topology = ReadOnly<typeof topology>

export const routingPaths = record({
  total_paths: count,
  /** Hops; 0 with one node at most, null while no two nodes are joined or not all links are known. */
  average_path_length: nullable(amount),
  path_efficiency: nullable(amount),
  /** Links that could be lost without splitting anything; null where not all links are known. */
  redundant_paths: nullable(count),
})
export type RoutingPaths = ReadOnly<typeof routingPaths>

export const topologyAnalysis = record({
  cluster_connectivity: list(topologyNode),
  network_health: healthStatus,
  /** 0 to 100; null where what it is computed from is. */
  topology_score: nullable(amount),
  recommendations: list(text),
  /** Nodes whose loss would split the graph. */
  articulation_points: optional(list(text)),
  /** Of the graph of clusters, the most urgent first. The node carries none of them out. */
  suggestions: optional(list(graphSuggestion)),
  graph_monitor: optional(graphMonitorStatus),
})
export type TopologyAnalysis = ReadOnly<typeof topologyAnalysis>
