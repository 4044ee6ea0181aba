/** The topology bodies: computed from nothing but the nodes and edges a node sees, with what it knows of the clusters as a graph. */
import type { HealthStatus, RoutingPaths, Topology, TopologyAnalysis, TopologyCluster, TopologyNode } from '../wire/index.ts'
import { type GraphMeasures, measureGraph } from './graph-measures.ts'
import type { FederationView, GraphView } from './views.ts'

/** A graph and what was measured of it, at one moment. */
export interface MeasuredGraph {
  readonly graph: GraphView
  readonly measures: GraphMeasures
  /** Unix seconds. */
  readonly measuredAt: number
  readonly federation: FederationView | undefined
}

/** Articulation points named in an answer. */
const ARTICULATION_POINTS_MAX = 100
/** Below this, with more than two nodes, the loss of a link is hard to route around. */
const CLUSTERING_LOW = 0.3

export function measured(graph: GraphView, now: number, federation?: FederationView): MeasuredGraph {
  const ids = graph.nodes.map(({ node_id }) => node_id)
  const measures = measureGraph(ids, pairs(graph))
  return { graph, measures: graph.partial ? ofPartOfGraph(measures) : measures, measuredAt: now, federation }
}

/** Links that are not known could shorten every path and join every part. Only who is there, and that links are, is certain. */
function ofPartOfGraph({ edges, nodes }: GraphMeasures): GraphMeasures {
  return { nodes, edges, components: null, diameter: null, averagePathLength: null, clustering: null, articulationPoints: [] }
}

export function topologyBody({ federation, graph, measures, measuredAt }: MeasuredGraph): Topology {
  return {
    summary: {
      total_nodes: graph.nodes.length,
      total_edges: measures.edges,
      graph_diameter: measures.diameter,
      clustering_coefficient: measures.clustering,
    },
    nodes: graph.nodes,
    edges: graph.edges,
    clusters: clustersOf(graph.nodes),
    snapshot_timestamp: measuredAt,
    ...(federation && { federation: federation.graph }),
  }
}

export function routingPathsBody({ measures }: MeasuredGraph): RoutingPaths {
  const average = measures.nodes <= 1 ? 0 : measures.averagePathLength
  return {
    total_paths: measures.edges,
    average_path_length: average,
    path_efficiency: average === null ? null : Math.max(0, 100 - 15 * average),
    redundant_paths: measures.components === null ? null : Math.max(0, measures.edges - (measures.nodes - measures.components)),
  }
}

export function topologyAnalysisBody({ federation, graph, measures }: MeasuredGraph): TopologyAnalysis {
  const { articulationPoints, clustering, diameter } = measures
  return {
    cluster_connectivity: graph.nodes,
    network_health: networkHealth(measures),
    topology_score: diameter === null || clustering === null ? null : Math.max(0, 100 - 10 * diameter - 20 * Math.max(0, 1 - clustering)),
    recommendations: [...recommendations(measures), ...(federation?.suggestions ?? []).map(({ description }) => description)],
    articulation_points: articulationPoints.slice(0, ARTICULATION_POINTS_MAX),
    ...(federation && { suggestions: federation.suggestions, graph_monitor: federation.status }),
  }
}

/** A network of more than one node without any link is degraded; a lone node has none to be healthy. */
function networkHealth({ edges, nodes }: GraphMeasures): HealthStatus {
  if (edges > 0) return 'healthy'
  return nodes > 1 ? 'degraded' : 'unavailable'
}

function recommendations({ articulationPoints, clustering, components, edges, nodes }: GraphMeasures): string[] {
  const list: string[] = []
  if (edges === 0 && nodes > 1) list.push(`${nodes} nodes are known and no link between any two: check that they can reach one another.`)
  else if (components !== null && components > 1)
    list.push(`The network is in ${components} parts that no link joins: check the links between them.`)
  if (clustering !== null && clustering < CLUSTERING_LOW && nodes > 2) {
    list.push(
      `Few neighbours of a node are linked to each other (${clustering.toFixed(2)}): more links would leave more ways around a loss.`,
    )
  }
  const [first] = articulationPoints
  if (first !== undefined) {
    const others = articulationPoints.length - 1
    list.push(`Losing ${first}${others > 0 ? `, or one of ${others} others,` : ''} would split the network: add a link around it.`)
  }
  return list
}

function clustersOf(nodes: readonly TopologyNode[]): Record<string, TopologyCluster> {
  const members = Map.groupBy(nodes, ({ cluster_id }) => cluster_id)
  return Object.fromEntries(
    [...members].map(([cluster_id, of]) => {
      const scores = of.map(({ health_score }) => health_score).filter((score) => score !== null)
      const mean = scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length
      return [cluster_id, { cluster_id, node_count: of.length, health_score: mean, status: worst(of) }]
    }),
  )
}

/** A cluster is as healthy as all of its nodes are, and unavailable only when every one is. */
function worst(nodes: readonly TopologyNode[]): HealthStatus {
  const is = (status: HealthStatus) => (node: TopologyNode) => node.status === status
  if (nodes.every(is('healthy'))) return 'healthy'
  if (nodes.every(is('unavailable'))) return 'unavailable'
  return nodes.some(is('critical')) ? 'critical' : 'degraded'
}

function* pairs({ edges }: GraphView): Generator<readonly [string, string]> {
  for (const { source, target } of edges) yield [source, target]
}
