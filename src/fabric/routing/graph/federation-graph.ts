/**
 * The federation graph: clusters (or hubs) and the links between them, with what it costs to use them.
 *
 * An edge has two directions, which may differ in their metrics but come and go together. A node or edge nobody has heard of for a while is not
 * relied on until the next sign of life. `version` grows with every change that may make another path the best, and with nothing else, so
 * whoever keeps a path knows how long it holds.
 */
import type { Clock } from '../../../base/index.ts'
import type { GraphStatistics } from '../../../wire/index.ts'
import { COST_MAX, GRAPH_EDGES_MAX, GRAPH_LIVENESS_MS, GRAPH_NODES_MAX } from './constants.ts'
import {
  type EdgeSample,
  edgeWeight,
  type GraphEdge,
  type GraphNode,
  type GraphNodeType,
  isEdgeSound,
  isNodeSound,
  nodeWeight,
  UNMEASURED,
  withSample,
} from './elements.ts'
import type { Arcs } from './shortest-path.ts'

/** A node as it is added; what is left out is as good as can be. */
export type NewGraphNode = Pick<GraphNode, 'nodeId'> & Partial<GraphNode>

/** One direction of an edge as it is added. */
export type EdgeMetrics = Pick<GraphEdge, 'latencyMs' | 'bandwidthMbps' | 'reliabilityScore'> & Partial<GraphEdge>

export type NodeMetrics = Partial<Pick<GraphNode, 'currentLoad' | 'healthScore' | 'processingLatencyMs'>>

/** Which arcs a search may use. */
export interface ArcFilter {
  /** Nodes that must not be entered. */
  readonly avoid?: ReadonlySet<string>
  /** Edges not to be used in either direction. */
  readonly without?: EdgeSet
  /** Whether the path may go from its source to this neighbour. */
  readonly firstHop?: (nodeId: string) => boolean
}

/** A set of undirected edges. */
export interface EdgeSet {
  has(a: string, b: string): boolean
}

/** A node as a search sees it. */
export interface NodeState {
  readonly node: GraphNode
  readonly weight: number
  readonly usable: boolean
}

/** One direction of an edge as a search sees it. */
export interface EdgeState {
  readonly edge: GraphEdge
  readonly weight: number
  readonly usable: boolean
}

/**
 * What a change made of a node or of one direction of an edge. Without `before` it is new, without `after` it is gone. A new node is not
 * announced: no path changes before its first edge comes. One that goes has lost its edges before.
 */
export type GraphChange =
  | { readonly kind: 'node'; readonly before: NodeState; readonly after: NodeState | undefined }
  | { readonly kind: 'edge'; readonly before: EdgeState | undefined; readonly after: EdgeState | undefined }

export interface FederationGraph {
  /** Of everything that decides which paths there are and what they cost. */
  readonly version: number
  /** Additions turned away because the graph is full. */
  readonly refusedTotal: number
  /** Adds or replaces a node; false when the graph is full. */
  addNode(node: NewGraphNode): boolean
  /** False when the node is unknown. */
  updateNode(nodeId: string, metrics: NodeMetrics): boolean
  /** A sign of life of the node; false when it is unknown. */
  refreshNode(nodeId: string): boolean
  /** Removes a node and its edges; false when it is unknown. */
  removeNode(nodeId: string): boolean
  /**
   * Adds or replaces an edge with the metrics from `a` to `b` and, unless they are the same, back. False for an edge from a node to itself, for
   * unknown ends, and when the graph is full.
   */
  addEdge(a: string, b: string, there: EdgeMetrics, back?: EdgeMetrics): boolean
  /** Takes a measurement into both directions; false when the edge is unknown. */
  updateEdge(a: string, b: string, sample: EdgeSample): boolean
  /** A sign of life of the edge, and so of both its ends; false when it is unknown. */
  refreshEdge(a: string, b: string): boolean
  /** Removes both directions; false when the edge is unknown. */
  removeEdge(a: string, b: string): boolean
  node(nodeId: string): GraphNode | undefined
  edge(sourceId: string, targetId: string): GraphEdge | undefined
  nodes(): Iterable<GraphNode>
  /** Both directions of every edge. */
  edges(): Iterable<GraphEdge>
  neighborsOf(nodeId: string): Iterable<string>
  isHealthy(nodeId: string): boolean
  /** One direction. */
  isUsable(sourceId: string, targetId: string): boolean
  /** What a search from `source` sees: usable edges to healthy nodes. The cost of an arc is that of the edge and, if wanted, of the node entered. */
  arcs(source: string, filter: ArcFilter, nodeWeights: boolean): Arcs
  /** Calls `observer` after every further change of a node or an edge; falling silent is none. */
  observe(observer: (change: GraphChange) => void): void
  statistics(): Omit<GraphStatistics, 'cache_statistics' | 'path_computations'>
}

interface NodeRecord {
  node: GraphNode
  weight: number
  sound: boolean
  updatedAtMs: number
  readonly edges: Map<string, EdgeRecord>
}

interface EdgeRecord {
  edge: GraphEdge
  weight: number
  sound: boolean
  updatedAtMs: number
  readonly target: NodeRecord
}

const NODE_DEFAULTS: Omit<GraphNode, 'nodeId'> = {
  nodeType: 'cluster',
  region: 'unknown',
  coordinates: { latitude: 0, longitude: 0 },
  maxCapacity: 1_000,
  currentLoad: 0,
  healthScore: 1,
  processingLatencyMs: 1,
  bandwidthMbps: 1_000,
  reliabilityScore: 1,
}

const EDGE_DEFAULTS = {
  currentUtilization: 0,
  packetLossRate: 0,
  jitterMs: 0,
  priorityClass: 1,
  costFactor: 1,
  sampleCount: 0,
  measured: UNMEASURED,
}

/**
 * @param options.livenessMs how long a node or edge counts after the last sign of life; Infinity where whoever feeds the graph takes out what has
 * gone
 */
export function createFederationGraph(
  clock: Clock,
  { livenessMs = GRAPH_LIVENESS_MS }: { readonly livenessMs?: number } = {},
): FederationGraph {
  const records = new Map<string, NodeRecord>()
  let edgeCount = 0
  let version = 0
  let refused = 0
  const observers: ((change: GraphChange) => void)[] = []

  const isLive = ({ updatedAtMs }: { readonly updatedAtMs: number }, now: number): boolean => now - updatedAtMs < livenessMs
  const isPassable = (record: NodeRecord | EdgeRecord, now: number): boolean =>
    record.sound && record.weight < Number.POSITIVE_INFINITY && isLive(record, now)
  const edgeRecord = (a: string, b: string): EdgeRecord | undefined => records.get(a)?.edges.get(b)

  function setNode(record: NodeRecord, node: GraphNode): void {
    const before = nodeState(record)
    const weight = cost(nodeWeight(node))
    const sound = isNodeSound(node)
    const { node: old } = record
    const moved = node.coordinates.latitude !== old.coordinates.latitude || node.coordinates.longitude !== old.coordinates.longitude
    if (weight !== record.weight || sound !== record.sound || moved) version++
    record.node = node
    record.weight = weight
    record.sound = sound
    stamp(record)
    nodeChanged(before, record)
  }

  function setEdge(record: EdgeRecord, edge: GraphEdge): void {
    const before = edgeState(record)
    const weight = cost(edgeWeight(edge))
    const sound = isEdgeSound(edge)
    if (weight !== record.weight || sound !== record.sound) version++
    record.edge = edge
    record.weight = weight
    record.sound = sound
    stamp(record)
    edgeChanged(before, record)
  }

  function refreshNode(record: NodeRecord): void {
    const before = nodeState(record)
    stamp(record)
    nodeChanged(before, record)
  }

  function refreshEdge(record: EdgeRecord): void {
    const before = edgeState(record)
    stamp(record)
    edgeChanged(before, record)
  }

  /** What comes back to life is a change; what was alive anyway is none. */
  function stamp(record: NodeRecord | EdgeRecord): void {
    const now = clock.monotonic()
    if (!isLive(record, now)) version++
    record.updatedAtMs = now
  }

  /** Undefined while nobody watches. */
  function nodeState(record: NodeRecord): NodeState | undefined {
    if (observers.length === 0) return undefined
    return { node: record.node, weight: record.weight, usable: isPassable(record, clock.monotonic()) }
  }

  function edgeState(record: EdgeRecord): EdgeState | undefined {
    if (observers.length === 0) return undefined
    return { edge: record.edge, weight: record.weight, usable: isPassable(record, clock.monotonic()) }
  }

  /** @param record undefined: it is gone */
  function nodeChanged(before: NodeState | undefined, record: NodeRecord | undefined): void {
    if (before !== undefined) tell({ kind: 'node', before, after: record && nodeState(record) })
  }

  /** @param record undefined: it is gone */
  function edgeChanged(before: EdgeState | undefined, record: EdgeRecord | undefined): void {
    if (observers.length > 0) tell({ kind: 'edge', before, after: record && edgeState(record) })
  }

  function tell(change: GraphChange): void {
    for (const observer of observers) observer(change)
  }

  function putEdge(source: NodeRecord, target: NodeRecord, metrics: EdgeMetrics): void {
    const sourceId = source.node.nodeId
    const targetId = target.node.nodeId
    const edge: GraphEdge = { ...EDGE_DEFAULTS, ...metrics, sourceId, targetId }
    const known = source.edges.get(targetId)
    if (known !== undefined) {
      setEdge(known, edge)
      return
    }
    version++
    const record = { edge, weight: cost(edgeWeight(edge)), sound: isEdgeSound(edge), updatedAtMs: clock.monotonic(), target }
    source.edges.set(targetId, record)
    edgeChanged(undefined, record)
  }

  function removeEdge(a: string, b: string): boolean {
    const there = edgeRecord(a, b)
    const back = edgeRecord(b, a)
    if (there === undefined || back === undefined) return false
    back.target.edges.delete(b)
    there.target.edges.delete(a)
    edgeCount--
    version++
    edgeChanged(edgeState(there), undefined)
    edgeChanged(edgeState(back), undefined)
    return true
  }

  return {
    get version() {
      return version
    },
    get refusedTotal() {
      return refused
    },

    addNode(given) {
      const node: GraphNode = { ...NODE_DEFAULTS, ...given }
      const record = records.get(node.nodeId)
      if (record !== undefined) {
        setNode(record, node)
        return true
      }
      if (records.size >= GRAPH_NODES_MAX) {
        refused++
        return false
      }
      version++
      const edges = new Map<string, EdgeRecord>()
      records.set(node.nodeId, { node, weight: cost(nodeWeight(node)), sound: isNodeSound(node), updatedAtMs: clock.monotonic(), edges })
      return true
    },

    updateNode(nodeId, metrics) {
      const record = records.get(nodeId)
      if (record !== undefined) setNode(record, { ...record.node, ...metrics })
      return record !== undefined
    },

    refreshNode(nodeId) {
      const record = records.get(nodeId)
      if (record !== undefined) refreshNode(record)
      return record !== undefined
    },

    removeNode(nodeId) {
      const record = records.get(nodeId)
      if (record === undefined) return false
      for (const neighbor of [...record.edges.keys()]) removeEdge(nodeId, neighbor)
      records.delete(nodeId)
      version++
      nodeChanged(nodeState(record), undefined)
      return true
    },

    addEdge(a, b, there, back = there) {
      const source = records.get(a)
      const target = records.get(b)
      if (source === undefined || target === undefined || a === b) return false
      if (!source.edges.has(b)) {
        if (edgeCount >= GRAPH_EDGES_MAX) {
          refused++
          return false
        }
        edgeCount++
      }
      putEdge(source, target, there)
      putEdge(target, source, back)
      return true
    },

    updateEdge(a, b, sample) {
      const there = edgeRecord(a, b)
      const back = edgeRecord(b, a)
      if (there === undefined || back === undefined) return false
      setEdge(there, withSample(there.edge, sample))
      setEdge(back, withSample(back.edge, sample))
      return true
    },

    refreshEdge(a, b) {
      const there = edgeRecord(a, b)
      const back = edgeRecord(b, a)
      if (there === undefined || back === undefined) return false
      refreshEdge(there)
      refreshEdge(back)
      refreshNode(there.target)
      refreshNode(back.target)
      return true
    },

    removeEdge,
    node: (nodeId) => records.get(nodeId)?.node,
    edge: (sourceId, targetId) => edgeRecord(sourceId, targetId)?.edge,

    *nodes() {
      for (const { node } of records.values()) yield node
    },

    *edges() {
      for (const { edges } of records.values()) for (const { edge } of edges.values()) yield edge
    },

    neighborsOf: (nodeId) => records.get(nodeId)?.edges.keys() ?? [],

    isHealthy(nodeId) {
      const record = records.get(nodeId)
      return record !== undefined && isPassable(record, clock.monotonic())
    },

    isUsable(sourceId, targetId) {
      const record = edgeRecord(sourceId, targetId)
      return record !== undefined && isPassable(record, clock.monotonic())
    },

    arcs(source, { avoid, without, firstHop }, nodeWeights) {
      const now = clock.monotonic()
      return (nodeId, visit) => {
        const from = records.get(nodeId)
        if (from === undefined) return
        for (const [next, record] of from.edges) {
          const { target } = record
          if (!isPassable(record, now) || !isPassable(target, now) || avoid?.has(next) === true) continue
          if (without?.has(nodeId, next) === true || (nodeId === source && firstHop?.(next) === false)) continue
          visit(next, nodeWeights ? record.weight + target.weight : record.weight)
        }
      }
    },

    observe(observer) {
      observers.push(observer)
    },

    statistics() {
      const now = clock.monotonic()
      const node_types: Record<GraphNodeType, number> = { cluster: 0, local_hub: 0, regional_hub: 0, global_hub: 0 }
      let healthy = 0
      let usable = 0
      for (const [nodeId, record] of records) {
        node_types[record.node.nodeType]++
        if (isPassable(record, now)) healthy++
        for (const [neighbor, edge] of record.edges) {
          const back = edge.target.edges.get(nodeId)
          if (nodeId < neighbor && (isPassable(edge, now) || (back !== undefined && isPassable(back, now)))) usable++
        }
      }
      return {
        total_nodes: records.size,
        healthy_nodes: healthy,
        total_edges: edgeCount,
        usable_edges: usable,
        node_types,
        average_connectivity: (2 * edgeCount) / Math.max(1, records.size),
        health_ratio: healthy / Math.max(1, records.size),
        usability_ratio: usable / Math.max(1, edgeCount),
      }
    },
  }
}

/** A search needs costs that are not negative and can be added up; what is no such number makes node or edge unusable. */
function cost(weight: number): number {
  return weight <= COST_MAX ? Math.max(0, weight) : Number.POSITIVE_INFINITY
}
