import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import type { InvalidationStrategy } from '../../../wire/index.ts'
import { CACHE_LOOKS_MAX, COLLECTION_INTERVAL_MS, PATH_CACHE_TTL_MS } from './constants.ts'
import { createFederationGraph } from './federation-graph.ts'
import { createPathRouter } from './path-router.ts'

const link = (latencyMs: number) => ({ latencyMs, bandwidthMbps: 100, reliabilityScore: 1 })

/** a to d by b or by c, and e beside them. */
function diamond(strategy: InvalidationStrategy) {
  const env = createVirtualEnv({ seed: 1 })
  const graph = createFederationGraph(env.clock, { livenessMs: Number.POSITIVE_INFINITY })
  for (const nodeId of 'abcde') graph.addNode({ nodeId })
  graph.addEdge('a', 'b', link(10))
  graph.addEdge('b', 'd', link(10))
  graph.addEdge('a', 'c', link(12))
  graph.addEdge('c', 'd', link(10))
  graph.addEdge('a', 'e', link(3))
  const router = createPathRouter({ clock: env.clock, graph }, { invalidation: strategy })
  const kept = () => router.statistics().graph_statistics.cache_statistics.total_entries
  const ask = () => ['b', 'c', 'd', 'e'].map((target) => router.findOptimalPath('a', target)?.join(''))
  return { env, graph, router, kept, ask, status: router.invalidation.status }
}

describe('the paths kept of a graph that is measured all the time', () => {
  it('monitoring check 23: stay over 4 % of latency and go with 60 %, which is counted and said', () => {
    const { ask, graph, kept, router, status } = diamond('conservative')
    expect(ask()).toEqual(['ab', 'ac', 'abd', 'ae'])
    graph.addEdge('a', 'b', link(10.4))
    expect(kept()).toBe(4)
    expect(status()).toMatchObject({ invalidations_triggered: 0, last_reason: null, paths_dropped: 0 })
    graph.addEdge('a', 'b', link(16))
    expect(status()).toMatchObject({
      invalidation_strategy: 'conservative',
      invalidations_by_reason: { edge_latency_change: 2, edge_added: 0 },
      last_reason: 'edge_latency_change_0.60',
    })
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'c', 'd'])
  })

  it('go when small changes have come to a large one', () => {
    const { ask, graph, status } = diamond('conservative')
    ask()
    for (const latency of [11, 11.9]) graph.addEdge('a', 'b', link(latency))
    expect(status().invalidations_triggered).toBe(0)
    graph.addEdge('a', 'b', link(12.1))
    expect(status().last_reason).toBe('edge_latency_change_0.21')
  })

  it('go alone where they use what got worse', () => {
    const { ask, graph, kept, status } = diamond('conservative')
    ask()
    graph.addEdge('a', 'b', link(16))
    expect(kept()).toBe(2)
    graph.updateNode('c', { healthScore: 0.2 })
    expect(kept()).toBe(1)
    expect(status()).toMatchObject({ invalidations_by_reason: { node_health_change: 1 }, paths_dropped: 3 })
    graph.removeEdge('a', 'e')
    expect(kept()).toBe(0)
    expect(status().invalidations_by_reason.edge_removed).toBe(2)
  })

  it('stay where they are cheaper than what got better', () => {
    const { ask, graph, kept } = diamond('conservative')
    ask()
    graph.addEdge('b', 'd', link(5))
    expect(kept()).toBe(1)
    expect(ask()).toEqual(['ab', 'ac', 'abd', 'ae'])
    graph.addEdge('e', 'd', link(9))
    expect(kept()).toBe(1)
    expect(ask()).toEqual(['ab', 'ac', 'aed', 'ae'])
  })

  it('are looked for again where there was none', () => {
    const { graph, router } = diamond('conservative')
    expect(router.findOptimalPath('a', 'f')).toBeUndefined()
    graph.addNode({ nodeId: 'f' })
    graph.addEdge('e', 'f', link(500))
    expect(router.findOptimalPath('a', 'f')).toEqual(['a', 'e', 'f'])
  })

  it('all go with every change that matters, if that is wanted', () => {
    const { ask, graph, kept } = diamond('aggressive')
    ask()
    graph.addEdge('a', 'e', link(3.1))
    expect(kept()).toBe(4)
    graph.addEdge('a', 'e', link(30))
    expect(kept()).toBe(0)
  })

  it('all go once changes come in crowds, when they are adaptive', async () => {
    const { ask, env, graph, kept } = diamond('adaptive')
    for (let change = 0; change < CACHE_LOOKS_MAX; change += 2) graph.addEdge('a', 'e', link(change % 4 === 0 ? 30 : 300))
    ask()
    graph.addEdge('a', 'e', link(400))
    expect(kept()).toBe(0)
    await env.advance(COLLECTION_INTERVAL_MS)
    ask()
    graph.addEdge('a', 'e', link(900))
    expect(kept()).toBe(3)
  })

  it('are never older than their time, however little has changed', async () => {
    const { ask, env, graph, router } = diamond('conservative')
    ask()
    graph.addEdge('a', 'b', link(11.9))
    graph.addEdge('b', 'd', link(11.9))
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'b', 'd'])
    await env.advance(PATH_CACHE_TTL_MS)
    expect(router.findOptimalPath('a', 'd')).toEqual(['a', 'c', 'd'])
  })

  it('are those of a router without memory while every change is a large one', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const edge = fc.record({ from: names, to: names, power: fc.integer({ min: 1, max: 6 }), remove: fc.boolean() })
    const health = fc.record({ node: names, health: fc.constantFrom(0.2, 0.4, 0.6, 0.8, 1) })
    const question = fc.record({ target: names, hops: fc.integer({ min: 1, max: 4 }) })
    fc.assert(
      fc.property(fc.array(fc.oneof(edge, health, question), { maxLength: 50 }), (acts) => {
        const { env, graph, router } = diamond('conservative')
        for (const act of acts) {
          if ('node' in act) graph.updateNode(act.node, { healthScore: act.health })
          else if ('target' in act) {
            const fresh = createPathRouter({ clock: env.clock, graph })
            expect(router.findOptimalPath('a', act.target, act.hops)).toEqual(fresh.findOptimalPath('a', act.target, act.hops))
          } else if (act.remove) graph.removeEdge(act.from, act.to)
          // Powers of two: none is within a fifth of another.
          else graph.addEdge(act.from, act.to, link(2 ** act.power))
        }
      }),
      { numRuns: 500 },
    )
  })
})
