import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createNode, type Node, SettingsError, type SettingsInput } from '../../src/node/index.ts'
import { openSession } from '../interop/wire-session.ts'

const running: Node[] = []

async function start(settings: SettingsInput = {}, logSink: (line: string) => void = () => {}): Promise<Node> {
  const node = await createNode({ monitoringEnabled: false, ...settings }, { logSink })
  running.push(node)
  await node.start()
  return node
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()))
})

const rpc = (fun: string, args: unknown[] = [], u = 'u') => JSON.stringify({ role: 'rpc', u, cmds: [{ name: 'x', fun, args }] })

async function call(node: Node, fun: string, args: unknown[] = [], headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const session = await openSession(node.url, headers)
  session.send(rpc(fun, args))
  const answer = JSON.parse(await session.next()) as Record<string, unknown>
  await session.close()
  return answer
}

describe('embedding', () => {
  it('is three lines', async () => {
    const node = await createNode({ monitoringEnabled: false, logLevel: 'ERROR' })
    node.register('add', (a: number, b: number) => a + b)
    await node.start()
    running.push(node)
    expect(await call(node, 'add', [1, 2])).toMatchObject({ r: { x: 3 } })
    expect(node.url).toMatch(/^ws:\/\/127\.0\.0\.1:1\d{4}$/)
  })

  it('publishes and subscribes in the process', async () => {
    const node = await start()
    const received: string[] = []
    const end = node.subscribe(['a.*'], (message) => {
      received.push(message.text)
      throw new Error('a subscriber that fails disturbs nobody')
    })
    expect(node.publish('a.b', { n: 1 }, { priority: 1 })).toBe(1)
    end()
    expect(node.publish('a.b', 2)).toBe(0)
    expect(JSON.parse(received[0] as string)).toMatchObject({
      topic: 'a.b',
      payload: { n: 1 },
      headers: { priority: 1 },
      publisher: 'NO NAME PROVIDED',
    })
  })

  it('tells the port it was given, and keeps it reserved until it stops', async () => {
    const told: number[] = []
    const node = await start({ onPortAssigned: (port) => void told.push(port) })
    expect(node.url).toBe(`ws://127.0.0.1:${told[0]}`)
    expect(node.endpoints).toEqual([node.url])
  })

  it('listens on further addresses', async () => {
    const node = await start({ listen: ['tcp://127.0.0.1:0', 'ws://127.0.0.1:0'] })
    expect(node.endpoints.map((url) => url.split(':')[0])).toEqual(['ws', 'tcp', 'ws'])
  })
})

describe('descriptions', () => {
  it('rpc check 16: a known function has the digest every implementation computes', async () => {
    const node = await start()
    node.register('math.add', (a: number, b: number) => a + b, {
      resources: ['cpu'],
      params: { a: 'int', b: { type: 'int', default: 2 } },
      returns: 'int',
      doc: { summary: 'Sum two numbers.', params: { a: 'first café value' }, returns: 'the total' },
    })
    const answer = (await call(node, 'rpc_describe', [{ function_name: 'math.add' }])) as { r: { x: { items: Record<string, unknown>[] } } }
    expect(answer.r.x.items[0]).toMatchObject({
      spec_digest: '058eb6e77cc726a3cdab9bc98c46eb7fe2d37001c5608497ac35f73b05630bc9',
      summary: { parameter_count: 2, required_parameter_count: 1 },
    })
  })
})

describe('starting', () => {
  it('names every wrong setting at once', async () => {
    const wrong = { prot: 1, logLevel: 'LOUD' } as unknown as SettingsInput
    await expect(createNode(wrong)).rejects.toThrow(SettingsError)
    await expect(createNode(wrong)).rejects.toThrow(/port/)
  })

  it('says which port is in use, and leaves nothing open', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const node = await createNode({ port, monitoringEnabled: false, logLevel: 'CRITICAL' })
    await expect(node.start()).rejects.toThrow(new RegExp(`${port}`))
    expect(node.endpoints).toEqual([])
    taken.close()
  })

  it('warns once about settings of a subsystem it has not', async () => {
    const lines: string[] = []
    await start({ dnsGatewayEnabled: true, dnsZones: ['z'] }, (line) => lines.push(line))
    expect(lines.filter((line) => line.includes('dns'))).toHaveLength(1)
    expect(lines.find((line) => line.includes('dns'))).toContain('WARNING')
  })

  it('never advertises a wildcard address', async () => {
    const lines: string[] = []
    const node = await start({ host: '0.0.0.0' }, (line) => lines.push(line))
    expect(node.url).not.toContain('0.0.0.0')
    expect(lines.some((line) => line.includes('wildcard') && line.includes('advertised_urls'))).toBe(true)
    const named = await start({ host: '0.0.0.0', advertisedUrls: ['ws://node.example:7000'] })
    expect(named.url).toBe('ws://node.example:7000')
  })
})

describe('access', () => {
  it('asks for a token when tokens are configured, and refuses at the upgrade with 401', async () => {
    const node = await start({ authTokens: { ops: 'secret-token' }, apiKeys: { app: 'secret-key' } })
    node.register('who', (c: { caller: { credential: string | null } }) => c.caller.credential, { withCall: true })
    await expect(openSession(node.url)).rejects.toThrow('401')
    await expect(openSession(node.url, { authorization: 'Bearer wrong' })).rejects.toThrow('401')
    expect(await call(node, 'who', [], { authorization: 'Bearer secret-token' })).toMatchObject({ r: { x: 'ops' } })
    expect(await call(node, 'who', [], { 'x-api-key': 'secret-key' })).toMatchObject({ r: { x: 'app' } })
  })

  it('lets in pages of this machine, and others only by name', async () => {
    const node = await start({ allowedOrigins: ['https://console.example.org'] })
    await expect(openSession(node.url, { origin: 'https://evil.example' })).rejects.toThrow('403')
    expect(await call(node, 'echo', [1], { origin: 'http://localhost:3000' })).toMatchObject({ r: { x: 1 } })
    expect(await call(node, 'echo', [1], { origin: 'https://console.example.org' })).toMatchObject({ r: { x: 1 } })
  })

  it('protects reserved topics when told to', async () => {
    const node = await start({ pubsubReservedTopicsProtected: true })
    const session = await openSession(node.url)
    const publish = (topic: string) =>
      session.send(
        JSON.stringify({ role: 'pubsub-publish', u: 'p', message: { topic, payload: 1, timestamp: 1, message_id: 'm', publisher: 'x' } }),
      )
    publish('mpreg.rpc.fake')
    expect(JSON.parse(await session.next())).toMatchObject({
      success: false,
      error: expect.stringContaining("'mpreg.rpc.fake' is reserved"),
    })
    publish('mine')
    expect(JSON.parse(await session.next())).toMatchObject({ success: true })
    await session.close()
  })

  it('lets intermediate results through only where their caller may publish', async () => {
    const node = await start({ pubsubReservedTopicsProtected: true })
    const received: string[] = []
    node.subscribe(['mpreg.rpc.#', 'mine'], (message) => void received.push(message.topic))
    const session = await openSession(node.url)
    for (const topic of ['mpreg.rpc.fake', 'mine']) {
      const cmds = [{ name: 'x', fun: 'echo', args: [1] }]
      session.send(
        JSON.stringify({ role: 'rpc', u: topic, cmds, return_intermediate_results: true, intermediate_result_callback_topic: topic }),
      )
      expect(JSON.parse(await session.next())).toMatchObject({ r: { x: 1 } })
    }
    expect(received).toEqual(['mine'])
    await session.close()
  })

  it('runs publish hooks, which may refuse', async () => {
    const node = await start()
    const seen: string[] = []
    node.usePublish({
      before: (message) => {
        if (message.topic === 'no') throw new Error('not this one')
      },
      after: (message, { deliveries }) => void seen.push(`after ${message.topic} ${deliveries}`),
      error: (message, { error }) => void seen.push(`error ${message.topic} ${(error as Error).message}`),
    })
    const session = await openSession(node.url)
    for (const topic of ['no', 'yes']) {
      session.send(
        JSON.stringify({ role: 'pubsub-publish', u: 'p', message: { topic, payload: 1, timestamp: 1, message_id: 'm', publisher: 'x' } }),
      )
    }
    expect(JSON.parse(await session.next())).toMatchObject({ success: false, error: 'Error: not this one' })
    expect(JSON.parse(await session.next())).toMatchObject({ success: true })
    expect(seen).toEqual(['error no not this one', 'after yes 0'])
    await session.close()
  })
})

describe('worker threads', () => {
  const module = new URL('./fixtures/cpu.ts', import.meta.url)

  it('run a CPU-bound function while the node answers others', async () => {
    const node = await start()
    node.register('fib', { module, export: 'fibonacci' })
    node.register('block', { module, export: 'threadBlocked' })
    expect(node.snapshot().workers.threads).toBe(0)
    const session = await openSession(node.url)
    session.send(rpc('block', [300], 'slow'))
    session.send(rpc('echo', [1], 'fast'))
    expect(JSON.parse(await session.next())).toMatchObject({ u: 'fast' })
    expect(JSON.parse(await session.next())).toMatchObject({ u: 'slow', r: { x: 300 } })
    session.send(rpc('fib', [20]))
    expect(JSON.parse(await session.next())).toMatchObject({ r: { x: 6765 } })
    expect(node.snapshot().workers.completed).toBe(2)
    await session.close()
  })

  it('pass errors on by class and text, and name a missing export', async () => {
    const node = await start()
    node.register('fails', { module, export: 'fail' })
    node.register('absent', { module, export: 'nothing' })
    expect(await call(node, 'fails', ['too far'])).toMatchObject({ error: { code: 1003, details: 'RangeError: too far' } })
    expect(await call(node, 'absent')).toMatchObject({
      error: { code: 1003, details: expect.stringContaining("exports no function 'nothing'") },
    })
  })

  it('stop at the deadline of the request', async () => {
    const node = await start({ rpcRequestTimeoutSeconds: 0.3 })
    node.register('block', { module, export: 'threadBlocked' })
    expect(await call(node, 'block', [20_000])).toMatchObject({
      error: { code: 1004, message: 'RPC execution timed out after 0.3 seconds' },
    })
  })
})

describe('stopping', () => {
  it('during a start waits for it, and leaves nothing listening', async () => {
    const node = await createNode({ monitoringEnabled: false, logLevel: 'CRITICAL' })
    const started = node.start()
    await node.stop()
    await started
    expect(node.endpoints).toEqual([])
    await expect(openSession(node.url)).rejects.toThrow('ECONNREFUSED')
  })

  it('refuses new requests while the last ones finish', async () => {
    const node = await start()
    node.register('nap', (ms: number) => new Promise((resolve) => setTimeout(resolve, ms, 'rested')))
    const session = await openSession(node.url)
    session.send(rpc('nap', [200], 'old'))
    await expect.poll(() => node.snapshot().rpc.requests_in_flight).toBe(1)
    const stopped = node.stop()
    session.send(rpc('echo', [1], 'new'))
    expect(JSON.parse(await session.next())).toMatchObject({
      u: 'new',
      error: { code: 503, details: expect.stringContaining('the node is stopping') },
    })
    expect(JSON.parse(await session.next())).toMatchObject({ u: 'old', r: { x: 'rested' } })
    await stopped
  })

  it('lets a running request finish, then closes connections with 1001', async () => {
    const node = await start()
    node.register('nap', (ms: number) => new Promise((resolve) => setTimeout(resolve, ms, 'rested')))
    const session = await openSession(node.url)
    session.send(rpc('nap', [100]))
    await expect.poll(() => node.snapshot().rpc.requests_in_flight).toBe(1)
    const stopped = node.stop()
    expect(JSON.parse(await session.next())).toMatchObject({ r: { x: 'rested' } })
    expect(await session.closed).toBe(1001)
    await stopped
    await expect(openSession(node.url)).rejects.toThrow('ECONNREFUSED')
  })

  it('answers for what does not finish in time', async () => {
    const node = await start()
    node.register('forever', () => new Promise(() => {}))
    const session = await openSession(node.url)
    session.send(rpc('forever'))
    await expect.poll(() => node.snapshot().rpc.requests_in_flight).toBe(1)
    await Promise.all([node.stop(), node.stop()])
    expect(JSON.parse(await session.next())).toMatchObject({ error: { code: 1003, details: expect.stringContaining('stopped') } })
  })
})

describe('log', () => {
  it('shows DEBUG of the scopes asked for, and nothing of the caller’s data', async () => {
    const lines: string[] = []
    const node = await start({ logDebugScopes: ['core.rpc_registry'] }, (line) => lines.push(line))
    node.register('new_one', () => 1)
    await call(node, 'echo', ['private text'])
    expect(lines.some((line) => line.includes('DEBUG') && line.includes('mpreg.core.rpc_registry') && line.includes('new_one'))).toBe(true)
    expect(lines.some((line) => line.includes('DEBUG') && line.includes('mpreg.server'))).toBe(false)
    expect(lines.join('\n')).not.toContain('private text')
  })
})
