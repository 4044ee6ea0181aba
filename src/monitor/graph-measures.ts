/**
 * What the shape of an undirected graph says about a network: how far apart its nodes are, how tightly they are knit, and which single
 * loss would split it.
 *
 * One pass of breadth-first search from each node finds the distances, O(nodes · edges); base/articulation.ts the rest, O(nodes + edges).
 */
import { type AdjacencyLists, adjacencyLists, articulation } from '../base/index.ts'

export interface GraphMeasures {
  readonly nodes: number
  /** Unordered pairs, each once; an edge from a node to itself is none. */
  readonly edges: number
  /** Null where not all edges are known. */
  readonly components: number | null
  /** Longest of all shortest paths, in hops; null when the graph is too large to try them all. */
  readonly diameter: number | null
  /** Mean hops between two joined nodes, from the first {@link PATH_SOURCES_MAX}; null when no two are joined. */
  readonly averagePathLength: number | null
  /** Mean over the nodes of (links among neighbours) / (pairs of neighbours), 0 for nodes with fewer than two; null when there are too many pairs. */
  readonly clustering: number | null
  /** Nodes without which the rest would fall apart, in the order given. */
  readonly articulationPoints: readonly string[]
}

const PATH_SOURCES_MAX = 30
/** Steps that measuring may take: a few ten milliseconds of the event loop. */
const STEPS_MAX = 2_000_000

export function measureGraph(ids: readonly string[], pairs: Iterable<readonly [string, string]>): GraphMeasures {
  const { neighbors, edges } = adjacencyLists(ids, pairs)
  const count = neighbors.length
  const exact = count * (count + 2 * edges) <= STEPS_MAX
  const sources = exact ? count : Math.min(count, PATH_SOURCES_MAX)
  let diameter = 0
  let hops = 0
  let joined = 0
  const distances = new Int32Array(count)
  for (let source = 0; source < sources; source++) {
    const reached = breadthFirst(neighbors, source, distances)
    for (const node of reached) {
      const distance = distances[node] as number
      if (distance > diameter) diameter = distance
      if (source < PATH_SOURCES_MAX) hops += distance
    }
    if (source < PATH_SOURCES_MAX) joined += reached.length - 1
  }
  const { components, points } = articulation(neighbors)
  return {
    nodes: count,
    edges,
    components,
    diameter: exact ? diameter : null,
    averagePathLength: joined === 0 ? null : hops / joined,
    clustering: clustering(neighbors),
    articulationPoints: ids.filter((_, node) => points.has(node)),
  }
}

/** Fills `distances` (-1: not reached) and returns the nodes reached, the source first. */
function breadthFirst(neighbors: AdjacencyLists, source: number, distances: Int32Array): number[] {
  distances.fill(-1)
  distances[source] = 0
  const queue = [source]
  for (const node of queue) {
    for (const next of neighbors[node] as readonly number[]) {
      if (distances[next] !== -1) continue
      distances[next] = (distances[node] as number) + 1
      queue.push(next)
    }
  }
  return queue
}

function clustering(neighbors: AdjacencyLists): number | null {
  if (neighbors.length === 0) return 0
  if (neighbors.reduce((steps, { length: degree }) => steps + degree ** 2, 0) > STEPS_MAX) return null
  const sets = neighbors.map((list) => new Set(list))
  let sum = 0
  for (const list of neighbors) {
    const degree = list.length
    if (degree < 2) continue
    let links = 0
    for (let at = 0; at < degree; at++) {
      const near = sets[list[at] as number] as Set<number>
      for (let other = at + 1; other < degree; other++) if (near.has(list[other] as number)) links++
    }
    sum += links / ((degree * (degree - 1)) / 2)
  }
  return sum / neighbors.length
}
