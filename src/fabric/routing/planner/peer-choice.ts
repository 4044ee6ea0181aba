/** Which of several linked nodes of a cluster gets the message. */
import { compareCodePoints } from '../../../wire/index.ts'
import type { PlannerPeer } from './ports.ts'

/** Load of a node that has not told any: behind all that have, unless they are in trouble. */
const LOAD_UNKNOWN = 1_000

/** The less loaded first, then the nearer, then by name. */
export function comparePeers(a: PlannerPeer, b: PlannerPeer): number {
  const load = (a.loadScore ?? LOAD_UNKNOWN) - (b.loadScore ?? LOAD_UNKNOWN)
  if (load !== 0) return load
  const nearA = a.rttMs ?? Number.POSITIVE_INFINITY
  const nearB = b.rttMs ?? Number.POSITIVE_INFINITY
  return nearA === nearB ? compareCodePoints(a.nodeId, b.nodeId) : nearA - nearB
}

/** The best of the peers that are eligible. */
export function bestPeer(peers: Iterable<PlannerPeer>, isEligible: (nodeId: string) => boolean): string | undefined {
  let best: PlannerPeer | undefined
  for (const peer of peers) if (isEligible(peer.nodeId) && (best === undefined || comparePeers(peer, best) < 0)) best = peer
  return best?.nodeId
}
