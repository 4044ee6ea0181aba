/**
 * What every transport promises, in one file: each kind of connection runs exactly these cases.
 *
 * A harness makes a network and says how to listen and dial; nothing below knows what lies between.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type {
  CloseInfo,
  Connection,
  ConnectionKind,
  DialOptions,
  Limits,
  Listener,
  ListenOptions,
  Network,
  StreamSource,
} from '../../src/transport/index.ts'

export interface Harness {
  readonly network: Network
  readonly listen: ListenOptions
  readonly dial: DialOptions
  close?(): void
}

/** A connection whose events can be awaited, so that no test waits a fixed time. */
export class Recorder {
  readonly connection: Connection
  readonly messages: string[] = []
  readonly malformed: Error[] = []
  readonly closed: Promise<CloseInfo>
  closes = 0
  #arrived = 0
  #waiting: (() => void)[] = []

  constructor(connection: Connection, onMessage?: (text: string, connection: Connection) => void) {
    this.connection = connection
    this.closed = new Promise((resolve) => {
      connection.attach({
        message: (text) => {
          this.messages.push(text)
          onMessage?.(text, connection)
          this.#notify()
        },
        malformed: (error) => {
          this.malformed.push(error)
          this.#notify()
        },
        close: (info) => {
          this.closes++
          resolve(info)
        },
      })
    })
  }

  /** Resolves when `count` messages or malformed messages have arrived in all. */
  async arrived(count: number): Promise<void> {
    while (this.#arrived < count) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #notify(): void {
    this.#arrived++
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}

export function transportCases(name: string, harnessOf: (limits?: Partial<Limits>) => Promise<Harness>): void {
  describe(`${name} connection`, () => {
    let harness: Harness
    let listener: Listener
    let onAccepted: ((recorder: Recorder) => void) | undefined

    async function open(
      limits?: Partial<Limits>,
      onMessage?: (text: string, connection: Connection) => void,
      kind: ConnectionKind = 'client',
    ): Promise<void> {
      harness = await harnessOf(limits)
      listener = await harness.network.listen({ ...harness.listen, kind }, (connection) => {
        onAccepted?.(new Recorder(connection, onMessage))
      })
    }

    /** Dials; resolves when both sides have the connection. */
    async function pair(options?: DialOptions): Promise<[near: Recorder, far: Recorder]> {
      const far = new Promise<Recorder>((resolve) => {
        onAccepted = resolve
      })
      const near = new Recorder(await harness.network.dial(listener.url, { ...harness.dial, ...options }))
      return [near, await far]
    }

    beforeEach(() => {
      onAccepted = undefined
    })
    afterEach(async () => {
      await listener?.close()
      harness?.close?.()
    })

    it('carries messages both ways, whole and in order', async () => {
      await open()
      const [near, far] = await pair()
      const texts = ['{"a":1}', 'é\u2028𝄞', 'x'.repeat(125), 'y'.repeat(126), 'z'.repeat(70_000), 'ü'.repeat(40_000), 'end']
      for (const text of texts) expect(near.connection.send(text)).toBe(true)
      await far.arrived(texts.length)
      expect(far.messages).toEqual(texts)
      for (const text of texts) far.connection.send(text)
      await near.arrived(texts.length)
      expect(near.messages).toEqual(texts)
    })

    it('keeps the order of messages sent in one turn, in promise continuations and in later turns', async () => {
      await open()
      const [near, far] = await pair()
      const expected: string[] = []
      let number = 0
      const send = (size: number) => {
        const text = `${number++}:`.padEnd(size, '.')
        expected.push(text)
        near.connection.send(text)
      }
      for (let round = 0; round < 20; round++) {
        send(10)
        send(30_000)
        await Promise.resolve()
        for (let i = 0; i < 50; i++) send(300 + i)
        await Promise.resolve()
        send(100_000)
        send(1)
        if (round % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await far.arrived(expected.length)
      expect(far.messages).toEqual(expected)
    })

    it('delivers an empty message as an empty text', async () => {
      await open()
      const [near, far] = await pair()
      near.connection.send('')
      near.connection.send('next')
      await far.arrived(2)
      expect(far.messages).toEqual(['', 'next'])
    })

    it('says who is who', async () => {
      await open()
      const [near, far] = await pair()
      expect(near.connection).toMatchObject({ dialed: true, kind: 'client', isOpen: true, identity: { method: 'none' } })
      expect(far.connection).toMatchObject({ dialed: false, kind: 'client', isOpen: true })
      expect(near.connection.id).not.toBe(far.connection.id)
      expect(near.connection.remote).toMatch(new RegExp(`:${listener.port}$`))
      expect(listener.connections).toBe(1)
      expect(listener.connectionsTotal).toBe(1)
    })

    it('delivers to a receiver attached late what arrived before', async () => {
      await open()
      onAccepted = (recorder) => {
        recorder.connection.send('early 1')
        recorder.connection.send('early 2')
      }
      const connection = await harness.network.dial(listener.url, harness.dial)
      await new Promise<void>((resolve) => setImmediate(resolve))
      const late = new Recorder(connection)
      await late.arrived(2)
      expect(late.messages).toEqual(['early 1', 'early 2'])
    })

    it('refuses to send a message over the limit and stays usable', async () => {
      await open({ messageBytesMax: 1000 })
      const [near, far] = await pair()
      expect(() => near.connection.send('x'.repeat(1001))).toThrow('Message too large: 1001 > 1000')
      expect(() => near.connection.send('ü'.repeat(501))).toThrow('Message too large: 1002 > 1000')
      near.connection.send('ü'.repeat(500))
      await far.arrived(1)
      expect(far.messages[0]).toHaveLength(500)
    })

    it('closes with 1009 when a message over its limit arrives', async () => {
      await open({ messageBytesMax: 1000 })
      const [near, far] = await pair({ limits: { messageBytesMax: 10_000 } })
      near.connection.send('fits')
      near.connection.send('x'.repeat(1001))
      near.connection.send('never seen')
      const info = await far.closed
      expect(info.code).toBe(1009)
      expect(info.error?.message).toMatch(/^Message too large: /)
      expect(far.messages).toEqual(['fits'])
      await near.closed
      expect(near.connection.isOpen).toBe(false)
    })

    it('tells both sides of a close exactly once, after everything sent before it', async () => {
      await open()
      const [near, far] = await pair()
      for (let i = 0; i < 100; i++) near.connection.send(`message ${i}`)
      near.connection.close()
      near.connection.close()
      expect(near.connection.isOpen).toBe(false)
      const [nearInfo, farInfo] = await Promise.all([near.closed, far.closed])
      expect(nearInfo.code).toBe(1000)
      expect(farInfo.code).toBe(1000)
      expect(nearInfo.error).toBeUndefined()
      expect(far.messages).toHaveLength(100)
      expect(near.closes + far.closes).toBe(2)
    })

    it('sends nothing on a closed connection, and says so', async () => {
      await open()
      const [near] = await pair()
      near.connection.close()
      expect(near.connection.send('late')).toBe(false)
      await expect(near.connection.sendStream('late')).rejects.toThrow(/not connected$/)
      await expect(near.connection.ping()).rejects.toThrow(/not connected$/)
      await near.closed
      expect(near.connection.send('later')).toBe(false)
    })

    it('closes all connections with 1001 when the listener closes', async () => {
      await open()
      const [near] = await pair()
      const [other] = await pair()
      const closing = listener.close()
      await Promise.all([near.closed, other.closed])
      await closing
      expect(listener.connections).toBe(0)
      await expect(harness.network.dial(listener.url, harness.dial)).rejects.toThrow(/connection failed/i)
    })

    it('frees the place of a closed connection', async () => {
      await open()
      const [near, far] = await pair()
      near.connection.close()
      await far.closed
      expect(listener.connections).toBe(0)
      expect(listener.connectionsTotal).toBe(1)
    })

    it('answers many pipelined requests in order', async () => {
      await open(undefined, (text, connection) => connection.send(`re:${text}`))
      const [near] = await pair()
      for (let i = 0; i < 5000; i++) near.connection.send(String(i))
      await near.arrived(5000)
      expect(near.messages).toEqual(Array.from({ length: 5000 }, (_, i) => `re:${i}`))
    })

    it('measures the round trip of a ping while messages flow', async () => {
      await open(undefined, (text, connection) => connection.send(text))
      const [near] = await pair()
      for (let i = 0; i < 100; i++) near.connection.send(String(i))
      const [first, second] = await Promise.all([near.connection.ping(), near.connection.ping()])
      expect(first).toBeGreaterThanOrEqual(0)
      expect(second).toBeGreaterThanOrEqual(0)
      await near.arrived(100)
      expect(near.messages).toHaveLength(100)
    })

    it.each<[string, () => StreamSource, string]>([
      ['a whole text', () => 'é'.repeat(100_000), 'é'.repeat(100_000)],
      ['whole bytes', () => Buffer.from('abc'), 'abc'],
      ['pieces of text', () => ['a', 'é', 'c'], 'aéc'],
      ['pieces of bytes cut inside a character', () => [Buffer.from([0xc3]), Buffer.from([0xa9])], 'é'],
      ['a generator', () => countdown(), '3210'],
      ['nothing', () => [], ''],
    ])('streams %s', async (_name, source, expected) => {
      await open()
      const [near, far] = await pair()
      near.connection.send('before')
      const done = near.connection.sendStream(source())
      near.connection.send('after')
      await done
      await far.arrived(3)
      expect(far.messages.toSorted()).toEqual(['after', 'before', expected].toSorted())
    })

    it('drops a consumer that does not read once its buffer is full, with a typed reason', async () => {
      await open({ sendBufferBytesMax: 100_000 }, undefined, 'internal')
      const far = new Promise<Recorder>((resolve) => {
        onAccepted = resolve
      })
      // Not attached: a dialed connection reads nothing until somebody listens.
      const silent = await harness.network.dial(listener.url, harness.dial)
      const sender = await far
      const text = 'x'.repeat(20_000)
      let sent = 0
      while (sender.connection.send(text)) {
        sent++
        if (sent % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      expect(sender.connection.isOpen).toBe(false)
      new Recorder(silent)
      const info = await sender.closed
      expect(info.code).toBe(1013)
      expect(info.error).toMatchObject({ code: 'SLOW_CONSUMER' })
    })
  })
}

async function* countdown(): AsyncGenerator<string> {
  for (const digit of ['3', '2', '1', '0']) {
    await new Promise((resolve) => setImmediate(resolve))
    yield digit
  }
}
