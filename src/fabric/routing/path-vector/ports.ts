/** What path-vector routing needs of the node around it. */
import type { RouteAnnouncement, RouteWithdrawal } from '../../../wire/index.ts'
import type { Route } from './route.ts'
import type { LinkMetrics } from './route-metrics.ts'

export type RouteMessage = RouteAnnouncement | RouteWithdrawal

export function isWithdrawal(message: RouteMessage): message is RouteWithdrawal {
  return 'withdrawn_at' in message
}

export interface RoutePeer {
  readonly nodeId: string
  readonly clusterId: string
}

/** The neighbours of this node, in other clusters and in its own. */
export interface RouteNeighbors {
  /** Undefined while the node is not known yet; its route messages are ignored until then. */
  clusterOf(nodeId: string): string | undefined
  connectedPeers(): readonly RoutePeer[]
  /** As measured now; undefined when nothing is known of the links to that cluster. */
  linkMetrics(clusterId: string): LinkMetrics | undefined
  /**
   * Whether a node follows the rules of `routes/1`: it tells one route to each destination, so that a new one replaces the one before, and
   * nodes of one cluster share what they reach. Of nodes that do not, routes along different paths stand side by side until they expire.
   */
  has(nodeId: string, extension: 'routes/1'): boolean
}

export interface RouteTransmitter {
  /** Sends one message to these directly connected nodes, soon (within a second). They must not pass it on: each tells its own view. */
  send(message: RouteMessage, targets: readonly string[]): void
}

export interface RouteSecurity {
  /** The same message with signature and key. Without it messages leave unsigned. */
  sign?<M extends RouteMessage>(message: M): M
  /** `ok`, or why the message is not to be believed. Decides about unsigned messages too. */
  verify(message: RouteMessage): string
}

export type RouteChangeReason = 'announcement' | 'withdrawal' | 'neighbor_lost' | 'sibling_lost' | 'expired' | 'policy'

/** The best route to a destination is another one, or there is none any more. A refresh of the same route is no change. */
export interface RouteChange {
  readonly kind: 'gained' | 'changed' | 'lost'
  readonly destination: string
  readonly reason: RouteChangeReason
  readonly best: Route | undefined
  readonly previous: Route | undefined
}

export type RouteObserver = (change: RouteChange) => void
