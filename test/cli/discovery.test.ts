import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, type Node, type SettingsInput } from '../../src/node/index.ts'
import { endLeftovers, mpreg, startMpreg } from './run-mpreg.ts'

const processes = { concurrent: true, timeout: 60_000 }
/** Has what every node has. */
let node: Node
/** Answers questions about discovery with the question. */
let asked: Node
/** Knows no such questions. */
let bare: Node

const QUERIES = ['catalog_query', 'summary_query', 'resolver_resync', 'discovery_access_audit', 'catalog_watch', 'summary_watch']

beforeAll(async () => {
  node = await startNode({
    monitoringEnabled: true,
    discoverySummaryExportEnabled: true,
    discoverySummaryExportIntervalSeconds: 0.2,
    discoveryResolverMode: true,
  })
  node.register('svc.market.quote', () => 1)
  asked = await startNode()
  bare = await startNode()
  for (const name of QUERIES) {
    bare.unregister(name)
    asked.unregister(name)
    const topic = name.endsWith('_watch') ? { topic: `${name.replace('_watch', '')}.changes` } : {}
    const params = { request: { type: 'dict | None', default: null } }
    asked.register(name, (request: unknown) => ({ ...topic, asked: request }), { params })
  }
})

afterAll(async () => {
  endLeftovers()
  await Promise.all([node, asked, bare].map((each) => each.stop()))
})

async function startNode(settings: SettingsInput = {}): Promise<Node> {
  const started = await createNode({ port: 0, clusterId: 'oak', monitoringEnabled: false, logLevel: 'ERROR', ...settings })
  await started.start()
  return started
}

/** What the node was asked. */
async function question(...words: string[]): Promise<unknown> {
  const { code, stderr, stdout } = await mpreg(['discovery', ...words, '--url', asked.url])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return (JSON.parse(stdout) as { asked: unknown }).asked
}

describe('mpreg discovery', processes, () => {
  it('cluster-map shows the nodes that are known, filtered and by pages', async () => {
    const { code, stdout } = await mpreg(['discovery', 'cluster-map', '--capability', 'rpc', '--limit', '5'], { MPREG_URL: node.url })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      cluster_id: 'oak',
      nodes: [{ node_id: node.url, capabilities: expect.arrayContaining(['rpc']) }],
    })
    const none = await mpreg(['discovery', 'cluster-map', '--cluster-id', 'ash', '--url', node.url])
    expect(JSON.parse(none.stdout)).toMatchObject({ nodes: [] })
  })

  it('query asks for entries of a type with every filter there is', async () => {
    expect(await question('query')).toEqual({ entry_type: 'functions' })
    const filters = ['--capability', 'rpc', '--capability', 'queue', '--tag', 'blue', '--version-constraint', '>=2', '--page-token', '5:5']
    expect(await question('query', '--entry-type', 'NODES', '--viewer-cluster-id', 'ash', ...filters)).toEqual({
      entry_type: 'nodes',
      viewer_cluster_id: 'ash',
      capabilities: ['rpc', 'queue'],
      tags: ['blue'],
      version_constraint: '>=2',
      page_token: '5:5',
    })
    expect((await mpreg(['discovery', 'query', '--entry-type', 'trees', '--url', asked.url])).code).toBe(2)
  })

  it('summary asks for the ways in as soon as something about them is asked (monitoring check 31)', async () => {
    expect(await question('summary')).toEqual(null)
    expect(await question('summary', '--service-id', 'add', '--ingress-limit', '2', '--ingress-tag', 'edge')).toEqual({
      service_id: 'add',
      include_ingress: true,
      ingress_limit: 2,
      ingress_tags: ['edge'],
    })
    expect(await question('summary', '--include-ingress')).toEqual({ include_ingress: true })
    expect(await question('summary', '--no-include-ingress', '--ingress-limit', '2')).toEqual(null)
  })

  it('access-audit and resync ask what they are named after', async () => {
    expect(await question('access-audit', '--limit', '3')).toEqual({ limit: 3 })
    expect(await question('resync')).toEqual(null)
  })

  it('watch prints what is published on the topic of the answer and below it', async () => {
    const watching = startMpreg(['discovery', 'watch', '--summary', '--count', '2', '--url', asked.url])
    const publishing = setInterval(() => {
      asked.publish('summary.changes', { round: 'top' })
      asked.publish('summary.changes.eu', { round: 'below' })
      asked.publish('catalog.changes', { round: 'other' })
    }, 50)
    const { code, stdout } = await watching.finished.finally(() => clearInterval(publishing))
    expect(code).toBe(0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { topic: string; timestamp: number; payload: unknown })
    expect(lines).toHaveLength(2)
    for (const line of lines)
      expect(line).toMatchObject({ topic: expect.stringMatching(/^summary\.changes/), timestamp: expect.any(Number) })
  })

  it('watch ends after its time', async () => {
    expect(await mpreg(['discovery', 'watch', '--duration', '0.2', '--url', asked.url])).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('shows the refusal of a node that has no such part and the next command, and fails (monitoring check 31)', async () => {
    for (const [command, fun] of [
      ['summary', 'summary_query'],
      ['query', 'catalog_query'],
      ['watch', 'catalog_watch'],
    ] as const) {
      const { code, stderr, stdout } = await mpreg(['discovery', command, '--url', bare.url])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(
        new RegExp(`^Error 1001: Command not found\\nCommand not found: ${fun}\\n[^]*\\n\\$ mpreg discovery status\\n$`),
      )
    }
  })

  it('summary, resync and cache-stats tell of what the node has (monitoring check 31)', async () => {
    const ask = async (...words: string[]) => {
      const { code, stderr, stdout } = await mpreg(['discovery', ...words])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return JSON.parse(stdout)
    }
    expect(await ask('summary', '--namespace', 'svc', '--ingress-limit', '1', '--url', node.url)).toMatchObject({
      items: [{ namespace: 'svc.market', service_id: 'svc.market.quote', source_cluster: 'oak', health_band: 'healthy' }],
      ingress: { oak: [node.url] },
    })
    expect(await ask('resync', '--url', node.url)).toMatchObject({ resynced: true, stats: { last_seed_counts: { nodes: 1 } } })
    expect(await ask('cache-stats', '--url', node.monitoringUrl ?? '')).toMatchObject({
      resolver_cache: { enabled: true, query_cache: { catalog_entries: 0 } },
      summary_cache: { enabled: false, entry_counts: { summaries: 0 } },
    })
  })

  it('watch follows the changes of a node', async () => {
    const watching = startMpreg(['discovery', 'watch', '--namespace', 'press', '--count', '1', '--url', node.url])
    let round = 0
    const changing = setInterval(() => node.register(`press.item${round++}`, () => null), 100)
    const { code, stdout } = await watching.finished.finally(() => clearInterval(changing))
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      topic: 'mpreg.discovery.delta.press',
      payload: { counts: { functions_added: 1 }, source_node: node.url },
    })
  })

  it('status, lag and reports tell what was exported, and when (monitoring check 31)', async () => {
    const env = { MPREG_MONITORING_URL: node.monitoringUrl ?? '' }
    const [status, lag, exportLag, health, none] = await Promise.all([
      mpreg(['discovery', 'status'], env),
      mpreg(['discovery', 'lag'], env),
      mpreg(['report', 'export-lag', '--output', 'json'], env),
      mpreg(['report', 'namespace-health', '--output', 'json', '--namespace', 'svc.market'], env),
      mpreg(['report', 'export-lag'], env),
    ])
    expect(JSON.parse(status.stdout)).toMatchObject({
      summary: { summary_export: { enabled: true, export_scope: 'global', last_export_at: expect.any(Number) } },
      cache: { resolver_cache: { enabled: true } },
    })
    const told = {
      generated_at: expect.any(Number),
      resolver_enabled: true,
      summary_export_enabled: true,
      last_delta_at: expect.any(Number),
      delta_lag_seconds: expect.any(Number),
      last_seed_at: expect.any(Number),
      last_summary_export_at: expect.any(Number),
      summary_export_lag_seconds: expect.any(Number),
    }
    expect(JSON.parse(lag.stdout)).toMatchObject({ lag: told })
    expect({ ...exportLag, stdout: JSON.parse(exportLag.stdout) }).toEqual({ code: 0, stderr: '', stdout: told })
    expect(JSON.parse(health.stdout)).toMatchObject({
      namespaces: [{ namespace: 'svc.market', last_export_count: 1, exports_total: expect.any(Number) }],
    })
    expect(none.stdout).toMatch(/Summary Export Lag \(s\) +│ \d/)
  })

  it('is told where to ask', async () => {
    expect(await mpreg(['discovery', 'summary'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Error: Provide --url or set MPREG_URL.'),
    })
  })
})
