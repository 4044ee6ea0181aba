import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DELIVERIES, decodeFabricMessage, encodeFabricMessage, type FabricMessage, MESSAGE_TYPES, PRIORITIES, skipJson } from './fabric.ts'
import { RawJson } from './json.ts'

const NOW = 1_790_000_000

function decode(payload: unknown) {
  const text = JSON.stringify({ role: 'fabric-message', payload })
  return decodeFabricMessage(JSON.parse(text), text, NOW)
}

const complete = {
  message_id: 'm',
  topic: 't',
  message_type: 'rpc',
  delivery: 'quorum',
  payload: { a: 1 },
  headers: {
    correlation_id: 'c',
    source_cluster: 's',
    target_cluster: null,
    routing_path: ['ws://a:1'],
    federation_path: ['x'],
    hop_budget: 5,
    priority: 'bulk',
    metadata: { k: 'v' },
  },
  timestamp: 1.5,
}

const name = fc.string({ unit: 'grapheme', minLength: 1 })
const rawText = fc.constantFrom('1.0', '-0', '{"2":1,"1":2.50}', '[ 18446744073709551615 ]', '"\\u0061"', 'null', '{"__proto__":{"x":1e5}}')
const message: fc.Arbitrary<FabricMessage> = fc.record({
  message_id: name,
  topic: name,
  message_type: fc.constantFrom(...MESSAGE_TYPES),
  delivery: fc.constantFrom(...DELIVERIES),
  payload: rawText.map((text) => new RawJson(text)),
  headers: fc.record({
    correlation_id: name,
    source_cluster: fc.option(name),
    target_cluster: fc.option(name),
    routing_path: fc.array(name),
    federation_path: fc.array(name),
    hop_budget: fc.option(fc.nat()),
    priority: fc.constantFrom(...PRIORITIES),
    metadata: fc.constantFrom('{}', '{"ttl":1.0,"payload":2}', '{ "headers" : {} }').map((text) => new RawJson(text)),
  }),
  timestamp: fc.double({ noNaN: true, noDefaultInfinity: true }),
})

describe('the fabric-message envelope', () => {
  it('wire check 32: what is needed is demanded, what is unknown takes its default, and decoding undoes encoding', () => {
    expect(decode({ ...complete, headers: { ...complete.headers, correlation_id: undefined } })).toEqual({
      rejected: 'headers.correlation_id is missing',
    })
    const odd = decode({
      ...complete,
      message_type: 'smoke-signal',
      delivery: 'perhaps',
      headers: { ...complete.headers, priority: 'urgent' },
    })
    expect(odd).toMatchObject({ message: { message_type: 'data', delivery: 'fire_and_forget', headers: { priority: 'normal' } } })
    fc.assert(
      fc.property(message, (original) => {
        const text = encodeFabricMessage(original)
        const decoded = decodeFabricMessage(JSON.parse(text), text, NOW)
        expect(decoded).toEqual({ message: original })
        if ('message' in decoded) expect(encodeFabricMessage(decoded.message)).toBe(text)
      }),
    )
  })

  it.each<[payload: unknown, reason: string]>([
    [undefined, 'payload is not an object'],
    [[], 'payload is not an object'],
    [{ message_id: 'x' }, 'topic is missing'],
    [{ ...complete, message_id: '' }, 'message_id is missing'],
    [{ ...complete, message_id: 7 }, 'message_id is missing'],
    [{ ...complete, headers: 'none' }, 'headers.correlation_id is missing'],
    [{ ...complete, headers: { ...complete.headers, correlation_id: '' } }, 'headers.correlation_id is missing'],
  ])('rejects %o', (payload, reason) => {
    expect(decode(payload)).toEqual({ rejected: reason })
  })

  it('fills in what a sparse sender leaves out', () => {
    expect(
      decode({ message_id: 'm', topic: 't', headers: { correlation_id: 'c', routing_path: 'x', hop_budget: 'many', metadata: [] } }),
    ).toEqual({
      message: {
        message_id: 'm',
        topic: 't',
        message_type: 'data',
        delivery: 'fire_and_forget',
        payload: new RawJson('null'),
        headers: {
          correlation_id: 'c',
          source_cluster: null,
          target_cluster: null,
          routing_path: [],
          federation_path: [],
          hop_budget: null,
          priority: 'normal',
          metadata: new RawJson('{}'),
        },
        timestamp: NOW,
      },
    })
  })
})

describe('passing over a value', () => {
  const awkward = fc.constantFrom('\\', '"', ']', '}', '[{', '\\"', 'é', '\u{1F30B}', '\ud800', 'plain', 'x'.repeat(70))
  const value = fc.oneof(fc.array(awkward, { maxLength: 4 }), fc.dictionary(awkward, awkward, { maxKeys: 3 }), awkward)

  it('ends where it ends, wherever the pieces it is looked at in begin', () => {
    fc.assert(
      // Around the first thousand characters, and around eight and sixteen thousand after those.
      fc.property(fc.array(value), fc.constantFrom(0, 900, 9_100, 17_300), fc.nat({ max: 200 }), (list, before, more) => {
        const text = JSON.stringify([{ filler: Array.from({ length: (before + more) / 8 }, () => '\\"]') }, ' '.repeat(more % 9), list])
        expect(skipJson(`${text}]}"`, 0)).toBe(text.length)
        expect(skipJson(`[${text},1]`, 1)).toBe(text.length + 1)
        expect(() => skipJson(text.slice(0, -1), 0)).toThrow(SyntaxError)
      }),
      { numRuns: 2_000 },
    )
  })
})
