import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import {
  type Client,
  ClientClosedError,
  type ClientOptions,
  CommandNotFoundError,
  ConnectionLostError,
  connect,
  createNode,
  type Functions,
  type Message,
  type Node,
  OperationRefusedError,
  OverloadedError,
  RequestTimeoutError,
  RpcError,
} from '../../src/index.ts'

interface Shop {
  add(a: number, b: number): number
  price(item: string): Promise<{ amount: number }>
}

let node: Node
const clients: Client<never>[] = []

beforeAll(async () => {
  node = await createNode({ listen: ['tcp://127.0.0.1:0'], monitoringEnabled: false, logLevel: 'CRITICAL', rpcRequestsPerConnectionMax: 5 })
  node.register('add', (a: number, b: number) => a + b, { params: { a: 'float', b: 'float' } })
  node.register('price', async (item: string) => ({ amount: item.length }))
  node.register('sleep', (ms: number) => new Promise((resolve) => setTimeout(resolve, ms, ms)))
  node.register('remote_failure', () => ({ error: 'division by zero', command: 'divide', error_type: 'ZeroDivisionError' }))
  await node.start()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
})

afterAll(() => node.stop())

async function open<F = Functions>(options: Partial<ClientOptions> = {}): Promise<Client<F>> {
  const client = await connect<F>({ url: node.url, ...options })
  clients.push(client as Client<never>)
  return client
}

describe.each(['ws', 'tcp'])('over %s', (protocol) => {
  const url = () => node.endpoints.find((endpoint) => endpoint.startsWith(`${protocol}:`)) as string

  it('calls, by position and by name', async () => {
    const client = await open({ url: url() })
    expect(await client.call('add', 1, 2)).toBe(3)
    expect(await client.callWith({ kwargs: { b: 5 } }, 'add', 1)).toBe(6)
  })

  it('runs a dependency graph', async () => {
    const client = await open({ url: url() })
    const cmds = [
      { name: 'p', fun: 'price', args: ['apple'] },
      { name: 'total', fun: 'add', args: ['p.amount', 10] },
    ]
    expect(await client.request(cmds)).toEqual({ total: 15 })
    const full = await client.requestFull(cmds, { returnIntermediateResults: true, includeExecutionSummary: true })
    expect(full.results).toEqual({ total: 15 })
    expect(full.intermediateResults).toHaveLength(2)
    expect(full.executionSummary).toMatchObject({ total_levels: 2 })
  })

  it('delivers messages, live and from the backlog, once each', async () => {
    const client = await open({ url: url() })
    const topic = `t.${protocol}.a`
    await client.publish(topic, 0)
    const received: unknown[] = []
    const subscription = await client.subscribe([`t.${protocol}.*`, topic], (message) => received.push(message.payload), {
      backlogSeconds: 60,
    })
    await client.publish(topic, { n: 1 }, { priority: 2 })
    await expect.poll(() => received).toEqual([0, { n: 1 }])
    await subscription.unsubscribe()
    await client.publish(topic, 2)
    expect(received).toHaveLength(2)
    expect(client.stats().subscriptions).toBe(0)
  })
})

describe('typed calls', () => {
  it('complete and check names, arguments and results', async () => {
    const client = await open<Shop>()
    expectTypeOf(client.call<'add'>).parameters.toEqualTypeOf<['add', number, number]>()
    const sum = await client.call('add', 1, 2)
    expectTypeOf(sum).toEqualTypeOf<number>()
    const price = await client.call('price', 'pear')
    expectTypeOf(price).toEqualTypeOf<{ amount: number }>()
    // @ts-expect-error -- no such function
    await expect(client.call('nope')).rejects.toThrow(CommandNotFoundError)
    // @ts-expect-error -- wrong argument type
    await expect(client.call('add', 'x', 1)).rejects.toThrow(RpcError)
    expect([sum, price]).toEqual([3, { amount: 4 }])
    const other = await client.untyped.call('echo', 'any name')
    expectTypeOf(other).toEqualTypeOf<unknown>()
    expect(other).toBe('any name')
  })
})

describe('values', () => {
  it('keep every digit of an integer, and raw results every lexeme', async () => {
    const client = await open()
    expect(await client.call('echo', 18446744073709551615n)).toBe(18446744073709551615n)
    expect((await client.callRaw({}, 'echo', 1)).text).toBe('1')
    expect(await client.call('echo', 'echo')).toBe('echo')
    expect(await client.call('echo', { deep: [null, true, 'x'] })).toEqual({ deep: [null, true, 'x'] })
    expect(await client.call('echos')).toEqual([])
  })
})

describe('failures', () => {
  it('carry code, message, details and the explanation', async () => {
    const client = await open()
    const error = await client.call('ad', 1).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CommandNotFoundError)
    expect(error).toMatchObject({
      code: 'command_not_found',
      rpcCode: 1001,
      details: 'Command not found: ad',
      explanation: { similar: ['add'] },
    })
    await expect(client.call('add', 1)).rejects.toMatchObject({ rpcCode: 1003, details: expect.stringContaining('missing 1 required') })
  })

  it('on another node come as a value, or as an error on request', async () => {
    expect(await (await open()).call('remote_failure')).toMatchObject({ error_type: 'ZeroDivisionError' })
    const strict = await open({ raiseRemoteFailures: true })
    await expect(strict.call('remote_failure')).rejects.toMatchObject({ rpcCode: 1003, details: { error_type: 'ZeroDivisionError' } })
  })

  it('by time, by abort and by overload each have their class', async () => {
    const client = await open()
    await expect(client.callWith({ timeoutMs: 30 }, 'sleep', 500)).rejects.toThrow(RequestTimeoutError)
    const controller = new AbortController()
    const aborted = client.callWith({ signal: controller.signal }, 'sleep', 500)
    controller.abort(new Error('changed my mind'))
    await expect(aborted).rejects.toThrow('changed my mind')
    const busy = await open()
    const calls = Array.from({ length: 6 }, () => busy.call('sleep', 50))
    const outcomes = await Promise.allSettled(calls)
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason as OverloadedError)
    expect(refused).toHaveLength(1)
    expect(refused[0]).toBeInstanceOf(OverloadedError)
    expect(refused[0]?.retryAfterMs).toBe(100)
    expect(client.stats().pending).toBe(0)
  })

  it('limit how much may be pending', async () => {
    const client = await open({ pendingMax: 2 })
    const calls = Array.from({ length: 3 }, () => client.call('sleep', 20))
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  })

  it('of the first connection reject, with one line', async () => {
    await expect(connect('ws://127.0.0.1:9')).rejects.toThrow(/ECONNREFUSED/)
    await expect(connect('gopher://x')).rejects.toThrow('Unsupported transport protocol: gopher')
  })

  it('of a closed client say so', async () => {
    const client = await open()
    const running = client.call('sleep', 1000)
    await client.close()
    await expect(running).rejects.toThrow(ClientClosedError)
    await expect(client.call('add', 1, 2)).rejects.toThrow(ClientClosedError)
    expect(client.state).toBe('closed')
  })
})

describe('topics', () => {
  it('iterate, dropping the oldest when nobody takes them', async () => {
    const client = await open()
    const messages = client.messages('it.*', { queueMax: 2 })
    const first = messages.next()
    await expect.poll(() => client.stats().subscriptions).toBe(1)
    await expect.poll(() => node.snapshot().pubsub.active_subscriptions).toBeGreaterThan(0)
    for (const n of [1, 2, 3, 4]) await client.publish('it.x', n)
    expect((await first).value?.payload).toBe(1)
    expect([(await messages.next()).value?.payload, (await messages.next()).value?.payload]).toEqual([3, 4])
    await messages.return?.()
    expect(client.stats().subscriptions).toBe(0)
  })

  it('answer a request for a reply', async () => {
    const client = await open()
    await client.subscribe(
      'ask',
      (message: Message) => void client.publish(message.headers.reply_to as string, `re: ${String(message.payload)}`),
    )
    expect((await client.publishWithReply('ask', 'hello')).payload).toBe('re: hello')
    await expect(client.publishWithReply('nobody', 1, { timeoutMs: 50 })).rejects.toThrow('Reply timeout after 0.05 seconds')
    expect(client.stats().subscriptions).toBe(1)
  })

  it('survive a subscriber that throws', async () => {
    const client = await open()
    const toConsole = vi.spyOn(console, 'error').mockImplementation(() => {})
    const received: unknown[] = []
    await client.subscribe('fragile', (message) => {
      received.push(message.payload)
      throw new Error('broken subscriber')
    })
    await client.publish('fragile', 1)
    await client.publish('fragile', 2)
    await expect.poll(() => received).toEqual([1, 2])
    expect(toConsole).toHaveBeenCalledWith(
      'mpreg: subscriber of fragile failed:',
      expect.objectContaining({ message: 'broken subscriber' }),
    )
    toConsole.mockRestore()
  })
})

/** A scripted server: answers what `answer` returns, and can be taken down and brought up again on its port. */
async function scripted(answer: (frame: Record<string, unknown>, reply: (frame: object) => void) => void) {
  let server: Server | undefined
  let sockets: WebSocketServer | undefined
  const received: Record<string, unknown>[] = []
  let port = 0
  const up = async () => {
    server = createServer()
    sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) =>
      socket.on('message', (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as Record<string, unknown>
        received.push(frame)
        answer(frame, (reply) => socket.send(Buffer.from(JSON.stringify(reply))))
      }),
    )
    await new Promise<void>((resolve) => (server as Server).listen(port, '127.0.0.1', resolve))
    port = ((server as Server).address() as { port: number }).port
  }
  const down = async () => {
    for (const socket of sockets?.clients ?? []) socket.terminate()
    sockets?.close()
    await new Promise((resolve) => server?.close(resolve))
  }
  await up()
  return { url: () => `ws://127.0.0.1:${port}`, up, down, received }
}

const ack = (frame: Record<string, unknown>, success = true, error: string | null = null) => ({
  role: 'pubsub-ack',
  operation_id: frame.u,
  success,
  error,
  u: `ack_${String(frame.u)}`,
})

describe('a connection that is lost', () => {
  it('comes back with its subscriptions under fresh ids; calls under way reject, later ones wait', { timeout: 30_000 }, async () => {
    const server = await scripted((frame, reply) => {
      if (frame.role === 'pubsub-subscribe') {
        reply(ack(frame))
        const { subscription_id } = frame.subscription as { subscription_id: string }
        const message = {
          topic: 'a',
          payload: server.received.length,
          timestamp: 1,
          message_id: `m${server.received.length}`,
          publisher: 'p',
          headers: {},
        }
        reply({ role: 'pubsub-notification', message, subscription_id, u: 'n' })
      } else if (frame.role === 'rpc') {
        const [cmd] = frame.cmds as { name: string; fun: string }[]
        if (cmd?.fun === 'echo') reply({ r: { [cmd.name]: 'back' }, error: null, u: frame.u })
      }
    })
    const states: string[] = []
    const client = await open({ url: server.url(), onState: (state) => states.push(state) })
    const payloads: unknown[] = []
    await client.subscribe('a', (message) => payloads.push(message.payload), { backlogSeconds: 10 })
    const silent = client.call('silent')
    await server.down()
    await expect(silent).rejects.toThrow(ConnectionLostError)
    expect(client.state).toBe('disconnected')
    const later = client.call('echo', 1)
    await server.up()
    expect(await later).toBe('back')
    await expect.poll(() => payloads.length).toBe(2)
    const subscriptions = server.received
      .filter((frame) => frame.role === 'pubsub-subscribe')
      .map((frame) => frame.subscription as Record<string, unknown>)
    expect(subscriptions).toHaveLength(2)
    expect(subscriptions[0]?.subscription_id).not.toBe(subscriptions[1]?.subscription_id)
    expect(subscriptions[1]).toMatchObject({ get_backlog: true, patterns: [{ pattern: 'a', exact_match: true }] })
    expect(states).toEqual(['connected', 'disconnected', 'connected'])
    expect(client.stats().reconnects).toBe(1)
    await client.close()
    await server.down()
  })

  it('ends the client when reconnecting is off', async () => {
    const server = await scripted(() => {})
    const client = await open({ url: server.url(), reconnect: false })
    const call = client.call('x')
    await server.down()
    await expect(call).rejects.toThrow(ConnectionLostError)
    expect(client.state).toBe('closed')
  })
})

describe('a strange server', () => {
  it('is survived: noise, unknown answers, refused operations, answers with a role', async () => {
    const server = await scripted((frame, reply) => {
      reply([1, 2])
      reply({ r: 1, u: 'nobody' })
      reply({ role: 'pubsub-notification', subscription_id: 'unknown', message: {} })
      if (frame.role === 'rpc') {
        const [cmd] = frame.cmds as { name: string }[]
        reply({ role: 'rpc-response', r: { [cmd?.name ?? '']: 5 }, u: frame.u })
      } else reply(ack(frame, false, 'not today'))
    })
    const client = await open({ url: server.url() })
    expect(await client.call('f')).toBe(5)
    await expect(client.publish('t', 1)).rejects.toThrow(OperationRefusedError)
    await expect(client.subscribe('t', () => {})).rejects.toThrow('not today')
    expect(client.stats()).toMatchObject({ framesIgnored: 9, subscriptions: 0, pending: 0 })
    await client.close()
    await server.down()
  })
})
