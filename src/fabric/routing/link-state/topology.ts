/**
 * The graph that all views together describe.
 *
 * There is an edge between two clusters while any node of either says so: one word is enough, and a cluster has as many links as its nodes have
 * together. Each direction costs what its own end says (the best of what its nodes say), or what the other end says where its own is silent.
 */
import type { Clock } from '../../../base/index.ts'
import { createFederationGraph, type FederationGraph } from '../graph/federation-graph.ts'
import type { Adjacencies, Adjacency } from './adjacency.ts'
import type { Area } from './area-policy.ts'

export interface Topology {
  readonly graph: FederationGraph
  /** Puts what view `key` of `origin` says in place of what it said before. */
  replace(key: string, origin: string, area: Area, before: Adjacencies | undefined, after: Adjacencies | undefined): void
  /** Keys of the views that state a link from `origin` to `neighbor`. */
  witnesses(origin: string, neighbor: string): Iterable<string>
  neighborsOf(origin: string): Iterable<string>
  /** Whether the cluster has told its links; otherwise it is only mentioned by others. */
  speaksForItself(clusterId: string): boolean
}

const REGION_WITHOUT_AREA = 'link-state'

export function createTopology(clock: Clock): Topology {
  // Views have their own end of life, so nothing in this graph grows old by itself.
  const graph = createFederationGraph(clock, { livenessMs: Number.POSITIVE_INFINITY })
  /** By origin and neighbour: what each view says. */
  const stated = new Map<string, Map<string, Map<string, Adjacency>>>()
  const viewsOf = new Map<string, number>()

  const statements = (origin: string, neighbor: string) => stated.get(origin)?.get(neighbor)

  function state(key: string, origin: string, neighbor: string, adjacency: Adjacency): void {
    const byNeighbor = stated.get(origin) ?? new Map<string, Map<string, Adjacency>>()
    const byView = byNeighbor.get(neighbor) ?? new Map<string, Adjacency>()
    byView.set(key, adjacency)
    byNeighbor.set(neighbor, byView)
    stated.set(origin, byNeighbor)
  }

  function retract(key: string, origin: string, neighbor: string): void {
    const byNeighbor = stated.get(origin)
    const byView = byNeighbor?.get(neighbor)
    byView?.delete(key)
    if (byView?.size === 0) byNeighbor?.delete(neighbor)
    if (byNeighbor?.size === 0) stated.delete(origin)
  }

  function ensure(nodeId: string, area: Area): void {
    if (graph.node(nodeId) === undefined) graph.addNode({ nodeId, region: area ?? REGION_WITHOUT_AREA })
  }

  function settle(origin: string, neighbor: string, area: Area): void {
    const there = best(statements(origin, neighbor))
    const back = best(statements(neighbor, origin))
    const either = there ?? back
    if (either === undefined) {
      graph.removeEdge(origin, neighbor)
      release(neighbor)
      return
    }
    ensure(neighbor, area)
    graph.addEdge(origin, neighbor, (there ?? either).metrics, (back ?? either).metrics)
  }

  /** Forgets a cluster that has neither views nor edges. */
  function release(nodeId: string): void {
    if (!viewsOf.has(nodeId) && graph.neighborsOf(nodeId)[Symbol.iterator]().next().done === true) graph.removeNode(nodeId)
  }

  return {
    graph,

    replace(key, origin, area, before, after) {
      const views = (viewsOf.get(origin) ?? 0) + Number(after !== undefined) - Number(before !== undefined)
      if (views > 0) viewsOf.set(origin, views)
      else viewsOf.delete(origin)
      if (after !== undefined) ensure(origin, area)
      for (const neighbor of before?.keys() ?? []) {
        if (after?.has(neighbor) === true) continue
        retract(key, origin, neighbor)
        settle(origin, neighbor, area)
      }
      for (const [neighbor, adjacency] of after ?? []) {
        state(key, origin, neighbor, adjacency)
        settle(origin, neighbor, area)
      }
      release(origin)
    },

    witnesses: (origin, neighbor) => statements(origin, neighbor)?.keys() ?? [],
    neighborsOf: (origin) => stated.get(origin)?.keys() ?? [],
    speaksForItself: (clusterId) => viewsOf.has(clusterId),
  }
}

function best(statements: ReadonlyMap<string, Adjacency> | undefined): Adjacency | undefined {
  let lowest: Adjacency | undefined
  for (const adjacency of statements?.values() ?? []) if (lowest === undefined || adjacency.weight < lowest.weight) lowest = adjacency
  return lowest
}
