/**
 * The clusters next door, as a graph: what the links themselves tell. It is measured while the node runs, and watched together with the map of
 * link-state routing where there is one.
 */
import type { Env } from '../base/index.ts'
import {
  createFederationGraph,
  createGraphMonitor,
  createPathRouter,
  type GraphMonitor,
  type LinkMetrics,
  type LinkState,
  type PathRouter,
  type ProbeRecord,
} from '../fabric/index.ts'
import { createGraphSources, type GraphSourcesDeps } from './graph-sources.ts'

export interface NeighborGraphDeps extends Omit<GraphSourcesDeps, 'clock'> {
  readonly env: Env
  /** Of the links to a cluster; undefined: there is none. */
  linkMetrics(clusterId: string): LinkMetrics | undefined
  /** What link-state routing knows of all clusters; undefined: it is switched off. */
  map(): LinkState['map'] | undefined
}

export interface NeighborGraph {
  readonly paths: PathRouter
  readonly monitor: GraphMonitor
  /** A link to a node of the cluster was made. */
  connected(clusterId: string): void
  /** The link to a node was lost, or leads nowhere. */
  connectionLost(nodeId: string, clusterId: string): void
  /** A probe of a linked node has ended. */
  probed(record: ProbeRecord): void
}

/** Of a link between clusters before anything was measured; the Python implementation's figures. */
const UNMEASURED_LATENCY_MS = 5
const LINK_BANDWIDTH_MBPS = 1000
const LINK_RELIABILITY = 0.99

export function createNeighborGraph(deps: NeighborGraphDeps): NeighborGraph {
  const { catalog, env, nodeId: self, settings } = deps
  const { clusterId: own } = settings
  const graph = createFederationGraph(env.clock, { livenessMs: Number.POSITIVE_INFINITY })
  graph.addNode({ nodeId: own, maxCapacity: settings.connectionsMax })
  // Round trips wobble: not every measurement is worth looking for other paths.
  const paths = createPathRouter({ clock: env.clock, graph }, { invalidation: 'adaptive' })
  const sources = createGraphSources({ ...deps, clock: env.clock })

  function isNextDoor(clusterId: string): boolean {
    for (const neighbor of deps.neighbors()) if (neighbor.clusterId === clusterId) return true
    return false
  }

  /** Other nodes of a cluster have links this one does not hear of. */
  function isWhollyKnown(clusterId: string): boolean {
    return clusterId === own && catalog.nodes({ clusterId }).every(({ node_id: id }) => id === self)
  }

  const monitor = createGraphMonitor({
    env,
    graph,
    invalidation: paths.invalidation,
    sources: sources.sources,
    widest: () => deps.map() ?? { graph, paths, isWhollyKnown },
  })

  return {
    paths,
    monitor,

    connected(clusterId) {
      // A further link to the same cluster does not undo what was measured.
      if (clusterId === own || graph.edge(own, clusterId) !== undefined) return
      graph.addNode({ nodeId: clusterId, maxCapacity: settings.connectionsMax })
      const latencyMs = deps.linkMetrics(clusterId)?.latency_ms || UNMEASURED_LATENCY_MS
      graph.addEdge(own, clusterId, { latencyMs, bandwidthMbps: LINK_BANDWIDTH_MBPS, reliabilityScore: LINK_RELIABILITY })
    },

    connectionLost(nodeId, clusterId) {
      sources.forget(nodeId)
      if (clusterId !== own && !isNextDoor(clusterId)) graph.removeNode(clusterId)
    },

    probed: sources.probed,
  }
}
