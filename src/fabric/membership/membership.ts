/**
 * Who is alive: SWIM failure detection with Lifeguard's refinements, as a state machine over `Env`.
 *
 *     const membership = createMembership({ env, nodeId, send: (target, message) => ..., targets: () => linkedSwimPeers })
 *     membership.observe(({ event, state }) => ...)
 *     membership.start()
 *     // links: onConnected / onLost / left; their messages: receive; nodes without swim/1: judge
 *
 * A node probes the nodes it is linked to, one each interval (probing.ts), so in a partial mesh each is watched by its neighbours. Who does
 * not answer is suspected; a suspicion spreads (broadcast-queue.ts) and becomes a verdict unless the suspect refutes it in time
 * (suspicion.ts) by raising its incarnation (members.ts has the order of claims).
 *
 * Lifeguard (arXiv:1707.00788) makes three additions: local health scales interval and timeout (awareness.ts), a suspicion waits for
 * confirmations, and a suspect is told first. To this a node adds what it can know of itself: a timer that fires late proves that the node
 * stood still, so silence until then proves nothing. `lifeguard: false` gives plain SWIM, with the rule of the Python implementation on top
 * that two suspecters make a verdict (`consensus`).
 *
 * Sources: Das, Gupta, Motivala: SWIM (DSN 2002); Dadgar, Phillips, Currey: Lifeguard (DSN 2018); the push/pull rule "what another takes for
 * dead I only suspect" is memberlist's.
 */
import { BoundedQueue, type Env } from '../../base/index.ts'
import { encodeJson, type MembershipEvent, type MembershipEventType, RawJson, type SwimMessage } from '../../wire/index.ts'
import { type AlarmHandle, createAlarms } from './alarms.ts'
import { type AwarenessSnapshot, createAwareness } from './awareness.ts'
import { type BroadcastQueueSnapshot, createBroadcastQueue, retransmitLimit } from './broadcast-queue.ts'
import {
  ARRIVAL_SENDS_MAX,
  CONSENSUS_LEVEL,
  EVENTS_KEPT,
  INCARNATION_MAX,
  LATE_PART,
  LOCAL_HEALTH_MAX,
  MEMBERS_MAX,
  PROBES_KEPT,
  SWEEP_INTERVAL_MS,
  UPDATE_TEXT_MAX,
  UPDATES_PER_MESSAGE_MAX,
  VERDICT_EXTENSIONS_MAX,
  VIEW_INTERVAL_MS,
  VIEW_RECENT_MS,
  VIEW_UPDATES_PER_MESSAGE,
} from './constants.ts'
import {
  CLAIMED_STATE,
  createMembers,
  type Member,
  type MemberState,
  type MembersSnapshot,
  type StateReason,
  supersedes,
} from './members.ts'
import { createSwimMessages } from './messages.ts'
import { createProbeOrder } from './probe-order.ts'
import { createProbing, type ProbeRecord, type ProbingSnapshot } from './probing.ts'
import { confirmSuspicion, type Suspicion, suspicionBoundsMs, suspicionDeadlineMs, suspicionLevel } from './suspicion.ts'

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

const MEMBERSHIP_DEFAULTS: Required<Omit<MembershipOptions, 'consensus'>> = {
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  indirectProbes: 3,
  suspicionAlpha: 5,
  suspicionBeta: 6,
  suspicionConfirmations: 3,
  retransmitLambda: 4,
  gossipIntervalMs: 200,
  gossipFanout: 3,
  lifeguard: true,
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

const NO_EVIDENCE = new RawJson('{}')

function isGone({ state }: Member): boolean {
  return state === 'failed' || state === 'left'
}

export function createMembership(deps: MembershipDeps, options: MembershipOptions = {}): Membership {
  const settings = { ...MEMBERSHIP_DEFAULTS, ...options }
  const { probeIntervalMs, probeTimeoutMs, lifeguard, consensus = !settings.lifeguard } = settings
  const { env, nodeId, targets } = deps
  const { clock, random } = env
  const log = env.log.scope('fabric.membership')
  const isKnown = deps.isKnown ?? (() => false)
  const pauseMs = LATE_PART * probeTimeoutMs

  let phase: 'joining' | 'alive' | 'left' = 'joining'
  let incarnation = 0
  let ownSince = clock.wall()
  let newsAlarm: AlarmHandle | undefined
  let newsSentMs = Number.NEGATIVE_INFINITY
  let newsSequence = 0

  const members = createMembers()
  const events = new BoundedQueue<MembershipEvent>({ capacity: EVENTS_KEPT, whenFull: 'drop-oldest' })
  const probes = new BoundedQueue<ProbeRecord>({ capacity: PROBES_KEPT, whenFull: 'drop-oldest' })
  const observers = new Set<(change: MembershipChange) => void>()
  const stats = {
    protocol_started: 0,
    protocol_stopped: 0,
    announcements_sent: 0,
    departures_sent: 0,
    nodes_joined: 0,
    nodes_suspected: 0,
    nodes_recovered: 0,
    nodes_failed: 0,
    refutations_sent: 0,
  }
  const probeStats = { probe_cycles: 0, probe_successes: 0, probe_failures: 0 }
  const heard: Record<UpdateVerdict, number> = {
    applied: 0,
    confirmed: 0,
    known: 0,
    stale: 0,
    unknown_node: 0,
    members_full: 0,
    out_of_bounds: 0,
    refuted: 0,
    contradicted: 0,
  }
  const traffic = {
    sent_total: 0,
    unsent_total: 0,
    received_total: 0,
    misaddressed_total: 0,
    news_sent_total: 0,
    views_sent_total: 0,
    corrections_sent_total: 0,
  }
  const pauses = { total: 0, longestMs: 0 }
  let suspicionsExtended = 0
  let observerFailures = 0

  const awareness = createAwareness({ max: lifeguard ? LOCAL_HEALTH_MAX : 0, probeTimeoutMs })
  const queue = createBroadcastQueue<MembershipEvent>({
    capacity: MEMBERS_MAX,
    transmitLimit: () => retransmitLimit(settings.retransmitLambda, population()),
  })
  const alarms = createAlarms({
    clock,
    timers: env.timers,
    pauseMs,
    onPause: (latenessMs) => {
      pauses.total++
      pauses.longestMs = Math.max(pauses.longestMs, latenessMs)
      awareness.timerLate(latenessMs)
    },
  })
  const order = createProbeOrder(random)
  const messages = createSwimMessages(nodeId, clock)
  const probing = createProbing(
    {
      env,
      nodeId,
      messages,
      alarms,
      awareness,
      send,
      updatesFor,
      relaysFor,
      answers: (id) => members.get(id)?.linked === true,
      onResult: onProbeResult,
      onAnswer: seen,
    },
    { probeTimeoutMs, indirectProbes: settings.indirectProbes, lifeguard, pauseMs },
  )

  function population(): number {
    return Math.max(members.living + 1, deps.population?.() ?? 0)
  }

  // Messages.

  function send(target: string, message: SwimMessage): boolean {
    const sent = deps.send(target, message)
    if (sent) traffic.sent_total++
    else traffic.unsent_total++
    return sent
  }

  /** What to tell `target` along the way; first of all what is said against itself (Lifeguard's buddy system). */
  function updatesFor(target: string): readonly MembershipEvent[] {
    const member = members.get(target)
    if (member === undefined || member.state === 'alive') return queue.take(UPDATES_PER_MESSAGE_MAX)
    const { event } = member.why
    // A dead node would not spread it, so that does not count; but it may be less dead than it seems, and needs the news like anybody.
    const news = isGone(member) ? queue.peek(UPDATES_PER_MESSAGE_MAX) : queue.take(UPDATES_PER_MESSAGE_MAX)
    return !lifeguard || news.includes(event) ? news : [event, ...news]
  }

  function tell(target: string, kind: 'news' | 'view', updates: readonly MembershipEvent[]): void {
    if (!send(target, messages.probe(kind, `${kind}-${(newsSequence++).toString(36)}`, target, updates))) return
    if (kind === 'news') traffic.news_sent_total++
    else traffic.views_sent_total++
  }

  function spread(event: MembershipEvent): void {
    queue.add(event.node_id, event, event.event_type === 'node_joined' ? ARRIVAL_SENDS_MAX : undefined)
    armNews()
  }

  /** The first news of a quiet time leaves at once, the rest at its pace. */
  function armNews(): void {
    if (newsAlarm !== undefined || phase !== 'alive' || queue.size === 0) return
    newsAlarm = alarms.set(newsSentMs + settings.gossipIntervalMs - clock.monotonic(), sendNews)
  }

  function sendNews(): void {
    newsAlarm = undefined
    newsSentMs = clock.monotonic()
    const neighbours = targets()
    // Without neighbours the news waits: onConnected arms it again.
    if (neighbours.length === 0) return
    for (const target of random.sample(neighbours, settings.gossipFanout)) {
      if (queue.size === 0) break
      tell(target, 'news', updatesFor(target))
    }
    armNews()
  }

  function relaysFor(target: string, k: number): string[] {
    const relays: string[] = []
    // A few more than needed, because some may be in trouble themselves.
    for (const neighbour of random.sample(targets(), 2 * k + 2)) {
      if (relays.length === k) break
      if (neighbour !== target && (members.get(neighbour)?.state ?? 'alive') === 'alive') relays.push(neighbour)
    }
    return relays
  }

  // Events and states.

  function makeEvent(
    type: MembershipEventType,
    about: string,
    at: number,
    reason: ChangeReason,
    evidence: object | undefined,
    source = nodeId,
  ): MembershipEvent {
    return {
      event_id: random.ulid(),
      event_type: type,
      node_id: about,
      incarnation: at,
      timestamp: clock.wall(),
      source_node: source,
      reason,
      metadata: evidence === undefined ? NO_EVIDENCE : new RawJson(encodeJson(evidence)),
    }
  }

  function reasonOf(event: MembershipEvent, heardFrom: string | null): StateReason {
    return { reason: event.reason, source_node: event.source_node, heard_from: heardFrom, since: clock.wall(), event }
  }

  /** The member takes the state the event claims. */
  function apply(member: Member, event: MembershipEvent, heardFrom: string | null): void {
    const previous = member.state
    const state = CLAIMED_STATE[event.event_type]
    endSuspicion(member)
    if (event.incarnation > member.incarnation) member.disproved = undefined
    if (state === 'alive') member.probeFailures = 0
    members.set(member, state, event.incarnation, reasonOf(event, heardFrom), clock.monotonic())
    if (state === 'suspect') beginSuspicion(member, event)
    if (isGone(member)) member.vouched = false
    published(event, previous, member)
    // What was news while it was gone has not been told to it.
    if (state === 'alive' && (previous === 'failed' || previous === 'left') && member.linked && phase === 'alive') sendView(member.nodeId)
  }

  /** Undefined when there is no room. */
  function introduce(event: MembershipEvent, heardFrom: string | null): Member | undefined {
    const member = members.create(event.node_id, CLAIMED_STATE[event.event_type], reasonOf(event, heardFrom), clock.monotonic())
    if (member === undefined) return undefined
    if (member.state === 'suspect') beginSuspicion(member, event)
    published(event, undefined, member)
    return member
  }

  function published(event: MembershipEvent, previous: MemberState | undefined, member: Member): void {
    events.push(event)
    const { state } = member
    if (previous === undefined && state === 'alive') stats.nodes_joined++
    else if (state === 'alive' && previous !== 'alive') stats.nodes_recovered++
    else if (state === 'suspect') stats.nodes_suspected++
    else if (state === 'failed') stats.nodes_failed++
    if (log.debugOn) {
      const { source_node: source, reason } = event
      log.debug(`${member.nodeId} ${previous ?? 'unknown'} -> ${state} incarnation=${member.incarnation} reason=${reason} source=${source}`)
    }
    const change = { event, previous, state, reason: member.why }
    for (const observer of observers) {
      try {
        observer(change)
      } catch (error) {
        observerFailures++
        log.error(`membership observer failed at ${event.event_type} of ${event.node_id}`, error)
      }
    }
  }

  // Suspicion.

  function beginSuspicion(member: Member, event: MembershipEvent): void {
    const size = population()
    const bounds = suspicionBoundsMs(size, probeIntervalMs, settings.suspicionAlpha, lifeguard ? settings.suspicionBeta : 1)
    const confirmations = settings.suspicionConfirmations
    const suspicion: Suspicion = {
      startedMs: clock.monotonic(),
      // Beside this node and the suspect there must be enough others to confirm.
      expected: lifeguard && size - 2 >= confirmations ? confirmations : 0,
      ...bounds,
      suspecters: new Map(),
      extensions: 0,
    }
    confirmSuspicion(suspicion, event.source_node, event.event_id, clock.wall())
    member.suspicion = suspicion
    armVerdict(member, suspicion, suspicionDeadlineMs(suspicion) - suspicion.startedMs)
  }

  function armVerdict(member: Member, suspicion: Suspicion, afterMs: number): void {
    alarms.cancel(member.suspicionAlarm)
    member.suspicionAlarm = alarms.set(afterMs, (latenessMs) => {
      if (lifeguard && latenessMs > pauseMs && suspicion.extensions < VERDICT_EXTENSIONS_MAX) {
        // A refutation may lie unread in this process.
        suspicion.extensions++
        suspicionsExtended++
        armVerdict(member, suspicion, awareness.scaled(probeTimeoutMs))
      } else fail(member, 'suspicion_timeout')
    })
  }

  function endSuspicion(member: Member): void {
    alarms.cancel(member.suspicionAlarm)
    member.suspicionAlarm = undefined
    member.suspicion = undefined
  }

  /** One more suspecter: the verdict comes sooner. */
  function confirm(member: Member, event: MembershipEvent): UpdateVerdict {
    const { suspicion } = member
    if (suspicion === undefined || !confirmSuspicion(suspicion, event.source_node, event.event_id, clock.wall())) return 'known'
    // Passing on more of them than count would help nobody.
    if (suspicion.suspecters.size <= suspicion.expected + 1 || consensus) spread(event)
    if (consensus && suspicionLevel(suspicion.suspecters.size) >= CONSENSUS_LEVEL) fail(member, 'suspicion_consensus')
    else if (lifeguard && suspicion.extensions === 0) armVerdict(member, suspicion, suspicionDeadlineMs(suspicion) - clock.monotonic())
    return 'confirmed'
  }

  function suspect(member: Member, reason: ChangeReason, evidence: object, source = nodeId): void {
    const event = makeEvent('node_suspected', member.nodeId, member.incarnation, reason, evidence, source)
    apply(member, event, source === nodeId ? null : source)
    spread(event)
    // The suspect first: it alone can clear this up.
    if (lifeguard && member.linked) tell(member.nodeId, 'news', [event])
  }

  function fail(member: Member, reason: ChangeReason, evidence?: object): void {
    const { suspicion } = member
    const event = makeEvent('node_failed', member.nodeId, member.incarnation, reason, {
      ...evidence,
      ...(suspicion === undefined
        ? undefined
        : { suspected_by: [...suspicion.suspecters.keys()], suspected_for_ms: clock.monotonic() - suspicion.startedMs }),
    })
    apply(member, event, null)
    spread(event)
  }

  /** It answered this node: whoever suspects it is wrong, as far as this node is concerned. The others wait for the suspect's own word. */
  function recover(member: Member, reason: ChangeReason): void {
    const eventIds = new Set(member.disproved?.eventIds)
    for (const { eventId } of member.suspicion?.suspecters.values() ?? []) eventIds.add(eventId)
    apply(member, makeEvent('node_recovered', member.nodeId, member.incarnation, reason, undefined), null)
    member.disproved = { incarnation: member.incarnation, eventIds }
  }

  // What is heard.

  function hearAll(from: string, updates: readonly MembershipEvent[], isView: boolean): void {
    const corrections: MembershipEvent[] = []
    for (const event of updates) {
      const verdict = hear(event, from, isView)
      heard[verdict]++
      if (verdict !== 'stale' || CLAIMED_STATE[event.event_type] === 'alive') continue
      // A rumor is sent a bounded number of times and may pass somebody by: who still tells the accusation has not heard the answer.
      const answer = members.get(event.node_id)?.why.event
      if (answer !== undefined) corrections.push(answer)
    }
    if (corrections.length === 0) return
    traffic.corrections_sent_total++
    tell(from, 'news', corrections)
  }

  function hear(event: MembershipEvent, from: string, isView: boolean): UpdateVerdict {
    if (event.node_id === nodeId) return hearOfSelf(event)
    const claimed = CLAIMED_STATE[event.event_type]
    const member = members.get(event.node_id)
    if (member !== undefined && !supersedes(claimed, event.incarnation, member)) {
      if (event.incarnation < member.incarnation) return 'stale'
      return claimed === 'suspect' && member.state === 'suspect' ? confirm(member, event) : 'known'
    }
    if (!withinBounds(event)) return 'out_of_bounds'
    if (member === undefined) {
      if (event.event_type !== 'node_joined' && !isKnown(event.node_id)) return 'unknown_node'
      if (introduce(event, from) === undefined) return 'members_full'
      spread(event)
      return 'applied'
    }
    if (claimed === 'suspect' && event.incarnation === member.incarnation && member.disproved?.eventIds.has(event.event_id)) return 'known'
    if (member.vouched && claimed !== 'alive') {
      vouch(member, event.incarnation + 1)
      return 'contradicted'
    }
    if (isView && claimed === 'failed' && member.state === 'alive' && event.incarnation === member.incarnation) {
      // Old news of another part of the fabric: here it lives, and gets the chance to say so.
      suspect(member, 'neighbour_view', { failed_according_to: event.source_node, reason: event.reason }, event.source_node)
      return 'applied'
    }
    apply(member, event, from)
    // A suspicion does not end a probe: its result refutes or confirms.
    if (isGone(member)) probing.abandon(member.nodeId)
    spread(event)
    return 'applied'
  }

  function hearOfSelf(event: MembershipEvent): UpdateVerdict {
    if (!withinBounds(event)) return 'out_of_bounds'
    if (CLAIMED_STATE[event.event_type] === 'alive') {
      // An earlier process of this node had come further.
      if (event.incarnation <= incarnation) return 'known'
      incarnation = event.incarnation
      return 'applied'
    }
    if (event.incarnation < incarnation) {
      // Whoever passes this on does not know the answer yet.
      if (!queue.has(nodeId)) spread(makeEvent('node_confirmed', nodeId, incarnation, 'refutation', undefined))
      return 'stale'
    }
    incarnation = event.incarnation + 1
    const answer = makeEvent('node_confirmed', nodeId, incarnation, 'refutation', {
      claim: event.event_type,
      claimed_by: event.source_node,
      reason: event.reason,
    })
    events.push(answer)
    if (log.debugOn)
      log.debug(`refuted claim=${event.event_type} by=${event.source_node} reason=${event.reason} incarnation=${incarnation}`)
    stats.refutations_sent++
    awareness.refuted()
    spread(answer)
    return 'refuted'
  }

  function withinBounds(event: MembershipEvent): boolean {
    const { event_id: id, node_id: about, source_node: source, reason, metadata } = event
    if (event.incarnation > INCARNATION_MAX) return false
    return id.length + about.length + source.length + reason.length + metadata.text.length <= UPDATE_TEXT_MAX
  }

  function vouch(member: Member, at: number): void {
    const event = makeEvent('node_confirmed', member.nodeId, at, 'vouched', undefined)
    apply(member, event, null)
    spread(event)
  }

  function seen(sender: string): void {
    const member = members.get(sender)
    if (member === undefined) return
    member.lastSeenMs = clock.monotonic()
    member.lastSeenAt = clock.wall()
  }

  // Probes.

  function probeRound(): void {
    probeStats.probe_cycles++
    order.next(targets, (target) => probing.start(target))
    alarms.set(awareness.scaled(probeIntervalMs), probeRound)
  }

  function onProbeResult(record: ProbeRecord): void {
    probes.push(record)
    deps.onProbe?.(record)
    const { target_node: target, relays_asked: asked, nacks, cause } = record
    if (log.debugOn) {
      log.debug(
        `probe ${record.result} target=${target} cause=${cause} ms=${Math.round(record.duration_ms)} relays=${asked} nacks=${nacks}`,
      )
    }
    const member = members.get(target)
    if (record.result === 'success' || record.result === 'indirect_success') {
      probeStats.probe_successes++
      awareness.probeAnswered()
      // After a pause of this node the answer may have lain unread.
      if (record.result === 'success' && cause === 'round' && !record.extended) deps.onRoundTrip?.(target, record.duration_ms)
      if (member === undefined) return
      member.probeFailures = 0
      // One that failed comes back by its own word only: an old answer must not revive it.
      if (member.state === 'suspect') recover(member, 'probe_success')
      return
    }
    probeStats.probe_failures++
    if (member === undefined || isGone(member)) return
    if (cause === 'round') awareness.probeFailed(asked > 0 && lifeguard ? asked - nacks : undefined)
    member.probeFailures++
    const reason = cause === 'link_lost' ? 'link_lost' : 'probe_failure'
    const evidence = {
      probe_id: record.probe_id,
      result: record.result,
      waited_ms: Math.round(record.duration_ms),
      relays_asked: asked,
      nacks,
      local_health: awareness.score,
    }
    if (member.state === 'alive') suspect(member, reason, evidence)
    else confirm(member, makeEvent('node_suspected', target, member.incarnation, reason, evidence))
  }

  function sweep(): void {
    members.sweep(clock.monotonic())
    alarms.set(SWEEP_INTERVAL_MS, sweep)
  }

  // Links.

  function linkUp(peer: string, instanceId: string): MembershipEvent | undefined {
    const member = members.get(peer)
    if (member === undefined) {
      const event = makeEvent('node_joined', peer, 0, 'link_established', undefined)
      const newcomer = introduce(event, null)
      if (newcomer !== undefined) {
        newcomer.instanceId = instanceId
        newcomer.linked = true
        spread(event)
      }
      return undefined
    }
    const previousInstance = member.instanceId
    member.instanceId = instanceId
    member.linked = true
    member.vouched = false
    seen(peer)
    if (previousInstance !== undefined && previousInstance !== instanceId) {
      // What was said of the process before does not hold for this one; its incarnation does, because others compare with it. The newcomer
      // hears of it as a claim to refute, and thereby rises above.
      probing.abandon(peer)
      apply(member, makeEvent('node_joined', peer, member.incarnation, 'restart', { previous_instance_id: previousInstance }), null)
      return makeEvent('node_failed', peer, member.incarnation, 'restart', { instance_id: previousInstance })
    }
    if (member.state === 'suspect') recover(member, 'link_established')
    return undefined
  }

  /** The bad news this node holds, so that its subjects, or who knows better, can answer. */
  function sendView(peer: string, first?: MembershipEvent, isTold: (member: Member) => boolean = () => true): void {
    let part: MembershipEvent[] = first === undefined ? [] : [first]
    for (const member of members.troubled()) {
      if (!isTold(member)) continue
      part.push(member.why.event)
      if (part.length < VIEW_UPDATES_PER_MESSAGE) continue
      tell(peer, 'view', part)
      part = []
    }
    if (part.length > 0) tell(peer, 'view', part)
  }

  /** What rumors missed, a neighbour now and then makes good: the part of push/pull that matters here. */
  function compareViews(): void {
    const [neighbour] = random.sample(targets(), 1)
    const recentMs = clock.monotonic() - VIEW_RECENT_MS
    if (neighbour !== undefined) sendView(neighbour, undefined, ({ state, stateSinceMs }) => state === 'suspect' || stateSinceMs > recentMs)
    alarms.set(VIEW_INTERVAL_MS, compareViews)
  }

  function summarize(member: Member): MemberSummary {
    const suspecters = member.suspicion?.suspecters.size ?? 0
    return {
      node_id: member.nodeId,
      state: member.state,
      incarnation: member.incarnation,
      region: deps.regionOf?.(member.nodeId) ?? '',
      last_seen: member.lastSeenAt,
      staleness_seconds: (clock.monotonic() - member.lastSeenMs) / 1000,
      probe_failures: member.probeFailures,
      suspicion_level: suspicionLevel(suspecters),
      suspected_by_count: suspecters,
      is_available: !isGone(member),
    }
  }

  function ownSummary(): MemberSummary {
    return {
      node_id: nodeId,
      state: phase,
      incarnation,
      region: deps.regionOf?.(nodeId) ?? '',
      last_seen: clock.wall(),
      staleness_seconds: 0,
      probe_failures: 0,
      suspicion_level: 0,
      suspected_by_count: 0,
      is_available: phase === 'alive',
    }
  }

  return {
    receive(from, message) {
      if (phase !== 'alive') return
      traffic.received_total++
      seen(from)
      const { payload } = message
      if (payload.updates !== undefined) {
        const isView = message.message_type === 'membership_probe' && message.payload.probe_type === 'view'
        hearAll(from, payload.updates, isView)
      }
      switch (message.message_type) {
        case 'membership_probe': {
          const { probe_type: kind, probe_id: id, target_node: target } = message.payload
          if (target !== nodeId) traffic.misaddressed_total++
          else if (kind !== 'news' && kind !== 'view') send(from, messages.ack(id, from, nodeId, updatesFor(from)))
          break
        }
        case 'membership_ack':
          if (message.payload.target_node === nodeId) probing.onAck(from, message.payload)
          else traffic.misaddressed_total++
          break
        case 'membership_indirect_probe':
          probing.onIndirectProbe(from, message.payload)
      }
    },
    onConnected(peer, instanceId) {
      if (peer === nodeId) return
      const first = linkUp(peer, instanceId)
      if (phase !== 'alive') return
      order.insert(peer)
      sendView(peer, first)
      armNews()
    },
    remind(peer, gone) {
      const member = members.get(gone)
      if (phase === 'alive' && member !== undefined && isGone(member)) tell(peer, 'news', [member.why.event])
    },
    onLost(peer, why) {
      const member = members.get(peer)
      if (member === undefined) return
      const { linked, vouched } = member
      member.linked = false
      member.vouched = false
      if (phase !== 'alive' || why !== 'closed' || isGone(member)) {
        if (why !== 'restarted') probing.abandon(peer)
      } else if (linked) probing.linkLost(peer)
      // Nobody can be asked to probe it; but whoever else has a link to it will answer for it.
      else if (vouched && member.state === 'alive') suspect(member, 'link_lost', { link: why })
    },
    left(gone, instance) {
      if (gone === nodeId) return
      probing.abandon(gone)
      const member = members.get(gone)
      if (member?.state === 'left') return
      const event = makeEvent('node_left', gone, member?.incarnation ?? 0, 'goodbye', { instance_id: instance })
      if (member !== undefined) apply(member, event, null)
      else if (introduce(event, null) === undefined) return
      spread(event)
    },
    judge(about, verdict, detail) {
      if (about === nodeId) return
      const evidence = { detail }
      const member = members.get(about)
      if (verdict === 'alive') {
        if (member === undefined) {
          const event = makeEvent('node_joined', about, 0, 'judged', evidence)
          const newcomer = introduce(event, null)
          if (newcomer === undefined) return
          newcomer.vouched = true
          spread(event)
          return
        }
        seen(about)
        if (member.linked) {
          // It can speak for itself; this is as good as an answer to a probe.
          if (member.state === 'suspect') recover(member, 'judged')
          return
        }
        if (member.state !== 'alive') vouch(member, member.incarnation + 1)
        member.vouched = true
      } else if (member === undefined) {
        const event = makeEvent('node_failed', about, 0, 'judged', evidence)
        if (introduce(event, null) !== undefined) spread(event)
      } else if (member.linked) {
        if (member.state === 'alive') suspect(member, 'judged', evidence)
      } else if (!isGone(member)) fail(member, 'judged', evidence)
      else member.vouched = false
    },
    stateOf: (about) => (about === nodeId ? (phase === 'joining' ? undefined : phase) : members.get(about)?.state),
    members: () => [ownSummary(), ...Array.from(members.all(), summarize)],
    explain(about) {
      const member = members.get(about)
      if (member === undefined) return undefined
      const { suspicion } = member
      return {
        ...summarize(member),
        reason: member.why,
        linked: member.linked,
        instance_id: member.instanceId ?? null,
        suspected_by: Array.from(suspicion?.suspecters ?? [], ([by, { at }]) => ({ node_id: by, since: at })),
        verdict_in_seconds:
          member.suspicionAlarm === undefined || suspicion === undefined
            ? null
            : Math.max(0, (member.suspicionAlarm.deadlineMs - clock.monotonic()) / 1000),
        events: [...events].filter((event) => event.node_id === about),
        probes: [...probes].filter((probe) => probe.target_node === about),
      }
    },
    events: () => [...events],
    probes: () => [...probes],
    observe(observer) {
      observers.add(observer)
      return () => observers.delete(observer)
    },
    start() {
      if (phase === 'alive') return
      if (phase === 'left') incarnation++
      phase = 'alive'
      ownSince = clock.wall()
      stats.protocol_started++
      stats.announcements_sent++
      const event = makeEvent('node_joined', nodeId, incarnation, 'startup', undefined)
      events.push(event)
      spread(event)
      for (const member of members.troubled()) if (member.state === 'suspect') beginSuspicion(member, member.why.event)
      // A random phase, so that nodes started together do not probe together.
      alarms.set(random.next() * probeIntervalMs, probeRound)
      alarms.set(random.next() * VIEW_INTERVAL_MS, compareViews)
      alarms.set(SWEEP_INTERVAL_MS, sweep)
    },
    stop() {
      if (phase !== 'alive') return
      phase = 'left'
      stats.protocol_stopped++
      stats.departures_sent++
      const event = makeEvent('node_left', nodeId, incarnation, 'shutdown', { started_at: ownSince, instance_id: deps.instanceId })
      events.push(event)
      for (const target of targets()) tell(target, 'news', [event])
      probing.clear()
      for (const member of members.all()) endSuspicion(member)
      queue.clear()
      alarms.close()
      newsAlarm = undefined
    },
    snapshot() {
      const counts = members.snapshot()
      const own = phase === 'alive' ? 1 : 0
      return {
        membership_info: {
          node_id: nodeId,
          incarnation,
          probe_interval: probeIntervalMs / 1000,
          probe_timeout: probeTimeoutMs / 1000,
          suspicion_timeout: suspicionBoundsMs(population(), probeIntervalMs, settings.suspicionAlpha, 1).minMs / 1000,
        },
        membership_counts: {
          total_nodes: members.size + own,
          alive_nodes: counts.alive + own,
          suspect_nodes: counts.suspect,
          failed_nodes: counts.failed,
        },
        membership_stats: { ...stats },
        probe_stats: { ...probeStats },
        active_probes: probing.snapshot().active_probes,
        recent_events: events.length,
        probe_history_size: probes.length,
        lifeguard,
        awareness: awareness.snapshot(),
        members: counts,
        probing: probing.snapshot(),
        broadcasts: queue.snapshot(),
        updates_heard: { ...heard },
        messages: { ...traffic },
        pauses_total: pauses.total,
        pause_longest_ms: pauses.longestMs,
        suspicions_extended_total: suspicionsExtended,
        observer_failures: observerFailures,
      }
    },
  }
}
