import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import { GRAPH_LIVENESS_MS, GRAPH_NODES_MAX } from './constants.ts'
import { createFederationGraph, type EdgeMetrics } from './federation-graph.ts'

const link = (latencyMs: number): EdgeMetrics => ({ latencyMs, bandwidthMbps: 1_000, reliabilityScore: 1 })

function graphOf(...names: string[]) {
  const env = createVirtualEnv({ seed: 1 })
  const graph = createFederationGraph(env.clock)
  for (const nodeId of names) graph.addNode({ nodeId })
  return { env, graph }
}

describe('an edge of the federation graph', () => {
  it('leads both ways with the same metrics', () => {
    const { graph } = graphOf('a', 'b')
    expect(graph.addEdge('a', 'b', link(5))).toBe(true)
    expect(graph.edge('a', 'b')).toMatchObject({ sourceId: 'a', targetId: 'b', latencyMs: 5 })
    expect(graph.edge('b', 'a')).toMatchObject({ sourceId: 'b', targetId: 'a', latencyMs: 5 })
    expect(graph.updateEdge('b', 'a', { latencyMs: 9 })).toBe(true)
    expect([graph.edge('a', 'b')?.latencyMs, graph.edge('b', 'a')?.latencyMs]).toEqual([9, 9])
  })

  it('may cost more one way than the other', () => {
    const { graph } = graphOf('a', 'b')
    graph.addEdge('a', 'b', link(5), link(7))
    expect([graph.edge('a', 'b')?.latencyMs, graph.edge('b', 'a')?.latencyMs]).toEqual([5, 7])
  })

  it('goes in both directions, and with either of its ends', () => {
    const { graph } = graphOf('a', 'b', 'c')
    graph.addEdge('a', 'b', link(1))
    graph.addEdge('b', 'c', link(1))
    expect(graph.removeEdge('b', 'a')).toBe(true)
    expect(graph.edge('a', 'b')).toBeUndefined()
    expect(graph.removeNode('c')).toBe(true)
    expect(graph.edge('b', 'c')).toBeUndefined()
    expect(graph.statistics()).toMatchObject({ total_nodes: 2, total_edges: 0 })
  })

  it('needs two different nodes that are known', () => {
    const { graph } = graphOf('a', 'b')
    expect(graph.addEdge('a', 'a', link(1))).toBe(false)
    expect(graph.addEdge('a', 'x', link(1))).toBe(false)
    expect(graph.statistics().total_edges).toBe(0)
  })

  it('can not be changed or removed when it is not there', () => {
    const { graph } = graphOf('a', 'b')
    expect([graph.updateEdge('a', 'b', {}), graph.refreshEdge('a', 'b'), graph.removeEdge('a', 'b')]).toEqual([false, false, false])
    expect([graph.updateNode('x', {}), graph.refreshNode('x'), graph.removeNode('x')]).toEqual([false, false, false])
  })
})

describe('liveness', () => {
  it('ends when nothing has been heard for a while, and comes back with the next sign of life', async () => {
    const { env, graph } = graphOf('a', 'b')
    graph.addEdge('a', 'b', link(1))
    await env.advance(GRAPH_LIVENESS_MS - 1)
    expect([graph.isHealthy('a'), graph.isUsable('a', 'b')]).toEqual([true, true])
    await env.advance(1)
    expect([graph.isHealthy('a'), graph.isUsable('a', 'b')]).toEqual([false, false])
    graph.refreshEdge('a', 'b')
    expect([graph.isHealthy('a'), graph.isHealthy('b'), graph.isUsable('a', 'b'), graph.isUsable('b', 'a')]).toEqual([
      true,
      true,
      true,
      true,
    ])
  })

  it('does not end where whoever feeds the graph sees to it', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const graph = createFederationGraph(env.clock, { livenessMs: Number.POSITIVE_INFINITY })
    graph.addNode({ nodeId: 'a' })
    await env.advance(GRAPH_LIVENESS_MS * 100)
    expect(graph.isHealthy('a')).toBe(true)
  })
})

describe('the version', () => {
  it('stays with refreshes and with measurements that change nothing, and grows with all else', async () => {
    const { env, graph } = graphOf('a', 'b', 'c')
    graph.addEdge('a', 'b', link(5))
    const changes = (act: () => void): boolean => {
      const before = graph.version
      act()
      return graph.version !== before
    }
    expect(changes(() => graph.addNode({ nodeId: 'a' }))).toBe(false)
    expect(changes(() => graph.addEdge('a', 'b', link(5)))).toBe(false)
    expect(changes(() => graph.refreshNode('a'))).toBe(false)
    expect(changes(() => graph.refreshEdge('a', 'b'))).toBe(false)
    expect(changes(() => graph.updateEdge('a', 'b', { latencyMs: 5 }))).toBe(false)

    expect(changes(() => graph.updateEdge('a', 'b', { latencyMs: 6 }))).toBe(true)
    expect(changes(() => graph.updateNode('a', { currentLoad: 10 }))).toBe(true)
    expect(changes(() => graph.addEdge('b', 'c', link(1)))).toBe(true)
    expect(changes(() => graph.addNode({ nodeId: 'a', coordinates: { latitude: 1, longitude: 1 } }))).toBe(true)
    expect(changes(() => graph.removeEdge('b', 'c'))).toBe(true)
    expect(changes(() => graph.removeNode('c'))).toBe(true)
    await env.advance(GRAPH_LIVENESS_MS)
    expect(changes(() => graph.refreshNode('a'))).toBe(true)
  })
})

describe('numbers that make no sense', () => {
  it('never make an arc that a search could not bear', () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), fc.double(), (latencyMs, reliabilityScore, processingLatencyMs) => {
        const { graph } = graphOf('a', 'b')
        graph.addEdge('a', 'b', { latencyMs, reliabilityScore, bandwidthMbps: 1 })
        graph.updateNode('b', { processingLatencyMs })
        graph.arcs(
          'a',
          {},
          true,
        )('a', (_, cost) => {
          expect(cost).toBeGreaterThanOrEqual(0)
          expect(cost).toBeLessThan(Number.POSITIVE_INFINITY)
        })
      }),
    )
  })
})

describe('a full graph', () => {
  it('refuses further nodes, counts them, and still takes news of those it has', () => {
    const { graph } = graphOf(...Array.from({ length: GRAPH_NODES_MAX }, (_, i) => `n${i}`))
    expect(graph.addNode({ nodeId: 'late' })).toBe(false)
    expect(graph.refusedTotal).toBe(1)
    expect(graph.addNode({ nodeId: 'n0', region: 'north' })).toBe(true)
    expect(graph.node('n0')?.region).toBe('north')
  })
})

describe('the statistics of a graph', () => {
  it('count nodes by type, undirected edges, and what is fit for use', () => {
    const { graph } = graphOf('a', 'b', 'c')
    graph.addNode({ nodeId: 'h', nodeType: 'local_hub', healthScore: 0.2 })
    graph.addEdge('a', 'b', link(1))
    graph.addEdge('b', 'c', { ...link(1), packetLossRate: 0.5 })
    expect(graph.statistics()).toEqual({
      total_nodes: 4,
      healthy_nodes: 3,
      total_edges: 2,
      usable_edges: 1,
      node_types: { cluster: 3, local_hub: 1, regional_hub: 0, global_hub: 0 },
      average_connectivity: 1,
      health_ratio: 0.75,
      usability_ratio: 0.5,
    })
  })

  it('of an empty graph are zeros', () => {
    expect(graphOf().graph.statistics()).toMatchObject({ average_connectivity: 0, health_ratio: 0, usability_ratio: 0 })
  })
})
