/**
 * The directory: every node this node has heard of, by the descriptor it announced. It follows the catalog's node entries, except that a
 * node with an open link stays in it when its descriptor lapses. It holds the own node too, so that a size of 1 means "alone".
 */
import type { LogScope } from '../../base/index.ts'
import { type CatalogDelta, compareCodePoints, type NodeEntry } from '../../wire/index.ts'
import { DIRECTORY_NODES_MAX } from './constants.ts'

/** What the directory needs of an observed change of the catalog. */
export interface CatalogChange {
  readonly delta: Pick<CatalogDelta, 'nodes' | 'node_removals'>
  readonly source: { readonly kind: string }
  /** Unix seconds the change is judged at. */
  readonly now: number
}

export interface DirectorySnapshot {
  readonly nodes: number
  readonly clusters: number
  /** Descriptors left out because the directory is full. */
  readonly refused_total: number
}

export interface Directory {
  readonly size: number
  apply(change: CatalogChange): void
  has(nodeId: string): boolean
  node(nodeId: string): NodeEntry | undefined
  clusterOf(nodeId: string): string | undefined
  nodes(): Iterable<NodeEntry>
  /** Nodes of a cluster in order, this one left out. */
  peersOf(clusterId: string, options?: { readonly connectedOnly?: boolean }): NodeEntry[]
  /** All other nodes, by cluster and node id. */
  neighbours(): { readonly cluster_id: string; readonly node_id: string }[]
  remove(nodeId: string): boolean
  /** Removes a node whose descriptor lapsed while its link was open; called when the link goes. */
  dropLapsed(nodeId: string): boolean
  /** Called with the node id each time a node left the directory. */
  onRemoved(listener: (nodeId: string) => void): void
  snapshot(): DirectorySnapshot
}

export interface DirectoryDeps {
  readonly nodeId: string
  readonly log: LogScope
  isConnected(nodeId: string): boolean
}

export function createDirectory({ nodeId: self, isConnected, log }: DirectoryDeps): Directory {
  const nodes = new Map<string, NodeEntry>()
  const clusters = new Map<string, Set<string>>()
  /** Still here only because a link to them is open. */
  const lapsed = new Set<string>()
  const listeners: ((nodeId: string) => void)[] = []
  let refused = 0

  function add(entry: NodeEntry): void {
    const { node_id: nodeId, cluster_id: clusterId } = entry
    const old = nodes.get(nodeId)
    if (old === undefined && nodes.size >= DIRECTORY_NODES_MAX) {
      refused++
      if (log.debugOn) log.debug(`node refused node=${nodeId} cluster=${clusterId} reason=directory_full nodes=${nodes.size}`)
      return
    }
    if (old !== undefined && old.cluster_id !== clusterId) leaveCluster(old)
    nodes.set(nodeId, entry)
    if (log.debugOn) tellAdded(entry, old)
    lapsed.delete(nodeId)
    const members = clusters.get(clusterId)
    if (members === undefined) clusters.set(clusterId, new Set([nodeId]))
    else members.add(nodeId)
  }

  function tellAdded({ cluster_id: clusterId, node_id: nodeId }: NodeEntry, old: NodeEntry | undefined): void {
    if (old === undefined) log.debug(`node registered node=${nodeId} cluster=${clusterId} nodes=${nodes.size}`)
    else if (old.cluster_id !== clusterId) log.debug(`node moved node=${nodeId} cluster=${clusterId} from=${old.cluster_id}`)
  }

  function leaveCluster({ node_id: nodeId, cluster_id: clusterId }: NodeEntry): void {
    const members = clusters.get(clusterId)
    members?.delete(nodeId)
    if (members?.size === 0) clusters.delete(clusterId)
  }

  function remove(nodeId: string): boolean {
    const entry = nodes.get(nodeId)
    if (entry === undefined) return false
    nodes.delete(nodeId)
    lapsed.delete(nodeId)
    leaveCluster(entry)
    if (log.debugOn) log.debug(`node removed node=${nodeId} cluster=${entry.cluster_id} nodes=${nodes.size}`)
    for (const listener of listeners) listener(nodeId)
    return true
  }

  return {
    get size() {
      return nodes.size
    },

    apply({ delta, source, now }) {
      for (const { node_id: nodeId, cluster_id: clusterId } of delta.node_removals) {
        if (nodes.get(nodeId)?.cluster_id !== clusterId) continue
        if (source.kind === 'expiry' && isConnected(nodeId)) lapsed.add(nodeId)
        else remove(nodeId)
      }
      // What came by sync lives by the beats heard of its owner, not by anybody's wall clock; the catalog has judged it already.
      const judged = source.kind === 'gossip' || source.kind === 'restore'
      for (const entry of delta.nodes) {
        if (entry.node_id !== '' && !(judged && now > entry.advertised_at + entry.ttl_seconds)) add(entry)
      }
    },

    has: (nodeId) => nodes.has(nodeId),
    node: (nodeId) => nodes.get(nodeId),
    clusterOf: (nodeId) => nodes.get(nodeId)?.cluster_id,
    nodes: () => nodes.values(),

    peersOf(clusterId, { connectedOnly = false } = {}) {
      const peers: NodeEntry[] = []
      for (const nodeId of clusters.get(clusterId) ?? []) {
        const entry = nodes.get(nodeId)
        if (entry !== undefined && nodeId !== self && !(connectedOnly && !isConnected(nodeId))) peers.push(entry)
      }
      return peers.sort(byClusterAndNode)
    },

    neighbours() {
      const others = [...nodes.values()].filter((entry) => entry.node_id !== self)
      return others.sort(byClusterAndNode).map(({ cluster_id, node_id }) => ({ cluster_id, node_id }))
    },

    remove,
    dropLapsed: (nodeId) => lapsed.has(nodeId) && remove(nodeId),
    onRemoved: (listener) => void listeners.push(listener),
    snapshot: () => ({ nodes: nodes.size, clusters: clusters.size, refused_total: refused }),
  }
}

export function byClusterAndNode(a: NodeEntry, b: NodeEntry): number {
  return compareCodePoints(a.cluster_id, b.cluster_id) || compareCodePoints(a.node_id, b.node_id)
}
