/** What failure detection asks of the rest of a node, what it can be told and asked, and what it shows. */
import type { Env } from '../../base/index.ts'
import type { MembershipEvent, SwimMessage } from '../../wire/index.ts'
import type { AwarenessSnapshot } from './awareness.ts'
import type { BroadcastQueueSnapshot } from './broadcast-queue.ts'
import type { MemberState, MembersSnapshot, StateReason } from './members.ts'
import type { ProbeRecord, ProbingSnapshot } from './probing.ts'

/** Why a link ended. Only `closed`, an end without a word, is a hint that the node may be dead. */
export type LinkLossCause = 'closed' | 'goodbye' | 'restarted' | 'departed' | 'stopping' | 'dropped'

/** Why this node changed a state or said so. */
export type ChangeReason =
  | 'startup'
  | 'shutdown'
  | 'probe_failure'
  | 'probe_success'
  | 'suspicion_timeout'
  | 'suspicion_consensus'
  | 'refutation'
  /** A link to it was made. */
  | 'link_established'
  /** Its link ended without a word, and nobody asked could reach it. */
  | 'link_lost'
  /** A new process answers under its name. */
  | 'restart'
  | 'goodbye'
  /** A new neighbour took it for failed. */
  | 'neighbour_view'
  /** Evidence from outside failure detection (sockets, statuses). */
  | 'judged'
  /** This node has evidence of life of a node that can not refute by itself. */
  | 'vouched'

export interface MembershipDeps {
  readonly env: Env
  readonly nodeId: string
  /** Of this process. */
  readonly instanceId: string
  /** False when there is no link to `target`; never throws. */
  send(target: string, message: SwimMessage): boolean
  /** Linked nodes that take part in failure detection (`swim/1`). */
  targets(): readonly string[]
  /** Whether the rest of the node knows it (the catalog has entries). Otherwise only `node_joined` introduces a member. */
  isKnown?(nodeId: string): boolean
  /** Nodes in the fabric by other knowledge; timeouts and retransmissions grow with its logarithm. */
  population?(): number
  regionOf?(nodeId: string): string
  /** A probe over the link to `peer` was answered by itself after so long, ms. */
  onRoundTrip?(peer: string, ms: number): void
  /** A probe has ended, however. */
  onProbe?(record: ProbeRecord): void
}

export interface MembershipOptions {
  readonly probeIntervalMs?: number
  /** Wait for the target, and again for the relays. */
  readonly probeTimeoutMs?: number
  readonly indirectProbes?: number
  /** A suspicion lasts at least alpha * log10(n) probe intervals, with Lifeguard at most beta times that. */
  readonly suspicionAlpha?: number
  readonly suspicionBeta?: number
  /** Confirmations that bring a suspicion down to its least. */
  readonly suspicionConfirmations?: number
  /** News is sent lambda * log10(n + 1) times by each node. */
  readonly retransmitLambda?: number
  /** While there is news, this often it is sent to `gossipFanout` neighbours, beside riding on probes and answers. */
  readonly gossipIntervalMs?: number
  readonly gossipFanout?: number
  readonly lifeguard?: boolean
  /** Two suspecters make a verdict (Python implementation). Default: the opposite of `lifeguard`. */
  readonly consensus?: boolean
}

/** What an observer is told, after the fact. `previous` undefined: the member is new. */
export interface MembershipChange {
  readonly event: MembershipEvent
  readonly previous: MemberState | undefined
  readonly state: MemberState
  readonly reason: StateReason
}

/** A member in the protocol's shape. Times in Unix seconds. */
export interface MemberSummary {
  readonly node_id: string
  readonly state: MemberState | 'joining'
  readonly incarnation: number
  /** Empty when unknown. */
  readonly region: string
  readonly last_seen: number
  readonly staleness_seconds: number
  readonly probe_failures: number
  /** 0 to 1. */
  readonly suspicion_level: number
  readonly suspected_by_count: number
  /** Neither failed nor left: a suspect is still called. */
  readonly is_available: boolean
}

/** Why this node thinks of a member as it does. */
export interface MemberExplanation extends MemberSummary {
  readonly reason: StateReason
  readonly linked: boolean
  readonly instance_id: string | null
  readonly suspected_by: readonly { readonly node_id: string; readonly since: number }[]
  /** Seconds until the suspicion becomes a verdict, as things stand; null when it is not suspected. */
  readonly verdict_in_seconds: number | null
  /** Oldest first. */
  readonly events: readonly MembershipEvent[]
  readonly probes: readonly ProbeRecord[]
}

/** What became of an update that was heard. */
export type UpdateVerdict =
  | 'applied'
  /** One more member suspects whom we suspect. */
  | 'confirmed'
  | 'known'
  /** Older than what is held. */
  | 'stale'
  | 'unknown_node'
  | 'members_full'
  | 'out_of_bounds'
  /** A claim against this node, answered with a higher incarnation. */
  | 'refuted'
  /** A claim against a node this one vouches for. */
  | 'contradicted'

export interface MembershipSnapshot {
  /** Intervals and timeouts in seconds; `suspicion_timeout` is the least, at the present size of the group. */
  readonly membership_info: {
    readonly node_id: string
    readonly incarnation: number
    readonly probe_interval: number
    readonly probe_timeout: number
    readonly suspicion_timeout: number
  }
  /** The own node included while it runs. */
  readonly membership_counts: {
    readonly total_nodes: number
    readonly alive_nodes: number
    readonly suspect_nodes: number
    readonly failed_nodes: number
  }
  readonly membership_stats: {
    readonly protocol_started: number
    readonly protocol_stopped: number
    readonly announcements_sent: number
    readonly departures_sent: number
    readonly nodes_joined: number
    readonly nodes_suspected: number
    readonly nodes_recovered: number
    readonly nodes_failed: number
    readonly refutations_sent: number
  }
  readonly probe_stats: { readonly probe_cycles: number; readonly probe_successes: number; readonly probe_failures: number }
  readonly active_probes: number
  readonly recent_events: number
  readonly probe_history_size: number
  readonly lifeguard: boolean
  readonly awareness: AwarenessSnapshot
  readonly members: MembersSnapshot
  readonly probing: ProbingSnapshot
  readonly broadcasts: BroadcastQueueSnapshot
  readonly updates_heard: Readonly<Record<UpdateVerdict, number>>
  readonly messages: {
    readonly sent_total: number
    readonly unsent_total: number
    readonly received_total: number
    readonly misaddressed_total: number
    readonly news_sent_total: number
    readonly views_sent_total: number
    /** Neighbours told that what they said of a member is out of date. */
    readonly corrections_sent_total: number
  }
  readonly pauses_total: number
  readonly pause_longest_ms: number
  readonly suspicions_extended_total: number
  readonly observer_failures: number
}

export interface Membership {
  receive(from: string, message: SwimMessage): void
  /** A link to a `swim/1` node is up. */
  onConnected(peer: string, instanceId: string): void
  /** A neighbour takes a node for present that, as far as this node knows, failed or left: it is told so, and by whom. */
  remind(peer: string, gone: string): void
  onLost(peer: string, why: LinkLossCause): void
  /** Its process said goodbye. */
  left(nodeId: string, instanceId: string): void
  /**
   * Evidence about a node that does not take part in failure detection: its socket, its statuses. `failed` holds at once; `alive` also
   * means that this node answers for it when others think otherwise. `detail` is shown to the operator.
   */
  judge(nodeId: string, verdict: 'alive' | 'failed', detail: string): void
  /** Undefined: not known here. The own node is alive from start to stop. */
  stateOf(nodeId: string): MemberState | undefined
  /** The own node first. */
  members(): MemberSummary[]
  explain(nodeId: string): MemberExplanation | undefined
  /** The last events, oldest first; likewise the last probes. */
  events(): readonly MembershipEvent[]
  probes(): readonly ProbeRecord[]
  /** Calls `observer` at every further change of another member's state until the returned function is called. */
  observe(observer: (change: MembershipChange) => void): () => void
  start(): void
  /** Tells the neighbours that this node leaves. */
  stop(): void
  snapshot(): MembershipSnapshot
}
