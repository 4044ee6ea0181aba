import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BundledRequest,
  type BundledResponse,
  bundledRequests,
  bundledResponses,
  type CallBundle,
  encodeBundle,
  isBundled,
  type RequestBundle,
  requestsText,
  responsesText,
  scanBundle,
} from './fabric-bundle.ts'
import { glanceAtFrame } from './frame.ts'
import { RawJson } from './json.ts'

const id = fc.stringMatching(/^[0-9A-Z]{26}$/)
const word = fc.oneof(fc.stringMatching(/^[ !#-[\]-~]{1,12}$/), fc.string({ unit: 'grapheme' }))
const raw = (...texts: string[]) => fc.constantFrom(...texts).map((text) => new RawJson(text))
const request: fc.Arbitrary<BundledRequest> = fc.record({
  request_id: id,
  command: word,
  args: raw('[]', '["}]",1.0]', '[{"a":[]}]'),
  kwargs: raw('{}', '{"k":18446744073709551615}'),
  resources: fc.uniqueArray(word, { maxLength: 3 }).map((list) => list.sort()),
  function_id: fc.option(word),
  version_constraint: fc.option(word),
  deadline_ms: fc.nat(),
})
const response: fc.Arbitrary<BundledResponse> = fc.record({
  request_id: id,
  success: fc.boolean(),
  result: raw('null', '1.0', '"],[" '.trim(), '{"x":[1]}'),
  error: fc.option(raw('{"error":"e"}')),
})
const headers = {
  correlation_id: 'C',
  source_cluster: 'moss',
  target_cluster: 'moss',
  routing_path: ['ws://a', 'ws://b'],
  federation_path: [],
  hop_budget: 5,
  priority: 'normal',
  metadata: new RawJson('{}'),
} as const
const requestBundle = (calls: readonly BundledRequest[]): RequestBundle => ({
  kind: 'rpc-requests',
  count: calls.length,
  headers,
  target_node: 'ws://d',
  reply_to: 'ws://a',
  calls: requestsText(calls),
})

describe('bundles of calls', () => {
  it('requests arrive as they were sent', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1 }), (all) => {
        const calls = all.filter((one) => isBundled({ ...one, fun: one.command, locs: one.resources }, one.deadline_ms))
        if (calls.length === 0) return
        const bundle = requestBundle(calls)
        const text = encodeBundle(bundle)
        expect(JSON.parse(text)).toMatchObject({ role: 'fabric-bundle', payload: { count: calls.length } })
        const scan = scanBundle(text)
        expect(scan?.bundle).toEqual(bundle)
        expect(text.slice(scan?.headers.start, scan?.headers.end)).toContain('"routing_path":["ws://a","ws://b"]')
        expect(bundledRequests(scan?.bundle as RequestBundle, scan)).toEqual(calls)
      }),
    )
  })

  it('answers arrive as they were sent', () => {
    fc.assert(
      fc.property(fc.array(response, { minLength: 1 }), (answers) => {
        const bundle: CallBundle = {
          kind: 'rpc-responses',
          count: answers.length,
          headers,
          responder: 'ws://d',
          reply_to: 'ws://a',
          routing_path: ['ws://a', 'ws://d'],
          calls: responsesText(answers),
        }
        const scan = scanBundle(encodeBundle(bundle))
        expect(scan?.bundle).toEqual(bundle)
        expect(bundledResponses(bundle, scan)).toEqual(answers)
      }),
    )
  })

  it('hold nothing that passes for a member of the frame', () => {
    const text = encodeBundle({ ...requestBundle([]), count: 1, calls: new RawJson('[]},"role":"server","payload":{"calls":[]') })
    expect(JSON.parse(text)).toMatchObject({ role: 'server' })
    expect(glanceAtFrame(text).role).toBe('fabric-bundle')
    const scan = scanBundle(text)
    expect(scan?.bundle.kind).toBe('rpc-requests')
    expect(bundledRequests(scan?.bundle as RequestBundle, scan)).toBeUndefined()
  })

  it('are taken whole or not at all', () => {
    const call = {
      request_id: 'A',
      command: 'f',
      args: new RawJson('[]'),
      kwargs: new RawJson('{}'),
      resources: [],
      function_id: null,
      version_constraint: null,
      deadline_ms: 1,
    }
    const bundle = requestBundle([call, { ...call, request_id: 'B' }])
    const text = bundle.calls.text
    for (const broken of [
      '[]',
      text.slice(0, -1),
      `${text} `,
      text.replace('"deadline_ms":1}', '"deadline_ms":-1}'),
      text.replace(',{', ', {'),
    ]) {
      expect(bundledRequests({ ...bundle, calls: new RawJson(broken) }, undefined)).toBeUndefined()
    }
    expect(bundledRequests({ ...bundle, count: 3 }, undefined)).toBeUndefined()
    expect(scanBundle(`${encodeBundle(bundle)} `)).toBeUndefined()
    expect(scanBundle('{"role":"fabric-bundle","payload":{}}')).toBeUndefined()
  })
})
