/** What link-state routing needs of the node around it. */
import type { LinkStateNeighbor, LinkStateUpdate } from '../../../wire/index.ts'

export interface LinkedPeer {
  readonly nodeId: string
  readonly clusterId: string
}

/** What a link to a neighbouring cluster is like; wire names, since they are announced as they are. */
export type LinkMetrics = Omit<LinkStateNeighbor, 'cluster_id'>

export interface LinkStatePorts {
  /** The cluster a node is known to belong to. */
  clusterOf(nodeId: string): string | undefined
  /** Nodes an open link leads to. */
  connectedPeers(): Iterable<LinkedPeer>
  /** Measured or configured; undefined when nothing is known. */
  linkMetrics(clusterId: string): LinkMetrics | undefined
  /**
   * Gossips an update of this node.
   * @param messageIdSuffix what follows `<node id>:` in the message id; different for every update, of whatever area
   */
  send(update: LinkStateUpdate, messageIdSuffix: string): void
}
