import { describe, expect, it } from 'vitest'
import type { TopologyNode } from '../wire/index.ts'
import { measured, routingPathsBody, topologyAnalysisBody, topologyBody } from './topology.ts'
import type { GraphView } from './views.ts'

function graph(ids: readonly string[], pairs: readonly (readonly [string, string])[], change: Partial<TopologyNode> = {}): GraphView {
  return {
    nodes: ids.map((node_id) => ({
      node_id,
      cluster_id: 'c',
      host: 'h',
      port: 1,
      health_score: 1,
      status: 'healthy',
      last_seen: 1,
      ...change,
    })),
    edges: pairs.map(([source, target]) => ({ source, target, status: 'healthy', latency_ms: 2 })),
  }
}

const ring = graph(
  ['a', 'b', 'c', 'd'],
  [
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'd'],
    ['d', 'a'],
  ],
)

describe('topology', () => {
  it('measures what it shows', () => {
    const body = topologyBody(measured(ring, 7))
    expect(body.summary).toEqual({ total_nodes: 4, total_edges: 4, graph_diameter: 2, clustering_coefficient: 0 })
    expect(body.clusters).toEqual({ c: { cluster_id: 'c', node_count: 4, health_score: 1, status: 'healthy' } })
    expect(body.snapshot_timestamp).toBe(7)
  })

  it('says nothing of how the whole hangs together while it sees only part of the links', () => {
    const star = measured(
      {
        ...graph(
          ['a', 'b', 'c'],
          [
            ['a', 'b'],
            ['a', 'c'],
          ],
        ),
        partial: true,
      },
      0,
    )
    expect(topologyBody(star).summary).toEqual({ total_nodes: 3, total_edges: 2, graph_diameter: null, clustering_coefficient: null })
    expect(routingPathsBody(star)).toEqual({ total_paths: 2, average_path_length: null, path_efficiency: null, redundant_paths: null })
    expect(topologyAnalysisBody(star)).toMatchObject({ topology_score: null, recommendations: [], articulation_points: [] })
  })

  it('takes a cluster for degraded when one of its nodes is', () => {
    const { nodes } = graph(['a', 'b'], [])
    const ill = nodes.map((node, at) => (at === 0 ? node : { ...node, status: 'degraded' as const, health_score: 0.5 }))
    expect(topologyBody(measured({ nodes: ill, edges: [] }, 0)).clusters.c).toMatchObject({ status: 'degraded', health_score: 0.75 })
  })

  it('takes for the score of a cluster that of its nodes which have one', () => {
    const { nodes } = graph(['a', 'b'], [])
    const without = (from: number) => nodes.map((node, at) => (at < from ? node : { ...node, health_score: null }))
    expect(topologyBody(measured({ nodes: without(1), edges: [] }, 0)).clusters.c).toMatchObject({ status: 'healthy', health_score: 1 })
    expect(topologyBody(measured({ nodes: without(0), edges: [] }, 0)).clusters.c).toMatchObject({ status: 'healthy', health_score: null })
  })

  it('counts the links that could be spared', () => {
    expect(routingPathsBody(measured(ring, 0))).toMatchObject({ total_paths: 4, redundant_paths: 1, average_path_length: 4 / 3 })
  })

  it('knows no path length when no two nodes are joined, and none is needed for one', () => {
    expect(routingPathsBody(measured(graph(['a', 'b'], []), 0))).toMatchObject({ average_path_length: null, path_efficiency: null })
    expect(routingPathsBody(measured(graph(['a'], []), 0))).toMatchObject({ average_path_length: 0, path_efficiency: 100 })
  })

  it('names the node that the rest hangs on', () => {
    const analysis = topologyAnalysisBody(
      measured(
        graph(
          ['a', 'hub', 'b'],
          [
            ['a', 'hub'],
            ['hub', 'b'],
          ],
        ),
        0,
      ),
    )
    expect(analysis.articulation_points).toEqual(['hub'])
    expect(analysis.recommendations.join(' ')).toContain('Losing hub would split the network')
    expect(analysis).toMatchObject({ network_health: 'healthy', topology_score: 60 })
  })

  it('asks for links to a node that has none (monitoring check 23)', () => {
    const { recommendations } = topologyAnalysisBody(measured(graph(['a', 'b', 'alone'], [['a', 'b']]), 0))
    expect(recommendations).toContain('The network is in 2 parts that no link joins: check the links between them.')
    const linked = topologyAnalysisBody(measured(graph(['a', 'b'], [['a', 'b']]), 0))
    expect(linked.recommendations).toEqual([])
  })

  it('calls several nodes without links degraded, and a lone one unavailable', () => {
    expect(topologyAnalysisBody(measured(graph(['a', 'b'], []), 0))).toMatchObject({ network_health: 'degraded' })
    expect(topologyAnalysisBody(measured(graph(['a'], []), 0))).toMatchObject({ network_health: 'unavailable', recommendations: [] })
  })
})
