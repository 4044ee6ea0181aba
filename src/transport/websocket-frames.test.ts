import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyMask, clientFraming, serverFraming } from './websocket-frames.ts'

/** Reads one frame the slow and obvious way. */
function decode(frame: Buffer): { opcode: number; masked: boolean; payload: Buffer; rest: number } {
  let at = 2
  let length = (frame[1] as number) & 0x7f
  const masked = ((frame[1] as number) & 0x80) !== 0
  if (length === 126) {
    length = frame.readUInt16BE(at)
    at += 2
  } else if (length === 127) {
    length = Number(frame.readBigUInt64BE(at))
    at += 8
  }
  const mask = masked ? frame.subarray(at, at + 4) : Buffer.alloc(4)
  if (masked) at += 4
  const payload = Buffer.from(frame.subarray(at, at + length))
  for (const [i, byte] of payload.entries()) payload[i] = byte ^ (mask[i & 3] as number)
  return { opcode: frame[0] as number, masked, payload, rest: frame.length - at - length }
}

describe.each([
  ['server', serverFraming, false],
  ['client', clientFraming, true],
])('%s frames', (_name, framing, masked) => {
  it.each([0, 1, 41, 42, 125, 126, 127, 21_845, 21_846, 65_535, 65_536, 70_000])(
    'frame a text of %i bytes with the shortest length field',
    (size) => {
      const text = 'x'.repeat(size)
      const target = Buffer.alloc(framing.headerBytesMax + size * 3 + 8)
      const end = framing.encode(text, -1, target, 3)
      const header = (size <= 125 ? 2 : size <= 65_535 ? 4 : 10) + (masked ? 4 : 0)
      expect(end).toBe(3 + header + size)
      expect(decode(target.subarray(3, end))).toEqual({ opcode: 0x82, masked, payload: Buffer.from(text), rest: 0 })
    },
  )

  it('carry any text at any offset, counted beforehand or not', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.nat(9), fc.boolean(), (text, offset, counted) => {
        const bytes = Buffer.byteLength(text)
        const target = Buffer.alloc(offset + framing.headerBytesMax + (counted ? bytes : text.length * 3))
        const end = framing.encode(text, counted ? bytes : -1, target, offset)
        expect(decode(target.subarray(offset, end)).payload.toString()).toBe(text)
      }),
    )
  })

  it('replace a lone surrogate, which UTF-8 can not carry', () => {
    const target = Buffer.alloc(64)
    const end = framing.encode('a\ud800b', -1, target, 0)
    expect(decode(target.subarray(0, end)).payload.toString()).toBe('a\ufffdb')
  })
})

describe('masking', () => {
  it('is the same by words as by bytes, wherever it starts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(7), fc.integer(), (bytes, start, key) => {
        const target = Buffer.concat([Buffer.alloc(start), Buffer.from(bytes)])
        const expected = Buffer.from(target)
        for (let i = start; i < expected.length; i++) expected[i] = (expected[i] as number) ^ ((key >>> (8 * ((i - start) & 3))) & 0xff)
        applyMask(target, start, target.length, key)
        expect(target).toEqual(expected)
      }),
    )
  })

  it('uses a fresh key for each frame', () => {
    const keys = new Set<string>()
    for (let i = 0; i < 5000; i++) {
      const target = Buffer.alloc(32)
      clientFraming.encode('abc', -1, target, 0)
      keys.add(target.subarray(2, 6).toString('hex'))
    }
    expect(keys.size).toBeGreaterThan(4990)
  })
})
