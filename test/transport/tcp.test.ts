import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { type Connection, createSocketNetwork, type Limits, type Listener } from '../../src/transport/index.ts'
import { Recorder } from './cases.ts'
import { RawSocket, rawServer } from './raw-socket.ts'

const network = createSocketNetwork({ env: createRealEnv({ log: silentLog }) })

describe('TCP on the wire', () => {
  let listener: Listener
  let next: Promise<Recorder>

  async function listen(limits?: Partial<Limits>, onMessage?: (text: string, connection: Connection) => void): Promise<void> {
    next = new Promise((resolve) => {
      const options = { protocol: 'tcp', host: '127.0.0.1', port: 0, ...(limits === undefined ? {} : { limits }) } as const
      void network
        .listen(options, (connection) => resolve(new Recorder(connection, onMessage)))
        .then((bound) => {
          listener = bound
          ready()
        })
    })
    await started
  }
  let ready: () => void
  let started: Promise<void>
  beforeEach(() => {
    started = new Promise((resolve) => {
      ready = resolve
    })
  })
  afterEach(() => listener.close())

  it('wire check 1: a message is its length in four bytes, then its text', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const accepted = await next
    accepted.connection.send('{"a":1}')
    expect(await raw.take(11)).toBe('000000077b2261223a317d')
    raw.write('00 00 00 07 7b 22 61 22 3a 31 7d')
    await accepted.arrived(1)
    expect(accepted.messages).toEqual(['{"a":1}'])
  })

  it('wire check 2: a length over the limit closes the connection and is named', async () => {
    await listen({ messageBytesMax: 16 })
    using raw = await RawSocket.connect(listener.port)
    const accepted = await next
    raw.write('00 00 00 11')
    const info = await accepted.closed
    expect(info.error?.message).toBe('Message too large: 17 > 16')
    expect(info.code).toBe(1009)
    await raw.closed()
  })

  it('wire check 2: an oversize send fails locally, and the next small one works', async () => {
    await listen({ messageBytesMax: 16 })
    using raw = await RawSocket.connect(listener.port)
    const { connection } = await next
    expect(() => connection.send('x'.repeat(17))).toThrow('Message too large: 17 > 16')
    connection.send('small')
    expect(await raw.take(9)).toBe('00000005736d616c6c')
  })

  it('wire check 3: a stream arrives as one message', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    raw.write('FFFFFFFF 00000003 00000001 616263 00000000 00000002')
    const accepted = await next
    await accepted.arrived(1)
    expect(accepted.messages).toEqual(['abc'])
  })

  it('wire check 3: a stream given up by its sender is reported, and the connection goes on', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    raw.write('FFFFFFFF 00000003 00000001 616263 00000000 00000004 00000001 78')
    const accepted = await next
    await accepted.arrived(2)
    expect(accepted.malformed.map((error) => error.message)).toEqual(['Stream error received from sender'])
    expect(accepted.messages).toEqual(['x'])
  })

  it('wire check 3: a stream over its limit closes the connection', async () => {
    await listen({ streamBytesMax: 1024 })
    using raw = await RawSocket.connect(listener.port)
    const accepted = await next
    raw.write(Buffer.concat([Buffer.from('ffffffff0000080000000002', 'hex'), Buffer.alloc(2048, 'x')]))
    const info = await accepted.closed
    expect(info.error?.message).toBe('Stream too large: 2048 > 1024')
  })

  it('wire check 4: regular, stream and regular messages arrive in order on one connection', async () => {
    await listen()
    const near = new Recorder(await network.dial(listener.url))
    const far = await next
    near.connection.send('first')
    await near.connection.sendStream(['second, ', 'in ', 'pieces'])
    near.connection.send('third')
    await far.arrived(3)
    expect(far.messages).toEqual(['first', 'second, in pieces', 'third'])
    near.connection.close()
  })

  it('wire check 4: an empty stream arrives as an empty message', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const accepted = await next
    await accepted.connection.sendStream('')
    expect(await raw.take(12)).toBe('ffffffff0000000000000002')
    await accepted.connection.sendStream([])
    expect(await raw.take(12)).toBe('ffffffff0000000000000002')
    raw.write('FFFFFFFF 00000000 00000002')
    await accepted.arrived(1)
    expect(accepted.messages).toEqual([''])
  })

  it('wire check 5: PING is answered with PONG while messages flow, and neither is handed on', async () => {
    await listen(undefined, (text, connection) => connection.send(text))
    using raw = await RawSocket.connect(listener.port)
    raw.write('00000001 61 00000004 50494e47 00000001 62')
    const accepted = await next
    await accepted.arrived(2)
    const answers = await raw.take(5 + 8 + 5)
    expect(answers).toContain('0000000450'.concat('4f4e47'))
    expect(answers.replace('00000004504f4e47', '')).toBe('00000001610000000162')
    expect(accepted.messages).toEqual(['a', 'b'])
  })

  it('wire check 5: a pong is matched without swallowing a message that comes before it', async () => {
    using server = await rawServer((socket) => {
      void socket.take(8).then(() => socket.write('00000005 68656c6c6f 00000004 504f4e47 00000003 656e64'))
    })
    const near = new Recorder(await network.dial(`tcp://127.0.0.1:${server.port}`))
    expect(await near.connection.ping()).toBeGreaterThanOrEqual(0)
    await near.arrived(2)
    expect(near.messages).toEqual(['hello', 'end'])
    near.connection.close()
    await listen()
  })

  it('wire check 6: half a header and then the end is a closed connection, not a crash', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const accepted = await next
    raw.socket.end(Buffer.from([0, 0]))
    const info = await accepted.closed
    expect(info).toMatchObject({ code: 1006, error: { message: 'TCP connection closed' } })
  })

  it('reports an orderly end as such', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const accepted = await next
    raw.socket.end(Buffer.from('0000000178', 'hex'))
    const info = await accepted.closed
    expect(info).toEqual({ code: 1000, reason: '' })
    expect(accepted.messages).toEqual(['x'])
  })

  it('reports a torn connection as such', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const accepted = await next
    raw.socket.resetAndDestroy()
    const info = await accepted.closed
    expect(info.code).toBe(1006)
    expect(info.error?.message).toMatch(/^TCP connection closed: .*ECONNRESET/)
  })

  it('tells the receiver when the source of a stream fails', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const { connection } = await next
    const source = (async function* () {
      yield 'ab'
      throw new Error('disk on fire')
    })()
    await expect(connection.sendStream(source)).rejects.toThrow('disk on fire')
    expect(await raw.take(4 + 10 + 8)).toBe('ffffffff0000000200000001616200000000' + '00000004')
    connection.send('y')
    expect(await raw.take(5)).toBe('0000000179')
  })

  it('keeps messages and pongs out of a stream that is under way', async () => {
    await listen()
    using raw = await RawSocket.connect(listener.port)
    const { connection } = await next
    let goOn = (): void => {}
    const pause = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const done = connection.sendStream(
      (async function* () {
        yield 'a'
        await pause
        yield 'b'
      })(),
    )
    expect(await raw.take(4 + 9)).toBe('ffffffff000000010000000161')
    connection.send('message')
    raw.write('00000004 50494e47 00000001 7a')
    await (await next).arrived(1)
    expect(raw.received).toHaveLength(0)
    goOn()
    await done
    expect(await raw.take(9 + 8)).toBe('000000010000000162' + '0000000000000002')
    expect(await raw.take(11 + 8)).toBe('000000076d657373616765' + '00000004504f4e47')
  })

  it('holds back a client that pipelines without reading, and serves it in full once it reads', async () => {
    const answer = 'x'.repeat(10_000)
    await listen({ sendBufferBytesMax: 400_000 }, (_text, connection) => connection.send(answer))
    using raw = await RawSocket.connect(listener.port)
    raw.socket.pause()
    const requests = 5000
    for (let i = 0; i < requests; i++) raw.socket.write(Buffer.from(`000003e8${'61'.repeat(1000)}`, 'hex'))
    const accepted = await next
    await accepted.arrived(1)
    while (network.snapshot().backpressurePauses === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(accepted.connection.bufferedBytes).toBeLessThan(1_000_000)
    expect(accepted.connection.isOpen).toBe(true)
    let bytes = 0
    raw.socket.removeAllListeners('data')
    const all = new Promise<void>((resolve) => {
      raw.socket.on('data', (chunk) => {
        bytes += chunk.length
        if (bytes === requests * 10_004) resolve()
      })
    })
    raw.socket.resume()
    await all
    expect(accepted.messages).toHaveLength(requests)
    expect(accepted.connection.isOpen).toBe(true)
  })
})

describe('dialling TCP', () => {
  it('fails with the connection kind when nobody listens', async () => {
    const server = await rawServer()
    const url = `tcp://127.0.0.1:${server.port}`
    await new Promise((resolve) => server.server.close(resolve))
    await expect(network.dial(url)).rejects.toMatchObject({
      name: 'TransportConnectionError',
      message: expect.stringMatching(/^TCP connection failed: /),
    })
  })

  it('fails with the timeout kind when TLS never answers', async () => {
    using server = await rawServer()
    const dial = network.dial(`tcps://127.0.0.1:${server.port}`, { connectTimeoutMs: 30 })
    await expect(dial).rejects.toMatchObject({
      name: 'TransportTimeoutError',
      message: `TCP connection timeout: tcps://127.0.0.1:${server.port}`,
    })
  })

  it('can be given up', async () => {
    using server = await rawServer()
    const controller = new AbortController()
    const dial = network.dial(`tcps://127.0.0.1:${server.port}`, { signal: controller.signal })
    controller.abort(new Error('changed my mind'))
    await expect(dial).rejects.toThrow('changed my mind')
  })
})
