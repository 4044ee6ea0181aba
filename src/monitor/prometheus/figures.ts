/**
 * The counters the Prometheus metrics are read from, in the shape in which a node's `snapshot()` already has them. Only members that some
 * metric reads are named; a part a node does not have is undefined, and its metrics are then absent.
 */
import type { Histogram } from '../../base/index.ts'
import type { MonitoredSystem } from '../../wire/index.ts'

type Counts<K extends string> = { readonly [name in K]: number }
/** Counts by the name of a reason, verdict or kind. */
type CountsByName = Readonly<Record<string, number>>

export interface NodeFigures {
  readonly node: NodeCounts
  /** Null or undefined where not measured. */
  readonly process?: ProcessFigures | undefined
  /** Durations of operations in milliseconds. */
  readonly durations?: Readonly<Partial<Record<MonitoredSystem, Histogram>>> | undefined
  /** Of all listeners and dials together. */
  readonly transport?: TransportCounts | undefined
  readonly log?: { readonly lines: CountsByName; readonly dropped: number } | undefined
  /** What telemetry remembers. */
  readonly stores?: StoreFigures | undefined
  /** Alert notifications by what became of them. */
  readonly notifications?: { readonly sent: number; readonly failed: number; readonly rate_limited: number } | undefined
}

/** By the name of the store. */
export type StoreFigures = Readonly<Record<string, { readonly entries: number; readonly max: number }>>

export interface NodeCounts extends Counts<'uptime_seconds' | 'connections' | 'connections_total' | 'functions'> {
  /** Frames received, by role. */
  readonly frames: CountsByName
  readonly rpc: Counts<
    'requests_total' | 'requests_failed' | 'requests_in_flight' | 'requests_overloaded' | 'requests_timed_out' | 'commands_total'
  >
  readonly workers: Counts<'threads' | 'waiting' | 'completed'>
  readonly pubsub: Counts<'active_subscriptions' | 'active_subscribers' | 'messages_published' | 'messages_delivered'> & {
    readonly backlog_stats: Counts<'total_messages' | 'total_size_bytes' | 'active_topics' | 'dropped_total'>
  }
  /** Undefined: the node has no queues. */
  readonly queues: QueueFigures | undefined
  readonly discovery: DiscoveryCounts | undefined
  readonly streams: StreamCounts | undefined
  readonly fabric: FabricCounts | undefined
  readonly reach: ReachCounts | undefined
}

export interface DiscoveryCounts extends Counts<'policy_rules' | 'rate_limit_keys_evicted'> {
  readonly denials: CountsByName
}

/** What discovery publishes and follows; parts that are switched off are undefined. */
export interface StreamCounts {
  readonly resolver: ResolverCounts | undefined
  /** Summaries of other nodes. */
  readonly summaries: SummaryCounts | undefined
  readonly exported: ExportCounts | undefined
}

export interface ResolverCounts {
  readonly entry_counts: CountsByName
  readonly stats: Counts<'deltas_applied' | 'deltas_skipped'>
  readonly query_cache?: CountsByName
}

export interface SummaryCounts {
  readonly entry_counts: Counts<'summaries'>
  readonly stats: Counts<'messages_applied' | 'messages_skipped' | 'messages_invalid'>
}

export interface ExportCounts extends Counts<'summaries_exported' | 'hold_downs_total'> {
  /** Unix seconds. */
  readonly last_export_at?: number
}

export interface QueueFigures {
  readonly queues: readonly QueueCounts[]
}

/** Of one queue. */
export interface QueueCounts
  extends Counts<'messages_sent' | 'messages_received' | 'messages_acknowledged' | 'messages_failed' | 'messages_expired'>,
    Counts<'messages_requeued' | 'messages_refused' | 'messages_duplicate' | 'messages_redriven' | 'in_flight_pauses'>,
    Counts<'current_queue_size' | 'current_in_flight_count' | 'dead_letters' | 'dead_letters_dropped'>,
    Counts<'waiting_receivers' | 'average_processing_time_seconds' | 'subscriptions'> {
  readonly name: string
}

export interface FabricCounts {
  readonly catalog: CatalogCounts
  readonly peers: {
    readonly links: Counts<'peers' | 'frames_sent' | 'sends_failed' | 'sends_refused_by_breaker' | 'links_replaced'>
    readonly directory: Counts<'nodes' | 'clusters'>
  }
  readonly gossip: {
    readonly protocol_stats: Counts<'messages_sent' | 'messages_received' | 'gossip_cycles'>
    readonly rate_limited: number
    readonly unreadable_messages: number
  }
  readonly sync: Counts<'entries_sent' | 'entries_received' | 'rounds' | 'digests_different'>
  readonly membership: {
    readonly membership_counts: Counts<'alive_nodes' | 'suspect_nodes' | 'failed_nodes'>
    readonly membership_stats: Counts<'nodes_suspected' | 'nodes_recovered' | 'nodes_failed' | 'refutations_sent'>
    readonly probe_stats: Counts<'probe_cycles' | 'probe_successes' | 'probe_failures'>
    readonly awareness: Counts<'local_health'>
    readonly pauses_total: number
  }
  readonly dialing: Counts<'targets' | 'connected' | 'rounds_total'>
  readonly routing: {
    readonly routes: { readonly statistics: RouteCounts }
    readonly planner: { readonly plans_total: number; readonly by_reason: Readonly<Partial<Record<string, number>>> }
  }
}

export interface CatalogCounts
  extends Counts<'functions' | 'topics' | 'queues' | 'services' | 'caches' | 'cache_profiles' | 'nodes'>,
    Counts<'owners' | 'hidden_entries' | 'tombstones' | 'deltas_applied'> {
  readonly refused: Readonly<Partial<Record<string, number>>>
}

export interface RouteCounts
  extends Counts<'announcements_accepted' | 'announcements_rejected' | 'withdrawals_applied' | 'routes_active_total' | 'routes_purged'>,
    Counts<'hold_down_rejects' | 'suppression_rejects' | 'destinations_tracked' | 'convergence_seconds_avg'> {
  readonly rejection_reasons: Readonly<Partial<Record<string, number>>>
}

export interface ReachCounts {
  readonly rpc: Counts<'calls_sent' | 'calls_answered' | 'calls_moved' | 'calls_lost' | 'calls_pending' | 'relayed'> &
    Counts<'requests_executed' | 'requests_refused' | 'loops' | 'hop_budget_exhausted' | 'replies_undeliverable'>
  readonly queues: FabricQueueCounts
  readonly pubsub: Counts<'deliveries' | 'relayed' | 'copies_sent' | 'copies_failed' | 'copies_waiting'>
  readonly malformed: number
  readonly refused: CountsByName
}

export interface FabricQueueCounts
  extends Counts<'successful_deliveries' | 'failed_deliveries' | 'sends_pending' | 'sends_repeated' | 'sends_refused'>,
    Counts<'requests_enqueued' | 'requests_refused' | 'requests_duplicate' | 'deliveries_sent' | 'deliveries_received'>,
    Counts<'active_subscriptions' | 'remote_subscriptions' | 'known_remote_queues' | 'passed_on' | 'stopped' | 'returned'>,
    Counts<'malformed' | 'late_acknowledgments' | 'subscriptions_refused'> {}

export interface TransportCounts
  extends Counts<'accepted' | 'dialed' | 'dialFailures' | 'refused' | 'closed' | 'malformed'>,
    Counts<'messagesSent' | 'messagesReceived' | 'bytesSent' | 'bytesReceived'> {}

export interface ProcessFigures {
  readonly cpu_seconds_total?: number | null
  readonly resident_memory_bytes?: number | null
  readonly heap_used_bytes?: number | null
  readonly event_loop_delay_p99_seconds?: number | null
  /** Unix seconds. */
  readonly start_time_seconds?: number | null
}
