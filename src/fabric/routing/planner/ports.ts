/** What the planner asks of the protocols that know ways, and of the links. */
import type { PathRouter } from '../graph/path-router.ts'
import type { LinkState } from '../link-state/link-state.ts'

/** A node an open link leads to. */
export interface PlannerPeer {
  readonly nodeId: string
  /** Lower is better; undefined when it has not told. */
  readonly loadScore: number | undefined
  readonly rttMs: number | undefined
}

/** A path-vector route. */
export interface OfferedRoute {
  /** From the local cluster to the destination, both included. */
  readonly path: readonly string[]
  /** The second cluster of the path. */
  readonly nextHop: string
  readonly hopCount: number
  /** The node of the own cluster that told it and has the link; undefined when this node has. */
  readonly viaNode?: string | undefined
  /** The node that told the route: others of its cluster may not know it. Empty or undefined: none in particular. */
  readonly toldBy?: string | undefined
}

export interface PlannerPorts {
  /** Undefined when link-state routing is disabled. */
  readonly linkState: Pick<LinkState, 'mode' | 'findPath' | 'siblingsLinkedTo'> | undefined
  /** The best route that passes none of the clusters and is not learned from one of the nodes. */
  selectRoute(destination: string, avoid: readonly string[], avoidNodes: readonly string[]): OfferedRoute | undefined
  /** Over the static graph of connected clusters. */
  readonly graph: Pick<PathRouter, 'findOptimalPath'>
  /** Linked nodes of a cluster, of the own one too, in any order; this node is not among them. */
  connectedPeers(clusterId: string): Iterable<PlannerPeer>
  /** Whether there are nodes of the own cluster without a link to this one: then those with a link may know more. Default: no. */
  readonly hasUnlinkedSiblings?: () => boolean
  /** All linked nodes, in any order. */
  neighbors(): Iterable<{ readonly nodeId: string; readonly clusterId: string }>
}
