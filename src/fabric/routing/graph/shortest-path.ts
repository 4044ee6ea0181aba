/**
 * Shortest paths with a limit on their number of edges, exactly.
 *
 * Dijkstra settles a node once, at its cheapest; under a hop limit that is wrong, because the cheapest way to a node may use up the hops that
 * the rest of the way needs. Here a label is (node, hops): a dearer way to a node stays in the race as long as it has fewer hops than every
 * cheaper one (label setting for the resource-constrained shortest path: Joksch 1966; Desrochers, Soumis 1988). With an estimate of the
 * remaining cost it is A* (Hart, Nilsson, Raphael 1968); the estimate must be consistent for the result to be exact.
 *
 * The result depends on the graph alone, not on the order in which its arcs are enumerated: the frontier is ordered by (cost, node, hops), and
 * of equal ways to a node the one found first stays.
 */
import { heapPop, heapPush } from '../../../base/index.ts'

/** Tells `visit` every arc that leaves `node`, once per target, with its cost: finite and not negative. */
export type Arcs = (node: string, visit: (target: string, cost: number) => void) => void

export interface CheapestPath {
  /** From the source to the target, both included. */
  readonly path: readonly string[]
  readonly cost: number
}

export interface PathSearch {
  readonly found: CheapestPath | undefined
  /** Labels taken from the frontier. */
  readonly explored: number
}

interface Label {
  readonly node: string
  readonly cost: number
  readonly hops: number
  /** Cost, plus the estimate of what remains. */
  readonly rank: number
  /** Number of creation; between labels of one node, the order in which they were found. */
  readonly order: number
  readonly parent: Label | undefined
}

const noEstimate = (): number => 0

/**
 * The cheapest path of at most `hopsMax` edges. A node to itself is a path of cost 0.
 * @param estimate lower bound of the cost from a node to the target, at most an arc's cost lower at its end than at its start
 */
export function shortestPath(
  arcs: Arcs,
  source: string,
  target: string,
  hopsMax: number,
  estimate: (node: string) => number = noEstimate,
): PathSearch {
  let found: CheapestPath | undefined
  const explored = settle(arcs, source, hopsMax, estimate, (label) => {
    if (label.node !== target) return true
    found = { path: pathOf(label), cost: label.cost }
    return false
  })
  return { found, explored }
}

/** The cheapest path of at most `hopsMax` edges to every node that has one, the source left out; in ascending order of cost. */
export function shortestPathsFrom(arcs: Arcs, source: string, hopsMax: number): Map<string, CheapestPath> {
  const paths = new Map<string, CheapestPath>()
  settle(arcs, source, hopsMax, noEstimate, (label) => {
    if (label.node !== source && !paths.has(label.node)) paths.set(label.node, { path: pathOf(label), cost: label.cost })
    return true
  })
  return paths
}

/** Takes labels off the frontier, best first, until `taken` returns false or none is left; returns how many were taken. */
function settle(arcs: Arcs, source: string, hopsMax: number, estimate: (node: string) => number, taken: (label: Label) => boolean): number {
  const frontier: Label[] = []
  /** By node: the least cost of a way with at most so many hops. */
  const least = new Map<string, Float64Array>()
  let order = 0
  let explored = 0

  /** False when a way with no more hops that costs no more is known. */
  function improves(node: string, hops: number, cost: number): boolean {
    let costs = least.get(node)
    if (costs === undefined) {
      costs = new Float64Array(hopsMax + 1).fill(Number.POSITIVE_INFINITY)
      least.set(node, costs)
    }
    if ((costs[hops] as number) <= cost) return false
    for (let h = hops; h <= hopsMax && (costs[h] as number) > cost; h++) costs[h] = cost
    return true
  }

  function offer(node: string, cost: number, hops: number, parent: Label | undefined): void {
    if (improves(node, hops, cost)) heapPush(frontier, { node, cost, hops, rank: cost + estimate(node), order: order++, parent }, before)
  }

  offer(source, 0, 0, undefined)
  for (let label = heapPop(frontier, before); label !== undefined; label = heapPop(frontier, before)) {
    if ((least.get(label.node)?.[label.hops] as number) < label.cost) continue
    explored++
    if (!taken(label)) break
    const { cost, hops } = label
    const from = label
    if (hops < hopsMax) arcs(label.node, (next, arcCost) => offer(next, cost + arcCost, hops + 1, from))
  }
  return explored
}

function pathOf(label: Label): string[] {
  const path = new Array<string>(label.hops + 1)
  for (let at: Label | undefined = label; at !== undefined; at = at.parent) path[at.hops] = at.node
  return path
}

function before(a: Label, b: Label): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank
  if (a.node !== b.node) return a.node < b.node
  return a.hops === b.hops ? a.order < b.order : a.hops < b.hops
}
