/**
 * What a node tells the doctor about itself: everything a diagnosis needs and nothing else, measured by the node that tells it.
 *
 * A node sees its own part only. Several nodes' facts side by side show what none of them can know alone: whose clock is wrong, which end
 * of a link is at fault, whether a node is gone for all or for one.
 */
import type { Refusal } from '../refusals.ts'

export interface NodeFacts {
  readonly node_id: string
  readonly cluster_id: string
  readonly instance_id: string
  /** Of the software. */
  readonly version: string
  readonly uptime_seconds: number
  /** Unix seconds by the node's own clock at the moment of these facts. */
  readonly wall_clock: number
  readonly monitoring_url: string | null
  readonly settings: SettingFacts
  readonly process: ProcessFacts
  readonly peers: readonly PeerFacts[]
  readonly routes: RouteFacts
  /** Null: the node keeps no registry of keys. */
  readonly keys: KeyFacts | null
  /** The latest first. */
  readonly refusals: readonly Refusal[]
  readonly slow_consumers: readonly SlowConsumerFacts[]
  readonly functions: readonly FunctionFacts[]
  /** Those that nobody has taken notice of. Absent: not told. */
  readonly alerts?: readonly AlertFacts[]
}

/** Settings a finding may have to name. */
export interface SettingFacts {
  readonly federation_mode: string
  readonly fabric_routing_enabled: boolean
  readonly fabric_routing_max_hops: number
  readonly gossip_interval_seconds: number
  readonly fabric_catalog_ttl_seconds: number
  readonly fabric_route_announce_interval_seconds: number
  readonly fabric_route_ttl_seconds: number
  readonly require_signatures: boolean
  readonly send_buffer_bytes_max: number
}

export interface ProcessFacts {
  /** Of one core, since the last question; null where it is not measured. */
  readonly cpu_percent: number | null
  readonly rss_bytes: number | null
  /** How late timers ran, over the last minute; null before the first measurement. */
  readonly loop_delay_p99_ms: number | null
  readonly loop_delay_max_ms: number | null
  /** The last times the event loop stood still, oldest first. */
  readonly stalls: readonly Stall[]
}

export interface Stall {
  /** Unix seconds at which it ended. */
  readonly at: number
  readonly ms: number
}

export type PeerLiveness = 'alive' | 'suspect' | 'failed' | 'left'

export interface PeerFacts {
  readonly node_id: string
  /** Null while unknown. */
  readonly cluster_id: string | null
  readonly monitoring_url: string | null
  readonly listed: boolean
  readonly hidden_reason: string | null
  readonly linked: boolean
  /** Null: never linked, as far as this node remembers. */
  readonly link: PeerLinkFacts | null
  /** The peer's clock minus this node's; null while it has told no time. */
  readonly clock_offset_seconds: number | null
  /** It said goodbye. */
  readonly departed: boolean
  /** What failure detection holds of it; null: nothing. */
  readonly liveness: PeerLiveness | null
  /** Unix seconds since when {@link liveness} holds. */
  readonly liveness_since: number | null
  readonly suspected_since: number | null
  /** Unix seconds at which failure detection last had a sign of life of it; null or absent: not known. */
  readonly last_seen_at?: number | null
  /** Null: it is no candidate for a dial. */
  readonly dial: PeerDialFacts | null
}

export interface PeerLinkFacts {
  /** Null while there is no link. */
  readonly direction: 'dialed' | 'accepted' | 'both' | null
  /** Unix seconds. */
  readonly connected_since: number | null
  /** Times in the last 10 minutes that the link to the same process broke without a word and was made again. */
  readonly reconnects_10m: number
  /**
   * Unix seconds at which another process was linked after one that ended without a goodbye, the latest last; the last few since it said
   * goodbye. Absent: not told.
   */
  readonly crash_restarts_at?: readonly number[]
  readonly last_disconnect_at: number | null
  readonly last_disconnect_why: string | null
  readonly last_disconnect_reason: string | null
  readonly rtt_ms: number | null
}

export interface PeerDialFacts {
  readonly url: string
  readonly source: 'seed' | 'directory' | 'lost'
  /** Why it is dialed or not, as the dialing room names it. */
  readonly reason: string
  /** In a row. */
  readonly failures: number
  readonly successes_total: number
  /** Unix seconds; null: no dial is planned. */
  readonly next_at: number | null
  /** Empty: none. */
  readonly last_error: string
}

export interface RouteFacts {
  readonly routes_active: number
  /** Route messages refused since the start, by reason. */
  readonly rejection_reasons: Readonly<Record<string, number>>
  /** Every other cluster this node has heard of, and what would become of a message for it now. */
  readonly destinations: readonly DestinationFacts[]
}

export interface DestinationFacts {
  readonly cluster_id: string
  /** Nodes of it in the catalog. */
  readonly nodes: number
  readonly routes: number
  /** `ok`, or why a message could not go on. */
  readonly plan_reason: string
  /** Of a plan that failed, the path that could not be used; may be empty. */
  readonly planned_path: readonly string[]
}

export interface KeyFacts {
  readonly clusters: readonly ClusterKeyFacts[]
}

export interface ClusterKeyFacts {
  readonly cluster_id: string
  /** `lapsed`: it had keys, and all have ended. */
  readonly standing: 'active' | 'lapsed'
  /** The operator gave keys for this cluster, in the settings or a key file. */
  readonly pinned: boolean
  readonly keys: readonly RouteKeyFacts[]
}

export interface RouteKeyFacts {
  readonly key_id: string
  readonly source: string
  readonly primary: boolean
  readonly active: boolean
  /** Unix seconds; null: never. */
  readonly expires_at: number | null
}

/** A connection that has had much waiting for a while and does not catch up. */
export interface SlowConsumerFacts {
  readonly remote: string
  readonly kind: 'client' | 'peer'
  readonly buffered_bytes: number
  /** Unix seconds. */
  readonly since: number
}

export interface FunctionFacts {
  readonly name: string
  readonly function_id: string
  readonly version: string
  readonly resources: readonly string[]
}

/** A figure of a cluster that is beyond one of its limits, as this node measures it. */
export interface AlertFacts {
  readonly alert_id: string
  readonly severity: string
  readonly metric: string
  readonly cluster_id: string
  readonly current_value: number
  readonly threshold_value: number
  /** One sentence without its end. */
  readonly message: string
  /** Unix seconds. */
  readonly since: number
}

/** A node whose facts could not be had. */
export interface UnreachableNode {
  /** Null when only its monitoring URL is known. */
  readonly node_id: string | null
  readonly monitoring_url: string
  /**
   * `refused`: nothing listens there. `timeout`: no connection came about in time. `silent`: there was one, and no answer over it.
   * `bad_answer`: one that is not a node's.
   */
  readonly reason: 'refused' | 'timeout' | 'silent' | 'bad_answer'
  readonly error: string
}
