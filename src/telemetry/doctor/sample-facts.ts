/** Facts of healthy nodes, to be made ill by tests. */
import type { NodeFacts, PeerFacts, PeerLinkFacts } from './node-facts.ts'

export const NOW = 1_700_000_000

type Part<T> = { readonly [K in keyof T]?: T[K] }

export function sampleLink(link: Part<PeerLinkFacts> = {}): PeerLinkFacts {
  return {
    direction: 'dialed',
    connected_since: NOW - 500,
    reconnects_10m: 0,
    last_disconnect_at: null,
    last_disconnect_why: null,
    last_disconnect_reason: null,
    rtt_ms: 1,
    ...link,
  }
}

export function samplePeer(nodeId: string, peer: Part<PeerFacts> = {}): PeerFacts {
  return {
    node_id: nodeId,
    cluster_id: 'alpha',
    monitoring_url: `http://${nodeId}`,
    listed: true,
    hidden_reason: null,
    linked: true,
    link: sampleLink(),
    clock_offset_seconds: 0.01,
    departed: false,
    liveness: 'alive',
    liveness_since: null,
    suspected_since: null,
    dial: { url: nodeId, source: 'directory', reason: 'linked', failures: 0, successes_total: 1, next_at: null, last_error: '' },
    ...peer,
  }
}

/** How a node that ended without a word looks to another. */
export function gonePeer(nodeId: string, secondsAgo: number, peer: Part<PeerFacts> = {}): PeerFacts {
  return samplePeer(nodeId, {
    listed: false,
    hidden_reason: 'membership_failed',
    linked: false,
    link: sampleLink({
      direction: null,
      connected_since: null,
      last_disconnect_at: NOW - secondsAgo,
      last_disconnect_why: 'closed',
      last_disconnect_reason: '1006',
    }),
    clock_offset_seconds: null,
    liveness: 'failed',
    liveness_since: NOW - secondsAgo + 5,
    ...peer,
  })
}

export function sampleNode(nodeId: string, node: Part<NodeFacts> = {}): NodeFacts {
  return {
    node_id: nodeId,
    cluster_id: 'alpha',
    instance_id: `instance of ${nodeId}`,
    version: '0.1.0',
    uptime_seconds: 600,
    wall_clock: NOW,
    monitoring_url: `http://${nodeId}`,
    settings: {
      federation_mode: 'strict_isolation',
      fabric_routing_enabled: true,
      fabric_routing_max_hops: 5,
      gossip_interval_seconds: 5,
      fabric_catalog_ttl_seconds: 120,
      fabric_route_announce_interval_seconds: 10,
      fabric_route_ttl_seconds: 30,
      require_signatures: false,
      send_buffer_bytes_max: 32_000_000,
    },
    process: { cpu_percent: 1, rss_bytes: 100_000_000, loop_delay_p99_ms: 1, loop_delay_max_ms: 2, stalls: [] },
    peers: [],
    routes: { routes_active: 0, rejection_reasons: {}, destinations: [] },
    keys: null,
    refusals: [],
    slow_consumers: [],
    functions: [],
    ...node,
  }
}

/** Nodes of one cluster, all linked to all. */
export function sampleMesh(...nodeIds: readonly string[]): NodeFacts[] {
  return nodeIds.map((nodeId) =>
    sampleNode(nodeId, { peers: nodeIds.filter((other) => other !== nodeId).map((other) => samplePeer(other)) }),
  )
}
