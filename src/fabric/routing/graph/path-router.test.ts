import fc from 'fast-check'
import { DirectedGraph } from 'graphology'
import { dijkstra } from 'graphology-shortest-path'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import { GRAPH_LIVENESS_MS } from './constants.ts'
import { createFederationGraph, type EdgeMetrics } from './federation-graph.ts'
import { type Coordinates, greatCircleKm } from './geography.ts'
import { createPathRouter, type Path, type PathRouterOptions } from './path-router.ts'

const link = (latencyMs: number): EdgeMetrics => ({ latencyMs, bandwidthMbps: 1_000, reliabilityScore: 1 })

type Edge = readonly [a: string, b: string, latencyMs: number]

/** Nodes weigh nothing unless a weight is given, so that costs are sums of latencies. */
function routerOf(edges: readonly Edge[], weights: Readonly<Record<string, number>> = {}, options: PathRouterOptions = {}) {
  const env = createVirtualEnv({ seed: 1 })
  const graph = createFederationGraph(env.clock)
  for (const [a, b] of edges) for (const nodeId of [a, b]) graph.addNode({ nodeId, processingLatencyMs: 10 * (weights[nodeId] ?? 0) })
  for (const [a, b, latencyMs] of edges) graph.addEdge(a, b, link(latencyMs))
  return { env, graph, router: createPathRouter({ clock: env.clock, graph }, options) }
}

const DIAMOND: readonly Edge[] = [
  ['A', 'B', 3],
  ['A', 'C', 1],
  ['B', 'D', 1],
  ['C', 'D', 5],
]
const CHAIN: readonly Edge[] = [
  ['a', 'b', 1],
  ['b', 'c', 1],
  ['c', 'd', 1],
]
const SQUARE: readonly Edge[] = [
  ['a', 'b', 1],
  ['b', 'd', 1],
  ['a', 'c', 1],
  ['c', 'd', 1],
]

describe('the optimal path', () => {
  it('routing check 31: goes through the diamond by its cheaper side, node weights included', () => {
    const { router } = routerOf(DIAMOND, { B: 1, C: 2 })
    expect(router.searchPath('A', 'D')).toMatchObject({
      path: ['A', 'B', 'D'],
      totalCost: 5,
      algorithmUsed: 'dijkstra',
      hopsMaxReached: false,
    })
    expect(router.findGeographicPath('A', 'D', 5, { heuristic: 'zero' })).toEqual(['A', 'B', 'D'])
    expect(router.findOptimalPath('A', 'D', 1)).toBeUndefined()
  })

  it('ignores node weights when they are switched off', () => {
    const { router } = routerOf(DIAMOND, { B: 50 }, { nodeWeights: false })
    expect(router.searchPath('A', 'D')).toMatchObject({ path: ['A', 'B', 'D'], totalCost: 4 })
  })

  it('routing check 32: finds the dearer path that keeps within the limit', () => {
    const { router } = routerOf([
      ['a', 'b', 1],
      ['b', 'd', 1],
      ['a', 'd', 50],
      ['d', 'e', 1],
    ])
    expect(router.findOptimalPath('a', 'e', 2)).toEqual(['a', 'd', 'e'])
  })

  it('routing check 32: a longer path found before does not answer for a smaller limit', () => {
    const { router } = routerOf(CHAIN)
    expect(router.findOptimalPath('a', 'd', 3)).toEqual(['a', 'b', 'c', 'd'])
    expect(router.findOptimalPath('a', 'd', 1)).toBeUndefined()
    expect(router.findOptimalPath('a', 'd', 3)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('control check 32: through a, b and c it is a, b, c', () => {
    expect(routerOf(CHAIN).router.findOptimalPath('a', 'c')).toEqual(['a', 'b', 'c'])
  })

  it('has at most five edges when nobody says otherwise', () => {
    const { router } = routerOf(['a', 'b', 'c', 'd', 'e', 'f'].map((from, i, all): Edge => [from, all[i + 1] ?? 'g', 1]))
    expect(router.findOptimalPath('a', 'f')).toHaveLength(6)
    expect(router.findOptimalPath('a', 'g')).toBeUndefined()
    expect(router.searchPath('a', 'g')?.path).toHaveLength(7)
    expect(router.searchPath('a', 'g', 6)?.hopsMaxReached).toBe(true)
  })

  it('of a node to itself is that node', () => {
    const { router } = routerOf(CHAIN)
    expect(router.findOptimalPath('a', 'a')).toEqual(['a'])
    expect(router.searchPath('a', 'a')).toMatchObject({ path: ['a'], totalCost: 0 })
    expect(router.findMultiplePaths('a', 'a')).toEqual([['a']])
  })

  it('does not begin, end or pass where something is unfit', () => {
    const { graph, router } = routerOf(CHAIN)
    expect(router.findOptimalPath('a', 'nowhere')).toBeUndefined()
    graph.updateNode('b', { healthScore: 0.3 })
    expect(router.findOptimalPath('a', 'c')).toBeUndefined()
    expect(router.findOptimalPath('b', 'c')).toBeUndefined()
    expect(router.findOptimalPath('a', 'b')).toBeUndefined()
    graph.updateNode('b', { healthScore: 1 })
    graph.updateEdge('b', 'c', { packetLossRate: 0.5 })
    expect(router.findOptimalPath('a', 'c')).toBeUndefined()
  })

  it('is not taken from the cache when a node on it got worse, or one beside it better', () => {
    const { graph, router } = routerOf(DIAMOND, { B: 1, C: 2 })
    expect(router.findOptimalPath('A', 'D')).toEqual(['A', 'B', 'D'])
    graph.updateNode('B', { healthScore: 0.4 })
    expect(router.findOptimalPath('A', 'D')).toEqual(['A', 'C', 'D'])
    graph.updateNode('B', { healthScore: 1 })
    expect(router.findOptimalPath('A', 'D')).toEqual(['A', 'B', 'D'])
  })

  it('monitoring check 23: is another one when a link on it got slower by 60 %, and the same at 4 %', () => {
    const latencies = (ab: number): readonly Edge[] => [
      ['a', 'b', ab],
      ['b', 'd', 10],
      ['a', 'c', 12],
      ['c', 'd', 10],
    ]
    const { graph, router } = routerOf(latencies(10))
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'b', 'd'])
    graph.addEdge('a', 'b', link(10.4))
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'b', 'd'])
    graph.addEdge('a', 'b', link(16))
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'c', 'd'])
  })

  it('routing check 29: is still found after ten minutes in which every link was heard of', async () => {
    const { env, graph, router } = routerOf(CHAIN)
    for (let second = 0; second < 600; second += 10) {
      for (const [a, b] of CHAIN) graph.refreshEdge(a, b)
      await env.advance(10_000)
    }
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'b', 'c', 'd'])
  })

  it('is not taken from the cache when something on it fell silent meanwhile', async () => {
    const { env, graph, router } = routerOf(SQUARE)
    await env.advance(GRAPH_LIVENESS_MS - 1_000)
    for (const [a, b] of [
      ['a', 'c'],
      ['c', 'd'],
    ] as const)
      graph.refreshEdge(a, b)
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'b', 'd'])
    await env.advance(1_000)
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'c', 'd'])
  })

  it('answers every limit and condition as a router that has no memory would', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const change = fc.tuple(names, names, fc.integer({ min: 1, max: 9 }))
    const question = fc.record({ to: names, hops: fc.integer({ min: 1, max: 4 }), avoid: fc.option(names), exit: fc.option(names) })
    fc.assert(
      fc.property(fc.array(fc.oneof(change, question), { maxLength: 40 }), (acts) => {
        const { env, graph, router } = routerOf([['a', 'b', 1]])
        for (const nodeId of ['c', 'd', 'e']) graph.addNode({ nodeId })
        for (const act of acts) {
          if (Array.isArray(act)) {
            if (!graph.removeEdge(act[0], act[1])) graph.addEdge(act[0], act[1], link(act[2]))
            continue
          }
          const { to, hops, avoid, exit } = act
          const conditions = { ...(avoid && { avoid: new Set([avoid]) }), ...(exit && { firstHop: (next: string) => next !== exit }) }
          const fresh = createPathRouter({ clock: env.clock, graph })
          const answer = router.findOptimalPath('a', to, hops, conditions)
          expect(answer).toEqual(fresh.findOptimalPath('a', to, hops, conditions))
          if (answer === undefined || to === 'a') continue
          expect(answer.slice(1)).not.toContain(avoid)
          expect(answer[1]).not.toBe(exit)
        }
      }),
    )
  })

  it('needs a positive limit', () => {
    expect(() => routerOf(CHAIN).router.findOptimalPath('a', 'b', 0)).toThrow('max_hops must be positive')
  })
})

describe('conditions of a path', () => {
  it('keep it away from nodes and from first hops', () => {
    const { router } = routerOf(SQUARE)
    expect(router.findOptimalPath('a', 'd', 5, { avoid: new Set(['b']) })).toEqual(['a', 'c', 'd'])
    expect(router.findOptimalPath('a', 'd', 5, { firstHop: (next) => next !== 'b' })).toEqual(['a', 'c', 'd'])
    expect(router.findOptimalPath('a', 'd', 5, { avoid: new Set(['d']) })).toBeUndefined()
    expect(router.findOptimalPath('a', 'd', 5, { avoid: new Set(['a']) })).toEqual(['a', 'b', 'd'])
  })

  it('exclude a first hop, not its node', () => {
    const { router } = routerOf([...CHAIN, ['a', 'c', 9]])
    expect(router.findOptimalPath('a', 'b', 5, { firstHop: (next) => next === 'c' })).toEqual(['a', 'c', 'b'])
  })
})

describe('multiple paths', () => {
  it('come cheapest first and share no edge', () => {
    const { router } = routerOf([...SQUARE, ['a', 'd', 9]])
    expect(router.findMultiplePaths('a', 'd')).toEqual([
      ['a', 'b', 'd'],
      ['a', 'c', 'd'],
      ['a', 'd'],
    ])
    expect(router.findMultiplePaths('a', 'd', 2)).toHaveLength(2)
    expect(router.findMultiplePaths('a', 'd', 9)).toHaveLength(3)
  })

  it('leave the graph as it was for everybody else', () => {
    const { graph, router } = routerOf(SQUARE)
    const before = graph.version
    router.findMultiplePaths('a', 'd', 9)
    expect(graph.version).toBe(before)
    expect(graph.statistics().total_edges).toBe(4)
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'b', 'd'])
  })

  it('of equal cost are all as cheap as the cheapest by graphology, and disjoint, on 1,000 random graphs', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const edges = fc.uniqueArray(fc.tuple(fc.nat(6), fc.nat(6), fc.integer({ min: 1, max: 2 })), {
      minLength: 9,
      maxLength: 20,
      selector: ([a, b]) => Math.min(a, b) * 7 + Math.max(a, b),
    })
    let several = 0
    fc.assert(
      fc.property(edges, (given) => {
        const list = given.filter(([a, b]) => a !== b).map(([a, b, latency]): Edge => [names[a] as string, names[b] as string, latency])
        const oracle = new DirectedGraph()
        for (const node of names) oracle.addNode(node)
        for (const [a, b, cost] of list) {
          oracle.addEdge(a, b, { cost })
          oracle.addEdge(b, a, { cost })
        }
        const costOf = (path: Path): number =>
          path.slice(1).reduce((sum, to, i) => sum + (oracle.getEdgeAttribute(path[i], to, 'cost') as number), 0)
        const { router } = routerOf(list)
        const paths = router.findMultiplePaths('a', 'g', 4, 6, { equalCostOnly: true })
        const best: Path | null = dijkstra.bidirectional(oracle, 'a', 'g', 'cost')
        expect(paths.length > 0).toBe(best !== null)
        if (best === null) return
        const used = paths.flatMap((path) => path.slice(1).map((to, i) => [path[i], to].toSorted().join()))
        expect(new Set(used).size).toBe(used.length)
        const lowest = costOf(best)
        for (const path of paths) expect(costOf(path)).toBe(lowest)
        if (paths.length > 1) several++
        if (paths.length === 4) return
        // None is left: without the edges used, graphology finds no path as cheap.
        for (const path of paths) {
          for (const [i, to] of path.slice(1).entries()) {
            oracle.dropEdge(path[i], to)
            oracle.dropEdge(to, path[i])
          }
        }
        const rest: Path | null = dijkstra.bidirectional(oracle, 'a', 'g', 'cost')
        if (rest !== null) expect(costOf(rest)).toBeGreaterThan(lowest)
      }),
      { numRuns: 1_000 },
    )
    expect(several).toBeGreaterThan(100)
  })

  it('on a ring of eight with chords to the next but one are two at least, between opposite nodes', () => {
    const ring = Array.from({ length: 8 }, (_, i) => [1, 2].map((step): Edge => [`c${i}`, `c${(i + step) % 8}`, 1])).flat()
    expect(routerOf(ring).router.findMultiplePaths('c0', 'c4').length).toBeGreaterThanOrEqual(2)
  })
})

describe('the geographic path', () => {
  const place = fc.record({ latitude: fc.integer({ min: -80, max: 80 }), longitude: fc.integer({ min: 1, max: 179 }) })
  const NOWHERE = { latitude: 0, longitude: 0 }

  it('costs what the optimal path costs, by every estimate and also with a place unknown', () => {
    const pair = fc.tuple(fc.nat(7), fc.nat(7), fc.integer({ min: 0, max: 8 }))
    const edges = fc.uniqueArray(pair, { minLength: 8, maxLength: 24, selector: ([a, b]) => Math.min(a, b) * 8 + Math.max(a, b) })
    fc.assert(
      fc.property(
        edges,
        fc.array(place, { minLength: 8, maxLength: 8 }),
        fc.option(fc.nat(7), { freq: 1 }),
        fc.constantFrom('great_circle' as const, 'euclidean' as const, 'manhattan' as const, 'zero' as const),
        fc.integer({ min: 1, max: 6 }),
        (given, places, unknown, heuristic, hopsMax) => {
          // The way along the surface, and up to so many tenths of it more: estimates that say a little too much are wrong at once.
          const latencies = given.map(([a, b, tenths]): Edge => {
            const km = greatCircleKm(places[a] as Coordinates, places[b] as Coordinates)
            // What is unknown may be a short cut.
            const isShort = a === unknown || b === unknown
            return [`n${a}`, `n${b}`, isShort ? tenths : (km / 100) * (1 + tenths / 10)]
          })
          const { graph, router } = routerOf(latencies)
          for (const node of [...graph.nodes()]) {
            const i = Number(node.nodeId.slice(1))
            graph.addNode({ ...node, coordinates: i === unknown ? NOWHERE : (places[i] as Coordinates) })
          }
          const costOf = (path: Path | undefined): number =>
            path?.slice(1).reduce((sum, to, i) => sum + (graph.edge(path[i] as string, to)?.latencyMs as number), 0) ?? -1
          const guided = router.findGeographicPath('n0', 'n7', hopsMax, { heuristic })
          expect(costOf(guided)).toBeCloseTo(costOf(router.findOptimalPath('n0', 'n7', hopsMax)), 6)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('does not overlook a short cut through a place nobody knows', () => {
    const { graph, router } = routerOf([
      ['s', 't', 11],
      ['s', 'x', 10],
      ['x', 'unknown', 0.1],
      ['unknown', 't', 0.1],
    ])
    const places = { s: [10, 10], t: [10, 20], x: [20, 10] }
    for (const [nodeId, [latitude = 0, longitude = 0]] of Object.entries(places)) {
      graph.addNode({ nodeId, processingLatencyMs: 0, coordinates: { latitude, longitude } })
    }
    expect(router.findGeographicPath('s', 't', 5, { heuristic: 'euclidean' })).toEqual(['s', 'x', 'unknown', 't'])
  })

  it('looks at fewer nodes than a search in the dark', () => {
    const grid: Edge[] = []
    for (let x = 0; x < 12; x++) {
      for (let y = 0; y < 12; y++) {
        if (x < 11) grid.push([`${x}.${y}`, `${x + 1}.${y}`, 100])
        if (y < 11) grid.push([`${x}.${y}`, `${x}.${y + 1}`, 100])
      }
    }
    const { graph, router } = routerOf(grid)
    for (const node of [...graph.nodes()]) {
      const [x, y] = node.nodeId.split('.').map(Number) as [number, number]
      graph.addNode({ ...node, coordinates: { latitude: 1 + y, longitude: 1 + x } })
    }
    let asked = 0
    const counting = {
      ...graph,
      arcs: (...args: Parameters<typeof graph.arcs>) => {
        const arcs = graph.arcs(...args)
        return (node: string, visit: (target: string, cost: number) => void) => {
          asked++
          arcs(node, visit)
        }
      },
    }
    const counted = createPathRouter({ clock: createVirtualEnv({ seed: 1 }).clock, graph: counting })
    // The first search also learns what distance costs in this graph.
    counted.findGeographicPath('5.5', '11.5', 8)
    asked = 0
    expect(counted.findGeographicPath('5.5', '11.5', 8)).toHaveLength(7)
    const guided = asked
    asked = 0
    expect(counted.findGeographicPath('5.5', '11.5', 8, { heuristic: 'zero' })).toHaveLength(7)
    expect(guided).toBeLessThan(asked / 2)
    expect(router.findOptimalPath('5.5', '11.5', 8)).toHaveLength(7)
  })

  it('refuses a negative weight of the estimate', () => {
    expect(() => routerOf(CHAIN).router.findGeographicPath('a', 'c', 5, { heuristicWeight: -1 })).toThrow(
      'heuristic_weight must be non-negative',
    )
  })
})

describe('paths to everywhere', () => {
  it('reach every node that can be reached, and are the optimal ones', () => {
    const { graph, router } = routerOf(CHAIN)
    graph.addNode({ nodeId: 'island' })
    const paths = router.searchAllPaths('a')
    expect([...paths.keys()]).toEqual(['b', 'c', 'd'])
    expect(paths.get('d')).toMatchObject({ path: ['a', 'b', 'c', 'd'], totalCost: 3, algorithmUsed: 'dijkstra_all_paths' })
    expect([...router.searchAllPaths('a', 1).keys()]).toEqual(['b'])
    expect(router.searchAllPaths('nowhere').size).toBe(0)
  })
})

describe('the statistics of a router', () => {
  it('tell requests from searches, and have all their fields', () => {
    const { router } = routerOf(CHAIN)
    router.findOptimalPath('a', 'c')
    router.findOptimalPath('a', 'c')
    router.findOptimalPath('a', 'nowhere')
    expect(router.statistics()).toEqual({
      graph_statistics: {
        total_nodes: 4,
        healthy_nodes: 4,
        total_edges: 3,
        usable_edges: 3,
        node_types: { cluster: 4, local_hub: 0, regional_hub: 0, global_hub: 0 },
        average_connectivity: 1.5,
        cache_statistics: { hit_rate: 1 / 3, total_entries: 2, cache_hits: 1, cache_misses: 2 },
        path_computations: 1,
        health_ratio: 1,
        usability_ratio: 1,
      },
      routing_performance: { total_requests: 3, successful_routes: 2, success_rate: 2 / 3, average_computation_time_ms: 0 },
      algorithm_performance: { dijkstra_last_computation_ms: 0, astar_last_computation_ms: 0 },
    })
  })

  it('average the time of searches, the first taken as it is', () => {
    const { graph } = routerOf(CHAIN)
    const times = [0, 10, 20, 40]
    const clock = { wall: () => 0, monotonic: () => times.shift() ?? 40 }
    const router = createPathRouter({ clock, graph })
    router.searchPath('a', 'd')
    expect(router.statistics().routing_performance.average_computation_time_ms).toBe(10)
    router.findGeographicPath('a', 'd', 5, { heuristic: 'zero' })
    expect(router.statistics().routing_performance.average_computation_time_ms).toBe(11)
    expect(router.statistics().algorithm_performance).toEqual({ dijkstra_last_computation_ms: 10, astar_last_computation_ms: 20 })
  })
})
