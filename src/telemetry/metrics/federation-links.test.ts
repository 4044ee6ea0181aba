import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { clusterHealthMap, connectionMetrics } from './cluster-health.ts'
import { createFederationLinks } from './federation-links.ts'

function setup() {
  const env = createVirtualEnv({ seed: 1 })
  const links = createFederationLinks({
    clock: env.clock,
    systemName: 'node-a',
    localClusterId: 'home',
    policy: () => ({ federationMode: 'explicit_bridging', allowedForeignClusterIds: ['away'], explicitBridges: [] }),
  })
  const open = (nodeId: string, clusterId: string) => links.opened({ nodeId, clusterId, url: nodeId, authorization: 'authorized' })
  const health = () => clusterHealthMap(links.links(), 'home', env.clock.wall())
  return { env, links, open, health }
}

describe('federation links', () => {
  it('keep one state for a peer, whichever side dialed and however often', () => {
    const { links, open } = setup()
    open('ws://p', 'home')
    links.forwarded('ws://p', 3, true)
    open('ws://p', 'home')
    expect(links.links()).toHaveLength(1)
    expect(links.links()[0]).toMatchObject({ successful_requests: 1, is_foreign: false, success_rate: 1, average_latency_ms: 3 })
    expect(links.snapshot()).toMatchObject({ total_historical_connections: 1, total_active_connections: 1 })
  })

  it('report what became of requests, apart for other clusters', () => {
    const { links, open } = setup()
    open('ws://near', 'home')
    open('ws://far', 'away')
    links.forwarded('ws://near', 1, true)
    for (let i = 0; i < 3; i++) links.forwarded('ws://far', 100, i > 0, 'timed out')
    links.forwarded('ws://gone', 1, true)
    expect(links.snapshot()).toMatchObject({
      total_cross_federation_requests: 3,
      successful_cross_federation_requests: 2,
      active_foreign_clusters: ['away'],
      federation_mode: 'explicit_bridging',
      outcomes_without_link: 1,
      healthy_connections: 1,
      unhealthy_connections: 1,
    })
    const cross = links.crossCluster()
    expect(cross.calls).toBe(3)
    expect(cross.success_rate_percent).toBeCloseTo(66.67, 1)
    expect(cross.p95_latency_ms).toBe(100)
    expect(links.metrics()).toMatchObject({ system_type: 'federation', total_operations_last_hour: 5, active_connections: 2 })
  })

  it('know nothing of other clusters before the first call', () => {
    expect(setup().links.crossCluster()).toEqual({
      calls: 0,
      success_rate_percent: null,
      average_latency_ms: null,
      p50_latency_ms: null,
      p95_latency_ms: null,
      p99_latency_ms: null,
    })
  })

  it('are healthy again a minute after an error, unless most requests fail', async () => {
    const { env, links, open } = setup()
    open('ws://p', 'away')
    const isHealthy = () => links.links()[0]?.is_healthy
    links.failed('ws://p', 'reset')
    expect(isHealthy()).toBe(false)
    env.shiftWall(-3600)
    await env.advance(60_000)
    expect(isHealthy()).toBe(true)
    for (let i = 0; i < 11; i++) links.forwarded('ws://p', 1, false, 'no answer')
    await env.advance(60_000)
    expect(isHealthy()).toBe(false)
    await env.advance(300_000)
    expect(isHealthy()).toBe(true)
    expect(links.links()[0]).toMatchObject({ success_rate: 1, failed_requests: 11, connection_errors: 1 })
  })

  it('take the heartbeat from status messages and the latency from round trips', async () => {
    const { env, links, open, health } = setup()
    open('ws://p', 'away')
    expect(connectionMetrics(links.links()).average_connection_latency_ms).toBeNull()
    await env.advance(5_000)
    links.statusSeen('ws://p')
    links.roundTrip('ws://p', 10)
    links.roundTrip('ws://p', 20)
    expect(health().away?.last_heartbeat).toBe(env.clock.wall())
    expect(links.links()[0]?.round_trip_ms).toBe(13)
    expect(connectionMetrics(links.links())).toEqual({
      total_connections: 1,
      active_connections: 1,
      connection_success_rate: 100,
      average_connection_latency_ms: 13,
      connections_by_cluster: { away: 1 },
    })
  })

  it('count who was let in and who was not, and name the bridge that admits a peer', async () => {
    const { env, links, open } = setup()
    open('ws://p', 'away')
    const bridge = { remoteClusterId: 'next' }
    links.opened({ nodeId: 'ws://q', clusterId: 'next', url: 'ws://q', authorization: 'authorized', bridge })
    for (let i = 0; i < 3; i++) links.rejected()
    expect(links.links().map(({ bridge_config }) => bridge_config)).toEqual([null, bridge])
    expect(links.snapshot()).toMatchObject({
      total_connection_attempts: 5,
      authorized_connection_attempts: 2,
      rejected_connection_attempts: 3,
      recent_connection_attempts_last_hour: 5,
    })
    await env.advance(3_700_000)
    expect(links.snapshot()).toMatchObject({ total_connection_attempts: 5, recent_connection_attempts_last_hour: 0 })
  })
})

describe('cluster health', () => {
  it('keeps the own cluster when the last peer leaves (monitoring check 5)', () => {
    const { env, links, open, health } = setup()
    open('ws://p', 'home')
    expect(health().home).toMatchObject({ node_count: 2, active_connections: 1 })
    links.closed('ws://p')
    expect(health()).toEqual({
      home: {
        cluster_id: 'home',
        status: 'healthy',
        health_score: 1,
        node_count: 1,
        active_connections: 0,
        last_heartbeat: env.clock.wall(),
      },
    })
  })

  it('judges other clusters by what becomes of requests to them, and drops them with their last link', () => {
    const { links, open, health } = setup()
    open('ws://p', 'away')
    for (let i = 0; i < 10; i++) links.forwarded('ws://p', 1, i >= 2)
    expect(health().away).toMatchObject({ status: 'degraded', health_score: 0.8, node_count: 1 })
    links.closed('ws://p')
    expect(Object.keys(health())).toEqual(['home'])
  })

  it('ranks clusters only by enough calls', () => {
    const { links, open } = setup()
    for (const [cluster, latencyMs, failEvery] of [
      ['fast', 5, 1000],
      ['slow', 3_000, 1000],
      ['failing', 5, 2],
    ] as const) {
      open(cluster, cluster)
      for (let i = 1; i <= 20; i++) links.forwarded(cluster, latencyMs, i % failEvery !== 0)
    }
    open('quiet', 'quiet')
    links.forwarded('quiet', 9_999, false)
    const { slow, fast } = links.traffic.ranking()
    expect(slow.map((cluster) => cluster.cluster_id)).toEqual(['failing', 'slow'])
    expect(fast.map((cluster) => cluster.cluster_id)).toEqual(['fast'])
  })
})
