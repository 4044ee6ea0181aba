/** The facts of all nodes that answered, and what several rules ask of them. */

import type { Refusal, RefusalKind } from '../refusals.ts'
import { type ClockOffset, clockOffsets } from './clock-offsets.ts'
import type { NodeFacts, PeerFacts, UnreachableNode } from './node-facts.ts'
import { CLOCK_OFFSET_SECONDS, RECENT_SECONDS } from './thresholds.ts'

export interface Sighting {
  readonly by: NodeFacts
  readonly peer: PeerFacts
}

export interface Examination {
  readonly nodes: readonly NodeFacts[]
  readonly unreachable: readonly UnreachableNode[]
  node(nodeId: string): NodeFacts | undefined
  /** What the nodes that answered say of one, by node id. Nodes that answered themselves are among them. */
  readonly sightings: ReadonlyMap<string, readonly Sighting[]>
  /** It said goodbye to somebody. */
  isDeparted(nodeId: string): boolean
  clusterOf(nodeId: string): string | undefined
  /** Clusters with a link between them that is, was, or is configured, to each other. */
  readonly neighbours: ReadonlyMap<string, ReadonlySet<string>>
  /** Whether something a node tells of, at a time by its own clock, counts as present. */
  isRecent(by: NodeFacts, at: number): boolean
  readonly recentSeconds: number
  /** Refusals that count as present, with the node that refused. */
  refusals(...kinds: readonly RefusalKind[]): readonly { readonly by: NodeFacts; readonly refusal: Refusal }[]
  /** Nodes whose clock is not that of the others. */
  readonly clocks: readonly ClockOffset[]
  /** What a node says of times can be believed. */
  trustsClock(nodeId: string): boolean
}

export interface ExamineOptions {
  /** Unix seconds by the clock of whoever asks: with few nodes, one more opinion about the time. */
  readonly observedAt?: number
  /** What is longer ago is over, s. Shorter than usual for one who has mended something, and wants to know that it holds. */
  readonly recentSeconds?: number
}

export function examine(
  nodes: readonly NodeFacts[],
  unreachable: readonly UnreachableNode[],
  { observedAt, recentSeconds = RECENT_SECONDS }: ExamineOptions = {},
): Examination {
  const byId = new Map(nodes.map((facts) => [facts.node_id, facts]))
  const sightings = new Map<string, Sighting[]>()
  for (const by of nodes) {
    for (const peer of by.peers) {
      const seen = sightings.get(peer.node_id)
      if (seen === undefined) sightings.set(peer.node_id, [{ by, peer }])
      else seen.push({ by, peer })
    }
  }
  const clocks = clockOffsets(nodes, observedAt)
  const skewed = new Set(clocks.filter(({ seconds }) => Math.abs(seconds) > CLOCK_OFFSET_SECONDS).map(({ node_id }) => node_id))
  const clusterOf: Examination['clusterOf'] = (nodeId) =>
    byId.get(nodeId)?.cluster_id ?? sightings.get(nodeId)?.find(({ peer }) => peer.cluster_id !== null)?.peer.cluster_id ?? undefined
  const isRecent = (by: NodeFacts, at: number): boolean => by.wall_clock - at <= recentSeconds
  return {
    nodes,
    unreachable,
    node: (nodeId) => byId.get(nodeId),
    sightings,
    isDeparted: (nodeId) => sightings.get(nodeId)?.some(({ peer }) => peer.departed || peer.liveness === 'left') === true,
    clusterOf,
    neighbours: neighboursAmong(nodes, clusterOf),
    isRecent,
    recentSeconds,
    refusals: (...kinds) =>
      nodes.flatMap((by) =>
        by.refusals.filter(({ kind, last_at }) => kinds.includes(kind) && isRecent(by, last_at)).map((refusal) => ({ by, refusal })),
      ),
    clocks,
    trustsClock: (nodeId) => !skewed.has(nodeId),
  }
}

function neighboursAmong(nodes: readonly NodeFacts[], clusterOf: Examination['clusterOf']): Examination['neighbours'] {
  const neighbours = new Map<string, Set<string>>()
  const add = (from: string, to: string): void => {
    const known = neighbours.get(from)
    if (known === undefined) neighbours.set(from, new Set([to]))
    else known.add(to)
  }
  for (const { cluster_id: own, peers } of nodes) {
    for (const { dial, link, linked, node_id } of peers) {
      const other = clusterOf(node_id)
      if (other === undefined || other === own || !(linked || link !== null || dial?.source === 'seed')) continue
      add(own, other)
      add(other, own)
    }
  }
  return neighbours
}

/** Seconds in the words of a sentence. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 7_200) return `${Math.round(whole / 60)} min`
  return `${Math.round(whole / 3_600)} h`
}

/** How often something was refused, and since when, in the words of a node. */
export function refusalLine({ by, refusal }: { readonly by: NodeFacts; readonly refusal: Refusal }): string {
  const { count, detail, first_at, last_at } = refusal
  const last = duration(by.wall_clock - last_at)
  const times = count === 1 ? `once, ${last} ago` : `${count} times since ${duration(by.wall_clock - first_at)} ago, the last ${last} ago`
  return `${by.node_id}: refused ${times}${detail === '' ? '' : `: ${detail}`}`
}
