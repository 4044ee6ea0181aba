/** Every scope of the table, at work: who switches one on must get to see something. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createRealEnv } from '../../src/base/index.ts'
import { connect, connectCluster } from '../../src/client-node.ts'
import { createNode, type Node } from '../../src/node/index.ts'
import { createLog, type Log, type LogComponent, logComponents } from '../../src/telemetry/index.ts'
import { createEnhancedAdapter, createPortAllocator, createSocketNetwork } from '../../src/transport/index.ts'
import { createFederation } from '../fabric/clusters.ts'

/** Scopes with something behind them. The root is named by nobody but stands for all. */
const expected = Object.entries<LogComponent>(logComponents).flatMap(([scope, { absence }]) =>
  absence === undefined && scope !== 'mpreg' ? [scope] : [],
)

describe('log scopes at DEBUG', () => {
  it('show something of every component that exists', async () => {
    const heard = new Set<string>()
    await Promise.all([nodesInVirtualTime(heard), nodeOnSockets(heard), clientsAndAdapters(heard)])
    expect(expected.filter((scope) => !heard.has(scope))).toEqual([])
  })
})

describe('the log of a running node', () => {
  it('changes level and scopes over HTTP, and shows its latest lines there', async () => {
    const node = await startNode({ logLevel: 'WARNING', monitoringToken: 'a-token' })
    const url = `${node.monitoringUrl}/log`
    const change = async (body: object, token?: string) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return await fetch(url, { method: 'POST', body: JSON.stringify(body), headers })
    }
    const lines = async (query: string) => {
      const { lines } = (await (await fetch(`${url}/lines?${query}`)).json()) as {
        lines: { scope: string; level: string; message: string }[]
      }
      return lines
    }
    await node.call('echo', 1)
    expect(await lines('')).toEqual([])
    expect((await change({ debug_scopes: ['core.rpc_registry'] })).status).toBe(401)
    const { log } = (await (await change({ debug_scopes: ['core.rpc_registry', 'raft.impl'] }, 'a-token')).json()) as { log: object }
    expect(log).toMatchObject({ level: 'WARNING', warnings: ['nothing logs under "raft.impl": this version has no Raft'] })

    node.register('twice', (value: number) => value * 2)
    const [registered, ...more] = await lines('scope=core.rpc_registry&level=debug')
    expect(registered).toMatchObject({ level: 'DEBUG', scope: 'core.rpc_registry' })
    expect(registered?.message).toMatch(/^registered twice 1\.0\.0 id=twice /)
    expect(more).toEqual([])

    await change({ debug_scopes: [], level: 'error' }, 'a-token')
    node.unregister('twice')
    expect(await lines('')).toHaveLength(1)
  })
})

/** Two clusters with a bridge: calls, publications, a goodbye, a crash, and a node that stands still. */
async function nodesInVirtualTime(heard: Set<string>): Promise<void> {
  const federation = await createFederation({
    nodes: { alpha: 2, beta: 2 },
    bridges: [['alpha', 'beta']],
    settings: { logLevel: 'DEBUG', fabricLinkStateMode: 'prefer', enableDefaultQueue: true },
  })
  const { fabric } = federation
  onTestFinished(() => fabric.close())
  const note = (): void => {
    for (let index = 0; index < fabric.size; index++) for (const { scope } of fabric.records(index)) heard.add(scope)
  }
  await fabric.until(() => federation.routed() && fabric.converged(), 30_000)
  note()
  expect(await federation.callFrom(0, 'beta')).toBe('beta')
  fabric.node(0).subscribe(['orders.#'], () => {})
  fabric.node(1).publish('orders.new', 1)
  const { queues } = fabric.node(0)
  queues?.create('orders', { message_ttl_seconds: 1 })
  queues?.send('orders', 'orders.new', 1)
  fabric.node(2).queues?.create('far')
  await fabric.until(() => queues?.discover('far').length === 1, 5_000)
  await fabric.settle(Promise.resolve(queues?.sendAnywhere('far', 1)))
  note()
  fabric.stall(1, 2_000)
  await fabric.advance(5_000)
  note()
  await fabric.stop(3)
  await fabric.advance(2_000)
  note()
  fabric.crash(1, { silent: true })
  await fabric.advance(10_000)
  note()
}

/** What needs sockets, threads or the real clock. */
async function nodeOnSockets(heard: Set<string>): Promise<void> {
  const node = await startNode(
    // Nothing listens at port 9: of the spans, none will be taken.
    { logLevel: 'DEBUG', logFormat: 'json', otlpEndpoint: 'http://127.0.0.1:9', allowedOrigins: ['https://console.example'] },
    (record) => heard.add((JSON.parse(record) as { scope: string }).scope),
  )
  node.register('later', { module: new URL('./fixtures/cpu.ts', import.meta.url), export: 'add' })
  await node.call('later', 1, 2).catch(() => {})
  await node.call('echo', 1)
  await fetch(`${node.monitoringUrl}/health`)
  await refusedConnection(node)
  await until(() => ['core.monitoring', 'fabric.metrics', 'fabric.alerting', 'core.tracing'].every((scope) => heard.has(scope)))
  await node.stop()
}

/** The libraries of applications: clients, and adapters of transports. */
async function clientsAndAdapters(heard: Set<string>): Promise<void> {
  const env = createRealEnv({ log: createScopeLog(heard).root })
  const { url } = await startNode({ monitoringEnabled: false })
  await using client = await connect({ url, env })
  await client.call('echo', 1)
  await client.subscribe('orders.#', () => {})
  await using cluster = await connectCluster({ seeds: [url], env })
  await cluster.call('echo', 1)

  const base = mkdtempSync(join(tmpdir(), 'mpreg-scopes-'))
  const ports = createPortAllocator({ lockBase: base })
  onTestFinished(() => {
    ports.close()
    rmSync(base, { recursive: true, force: true })
  })
  const adapter = createEnhancedAdapter(
    { env, network: createSocketNetwork({ env }), ports },
    { handler: (_protocol, connection) => connection.close(), circuitBreaker: { failureThreshold: 1 } },
  )
  await adapter.start(['tcp'])
  await adapter.request('tcp://127.0.0.1:9', 'hello').catch(() => {})
  await adapter.stop()
}

function createScopeLog(heard: Set<string>): Log {
  return createLog({
    clock: { wall: () => 0, monotonic: () => 0 },
    level: 'DEBUG',
    debugScopes: [],
    format: 'json',
    sink: (record) => heard.add((JSON.parse(record) as { scope: string }).scope),
  })
}

async function startNode(settings: object, logSink: (record: string) => unknown = () => {}): Promise<Node> {
  const node = await createNode({ port: 0, ...settings }, { logSink })
  onTestFinished(() => node.stop())
  await node.start()
  return node
}

/** As a web page of a foreign origin would try. */
function refusedConnection({ url }: Node): Promise<void> {
  const socket = new WebSocket(url, { headers: { origin: 'https://elsewhere.example' } })
  return new Promise((resolve) => socket.once('error', () => resolve()))
}

/** Awaits what the node does by itself every few seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!condition() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
}
