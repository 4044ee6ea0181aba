/**
 * Finds paths through a federation graph, and keeps account of what that costs.
 *
 * Searching never changes the graph: what a search must not use is kept out of its sight. A path found without conditions is the answer to
 * every question whose conditions it happens to meet, so conditions cost a search only where they matter.
 */
import type { Clock } from '../../../base/index.ts'
import type { GraphStatistics, InvalidationStrategy } from '../../../wire/index.ts'
import { EQUAL_COST_TOLERANCE, PATH_HOPS_DEFAULT, PATH_HOPS_MAX } from './constants.ts'
import type { ArcFilter, EdgeSet, FederationGraph } from './federation-graph.ts'
import { type DistanceKind, distances, isKnown } from './geography.ts'
import { createPathCache } from './path-cache.ts'
import { conditionsKey, meetsConditions, type PathConditions } from './path-conditions.ts'
import { createPathInvalidation, type PathInvalidation } from './path-invalidation.ts'
import { type CheapestPath, type PathSearch, shortestPath, shortestPathsFrom } from './shortest-path.ts'

/** Clusters from the source to the target, both included. */
export type Path = readonly string[]

export type PathAlgorithm = 'dijkstra' | 'dijkstra_all_paths' | 'astar'

export interface PathResult {
  readonly path: Path
  readonly totalCost: number
  readonly nodesExplored: number
  readonly computationTimeMs: number
  readonly algorithmUsed: PathAlgorithm
  /** Whether the path has as many edges as were allowed; a cheaper one may be longer. */
  readonly hopsMaxReached: boolean
}

export interface PathRouterStatistics {
  readonly graph_statistics: GraphStatistics
  readonly routing_performance: {
    readonly total_requests: number
    readonly successful_routes: number
    readonly success_rate: number
    /** Running mean over searches, answers from the cache left out. */
    readonly average_computation_time_ms: number
  }
  readonly algorithm_performance: {
    readonly dijkstra_last_computation_ms: number
    readonly astar_last_computation_ms: number
  }
}

export interface PathRouter {
  /** The cheapest path of at most `hopsMax` edges; of a node to itself, the node. */
  findOptimalPath(source: string, target: string, hopsMax?: number, conditions?: PathConditions): Path | undefined
  /**
   * Up to `count` paths that share no edge: the cheapest, the cheapest without its edges, and so on.
   * @param equalCostOnly only those that cost no more than the first
   */
  findMultiplePaths(
    source: string,
    target: string,
    count?: number,
    hopsMax?: number,
    conditions?: PathConditions & { readonly equalCostOnly?: boolean },
  ): readonly Path[]
  /**
   * The cheapest path, found with an estimate from where the nodes are. `heuristicWeight` above 1 looks at fewer nodes and finds a path at most that
   * many times as dear as the cheapest.
   */
  findGeographicPath(
    source: string,
    target: string,
    hopsMax?: number,
    options?: { readonly heuristic?: DistanceKind; readonly heuristicWeight?: number },
  ): Path | undefined
  /** The cheapest path, with what finding it took; always by a search. */
  searchPath(source: string, target: string, hopsMax?: number): PathResult | undefined
  /** The cheapest path to every node that can be reached, the source left out. */
  searchAllPaths(source: string, hopsMax?: number): ReadonlyMap<string, PathResult>
  statistics(): PathRouterStatistics
}

/** One that keeps paths over changes that matter little. */
export interface LenientPathRouter extends PathRouter {
  readonly invalidation: PathInvalidation
}

export interface PathRouterOptions {
  /** Whether entering a node costs its weight; default true. */
  readonly nodeWeights?: boolean
  /** What changes of the graph drop of the paths kept; default: everything, with every change, so that each answer is exact. */
  readonly invalidation?: InvalidationStrategy
}

const EWMA = 0.1
const NO_CONDITIONS: PathConditions = {}
const hasPath = ({ found }: PathSearch): boolean => found !== undefined
/** Keeps an estimate below the true cost in spite of rounding. */
const ESTIMATE_MARGIN = 1 - 1e-9

export interface PathRouterDeps {
  readonly clock: Clock
  readonly graph: FederationGraph
}

export function createPathRouter(
  deps: PathRouterDeps,
  options: PathRouterOptions & { readonly invalidation: InvalidationStrategy },
): LenientPathRouter
export function createPathRouter(deps: PathRouterDeps, options?: PathRouterOptions): PathRouter
export function createPathRouter(
  { clock, graph }: PathRouterDeps,
  { nodeWeights = true, invalidation: strategy }: PathRouterOptions = {},
): PathRouter & Partial<LenientPathRouter> {
  const cache = createPathCache(clock)
  const invalidation = strategy && createPathInvalidation({ cache, clock, graph }, strategy)
  const rates = new Map<DistanceKind, { readonly version: number; readonly costPerUnit: number }>()
  let requests = 0
  let successes = 0
  let computations = 0
  let searches = 0
  let averageMs = 0
  let dijkstraMs = 0
  let astarMs = 0

  function answered<T>(answer: T, found: boolean): T {
    requests++
    if (found) successes++
    return answer
  }

  /** Runs one search and books its time and whether it found anything. */
  function measured<T>(astar: boolean, search: () => T, hasFound: (result: T) => boolean): { readonly result: T; readonly tookMs: number } {
    const startedMs = clock.monotonic()
    const result = search()
    const tookMs = clock.monotonic() - startedMs
    averageMs = searches === 0 ? tookMs : EWMA * tookMs + (1 - EWMA) * averageMs
    searches++
    if (hasFound(result)) computations++
    if (astar) astarMs = tookMs
    else dijkstraMs = tookMs
    return { result, tookMs }
  }

  function search(source: string, target: string, hopsMax: number, filter: ArcFilter): PathResult | undefined {
    if (!graph.isHealthy(source) || !graph.isHealthy(target)) return undefined
    const { result, tookMs } = measured(
      false,
      () => shortestPath(graph.arcs(source, filter, nodeWeights), source, target, hopsMax),
      hasPath,
    )
    return resultOf(result.found, result.explored, tookMs, 'dijkstra', hopsMax)
  }

  function resultOf(
    found: CheapestPath | undefined,
    nodesExplored: number,
    computationTimeMs: number,
    algorithmUsed: PathAlgorithm,
    hopsMax: number,
  ): PathResult | undefined {
    return (
      found && {
        path: found.path,
        totalCost: found.cost,
        nodesExplored,
        computationTimeMs,
        algorithmUsed,
        hopsMaxReached: algorithmUsed !== 'astar' && found.path.length - 1 >= hopsMax,
      }
    )
  }

  /** The cheapest path, from the cache if it is there; that there is none is worth keeping as well. */
  function known(source: string, target: string, hopsMax: number, conditions: PathConditions, key: string): CheapestPath | undefined {
    // With a strategy, what no longer holds has been dropped.
    const version = invalidation === undefined ? graph.version : 0
    const cached = cache.get(source, target, hopsMax, key, version)
    // Nodes and edges fall silent without a change of version, which makes no other path any better. Coming back is a change.
    if (cached === null) return undefined
    if (cached !== undefined && isWalkable(cached.path)) return cached
    const result = search(source, target, hopsMax, conditions)
    const found = result && { path: result.path, cost: result.totalCost }
    cache.set(source, target, hopsMax, key, version, found ?? null)
    return found
  }

  function isWalkable(path: Path): boolean {
    return path.every((node, i) => graph.isHealthy(node) && (i === 0 || graph.isUsable(path[i - 1] as string, node)))
  }

  function cheapest(source: string, target: string, hopsMax: number, conditions: PathConditions): CheapestPath | undefined {
    if (conditions.avoid?.has(target) === true) return undefined
    const best = known(source, target, hopsMax, NO_CONDITIONS, '')
    if (best === undefined || meetsConditions(best.path, conditions)) return best
    return known(source, target, hopsMax, conditions, conditionsKey(graph, source, conditions))
  }

  /** The lowest cost per unit of distance that any usable edge has; 0 when an edge leads to where nobody knows. */
  function costPerUnit(kind: DistanceKind): number {
    const known = rates.get(kind)
    if (known?.version === graph.version) return known.costPerUnit
    let lowest = Number.POSITIVE_INFINITY
    for (const { nodeId, coordinates } of graph.nodes()) {
      graph.arcs(
        nodeId,
        {},
        nodeWeights,
      )(nodeId, (next, cost) => {
        const there = graph.node(next)?.coordinates
        const isMeasured = there !== undefined && isKnown(there) && isKnown(coordinates)
        const distance = isMeasured ? distances[kind](coordinates, there) : Number.POSITIVE_INFINITY
        if (distance > 0) lowest = Math.min(lowest, cost / distance)
      })
    }
    const rate = Number.isFinite(lowest) ? lowest * ESTIMATE_MARGIN : 0
    rates.set(kind, { version: graph.version, costPerUnit: rate })
    return rate
  }

  return {
    findOptimalPath(source, target, hopsMax = PATH_HOPS_DEFAULT, conditions = {}) {
      const limit = limitOf(hopsMax)
      if (source === target) return answered([source], true)
      const found = cheapest(source, target, limit, conditions)
      return answered(found?.path, found !== undefined)
    },

    findMultiplePaths(source, target, count = 3, hopsMax = PATH_HOPS_DEFAULT, { equalCostOnly = false, ...conditions } = {}) {
      const limit = limitOf(hopsMax)
      if (source === target) return answered([[source]], true)
      const first = count > 0 ? cheapest(source, target, limit, conditions) : undefined
      if (first === undefined) return answered([], false)
      const paths: Path[] = [first.path]
      const costMax = equalCostOnly ? first.cost + EQUAL_COST_TOLERANCE * Math.max(1, first.cost) : Number.POSITIVE_INFINITY
      const used = createUsedEdges()
      while (paths.length < count) {
        used.add(paths.at(-1) as Path)
        const next = search(source, target, limit, { ...conditions, without: used })
        if (next === undefined || next.totalCost > costMax) break
        paths.push(next.path)
      }
      return answered(paths, true)
    },

    findGeographicPath(source, target, hopsMax = PATH_HOPS_DEFAULT, { heuristic = 'great_circle', heuristicWeight = 1 } = {}) {
      const limit = limitOf(hopsMax)
      if (!(heuristicWeight >= 0)) throw new RangeError('heuristic_weight must be non-negative')
      if (source === target) return answered([source], true)
      const goal = graph.node(target)?.coordinates
      if (goal === undefined || !graph.isHealthy(source) || !graph.isHealthy(target)) return answered(undefined, false)
      const { result, tookMs } = measured(
        true,
        () => {
          const rate = isKnown(goal) ? costPerUnit(heuristic) * heuristicWeight : 0
          const estimate = (nodeId: string): number => {
            const here = rate === 0 ? undefined : graph.node(nodeId)?.coordinates
            return here !== undefined && isKnown(here) ? distances[heuristic](here, goal) * rate : 0
          }
          return shortestPath(graph.arcs(source, {}, nodeWeights), source, target, limit, estimate)
        },
        hasPath,
      )
      const answer = resultOf(result.found, result.explored, tookMs, 'astar', limit)
      return answered(answer?.path, answer !== undefined)
    },

    searchPath(source, target, hopsMax = PATH_HOPS_MAX) {
      const limit = limitOf(hopsMax)
      const found = source === target ? resultOf({ path: [source], cost: 0 }, 0, 0, 'dijkstra', limit) : search(source, target, limit, {})
      return answered(found, found !== undefined)
    },

    searchAllPaths(source, hopsMax = PATH_HOPS_MAX) {
      const limit = limitOf(hopsMax)
      if (!graph.isHealthy(source)) return answered(new Map(), false)
      const { result, tookMs } = measured(
        false,
        () => shortestPathsFrom(graph.arcs(source, {}, nodeWeights), source, limit),
        ({ size }) => size > 0,
      )
      const paths = new Map<string, PathResult>()
      for (const [target, found] of result) {
        const answer = resultOf(found, result.size + 1, tookMs, 'dijkstra_all_paths', limit)
        if (answer !== undefined) paths.set(target, answer)
      }
      return answered(paths, paths.size > 0)
    },

    ...(invalidation && { invalidation }),

    statistics: () => ({
      graph_statistics: { ...graph.statistics(), cache_statistics: cache.statistics(), path_computations: computations },
      routing_performance: {
        total_requests: requests,
        successful_routes: successes,
        success_rate: successes / Math.max(1, requests),
        average_computation_time_ms: averageMs,
      },
      algorithm_performance: { dijkstra_last_computation_ms: dijkstraMs, astar_last_computation_ms: astarMs },
    }),
  }
}

/** The edges of paths, in either direction. */
function createUsedEdges(): EdgeSet & { add(path: Path): void } {
  const ends = new Set<string>()
  return {
    add(path) {
      for (let i = 1; i < path.length; i++) ends.add(pair(path[i - 1] as string, path[i] as string))
    },
    has: (a, b) => ends.has(pair(a, b)),
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a}\0${b}` : `${b}\0${a}`
}

/** @throws RangeError below 1 */
function limitOf(hopsMax: number): number {
  if (!(hopsMax >= 1)) throw new RangeError('max_hops must be positive')
  return Math.min(Math.trunc(hopsMax), PATH_HOPS_MAX)
}
