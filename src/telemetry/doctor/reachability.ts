/**
 * Which faults can be why a cluster is out of reach: those at a node or link that the way to it leads over.
 *
 * A way begins in a node's own cluster, so its links inside that cluster would be on every way. They lead out of it for nobody, and explain
 * nothing. A node of the own cluster that is gone is another matter: it may have been the bridge, and where nothing tells which way there was,
 * that is the likely explanation.
 */
import type { Examination } from './examination.ts'
import type { DestinationFacts, NodeFacts } from './node-facts.ts'

/** What a broken or missing link keeps out of reach, as causes. */
export function causesOfLinks(exam: Examination, ends: readonly string[]): string[] {
  return clustersOf(exam, ends).map(through)
}

/** What a node keeps out of reach that is gone, or does not answer: what lies behind its own cluster, and behind those it had links to. */
export function causesOfLoss(exam: Examination, nodeId: string): string[] {
  const linked = (exam.sightings.get(nodeId) ?? []).filter(({ peer }) => peer.link !== null).map(({ by }) => by.node_id)
  return [...clustersOf(exam, [nodeId, ...linked]).map(through), ...clustersOf(exam, [nodeId]).map(lossIn)]
}

/** What may have brought it about that a node reaches no node of a cluster, as effects. */
export function effectsOfNoWay(exam: Examination, { cluster_id: own }: NodeFacts, destination: DestinationFacts): string[] {
  const { cluster_id: cluster, planned_path: planned } = destination
  const way = planned.length > 1 ? planned : wayBetween(exam, own, cluster)
  const beyond = new Set([cluster, ...way].filter((passed) => passed !== own))
  return [...[...beyond].map(through), ...(way.length === 0 ? [lossIn(own)] : [])]
}

function through(cluster: string): string {
  return `reachability:${cluster}`
}

function lossIn(cluster: string): string {
  return `loss:${cluster}`
}

function clustersOf(exam: Examination, nodeIds: readonly string[]): string[] {
  return [...new Set(nodeIds.map((nodeId) => exam.clusterOf(nodeId)).filter((cluster) => cluster !== undefined))]
}

/** All clusters on the shortest ways over links that are, were or should be; none where no such way is known. */
function wayBetween({ neighbours }: Examination, from: string, to: string): string[] {
  const there = distances(neighbours, from)
  const length = there.get(to)
  if (length === undefined) return []
  const back = distances(neighbours, to)
  return [...there].filter(([cluster, hops]) => hops + (back.get(cluster) ?? length) === length).map(([cluster]) => cluster)
}

function distances(neighbours: Examination['neighbours'], from: string): ReadonlyMap<string, number> {
  const hops = new Map([[from, 0]])
  // A map is walked in the order of insertion, and goes on over what is added meanwhile: breadth first.
  for (const [cluster, count] of hops) {
    for (const next of neighbours.get(cluster) ?? []) if (!hops.has(next)) hops.set(next, count + 1)
  }
  return hops
}
