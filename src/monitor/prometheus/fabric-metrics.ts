/** The control plane: federation links, peers, membership, gossip, catalog and routes. */
import type { FabricCounts } from './figures.ts'
import { counter, counterBy, entriesOf, gauge, gaugeBy, type MetricSection, type MetricSources } from './metric.ts'

/** Absent before the control plane runs. */
function fabric<T>(read: (counts: FabricCounts) => T): (sources: MetricSources) => T | undefined {
  return ({ figures }) => (figures.node.fabric === undefined ? undefined : read(figures.node.fabric))
}

export const fabricMetrics: readonly MetricSection[] = [
  {
    title: 'Federation',
    metrics: [
      gaugeBy(
        'cluster',
        'cluster_health_score_ratio',
        'Health of each known cluster, 0 to 1.',
        ({ clusters }) => Object.values(clusters).map((cluster) => [cluster.cluster_id, cluster.health_score]),
        { overflow: 'lowest' },
      ),
      gaugeBy('cluster', 'cluster_nodes', 'Nodes known of each cluster.', ({ clusters }) => {
        return Object.values(clusters).map((cluster) => [cluster.cluster_id, cluster.node_count])
      }),
      gaugeBy('cluster', 'federation_links', 'Links to nodes of each cluster.', ({ connections }) =>
        entriesOf(connections.connections_by_cluster),
      ),
      gauge('federation_links_healthy', 'Links in good health.', ({ connections }) => connections.active_connections),
      gauge('federation_success_ratio', 'Share of requests over links that succeeded, 0 to 1.', ({ connections }) => {
        return connections.connection_success_rate / 100
      }),
      gauge('federation_round_trip_seconds', 'Mean round trip over the links.', ({ connections }) => {
        const ms = connections.average_connection_latency_ms
        return ms === null ? undefined : ms / 1000
      }),
      gauge('federation_cross_cluster_latency_p95_seconds', '95th percentile of latencies between clusters.', ({ unified }) => {
        return unified.correlation_metrics.cross_cluster_latency_p95_ms / 1000
      }),
    ],
  },
  {
    title: 'Peers and membership',
    metrics: [
      gauge(
        'peers',
        'Nodes linked to this one.',
        fabric((of) => of.peers.links.peers),
      ),
      gauge(
        'peer_directory_nodes',
        'Nodes known to exist.',
        fabric((of) => of.peers.directory.nodes),
      ),
      gauge(
        'peer_directory_clusters',
        'Clusters known to exist.',
        fabric((of) => of.peers.directory.clusters),
      ),
      counter(
        'peer_frames_sent',
        'Frames sent to peers.',
        fabric((of) => of.peers.links.frames_sent),
      ),
      counter(
        'peer_sends_failed',
        'Frames that could not be sent to a peer.',
        fabric((of) => of.peers.links.sends_failed),
      ),
      counter(
        'peer_sends_refused_by_breaker',
        'Frames not sent because a circuit breaker was open.',
        fabric((of) => of.peers.links.sends_refused_by_breaker),
      ),
      counter(
        'peer_links_replaced',
        'Links replaced by a newer one to the same node.',
        fabric((of) => of.peers.links.links_replaced),
      ),
      gauge(
        'dial_targets',
        'Nodes worth a connection.',
        fabric((of) => of.dialing.targets),
      ),
      gauge(
        'dial_targets_connected',
        'Of those, the ones that have one.',
        fabric((of) => of.dialing.connected),
      ),
      counter(
        'dial_rounds',
        'Times it was decided whom to dial.',
        fabric((of) => of.dialing.rounds_total),
      ),
      gaugeBy(
        'state',
        'members',
        'Nodes by what failure detection makes of them.',
        fabric(({ membership: { membership_counts: of } }) => [
          ['alive', of.alive_nodes] as const,
          ['suspect', of.suspect_nodes] as const,
          ['failed', of.failed_nodes] as const,
        ]),
      ),
      counter(
        'members_suspected',
        'Times a node was suspected.',
        fabric((of) => of.membership.membership_stats.nodes_suspected),
      ),
      counter(
        'members_recovered',
        'Times a suspicion was lifted.',
        fabric((of) => of.membership.membership_stats.nodes_recovered),
      ),
      counter(
        'members_failed',
        'Times a node was declared failed.',
        fabric((of) => of.membership.membership_stats.nodes_failed),
      ),
      counter(
        'membership_refutations',
        'Times this node had to say that it lives.',
        fabric((of) => of.membership.membership_stats.refutations_sent),
      ),
      counterBy(
        'outcome',
        'membership_probes',
        'Probes of other nodes, by outcome.',
        fabric(({ membership: { probe_stats: of } }) => [
          ['answered', of.probe_successes] as const,
          ['failed', of.probe_failures] as const,
        ]),
      ),
      gauge(
        'membership_local_health',
        '0 when this node keeps up; higher the more it doubts itself.',
        fabric((of) => of.membership.awareness.local_health),
      ),
      counter(
        'membership_pauses',
        'Times the whole process stood still.',
        fabric((of) => of.membership.pauses_total),
      ),
    ],
  },
  {
    title: 'Gossip and catalog',
    metrics: [
      counter(
        'gossip_messages_sent',
        'Gossip messages sent.',
        fabric((of) => of.gossip.protocol_stats.messages_sent),
      ),
      counter(
        'gossip_messages_received',
        'Gossip messages received.',
        fabric((of) => of.gossip.protocol_stats.messages_received),
      ),
      counter(
        'gossip_cycles',
        'Rounds of gossip.',
        fabric((of) => of.gossip.protocol_stats.gossip_cycles),
      ),
      counter(
        'gossip_messages_rate_limited',
        'Gossip messages ignored because their sender sent too many.',
        fabric((of) => of.gossip.rate_limited),
      ),
      counter(
        'gossip_messages_unreadable',
        'Gossip messages that could not be read.',
        fabric((of) => of.gossip.unreadable_messages),
      ),
      counter(
        'sync_rounds',
        'Times the catalog was compared with a peer.',
        fabric((of) => of.sync.rounds),
      ),
      counter(
        'sync_differences',
        'Comparisons that showed a difference.',
        fabric((of) => of.sync.digests_different),
      ),
      counter(
        'sync_entries_sent',
        'Catalog entries sent to peers that lacked them.',
        fabric((of) => of.sync.entries_sent),
      ),
      counter(
        'sync_entries_received',
        'Catalog entries received from peers.',
        fabric((of) => of.sync.entries_received),
      ),
      gaugeBy(
        'kind',
        'catalog_entries',
        'Entries of the catalog, by kind.',
        fabric(({ catalog: of }) => [
          ['functions', of.functions] as const,
          ['topics', of.topics] as const,
          ['queues', of.queues] as const,
          ['services', of.services] as const,
          ['caches', of.caches] as const,
          ['cache_profiles', of.cache_profiles] as const,
          ['nodes', of.nodes] as const,
        ]),
      ),
      gauge(
        'catalog_owners',
        'Nodes that have entries in the catalog.',
        fabric((of) => of.catalog.owners),
      ),
      gauge(
        'catalog_entries_hidden',
        'Entries hidden because their node is unreachable.',
        fabric((of) => of.catalog.hidden_entries),
      ),
      gauge(
        'catalog_tombstones',
        'Removals remembered.',
        fabric((of) => of.catalog.tombstones),
      ),
      counter(
        'catalog_deltas_applied',
        'Changes to the catalog applied.',
        fabric((of) => of.catalog.deltas_applied),
      ),
      counterBy(
        'reason',
        'catalog_entries_refused',
        'Entries refused, by reason.',
        fabric((of) => entriesOf(of.catalog.refused) ?? []),
      ),
    ],
  },
  {
    title: 'Routes',
    metrics: [
      gauge(
        'routes',
        'Routes to other clusters.',
        fabric((of) => of.routing.routes.statistics.routes_active_total),
      ),
      gauge(
        'route_destinations',
        'Clusters there is a route to.',
        fabric((of) => of.routing.routes.statistics.destinations_tracked),
      ),
      counter(
        'route_announcements_accepted',
        'Announcements of routes accepted.',
        fabric((of) => of.routing.routes.statistics.announcements_accepted),
      ),
      counter(
        'route_announcements_rejected',
        'Announcements of routes rejected.',
        fabric((of) => of.routing.routes.statistics.announcements_rejected),
      ),
      counterBy(
        'reason',
        'route_rejections',
        'Announcements of routes rejected, by reason.',
        fabric((of) => {
          return entriesOf(of.routing.routes.statistics.rejection_reasons) ?? []
        }),
      ),
      counter(
        'route_withdrawals_applied',
        'Withdrawals of routes applied.',
        fabric((of) => of.routing.routes.statistics.withdrawals_applied),
      ),
      counter(
        'route_hold_down_rejects',
        'Routes rejected because they had just been withdrawn.',
        fabric((of) => of.routing.routes.statistics.hold_down_rejects),
      ),
      counter(
        'route_suppression_rejects',
        'Routes rejected because they flap.',
        fabric((of) => of.routing.routes.statistics.suppression_rejects),
      ),
      counter(
        'routes_purged',
        'Routes that expired.',
        fabric((of) => of.routing.routes.statistics.routes_purged),
      ),
      gauge(
        'route_convergence_average_seconds',
        'Mean time from the first word of a destination to its latest change.',
        fabric((of) => {
          return of.routing.routes.statistics.convergence_seconds_avg
        }),
      ),
      counter(
        'route_plans',
        'Decisions which node a message goes to next.',
        fabric((of) => of.routing.planner.plans_total),
      ),
      counterBy(
        'reason',
        'route_plans_by_reason',
        'Those decisions, by what settled them.',
        fabric((of) => entriesOf(of.routing.planner.by_reason) ?? []),
      ),
    ],
  },
]
