/** What nodes tell of themselves in tests: a healthy node with the peers it is given. */
import type { NodeFacts, PeerFacts } from '../../src/telemetry/index.ts'

export interface SampleNode {
  readonly node_id: string
  readonly monitoring_url: string | null
}

export function healthyFacts(self: SampleNode, peers: readonly SampleNode[]): NodeFacts {
  return {
    ...self,
    cluster_id: 'golden',
    instance_id: `instance of ${self.node_id}`,
    version: '0.1.0',
    uptime_seconds: 3600,
    wall_clock: Date.now() / 1000,
    settings: {
      federation_mode: 'strict_isolation',
      fabric_routing_enabled: true,
      fabric_routing_max_hops: 5,
      gossip_interval_seconds: 5,
      fabric_catalog_ttl_seconds: 120,
      fabric_route_announce_interval_seconds: 10,
      fabric_route_ttl_seconds: 30,
      require_signatures: false,
      send_buffer_bytes_max: 1_000_000,
    },
    process: { cpu_percent: 3, rss_bytes: 64 * 1024 * 1024, loop_delay_p99_ms: 1.5, loop_delay_max_ms: 4, stalls: [] },
    peers: peers.map(linkedPeer),
    routes: { routes_active: 2, rejection_reasons: {}, destinations: [] },
    keys: null,
    refusals: [],
    slow_consumers: [],
    functions: [],
  }
}

function linkedPeer({ monitoring_url, node_id }: SampleNode): PeerFacts {
  return {
    node_id,
    cluster_id: 'golden',
    monitoring_url,
    listed: true,
    hidden_reason: null,
    linked: true,
    link: {
      direction: 'dialed',
      connected_since: Date.now() / 1000 - 3000,
      reconnects_10m: 0,
      last_disconnect_at: null,
      last_disconnect_why: null,
      last_disconnect_reason: null,
      rtt_ms: 1,
    },
    clock_offset_seconds: 0,
    departed: false,
    liveness: 'alive',
    liveness_since: null,
    suspected_since: null,
    dial: null,
  }
}
