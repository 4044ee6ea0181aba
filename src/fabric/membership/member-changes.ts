/**
 * How a member comes to another state: what is claimed of it, by whom, what follows for a suspicion, and who is told. Every change becomes an
 * event; members.ts has the order of claims.
 */
import type { BoundedQueue, Env } from '../../base/index.ts'
import { encodeJson, type MembershipEvent, type MembershipEventType, RawJson } from '../../wire/index.ts'
import type { Alarms } from './alarms.ts'
import type { Awareness } from './awareness.ts'
import { CONSENSUS_LEVEL, VERDICT_EXTENSIONS_MAX } from './constants.ts'
import { CLAIMED_STATE, isGone, type Member, type MemberState, type Members, type StateReason } from './members.ts'
import type { ChangeReason, MembershipChange, UpdateVerdict } from './membership-api.ts'
import type { News } from './news.ts'
import type { OwnState } from './own-state.ts'
import { confirmSuspicion, type Suspicion, suspicionBoundsMs, suspicionDeadlineMs, suspicionLevel } from './suspicion.ts'

export interface MemberChangesDeps {
  readonly env: Env
  readonly nodeId: string
  readonly own: OwnState
  readonly members: Members
  readonly alarms: Alarms
  readonly awareness: Awareness
  readonly news: Pick<News, 'sendView' | 'spread' | 'tell'>
  /** The latest, for the operator. */
  readonly events: BoundedQueue<MembershipEvent>
  population(): number
}

export interface MemberChangesOptions {
  readonly probeIntervalMs: number
  readonly probeTimeoutMs: number
  readonly suspicionAlpha: number
  readonly suspicionBeta: number
  readonly suspicionConfirmations: number
  readonly lifeguard: boolean
  readonly consensus: boolean
  /** A timer this late proves that the node stood still. */
  readonly pauseMs: number
}

export interface MemberChanges {
  makeEvent(
    type: MembershipEventType,
    about: string,
    at: number,
    reason: ChangeReason,
    evidence: object | undefined,
    source?: string,
  ): MembershipEvent
  /** The member takes the state the event claims. */
  apply(member: Member, event: MembershipEvent, heardFrom: string | null): void
  /** Undefined when there is no room. */
  introduce(event: MembershipEvent, heardFrom: string | null): Member | undefined
  beginSuspicion(member: Member, event: MembershipEvent): void
  endSuspicion(member: Member): void
  /** One more suspecter: the verdict comes sooner. */
  confirm(member: Member, event: MembershipEvent): UpdateVerdict
  suspect(member: Member, reason: ChangeReason, evidence: object, source?: string): void
  fail(member: Member, reason: ChangeReason, evidence?: object): void
  /** It answered this node: whoever suspects it is wrong, as far as this node is concerned. */
  recover(member: Member, reason: ChangeReason): void
  /** This node answers for it. */
  vouch(member: Member, at: number): void
  observe(observer: (change: MembershipChange) => void): () => void
  /** Changes by what became of the member. */
  readonly counts: {
    readonly nodes_joined: number
    readonly nodes_suspected: number
    readonly nodes_recovered: number
    readonly nodes_failed: number
  }
  readonly totals: { readonly suspicions_extended_total: number; readonly observer_failures: number }
}

const NO_EVIDENCE = new RawJson('{}')

export function createMemberChanges(deps: MemberChangesDeps, options: MemberChangesOptions): MemberChanges {
  const { alarms, awareness, env, events, members, news, nodeId, own, population } = deps
  const { consensus, lifeguard, pauseMs, probeIntervalMs, probeTimeoutMs } = options
  const { clock, random } = env
  const { sendView, spread, tell } = news
  const log = env.log.scope('fabric.membership')
  const observers = new Set<(change: MembershipChange) => void>()
  const counts = { nodes_joined: 0, nodes_suspected: 0, nodes_recovered: 0, nodes_failed: 0 }
  const totals = { suspicions_extended_total: 0, observer_failures: 0 }

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
    if (state === 'alive' && (previous === 'failed' || previous === 'left') && member.linked && own.phase === 'alive')
      sendView(member.nodeId)
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
    if (previous === undefined && state === 'alive') counts.nodes_joined++
    else if (state === 'alive' && previous !== 'alive') counts.nodes_recovered++
    else if (state === 'suspect') counts.nodes_suspected++
    else if (state === 'failed') counts.nodes_failed++
    if (log.debugOn) {
      const { source_node: source, reason } = event
      log.debug(`${member.nodeId} ${previous ?? 'unknown'} -> ${state} incarnation=${member.incarnation} reason=${reason} source=${source}`)
    }
    const change = { event, previous, state, reason: member.why }
    for (const observer of observers) {
      try {
        observer(change)
      } catch (error) {
        totals.observer_failures++
        log.error(`membership observer failed at ${event.event_type} of ${event.node_id}`, error)
      }
    }
  }

  function beginSuspicion(member: Member, event: MembershipEvent): void {
    const size = population()
    const bounds = suspicionBoundsMs(size, probeIntervalMs, options.suspicionAlpha, lifeguard ? options.suspicionBeta : 1)
    const confirmations = options.suspicionConfirmations
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
        totals.suspicions_extended_total++
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

  function vouch(member: Member, at: number): void {
    const event = makeEvent('node_confirmed', member.nodeId, at, 'vouched', undefined)
    apply(member, event, null)
    spread(event)
  }

  return {
    makeEvent,
    apply,
    introduce,
    beginSuspicion,
    endSuspicion,
    confirm,
    suspect,
    fail,
    recover,
    vouch,
    observe(observer) {
      observers.add(observer)
      return () => observers.delete(observer)
    },
    counts,
    totals,
  }
}
