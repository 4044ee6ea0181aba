import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { dialNativeWebSocket } from '../../src/transport/browser.ts'
import { type Connection, createSocketNetwork, type Listener, type ListenOptions } from '../../src/transport/index.ts'
import { Recorder } from './cases.ts'
import { RawSocket, rawServer, upgradeRequest } from './raw-socket.ts'

const network = createSocketNetwork({ env: createRealEnv({ log: silentLog }) })
let listener: Listener

/** Listens; the promise resolves with the first accepted connection. */
async function listen(options: Partial<ListenOptions> = {}, onMessage?: (text: string, connection: Connection) => void) {
  let resolveFirst: (recorder: Recorder) => void
  const first = new Promise<Recorder>((resolve) => {
    resolveFirst = resolve
  })
  listener = await network.listen({ protocol: 'ws', host: '127.0.0.1', port: 0, ...options }, (connection) =>
    resolveFirst(new Recorder(connection, onMessage)),
  )
  return { first }
}

/** Sends an upgrade and returns the answer's head. */
async function upgrade(raw: RawSocket, path?: string, headers?: Record<string, string>): Promise<string> {
  raw.socket.write(upgradeRequest(path, headers))
  return raw.takeUntil('\r\n\r\n')
}

function masked(opcode: number, payload: string): Buffer {
  const body = Buffer.from(payload)
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | body.length, 0, 0, 0, 0]), body])
}

describe('WebSocket on the wire', () => {
  afterEach(() => listener.close())

  it('wire check 8: any path is accepted and no subprotocol selected', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const head = await upgrade(raw, '/x/y?z=1', { 'Sec-WebSocket-Protocol': 'mqtt, soap' })
    expect(head).toMatch(/^HTTP\/1\.1 101 /)
    expect(head).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    expect(head).not.toMatch(/sec-websocket-protocol/i)
  })

  it('declines compression', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const head = await upgrade(raw, '/', { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' })
    expect(head).not.toMatch(/sec-websocket-extensions/i)
  })

  it('wire check 8: a plain request is told to upgrade', async () => {
    await listen()
    const response = await fetch(`http://127.0.0.1:${listener.port}/`)
    expect(response.status).toBe(426)
    expect(response.headers.get('upgrade')).toBe('websocket')
    expect((await response.text()).length).toBeLessThan(100)
  })

  it('wire check 9: a client with token and key sends both in the upgrade', async () => {
    using server = await rawServer()
    const head = new Promise<string>((resolve) => {
      server.server.once('connection', (socket) => socket.once('data', (data) => resolve(data.toString())))
    })
    const dial = network.dial(`ws://127.0.0.1:${server.port}/`, { authToken: 'T', apiKey: 'K' })
    dial.catch(() => {})
    expect(await head).toContain('Authorization: Bearer T\r\n')
    expect(await head).toContain('X-API-Key: K\r\n')
    await listen()
  })

  it('answers text and binary messages alike, always with binary', async () => {
    await listen({}, (text, connection) => connection.send(text))
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    raw.write(masked(1, 'text'))
    expect(await raw.take(6)).toBe('8204' + '74657874')
    raw.write(masked(2, 'bytes'))
    expect(await raw.take(7)).toBe('8205' + '6279746573')
  })

  it('keeps the connection when a message is not UTF-8', async () => {
    const { first } = await listen()
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    const bad = Buffer.from([0xff, 0xfe])
    for (const opcode of [1, 2]) raw.write(Buffer.concat([Buffer.from([0x80 | opcode, 0x82, 0, 0, 0, 0]), bad]))
    raw.write(masked(2, 'good'))
    const accepted = await first
    await accepted.arrived(3)
    expect(accepted.malformed).toHaveLength(2)
    expect(accepted.messages).toEqual(['good'])
  })

  it('puts a fragmented message together and answers pings between the fragments', async () => {
    const { first } = await listen()
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    const piece = (head: number, text: string) => Buffer.concat([Buffer.from([head, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
    raw.write(Buffer.concat([piece(0x01, 'one '), piece(0x89, 'p'), piece(0x80, 'message')]))
    expect(await raw.take(3)).toBe('8a0170')
    const accepted = await first
    await accepted.arrived(1)
    expect(accepted.messages).toEqual(['one message'])
  })

  it('pings an idle connection and drops it with 1011 when no pong comes', async () => {
    const { first } = await listen({ pingIntervalMs: 20, pongTimeoutMs: 40 })
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    expect(await raw.take(2)).toBe('8900')
    raw.write(masked(0xa, ''))
    expect(await raw.take(2)).toBe('8900')
    const info = await (await first).closed
    expect(info).toMatchObject({ code: 1011, reason: 'keepalive ping timeout' })
    const close = Buffer.from(await raw.take(4 + 22), 'hex')
    expect(close.readUInt16BE(2)).toBe(1011)
    expect(close.subarray(4).toString()).toBe('keepalive ping timeout')
    await raw.closed()
  })

  it('knows the round trip of the last ping that was answered, and takes no pong nobody asked for', async () => {
    const { first } = await listen({ pingIntervalMs: 20, pongTimeoutMs: 5_000 })
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    raw.write(masked(0xa, ''))
    const { connection } = await first
    expect(await raw.take(2)).toBe('8900')
    const startedMs = performance.now()
    // Something that takes its time.
    using other = await RawSocket.connect(listener.port)
    await upgrade(other)
    expect(connection.roundTripMs).toBeUndefined()
    const tookMs = performance.now() - startedMs
    raw.write(masked(0xa, ''))
    expect(await raw.take(2), 'the next ping comes once the pong has').toBe('8900')
    expect(connection.roundTripMs).toBeGreaterThanOrEqual(tookMs)
  })

  it('never drops a client that answers its pings, however idle', async () => {
    const { first } = await listen({ pingIntervalMs: 5, pongTimeoutMs: 10 })
    const near = new Recorder(await network.dial(listener.url))
    const accepted = await first
    const before = network.snapshot().keepAliveTimeouts
    let pings = 0
    // The dialer's library answers by itself; count the answers' way back through explicit pings in between.
    while (pings < 20) {
      await accepted.connection.ping()
      pings++
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(accepted.connection.isOpen && near.connection.isOpen).toBe(true)
    expect(network.snapshot().keepAliveTimeouts).toBe(before)
    near.connection.close()
  })

  it('closes with 1009 for a frame over the limit', async () => {
    await listen({ limits: { messageBytesMax: 16 } })
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    raw.write(masked(2, 'x'.repeat(17)))
    expect(await raw.take(4)).toBe('880203f1')
  })

  it('closes with 1002 for an unmasked frame', async () => {
    const { first } = await listen()
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    raw.write('8201 61')
    const info = await (await first).closed
    expect(info.code).toBe(1002)
    expect((await raw.take(4)).slice(4)).toBe('03ea')
  })

  it('refuses one connection more than the most', async () => {
    await listen({ connectionsMax: 1 })
    const near = new Recorder(await network.dial(listener.url))
    await expect(network.dial(listener.url)).rejects.toMatchObject({ name: 'AccessDeniedError', status: 503 })
    near.connection.close()
    await near.closed
    while (listener.connections > 0) await new Promise((resolve) => setImmediate(resolve))
    new Recorder(await network.dial(listener.url)).connection.close()
  })

  it('talks to an unmodified WebSocket library on the other side', async () => {
    await listen({}, (text, connection) => connection.send(`re:${text}`))
    const ws = new WebSocket(listener.url)
    await new Promise((resolve) => ws.once('open', resolve))
    const answer = new Promise<[string, boolean]>((resolve) =>
      ws.once('message', (data, isBinary) => resolve([(data as Buffer).toString(), isBinary])),
    )
    ws.send('é'.repeat(100_000))
    expect(await answer).toEqual([`re:${'é'.repeat(100_000)}`, true])
    const closed = new Promise<number>((resolve) => ws.once('close', resolve))
    ws.close(4001, 'bye')
    expect(await closed).toBe(4001)
  })

  it('remembers the headers a tenant is told by, and not those of the handshake', async () => {
    const { first } = await listen()
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw, '/', { Authorization: 'Bearer T', 'X-Tenant': 'blue, green', 'User-Agent': 'test', Cookie: 'c=1' })
    expect((await first).connection.headers).toEqual({ authorization: 'Bearer T', 'x-tenant': 'blue, green' })
  })

  it('survives a receiver that throws, and counts it', async () => {
    const before = network.snapshot().handlerFailures
    const { first } = await listen({}, (text, connection) => {
      if (text === 'bad') throw new Error('receiver failed')
      connection.send(text)
    })
    const near = new Recorder(await network.dial(listener.url))
    near.connection.send('bad')
    near.connection.send('good')
    await near.arrived(1)
    expect(near.messages).toEqual(['good'])
    expect((await first).connection.isOpen).toBe(true)
    expect(network.snapshot().handlerFailures).toBe(before + 1)
    near.connection.close()
  })

  it('holds back a client that pipelines without reading, and serves it in full once it reads', async () => {
    const answer = 'x'.repeat(10_000)
    await listen({ limits: { sendBufferBytesMax: 400_000 } }, (_text, connection) => connection.send(answer))
    const before = network.snapshot().backpressurePauses
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    raw.socket.pause()
    const requests = 5000
    for (let i = 0; i < requests; i++) raw.socket.write(masked(2, 'a'.repeat(100)))
    while (network.snapshot().backpressurePauses === before) await new Promise((resolve) => setImmediate(resolve))
    let bytes = raw.received.length
    raw.socket.removeAllListeners('data')
    const all = new Promise<void>((resolve) => {
      raw.socket.on('data', (chunk) => {
        bytes += chunk.length
        if (bytes >= requests * 10_004) resolve()
      })
    })
    raw.socket.resume()
    await all
    expect(bytes).toBe(requests * 10_004)
    expect(listener.connections).toBe(1)
  })
})

describe('the end of a WebSocket connection', () => {
  afterEach(() => listener.close())

  it('lets nothing follow a close frame, not even an answer to what came just before it', async () => {
    const sent: boolean[] = []
    const { first } = await listen({}, (text, connection) => {
      void Promise.resolve().then(() => sent.push(connection.send(text)))
    })
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    raw.write(Buffer.concat([masked(2, 'last words'), Buffer.from('88820000000003e8', 'hex')]))
    expect(await raw.take(4)).toBe('880203e8')
    expect((await (await first).closed).code).toBe(1000)
    expect(sent).toEqual([false])
    await raw.closed()
    expect(raw.received).toHaveLength(0)
  })

  it('delivers what was read before the connection broke, even while the client was held back', async () => {
    const before = network.snapshot().backpressurePauses
    const { first } = await listen({ limits: { sendBufferBytesMax: 8_000_000 } }, (_text, connection) =>
      connection.send('x'.repeat(1_000_000)),
    )
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    raw.socket.pause()
    raw.write(Buffer.concat(Array.from({ length: 100 }, (_, i) => masked(2, `${i}`))))
    while (network.snapshot().backpressurePauses === before) await new Promise((resolve) => setImmediate(resolve))
    const accepted = await first
    expect(accepted.messages.length).toBeLessThan(100)
    raw.socket.resetAndDestroy()
    expect((await accepted.closed).code).toBe(1006)
    expect(accepted.messages).toHaveLength(100)
  })
})

describe('dialling WebSocket', () => {
  it('fails with the connection kind when nobody listens', async () => {
    const server = await rawServer()
    await new Promise((resolve) => server.server.close(resolve))
    await expect(network.dial(`ws://127.0.0.1:${server.port}/?access_token=secret`)).rejects.toMatchObject({
      name: 'TransportConnectionError',
      message: expect.stringMatching(/^WebSocket connection failed: (?!.*secret)/),
    })
  })

  it('fails with the timeout kind when the upgrade is never answered', async () => {
    using server = await rawServer()
    await expect(network.dial(`ws://127.0.0.1:${server.port}`, { connectTimeoutMs: 30 })).rejects.toMatchObject({
      name: 'TransportTimeoutError',
      message: `WebSocket connection timeout: ws://127.0.0.1:${server.port}`,
    })
  })

  it('can be given up', async () => {
    using server = await rawServer()
    const controller = new AbortController()
    const dial = network.dial(`ws://127.0.0.1:${server.port}`, { signal: controller.signal })
    controller.abort(new Error('changed my mind'))
    await expect(dial).rejects.toThrow('changed my mind')
  })

  it('reports a connection lost without goodbye', async () => {
    const { first } = await listen()
    using raw = await RawSocket.connect(listener.port)
    await upgrade(raw)
    const accepted = await first
    raw.socket.resetAndDestroy()
    expect(await accepted.closed).toMatchObject({ code: 1006, error: { code: 'CONNECTION' } })
    await listener.close()
  })
})

describe('the platform WebSocket', () => {
  afterEach(() => listener.close())

  it('sends binary and receives what the node sends', async () => {
    const { first } = await listen({}, (text, connection) => connection.send(`re:${text}`))
    const near = new Recorder(await dialNativeWebSocket(listener.url))
    near.connection.send('é')
    await near.arrived(1)
    expect(near.messages).toEqual(['re:é'])
    near.connection.close()
    expect((await near.closed).code).toBe(1000)
    expect((await (await first).closed).code).toBe(1000)
  })

  it('delivers to a receiver attached late, in order', async () => {
    listener = await network.listen({ protocol: 'ws', host: '127.0.0.1', port: 0 }, (connection) => {
      new Recorder(connection)
      connection.send('1')
      connection.send('2')
      connection.close()
    })
    const connection = await dialNativeWebSocket(listener.url)
    while (listener.connections > 0) await new Promise((resolve) => setImmediate(resolve))
    const near = new Recorder(connection)
    await near.closed
    expect(near.messages).toEqual(['1', '2'])
  })

  it('shows its token as a query parameter', async () => {
    let path = ''
    const access = {
      check(request: { path: string }) {
        path = request.path
        return { method: 'none' } as const
      },
    }
    await listen({ access })
    const near = new Recorder(await dialNativeWebSocket(listener.url, { authToken: 'a b' }))
    expect(path).toBe('/?access_token=a+b')
    near.connection.close()
    await near.closed
  })

  it('fails with the connection kind when refused', async () => {
    await listen({ connectionsMax: 0 })
    await expect(dialNativeWebSocket(listener.url)).rejects.toMatchObject({ name: 'TransportConnectionError' })
    await expect(dialNativeWebSocket('tcp://127.0.0.1:1')).rejects.toThrow('can not dial tcp')
  })
})
