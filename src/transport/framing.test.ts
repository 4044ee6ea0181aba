import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MessageTooLargeError, StreamTooLargeError } from './errors.ts'
import {
  encodeChunk,
  encodePiece,
  encodeStream,
  FLAG_CONTINUE,
  FLAG_END,
  FLAG_ERROR,
  FrameParser,
  lengthFraming,
  PING_FRAME,
  PONG_FRAME,
  STREAM_ABORT,
  STREAM_END,
  STREAM_START,
} from './framing.ts'

const ROOMY = { messageBytesMax: 1_000_000, streamBytesMax: 1_000_000 }

/** Everything a parser reports, as text; messages are copied because their bytes are only lent. */
function record(limits = ROOMY): { events: string[]; parser: FrameParser } {
  const events: string[] = []
  const parser = new FrameParser(limits, {
    message: (data) => events.push(`message ${data.toString('latin1')}`),
    pingReceived: () => events.push('ping'),
    pongReceived: () => events.push('pong'),
    streamAborted: () => events.push('aborted'),
  })
  return { events, parser }
}

function frame(text: string): Buffer {
  const target = Buffer.alloc(4 + text.length * 3)
  return target.subarray(0, lengthFraming.encode(text, -1, target, 0))
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex')
}

describe('length framing', () => {
  it('puts four bytes of big-endian length before the payload', () => {
    expect(frame('{"a":1}')).toEqual(hex('00 00 00 07 7b 22 61 22 3a 31 7d'))
    expect(frame('')).toEqual(hex('00 00 00 00'))
    expect(frame('é𝄞')).toEqual(hex('00 00 00 06 c3 a9 f0 9d 84 9e'))
  })

  it('has an eight-byte ping and pong', () => {
    expect(PING_FRAME).toEqual(hex('00000004 50494e47'))
    expect(PONG_FRAME).toEqual(hex('00000004 504f4e47'))
  })

  it('cuts data of known length into full chunks, the last of them flagged END', () => {
    const digits = '01234567890123456789012345678' + '9'
    expect(Buffer.concat([...encodeStream(Buffer.from(digits), 8)])).toEqual(
      hex(`ffffffff
        00000008 00000001 3031323334353637
        00000008 00000001 3839303132333435
        00000008 00000001 3637383930313233
        00000006 00000002 343536373839`),
    )
    expect(Buffer.concat([...encodeStream(Buffer.from('abcdefghij'), 4)])).toEqual(
      hex('ffffffff 00000004 00000001 61626364 00000004 00000001 65666768 00000002 00000002 696a'),
    )
    expect(Buffer.concat([...encodeStream(Buffer.from('abc'), 2)])).toEqual(hex('ffffffff 00000002 00000001 6162 00000001 00000002 63'))
    expect(Buffer.concat([...encodeStream(Buffer.from('abcd'), 4)])).toEqual(hex('ffffffff 00000004 00000002 61626364'))
  })

  it('ends an empty stream with an empty END chunk', () => {
    expect(Buffer.concat([...encodeStream(Buffer.alloc(0), 8)])).toEqual(hex('ffffffff 00000000 00000002'))
  })

  it('sends pieces of unknown number as CONTINUE, then an empty END or ERROR chunk', () => {
    expect(Buffer.concat([...encodePiece(Buffer.from('abc'), 2)])).toEqual(hex('00000002 00000001 6162 00000001 00000001 63'))
    expect(STREAM_END).toEqual(hex('00000000 00000002'))
    expect(STREAM_ABORT).toEqual(hex('00000000 00000004'))
  })
})

describe('frame parser', () => {
  it('reads a recorded request whole and byte by byte', () => {
    const body =
      '{"role":"rpc","cmds":[{"name":"echo","fun":"echo","args":["hello tcp"],"kwargs":{},"locs":[]}],"u":"01M85RTE6DYQVWPQWNFKC9HESC"}'
    const bytes = Buffer.concat([hex('00000005 68656c6c6f'), frame(body)])
    const whole = record()
    whole.parser.push(bytes)
    const dripped = record()
    for (const byte of bytes) dripped.parser.push(Buffer.from([byte]))
    expect(whole.events).toEqual(['message hello', `message ${body}`])
    expect(dripped.events).toEqual(whole.events)
  })

  it('tells ping, pong and their look-alikes apart', () => {
    const { events, parser } = record()
    parser.push(Buffer.concat([PING_FRAME, hex('00000005 504f4e473f'), PONG_FRAME, frame('PIN'), frame('pong')]))
    expect(events).toEqual(['ping', 'message PONG?', 'pong', 'message PIN', 'message pong'])
  })

  it('does not take a ping inside a stream for one', () => {
    const { events, parser } = record()
    parser.push(Buffer.concat([...encodeStream(Buffer.from('PING'), 64)]))
    expect(events).toEqual(['message PING'])
  })

  it('goes on after a stream its sender gave up', () => {
    const { events, parser } = record()
    parser.push(Buffer.concat([STREAM_START, encodeChunk(Buffer.from('lost'), FLAG_CONTINUE), STREAM_ABORT, frame('next')]))
    parser.push(Buffer.concat([STREAM_START, encodeChunk(Buffer.from('ignored'), FLAG_ERROR), frame('last')]))
    expect(events).toEqual(['aborted', 'message next', 'aborted', 'message last'])
    expect(parser.atBoundary).toBe(true)
  })

  it('knows whether the stream may end here', () => {
    const { parser } = record()
    expect(parser.atBoundary).toBe(true)
    parser.push(hex('00 00'))
    expect(parser.atBoundary).toBe(false)
    parser.push(hex('00 02 61'))
    expect(parser.atBoundary).toBe(false)
    parser.push(hex('62'))
    expect(parser.atBoundary).toBe(true)
    parser.push(STREAM_START)
    expect(parser.atBoundary).toBe(false)
  })

  it('refuses a length over the limit before its bytes arrive, and stops', () => {
    const { events, parser } = record({ messageBytesMax: 16, streamBytesMax: 16 })
    expect(() => parser.push(Buffer.concat([frame('1234567890123456'), hex('00000011')]))).toThrow(new MessageTooLargeError(17, 16))
    parser.push(frame('late'))
    expect(events).toEqual(['message 1234567890123456'])
  })

  it('does not take the stream marker for a length whatever the limit', () => {
    const { events, parser } = record({ messageBytesMax: 2 ** 32, streamBytesMax: 100 })
    parser.push(Buffer.concat([STREAM_START, encodeChunk(Buffer.from('x'), FLAG_END)]))
    expect(events).toEqual(['message x'])
  })

  it('bounds the sum of a stream, not its chunks', () => {
    const { parser } = record({ messageBytesMax: 16, streamBytesMax: 1024 })
    parser.push(STREAM_START)
    parser.push(encodeChunk(Buffer.alloc(1000), FLAG_CONTINUE))
    expect(() => parser.push(encodeChunk(Buffer.alloc(1048), FLAG_END))).toThrow(new StreamTooLargeError(2048, 1024))
  })

  it('reports nothing after it was stopped, even from the same bytes', () => {
    const events: string[] = []
    const parser: FrameParser = new FrameParser(ROOMY, {
      message: (data) => {
        events.push(data.toString())
        parser.stop()
      },
      pingReceived: () => events.push('ping'),
      pongReceived: () => events.push('pong'),
      streamAborted: () => events.push('aborted'),
    })
    parser.push(Buffer.concat([frame('one'), frame('two'), PING_FRAME]))
    expect(events).toEqual(['one'])
  })

  it('collects a large message in linear time', () => {
    const { events, parser } = record()
    const bytes = frame('x'.repeat(900_000))
    for (let at = 0; at < bytes.length; at += 7) parser.push(bytes.subarray(at, at + 7))
    expect(events).toEqual([`message ${'x'.repeat(900_000)}`])
  })

  it('reports the same events however the bytes are cut', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 })
    const item = fc.oneof(
      text.map((value) => ({ bytes: frame(value), event: eventOf(value) })),
      fc.tuple(text, fc.integer({ min: 1, max: 50 })).map(([value, chunk]) => ({
        bytes: Buffer.concat([...encodeStream(Buffer.from(value), chunk)]),
        event: `message ${Buffer.from(value).toString('latin1')}`,
      })),
      fc.array(text, { maxLength: 4 }).map((values) => ({
        bytes: Buffer.concat([STREAM_START, ...values.flatMap((value) => [...encodePiece(Buffer.from(value), 64)]), STREAM_ABORT]),
        event: 'aborted',
      })),
      fc.constantFrom({ bytes: PING_FRAME, event: 'ping' }, { bytes: PONG_FRAME, event: 'pong' }),
    )
    fc.assert(
      fc.property(fc.array(item, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 40 }), (items, cuts) => {
        const bytes = Buffer.concat(items.map((each) => each.bytes))
        const { events, parser } = record()
        let from = 0
        for (const cut of cuts.map((value) => value % (bytes.length + 1)).toSorted((a, b) => a - b)) {
          parser.push(bytes.subarray(from, cut))
          from = cut
        }
        parser.push(bytes.subarray(from))
        expect(events).toEqual(items.map((each) => each.event))
        expect(parser.atBoundary).toBe(true)
      }),
    )
  })

  it('survives any bytes: it reports or throws a typed error, and holds no more than the limits', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (pieces) => {
        const { parser } = record({ messageBytesMax: 64, streamBytesMax: 64 })
        try {
          for (const piece of pieces) parser.push(Buffer.from(piece))
        } catch (error) {
          expect(error instanceof MessageTooLargeError || error instanceof StreamTooLargeError).toBe(true)
        }
      }),
    )
  })
})

function eventOf(text: string): string {
  if (text === 'PING') return 'ping'
  if (text === 'PONG') return 'pong'
  return `message ${Buffer.from(text).toString('latin1')}`
}
