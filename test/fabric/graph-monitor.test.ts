/** What nodes measure of the clusters around them, and what they would suggest, in virtual time. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ClusterPlan, createFederation, type Federation } from './clusters.ts'

const CHAIN: ClusterPlan = {
  nodes: { alpha: 1, beta: 2, gamma: 1 },
  bridges: [
    ['alpha', 'beta'],
    ['beta', 'gamma'],
  ],
}
/** More than a round of the optimizer. */
const WATCHED_MS = 70_000

async function watched(plan: ClusterPlan): Promise<Federation> {
  const federation = await createFederation(plan)
  onTestFinished(() => federation.fabric.close())
  expect(await federation.fabric.until(() => federation.routed(), 30_000)).toBe(true)
  await federation.fabric.advance(WATCHED_MS)
  return federation
}

function seenFrom({ fabric, members }: Federation, cluster: string) {
  const monitor = fabric.node(members(cluster)[0] as number).snapshot().fabric?.routing.monitor
  if (monitor === undefined) throw new Error('the node is not running')
  return monitor
}

describe('the graph of clusters', { timeout: 60_000 }, () => {
  it('is measured at every node without being asked to: round trips, probes, buffers, health', async () => {
    const federation = await watched(CHAIN)
    const { graph, status } = seenFrom(federation, 'alpha')
    expect(graph.links).toHaveLength(1)
    expect(graph.links[0]).toMatchObject({ source: 'alpha', target: 'beta', usable: true, packet_loss: 0 })
    // Of a buffer of 32 MiB, in which a few frames wait for their turn.
    expect(graph.links[0]?.utilization).toBeLessThan(0.001)
    expect(graph.links[0]?.latency_ms).toBeGreaterThan(0)
    expect(graph.links[0]?.jitter_ms).not.toBeNull()
    expect(graph.clusters).toMatchObject([
      { cluster_id: 'alpha', healthy: true, health_score: 1, links_known: true },
      { cluster_id: 'beta', healthy: true, health_score: 1, links_known: false },
    ])
    expect(status.metrics_collector.collection_status.is_collecting).toBe(true)
    expect(status.metrics_collector.metrics_statistics).toMatchObject({ collection_errors: 0 })
    // What was assumed of the link before it was measured.
    expect(status.cache_manager).toMatchObject({ invalidation_strategy: 'adaptive', invalidations_by_reason: { edge_added: 2 } })
    expect(status.optimizer.optimization_status.last_optimization).not.toBeNull()
  })

  it('yields no suggestion about clusters whose links are not all heard of', async () => {
    const federation = await watched(CHAIN)
    // Another node of beta may well have links that this one does not hear of.
    expect(seenFrom(federation, 'beta').suggestions).toEqual([])
  })

  it('is known as a whole by link-state routing: then every node names what single loss would split it, until there is a way around', async () => {
    const linkState = { settings: { fabricLinkStateMode: 'prefer' } } as const
    const chain = await watched({ ...CHAIN, ...linkState })
    const wanted = ['add_redundant_connection alpha', 'add_redundant_connection gamma', 'add_redundancy beta']
    for (const cluster of chain.clusters) {
      const { suggestions } = seenFrom(chain, cluster)
      expect(suggestions.map(({ affected_nodes: of, optimization_type: type }) => `${type} ${of.join()}`)).toEqual(wanted)
    }
    const ring = await watched({ ...CHAIN, ...linkState, bridges: [...CHAIN.bridges, ['gamma', 'alpha']] })
    for (const cluster of ring.clusters) {
      expect(seenFrom(ring, cluster).suggestions).toEqual([])
      expect(seenFrom(ring, cluster).graph).toMatchObject({ links: [{}, {}, {}], clusters: [{}, {}, {}] })
    }
  })
})
