import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import { createFederationGraph } from '../graph/federation-graph.ts'
import { createPathRouter } from '../graph/path-router.ts'
import { createLinkState, type LinkStateMode } from '../link-state/link-state.ts'
import { canForward, createPlanner, type PlannerOptions } from './planner.ts'
import type { OfferedRoute, PlannerPeer } from './ports.ts'

type Edge = readonly [a: string, b: string, latencyMs?: number]

interface World {
  /** Of the static graph. */
  readonly edges?: readonly Edge[]
  /** Linked nodes; `oslo-1` is of cluster `oslo`. */
  readonly links?: readonly string[]
  readonly loads?: Readonly<Record<string, number>>
  readonly routes?: readonly OfferedRoute[]
  readonly linkState?: {
    readonly mode: LinkStateMode
    readonly ecmpPaths?: number
    /** By the node that says so: clusters its cluster has a link to, with latencies. */
    readonly said: Readonly<Record<string, Readonly<Record<string, number>>>>
  }
  readonly options?: Partial<PlannerOptions>
}

const clusterOf = (nodeId: string): string => nodeId.split('-')[0] as string

/** A planner in cluster `a`. */
function plannerIn({ edges = [], links = [], loads = {}, routes = [], linkState: given, options }: World) {
  const env = createVirtualEnv({ seed: 1 })
  const graph = createFederationGraph(env.clock)
  for (const nodeId of new Set(['a', ...edges.map(([from]) => from), ...edges.map(([, to]) => to)])) graph.addNode({ nodeId })
  for (const [from, to, latencyMs = 5] of edges) graph.addEdge(from, to, { latencyMs, bandwidthMbps: 1_000, reliabilityScore: 0.99 })
  const linkState =
    given &&
    createLinkState(
      { env, ports: { clusterOf, connectedPeers: () => [], linkMetrics: () => undefined, send: () => {} } },
      {
        nodeId: 'a-1',
        clusterId: 'a',
        mode: given.mode,
        ttlSeconds: 30,
        announceIntervalSeconds: 10,
        ecmpPaths: given.ecmpPaths ?? 1,
        area: null,
        areaPolicy: null,
      },
    )
  for (const [creatorId, neighbors] of Object.entries(given?.said ?? {})) {
    const metrics = { bandwidth_mbps: null, reliability_score: 1, cost_score: 0 }
    const list = Object.entries(neighbors).map(([cluster_id, latency_ms]) => ({ cluster_id, latency_ms, ...metrics }))
    const update = { origin: clusterOf(creatorId), neighbors: list, advertised_at: env.clock.wall(), ttl_seconds: 30, sequence: 1 }
    linkState?.receive(update, { creatorId, senderId: creatorId })
  }
  const peer = (nodeId: string): PlannerPeer => ({ nodeId, loadScore: loads[nodeId], rttMs: undefined })
  return createPlanner(
    {
      linkState,
      selectRoute: (destination, avoid, avoidNodes) =>
        routes.find(
          ({ path, viaNode }) =>
            path.at(-1) === destination &&
            !path.some((cluster) => avoid.includes(cluster)) &&
            !(viaNode !== undefined && avoidNodes.includes(viaNode)),
        ),
      graph: createPathRouter({ clock: env.clock, graph }),
      connectedPeers: (clusterId) => links.filter((nodeId) => clusterOf(nodeId) === clusterId).map(peer),
      neighbors: () => links.map((nodeId) => ({ nodeId, clusterId: clusterOf(nodeId) })),
    },
    { clusterId: 'a', hopsMax: 5, fallbackNeighbor: true, ...options },
  )
}

const route = (...path: string[]): OfferedRoute => ({ path, nextHop: path[1] as string, hopCount: path.length - 1 })
const CHAIN: readonly Edge[] = [
  ['a', 'b'],
  ['b', 'c'],
]

describe('a plan', () => {
  it('control check 32: through the graph names the next hop, where the message has been and what is left', () => {
    const planner = plannerIn({ edges: CHAIN, links: ['b-1'] })
    expect(planner.plan({ targetCluster: 'c' })).toEqual({
      target_cluster: 'c',
      next_cluster: 'b',
      next_peer_url: 'b-1',
      planned_path: ['a', 'b', 'c'],
      federation_path: ['a'],
      remaining_hops: 4,
      reason: 'ok',
      steps: [
        { step: 'path_vector', outcome: 'no_path', path: [] },
        { step: 'graph', outcome: 'chosen', path: ['a', 'b', 'c'] },
      ],
    })
  })

  it('routing check 33: accepts the local cluster as the last one visited, and names it once', () => {
    const planner = plannerIn({ edges: CHAIN, links: ['b-1'] })
    const plan = planner.plan({ targetCluster: 'c', visited: ['x', 'a'], remainingHops: 3 })
    expect(plan).toMatchObject({ reason: 'ok', federation_path: ['x', 'a'], remaining_hops: 2 })
  })

  it('routing check 33 and control check 32: is a loop when the local cluster was visited before', () => {
    const planner = plannerIn({ edges: CHAIN, links: ['b-1'] })
    const loop = { reason: 'loop_detected', next_peer_url: null, federation_path: ['a', 'x'], remaining_hops: 5, steps: [] }
    expect(planner.plan({ targetCluster: 'c', visited: ['a', 'x'] })).toMatchObject(loop)
    expect(planner.plan({ targetCluster: 'c', visited: ['a', 'x', 'a'] })).toMatchObject(loop)
    expect(planner.plan({ targetCluster: 'c', visited: ['y', 'a', 'x'] })).toMatchObject({ reason: 'loop_detected' })
  })

  it.each([0, -3, Number.NaN])('routing check 33 and control check 32: with %d hops left is exhausted', (remainingHops) => {
    const planner = plannerIn({ edges: CHAIN, links: ['b-1', 'c-1'] })
    const plan = planner.plan({ targetCluster: 'c', remainingHops })
    expect(plan).toMatchObject({ reason: 'hop_budget_exhausted', next_peer_url: null, federation_path: [] })
    expect(Math.max(0, plan.remaining_hops)).toBe(plan.remaining_hops)
  })

  it('routing check 33: without a path and without a peer finds nothing', () => {
    const plan = plannerIn({}).plan({ targetCluster: 'c', visited: ['x'] })
    expect(plan).toMatchObject({
      reason: 'no_fabric_path',
      planned_path: [],
      next_cluster: null,
      federation_path: ['x'],
      remaining_hops: 5,
    })
    expect(plan.steps.map(({ step, outcome }) => [step, outcome])).toEqual([
      ['path_vector', 'no_path'],
      ['graph', 'no_path'],
      ['peer', 'not_linked'],
      ['fallback', 'no_neighbor'],
    ])
  })

  it('needs a target, and one that is elsewhere', () => {
    const planner = plannerIn({ links: ['b-1'] })
    expect(planner.plan({ targetCluster: null })).toMatchObject({ target_cluster: '', reason: 'no_target_cluster', next_peer_url: null })
    expect(planner.plan({ targetCluster: '' })).toMatchObject({ reason: 'no_target_cluster' })
    expect(planner.plan({ targetCluster: 'a' })).toMatchObject({ reason: 'already_local', next_peer_url: null })
  })

  it('control check 32: tries a neighbour when nobody knows a way, the first one not visited', () => {
    const planner = plannerIn({ links: ['d-1', 'b-2', 'b-1', 'a-2'] })
    expect(planner.plan({ targetCluster: 'c' })).toMatchObject({
      reason: 'fallback_neighbor',
      next_cluster: 'b',
      next_peer_url: 'b-1',
      planned_path: ['a', 'b'],
      federation_path: ['a'],
      remaining_hops: 4,
    })
    expect(planner.plan({ targetCluster: 'c', visited: ['b'] })).toMatchObject({ reason: 'fallback_neighbor', next_peer_url: 'd-1' })
    expect(planner.plan({ targetCluster: 'c', visited: ['b', 'd'] })).toMatchObject({ reason: 'no_fabric_path' })
  })

  it('guesses no neighbour where that is switched off', () => {
    const planner = plannerIn({ links: ['b-1'], options: { fallbackNeighbor: false } })
    const plan = planner.plan({ targetCluster: 'c' })
    expect(plan).toMatchObject({ reason: 'no_fabric_path', next_peer_url: null })
    expect(plan.steps.at(-1)).toEqual({ step: 'fallback', outcome: 'switched_off', path: [] })
  })

  it('goes straight to a linked target nobody knows a path to, unless it has been there', () => {
    const planner = plannerIn({ links: ['c-1', 'b-1'] })
    expect(planner.plan({ targetCluster: 'c' })).toMatchObject({ reason: 'ok', next_peer_url: 'c-1', planned_path: ['a', 'c'] })
    expect(planner.plan({ targetCluster: 'c', visited: ['c'] })).toMatchObject({ reason: 'loop_detected', planned_path: ['a', 'c'] })
  })

  it('chooses among the nodes of the next cluster by load, and none that has had the message', () => {
    const planner = plannerIn({ edges: CHAIN, links: ['b-1', 'b-2', 'b-3'], loads: { 'b-1': 7, 'b-2': 2, 'b-3': 4 } })
    expect(planner.plan({ targetCluster: 'c' }).next_peer_url).toBe('b-2')
    expect(planner.plan({ targetCluster: 'c', visitedNodes: ['b-2'] }).next_peer_url).toBe('b-3')
    const none = planner.plan({ targetCluster: 'c', visitedNodes: ['b-1', 'b-2', 'b-3'] })
    expect(none).toMatchObject({ reason: 'no_peer_for_next_hop', planned_path: ['a', 'b', 'c'], next_cluster: 'b', next_peer_url: null })
  })

  it('is counted by its reason and by who knew the way', () => {
    const planner = plannerIn({ edges: CHAIN, links: ['b-1'] })
    planner.plan({ targetCluster: 'c' })
    planner.plan({ targetCluster: 'd' })
    planner.plan({ targetCluster: 'a' })
    expect(planner.snapshot()).toEqual({
      plans_total: 3,
      by_reason: { ok: 1, fallback_neighbor: 1, already_local: 1 },
      by_step: { graph: 1, fallback: 1 },
    })
  })
})

describe('link-state', () => {
  it('routing check 28 and control check 32: in mode prefer, its direct path goes before a route of two hops', () => {
    const planner = plannerIn({
      links: ['b-1', 'c-1'],
      routes: [route('a', 'b', 'c')],
      edges: CHAIN,
      linkState: { mode: 'prefer', said: { 'c-1': { a: 1 } } },
    })
    expect(planner.plan({ targetCluster: 'c' })).toMatchObject({ reason: 'ok', planned_path: ['a', 'c'], next_peer_url: 'c-1' })
  })

  it('routing check 28 and control check 32: in mode only, with two equal paths, takes them in turn', () => {
    const planner = plannerIn({
      links: ['b-1', 'c-1'],
      linkState: { mode: 'only', ecmpPaths: 2, said: { 'b-1': { a: 1, d: 1 }, 'c-1': { a: 1, d: 1 } } },
    })
    expect([1, 2, 3, 4].map(() => planner.plan({ targetCluster: 'd' }).next_cluster)).toEqual(['b', 'c', 'b', 'c'])
  })

  it('in mode only, neither path-vector nor the graph is asked when it knows nothing', () => {
    const planner = plannerIn({
      links: ['b-1'],
      routes: [route('a', 'b', 'c')],
      edges: CHAIN,
      linkState: { mode: 'only', said: {} },
    })
    const plan = planner.plan({ targetCluster: 'c' })
    expect(plan.reason).toBe('fallback_neighbor')
    expect(plan.steps.map(({ step }) => step)).toEqual(['link_state', 'peer', 'fallback'])
  })

  it('in mode prefer, a path without a link to its next cluster does not keep others from being asked', () => {
    const planner = plannerIn({
      links: ['b-1'],
      routes: [route('a', 'b', 'd')],
      linkState: { mode: 'prefer', said: { 'c-1': { a: 1, d: 1 } } },
    })
    const plan = planner.plan({ targetCluster: 'd' })
    expect(plan).toMatchObject({ reason: 'ok', planned_path: ['a', 'b', 'd'] })
    expect(plan.steps).toEqual([
      { step: 'link_state', outcome: 'no_peer', path: ['a', 'c', 'd'] },
      { step: 'path_vector', outcome: 'chosen', path: ['a', 'b', 'd'] },
    ])
  })

  it('takes its next best path when there is no link for the best', () => {
    const planner = plannerIn({
      links: ['b-1'],
      linkState: { mode: 'only', said: { 'c-1': { a: 1, d: 1 }, 'b-1': { a: 9, d: 9 } } },
    })
    expect(planner.plan({ targetCluster: 'd' })).toMatchObject({ reason: 'ok', planned_path: ['a', 'b', 'd'] })
  })

  it('leads around what has been visited', () => {
    const planner = plannerIn({
      links: ['b-1', 'c-1'],
      linkState: { mode: 'only', said: { 'c-1': { a: 1, d: 1 }, 'b-1': { a: 9, d: 9 } } },
    })
    expect(planner.plan({ targetCluster: 'd', visited: ['c'] })).toMatchObject({ reason: 'ok', planned_path: ['a', 'b', 'd'] })
  })

  const viaSibling = (links: readonly string[]): World => ({
    links,
    linkState: { mode: 'only', said: { 'a-2': { b: 1 }, 'b-1': { d: 1 } } },
    options: { fallbackNeighbor: false },
  })

  it('goes over a node of the own cluster that has the link this one lacks, which costs a hop', () => {
    const planner = plannerIn(viaSibling(['a-2']))
    const plan = planner.plan({ targetCluster: 'd', remainingHops: 3 })
    expect(plan).toMatchObject({ reason: 'ok', next_cluster: 'b', next_peer_url: 'a-2', planned_path: ['a', 'b', 'd'], remaining_hops: 2 })
    expect(planner.plan({ targetCluster: 'd', remainingHops: 2 })).toMatchObject({
      reason: 'hop_budget_exhausted',
      planned_path: ['a', 'b', 'd'],
    })
    expect(planner.plan({ targetCluster: 'd', visitedNodes: ['a-2'] })).toMatchObject({ reason: 'no_peer_for_next_hop' })
  })

  it('prefers the own link to that of a sibling', () => {
    expect(plannerIn(viaSibling(['a-2', 'b-1'])).plan({ targetCluster: 'd' }).next_peer_url).toBe('b-1')
  })

  it('takes the own longer way when the way over a sibling takes one hop too many', () => {
    const planner = plannerIn({
      links: ['a-2', 'c-1'],
      linkState: { mode: 'only', said: { 'a-2': { b: 1 }, 'b-1': { d: 1 }, 'c-1': { a: 50, d: 50 } } },
    })
    expect(planner.plan({ targetCluster: 'd', remainingHops: 2 })).toMatchObject({ reason: 'ok', planned_path: ['a', 'c', 'd'] })
    expect(planner.plan({ targetCluster: 'd', remainingHops: 3 })).toMatchObject({ reason: 'ok', planned_path: ['a', 'b', 'd'] })
  })
})

describe('path-vector', () => {
  it('is used although every path begins with the local cluster', () => {
    const planner = plannerIn({ links: ['b-1'], routes: [route('a', 'b', 'c')] })
    expect(planner.plan({ targetCluster: 'c' })).toMatchObject({ reason: 'ok', planned_path: ['a', 'b', 'c'], next_peer_url: 'b-1' })
    expect(planner.plan({ targetCluster: 'c', visited: ['x', 'a'] })).toMatchObject({ reason: 'ok', planned_path: ['a', 'b', 'c'] })
  })

  it('avoids what has been visited', () => {
    const planner = plannerIn({ links: ['b-1', 'c-1'], routes: [route('a', 'b', 'd'), route('a', 'c', 'd')] })
    expect(planner.plan({ targetCluster: 'd', visited: ['b'] })).toMatchObject({ reason: 'ok', planned_path: ['a', 'c', 'd'] })
  })

  it('takes the next route when the best has no link, or takes too many hops', () => {
    const routes = [route('a', 'b', 'd'), route('a', 'c', 'e', 'd'), route('a', 'f', 'd')]
    const planner = plannerIn({ links: ['c-1', 'f-1'], routes })
    expect(planner.plan({ targetCluster: 'd' })).toMatchObject({ planned_path: ['a', 'c', 'e', 'd'] })
    expect(planner.plan({ targetCluster: 'd', remainingHops: 2 })).toMatchObject({ planned_path: ['a', 'f', 'd'] })
  })

  it('says what was wrong with its best route when none can be used and nobody else knows one', () => {
    const planner = plannerIn({ routes: [route('a', 'b', 'c')], options: { fallbackNeighbor: false } })
    expect(planner.plan({ targetCluster: 'c' })).toMatchObject({ reason: 'no_peer_for_next_hop', planned_path: ['a', 'b', 'c'] })
    const near = plannerIn({ links: ['b-1'], routes: [route('a', 'b', 'c', 'd')], options: { fallbackNeighbor: false } })
    expect(near.plan({ targetCluster: 'd', remainingHops: 2 })).toMatchObject({ reason: 'hop_budget_exhausted', remaining_hops: 2 })
    const strange = plannerIn({ links: ['b-1'], routes: [route('x', 'b', 'c')], options: { fallbackNeighbor: false } })
    expect(strange.plan({ targetCluster: 'c' })).toMatchObject({ reason: 'path_mismatch' })
  })

  const learned: OfferedRoute = { ...route('a', 'b', 'c'), viaNode: 'a-2' }

  it('goes to the sibling it learned the route from, if that is linked and the hops suffice', () => {
    const linked = plannerIn({ links: ['a-2', 'a-3'], routes: [learned], options: { fallbackNeighbor: false } })
    expect(linked.plan({ targetCluster: 'c' })).toMatchObject({
      reason: 'ok',
      next_cluster: 'b',
      next_peer_url: 'a-2',
      federation_path: ['a'],
    })
    expect(linked.plan({ targetCluster: 'c', remainingHops: 2 })).toMatchObject({ reason: 'hop_budget_exhausted' })
    expect(linked.plan({ targetCluster: 'c', visitedNodes: ['a-2'] })).toMatchObject({ next_peer_url: null })
    const alone = plannerIn({ links: ['a-3'], routes: [learned], options: { fallbackNeighbor: false } })
    expect(alone.plan({ targetCluster: 'c' })).toMatchObject({ reason: 'no_peer_for_next_hop' })
  })

  it('takes another route to a neighbour when the sibling with the direct one is gone', () => {
    const planner = plannerIn({ links: ['c-1'], routes: [{ ...route('a', 'd'), viaNode: 'a-2' }, route('a', 'c', 'd')] })
    expect(planner.plan({ targetCluster: 'd' })).toMatchObject({ reason: 'ok', planned_path: ['a', 'c', 'd'] })
  })
})

describe('the graph of connected clusters', () => {
  it('is not followed to a cluster without a link, nor through one that was visited', () => {
    const diamond: readonly Edge[] = [
      ['a', 'b', 1],
      ['b', 'd', 1],
      ['a', 'c', 9],
      ['c', 'd', 9],
    ]
    expect(plannerIn({ edges: diamond, links: ['c-1'] }).plan({ targetCluster: 'd' })).toMatchObject({
      reason: 'ok',
      planned_path: ['a', 'c', 'd'],
    })
    const both = plannerIn({ edges: diamond, links: ['b-1', 'c-1'] })
    expect(both.plan({ targetCluster: 'd', visited: ['b'] })).toMatchObject({ reason: 'ok', planned_path: ['a', 'c', 'd'] })
    const looped = both.plan({ targetCluster: 'd', visited: ['b', 'c'] })
    expect(looped).toMatchObject({ reason: 'loop_detected', planned_path: ['a', 'b', 'd'], federation_path: ['b', 'c'] })
  })

  it('with too few hops left leaves it to a neighbour, and says so when there is none', () => {
    expect(plannerIn({ edges: CHAIN, links: ['b-1'] }).plan({ targetCluster: 'c', remainingHops: 1 })).toMatchObject({
      reason: 'fallback_neighbor',
      next_peer_url: 'b-1',
      remaining_hops: 0,
    })
    const silent = plannerIn({ edges: CHAIN, links: ['b-1'], options: { fallbackNeighbor: false } })
    const plan = silent.plan({ targetCluster: 'c', remainingHops: 1 })
    expect(plan).toMatchObject({ reason: 'hop_budget_exhausted', remaining_hops: 1 })
    expect(plan.steps[1]).toEqual({ step: 'graph', outcome: 'over_budget', path: ['a', 'b', 'c'] })
  })
})

describe('every plan', () => {
  const clusters = ['a', 'b', 'c', 'd', 'e', 'f']
  const cluster = fc.constantFrom(...clusters)
  const foreign = fc.constantFrom(...clusters.slice(1))
  const nodeId = fc.tuple(cluster, fc.constantFrom(2, 3)).map(([name, n]) => `${name}-${n}`)
  const offered = fc
    .tuple(fc.uniqueArray(foreign, { minLength: 1, maxLength: 4 }), fc.option(fc.constantFrom('a-2', 'a-3'), { nil: undefined }))
    .map(([path, viaNode]): OfferedRoute => ({ ...route('a', ...path), viaNode }))
  const said = fc.dictionary(nodeId, fc.dictionary(cluster, fc.integer({ min: 1, max: 9 }), { maxKeys: 4 }), { maxKeys: 6 })
  const world = fc.record({
    edges: fc.array(fc.tuple(cluster, cluster, fc.integer({ min: 1, max: 9 })), { maxLength: 8 }),
    links: fc.uniqueArray(nodeId, { maxLength: 5 }),
    routes: fc.array(offered, { maxLength: 6 }),
    linkState: fc.option(fc.record({ mode: fc.constantFrom('prefer' as const, 'only' as const), ecmpPaths: fc.constantFrom(1, 3), said }), {
      nil: undefined,
    }),
    options: fc.record({ fallbackNeighbor: fc.boolean() }),
  })
  const request = fc.record({
    targetCluster: cluster,
    visited: fc.uniqueArray(cluster, { maxLength: 3 }),
    remainingHops: fc.option(fc.integer({ min: -1, max: 6 })),
    visitedNodes: fc.uniqueArray(nodeId, { maxLength: 2 }),
  })

  it('keeps its promises, whatever anybody says', () => {
    fc.assert(
      fc.property(world, fc.array(request, { minLength: 1, maxLength: 4 }), (given, requests) => {
        const planner = plannerIn({ ...given, linkState: given.linkState, edges: given.edges.filter(([from, to]) => from !== to) } as World)
        for (const asked of requests) {
          const plan = planner.plan(asked)
          const budget = asked.remainingHops ?? 5
          const visited = asked.visited.at(-1) === 'a' ? asked.visited.slice(0, -1) : asked.visited
          expect(canForward(plan)).toBe(plan.reason === 'ok' || plan.reason === 'fallback_neighbor')
          if (!canForward(plan)) {
            expect(plan.remaining_hops).toBe(Math.max(0, budget))
            expect(plan.federation_path).toEqual(plan.reason === 'already_local' ? asked.visited : visited)
            expect(plan.steps.every(({ outcome }) => outcome !== 'chosen')).toBe(true)
            // Nobody is next door whom it could still have been given to.
            const open = given.links.filter((id) => !asked.visitedNodes.includes(id) && clusterOf(id) !== 'a')
            const mayGo = asked.targetCluster !== 'a' && budget > 0 && !visited.includes('a') && !visited.includes(asked.targetCluster)
            if (mayGo) expect(open.map(clusterOf)).not.toContain(asked.targetCluster)
            if (mayGo && given.options.fallbackNeighbor) expect(open.filter((id) => !visited.includes(clusterOf(id)))).toEqual([])
            continue
          }
          const { planned_path: path, next_cluster: next, next_peer_url: peer } = plan
          expect(plan.federation_path).toEqual([...visited, 'a'])
          expect(plan.remaining_hops).toBe(Math.max(0, budget - 1))
          expect(path[0]).toBe('a')
          expect(path[1]).toBe(next)
          expect(path.slice(1)).not.toContain('a')
          for (const cluster of visited) expect(path).not.toContain(cluster)
          expect(given.links).toContain(peer)
          expect(asked.visitedNodes).not.toContain(peer)
          // A node of the own cluster only stands in for a link to the next cluster, and takes a hop.
          const isDetour = clusterOf(peer) === 'a'
          if (!isDetour) expect(clusterOf(peer)).toBe(next)
          expect(path.length - 1 + Number(isDetour)).toBeLessThanOrEqual(budget)
          expect(path.at(-1)).toBe(plan.reason === 'ok' ? asked.targetCluster : next)
          expect(plan.steps.at(-1)).toMatchObject({ outcome: 'chosen', path })
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
