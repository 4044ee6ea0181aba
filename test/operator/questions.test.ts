/**
 * What operators ask of a fabric, and the command or path that answers. Every answer is compared with what is known of this fabric, which has
 * five nodes in three clusters, by whoever started it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/client-node.ts'
import { endLeftovers, mpreg, startMpreg } from '../cli/run-mpreg.ts'
import { consultUntil, isHealthy } from './doctor.ts'
import { eventually } from './fault.ts'
import { createOperatorFabric, OPERATOR_NODES, type OperatorFabric, type OperatorNode } from './operator-fabric.ts'

/** Of shop: who changes a node shows it. */
const TOKEN = 'shown-to-change'

let fabric: OperatorFabric

beforeAll(async () => {
  fabric = await createOperatorFabric(async () => ({ shop: { settings: { monitoring_token: TOKEN } } }))
  await consultUntil(monitoring('front'), isHealthy, 30_000)
  // What the fabric has done, for those who ask how much it does.
  expect(await call('front', 'at.gamma')).toMatchObject({ code: 0, stdout: '"gamma"\n' })
  for (let times = 0; times < 3; times++)
    expect(await call('shop', 'at.beta', '--version-constraint', '>=2.0.0')).toMatchObject({ code: 1 })
}, 90_000)

afterAll(async () => {
  endLeftovers()
  await fabric?.close()
})

const monitoring = (name: OperatorNode) => fabric.node(name).monitoringUrl
const call = (at: OperatorNode, ...words: string[]) => mpreg(['client', 'call', '--url', fabric.node(at).url, ...words])
const ask = (at: OperatorNode, ...words: string[]) => mpreg([...words, '--url', monitoring(at)])

/** What a command that must succeed prints, as JSON. */
async function told(answer: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>) {
  const { code, stderr, stdout } = await answer
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return JSON.parse(stdout)
}

async function get(at: OperatorNode, path: string, init: RequestInit = {}) {
  const response = await fetch(`${monitoring(at)}${path}`, init)
  return { status: response.status, body: JSON.parse(await response.text()) }
}

const others = (of: OperatorNode) => OPERATOR_NODES.filter((name) => name !== of).map((name) => fabric.node(name).url)

describe('an operator asks', { concurrent: true, timeout: 60_000 }, () => {
  it('where do I connect?', async () => {
    const node = startMpreg(['server', 'start', '--port', '0', '--monitoring-port', '0'])
    const [, url] = await node.printed(/^MPREG_URL=(.+)$/m)
    const [, monitoringUrl] = await node.printed(/^MPREG_MONITORING_URL=(.+)$/m)
    expect(await told(mpreg(['client', 'call', 'echo', '"here"', '--url', url ?? '']))).toBe('here')
    const { endpoints } = (await (await fetch(`${monitoringUrl}/`)).json()) as { endpoints: { path: string }[] }
    expect(endpoints.map(({ path }) => path)).toContain('/health/summary')
    node.process.kill('SIGTERM')
    expect((await node.finished).code).toBe(0)
  })

  it('is this node, is this cluster healthy?', async () => {
    expect((await ask('front', 'monitor', 'status')).stdout).toMatch(/Health +│ healthy score=/)
    const { health_summary: summary } = await told(ask('front', 'monitor', 'health', '--summary'))
    expect(summary).toMatchObject({
      overall: { status: 'healthy', federation_mode: 'explicit_bridging' },
      cluster_details: { alpha: { node_count: 2 }, beta: { node_count: 2, active_connections: 2 } },
    })
    const { cluster } = await told(ask('front', 'monitor', 'health', '-c', 'beta'))
    expect(cluster).toMatchObject({ cluster_id: 'beta', status: 'healthy', node_count: 2 })
    expect((await get('till', '/health/summary')).body.health_summary.cluster_details).toHaveProperty('gamma')
    expect((await get('till', '/readyz')).body).toMatchObject({ ready: true })
  })

  it('what is unhealthy, and why?', async () => {
    const { code, stdout } = await mpreg(['doctor', '--url', monitoring('lab'), '--format', 'json'])
    const { findings, nodes } = JSON.parse(stdout)
    expect(code).toBe(1)
    expect(nodes).toHaveLength(5)
    const failure = { code: 'version_unsatisfied', node: fabric.node('shop').url, subject: 'at.beta' }
    expect(findings).toContainEqual(expect.objectContaining(failure))
  })

  it('was that I who mistyped, or is something wrong?', async () => {
    expect(await call('depot', 'at.betta')).toMatchObject({ code: 1 })
    const { stdout } = await mpreg(['doctor', '--url', monitoring('lab'), '--format', 'json'])
    const { findings } = JSON.parse(stdout)
    const slip = { code: 'function_unknown', severity: 'info', node: fabric.node('depot').url, subject: 'at.betta' }
    expect(findings).toContainEqual(expect.objectContaining(slip))
  })

  it('what can I ask this node?', async () => {
    const { endpoints, total_endpoints: total } = await told(ask('front', 'monitor', 'endpoints'))
    expect(endpoints).toHaveLength(total)
    const unanswered = await Promise.all(
      (endpoints as { method: string; path: string }[])
        .filter(({ method, path }) => method === 'GET' && !path.includes('{') && !path.startsWith('/debug/') && !path.includes('/events'))
        .map(async ({ path }) => [path, (await fetch(`${monitoring('front')}${path}`, { signal: AbortSignal.timeout(20_000) })).status]),
    )
    // Some want a parameter (400), some a subsystem that is off (503); none is unknown or fails.
    expect(unanswered.filter(([, status]) => ![200, 400, 401, 403, 503].includes(status as number))).toEqual([])
  })

  it('how loaded are the systems?', async () => {
    const { metrics } = await told(ask('front', 'monitor', 'metrics', '--system', 'rpc'))
    expect(metrics).toMatchObject({ system_type: 'rpc', total_operations: expect.any(Number) })
    expect(metrics.total_operations).toBeGreaterThanOrEqual(1)
    const watched = await ask('front', 'monitor', 'metrics-watch', '--system', 'rpc', '--count', '2', '--interval', '0.1')
    expect(watched.stdout.match(/"system": "rpc"/g)).toHaveLength(2)
    expect((await ask('front', 'top', '--once')).stdout).toMatch(/nodes 5 {2}clusters 3/)
  })

  it('how did it change over the last hours?', async () => {
    const series = await eventually(
      () => get('front', '/metrics/timeseries?metric=health_score'),
      ({ body }) => body.data_points > 0,
    )
    expect(series.body.data[0]).toEqual([expect.any(Number), expect.any(Number)])
    expect((await get('front', '/performance/trends')).body.trends).toHaveProperty('latency_trend')
  })

  it('which alerts fire, and how do I silence one?', async () => {
    // So many calls without the argument they need that nobody takes it for a slip.
    const client = await connect(fabric.node('shop').url)
    await Promise.allSettled(Array.from({ length: 30 }, () => client.call('echo')))
    await client.close()
    const firing = await eventually(
      () => get('shop', '/alerts'),
      ({ body }) => body.alert_count > 0,
    )
    const [{ alert_id }] = firing.body.active_alerts
    expect(alert_id).toMatch(/^alpha_error_rate_percent_/)
    const acknowledge = (headers: Record<string, string>) =>
      get('shop', '/alerts/acknowledge', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ alert_id }),
      })
    expect((await acknowledge({})).body.message).toContain('monitoring_token')
    expect(await acknowledge({ authorization: `Bearer ${TOKEN}` })).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect((await get('shop', '/alerts')).body.active_alerts).toEqual([])
    expect((await get('shop', '/alerts/history')).body.alert_history).toMatchObject([{ alert_id, state: 'acknowledged' }])
  })

  it('do alert notifications arrive?', async () => {
    const text = await (await fetch(`${monitoring('front')}/metrics/prometheus`)).text()
    expect(text).toMatch(/^mpreg_alert_notifications_total\{outcome="failed"\} 0$/m)
    expect(text).toMatch(/^mpreg_alert_notifications_total\{outcome="rate_limited"\} 0$/m)
  })

  it('which peers does the node see, and what do they advertise?', async () => {
    const peers: { url: string; cluster_id: string }[] = await told(mpreg(['client', 'list-peers', '--url', fabric.node('front').url]))
    expect(peers.map(({ url }) => url).sort()).toEqual(others('front').sort())
    const ofBeta = await told(mpreg(['client', 'list-peers', '--cluster-id', 'beta', '--url', fabric.node('front').url]))
    expect(ofBeta.map(({ url }: { url: string }) => url).sort()).toEqual([fabric.node('till').url, fabric.node('depot').url].sort())
    const { nodes } = await told(call('till', 'cluster_map'))
    expect(nodes.map(({ advertised_urls, load }: { advertised_urls: string[]; load: object }) => [advertised_urls, load])).toContainEqual([
      [fabric.node('lab').url],
      expect.objectContaining({ active_clients: expect.any(Number) }),
    ])
  })

  it('is discovery working as a whole?', async () => {
    expect(await told(ask('front', 'discovery', 'status'))).toMatchObject({
      summary: { status: 'ok' },
      cache: { status: 'ok' },
      policy: { policy: { enabled: false } },
      lag: { status: 'ok' },
    })
    expect((await ask('front', 'discovery', 'lag')).code).toBe(0)
    expect((await ask('front', 'report', 'export-lag')).stdout).toContain('Summary Export Enabled')
    expect((await ask('front', 'report', 'namespace-health')).stdout).toContain('Namespace')
  })

  it('who provides a function?', async () => {
    const { explanation } = await told(ask('front', 'explain', 'function', 'at.gamma', '--format', 'json'))
    expect(explanation).toMatchObject({
      verdict: 'runs_there',
      candidates: [{ id: fabric.node('lab').url, cluster_id: 'gamma', chosen: true }],
    })
    // What it says to run next runs, and knows the function too.
    const env = { MPREG_URL: fabric.node('front').url, MPREG_MONITORING_URL: monitoring('front') }
    const next = await Promise.all((explanation.next as string[]).map((line) => mpreg(line.split(' ').slice(1), env)))
    expect(next.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(next.at(-1)?.stdout).toContain(fabric.node('lab').url)
  })

  it('why was a command not found?', async () => {
    const failed = await call('till', 'at.beta', '--version-constraint', '>=3')
    expect(failed.stderr).toContain('Error 1001')
    const question = [
      '--version-constraint',
      '>=3',
      '--locs',
      'gpu',
      '--locs',
      'cpu',
      '--function-id',
      'other',
      '--target-cluster',
      'alpha',
    ]
    const { explanation } = await told(ask('till', 'explain', 'function', 'at.beta', ...question, '--format', 'json'))
    expect(explanation.verdict).toBe('no_candidate_qualifies')
    const reasons = explanation.candidates.map((one: { reasons: { code: string; text: string }[] }) => one.reasons.map(({ code }) => code))
    expect(reasons).toEqual([expect.arrayContaining(['cluster', 'function_id', 'version', 'resource']), expect.anything()])
    expect(JSON.stringify(explanation.candidates[0].reasons)).toContain("'gpu', 'cpu'")
    // The same without the question is a function that runs.
    expect((await ask('till', 'explain', 'function', 'at.beta')).stdout).toMatch(/^function at\.beta: runs_here/)
    expect((await ask('till', 'explain', 'function', 'at.betta')).stdout).toContain("did you mean 'at.beta'?")
  })

  it('how is traffic to a cluster routed, and why not another way?', async () => {
    const { trace } = await told(ask('front', 'monitor', 'route-trace', '-d', 'gamma'))
    expect(trace.selected.path.hops).toEqual(['alpha', 'beta', 'gamma'])
    const without = await told(ask('front', 'monitor', 'route-trace', '-d', 'gamma', '-a', 'beta'))
    expect(without.trace).toMatchObject({ selected: null, forwarding_plan: { reason: 'no_fabric_path' } })
    expect(without.trace.candidates).toContainEqual(expect.objectContaining({ filtered_reason: 'avoid_clusters' }))
    expect((await ask('front', 'explain', 'route', 'gamma')).stdout).toMatch(/^route gamma: routed\nalpha > beta > gamma, next to /)
  })

  it('are there loops, ends of the hop budget, refused signatures?', async () => {
    const text = await (await fetch(`${monitoring('front')}/metrics/prometheus`)).text()
    expect(text).toMatch(/^mpreg_rpc_loops_total 0$/m)
    expect(text).toMatch(/^mpreg_rpc_hop_budget_exhausted_total 0$/m)
    expect(text).toMatch(/^mpreg_routes [1-9]/m)
    expect(text).not.toMatch(/^mpreg_route_rejections_total\{reason="signature"\} [1-9]/m)
  })

  it('are link-state areas misconfigured?', async () => {
    const { code, stderr } = await ask('front', 'monitor', 'link-state')
    // Off by default, and the answer says so.
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('link-state') })
  })

  it('which ports does the node listen on?', async () => {
    const { transport_endpoints: endpoints } = await told(ask('shop', 'monitor', 'transport-endpoints'))
    expect(endpoints.assignments).toMatchObject([{ protocol: 'ws', endpoint: fabric.node('shop').url }])
  })

  it('are the links healthy?', async () => {
    const { transport_health_snapshots: links } = await told(ask('lab', 'monitor', 'metrics', '--system', 'transport'))
    expect(Object.keys(links).sort()).toEqual([fabric.node('till').url, fabric.node('depot').url].sort())
    expect(links[fabric.node('till').url]).toMatchObject({ failed_connections: 0 })
    const { explanation } = await told(ask('lab', 'explain', 'peer', fabric.node('till').url, '--format', 'json'))
    expect(explanation).toMatchObject({ verdict: 'linked' })
  })

  it('were snapshots saved, and is the DNS gateway alive?', async () => {
    expect((await told(ask('front', 'monitor', 'persistence'))).persistence_snapshots).toEqual({ enabled: false })
    expect((await told(ask('front', 'monitor', 'dns'))).dns_gateway).toEqual({ enabled: false })
  })

  it('who hears of a topic?', async () => {
    const subscriber = startMpreg(['client', 'subscribe', 'orders.*', '--url', fabric.node('lab').url])
    const { explanation } = await eventually(
      async () => JSON.parse((await ask('front', 'explain', 'topic', 'orders.new', '--format', 'json')).stdout),
      (answer) => answer.explanation.verdict === 'delivered',
    )
    expect(explanation.candidates).toContainEqual(expect.objectContaining({ id: fabric.node('lab').url, chosen: true }))
    subscriber.process.kill('SIGINT')
    await subscriber.finished
  })

  it('what happened to a call?', async () => {
    const { code, stdout } = await mpreg(['trace', 'call', 'at.gamma', '--url', fabric.node('front').url, '--format', 'json'])
    expect(code).toBe(0)
    const { timeline } = JSON.parse(stdout)
    const seen = timeline.map(({ event, node }: { event: string; node: string }) => `${event} ${node}`)
    expect(seen[0]).toBe('call client')
    expect(seen).toContain(`request ${fabric.node('front').url}`)
    expect(seen.at(-1)).toBe(`execute ${fabric.node('lab').url}`)
    const request = timeline.find(({ event }: { event: string }) => event === 'request').attributes['mpreg.request_id']
    const { body } = await get('front', `/timelines/${request}`)
    expect(body.events.map(({ event_type }: { event_type: string }) => event_type)).toEqual(
      expect.arrayContaining(['request_start', 'request_complete']),
    )
  })

  it('what does the node write to its log, and may I see more of it?', async () => {
    const change = (headers: Record<string, string>) =>
      get('shop', '/log', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ debug_scopes: ['goodbye'] }),
      })
    expect((await change({})).status).toBeGreaterThanOrEqual(400)
    expect(await change({ authorization: `Bearer ${TOKEN}` })).toMatchObject({ status: 200, body: { log: { debug_scopes: ['goodbye'] } } })
    await get('shop', '/log', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ debug_scopes: [] }),
    })
  })
})
