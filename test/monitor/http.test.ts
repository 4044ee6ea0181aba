import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MonitorListenError } from '../../src/monitor/index.ts'
import { fakeAlert, fakeSystem, fakeUnified, fakeViews } from './fake-views.ts'
import { neededQuery, runMonitor } from './running.ts'

const CORS = ['access-control-allow-origin', 'access-control-allow-methods', 'access-control-allow-headers']

describe('monitoring service', () => {
  it('says what it is, without a status (monitoring check 1)', async () => {
    const { json, service } = await runMonitor()
    const { body, status } = await json('/')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      service: 'MPREG Federation Monitoring',
      cluster_id: 'golden',
      federation_mode: 'strict_isolation',
      monitoring_port: service.port,
    })
    expect(body.endpoints).not.toEqual([])
    expect(body).not.toHaveProperty('status')
  })

  it('lists every path, and each one answers (monitoring check 2)', async () => {
    const { get, json } = await runMonitor()
    const { body } = await json('/endpoints')
    const endpoints = body.endpoints as { path: string; method: string; description: string }[]
    expect(body.total_endpoints).toBe(endpoints.length)
    const paths = endpoints.map(({ path }) => path)
    expect(paths).toEqual(
      expect.arrayContaining(['/', '/health', '/metrics', '/topology', '/config', '/transport/endpoints', '/dns/metrics']),
    )
    for (const { description, method, path } of endpoints) {
      expect(description).not.toBe('')
      if (method !== 'GET') continue
      const asked = path.replace('{cluster_id}', 'golden').replace('{id}', 'u-1')
      const response = await get(`${asked}${neededQuery(path, 'golden')}`)
      // Pictures of the process are for the token alone.
      expect(path.startsWith('/debug/') ? [403] : [200, 404, 503], asked).toContain(response.status)
      expect(response.headers.get('x-monitoring-system'), asked).toBe('MPREG-Federation-Monitor')
    }
  })

  it('times every answer, and leaves the CORS headers away when they are off (monitoring check 3)', async () => {
    const open = await (await runMonitor()).get('/health')
    expect(Number(open.headers.get('x-response-time-ms'))).toBeGreaterThan(0)
    for (const name of CORS) expect(open.headers.has(name), name).toBe(true)

    const closed = await (await runMonitor({}, { cors: false })).get('/health')
    expect(Number(closed.headers.get('x-response-time-ms'))).toBeGreaterThan(0)
    for (const name of CORS) expect(closed.headers.has(name), name).toBe(false)
    const { federation_health: health } = (await closed.json()) as { federation_health: { overall_status: string; health_score: number } }
    expect(['healthy', 'degraded', 'critical', 'unavailable']).toContain(health.overall_status)
    expect(health.health_score).toBeGreaterThanOrEqual(0)
    expect(health.health_score).toBeLessThanOrEqual(1)
  })

  it('knows its own cluster and no other (monitoring check 4)', async () => {
    const { json } = await runMonitor()
    expect((await json('/health/clusters/golden')).body).toMatchObject({ status: 'ok', cluster: { cluster_id: 'golden' } })
    const ghost = await json('/health/clusters/ghost')
    expect(ghost.status).toBe(404)
    expect(ghost.body).toMatchObject({ status: 'error', message: 'Cluster ghost not found' })
    expect(await json('/performance/clusters/ghost')).toMatchObject({ status: 404 })
  })

  it('answers null for a system the node does not have (monitoring check 6)', async () => {
    const { json } = await runMonitor()
    expect((await json('/metrics/rpc')).body).toMatchObject({ system: 'rpc', metrics: fakeSystem('rpc') })
    expect((await json('/metrics/queue')).body).toMatchObject({ status: 'ok', system: 'queue', metrics: null })
    expect((await json('/metrics/federation')).body).toMatchObject({ system: 'federation' })
  })

  it('shows all systems in one body (monitoring check 7)', async () => {
    const { json } = await runMonitor()
    const { unified_metrics: unified } = (await json('/metrics/unified')).body as {
      unified_metrics: Record<string, Record<string, number>>
    }
    expect(unified).toEqual(fakeUnified())
    const { systems_critical = 0, systems_degraded = 0, systems_healthy = 0, systems_unavailable = 0 } = unified.overall_health ?? {}
    expect(systems_healthy + systems_degraded + systems_critical + systems_unavailable).toBe(6)
  })

  it('checks the parameters of a time series and says what would be valid (monitoring check 8)', async () => {
    const { json } = await runMonitor()
    const { body } = await json('/metrics/timeseries?metric=health_score&duration=1&resolution=1')
    expect(body).toMatchObject({ metric: 'health_score', duration_hours: 1, resolution_minutes: 1 })
    expect(body.data_points).toBe((body.data as unknown[]).length)
    for (const query of ['duration=abc', 'duration=0', 'resolution=-1', 'duration=1.5', 'metric=latency']) {
      const refused = await json(`/metrics/timeseries?${query}`)
      expect(refused, query).toMatchObject({ status: 400, body: { status: 'error' } })
      expect(refused.body.message).toMatch(/^Invalid parameter: /)
    }
    expect((await json('/metrics/timeseries?metric=latency')).body.valid).toContain('latency_ms')
  })

  it('shows the latest lines of the log, as far as they are asked for', async () => {
    const asked: unknown[] = []
    const line = { timestamp: 1, level: 'WARNING', scope: 'fabric.gossip', message: 'no peer answered' } as const
    const log = { ...fakeViews().log, lines: (query: unknown) => [asked.push(query), line].slice(1) as [typeof line] }
    const { json } = await runMonitor({ log })
    expect((await json('/log/lines')).body).toMatchObject({ status: 'ok', lines: [line] })
    await json('/log/lines?scope=fabric.gossip&level=warning&limit=1000')
    expect(asked).toEqual([{ limit: 200 }, { scope: 'fabric.gossip', level: 'WARNING', limit: 1000 }])
    for (const query of ['level=loud', 'limit=0', 'limit=1001']) expect((await json(`/log/lines?${query}`)).status, query).toBe(400)
    expect((await json('/log/lines?level=loud')).body.valid).toContain('WARNING')
  })

  it('explains a route, or says what is missing for it (monitoring check 10, routing check 39)', async () => {
    const { json } = await runMonitor()
    expect(await json('/routing/trace')).toEqual({ status: 400, body: { status: 'error', message: 'destination required' } })
    const { body } = await json('/routing/trace?destination=b&avoid=x,%20y,')
    expect(body).toMatchObject({ avoid_clusters: ['x', 'y'], trace: { candidates: [], selected: null } })
    expect(body.trace).not.toHaveProperty('link_state_hint')
  })

  it('has no link-state to show when there is none (monitoring check 11)', async () => {
    const { json } = await runMonitor()
    const expected = { status: 503, body: { status: 'error', message: 'link-state status not available' } }
    expect(await json('/routing/link-state')).toEqual(expected)
  })

  it('takes an acknowledged alert away, and refuses what it can not acknowledge (monitoring check 13)', async () => {
    const { json } = await runMonitor()
    const acknowledge = (body: string) => json('/alerts/acknowledge', { method: 'POST', body })
    expect(await acknowledge('{}')).toEqual({ status: 400, body: { status: 'error', message: 'alert_id required' } })
    expect(await acknowledge('{"alert_id":"x"}')).toMatchObject({
      status: 404,
      body: { message: 'alert not found', valid: [fakeAlert.alert_id] },
    })
    expect(await acknowledge('{ not json')).toMatchObject({ status: 400, body: { status: 'error' } })
    expect((await json('/alerts')).body).toMatchObject({
      alert_count: 1,
      severity_breakdown: { critical: 0, error: 0, warning: 1, info: 0 },
    })

    const done = await acknowledge(JSON.stringify({ alert_id: fakeAlert.alert_id }))
    expect(done).toMatchObject({ status: 200, body: { message: `Alert ${fakeAlert.alert_id} acknowledged`, alert_id: fakeAlert.alert_id } })
    expect((await json('/alerts')).body).toMatchObject({ active_alerts: [], alert_count: 0 })
  })

  it('answers GETs and refuses to acknowledge where nothing watches thresholds', async () => {
    const { json } = await runMonitor({ alerts: undefined as never })
    expect((await json('/alerts')).body).toMatchObject({ active_alerts: [], alert_count: 0 })
    const refused = await json('/alerts/acknowledge', { method: 'POST', body: '{"alert_id":"x"}' })
    expect(refused).toEqual({ status: 503, body: { status: 'error', message: 'alerting not configured' } })
  })

  it('shows at most the latest hundred requests over connections', async () => {
    const { json } = await runMonitor()
    const results = (await json('/metrics/transport')).body.correlation_results as { correlation_id: string }[]
    expect(results).toHaveLength(100)
    expect(results.at(-1)?.correlation_id).toBe('c-119')
  })

  it('changes the log level and nothing else', async () => {
    const { json } = await runMonitor()
    const post = (body: unknown) => json('/log', { method: 'POST', body: JSON.stringify(body) })
    expect((await post({ level: 'debug' })).body).toMatchObject({ log: { level: 'DEBUG', debug_scopes: [] } })
    expect((await post({ debug_scopes: ['fabric.gossip'] })).body).toMatchObject({
      log: { level: 'DEBUG', debug_scopes: ['fabric.gossip'] },
    })
    expect(await post({ level: 'loud' })).toMatchObject({ status: 400, body: { valid: expect.arrayContaining(['INFO']) } })
    expect(await post([])).toMatchObject({ status: 400 })
    expect(await post({ debug_scopes: 'all' })).toMatchObject({ status: 400 })
  })

  it('explains what it knows and says when it knows nothing', async () => {
    const { json } = await runMonitor()
    expect((await json('/explain/function?name=echo')).body).toMatchObject({ name: 'echo', explanation: { chosen: 'ws://127.0.0.1:9000' } })
    const asked = 'version_constraint=%3E%3D2&resources=gpu,%20cpu&function_id=e&target_cluster=beta'
    expect((await json(`/explain/function?name=echo&${asked}`)).body).toMatchObject({
      explanation: { question: { version_constraint: '>=2', resources: ['gpu', 'cpu'], function_id: 'e', target_cluster: 'beta' } },
    })
    expect(await json('/explain/function?name=nope')).toMatchObject({ status: 404 })
    expect(await json('/explain/function')).toEqual({ status: 400, body: { status: 'error', message: 'name required' } })
    expect((await json('/timelines/u-1')).body).toMatchObject({ id: 'u-1', events: [{ event_type: 'request_start' }] })
  })
})

describe('probes for load balancers', () => {
  it('tell ready from alive', async () => {
    const readiness = { ready: false, checks: [{ name: 'listening', ok: false, detail: 'not yet' }] }
    const { json } = await runMonitor({ readiness: () => readiness })
    for (const path of ['/health/live', '/livez']) expect(await json(path)).toMatchObject({ status: 200, body: { live: true } })
    for (const path of ['/health/ready', '/readyz']) expect(await json(path)).toMatchObject({ status: 503, body: readiness })
  })
})

describe('HTTP conventions', () => {
  it('answer an unknown path in JSON, with the headers and the nearest path', async () => {
    const { get } = await runMonitor()
    const response = await get('/helth')
    expect(response.status).toBe(404)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('x-monitoring-system')).toBe('MPREG-Federation-Monitor')
    expect(await response.json()).toMatchObject({
      status: 'error',
      message: expect.stringContaining('/health'),
      valid: expect.arrayContaining(['/health']),
    })
  })

  it('answer a wrong method with the right ones', async () => {
    const { get } = await runMonitor()
    const response = await get('/health', { method: 'POST', body: 'whatever' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    expect(Number(response.headers.get('x-response-time-ms'))).toBeGreaterThan(0)
    expect(await response.json()).toMatchObject({ status: 'error', valid: ['GET', 'HEAD'] })
    const wrong = await get('/alerts/acknowledge')
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
  })

  it('refuse a parameter that a path does not take, naming those it takes', async () => {
    const { json } = await runMonitor()
    const misspelt = await json('/metrics/timeseries?metrics=health_score&duration=2')
    expect(misspelt).toEqual({
      status: 400,
      body: {
        status: 'error',
        message: 'unknown parameter "metrics"; did you mean "metric"? /metrics/timeseries takes metric, duration, resolution',
        valid: ['metric', 'duration', 'resolution'],
      },
    })
    expect(await json('/alerts?severity=critical')).toEqual({
      status: 400,
      body: { status: 'error', message: 'unknown parameter "severity"; /alerts takes none' },
    })
    expect(await json('/health/clusters/golden?detail')).toMatchObject({ status: 400 })
    expect(await json('/alerts/acknowledge?alert_id=x', { method: 'POST', body: '{}' })).toMatchObject({ status: 400 })
    expect(await json('/routing/trace?destination=b&destination=c')).toMatchObject({ status: 200 })
  })

  it('leave probes alone, whatever a load balancer adds to them', async () => {
    const { get } = await runMonitor()
    for (const path of ['/livez', '/readyz', '/health/live', '/health/ready']) expect((await get(`${path}?_=1`)).status, path).toBe(200)
  })

  it('ask for the token before they say what may be asked', async () => {
    const { get } = await runMonitor({}, { host: '0.0.0.0', token: 'secret', tokenRequired: true })
    expect((await get('/metrics/timeseries?x=1')).status).toBe(401)
  })

  it('answer HEAD wherever GET is', async () => {
    const { get } = await runMonitor()
    for (const path of ['/health', '/metrics/prometheus', '/health/clusters/golden']) {
      const response = await get(path, { method: 'HEAD' })
      expect([response.status, await response.text()], path).toEqual([200, ''])
    }
  })

  it('let a browser ask first', async () => {
    const { get } = await runMonitor()
    const response = await get('/alerts/acknowledge', { method: 'OPTIONS' })
    expect(response.status).toBe(204)
    for (const name of CORS) expect(response.headers.has(name), name).toBe(true)
    expect((await get('/nothing', { method: 'OPTIONS' })).status).toBe(404)
  })

  it('refuse a body that is too large, in JSON', async () => {
    const { json } = await runMonitor()
    const refused = await json('/log', { method: 'POST', body: JSON.stringify({ level: 'x'.repeat(100_000) }) })
    expect(refused).toMatchObject({ status: 413, body: { status: 'error' } })
  })

  it('turn a failing view into 500 and keep serving', async () => {
    const { json } = await runMonitor({
      connections() {
        throw new Error('the table is gone')
      },
    })
    expect(await json('/metrics/connections')).toEqual({ status: 500, body: { status: 'error', message: 'the table is gone' } })
    expect((await json('/metrics/rpc')).status).toBe(200)
  })

  it('refuse a URL that can not be decoded', async () => {
    const { json } = await runMonitor()
    expect(await json('/health/clusters/%ff')).toMatchObject({ status: 400, body: { status: 'error' } })
  })

  it('take cluster ids of any length a URL may have', async () => {
    const { json } = await runMonitor()
    const long = 'c'.repeat(500)
    expect(await json(`/health/clusters/${long}`)).toMatchObject({ status: 404, body: { message: `Cluster ${long} not found` } })
  })

  it('time answers by route, not by path', async () => {
    const { get } = await runMonitor()
    for (let at = 0; at < 20; at++) await get(`/health/clusters/ghost-${at}`)
    await get('/nowhere')
    const text = await (await get('/metrics/prometheus')).text()
    const routes = text.match(/^mpreg_monitor_request_duration_seconds_count.*$/gm)
    expect(routes).toEqual([
      'mpreg_monitor_request_duration_seconds_count{route="/health/clusters/{cluster_id}"} 20',
      'mpreg_monitor_request_duration_seconds_count{route="unmatched"} 1',
    ])
  })
})

describe('negotiation of metrics', () => {
  it('gives JSON to everybody but a scraper', async () => {
    const { get } = await runMonitor()
    const typeFor = async (accept: string, path = '/metrics') => (await get(path, { headers: { accept } })).headers.get('content-type')
    expect(await typeFor('*/*')).toBe('application/json; charset=utf-8')
    expect(await typeFor('text/html,text/plain,*/*;q=0.8')).toBe('application/json; charset=utf-8')
    expect(await typeFor('text/plain;version=0.0.4;q=0.5,*/*;q=0.1')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const openmetrics = 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5'
    expect(await typeFor(openmetrics)).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    expect(await typeFor('*/*', '/metrics/prometheus')).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  it('ends OpenMetrics with its mark', async () => {
    const { get } = await runMonitor()
    const response = await get('/metrics', { headers: { accept: 'application/openmetrics-text' } })
    expect((await response.text()).endsWith('\n# EOF\n')).toBe(true)
  })
})

describe('OpenAPI document', () => {
  it('names every path of the index with its answer', async () => {
    const { json } = await runMonitor()
    const { body } = await json('/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    const paths = body.paths as Record<string, Record<string, { responses?: Record<string, { content?: object }> }>>
    const { endpoints } = (await json('/endpoints')).body as { endpoints: { path: string; method: string }[] }
    for (const { method, path } of endpoints) expect(paths[path]?.[method.toLowerCase()], `${method} ${path}`).toBeDefined()
    const health = JSON.stringify(paths['/health']?.get?.responses?.['200'])
    expect(health).toContain('cross_cluster_latency_p95_ms')
    expect(Object.keys(paths['/health'] ?? {})).toEqual(['get'])
  })
})

describe('listening', () => {
  it('goes to another port when the wanted one is taken, and says so', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void other.close())
    const taken = (other.address() as AddressInfo).port
    const { json, service } = await runMonitor({}, { port: taken })
    expect(service.port).not.toBe(taken)
    expect((await json('/')).body.monitoring_port).toBe(service.port)
  })

  it('says which address can not be listened on', async () => {
    const failure = await runMonitor({}, { host: '203.0.113.7' }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(MonitorListenError)
    expect(failure).toMatchObject({ code: 'MONITOR_LISTEN', message: expect.stringContaining('203.0.113.7') })
  })

  it('stops at once, with clients connected', async () => {
    const { get, service } = await runMonitor()
    await get('/health')
    await service.stop()
    await service.stop()
    await expect(get('/health')).rejects.toThrow()
  })
})

describe('tokens', () => {
  it('guard what changes the node, on loopback too', async () => {
    const { json } = await runMonitor({}, { token: 'secret', tokenRequired: true })
    expect((await json('/health')).status).toBe(200)
    const body = JSON.stringify({ level: 'DEBUG' })
    expect(await json('/log', { method: 'POST', body })).toMatchObject({ status: 401, body: { status: 'error' } })
    expect(await json('/log', { method: 'POST', body, headers: { authorization: 'Bearer secret' } })).toMatchObject({ status: 200 })
  })

  it('guard everything beyond loopback but the probes', async () => {
    const { get, json } = await runMonitor({}, { host: '0.0.0.0', token: 'secret', tokenRequired: true })
    const refused = await get('/health')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect((await get('/livez')).status).toBe(200)
    expect(await json('/health', { headers: { authorization: 'Bearer secret' } })).toMatchObject({ status: 200 })
    expect((await get('/log', { method: 'OPTIONS' })).headers.get('access-control-allow-headers')).toBe('Content-Type, Authorization')
  })
})
