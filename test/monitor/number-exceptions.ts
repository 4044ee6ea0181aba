/** Numbers that no event of the scene moves: those that nothing moves while a node runs, and those that take rarer or rougher events. */

const on = (path: string, prefix: string, ...fields: readonly string[]) => fields.map((field) => `${path} ${prefix}${field}`)
const prometheus = (...names: readonly string[]) => on('/metrics/prometheus', 'mpreg_', ...names)

const graphMonitor = (part: string, ...fields: readonly string[]) => on('/topology/analysis', `analysis.graph_monitor.${part}.`, ...fields)
const resolver = (...fields: readonly string[]) => on('/discovery/cache', 'resolver_cache.', ...fields)
/** Of catalog entries. */
const ABSENT_KINDS = ['cache_profiles', 'caches', 'queues', 'services']

/** By the reason. They may appear in the course of the scene; once there, they must stay as they are. */
export const CONSTANT: Readonly<Record<string, readonly string[]>> = {
  'where the node listens, since it started': [
    '/ monitoring_port',
    ...on('/transport/endpoints', 'transport_endpoints.', 'assignments[].port', 'last_updated'),
    ...prometheus('process_start_time_seconds'),
  ],
  'what the node is, as a label': prometheus('node_info{node_id=*,cluster_id=*,version=*}'),
  'the room there is': prometheus(
    ...['events', 'upkeep_events', 'chains', 'timelines', 'running_requests', 'history_points', 'alert_history'].map(
      (store) => `telemetry_store_entries_max{store=${store}}`,
    ),
  ),
  // They are told of when they end; those that run now are mpreg_rpc_requests_in_flight.
  'requests are told of as a whole': prometheus('telemetry_store_entries{store=running_requests}'),
  'how many routes the service has': ['/endpoints total_endpoints'],
  'a setting': [
    ...on(
      '/diagnosis',
      'diagnosis.settings.',
      'fabric_catalog_ttl_seconds',
      'fabric_route_announce_interval_seconds',
      'fabric_route_ttl_seconds',
      'fabric_routing_max_hops',
      'gossip_interval_seconds',
      'send_buffer_bytes_max',
    ),
    ...on(
      '/discovery/summary',
      'summary_export.',
      'hold_down_seconds',
      'interval_seconds',
      'store_forward_max_messages',
      'store_forward_seconds',
    ),
  ],
  'how the graph of clusters is watched': [
    ...graphMonitor('cache_manager.thresholds', 'health_change', 'latency_change', 'load_change', 'reliability_change'),
    ...graphMonitor('cache_manager.thresholds', 'utilization_change'),
    ...graphMonitor('metrics_collector.collection_status', 'active_collectors', 'collection_interval'),
    ...graphMonitor('optimizer.optimization_status', 'optimization_interval'),
  ],
  'when the node started': graphMonitor('monitoring_status', 'start_time'),
  'a node knows clusters, no hubs': graphMonitor('graph_statistics.node_types', 'global_hub', 'local_hub', 'regional_hub'),
  'what was asked for': on('/metrics/timeseries', '', 'duration_hours', 'resolution_minutes'),
  'every policy of this scene applies; settings are taken up at once': [
    '/config configuration.policies.compliance_percent',
    '/config/policies policies.compliance_percent',
    '/config configuration.version_info.pending_changes',
  ],
  'no threshold has this severity': [
    '/alerts severity_breakdown.info',
    ...prometheus('alerts_active{severity=info}', 'alerts_active{severity=emergency}'),
  ],
  'a cluster without a link to it is not listed, and the own one is there while the node is': [
    '/health federation_health.unavailable_clusters',
    '/health/summary health_summary.cluster_counts.unavailable',
    ...prometheus('health_status{status=unavailable}'),
  ],
  'there is no queue and no cache: none of their events can happen': [
    ...on(
      '/metrics/unified',
      'unified_metrics.correlation_metrics.',
      'pubsub_to_cache_events',
      'pubsub_to_queue_events',
      'queue_to_cache_events',
      'rpc_to_cache_events',
      'rpc_to_queue_events',
    ),
    '/metrics/unified unified_metrics.overall_health.systems_unavailable',
    ...prometheus(...ABSENT_KINDS.map((kind) => `catalog_entries{kind=${kind}}`)),
  ],
  'there is no queue, no cache and no service that a resolver could hold': ABSENT_KINDS.flatMap((kind) => [
    ...resolver(
      `entry_counts.${kind}`,
      `stats.last_seed_counts.${kind}`,
      `stats.last_prune_counts.${kind}`,
      `stats.last_delta_counts.${kind}_added`,
      `stats.last_delta_counts.${kind}_removed`,
    ),
    ...prometheus(`discovery_resolver_entries{kind=${kind}}`),
  ]),
  'a resolver follows the catalog of its own process, which tells of nothing invalid': resolver('stats.deltas_invalid'),
  'nothing is logged at these levels': prometheus('log_lines_total{level=SUCCESS}', 'log_lines_total{level=TRACE}'),
}

/** A test that makes it move, by file and by what stands in it. */
export interface Elsewhere {
  readonly names: readonly string[]
  readonly file: string
  /** The title of the test, or the member it looks at. */
  readonly text: string
}

export const ELSEWHERE: readonly Elsewhere[] = [
  {
    names: [...resolver('stats.deltas_skipped'), ...prometheus('discovery_resolver_deltas_total{outcome=skipped}')],
    file: 'src/discovery/resolver.test.ts',
    text: 'deltas_skipped: 1',
  },
  {
    names: resolver('stats.last_delta_counts.topics_added'),
    file: 'src/discovery/delta-stream.test.ts',
    text: 'counts: { topics_added: 1 }',
  },
  {
    names: resolver(...['functions', 'nodes', 'topics'].map((kind) => `stats.last_prune_counts.${kind}`)),
    file: 'src/discovery/resolver.test.ts',
    text: 'last_prune_counts: { functions: 1 }',
  },
  {
    names: [
      ...on('/discovery/cache', 'summary_cache.stats.', 'messages_invalid', 'messages_skipped', 'summaries_expired'),
      ...prometheus(...['invalid', 'skipped'].map((outcome) => `discovery_summary_messages_total{outcome=${outcome}}`)),
    ],
    file: 'src/discovery/summary-store.test.ts',
    text: 'summaries_expired: 1',
  },
  {
    names: ['/discovery/summary summary_export.hold_downs_total', ...prometheus('discovery_summary_hold_downs_total')],
    file: 'src/discovery/summary-export.test.ts',
    text: 'hold_downs_total).toBe(2)',
  },
  {
    names: [
      ...on('/topology', 'topology.federation.links[].', 'jitter_ms', 'packet_loss'),
      ...graphMonitor('metrics_collector.recent_metrics_by_type', 'bandwidth', 'jitter', 'packet_loss'),
    ],
    file: 'src/node/graph-sources.test.ts',
    text: "said('packet_loss')",
  },
  {
    names: [
      ...graphMonitor('metrics_collector.metrics_statistics', 'collection_errors', 'error_rate'),
      ...graphMonitor(
        'metrics_collector.metrics_statistics.refused_by_reason',
        ...['out_of_range', 'too_old', 'too_uncertain', 'unknown_element'],
      ),
    ],
    file: 'src/fabric/routing/graph/metric-collector.test.ts',
    text: 'too_uncertain: 1',
  },
  {
    names: [
      ...graphMonitor(
        'cache_manager.invalidations_by_reason',
        ...['latency', 'reliability', 'usability', 'utilization'].map((what) => `edge_${what}_change`),
        ...['health', 'healthiness', 'load'].map((what) => `node_${what}_change`),
        'edge_removed',
      ),
      ...graphMonitor('cache_manager', 'paths_dropped'),
    ],
    file: 'src/fabric/routing/graph/path-invalidation.test.ts',
    text: 'invalidations_by_reason',
  },
  {
    names: graphMonitor('graph_statistics', 'health_ratio'),
    file: 'src/fabric/routing/graph/federation-graph.test.ts',
    text: 'health_ratio',
  },
  {
    names: [
      ...graphMonitor(
        'optimizer.optimization_history',
        'total_optimizations',
        ...['add_parallel_connection', 'add_redundancy', 'add_redundant_connection', 'load_balancing'].map(
          (type) => `optimizations_by_type.${type}`,
        ),
      ),
      ...graphMonitor('optimizer', 'current_suggestions', 'suggestions_by_priority.*'),
    ],
    file: 'src/fabric/routing/graph/graph-optimizer.test.ts',
    text: 'suggestions_by_priority',
  },
  {
    names: prometheus('discovery_policy_rules'),
    file: 'test/node/discovery.test.ts',
    text: 'policy_rules: 1',
  },
  {
    names: prometheus('discovery_rate_limit_keys_evicted_total'),
    file: 'src/discovery/access.test.ts',
    text: 'expect(limit.evictedEarly).toBe(1)',
  },
  {
    names: on('/discovery/policy', 'policy.', 'access_total', 'audit_total', 'rule_count'),
    file: 'test/cli/discovery-policy.test.ts',
    text: 'rule_count: 1, audit_total: 4, access_total: 4',
  },
  {
    names: prometheus('alert_notifications_total{outcome=sent}', 'alert_notifications_total{outcome=failed}'),
    file: 'src/telemetry/alerts/notifier.test.ts',
    text: 'failed_deliveries',
  },
  {
    names: prometheus('alert_notifications_total{outcome=rate_limited}'),
    file: 'src/telemetry/alerts/notifier.test.ts',
    text: 'rate_limited',
  },
  {
    names: [...prometheus('alerts_active{severity=warning}'), '/alerts severity_breakdown.warning'],
    file: 'src/telemetry/alerts/alerts.test.ts',
    text: "severity: 'warning'",
  },
  { names: prometheus('catalog_entries_hidden'), file: 'src/fabric/catalog/owner-updates.test.ts', text: 'hidden_entries' },
  {
    names: prometheus(
      'fabric_messages_refused_total{reason=cluster_not_admitted}',
      'fabric_messages_refused_total{reason=function_blocked}',
      'fabric_messages_refused_total{reason=function_not_allowed}',
      'fabric_messages_refused_total{reason=rate_limited}',
      'rpc_remote_requests_refused_total',
    ),
    file: 'src/node/admission.test.ts',
    text: 'function_not_allowed',
  },
  { names: prometheus('gossip_messages_rate_limited_total'), file: 'src/fabric/gossip/gossip.test.ts', text: 'rate_limited' },
  { names: prometheus('gossip_messages_unreadable_total'), file: 'src/fabric/gossip/gossip.test.ts', text: 'unreadable_messages' },
  {
    names: prometheus('members_failed_total', 'members_recovered_total', 'members_suspected_total', 'membership_refutations_total'),
    file: 'src/fabric/membership/membership.test.ts',
    text: 'nodes_recovered',
  },
  {
    names: prometheus('members{state=failed}', 'members{state=suspect}'),
    file: 'src/fabric/membership/membership.test.ts',
    text: 'suspect_nodes',
  },
  { names: prometheus('membership_local_health'), file: 'src/fabric/membership/awareness.test.ts', text: 'local_health' },
  {
    names: prometheus('membership_probes_total{outcome=failed}'),
    file: 'src/fabric/membership/membership.test.ts',
    text: 'probe_failures',
  },
  {
    names: prometheus('node_ready', 'node_readiness_check{check=*}'),
    file: 'test/monitor/http.test.ts',
    text: "checks: [{ name: 'listening', ok: false",
  },
  { names: prometheus('peer_links_replaced_total'), file: 'src/fabric/peers/peers.test.ts', text: 'links_replaced' },
  {
    names: [
      ...prometheus('peer_sends_failed_total', 'peer_sends_refused_by_breaker_total'),
      '/metrics/unified unified_metrics.correlation_metrics.circuit_breaker_events',
    ],
    file: 'src/fabric/peers/peers.test.ts',
    text: 'sends_refused_by_breaker',
  },
  { names: prometheus('pubsub_backlog_dropped_total'), file: 'src/pubsub/exchange.test.ts', text: 'dropped_total' },
  { names: prometheus('pubsub_copies_failed_total'), file: 'src/pubsub/forwarding.test.ts', text: 'that nothing leads to is counted' },
  { names: prometheus('pubsub_copies_waiting'), file: 'src/pubsub/forwarding.test.ts', text: 'copies_waiting' },
  {
    names: prometheus('pubsub_relayed_total'),
    file: 'src/pubsub/forwarding.test.ts',
    text: 'by way of the one in the middle',
  },
  {
    names: prometheus('route_announcements_rejected_total', 'route_hold_down_rejects_total', 'route_suppression_rejects_total'),
    file: 'src/fabric/routing/path-vector/route-table.test.ts',
    text: 'suppression_rejects',
  },
  {
    names: prometheus('route_convergence_average_seconds', 'routes_purged_total'),
    file: 'src/fabric/routing/path-vector/route-table.test.ts',
    text: 'convergence_seconds',
  },
  {
    names: [
      ...on('/routing/link-state', 'link_state.', 'area_mismatch_rejects', 'stats.entries_expired', 'stats.updates_filtered'),
      '/routing/link-state link_state.stats.updates_rejected',
      '/routing/trace trace.link_state_hint.area_mismatch_rejects',
    ],
    file: 'src/fabric/routing/link-state/link-state.test.ts',
    text: 'updates_filtered',
  },
  {
    names: prometheus('rpc_calls_lost_total', 'rpc_calls_moved_total', 'rpc_relayed_total'),
    file: 'test/monitor/rare-numbers.test.ts',
    text: 'calls_lost',
  },
  { names: prometheus('rpc_replies_undeliverable_total'), file: 'test/monitor/rare-numbers.test.ts', text: 'replies_undeliverable' },
  { names: prometheus('sync_differences_total'), file: 'test/monitor/rare-numbers.test.ts', text: 'sync_differences' },
  // The refusals they count.
  {
    names: prometheus('rpc_hop_budget_exhausted_total', 'rpc_loops_total'),
    file: 'src/fabric/routing/headers.test.ts',
    text: 'routing check 36',
  },
  { names: prometheus('rpc_requests_overloaded_total'), file: 'src/rpc/executor.test.ts', text: 'requests_overloaded' },
  {
    names: prometheus('rpc_worker_calls_waiting'),
    file: 'test/node/worker-pool.test.ts',
    text: 'waiting',
  },
  {
    names: prometheus('fabric_messages_malformed_total'),
    file: 'src/rpc/forwarder.test.ts',
    text: 'snapshot().malformed',
  },
  {
    names: prometheus('frames_received_total{role=oversizedAnswers}'),
    file: 'test/interop/one-node.test.ts',
    text: 'when a result is larger than a message may be',
  },
  {
    names: prometheus('transport_malformed_total', 'transport_refused_total'),
    file: 'test/transport/access.test.ts',
    text: 'network.snapshot().refused',
  },
  { names: prometheus('log_lines_dropped_total'), file: 'src/node/stderr-sink.test.ts', text: 'loses records when the reader is gone' },
  { names: prometheus('log_lines_total{level=ERROR}'), file: 'src/telemetry/log.test.ts', text: 'ERROR' },
]

/**
 * There only sometimes. Bottlenecks while the machine is busy enough: the processor time and memory they are taken from move with their own events.
 * Suggestions for the moment in which a cluster has been heard of, and its link has not. Denials once somebody has been turned away.
 */
export const NOT_ALWAYS_THERE: readonly string[] = [
  ...prometheus('discovery_denials_total{reason=*}'),
  ...['cpu', 'memory'].flatMap((what) =>
    on('/performance/bottlenecks', `bottlenecks.${what}_bottlenecks[].`, 'current_value', 'threshold_value'),
  ),
  ...on('/topology/analysis', 'analysis.suggestions[].', 'estimated_improvement', 'implementation_cost', 'priority'),
]
