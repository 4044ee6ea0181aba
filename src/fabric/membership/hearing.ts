/**
 * What a node makes of what others say of members: who knows better is believed, who tells an old accusation hears the answer, and what is said
 * against this node itself it refutes by raising its incarnation.
 */
import type { BoundedQueue, LogScope } from '../../base/index.ts'
import type { MembershipEvent } from '../../wire/index.ts'
import type { Awareness } from './awareness.ts'
import type { BroadcastQueue } from './broadcast-queue.ts'
import { INCARNATION_MAX, UPDATE_TEXT_MAX } from './constants.ts'
import type { MemberChanges } from './member-changes.ts'
import { CLAIMED_STATE, isGone, type Members, supersedes } from './members.ts'
import type { UpdateVerdict } from './membership-api.ts'
import type { News } from './news.ts'
import type { OwnState } from './own-state.ts'
import type { Probing } from './probing.ts'

export interface HearingDeps {
  readonly log: LogScope
  readonly nodeId: string
  readonly own: OwnState
  readonly members: Members
  readonly queue: Pick<BroadcastQueue<MembershipEvent>, 'has'>
  readonly awareness: Pick<Awareness, 'refuted'>
  readonly news: Pick<News, 'spread' | 'tell'>
  readonly changes: MemberChanges
  readonly probing: Pick<Probing, 'abandon'>
  /** The latest, for the operator. */
  readonly events: BoundedQueue<MembershipEvent>
  isKnown(nodeId: string): boolean
}

export interface Hearing {
  /** @param isView what the sender holds, rather than what is new */
  hearAll(from: string, updates: readonly MembershipEvent[], isView: boolean): void
  /** Updates by what became of them. */
  readonly heard: Readonly<Record<UpdateVerdict, number>>
  readonly sent: { readonly refutations_sent: number; readonly corrections_sent_total: number }
}

export function createHearing(deps: HearingDeps): Hearing {
  const { awareness, changes, events, isKnown, log, members, news, nodeId, own, probing, queue } = deps
  const { apply, confirm, introduce, makeEvent, suspect, vouch } = changes
  const { spread, tell } = news
  const sent = { refutations_sent: 0, corrections_sent_total: 0 }
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
    sent.corrections_sent_total++
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
      if (event.incarnation <= own.incarnation) return 'known'
      own.incarnation = event.incarnation
      return 'applied'
    }
    if (event.incarnation < own.incarnation) {
      // Whoever passes this on does not know the answer yet.
      if (!queue.has(nodeId)) spread(makeEvent('node_confirmed', nodeId, own.incarnation, 'refutation', undefined))
      return 'stale'
    }
    own.incarnation = event.incarnation + 1
    const answer = makeEvent('node_confirmed', nodeId, own.incarnation, 'refutation', {
      claim: event.event_type,
      claimed_by: event.source_node,
      reason: event.reason,
    })
    events.push(answer)
    if (log.debugOn)
      log.debug(`refuted claim=${event.event_type} by=${event.source_node} reason=${event.reason} incarnation=${own.incarnation}`)
    sent.refutations_sent++
    awareness.refuted()
    spread(answer)
    return 'refuted'
  }

  return { hearAll, heard, sent }
}

function withinBounds(event: MembershipEvent): boolean {
  const { event_id: id, node_id: about, source_node: source, reason, metadata } = event
  if (event.incarnation > INCARNATION_MAX) return false
  return id.length + about.length + source.length + reason.length + metadata.text.length <= UPDATE_TEXT_MAX
}
