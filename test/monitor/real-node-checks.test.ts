import { describe, expect, it, onTestFinished } from 'vitest'
import type { Alert, MonitoringEvent } from '../../src/wire/index.ts'
import { openSession } from '../interop/wire-session.ts'
import { bridgedTo, type MonitoredNode, startMonitored, until } from './real-fabric.ts'
import { neededQuery } from './running.ts'

type Start = Parameters<typeof startMonitored>

const CORS = ['access-control-allow-origin', 'access-control-allow-methods', 'access-control-allow-headers']

async function started(...start: Start): Promise<MonitoredNode> {
  const node = await startMonitored(...start)
  onTestFinished(() => node.stop())
  return node
}

/** A node of `oak`, a second one, and one of `elm`, all linked. */
async function fabric(settings: Start[0] = {}): Promise<readonly [MonitoredNode, MonitoredNode, MonitoredNode]> {
  const a = await started({ name: 'a', ...bridgedTo('oak', ['elm']), ...settings })
  const b = await started({ name: 'b', ...bridgedTo('oak', ['elm']), peers: [a.node.url], ...settings })
  const c = await started({ name: 'c', ...bridgedTo('elm', ['oak']), peers: [a.node.url], ...settings }, (each) =>
    each.register('far', () => 'elm'),
  )
  await until('all are linked', async () => (await a.json('/metrics/connections')).body.connections.total_connections === 2)
  for (const { node } of [a, b]) {
    await until('the function of elm is known', () =>
      node.call('far').then(
        () => true,
        () => false,
      ),
    )
  }
  return [a, b, c]
}

const failing = (node: { register(name: string, run: () => never): void }) =>
  node.register('bad', () => {
    throw new Error('bad by design')
  })

describe('a real node', () => {
  it('says what it is and what can be asked, and each path answers (monitoring checks 1 and 2)', async () => {
    const node = await started({ clusterId: 'oak' })
    const { body, status } = await node.json('/')
    expect(status).toBe(200)
    expect(body).toMatchObject({ service: 'MPREG Federation Monitoring', cluster_id: 'oak', federation_mode: 'strict_isolation' })
    expect(body.monitoring_port).toBe(Number(new URL(node.url).port))
    expect(body).not.toHaveProperty('status')

    const { body: index } = await node.json('/endpoints')
    expect(index.total_endpoints).toBe(index.endpoints.length)
    expect(body.endpoints).toEqual(index.endpoints)
    for (const { method, path } of index.endpoints as { method: string; path: string }[]) {
      if (method !== 'GET' || path.startsWith('/debug/')) continue
      const asked = path.replace('{cluster_id}', 'oak').replace('{id}', 'u')
      const response = await node.get(`${asked}${neededQuery(path, 'oak')}`)
      expect([200, 404, 503], asked).toContain(response.status)
    }
  })

  it('times every answer, and leaves the CORS headers away when they are off (monitoring check 3)', async () => {
    for (const monitoringEnableCors of [true, false]) {
      const response = await (await started({ monitoringEnableCors })).get('/health')
      const { federation_health: health } = (await response.json()) as {
        federation_health: { overall_status: string; health_score: number }
      }
      expect(['healthy', 'degraded', 'critical', 'unavailable']).toContain(health.overall_status)
      expect(health.health_score).toBeGreaterThanOrEqual(0)
      expect(health.health_score).toBeLessThanOrEqual(1)
      expect(Number(response.headers.get('x-response-time-ms'))).toBeGreaterThan(0)
      expect(response.headers.get('x-monitoring-system')).toBe('MPREG-Federation-Monitor')
      for (const name of CORS) expect(response.headers.has(name), name).toBe(monitoringEnableCors)
    }
  })

  it('knows the clusters it is linked to and no other, and stays there when its only peer leaves (monitoring checks 4 and 5)', async () => {
    const a = await started({ clusterId: 'oak' })
    const b = await startMonitored({ clusterId: 'oak', peers: [a.node.url] })
    await until('they are linked', async () => (await a.json('/health/clusters/oak')).body.cluster.node_count === 2)
    expect(await a.json('/health/clusters/ghost')).toMatchObject({
      status: 404,
      body: { status: 'error', message: 'Cluster ghost not found' },
    })
    await b.stop()
    await until('the peer is gone', async () => (await a.json('/health/clusters/oak')).body.cluster.node_count === 1)
    expect((await a.json('/health/clusters/oak')).body.cluster).toMatchObject({ cluster_id: 'oak', status: 'healthy', health_score: 1 })
    expect((await a.json('/health')).body.federation_health).toMatchObject({ unavailable_clusters: 0, total_clusters: 1 })
  })

  it('draws itself, its peer and the link between them (monitoring check 22)', { timeout: 40_000 }, async () => {
    const a = await started({ clusterId: 'oak' })
    const b = await started({ clusterId: 'oak', peers: [a.node.url] })
    const drawn = async () => (await a.json('/topology')).body.topology
    await until('they are linked', async () => (await drawn()).edges.length === 1)
    const { edges, nodes, summary } = await drawn()
    expect(summary).toMatchObject({ total_nodes: 2, total_edges: 1, graph_diameter: 1 })
    expect(nodes.map(({ node_id: id }: { node_id: string }) => id)).toEqual([a.node.url, b.node.url])
    expect(edges).toMatchObject([{ source: a.node.url, target: b.node.url, status: 'healthy' }])
    for (const end of [a, b]) {
      await until('the link is measured, whoever dialed', async () => (await end.json('/topology')).body.topology.edges[0].latency_ms > 0)
    }
  })

  it('takes a node to which there is no link for as healthy as failure detection does, and has no score for it', {
    timeout: 40_000,
  }, async () => {
    const a = await started(bridgedTo('oak', ['elm', 'fir']))
    const b = await started({ ...bridgedTo('elm', ['oak', 'fir']), peers: [a.node.url] })
    // It lets elm in, and not oak.
    const c = await started({ ...bridgedTo('fir', ['elm']), peers: [b.node.url] })
    const drawn = async () => {
      const { clusters, nodes } = (await a.json('/topology')).body.topology
      return { cluster: clusters.fir, node: nodes.find(({ node_id: id }: { node_id: string }) => id === c.node.url) }
    }
    await until('it is heard of', async () => (await drawn()).node !== undefined)
    await until('it is alive', () => a.node.explain.peer(c.node.url).evidence?.some(({ text }) => text.startsWith('alive')) === true)
    expect(await drawn()).toMatchObject({
      cluster: { node_count: 1, health_score: null, status: 'healthy' },
      node: { health_score: null, status: 'healthy', last_seen: expect.closeTo(Date.now() / 1000, -2) },
    })
  })

  it('counts its calls, and says so of a system it does not have (monitoring checks 6 and 7)', async () => {
    const node = await started({}, failing)
    for (let i = 0; i < 6; i++) await node.node.call('echo', i)
    for (let i = 0; i < 2; i++) await expect(node.node.call('bad')).rejects.toThrow()
    await until('the calls are shown', async () => (await node.json('/metrics/rpc')).body.metrics.total_operations_last_hour >= 8)
    const { body } = await node.json('/metrics/rpc')
    expect(body).toMatchObject({ system: 'rpc', metrics: { error_rate_percent: 25, total_operations_last_hour: 8 } })
    expect((await node.json('/metrics/queue')).body).toMatchObject({ status: 'ok', system: 'queue', metrics: null })

    const { unified_metrics: unified } = (await node.json('/metrics/unified')).body
    const {
      systems_critical: critical,
      systems_degraded: degraded,
      systems_healthy: healthy,
      systems_unavailable: gone,
    } = unified.overall_health
    expect(healthy + degraded + critical + gone).toBe(6)
    expect(Object.keys(unified)).toEqual([
      ...['rpc', 'pubsub', 'queue', 'cache', 'federation'],
      ...['transport_health_snapshots', 'correlation_metrics', 'overall_health', 'performance_summary', 'collection_info'],
    ])
  })

  it('has a history that grows, and checks what is asked of it (monitoring check 8)', async () => {
    const node = await started()
    expect(await node.json('/metrics/timeseries?duration=abc')).toMatchObject({ status: 400, body: { status: 'error' } })
    const series = async () => (await node.json('/metrics/timeseries?metric=health_score&duration=1&resolution=1')).body
    await until('a point is there', async () => (await series()).data_points > 0)
    const { data, data_points: points, duration_hours: hours } = await series()
    expect([hours, points]).toEqual([1, data.length])
    expect(data[0][1]).toBe(1)
  })

  it('says that it keeps nothing on disk (monitoring check 9)', async () => {
    const { body, status } = await (await started()).json('/metrics/persistence')
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'ok', timestamp: expect.any(Number) })
    expect(body.persistence_snapshots).toEqual({ enabled: false })
  })

  it('has no link-state to show while it is off, and all of it when it is on (monitoring check 11, routing check 39)', async () => {
    const [off, on] = [await started(), await started({ fabricLinkStateMode: 'prefer' })]
    expect(await off.json('/routing/link-state')).toEqual({
      status: 503,
      body: { status: 'error', message: 'link-state status not available' },
    })
    const { link_state: state } = (await on.json('/routing/link-state')).body
    expect(Object.keys(state).sort()).toEqual(
      [
        ...[
          'allowed_areas',
          'area',
          'area_hierarchy',
          'area_mismatch_rejects',
          'entries',
          'entry_areas',
          'mode',
          'stats',
          'summary_filters',
        ],
      ].sort(),
    )
  })

  it('refuses what it can not acknowledge (monitoring check 13)', async () => {
    const node = await started()
    const acknowledge = (body: string) => node.json('/alerts/acknowledge', { method: 'POST', body })
    expect(await acknowledge('{}')).toEqual({ status: 400, body: { status: 'error', message: 'alert_id required' } })
    expect(await acknowledge('{"alert_id":"x"}')).toMatchObject({ status: 404, body: { message: 'alert not found' } })
    expect(await acknowledge('{ not json')).toMatchObject({ status: 400, body: { status: 'error' } })
  })

  it('always says how its routes are in its status (routing check 40)', async () => {
    const node = await started({ clusterId: 'oak' })
    const session = await openSession(node.node.url)
    const server = {
      what: 'STATUS',
      server_url: 'ws://127.0.0.1:9',
      cluster_id: 'oak',
      instance_id: '01M85RQSA77PY2JK7JWAH9H1Y3',
      timestamp: Date.now() / 1000,
    }
    session.send(JSON.stringify({ role: 'server', server, u: 'first' }))
    let told: Record<string, unknown> | undefined
    while (told === undefined) {
      const frame = JSON.parse(await session.next())
      if (frame.server?.what === 'STATUS') told = frame.server.metrics.route_metrics
    }
    await session.close()
    expect(Object.keys(told)).toEqual([
      ...['announcements_accepted', 'announcements_rejected', 'withdrawals_received', 'withdrawals_applied', 'hold_down_rejects'],
      ...['suppression_rejects', 'routes_purged', 'rejection_reasons', 'routes_active_total', 'destinations_tracked'],
      ...['routes_per_destination', 'convergence_seconds_avg', 'convergence_seconds_max'],
    ])
  })
})

describe('a real fabric', () => {
  it('explains a route, and a missing one (monitoring check 10, routing check 39)', async () => {
    const [a] = await fabric()
    expect(await a.json('/routing/trace')).toEqual({ status: 400, body: { status: 'error', message: 'destination required' } })
    await until('elm has a route', async () => (await a.json('/routing/trace?destination=elm')).body.trace.selected !== null)
    const { trace } = (await a.json('/routing/trace?destination=elm')).body
    expect(trace.selected).toMatchObject({ next_hop: 'elm', path: { hops: ['oak', 'elm'] }, expired: false, filtered_reason: null })
    expect(trace).not.toHaveProperty('link_state_hint')

    const avoided = (await a.json('/routing/trace?destination=elm&avoid=elm,%20y,')).body
    expect(avoided).toMatchObject({ avoid_clusters: ['elm', 'y'], trace: { selected: null } })
    expect(avoided.trace.candidates[0].filtered_reason).toBe('avoid_clusters')
    expect((await a.json('/routing/trace?destination=ghost&avoid=x,%20y,')).body).toMatchObject({
      avoid_clusters: ['x', 'y'],
      trace: { candidates: [], selected: null },
    })
  })

  it('is the sum of its parts (monitoring check 15, as far as one node sees it)', async () => {
    const [a, b] = await fabric()
    for (let i = 0; i < 20; i++) await Promise.all([a.node.call('far'), a.node.call('echo', i), b.node.call('far')])
    await until('the calls are shown', async () => (await a.json('/metrics/rpc')).body.metrics.total_operations >= 40)
    const { unified_metrics: unified } = (await a.json('/metrics/unified')).body
    const present = [unified.rpc, unified.pubsub, unified.federation]
    const sum = (field: string) => present.reduce((total, each) => total + each[field], 0)
    expect(unified.performance_summary.total_requests_per_second).toBeCloseTo(sum('requests_per_second'), 9)
    expect(unified.performance_summary.average_cross_system_latency_ms).toBeCloseTo(sum('average_latency_ms') / 3, 9)
    const { federation_health: health } = (await a.json('/health')).body
    expect(health).toMatchObject({ total_clusters: 2, healthy_clusters: 2, degraded_clusters: 0, critical_clusters: 0 })
    const { clusters } = (await a.json('/health/clusters')).body
    expect([clusters.oak.node_count, clusters.elm.node_count]).toEqual([2, 1])
  })

  it('tells how the way to a cluster came and went, and that it stops while it can be asked', async () => {
    const [a, , c] = await fabric()
    const story = async (id: string) => (await a.json(`/timelines/${encodeURIComponent(id)}`)).body.events ?? []
    await until('the way to elm is told of', async () => (await story('route elm')).length > 0)
    expect((await story('route elm'))[0]).toMatchObject({
      event_type: 'cross_system_correlation',
      source_system: 'federation',
      metadata: { kind: 'route_change', destination: 'elm', next_hop: 'elm' },
    })
    await c.stop()
    await until('the way is gone', async () => (await story('route elm')).at(-1)?.metadata.next_hop === null)
    const stopped = a.stop()
    expect((await story(a.node.url)).map(({ event_type }: MonitoringEvent) => event_type)).toEqual(['system_start', 'system_stop'])
    await stopped
  })

  it('tells the story of a call, and counts it once; idling counts nothing (monitoring check 21)', { timeout: 40_000 }, async () => {
    const [a] = await fabric()
    const correlations = async () => (await a.json('/metrics')).body.federation_metrics.correlation_metrics.total_cross_system_correlations
    // Until health has been checked twice: that is what a node does by itself.
    const checksOf = async () => (await a.json('/metrics/timeseries?resolution=1')).body.data_points
    const before = await correlations()
    await until('the node has looked at itself', async () => (await checksOf()) > 0)
    await new Promise((resolve) => setTimeout(resolve, 11_000))
    expect(await correlations()).toBe(before)

    const session = await openSession(a.node.url)
    const cmds = [{ name: 'r', fun: 'far', args: [], kwargs: {}, locs: [] }]
    session.send(JSON.stringify({ role: 'rpc', cmds, u: 'one-real-call' }))
    await session.next()
    await session.close()
    const { events } = (await a.json('/timelines/one-real-call')).body
    const told = (type: string) => events.findIndex((event: { event_type: string }) => event.event_type === type)
    expect(events).toHaveLength(3)
    expect(told('request_start')).toBeGreaterThanOrEqual(0)
    expect(told('request_complete')).toBeGreaterThan(told('request_start'))
    const hop = events[told('cross_system_correlation')]
    expect(hop.metadata).toMatchObject({ kind: 'hop', target_cluster: 'elm', hop_count: 1 })
    await until('it is counted', async () => (await correlations()) === before + 1)
  })

  it('fires an alert, hides it once acknowledged, and fires again when it was gone (monitoring check 12)', {
    timeout: 60_000,
  }, async () => {
    const node = await started({ clusterId: 'oak' }, failing)
    const active = async () => ((await node.json('/alerts')).body.active_alerts as Alert[]).filter(isErrorRate)
    const history = async () => ((await node.json('/alerts/history')).body.alert_history as Alert[]).filter(isErrorRate)
    const bad = async (times: number) => {
      for (let i = 0; i < times; i++) await node.node.call('bad').catch(() => {})
    }
    const good = async (times: number) => {
      for (let i = 0; i < times; i++) await node.node.call('echo', i)
    }
    await good(45)
    await bad(5)
    await until('an alert fires', async () => (await active()).length > 0)
    const [alert] = await active()
    expect(alert).toMatchObject({ alert_id: 'oak_error_rate_percent_critical', severity: 'critical', cluster_id: 'oak', node_id: null })
    expect(alert).toMatchObject({ current_value: 10, threshold_value: 10, resolved: false })

    const body = JSON.stringify({ alert_id: alert?.alert_id })
    expect((await node.json('/alerts/acknowledge', { method: 'POST', body })).status).toBe(200)
    expect(await active()).toEqual([])
    await bad(5)
    await until('it is checked again', async () => ((await history())[0]?.current_value ?? 0) > 15)
    expect(await active()).toEqual([])

    await good(2_000)
    await until('it is over', async () => (await history())[0]?.resolved === true)
    await bad(140)
    await until('it fires again', async () => (await active()).length === 1)
    expect(await history()).toHaveLength(2)
  })
})

function isErrorRate({ metric_name }: Alert): boolean {
  return metric_name === 'error_rate_percent'
}
