import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DELIVERIES, encodeFabricMessage, type FabricMessage, PRIORITIES, scanFabricFrame } from './fabric.ts'
import { encodeCall, scanCall, scanCallPayload } from './fabric-call.ts'
import { decodeFabricPayload, encodeFabricPayload, type FabricRpcRequest, type FabricRpcResponse } from './fabric-payloads.ts'
import { RawJson } from './json.ts'

const NOW = 9.5
const plain = fc.constantFrom('ws://10.0.0.1:7000', 'moss', 'add', '01M85RR10CWF2QJR08MJYJFX70')
const name = fc.oneof(
  { arbitrary: plain, weight: 30 },
  { arbitrary: fc.oneof(fc.string({ unit: 'grapheme', minLength: 1 }), fc.constantFrom('a"b', 'backslash')), weight: 1 },
)
const raw = (...texts: string[]) => fc.constantFrom(...texts).map((text) => new RawJson(text))
const request: fc.Arbitrary<FabricRpcRequest> = fc.record({
  kind: fc.constant('rpc-request' as const),
  request_id: name,
  command: name,
  args: raw('[]', '[1.0,"]"]', '[ 18446744073709551615 ]', '[{"a":[{}]},"\\"}"]'),
  kwargs: raw('{}', '{"k":1.50}', '{ "{" : "}" }'),
  resources: fc.uniqueArray(name, { maxLength: 3 }).map((list) => list.sort()),
  function_id: fc.option(name),
  version_constraint: fc.option(name),
  target_cluster: fc.option(name),
  target_node: fc.option(name),
  reply_to: name,
  federation_path: fc.array(name, { maxLength: 3 }),
  federation_remaining_hops: fc.option(fc.nat()),
})
const response: fc.Arbitrary<FabricRpcResponse> = fc.record({
  kind: fc.constant('rpc-response' as const),
  request_id: name,
  success: fc.boolean(),
  result: raw('null', '1.0', '"a\\\\"', '{"x":[1,2]}', '-0', 'true'),
  error: fc.option(raw('{"error":"e"}', '"x"', '0')),
  responder: name,
  reply_to: name,
  reply_cluster: fc.option(name),
  routing_path: fc.array(name, { maxLength: 3 }),
})
const call = fc.oneof(request, response)
const message = (payload: RawJson): fc.Arbitrary<FabricMessage> =>
  fc.record({
    message_id: name,
    topic: name,
    message_type: fc.constant('rpc' as const),
    delivery: fc.constantFrom(...DELIVERIES),
    payload: fc.constant(payload),
    headers: fc.record({
      correlation_id: name,
      source_cluster: fc.option(name),
      target_cluster: fc.option(name),
      routing_path: fc.array(name, { maxLength: 4 }),
      federation_path: fc.array(name, { maxLength: 2 }),
      hop_budget: fc.option(fc.nat()),
      priority: fc.constantFrom(...PRIORITIES),
      metadata: raw('{}', '{"deadline_ms":5}', '{ "headers" : {"correlation_id":"x"} }'),
    }),
    timestamp: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(1795490055.25)),
  })

describe('frames of calls, read in one pass', () => {
  it('mean what the general readers take them for, or are left to those', () => {
    let read = 0
    fc.assert(
      fc.property(
        call.chain((payload) => message(encodeCall(payload)).map((sent) => ({ payload, sent }))),
        ({ payload, sent }) => {
          const text = encodeFabricMessage(sent)
          const scan = scanCall(text)
          if (scan === undefined) return
          read++
          const general = scanFabricFrame(text, NOW)
          if ('rejected' in general) throw new Error(general.rejected)
          expect(scan.message).toEqual(general.scan.message)
          expect(scan.headers).toEqual(general.scan.headers)
          expect({ payload: scan.call }).toEqual(decodeFabricPayload(scan.message.payload, NOW))
          expect(scan.call).toEqual(payload)
          expect(scanCallPayload(scan.message.payload)).toEqual(payload)
        },
      ),
      { numRuns: 2000 },
    )
    expect(read).toBeGreaterThan(100)
  })

  it('whatever is done to a frame, it is read as the general readers read it, or not at all', () => {
    const cut = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      drop: fc.nat(6),
      put: fc.constantFrom('', '"', '}', ',', ':', ' ', '0', '\\', '[', 'null', ',"x":1'),
    })
    const head =
      '{"role":"fabric-message","payload":{"message_id":"M1","topic":"t","message_type":"rpc","delivery":"at_least_once","payload":'
    const tail =
      ',"headers":{"correlation_id":"M1","source_cluster":"c","target_cluster":null,"routing_path":["ws://a"],"federation_path":[],"hop_budget":5,"priority":"normal","metadata":{}},"timestamp":12.5}}'
    fc.assert(
      fc.property(call, cut, (payload, { at, drop, put }) => {
        const whole = head + encodeCall(payload).text + tail
        const from = Math.floor(at * whole.length)
        const text = whole.slice(0, from) + put + whole.slice(from + drop)
        const scan = scanCall(text)
        let isJson = true
        try {
          JSON.parse(text)
        } catch {
          isJson = false
        }
        // What lies inside a carried value is not looked at here, nor by the general scan.
        if (scan === undefined || !isJson) return
        const general = scanFabricFrame(text, NOW)
        expect('scan' in general && general.scan.message).toEqual(scan.message)
        expect(decodeFabricPayload(scan.message.payload, NOW)).toEqual({ payload: scan.call })
      }),
      { numRuns: 5000 },
    )
  })

  it('recorded frames of other implementations are read this way', () => {
    for (const kind of ['rpc-request', 'rpc-response']) {
      const text = readFileSync(new URL(`../../test/vectors/peer-frames/${kind}.json`, import.meta.url), 'utf8').trim()
      expect(scanCall(text)?.call.kind).toBe(kind)
    }
  })

  it('are printed as the general writer prints them', () => {
    fc.assert(
      fc.property(call, (payload) => {
        expect(encodeCall(payload)).toEqual(encodeFabricPayload(payload))
      }),
    )
  })
})
