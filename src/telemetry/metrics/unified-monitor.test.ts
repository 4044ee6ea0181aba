import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../../base/index.ts'
import { unifiedMetrics } from '../../wire/index.ts'
import { createEventLog } from './event-log.ts'
import { createFederationLinks } from './federation-links.ts'
import { createSystemMeter } from './system-meter.ts'
import { createUnifiedMonitor } from './unified-monitor.ts'

function setup() {
  const lines: string[] = []
  const note = (level: string) => (message: string) => void lines.push(`${level} ${message}`)
  const log: LogScope = { ...silentLog, info: note('info'), warn: note('warn'), scope: () => log }
  const env = createVirtualEnv({ seed: 1, log })
  const events = createEventLog(env)
  const links = createFederationLinks({
    clock: env.clock,
    systemName: 'node-a',
    localClusterId: 'home',
    policy: () => ({ federationMode: 'strict_isolation', allowedForeignClusterIds: [], explicitBridges: [] }),
  })
  const monitor = createUnifiedMonitor({ env, events, links })
  const rpc = createSystemMeter(env.clock, { system: 'rpc', systemName: 'node-a', activeConnections: () => 0 })
  monitor.attach('rpc', rpc)
  return { env, events, lines, links, monitor, rpc }
}

const counted = (health: object) =>
  Object.entries(health)
    .filter(([name]) => name.startsWith('systems_'))
    .reduce((sum, [, count]) => sum + (count as number), 0)

describe('unified monitor', () => {
  it('has exactly the members of the protocol, and counts of systems that sum to six (monitoring check 7)', () => {
    const { monitor } = setup()
    const now = monitor.metrics()
    expect(Object.keys(now).sort()).toEqual(Object.keys(unifiedMetrics.properties).sort())
    expect(Object.keys(now.correlation_metrics).sort()).toEqual(
      Object.keys(unifiedMetrics.properties.correlation_metrics.properties).sort(),
    )
    expect(Object.keys(now.correlation_metrics)).toHaveLength(15)
    expect(now.queue).toBeNull()
    expect(now.overall_health).toEqual({
      health_score: 1,
      status: 'healthy',
      systems_healthy: 2,
      systems_degraded: 0,
      systems_critical: 0,
      systems_unavailable: 4,
    })
    monitor.attachTransport(() => ({}))
    expect(counted(monitor.metrics().overall_health)).toBe(6)
    expect(monitor.metrics().overall_health.systems_healthy).toBe(3)
  })

  it('computes once a second, however many ask', async () => {
    const { env, monitor } = setup()
    for (let i = 0; i < 100; i++) monitor.metrics()
    expect(monitor.snapshot().computations).toBe(1)
    await env.advance(1_000)
    monitor.metrics()
    expect(monitor.snapshot().computations).toBe(2)
  })

  it('judges by errors and by the 95th percentile', () => {
    const { monitor, rpc } = setup()
    for (let i = 0; i < 100; i++) rpc.record(i < 10 ? 10_000 : 1, i >= 8)
    const { overall_health } = monitor.metrics()
    // rpc: 1 - 0.6 * 0.08 - 0.4; federation: 1
    expect(overall_health.health_score).toBeCloseTo((1 + 0.552) / 2, 2)
    expect(overall_health).toMatchObject({ status: 'degraded', systems_degraded: 1, systems_healthy: 1 })
  })

  it('treats a system that fails as absent', () => {
    const { monitor } = setup()
    monitor.attach('queue', {
      metrics() {
        throw new Error('broken')
      },
    })
    expect(monitor.metrics().queue).toBeNull()
    expect(monitor.metrics().rpc).not.toBeNull()
    expect(monitor.snapshot().failed_readings).toBe(1)
  })

  it('takes what it says of other clusters from real calls', () => {
    const { links, monitor } = setup()
    links.opened({ nodeId: 'f', clusterId: 'away', url: 'f', authorization: 'authorized' })
    for (let i = 0; i < 4; i++) links.forwarded('f', 40, i > 0)
    expect(monitor.metrics().correlation_metrics).toMatchObject({
      cross_cluster_latency_p95_ms: 40,
      federation_success_rate_percent: 75,
    })
  })

  it('keeps the history of every metric, and gauges beside them', async () => {
    const { env, monitor, rpc } = setup()
    monitor.addGauge('route_churn', () => 7)
    monitor.addGauge('broken', () => {
      throw new Error('no source')
    })
    monitor.start()
    rpc.record(5, true)
    await env.advance(60_000)
    expect(monitor.timeseries('health_score', 1, 0)).toHaveLength(12)
    expect(monitor.timeseries('health_score', 1, 1).every(([, value]) => value > 0.99 && value <= 1)).toBe(true)
    expect(monitor.timeseries('rpc_p95_latency_ms', 1, 0)[0]?.[1]).toBe(5)
    expect(monitor.timeseries('route_churn', 1, 1).at(-1)?.[1]).toBe(7)
    expect(monitor.timeseries('cross_cluster_latency_ms', 1, 1)).toEqual([])
    expect(() => monitor.timeseries('latency', 1, 1)).toThrow('did you mean "latency_ms"')
    monitor.stop()
  })

  it('warns when the overall status gets worse, and says when all is well again', async () => {
    const { env, lines, monitor, rpc } = setup()
    monitor.start()
    await env.advance(5_000)
    for (let i = 0; i < 10; i++) rpc.record(9_999, false)
    await env.advance(5_000)
    await env.advance(310_000)
    expect(lines[0]).toBe('warn Overall health is critical (score 0.50)')
    expect(lines.at(-1)).toBe('info Overall health is healthy again (score 1.00)')
    monitor.stop()
  })

  it('does not grow while idle (monitoring checks 21 and 36)', async () => {
    const { env, events, monitor } = setup()
    monitor.start()
    monitor.start()
    await env.advance(60_000)
    expect(events.counts.metrics().total_cross_system_correlations).toBe(0)
    expect(events.snapshot().upkeep_events).toBe(12)
    await env.advance(540_000)
    expect(events.snapshot()).toMatchObject({ events: 0, upkeep_events: 120, active_correlations: 0 })
    await env.advance(8 * 3_600_000)
    const { upkeep_events, chains, timelines } = events.snapshot()
    expect([upkeep_events, chains, timelines]).toEqual([5_000, 5_000, 5_000])
    monitor.stop()
    monitor.stop()
    expect(env.pendingTimers).toBe(0)
  })
})
