/** Nodes that are gone, that cannot be reached, and that were turned away. */
import { commands } from './commands.ts'
import { duration, type Examination, refusalLine, type Sighting } from './examination.ts'
import type { Suspicion } from './finding.ts'
import type { PeerFacts, UnreachableNode } from './node-facts.ts'
import { causesOfLinks, causesOfLoss } from './reachability.ts'
import { DIAL_FAILURES, LINK_LOST_SECONDS, SETTLING_SECONDS, VANISHED_URGENT_SECONDS, VERDICT_SECONDS } from './thresholds.ts'

export function peerFaults(exam: Examination): Suspicion[] {
  return [
    ...vanishedPeers(exam),
    ...silentNodes(exam),
    ...closedMonitors(exam),
    ...deadSeeds(exam),
    ...missingLinks(exam),
    ...refusedPeers(exam),
  ]
}

/** A node that ended without a goodbye, as those who were linked to it tell. One that answered is there, whatever others say. */
function vanishedPeers(exam: Examination): Suspicion[] {
  const found: Suspicion[] = []
  for (const [nodeId, sightings] of exam.sightings) {
    if (exam.node(nodeId) !== undefined || exam.isDeparted(nodeId)) continue
    if (sightings.some(({ peer }) => peer.linked && peer.liveness === 'alive')) continue
    const unanswered = exam.unreachable.find((node) => node.node_id === nodeId)
    const gone = sightings.filter((sighting) => isGone(sighting, unanswered))
    if (gone.length === 0) continue
    const since = Math.max(...gone.map(goneSeconds))
    found.push({
      severity: since < VANISHED_URGENT_SECONDS ? 'critical' : 'warning',
      code: 'peer_vanished',
      node: nodeId,
      subject: nodeId,
      summary: `Node ${nodeId}${ofCluster(exam, nodeId)} has been gone for ${duration(since)}, and did not say goodbye.`,
      evidence: [...gone.map(goneLine), ...(unanswered === undefined ? [] : [`${unanswered.monitoring_url}: ${unanswered.error}`])],
      remedy: `Look at its process and machine, and start it again. If it is gone for good, nothing is to be done: the others stop looking for it an hour after its end.`,
      command: commands.explainPeer(nodeId),
      causes: [`peer:${nodeId}`, ...causesOfLoss(exam, nodeId)],
      effects: [`stalled:${nodeId}`, `restarting:${nodeId}`],
    })
  }
  return found
}

function isGone({ by, peer }: Sighting, unanswered: UnreachableNode | undefined): boolean {
  if (peer.liveness === 'failed') return true
  if (peer.linked || peer.liveness === 'alive' || peer.link?.last_disconnect_why !== 'closed') return false
  // Nothing listens where it was: there is nothing to wait for.
  if (unanswered !== undefined && unanswered.reason !== 'bad_answer') return true
  return by.wall_clock - (peer.link.last_disconnect_at ?? by.wall_clock) >= LINK_LOST_SECONDS
}

/** Since its link broke, or since it was found dead. */
function goneSeconds({ by, peer }: Sighting): number {
  const brokeAt = linkBrokeAt(peer)
  const foundDeadAt = peer.liveness === 'failed' ? peer.liveness_since : null
  return by.wall_clock - (brokeAt ?? foundDeadAt ?? by.wall_clock)
}

/** When the link went with the node: not while one is open, not with a goodbye, and not long before failure detection found it dead. */
function linkBrokeAt({ link, linked, liveness, liveness_since: foundDeadAt }: PeerFacts): number | null {
  const brokeAt = link?.last_disconnect_at ?? null
  if (linked || brokeAt === null || link?.last_disconnect_why !== 'closed') return null
  return liveness === 'failed' && foundDeadAt !== null && foundDeadAt - brokeAt > VERDICT_SECONDS ? null : brokeAt
}

function goneLine({ by, peer }: Sighting): string {
  return `${by.node_id}: ${lossOf(peer, by.wall_clock).join(', ')}`
}

/** How one node came to miss another, a few words for each thing it noticed. @param now of that node's clock, Unix seconds */
export function lossOf(peer: PeerFacts, now: number): string[] {
  const { dial, link, liveness, liveness_since } = peer
  const brokeAt = linkBrokeAt(peer)
  const parts = [
    liveness === 'failed' ? `failure detection found it dead ${duration(now - (liveness_since ?? now))} ago` : '',
    brokeAt === null
      ? ''
      : `its link broke ${duration(now - brokeAt)} ago${link?.last_disconnect_reason ? ` (${link.last_disconnect_reason})` : ''}`,
    dial !== null && dial.failures > 0 ? `${dial.failures} dials failed since${dial.last_error === '' ? '' : `: ${dial.last_error}`}` : '',
  ]
  return parts.filter((part) => part !== '')
}

/** A node that takes connections and answers none: its event loop does not turn. */
function silentNodes(exam: Examination): Suspicion[] {
  return exam.unreachable.flatMap((unanswered) => {
    if (!isSilent(exam, unanswered)) return []
    const node = unanswered.node_id ?? unanswered.monitoring_url
    return [
      {
        severity: 'critical' as const,
        code: 'event_loop_stalled' as const,
        node,
        subject: node,
        summary: `Node ${node} takes connections and does not answer: its event loop stands still, or its process is stopped.`,
        evidence: [`${unanswered.monitoring_url}: ${unanswered.error}`],
        remedy:
          'Find what blocks it (a long synchronous function, a debugger, swapping) and move that to a worker: register it as { module, export }.',
        command: commands.explainPeer(node),
        causes: [`peer:${node}`, `stalled:${node}`, ...causesOfLoss(exam, node)],
      },
    ]
  })
}

/** Its sockets are there and nothing comes over them: what monitoring sees, and failure detection over a link that is open. */
function isSilent(exam: Examination, { node_id: nodeId, reason }: UnreachableNode): boolean {
  if (reason !== 'timeout' || nodeId === null) return reason === 'silent'
  return exam.sightings.get(nodeId)?.some(({ peer }) => peer.linked && (peer.liveness === 'suspect' || peer.liveness === 'failed')) === true
}

/** A node that is there for the others, and whose monitoring is not. */
function closedMonitors(exam: Examination): Suspicion[] {
  return exam.unreachable.flatMap((unanswered) => {
    const { error, monitoring_url: url, node_id: nodeId } = unanswered
    if (isSilent(exam, unanswered) || (nodeId !== null && exam.isDeparted(nodeId))) return []
    const node = nodeId ?? url
    const isAlone = nodeId === null || !exam.sightings.has(nodeId)
    return [
      {
        severity: isAlone ? ('critical' as const) : ('warning' as const),
        code: 'monitoring_unreachable' as const,
        node,
        subject: node,
        summary: `Node ${node} could not be asked: nothing answers as its monitoring at ${url}.`,
        evidence: [`${url}: ${error}`],
        remedy: 'Check that the node runs with monitoring on (monitoring_enabled), and that its monitoring port can be reached from here.',
        command: nodeId === null ? commands.health : commands.explainPeer(nodeId),
        effects: [`peer:${node}`],
      },
    ]
  })
}

/** Of a candidate that is dialed whenever its time comes. */
const DIALED: ReadonlySet<string> = new Set(['backing_off', 'dialing', 'awaiting_turn'])

/** A configured peer that was never reached. */
function deadSeeds(exam: Examination): Suspicion[] {
  return exam.nodes.flatMap((by) =>
    by.peers.flatMap(({ dial, linked, node_id: nodeId }) => {
      if (by.uptime_seconds < SETTLING_SECONDS || linked || dial === null || dial.source !== 'seed') return []
      if (dial.failures < DIAL_FAILURES || dial.successes_total > 0 || !DIALED.has(dial.reason) || exam.isDeparted(nodeId)) return []
      const isAlone = !by.peers.some((peer) => peer.linked)
      return [
        {
          severity: isAlone ? ('critical' as const) : ('warning' as const),
          code: 'seed_unreachable' as const,
          node: by.node_id,
          subject: nodeId,
          summary: `Node ${by.node_id} has not reached its configured peer ${dial.url}${isAlone ? ', and is linked to nobody' : ''}.`,
          evidence: [`${by.node_id}: ${dial.failures} dials failed in a row, the last: ${dial.last_error || 'no reason given'}`],
          remedy: `Start the node at ${dial.url}, or correct the address in the setting peers (--peer) of ${by.node_id}.`,
          command: commands.explainPeer(nodeId),
          effects: [`peer:${nodeId}`],
        },
      ]
    }),
  )
}

/** Two nodes that are both there and cannot get a link to each other. */
function missingLinks(exam: Examination): Suspicion[] {
  return exam.nodes.flatMap((by) =>
    by.peers.flatMap(({ dial, linked, liveness, node_id: nodeId }) => {
      if (linked || dial === null || dial.failures < DIAL_FAILURES || !DIALED.has(dial.reason)) return []
      const isThere = exam.node(nodeId) !== undefined || liveness === 'alive'
      if (!isThere || exam.isDeparted(nodeId) || by.uptime_seconds < SETTLING_SECONDS) return []
      return [
        {
          severity: 'warning' as const,
          code: 'link_missing' as const,
          node: by.node_id,
          subject: pair(by.node_id, nodeId),
          summary: `Node ${by.node_id} cannot reach ${nodeId}, which is alive: something between the two is closed.`,
          evidence: [
            `${by.node_id}: ${dial.failures} dials of ${dial.url} failed in a row, the last: ${dial.last_error || 'no reason given'}`,
          ],
          remedy: `Open the way from ${by.node_id} to ${dial.url} (firewall, routing, name service), or have ${nodeId} advertise another address (advertised_urls).`,
          command: commands.explainPeer(nodeId),
          causes: causesOfLinks(exam, [by.node_id, nodeId]),
          effects: [`peer:${nodeId}`, `peer:${by.node_id}`],
        },
      ]
    }),
  )
}

/** What each refusal of a peer means; those of a node that is leaving, or that met itself, mean nothing. */
const REFUSAL_REMEDIES: Readonly<Record<string, string>> = {
  own_id_in_use: 'Give one of the two nodes another address: both go by the same node id.',
  identity_required: 'Give the node that dials a credential (peer_auth_token, peer_api_key or a client certificate).',
  identity_in_use: 'Give each node a credential of its own.',
  invalid_id: 'Correct cluster_id or the address of the node that dials: ids must not be empty, long, or have blanks.',
  too_many_peers: 'Spread the nodes over more clusters: this one has all the links it may have.',
  rate_limited: 'Raise security_policy.connection_rate_limit_per_cluster, or find out why that cluster reconnects so often.',
}

function refusedPeers(exam: Examination): Suspicion[] {
  return exam.refusals('peer').flatMap((refused) => {
    const { by, refusal } = refused
    const remedy = REFUSAL_REMEDIES[refusal.reason]
    if (remedy === undefined) return []
    return [
      {
        severity: 'warning' as const,
        code: 'peer_refused' as const,
        node: by.node_id,
        subject: refusal.subject,
        summary: `Node ${by.node_id} turns ${refusal.subject} away: ${refusal.reason}.`,
        evidence: [refusalLine(refused)],
        remedy,
        command: commands.explainPeer(refusal.subject),
      },
    ]
  })
}

/** The same for both ends. */
export function pair(a: string, b: string): string {
  return a < b ? `${a} and ${b}` : `${b} and ${a}`
}

function ofCluster(exam: Examination, nodeId: string): string {
  const cluster = exam.clusterOf(nodeId)
  return cluster === undefined ? '' : ` of cluster ${cluster}`
}
