import { describe, expect, it } from 'vitest'
import { lengthFraming } from './framing.ts'
import { type ByteSink, TurnWriter } from './turn-writer.ts'

/** A socket that remembers each write; `busy` keeps the bytes as an overloaded kernel would. */
class Sink implements ByteSink {
  readonly writes: Buffer[] = []
  busy = false
  writableLength = 0

  write(chunk: Uint8Array): boolean {
    // A busy socket refers to the very bytes it was given: a writer that reuses them too early shows here.
    this.writes.push(this.busy ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.from(chunk))
    if (this.busy) this.writableLength += chunk.length
    return !this.busy
  }

  /** The texts written, in order. */
  texts(): string[] {
    const bytes = Buffer.concat(this.writes)
    const texts: string[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32BE(at)
      texts.push(bytes.toString('utf8', at + 4, at + 4 + length))
      at += 4 + length
    }
    return texts
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** As in a socket's data event: synchronous code first, then the promises it settled. Returns what had left before the turn ended. */
async function busyTurn(writer: TurnWriter, sink: Sink): Promise<string[]> {
  let early: string[] = []
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      for (let i = 0; i < 10; i++) writer.send(`sync ${i}`)
      void Promise.resolve()
        .then(() => writer.send('continuation 1'))
        .then(() => {})
        .then(() => writer.send('continuation 2'))
      early = sink.texts()
      setImmediate(resolve)
    })
  })
  return early
}

describe('turn writer', () => {
  it('sends the first message of a turn at once, the rest together after the promise continuations of that turn', async () => {
    const sink = new Sink()
    const writer = new TurnWriter(sink, lengthFraming)
    const early = await busyTurn(writer, sink)
    expect(early).toEqual(['sync 0'])
    expect(sink.writes).toHaveLength(2)
    expect(sink.texts()).toEqual([...Array.from({ length: 10 }, (_, i) => `sync ${i}`), 'continuation 1', 'continuation 2'])
  })

  it('puts a whole turn into one write when the turn before was busy, too', async () => {
    const sink = new Sink()
    const writer = new TurnWriter(sink, lengthFraming)
    await busyTurn(writer, sink)
    sink.writes.length = 0
    expect(await busyTurn(writer, sink)).toEqual([])
    expect(sink.writes).toHaveLength(1)
    expect(sink.texts()).toHaveLength(12)
    writer.send('one')
    await nextTurn()
    writer.send('at once')
    expect(sink.texts().at(-1)).toBe('at once')
    await nextTurn()
  })

  it('starts afresh in the next turn', async () => {
    const sink = new Sink()
    const writer = new TurnWriter(sink, lengthFraming)
    writer.send('a')
    await nextTurn()
    expect(sink.texts()).toEqual(['a'])
    writer.send('b')
    await nextTurn()
    expect(sink.texts()).toEqual(['a', 'b'])
  })

  it('hands over a long turn in pieces, so that the other side can begin', async () => {
    const sink = new Sink()
    const writer = new TurnWriter(sink, lengthFraming)
    const text = 'x'.repeat(1000)
    for (let i = 0; i < 1000; i++) writer.send(text)
    expect(sink.writes.length).toBeGreaterThan(100)
    expect(writer.bufferedBytes).toBeLessThan(10_000)
    await nextTurn()
    expect(sink.texts()).toHaveLength(1000)
    expect(sink.writes.length).toBeLessThan(130)
  })

  it('gathers full batches for a socket that is behind', async () => {
    const sink = new Sink()
    sink.busy = true
    const writer = new TurnWriter(sink, lengthFraming)
    writer.send('the first fills the socket')
    await nextTurn()
    for (let i = 0; i < 1000; i++) writer.send('x'.repeat(1000))
    await nextTurn()
    expect(sink.texts()).toHaveLength(1001)
    expect(sink.writes.length).toBeLessThan(20)
  })

  it('keeps the order when large messages mix with small ones', async () => {
    const sink = new Sink()
    const writer = new TurnWriter(sink, lengthFraming)
    const texts = ['a', 'b', 'x'.repeat(200_000), 'c', 'y'.repeat(30_000), 'ü'.repeat(50_000), 'd']
    for (const text of texts) writer.send(text)
    await nextTurn()
    expect(sink.texts()).toEqual(texts)
  })

  it('never touches bytes a busy socket still holds', async () => {
    const sink = new Sink()
    sink.busy = true
    const writer = new TurnWriter(sink, lengthFraming)
    const other = new Sink()
    const otherWriter = new TurnWriter(other, lengthFraming)
    const texts: string[] = []
    for (let turn = 0; turn < 50; turn++) {
      for (let i = 0; i < 1 + (turn % 7); i++) {
        const text = `${turn}/${i} `.repeat(1 + ((turn * 137) % 2500))
        texts.push(text)
        writer.send(text)
        otherWriter.send(`noise ${turn} ${i}`.repeat(300))
      }
      await nextTurn()
    }
    expect(sink.texts()).toEqual(texts)
  })

  it('counts what waits', async () => {
    const sink = new Sink()
    sink.busy = true
    const writer = new TurnWriter(sink, lengthFraming)
    writer.send('12345678')
    writer.send('12345678')
    expect(writer.bufferedBytes).toBe(24)
    await nextTurn()
    expect(writer.bufferedBytes).toBe(24)
    sink.writableLength = 0
    expect(writer.bufferedBytes).toBe(0)
  })

  it('holds messages back while a stream owns the connection', async () => {
    const sink = new Sink()
    const writer = new TurnWriter(sink, lengthFraming)
    writer.send('before 1')
    writer.send('before 2')
    writer.hold()
    writer.send('held 1')
    writer.sendFrame(Buffer.from('\0\0\0\u0006held 2'))
    await nextTurn()
    expect(sink.texts()).toEqual(['before 1', 'before 2'])
    expect(writer.bufferedBytes).toBe(20)
    writer.release()
    expect(sink.texts()).toEqual(['before 1', 'before 2', 'held 1', 'held 2'])
    writer.send('after')
    await nextTurn()
    expect(sink.texts().at(-1)).toBe('after')
  })

  it('serves thousands of connections in one turn without a buffer for each', async () => {
    const before = process.memoryUsage().arrayBuffers
    const sinks = Array.from({ length: 5000 }, () => new Sink())
    for (const sink of sinks) {
      const writer = new TurnWriter(sink, lengthFraming)
      writer.send('first')
      writer.send('second')
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000)
    await nextTurn()
    for (const sink of sinks) expect(sink.texts()).toEqual(['first', 'second'])
  })
})
