/**
 * Where every number that a node shows over HTTP comes from: the event that moves it, the reason why nothing does, or the test in which what
 * is too rare or too rough for one scene moves it. A number that is in none of the three lists has no known source; the test fails on it.
 *
 * Names are those of number-leaves.ts. A number that several events move stands with the one that says most about it.
 */
import type { NumberEvent } from './number-events.ts'

const on = (path: string, prefix: string, ...fields: readonly string[]) => fields.map((field) => `${path} ${prefix}${field}`)
const prometheus = (...names: readonly string[]) => on('/metrics/prometheus', 'mpreg_', ...names)
const unified = (...fields: readonly string[]) => on('/metrics/unified', 'unified_metrics.', ...fields)
/** Of a system: where it stands alone, and among all. */
const system = (name: string, ...fields: readonly string[]) => [
  ...on(`/metrics/${name}`, 'metrics.', ...fields),
  ...unified(...fields.map((field) => `${name}.${field}`)),
]
const endpoints = (...fields: readonly string[]) => [
  ...on('/metrics/transport', 'transport_health_snapshots.*.', ...fields),
  ...unified(...fields.map((field) => `transport_health_snapshots.*.${field}`)),
]
const clusters = (...fields: readonly string[]) => [
  ...on('/health/clusters', 'clusters.*.', ...fields),
  ...on('/health/clusters/{cluster_id}', 'cluster.', ...fields),
  ...on('/health/summary', 'health_summary.cluster_details.*.', ...fields),
]
const nodes = (...fields: readonly string[]) => [
  ...on('/topology', 'topology.nodes[].', ...fields),
  ...on('/topology/graph', 'graph_data.nodes[].', ...fields),
  ...on('/topology/analysis', 'analysis.cluster_connectivity[].', ...fields),
]
const graphMonitor = (part: string, ...fields: readonly string[]) => on('/topology/analysis', `analysis.graph_monitor.${part}.`, ...fields)
const overall = (...fields: readonly string[]) => [
  ...on('/metrics', 'federation_metrics.overall_health.', ...fields),
  ...unified(...fields.map((field) => `overall_health.${field}`)),
]
const crossing = (...fields: readonly string[]) => [
  ...on('/metrics', 'federation_metrics.correlation_metrics.', ...fields),
  ...unified(...fields.map((field) => `correlation_metrics.${field}`)),
]
const clusterCounts = (kind: string) => [
  `/health federation_health.${kind}_clusters`,
  `/health/summary health_summary.cluster_counts.${kind}`,
]
const seriesOf = (name: string, label: string) =>
  prometheus(`${name}_bucket{${label},le=*}`, `${name}_count{${label}}`, `${name}_sum{${label}}`)

const resolver = (...fields: readonly string[]) => on('/discovery/cache', 'resolver_cache.', ...fields)
const summaries = (...fields: readonly string[]) => on('/discovery/cache', 'summary_cache.', ...fields)
const summaryExport = (...fields: readonly string[]) => on('/discovery/summary', 'summary_export.', ...fields)

const QUERY_EVENTS = ['hits', 'misses', 'negative_hits', 'refreshes', 'stale_serves']
const COUNTS = [
  ...['operations_last_5_minutes', 'requests_per_second', 'total_operations', 'total_operations_last_hour'],
  ...['outcomes_last_5_minutes', 'total_outcomes'],
]
const LATENCIES = ['average_latency_ms', 'p50_latency_ms', 'p95_latency_ms', 'p99_latency_ms']
const LIFETIME_LATENCIES = ['lifetime_average_latency_ms', 'lifetime_p95_latency_ms']
const FAILURES = ['error_rate_percent', 'failures_last_5_minutes', 'lifetime_error_rate_percent', 'total_failures']
const METRICS = [
  'metrics.bandwidth_mbps',
  'metrics.cost_score',
  'metrics.hop_count',
  'metrics.latency_ms',
  'metrics.reliability_score',
  'score',
]
const ROUTE = [...METRICS, 'tiebreakers[].value']

export const MOVED_BY: Readonly<Record<NumberEvent, readonly string[]>> = {
  // Besides every answer's own timestamp.
  'time passes': [
    ...prometheus('telemetry_store_entries{store=history_points}'),
    ...clusters('last_heartbeat'),
    ...nodes('last_seen'),
    ...['rpc', 'pubsub', 'federation'].flatMap((name) => system(name, 'last_updated')),
    // While the pauses between dials of a seed that is down are short.
    '/diagnosis diagnosis.peers[].dial.next_at',
    ...on('/diagnosis', 'diagnosis.', 'uptime_seconds', 'wall_clock', 'refusals[].count', 'refusals[].last_at', 'refusals[].latest_at[]'),
    ...resolver('generated_at', 'stats.last_prune_at', 'stats.last_seed_at'),
    ...prometheus('discovery_summaries_exported_total', 'discovery_summary_last_export_time_seconds'),
    ...prometheus('discovery_summary_messages_total{outcome=applied}'),
    ...summaries('generated_at', 'stats.last_message_at', 'stats.last_prune_at', 'stats.messages_applied', 'stats.summaries_applied'),
    ...summaryExport('generated_at', 'exports_total', 'last_export_at', 'summaries_exported', 'store_forward_queued'),
    ...summaryExport(...['exports_total', 'last_export_at', 'summaries_exported'].map((name) => `per_namespace[].${name}`)),
    ...on(
      '/discovery/lag',
      'lag.',
      'generated_at',
      'delta_lag_seconds',
      'last_seed_at',
      'last_summary_export_at',
      'summary_export_lag_seconds',
    ),
    '/discovery/policy policy.generated_at',
    '/health federation_health.last_updated',
    ...on('/metrics', 'collection_info.', 'collection_duration_ms', 'collection_timestamp'),
    ...unified('collection_info.collection_duration_ms', 'collection_info.collection_timestamp'),
    ...prometheus('dial_rounds_total', 'node_uptime_seconds', 'sync_rounds_total', 'transport_dial_failures_total'),
    ...seriesOf('monitor_request_duration_seconds', 'route=*'),
    // The first point of every series; the next one comes with the next minute.
    '/metrics/timeseries data_points',
    '/routing/trace trace.evaluated_at',
    '/topology topology.snapshot_timestamp',
    '/topology/graph graph_data.timestamp',
    // Of the own cluster.
    ...graphMonitor('metrics_collector.collection_status', 'last_collection'),
    ...graphMonitor('metrics_collector.metrics_statistics', 'stored_metrics', 'success_rate', 'total_collected', 'update_successes'),
    ...graphMonitor('metrics_collector.recent_metrics_by_type', 'health', 'utilization'),
    ...graphMonitor('monitoring_status', 'uptime_seconds'),
  ],
  'client connects': [
    ...system('rpc', 'active_connections'),
    ...prometheus('connections', 'connections_accepted_total', 'system_connections{system=rpc}'),
  ],
  subscription: [
    ...resolver('entry_counts.topics', 'stats.last_seed_counts.topics'),
    '/discovery/lag lag.last_delta_at',
    ...system('pubsub', 'active_connections'),
    ...prometheus('pubsub_subscribers', 'pubsub_subscriptions', 'system_connections{system=pubsub}', 'catalog_entries{kind=topics}'),
    ...prometheus('frames_received_total{role=subscribe}'),
    '/explain/topic explanation.candidates[].facts.subscriptions_total',
  ],
  publication: [
    ...system('pubsub', ...COUNTS, ...LATENCIES, ...LIFETIME_LATENCIES),
    ...seriesOf('operation_duration_seconds', 'system=pubsub'),
    ...['latency_average_seconds', 'latency_p95_seconds', 'latency_p99_seconds', 'operations_last_hour', 'requests_per_second'].flatMap(
      (name) => prometheus(`system_${name}{system=pubsub}`),
    ),
    ...prometheus('frames_received_total{role=publish}', 'pubsub_messages_published_total', 'pubsub_messages_delivered_total'),
    ...prometheus('pubsub_backlog_bytes', 'pubsub_backlog_messages'),
  ],
  calls: [
    ...prometheus(
      'telemetry_store_entries{store=events}',
      'telemetry_store_entries{store=chains}',
      'telemetry_store_entries{store=timelines}',
    ),
    ...system('rpc', ...COUNTS, ...LATENCIES, ...LIFETIME_LATENCIES),
    ...seriesOf('operation_duration_seconds', 'system=rpc'),
    ...['latency_average_seconds', 'latency_p95_seconds', 'latency_p99_seconds', 'operations_last_hour', 'requests_per_second'].flatMap(
      (name) => prometheus(`system_${name}{system=rpc}`),
    ),
    ...prometheus('correlations', 'frames_received_total{role=rpc}', 'rpc_commands_total', 'rpc_requests_total'),
    ...prometheus('transport_messages_received_total', 'transport_messages_sent_total'),
    ...prometheus('transport_received_bytes_total', 'transport_sent_bytes_total'),
    ...crossing('total_cross_system_correlations'),
    ...unified('correlation_metrics.end_to_end_latency_p95_ms'),
    ...unified('performance_summary.average_cross_system_latency_ms', 'performance_summary.total_requests_per_second'),
    ...on('/performance', 'performance_summary.', 'average_latency_ms', 'requests_per_second'),
    ...on('/metrics/performance', 'performance.', 'latency.average_ms', 'throughput.requests_per_second'),
  ],
  'discovery queries': [
    ...['catalog', 'cluster_map'].flatMap((kind) => QUERY_EVENTS.flatMap((name) => resolver(`query_cache.${kind}_${name}`))),
    ...resolver('query_cache.catalog_entries', 'query_cache.cluster_map_entries'),
    ...prometheus(...QUERY_EVENTS.map((name) => `discovery_query_cache_total{outcome=${name}}`)),
  ],
  'failing calls': [
    ...prometheus('telemetry_store_entries{store=alert_history}', 'telemetry_store_entries{store=upkeep_events}'),
    ...system('rpc', ...FAILURES),
    ...prometheus('rpc_requests_failed_total', 'system_error_ratio{system=rpc}', 'health_score_ratio'),
    ...unified('correlation_metrics.correlation_success_rate_percent', 'correlation_metrics.correlation_tracking_success_rate'),
    ...overall('health_score'),
    ...nodes('health_score'),
    '/health federation_health.health_score',
    '/health/summary health_summary.overall.health_score',
    ...on('/alerts', '', 'alert_count'),
    ...on('/alerts', 'active_alerts[].', 'current_value', 'threshold_value', 'timestamp'),
    ...on('/diagnosis', 'diagnosis.alerts[].', 'current_value', 'since', 'threshold_value'),
    ...on('/alerts/history', 'alert_history[].', 'current_value', 'threshold_value', 'timestamp'),
    '/alerts/history total_alerts',
    ...on('/performance/bottlenecks', 'bottlenecks.federation_bottlenecks[].', 'current_value', 'threshold_value', 'timestamp'),
    ...on('/metrics/timeseries', '', 'data[][]'),
  ],
  'more failing calls': [
    ...overall('systems_degraded', 'systems_healthy'),
    ...prometheus('alerts_active{severity=error}'),
    '/alerts severity_breakdown.error',
    '/alerts/history alert_history[].resolved_at',
  ],
  'many failing calls': [
    ...overall('systems_critical'),
    ...prometheus('alerts_active{severity=critical}', 'log_lines_total{level=CRITICAL}'),
    '/alerts severity_breakdown.critical',
    '/log/lines lines[].timestamp',
  ],
  acknowledgement: ['/alerts/history alert_history[].acknowledged_at'],
  'call in steps': [
    ...on('/timelines/{id}', 'events[].', 'latency_ms', 'metadata.level', 'metadata.subscribers', 'timestamp'),
    ...unified('correlation_metrics.rpc_to_pubsub_events'),
  ],
  'refused unsubscription': [
    ...system('pubsub', ...FAILURES),
    ...prometheus('frames_received_total{role=unsubscribe}', 'system_error_ratio{system=pubsub}'),
  ],
  'peers join': [
    ...resolver('entry_counts.functions', 'entry_counts.nodes', 'stats.deltas_applied', 'stats.last_delta_at'),
    ...resolver('stats.last_delta_counts.nodes_added', 'stats.last_seed_counts.functions', 'stats.last_seed_counts.nodes'),
    ...summaries('entry_counts.summaries'),
    ...prometheus('discovery_summaries', 'discovery_resolver_deltas_total{outcome=applied}'),
    ...prometheus(...['functions', 'nodes', 'topics'].map((kind) => `discovery_resolver_entries{kind=${kind}}`)),
    ...on('/diagnosis', 'diagnosis.peers[].', 'clock_offset_seconds', 'dial.failures', 'dial.successes_total'),
    ...on('/diagnosis', 'diagnosis.peers[].link.', 'connected_since', 'reconnects_10m', 'rtt_ms'),
    ...on('/diagnosis', 'diagnosis.routes.', 'destinations[].nodes', 'destinations[].routes', 'routes_active'),
    '/explain/function explanation.candidates[].facts.load',
    ...on(
      '/explain/peer',
      'explanation.candidates[].facts.',
      'attempts_total',
      'consecutive_failures',
      'established',
      'frames_sent',
      'lost',
    ),
    ...on('/explain/peer', 'explanation.candidates[].facts.', 'last_attempt_at', 'last_established_at', 'last_success_at', 'reconnects'),
    ...on('/explain/peer', 'explanation.candidates[].facts.', 'reconnects_10m', 'restarts', 'round_trip_ms', 'sends_failed', 'since'),
    ...on('/explain/peer', 'explanation.', 'since', 'evidence[].at', 'candidates[].facts.successes_total'),
    // Of what was refused.
    ...on('/explain/peer', 'explanation.candidates[].facts.', 'count', 'first_at', 'last_at'),
    ...on('/explain/route', 'explanation.candidates[].facts.', ...ROUTE),
    ...on('/routing/trace', 'trace.candidates[].', ...ROUTE),
    ...on('/routing/trace', 'trace.selected.', ...ROUTE),
    '/routing/trace trace.forwarding_plan.remaining_hops',
    ...on('/routing/link-state', 'link_state.', 'entries', 'stats.updates_applied', 'stats.updates_received'),
    ...on('/health', 'federation_health.connection_health.', 'active_connections', 'total_connections'),
    ...clusterCounts('healthy'),
    ...clusterCounts('total'),
    ...clusters('active_connections', 'node_count'),
    '/health/clusters total_clusters',
    ...on('/health/summary', 'health_summary.connections.', 'active', 'total'),
    '/metrics federation_metrics.federation_system.active_connections',
    ...on('/metrics/connections', 'connections.', 'active_connections', 'average_connection_latency_ms', 'total_connections'),
    '/metrics/connections connections.connections_by_cluster.*',
    // Of the first call to the other cluster.
    '/performance performance_summary.cross_cluster_hops_average',
    '/metrics/performance performance.topology.cross_cluster_hops_average',
    ...system('federation', 'active_connections'),
    ...endpoints('active_connections', 'healthy_connections', 'last_health_check', 'total_connections'),
    ...on('/performance/clusters/{cluster_id}', 'performance.', 'active_connections', 'network_latency'),
    ...nodes('port'),
    ...on('/topology', 'topology.', 'clusters.*.node_count', 'edges[].latency_ms', 'summary.total_edges', 'summary.total_nodes'),
    ...on('/topology', 'topology.summary.', 'clustering_coefficient', 'graph_diameter'),
    '/topology/analysis analysis.topology_score',
    ...on('/topology', 'topology.federation.', 'clusters[].health_score', 'clusters[].utilization'),
    ...on('/topology', 'topology.federation.links[].', 'latency_ms', 'samples', 'utilization'),
    ...graphMonitor('cache_manager', 'invalidations_by_reason.edge_added', 'invalidations_triggered'),
    ...graphMonitor('graph_statistics', 'average_connectivity', 'healthy_nodes', 'node_types.cluster', 'total_edges', 'total_nodes'),
    ...graphMonitor('graph_statistics', 'path_computations', 'usability_ratio', 'usable_edges'),
    ...graphMonitor('graph_statistics.cache_statistics', 'cache_misses', 'total_entries'),
    ...graphMonitor('metrics_collector.recent_metrics_by_type', 'latency'),
    ...graphMonitor('optimizer.optimization_status', 'last_optimization'),
    ...on('/topology/graph', 'graph_data.', 'edge_list[].latency_ms', 'edges'),
    ...on('/topology/paths', 'routing_paths.', 'average_path_length', 'path_efficiency', 'redundant_paths', 'total_paths'),
    ...prometheus('catalog_entries{kind=nodes}', 'catalog_owners', 'cluster_nodes{cluster=*}', 'dial_targets', 'dial_targets_connected'),
    ...prometheus(
      'federation_links_healthy',
      'federation_links{cluster=*}',
      'federation_round_trip_seconds',
      'frames_received_total{role=peer}',
    ),
    ...prometheus('gossip_cycles_total', 'gossip_messages_received_total', 'gossip_messages_sent_total', 'log_lines_total{level=INFO}'),
    ...prometheus('members{state=alive}', 'membership_probes_total{outcome=answered}', 'peer_directory_clusters', 'peer_directory_nodes'),
    ...prometheus('peer_frames_sent_total', 'peers', 'route_announcements_accepted_total', 'route_destinations', 'routes'),
    ...prometheus('sync_entries_received_total', 'system_connections{system=federation}', 'transport_dials_total'),
  ],
  'calls to peers': [
    ...system('federation', ...COUNTS, ...LATENCIES.filter((name) => !name.startsWith('p99')), ...LIFETIME_LATENCIES),
    ...on('/metrics', 'federation_metrics.federation_system.', 'average_latency_ms', 'p95_latency_ms', 'requests_per_second'),
    ...crossing('cross_cluster_latency_p95_ms', 'federation_message_hops[]'),
    '/health federation_health.performance.cross_cluster_latency_p95_ms',
    '/performance performance_summary.p95_latency_ms',
    '/metrics/performance performance.latency.p95_ms',
    ...endpoints('average_response_time_ms', 'total_operations_last_hour'),
    ...seriesOf('operation_duration_seconds', 'system=federation'),
    ...['latency_average_seconds', 'latency_p95_seconds', 'operations_last_hour', 'requests_per_second'].flatMap((name) =>
      prometheus(`system_${name}{system=federation}`),
    ),
    ...prometheus('federation_cross_cluster_latency_p95_seconds', 'rpc_calls_answered_total'),
    ...graphMonitor('graph_statistics.cache_statistics', 'cache_hits', 'hit_rate'),
    ...prometheus('route_plans_by_reason_total{reason=ok}', 'route_plans_total'),
  ],
  'calls under way': [
    ...prometheus('correlations_active', 'rpc_calls_pending', 'rpc_calls_sent_total', 'rpc_requests_in_flight'),
    ...unified('performance_summary.total_active_correlations'),
  ],
  'calls without answer': [
    ...system('federation', 'p99_latency_ms', ...FAILURES),
    ...prometheus('system_latency_p99_seconds{system=federation}'),
    '/metrics federation_metrics.federation_system.error_rate_percent',
    ...crossing('federation_success_rate_percent'),
    ...unified('correlation_metrics.transport_health_scores.*'),
    '/health federation_health.connection_health.success_rate_percent',
    ...clusterCounts('critical'),
    ...clusterCounts('degraded'),
    ...clusters('health_score'),
    '/health/summary health_summary.connections.success_rate_percent',
    '/metrics/connections connections.connection_success_rate',
    ...on('/performance', 'performance_summary.', 'error_rate_percent', 'federation_efficiency_score', 'p99_latency_ms'),
    '/metrics/performance performance.latency.p99_ms',
    ...on('/metrics/performance', 'performance.reliability.', 'error_rate_percent', 'federation_efficiency_score'),
    ...on('/performance/bottlenecks', 'bottlenecks.network_bottlenecks[].', 'current_value', 'threshold_value'),
    '/performance/clusters/{cluster_id} performance.success_rate_percent',
    '/topology topology.clusters.*.health_score',
    ...endpoints('degraded_connections', 'error_rate_percent', 'failed_connections', 'overall_health_score'),
    ...prometheus('cluster_health_score_ratio{cluster=*}', 'federation_success_ratio', 'rpc_requests_timed_out_total'),
    ...prometheus('health_status{status=critical}', 'health_status{status=healthy}', 'system_error_ratio{system=federation}'),
    ...prometheus('transport_failed_connections{endpoint=*}', 'transport_health_score_ratio{endpoint=*}'),
  ],
  'calls from peers': prometheus('rpc_remote_requests_total'),
  'publication to peers': prometheus('pubsub_copies_sent_total'),
  'unknown function': ['/diagnosis diagnosis.refusals[].first_at'],
  'worker call': prometheus('rpc_worker_calls_total', 'rpc_worker_threads'),
  'malformed frames': prometheus('frames_received_total{role=malformed}', 'frames_received_total{role=unknownRole}'),
  'process at work': [
    ...on('/diagnosis', 'diagnosis.process.', 'cpu_percent', 'rss_bytes'),
    ...prometheus('process_cpu_seconds_total', 'process_heap_used_bytes', 'process_resident_memory_bytes'),
    ...on('/performance/clusters/{cluster_id}', 'performance.', 'cpu_usage', 'memory_usage'),
  ],
  stall: [
    ...on('/diagnosis', 'diagnosis.process.', 'loop_delay_max_ms', 'loop_delay_p99_ms', 'stalls[].at', 'stalls[].ms'),
    ...prometheus('process_event_loop_delay_p99_seconds', 'log_lines_total{level=WARNING}', 'membership_pauses_total'),
  ],
  recovery: prometheus('health_status{status=degraded}'),
  'log lines': prometheus('log_lines_total{level=DEBUG}'),
  'new settings': [
    ...on('/config', 'configuration.', 'policies.active', 'policies.total', 'version_info.last_update'),
    ...on('/config/policies', 'policies.', 'active_policies', 'total_policies'),
  ],
  'function registered': [
    ...prometheus('catalog_entries{kind=functions}', 'functions', 'sync_entries_sent_total'),
    ...resolver('stats.last_delta_counts.functions_added'),
    ...summaryExport('last_export_count', 'per_namespace[].last_export_count'),
  ],
  'peer leaves': [
    ...resolver(...['functions', 'nodes', 'topics'].map((kind) => `stats.last_delta_counts.${kind}_removed`)),
    ...on('/diagnosis', 'diagnosis.peers[].', 'last_seen_at', 'link.last_disconnect_at', 'liveness_since'),
    ...on('/explain/peer', 'explanation.candidates[].facts.', 'last_code', 'last_lost_at'),
    ...prometheus('catalog_deltas_applied_total', 'catalog_tombstones', 'route_withdrawals_applied_total'),
  ],
}
