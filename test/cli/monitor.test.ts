import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PeerFacts } from '../../src/telemetry/index.ts'
import { type FakeMonitoring, recordedBody, startFakeMonitoring } from './fake-monitoring.ts'
import { endLeftovers, mpreg, startMpreg } from './run-mpreg.ts'
import { healthyFacts } from './sample-facts.ts'

const processes = { concurrent: true, timeout: 60_000 }
const directory = mkdtempSync(join(tmpdir(), 'mpreg-monitor-'))
let service: FakeMonitoring
let guarded: FakeMonitoring

beforeAll(async () => {
  service = await startFakeMonitoring({
    '/metrics/cache': { status: 503, body: { status: 'error', message: 'cache metrics not available' } },
    '/metrics/pubsub': { body: { status: 'ok', n: 1 } },
    '/explain/function': {
      body: {
        status: 'ok',
        name: 'add',
        explanation: {
          kind: 'function',
          name: 'add',
          verdict: 'remote',
          reason: 'one of two nodes qualifies',
          since: null,
          candidates: [
            {
              id: 'ws://a',
              cluster_id: 'golden',
              qualifies: true,
              chosen: true,
              reasons: [{ code: 'least_loaded', text: 'has the least to do' }],
              facts: { load: 1 },
            },
            {
              id: 'ws://b',
              cluster_id: null,
              qualifies: false,
              chosen: false,
              reasons: [{ code: 'version', text: 'has version 1, \u001b[31mnot 2' }],
              facts: {},
            },
          ],
          next: ['mpreg explain peer ws://b'],
        },
        timestamp: 1,
      },
    },
    '/explain/peer': {
      body: {
        status: 'ok',
        name: 'ws://b',
        explanation: {
          kind: 'peer',
          name: 'ws://b',
          verdict: 'vanished',
          reason: 'failure detection found it dead: suspicion_timeout',
          since: 1_000,
          evidence: [
            { what: 'link', at: null, text: 'none; made once, lost once' },
            { what: 'failure detection', at: null, text: 'failed: suspicion_timeout' },
            { what: 'event', at: 900, text: 'linked' },
            { what: 'event', at: 1_000.4, text: 'found dead: \u001b[31msuspicion_timeout' },
          ],
          candidates: [{ id: 'ws://b', cluster_id: null, qualifies: false, chosen: false, reasons: [], facts: { lost: 1 } }],
          next: ['mpreg doctor'],
        },
        timestamp: 1_003,
      },
    },
    '/explain/topic': { status: 404, body: { status: 'error', message: 'no such topic' } },
    '/dns/metrics': { body: { status: 'ok', dns_gateway: { enabled: false }, timestamp: 1 } },
  })
  guarded = await startFakeMonitoring({}, 'open-sesame')
})

afterAll(async () => {
  endLeftovers()
  await Promise.all([service.close(), guarded.close()])
  rmSync(directory, { recursive: true, force: true })
})

const monitor = (...words: string[]) => mpreg(['monitor', ...words, '--url', service.url])

describe('mpreg monitor', processes, () => {
  it.each([
    [['health'], 'health_summary'],
    [['health', '--detail'], 'health'],
    [['health', '--cluster', 'golden'], 'health_clusters_golden'],
    [['metrics'], 'metrics_unified'],
    [['metrics', '--system', 'RPC'], 'metrics_rpc'],
    [['metrics', '--system', 'federation'], 'metrics'],
    [['route-trace', '--destination', 'golden'], 'routing_trace'],
    [['route-trace', '-d', 'nope', '-a', 'x', '-a', 'y'], 'routing_trace_unknown'],
    [['link-state'], 'routing_link-state'],
    [['transport-endpoints'], 'transport_endpoints'],
    [['persistence'], 'metrics_persistence'],
    [['endpoints'], 'endpoints'],
  ])('%j prints the answer as JSON and nothing else', async (words, recording) => {
    const { code, stderr, stdout } = await monitor(...words)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toEqual(recordedBody(recording))
    expect(stdout).toMatch(/^\{\n {2}"status": "ok",\n/)
  })

  it('passes avoided clusters on', async () => {
    await monitor('route-trace', '-d', 'far', '-a', 'one', '--avoid', 'two')
    expect(service.asked).toContain('/routing/trace?destination=far&avoid=one%2Ctwo')
  })

  it('monitoring check 30: status shows what matters of four endpoints, and fails without a URL', async () => {
    const { code, stdout } = await monitor('status')
    expect(code).toBe(0)
    expect(stdout).toMatch(/MPREG Monitoring Status/)
    for (const line of [
      /Health .*healthy score=0\.9907/,
      /Clusters .*1 total/,
      /Persistence .*sqlite dir=/,
      /Snapshots .*saved=n\/a restored=2026-/,
      /Transport .*0 endpoints \(healthy=0, degraded=0\)/,
      /Unified .*health=healthy score=0\.9907/,
    ]) {
      expect(stdout).toMatch(line)
    }
    const json = await monitor('status', '--output', 'json')
    const sections = JSON.parse(json.stdout) as Record<string, { status_code: number; payload: unknown }>
    expect(Object.keys(sections)).toEqual(['health', 'persistence', 'transport', 'unified'])
    expect(sections.unified).toEqual({ status_code: 200, payload: recordedBody('metrics_unified') })
    const withoutUrl = await mpreg(['monitor', 'status'], { MPREG_MONITORING_URL: '' })
    expect(withoutUrl).toMatchObject({ code: 2, stdout: '' })
    expect(withoutUrl.stderr).toMatch(/^Usage: mpreg monitor status[\s\S]*\nError: Provide --url or set MPREG_MONITORING_URL\.\n$/)
  })

  it('status names each dead node the asked one knows of, with the reason and when it was last seen', async () => {
    const peers = ['ws://alive', 'ws://dead', 'ws://gone'].map((node_id) => ({ node_id, monitoring_url: null }))
    const facts = healthyFacts({ node_id: 'ws://a', monitoring_url: null }, peers)
    const now = facts.wall_clock
    const [alive, ...others] = facts.peers as [PeerFacts, PeerFacts, PeerFacts]
    const away = others.map(
      (peer): PeerFacts => ({ ...peer, listed: false, linked: false, link: null, liveness_since: now - 4, last_seen_at: now - 10 }),
    )
    const [dead, gone] = away as [PeerFacts, PeerFacts]
    const dial = { url: dead.node_id, source: 'directory', reason: 'backing_off', failures: 5, successes_total: 1, next_at: null } as const
    const node = await startFakeMonitoring({
      '/diagnosis': {
        body: {
          status: 'ok',
          diagnosis: {
            ...facts,
            peers: [
              alive,
              { ...dead, liveness: 'failed', dial: { ...dial, last_error: `nobody \u001b[31mlistens: ${'x'.repeat(500)}` } },
              { ...gone, liveness: 'left', departed: true },
            ],
          },
        },
      },
    })
    const { code, stdout } = await mpreg(['monitor', 'status', '--url', node.url])
    expect(code).toBe(0)
    expect(stdout).toMatch(/│ Dead node +│ ws:\/\/dead \(golden\), last seen \d{4}-\d\d-\d\d \d\d:\d\d:\d\d +│\n/)
    expect(stdout).toMatch(
      /│ +│ failure detection found it dead 4 s ago +│\n│ +│ 5 dials failed since: nobody \\x1b\[31mlistens: x{30,}… +│\n/,
    )
    expect(stdout).toContain('│ $ mpreg explain peer ws://dead ')
    expect(stdout).not.toMatch(/alive|ws:\/\/gone/)
    await node.close()
  })

  it('status of one cluster leaves the count of clusters out', async () => {
    const { stdout } = await monitor('status', '--cluster', 'golden')
    expect(stdout).toMatch(/Health .*healthy \(cluster=golden\)/)
    expect(stdout).not.toContain('Clusters')
  })

  it('takes its URL from the environment, with or without a slash at the end', async () => {
    const { code } = await mpreg(['monitor', 'health'], { MPREG_MONITORING_URL: `${service.url}/` })
    expect(code).toBe(0)
    expect(service.asked.at(-1)).not.toContain('//')
  })

  it('prints an error answer and fails', async () => {
    const unknown = await monitor('health', '--cluster', 'nope')
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('answered 404: Cluster nope not found.\n') })
    expect(JSON.parse(unknown.stdout)).toEqual(recordedBody('health_clusters_unknown'))
    expect(await monitor('metrics', '--system', 'cache')).toMatchObject({ code: 1 })
  })

  it('says which URL can not be reached and what to do', async () => {
    const refused = await mpreg(['monitor', 'health', '--url', 'http://127.0.0.1:1'])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(
      /^Error: http:\/\/127\.0\.0\.1:1\/health\/summary can not be reached: nothing listens there .*monitoring on\.\n$/,
    )
    expect(await mpreg(['monitor', 'health', '--url', 'ws://127.0.0.1:1'])).toMatchObject({ code: 2 })
  })

  it('waits no longer than told', async () => {
    const silent = await startFakeMonitoring({ '/health/summary': () => {} })
    const { code, stderr } = await mpreg(['monitor', 'health', '--timeout', '0.2', '--url', silent.url])
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('did not answer within 0.2 s') })
    await silent.close()
  })

  it('shows a token from the command line, a file or the environment', async () => {
    const file = join(directory, 'token')
    writeFileSync(file, 'open-sesame\n')
    const words = ['monitor', 'health', '--url', guarded.url]
    expect(await mpreg([...words, '--token', 'open-sesame'])).toMatchObject({ code: 0 })
    expect(await mpreg([...words, '--token-file', file])).toMatchObject({ code: 0 })
    expect(await mpreg(words, { MPREG_MONITORING_TOKEN: 'open-sesame' })).toMatchObject({ code: 0 })
    expect(await mpreg(words)).toMatchObject({ code: 1, stderr: expect.stringContaining('answered 401: token required. Show a token') })
    expect(await mpreg([...words, '--token-file', join(directory, 'none')])).toMatchObject({ code: 2 })
  })

  it('prints tables for people and lines for scripts', async () => {
    const table = await monitor('endpoints', '--format', 'table')
    expect(table.stdout).toMatch(/│ path +│ method +│ description/)
    const compact = await monitor('endpoints', '--format', 'compact')
    expect(compact.stdout).toMatch(/^endpoints path=\/health method=GET description="Overall federation health status"$/m)
    expect((await monitor('metrics', '--format', 'compact')).stdout).toMatch(/^unified_metrics\.rpc\.system_type=rpc /)
  })

  it('has no escape sequence in what is not a terminal', async () => {
    const { stdout } = await monitor('status')
    expect(stdout).not.toContain('\x1b')
  })
})

describe('a watch', processes, () => {
  it('looks so many times, with headings out of the way', async () => {
    const { code, stderr, stdout } = await monitor('dns-watch', '--interval', '0.05', '--count', '3', '--format', 'compact')
    expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: 'dns_gateway.enabled=false\n'.repeat(3) })
    const health = await monitor('health-watch', '-i', '0.05', '--count', '2', '--format', 'compact')
    expect(health.stdout.split('\n')).toHaveLength(3)
  })

  it.each([
    ['health-watch', 'Fabric Health Monitor'],
    ['metrics-watch', 'Fabric Metrics Monitor'],
    ['persistence-watch', 'Persistence Snapshots'],
    ['status-watch', 'Fabric Status Monitor'],
  ])('%s has its heading once and bare where nobody looks at a terminal', async (command, title) => {
    const { stderr, stdout } = await monitor(command, '-i', '0.05', '--count', '2', '--format', 'table')
    expect(stderr).toMatch(new RegExp(`^${title} - \\d{10}\\n$`))
    expect(stdout).not.toMatch(/\p{Extended_Pictographic}/u)
    expect(stdout).not.toContain('\x1b')
  })

  it('goes on after a look that failed', async () => {
    const flaky = await startFakeMonitoring()
    const running = startMpreg(['monitor', 'persistence-watch', '-i', '0.05', '--format', 'compact', '--url', flaky.url])
    await running.printed(/enabled=true/)
    flaky.answers.set('/metrics/persistence', { status: 500, body: { status: 'error', message: 'broken' } })
    await running.printed(/message=broken/)
    flaky.answers.set('/metrics/persistence', { body: { status: 'ok', persistence_snapshots: { enabled: false } } })
    await running.printed(/enabled=false/)
    running.process.kill('SIGINT')
    expect(await running.finished).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/answered 500: broken\.[\s\S]*\nWatch ended\.\n$/),
    })
    await flaky.close()
  })
})

describe('mpreg explain', processes, () => {
  it('says what was chosen, why, and why nothing else was', async () => {
    const { code, stdout } = await mpreg(['explain', 'function', 'add', '--url', service.url])
    expect(code).toBe(0)
    expect(stdout).toBe(
      [
        'function add: remote',
        'one of two nodes qualifies',
        '',
        '* ws://a (golden): chosen',
        '    has the least to do',
        '    load=1',
        '',
        '- ws://b: does not qualify',
        '    has version 1, \\x1b[31mnot 2',
        '',
        '$ mpreg explain peer ws://b',
        '',
      ].join('\n'),
    )
    expect(service.asked).toContain('/explain/function?name=add')
  })

  it('puts the verdict on a peer first, and under it what it is based on, the latest event last', async () => {
    const { code, stdout } = await mpreg(['explain', 'peer', 'ws://b', '--url', service.url])
    expect(code).toBe(0)
    expect(stdout.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, 'THEN')).toBe(
      [
        'peer ws://b: vanished since THEN, 3 s ago',
        'failure detection found it dead: suspicion_timeout',
        '',
        '  link               none; made once, lost once',
        '  failure detection  failed: suspicion_timeout',
        '  103 s ago          linked',
        '  3 s ago            found dead: \\x1b[31msuspicion_timeout',
        '',
        '$ mpreg doctor',
        '',
      ].join('\n'),
    )
  })

  it('fails for what the node does not know', async () => {
    expect(await mpreg(['explain', 'topic', 'a.b', '--url', service.url])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no such topic'),
    })
  })
})

describe('mpreg discovery and report', processes, () => {
  it('puts four parts of discovery together', async () => {
    const { stdout } = await mpreg(['discovery', 'status', '--url', service.url])
    expect(JSON.parse(stdout)).toEqual({
      summary: recordedBody('discovery_summary'),
      cache: recordedBody('discovery_cache'),
      policy: recordedBody('discovery_policy'),
      lag: recordedBody('discovery_lag'),
    })
  })

  it.each([
    [['lag'], 'discovery_lag'],
    [['cache-stats'], 'discovery_cache'],
    [['policy', 'status'], 'discovery_policy'],
  ])('shows %j alone', async (words, recording) => {
    const { stdout } = await mpreg(['discovery', ...words, '--url', service.url])
    expect(JSON.parse(stdout)).toEqual(recordedBody(recording))
  })

  it('monitoring check 31: report export-lag prints the lag', async () => {
    const { lag } = recordedBody('discovery_lag')
    const json = await mpreg(['report', 'export-lag', '--output', 'json', '--url', service.url])
    expect(JSON.parse(json.stdout)).toEqual(lag)
    const table = await mpreg(['report', 'export-lag', '--url', service.url])
    expect(table.stdout).toMatch(/Discovery Export Lag[\s\S]*Resolver Enabled +│ true[\s\S]*Delta Lag \(s\) +│ 0\.055/)
  })

  it('sorts, filters and cuts namespaces', async () => {
    const { stdout } = await mpreg([
      'report',
      'namespace-health',
      '--output',
      'json',
      '--namespace',
      'cluster',
      '--limit',
      '1',
      '--url',
      service.url,
    ])
    const { namespaces, summary_export } = JSON.parse(stdout) as { namespaces: { namespace: string }[]; summary_export: unknown }
    expect(namespaces.map(({ namespace }) => namespace)).toEqual(['cluster_map'])
    expect(summary_export).toEqual(recordedBody('discovery_summary').summary_export)
    const table = await mpreg(['report', 'namespace-health', '--limit', '2', '--url', service.url])
    expect(table.stdout).toMatch(/Namespace Export Health\n[\s\S]*│ add +│ 5 +│ 5 +│ 1 +│ 2026-/)
  })
})
