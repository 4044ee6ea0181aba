import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createEventLog } from './event-log.ts'
import { createFederationLinks } from './federation-links.ts'
import { createPerformanceService } from './performance.ts'
import { bottlenecksView, clusterPerformanceView, performanceSummaryView } from './performance-views.ts'
import type { ProcessProbe, ProcessReading } from './process-probe.ts'
import { createSystemMeter } from './system-meter.ts'
import { createUnifiedMonitor } from './unified-monitor.ts'

const READING: ProcessReading = {
  cpu_usage_percent: 91,
  cpu_seconds_total: 12,
  rss_bytes: 100,
  heap_used_bytes: 50,
  memory_limit_bytes: 400,
  event_loop_delay_ms: { p50: 1, p99: 8, max: 20 },
  gc: { count: 2, total_ms: 50, max_ms: 40 },
  started_at: 1,
}

function setup(probe?: ProcessProbe) {
  const env = createVirtualEnv({ seed: 1 })
  const links = createFederationLinks({
    clock: env.clock,
    systemName: 'node-a',
    localClusterId: 'home',
    policy: () => ({ federationMode: 'strict_isolation', allowedForeignClusterIds: [], explicitBridges: [] }),
  })
  const monitor = createUnifiedMonitor({ env, events: createEventLog(env), links })
  const rpc = createSystemMeter(env.clock, { system: 'rpc', systemName: 'node-a', activeConnections: () => 0 })
  monitor.attach('rpc', rpc)
  const own = { clusterId: 'home', name: 'node-a', region: 'eu' }
  const performance = createPerformanceService({ env, monitor, own, ...(probe === undefined ? {} : { probe }) })
  return { env, links, monitor, rpc, performance }
}

const probing = (): ProcessProbe => ({ start: () => {}, stop: () => {}, read: () => READING })

describe('performance service', () => {
  it('adds up what clusters report (monitoring check 15)', () => {
    const { performance } = setup()
    const sent = { throughput_rps: 100, messages_sent: 7, cross_cluster_messages: 3 }
    performance.ingest({ cluster_id: 'a', health_score: 90, avg_latency_ms: 50, ...sent })
    performance.ingest({ cluster_id: 'b', health_score: 85, avg_latency_ms: 75, ...sent })
    performance.ingest({ cluster_id: 'c', health_score: 70, avg_latency_ms: 100, cpu_usage_percent: 30, ...sent })
    expect(performance.federation()).toMatchObject({
      total_clusters: 3,
      healthy_clusters: 2,
      degraded_clusters: 1,
      unhealthy_clusters: 0,
      federation_avg_latency_ms: 75,
      federation_total_throughput_rps: 300,
      total_messages_sent: 21,
      total_cross_cluster_messages: 9,
      avg_cpu_usage_percent: 30,
      avg_memory_usage_percent: null,
      cross_cluster_error_rate_percent: null,
    })
  })

  it('records the own cluster every five seconds, with what the process costs', async () => {
    const { env, performance, rpc } = setup(probing())
    performance.start()
    rpc.record(4, true)
    rpc.record(4, false)
    await env.advance(5_000)
    expect(performance.current('home')).toMatchObject({
      cluster_name: 'node-a',
      region: 'eu',
      error_rate_percent: 50,
      p95_latency_ms: 4,
      uptime_seconds: 5,
      cpu_usage_percent: 91,
      memory_usage_percent: 25,
      event_loop_delay_p99_ms: 8,
      gc_time_percent: 1,
      federation_latency_ms: null,
      queue_depth: null,
    })
    performance.stop()
    expect(env.pendingTimers).toBe(0)
  })

  it('invents nothing about a process nobody measures', async () => {
    const { env, performance } = setup()
    performance.start()
    await env.advance(5_000)
    expect(performance.current('home')).toMatchObject({ cpu_usage_percent: null, memory_usage_percent: null, gc_time_percent: null })
    expect(performance.snapshot().process).toBeNull()
  })

  it('goes on when a listener fails', async () => {
    const { env, performance } = setup()
    const heard: string[] = []
    performance.onRecord(() => {
      throw new Error('broken')
    })
    performance.onRecord((record) => heard.push(record.cluster_id))
    performance.ingest({ cluster_id: 'away' })
    performance.start()
    await env.advance(5_000)
    expect(heard).toEqual(['away', 'home'])
    performance.stop()
  })

  it('reads the trend of throughput and latency each for what it means', async () => {
    const { env, performance } = setup()
    for (let i = 0; i < 9; i++) {
      performance.ingest({ cluster_id: 'a', throughput_rps: 100 - 10 * i, avg_latency_ms: 10 + 10 * i })
      await env.advance(5_000)
    }
    expect(performance.trends()).toEqual({
      latency_trend: 'degrading',
      throughput_trend: 'degrading',
      error_rate_trend: 'stable',
      resource_utilization_trend: 'insufficient_data',
    })
  })

  it('holds a bounded number of clusters, and never gives up the own one', async () => {
    const { env, performance } = setup()
    performance.start()
    await env.advance(5_000)
    for (let i = 0; i < 1_500; i++) performance.ingest({ cluster_id: `c${i}` })
    expect(performance.snapshot()).toMatchObject({ clusters: 1_000, clusters_dropped: 501 })
    expect(performance.current('home')).toBeDefined()
  })
})

describe('performance views', () => {
  it('have every field of the protocol, measured, null or empty', () => {
    const { monitor, performance } = setup()
    expect(performanceSummaryView(monitor, performance)).toEqual({
      requests_per_second: 0,
      average_latency_ms: 0,
      p95_latency_ms: 0,
      p99_latency_ms: null,
      error_rate_percent: 0,
      cross_cluster_hops_average: 0,
      federation_efficiency_score: 1,
      bottleneck_clusters: [],
      top_performing_clusters: [],
      recent_performance_trend: 'insufficient_data',
    })
    expect(clusterPerformanceView(monitor, performance, 'home')).toEqual({
      cpu_usage: null,
      memory_usage: null,
      network_latency: null,
      federation_health: 'healthy',
      success_rate_percent: 100,
      active_connections: 0,
    })
    expect(clusterPerformanceView(monitor, performance, 'ghost')).toBeUndefined()
  })

  it('name bottlenecks with the value and the limit it lies beyond', async () => {
    const { env, links, monitor, performance } = setup(probing())
    performance.start()
    links.opened({ nodeId: 'f', clusterId: 'away', url: 'f', authorization: 'authorized' })
    for (let i = 0; i < 20; i++) links.forwarded('f', 2_000, true)
    await env.advance(5_000)
    const { cpu_bottlenecks, memory_bottlenecks, network_bottlenecks } = bottlenecksView(monitor, performance)
    expect(cpu_bottlenecks).toEqual([{ cluster_id: 'home', metric_name: 'cpu_usage_percent', current_value: 91, threshold_value: 85 }])
    expect(memory_bottlenecks).toEqual([])
    expect(network_bottlenecks).toEqual([
      { cluster_id: 'away', metric_name: 'p95_latency_ms', current_value: 2_000, threshold_value: 1_000 },
    ])
    performance.stop()
  })
})
