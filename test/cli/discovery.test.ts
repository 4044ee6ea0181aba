import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, type Node, type SettingsInput } from '../../src/node/index.ts'
import { endLeftovers, mpreg, startMpreg } from './run-mpreg.ts'

const processes = { concurrent: true, timeout: 60_000 }
/** Has what every node has. */
let node: Node
/** Answers with the question. */
let asked: Node
/** Of a version that has no such parts. */
let bare: Node

beforeAll(async () => {
  node = await startNode({ monitoringEnabled: true })
  asked = await startNode()
  const echo = { params: { request: { type: 'dict | None', default: null } } }
  for (const name of ['catalog_query', 'summary_query', 'resolver_resync', 'discovery_access_audit']) {
    asked.unregister(name)
    asked.register(name, (request: unknown) => ({ asked: request }), echo)
  }
  for (const kind of ['catalog', 'summary']) {
    asked.unregister(`${kind}_watch`)
    asked.register(`${kind}_watch`, (request: unknown) => ({ topic: `${kind}.changes`, asked: request }), echo)
  }
  bare = await startNode()
  for (const name of ['catalog_query', 'summary_query', 'catalog_watch']) bare.unregister(name)
})

afterAll(async () => {
  endLeftovers()
  await Promise.all([node.stop(), asked.stop(), bare.stop()])
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

  it('has a status that says so, and a lag that can be reported (monitoring check 31)', async () => {
    const env = { MPREG_MONITORING_URL: node.monitoringUrl ?? '' }
    const status = await mpreg(['discovery', 'status'], env)
    expect(JSON.parse(status.stdout)).toMatchObject({ summary: { summary_export: { enabled: false } } })
    const lag = await mpreg(['report', 'export-lag', '--output', 'json'], env)
    expect({ ...lag, stdout: JSON.parse(lag.stdout) }).toEqual({
      code: 0,
      stderr: '',
      stdout: { generated_at: expect.any(Number), resolver_enabled: false, summary_export_enabled: false },
    })
  })

  it('is told where to ask', async () => {
    expect(await mpreg(['discovery', 'summary'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Error: Provide --url or set MPREG_URL.'),
    })
  })
})
