/** The cluster client against real nodes. */
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import {
  type ClusterClient,
  type ClusterClientOptions,
  CommandNotFoundError,
  connectCluster,
  createNode,
  type Functions,
  type Node,
  NotConnectedError,
  ResultUnknownError,
  RpcError,
  type SettingsInput,
} from '../../src/index.ts'

interface Api {
  where(): string
  hang(): string
  fail(): never
  add(a: number, b: number): number
}

const nodes: Node[] = []
const clients: ClusterClient<never>[] = []
const doors: { slam(): void }[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  for (const { slam } of doors.splice(0)) slam()
  await Promise.all(nodes.splice(0).map((node) => node.stop()))
})

interface TestNode {
  readonly node: Node
  /** Names of the functions that ran, in order. */
  readonly ran: string[]
}

async function start(name: string, settings: SettingsInput = {}): Promise<TestNode> {
  const node = await createNode({ name, monitoringEnabled: false, logLevel: 'CRITICAL', ...settings })
  const ran: string[] = []
  const register = (fun: string, run: (...args: never[]) => unknown) =>
    node.register(fun, (...args: never[]) => {
      ran.push(fun)
      return run(...args)
    })
  register('where', () => name)
  register('hang', () => new Promise(() => {}))
  register('fail', () => {
    throw new RangeError('out of stock')
  })
  node.register('add', (a: number, b: number) => a + b)
  await node.start()
  nodes.push(node)
  return { node, ran }
}

async function open<F = Functions>(options: ClusterClientOptions): Promise<ClusterClient<F>> {
  const client = await connectCluster<F>(options)
  clients.push(client as unknown as ClusterClient<never>)
  return client
}

/** A way to a node that can be cut while the node runs on. */
async function createDoor() {
  const sockets = new Set<Socket>()
  let target = 0
  const server = createServer((socket) => {
    const onward = connectSocket(target, '127.0.0.1')
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {}).on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const slam = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  doors.push({ slam })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(node: Node) {
      target = Number(node.endpoints[0]?.split(':').at(-1))
    },
    slam,
  }
}

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

describe('a cluster client', () => {
  it('calls like the client of one node, types included', async () => {
    const { node } = await start('a')
    const client = await open<Api>({ seeds: node.url })
    const sum = await client.call('add', 1, 2)
    expectTypeOf(sum).toEqualTypeOf<number>()
    expect(sum).toBe(3)
    // @ts-expect-error -- no such function
    await expect(client.call('nope')).rejects.toThrow(CommandNotFoundError)
    expect(await client.callWith({ kwargs: { b: 5 }, idempotent: true }, 'add', 1)).toBe(6)
    expect((await client.callRaw({}, 'echo', 1)).text).toBe('1')
    expect(await client.request([{ name: 'sum', fun: 'add', args: [1, 2] }])).toEqual({ sum: 3 })
    expect((await client.requestFull([{ name: 'sum', fun: 'add', args: [1, 2] }])).results).toEqual({ sum: 3 })
    expect(await client.untyped.call('echo', 'x')).toBe('x')
  })

  it('goes on with another node when the one in use stops', async () => {
    const [a, b] = [await start('a'), await start('b')]
    const client = await open({ seeds: [a.node.url, b.node.url] })
    expect(await client.call('where')).toBe('a')
    await a.node.stop()
    expect(await client.call('where')).toBe('b')
    expect(client.explainEndpoints().find(({ url }) => url === a.node.url)).toMatchObject({ connected: false })
  })

  it('begins with the second seed when the first is down', async () => {
    const [a, b] = [await start('a'), await start('b')]
    await a.node.stop()
    const client = await open({ seeds: [a.node.url, b.node.url] })
    expect(await client.call('where')).toBe('b')
    await b.node.stop()
    await expect(connectCluster({ seeds: [a.node.url, b.node.url] })).rejects.toThrow(NotConnectedError)
  })

  it('finds the endpoints that a node advertises', async () => {
    const b = await start('b')
    const a = await start('a', { advertisedUrls: [b.node.url] })
    const client = await open({ seeds: a.node.url })
    expect(client.explainEndpoints().map(({ nodeId, url, rank }) => [url, nodeId, rank])).toEqual([
      [b.node.url, a.node.url, 1],
      [a.node.url, null, 2],
    ])
    expect(await client.call('where')).toBe('b')
    // A fresh map replaces the old one.
    await client.refresh()
    expect(client.explainEndpoints().map(({ url }) => url)).toEqual([b.node.url, a.node.url])
  })

  it('does not run a function again that raised, or whose connection broke', async () => {
    const doors = await Promise.all([createDoor(), createDoor()])
    const [a, b] = await Promise.all(doors.map(({ url }, index) => start(`${index}`, { advertisedUrls: [url] })))
    if (a === undefined || b === undefined) throw new Error('two nodes')
    for (const [index, { node }] of [a, b].entries()) doors[index]?.leadTo(node)
    const client = await open({ seeds: doors.map(({ url }) => url) })

    expect(await failure(client.callWith({ idempotent: true }, 'fail'))).toBeInstanceOf(RpcError)
    expect([a.ran, b.ran]).toEqual([['fail'], []])

    const hanging = failure(client.call('hang'))
    await expect.poll(() => a.ran).toEqual(['fail', 'hang'])
    doors[0]?.slam()
    const error = (await hanging) as ResultUnknownError
    expect(error).toBeInstanceOf(ResultUnknownError)
    expect(error.endpoint).toBe(doors[0]?.url)
    expect(b.ran).toEqual([])

    const repeated = client.callWith({ idempotent: true }, 'where')
    expect(await repeated).toBe('1')
  })

  it('runs an idempotent function again', async () => {
    const door = await createDoor()
    const [a, b] = [await start('a', { advertisedUrls: [door.url] }), await start('b')]
    door.leadTo(a.node)
    b.node.unregister('hang')
    b.node.register('hang', () => 'b')
    const client = await open({ seeds: [door.url, b.node.url] })
    const call = client.callWith({ idempotent: true }, 'hang')
    await expect.poll(() => a.ran).toEqual(['hang'])
    door.slam()
    expect(await call).toBe('b')
    expect(client.stats()).toMatchObject({ repeated: 1, resultsUnknown: 0 })
  })

  it('moves its subscriptions when their node stops', async () => {
    const [a, b] = [await start('a'), await start('b')]
    const client = await open({ seeds: [a.node.url, b.node.url] })
    const received: unknown[] = []
    const subscription = await client.subscribe('orders.*', ({ payload }) => received.push(payload), { backlogSeconds: 60 })
    a.node.publish('orders.eu', 1)
    await expect.poll(() => received).toEqual([1])
    await a.node.stop()
    await expect.poll(() => b.node.snapshot().pubsub.active_subscriptions).toBe(1)
    b.node.publish('orders.eu', 2)
    await expect.poll(() => received).toEqual([1, 2])
    await client.publish('orders.us', 3)
    await expect.poll(() => received).toEqual([1, 2, 3])
    expect(client.stats()).toMatchObject({ topicMoves: 1, subscriptions: 1 })
    await subscription.unsubscribe()
    expect(b.node.snapshot().pubsub.active_subscriptions).toBe(0)
  })

  it('asks and replies', async () => {
    const { node } = await start('a')
    const client = await open({ seeds: node.url })
    await client.subscribe('greet', async ({ headers, payload }) => client.publish(String(headers.reply_to), `Hello, ${payload}`))
    expect((await client.publishWithReply('greet', 'Ada', { timeoutMs: 5_000 })).payload).toBe('Hello, Ada')
    await client.publish('alerts.disk', 'full')
    for await (const message of client.messages('alerts.#', { backlogSeconds: 60 })) {
      expect(message.payload).toBe('full')
      break
    }
  })

  it('brings its credentials to every node', async () => {
    const settings = { authTokens: { ci: 'secret' } }
    const [a, b] = [await start('a', settings), await start('b', settings)]
    const seeds = [a.node.url, b.node.url]
    const refused = (await failure(connectCluster({ seeds, authToken: 'wrong' }))) as NotConnectedError
    expect(refused).toBeInstanceOf(NotConnectedError)
    expect(refused.cause).toMatchObject({ code: 'ACCESS_DENIED' })
    const client = await open({ seeds, authToken: 'secret' })
    expect(await client.call('where')).toBe('a')
    await a.node.stop()
    expect(await client.call('where')).toBe('b')
  })
})

describe('a function of which only summaries tell', () => {
  it('is called in the cluster they name, by the ways in that go with them', async () => {
    const bridged = (clusterId: string, other: string): SettingsInput => ({
      clusterId,
      gossipInterval: 0.2,
      federationConfig: {
        federationMode: 'explicit_bridging',
        explicitBridges: [{ remoteClusterId: other }],
        allowedForeignClusterIds: [other],
        securityPolicy: { blockedFunctionsCrossFederation: ['secretary'] },
      },
    })
    const oak = await start('oak', { ...bridged('oak', 'elm'), discoverySummaryResolverMode: true })
    const elm = await start('elm', {
      ...bridged('elm', 'oak'),
      peers: [oak.node.url],
      discoverySummaryExportEnabled: true,
      discoverySummaryExportIntervalSeconds: 0.1,
    })
    elm.node.register('secretary', () => 'at your service')
    const query = { service_id: 'secretary', scope: 'global', include_ingress: true }
    const answer = async () =>
      (await oak.node.call('summary_query', query)) as {
        readonly items: readonly { readonly source_cluster: string }[]
        readonly ingress?: Readonly<Record<string, readonly string[]>>
      }
    await expect.poll(async () => (await answer()).ingress, { timeout: 10_000 }).toEqual({ elm: [elm.node.url] })
    await expect(oak.node.call('secretary')).rejects.toThrow(RpcError)

    const client = await open({ seeds: oak.node.url })
    const { ingress = {}, items } = await answer()
    const [targetCluster = ''] = items.map(({ source_cluster }) => source_cluster)
    expect(await client.callWith({ targetCluster, ingress: ingress[targetCluster] ?? [] }, 'secretary')).toBe('at your service')
  })
})
