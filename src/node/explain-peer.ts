/**
 * What is known of another node: whether it is linked, dialled, alive and listed, why or why not, and how that came about. What holds now
 * stands before what has happened, and of that the latest comes last.
 */
import type { Clock } from '../base/index.ts'
import type { ConnectionEvent, DialExplanation } from '../fabric/index.ts'
import {
  commands,
  duration,
  type Evidence,
  type ExplainedCandidate,
  type ExplainedReason,
  type Explanation,
  inOrderOfChoice,
  nearestName,
  type RefusalLedger,
} from '../telemetry/index.ts'
import type { MembershipEventType } from '../wire/index.ts'
import type { Fabric, PeerExplanation } from './fabric.ts'

export interface PeerExplainerDeps {
  readonly clock: Clock
  /** This node. */
  readonly nodeId: string
  /** What the operator calls it. */
  readonly nodeName: string
  readonly fabric: Fabric
  readonly refusals: RefusalLedger
}

/** Events told of one peer; the latest are kept. */
const EVENTS_TOLD_MAX = 12

export function explainPeer(deps: PeerExplainerDeps, nodeId: string): Explanation {
  const { fabric, nodeId: self, refusals } = deps
  const known = fabric.explainPeer(nodeId)
  const { dialing, hidden, link, membership, reconnects } = known
  const { verdict, reason, since } = peerVerdict(known, nodeId === self, fabric.catalog.node(nodeId) !== undefined)
  const unknown = verdict === 'unknown' ? unknownPeer(deps, nodeId) : undefined
  const ways: ExplainedCandidate[] = []
  if (link !== undefined) {
    for (const [direction, remote] of [
      ['dialed', link.dialed],
      ['accepted', link.accepted],
    ] as const) {
      if (remote === null) continue
      // Frames leave over the dialed link where there is one.
      const isUsed = direction === 'dialed' || link.dialed === null
      ways.push({
        id: remote,
        cluster_id: link.cluster_id,
        qualifies: true,
        chosen: isUsed,
        reasons: [{ code: direction, text: direction === 'dialed' ? 'this node opened it' : 'the other node opened it' }],
        facts: { round_trip_ms: link.round_trip_ms, frames_sent: link.frames_sent, sends_failed: link.sends_failed, breaker: link.breaker },
      })
    }
  }
  if (dialing !== undefined) {
    ways.push({
      id: dialing.dial_url,
      cluster_id: dialing.cluster_id,
      qualifies: dialing.reason === 'linked' || dialing.reason === 'linked_by_peer',
      chosen: false,
      reasons: [{ code: dialing.reason, text: dialing.detail === '' ? dialing.reason : dialing.detail }],
      facts: { ...dialing },
    })
  }
  for (const refusal of [...refusals.of('peer', nodeId), ...refusals.of('dial', nodeId)]) {
    ways.push({
      id: nodeId,
      cluster_id: null,
      qualifies: false,
      chosen: false,
      reasons: [{ code: refusal.reason, text: refusal.detail }],
      facts: { kind: refusal.kind, count: refusal.count, first_at: refusal.first_at, last_at: refusal.last_at },
    })
  }
  const standing: ExplainedReason[] = [
    ...(membership === undefined
      ? []
      : [
          {
            code: membership.state,
            text: `failure detection: ${membership.state} (${membership.reason.reason}, first said by ${membership.reason.source_node})`,
          },
        ]),
    ...(hidden === undefined ? [] : [{ code: hidden.reason, text: 'is not listed' }]),
    ...(reconnects === undefined
      ? []
      : [{ code: 'reconnects', text: `linked ${reconnects.established} times, lost ${reconnects.lost} times` }]),
  ]
  if (standing.length > 0) {
    ways.push({ id: nodeId, cluster_id: null, qualifies: hidden === undefined, chosen: false, reasons: standing, facts: { ...reconnects } })
  }
  return {
    kind: 'peer',
    name: nodeId,
    verdict,
    reason: unknown?.reason ?? reason,
    since,
    evidence: nodeId === self ? [] : [...present(deps, known), ...past(deps, known)],
    candidates: inOrderOfChoice(ways),
    next: unknown?.next ?? (verdict === 'linked' ? [] : ['mpreg doctor', commands.listPeers(self)]),
  }
}

/** Nodes named to somebody who asked for another. */
const NODES_NAMED_MAX = 20

/** Most likely the name of a node was given, which only the node itself knows, or a misspelt id. */
function unknownPeer({ fabric, nodeId: self, nodeName }: PeerExplainerDeps, given: string): Pick<Explanation, 'reason' | 'next'> {
  if (given === nodeName) return { reason: `it is the name of this node, whose id is ${self}`, next: [commands.explainPeer(self)] }
  const { catalog, membership, peers } = fabric
  const known = [self, ...catalog.nodes().map(({ node_id: id }) => id), ...membership.members().map(({ node_id: id }) => id)]
  const ids = [...new Set([...known, ...peers.views.listedIds()])].sort()
  const nearest = ids.find((id) => id.endsWith(`//${given}`)) ?? nearestName(given, ids)
  const guess = nearest === undefined ? '. The id of a node is its URL; its name is not told to others.' : `; did you mean '${nearest}'?`
  const more = ids.length > NODES_NAMED_MAX ? ` and ${ids.length - NODES_NAMED_MAX} more` : ''
  return {
    reason: `no node of this id is known here${guess} Known nodes: ${ids.slice(0, NODES_NAMED_MAX).join(', ')}${more}`,
    next: [nearest === undefined ? commands.listPeers(self) : commands.explainPeer(nearest)],
  }
}

function peerVerdict(
  { dialing, hidden, link, membership, reconnects }: PeerExplanation,
  isSelf: boolean,
  isInCatalog: boolean,
): Pick<Explanation, 'verdict' | 'reason' | 'since'> {
  const lost = reconnects?.last_lost_at ?? null
  if (isSelf) return { verdict: 'self', reason: 'it is this node', since: null }
  if (hidden?.reason === 'departed' || membership?.state === 'left') {
    return { verdict: 'departed', reason: 'it said goodbye', since: membership?.state === 'left' ? membership.reason.since : lost }
  }
  if (membership?.state === 'failed') {
    return { verdict: 'vanished', reason: `failure detection found it dead: ${membership.reason.reason}`, since: membership.reason.since }
  }
  if (membership?.state === 'suspect') {
    const left = membership.verdict_in_seconds
    return {
      verdict: 'suspected',
      reason: `it does not answer: ${membership.reason.reason}${left === null ? '' : `; found dead in ${left.toFixed(0)} s unless it objects`}`,
      since: membership.reason.since,
    }
  }
  if (link !== undefined)
    return {
      verdict: 'linked',
      reason: `a link is open${link.breaker === 'closed' ? '' : `, and left alone after failures (breaker ${link.breaker})`}`,
      since: reconnects?.last_established_at ?? null,
    }
  if (hidden !== undefined) return { verdict: 'hidden', reason: `it is not listed: ${hidden.reason}`, since: lost }
  if (dialing !== undefined)
    return {
      verdict: 'not_linked',
      reason: `it is not linked: ${dialing.reason}${dialing.detail === '' ? '' : `, ${dialing.detail}`}`,
      since: dialing.since,
    }
  if (isInCatalog) return { verdict: 'not_linked', reason: 'it is known, and a link is made when one is needed', since: lost }
  return { verdict: 'unknown', reason: 'no node of this id is known here', since: lost }
}

/** What each part of the node holds of the peer at this moment. */
function present({ clock, fabric }: PeerExplainerDeps, known: PeerExplanation): Evidence[] {
  const { dialing, hidden, membership, node_id: id } = known
  const isListed = hidden === undefined && fabric.peers.views.listedIds().includes(id)
  const texts: Readonly<Record<string, string | undefined>> = {
    link: linkText(known),
    dialling: dialing && dialText(dialing, clock.wall()),
    'failure detection': membership && `${membership.state}: ${membership.reason.reason}, first said by ${membership.reason.source_node}`,
    'list of peers': hidden === undefined ? (isListed ? 'listed' : undefined) : `not listed: ${hidden.reason}`,
  }
  return Object.entries(texts).flatMap(([what, text]) => (text === undefined ? [] : { what, at: null, text }))
}

function linkText({ link, reconnects }: PeerExplanation): string | undefined {
  const lost = reconnects?.lost === 0 ? 'never lost' : `lost ${times(reconnects?.lost ?? 0)}`
  const history = reconnects === undefined ? '' : `; made ${times(reconnects.established)}, ${lost}`
  if (link === undefined) return reconnects === undefined ? undefined : `none${history}`
  const roundTrip = link.round_trip_ms === null ? '' : `, round trip ${link.round_trip_ms.toFixed(1)} ms`
  const frames = `${link.frames_sent} frames sent, ${link.sends_failed} sends failed`
  return `open, dialled by ${link.dialed === null ? 'that' : 'this'} node; ${frames}${roundTrip}, breaker ${link.breaker}${history}`
}

function dialText({ consecutive_failures: failures, detail, next_attempt_at: next, reason }: DialExplanation, now: number): string {
  const nextTry = next === null || next < now ? '' : `, the next try in ${duration(next - now)}`
  const inVain = failures === 0 ? '' : `: ${failures} ${failures === 1 ? 'failure' : 'failures in a row'}${nextTry}`
  return `${reason}${inVain}${detail === '' ? '' : `; ${detail}`}`
}

const MEMBER_EVENTS: Readonly<Record<MembershipEventType, string>> = {
  node_joined: 'joined',
  node_left: 'left',
  node_failed: 'found dead',
  node_recovered: 'recovered',
  node_suspected: 'suspected',
  node_confirmed: 'said that it lives',
}

/** What has happened, the latest last. Of refusals the last one stands for all. */
function past({ fabric, refusals }: PeerExplainerDeps, { dialing, membership, node_id: id }: PeerExplanation): Evidence[] {
  const links = fabric.peers.events.recent().filter(({ node_url }) => node_url === id)
  const refused = [...refusals.of('peer', id), ...refusals.of('dial', id)]
  return [
    ...links.map((event): Evidence => ({ what: 'link', at: event.timestamp, text: linkEventText(event) })),
    ...(membership?.events ?? []).map(
      (event): Evidence => ({
        what: 'failure detection',
        // Others stamp what they were the first to say by clocks of their own.
        at: event.event_id === membership?.reason.event.event_id ? membership.reason.since : event.timestamp,
        text: `${MEMBER_EVENTS[event.event_type]}: ${event.reason}`,
      }),
    ),
    ...refused.map(
      ({ count, detail, kind, last_at, reason }): Evidence =>
        kind === 'dial'
          ? // The dialling says how it failed.
            { what: 'dialling', at: last_at, text: `a dial failed, ${times(count)} in all${dialing === undefined ? `: ${detail}` : ''}` }
          : { what: 'link', at: last_at, text: `was not let in (${reason}), ${times(count)} in all: ${detail}` },
    ),
  ]
    .sort((a, b) => (a.at ?? 0) - (b.at ?? 0))
    .slice(-EVENTS_TOLD_MAX)
}

function linkEventText(event: ConnectionEvent): string {
  if (event.type === 'connection_established') return `linked, ${event.link === 'dialed' ? 'dialled by this node' : 'dialled by that node'}`
  if (event.type === 'instance_restarted') return 'another process answers for it'
  return `link lost: ${event.why}, code ${event.code}${event.reason === '' ? '' : `, ${event.reason}`}`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}
