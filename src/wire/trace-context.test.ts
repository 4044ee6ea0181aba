import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RawJson } from './json.ts'
import { decodePublish } from './pubsub.ts'
import { decodeRpcRequest } from './rpc.ts'
import { encodeRpcRequest } from './rpc-client.ts'
import {
  answerWithHops,
  bundledTracesIn,
  isSampled,
  metadataOfTraces,
  traceContextIn,
  traceContextOf,
  traceHopsIn,
  withTraceContext,
} from './trace-context.ts'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const CONTEXT = { traceparent: PARENT, tracestate: undefined, hops: undefined }

describe('a traceparent', () => {
  it.each([
    ['of version 00', PARENT, true],
    ['of a later version, with more behind it', `${PARENT.replace('00', '01')}-more`, true],
    ['of the version that is none', PARENT.replace('00', 'ff'), false],
    ['without a trace id', '00-00000000000000000000000000000000-b7ad6b7169203331-01', false],
    ['without a span id', '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01', false],
    ['in capitals', PARENT.toUpperCase(), false],
    ['with a quote in it', `${PARENT}-"`, false],
    ['that is too long', `${PARENT}-${'x'.repeat(100)}`, false],
    ['that is a number', 7, false],
  ])('%s', (_what, traceparent, isOne) => {
    const context = traceContextOf({ traceparent })
    expect(context !== undefined).toBe(isOne)
  })

  it('can stand in JSON as it is, whatever it was', () => {
    fc.assert(
      fc.property(fc.string(), (more) => {
        const context = traceContextOf({ traceparent: `${PARENT}-${more}` })
        if (context !== undefined) expect(JSON.parse(`"${context.traceparent}"`)).toBe(context.traceparent)
      }),
    )
  })

  it('says whether its trace is recorded', () => {
    expect(isSampled(CONTEXT)).toBe(true)
    expect(isSampled({ ...CONTEXT, traceparent: PARENT.replace(/01$/, '02') })).toBe(false)
  })
})

describe('the trace context of a request frame', () => {
  it('is read back as it was written, and never fails a request', () => {
    const text = encodeRpcRequest('u', [{ name: 'a', fun: 'f' }], undefined, { ...CONTEXT, tracestate: 'x="1"', hops: '[]' })
    expect(decodeRpcRequest(JSON.parse(text), text).trace).toEqual({ traceparent: PARENT, tracestate: 'x="1"', hops: '[]' })
    const odd = '{"role":"rpc","cmds":[],"u":"1","traceparent":{"a":1},"tracestate":3,"trace_hops":"yes"}'
    expect(decodeRpcRequest(JSON.parse(odd), odd).trace).toBeUndefined()
  })

  it('is not there without a trace', () => {
    expect(encodeRpcRequest('u', [{ name: 'a', fun: 'f' }])).toBe('{"role":"rpc","cmds":[{"name":"a","fun":"f"}],"u":"u"}')
  })
})

describe('the trace context of a publication', () => {
  it('stands among the headers of its message, which stay as they are', () => {
    const headers = `{"traceparent":"${PARENT}","n":1.0}`
    const text = `{"role":"pubsub-publish","message":{"topic":"t","payload":1,"timestamp":1.5,"message_id":"m","publisher":"p","headers":${headers}},"u":"1"}`
    const { message } = decodePublish(JSON.parse(text), text)
    expect(message.trace).toEqual(CONTEXT)
    expect(message.text).toContain(headers)
  })
})

describe('the trace context in metadata', () => {
  const others = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 })

  it('is read back as it was written, and leaves all other members as they were', () => {
    fc.assert(
      fc.property(others, fc.boolean(), (members, hasHops) => {
        const context = { ...CONTEXT, tracestate: 'a=b', hops: hasHops ? '[{"node":"x"}]' : undefined }
        const written = withTraceContext(withTraceContext(new RawJson(JSON.stringify(members)), { ...CONTEXT, hops: '[1]' }), context)
        expect(traceContextIn(written)).toEqual(context)
        const { traceparent, tracestate, trace_hops, ...rest } = JSON.parse(written.text)
        expect(Object.entries(rest)).toEqual(
          Object.entries(JSON.parse(JSON.stringify(members))).filter(([key]) => !/^trace(parent|state|_hops)$/.test(key)),
        )
      }),
    )
  })

  it('keeps numbers of others as they are spelt', () => {
    const written = withTraceContext(new RawJson('{"deadline_ms": 30.0,"big":18446744073709551615}'), CONTEXT)
    expect(written.text).toBe(`{"deadline_ms":30.0,"big":18446744073709551615,"traceparent":"${PARENT}"}`)
  })

  it('is none where the metadata are no JSON, or only look as if they had one', () => {
    expect(traceContextIn(new RawJson('{"traceparent":'))).toBeUndefined()
    expect(traceContextIn(new RawJson('{"x":"traceparent"}'))).toBeUndefined()
    expect(traceHopsIn(new RawJson('{"trace_hops":[1,]}'))).toBeUndefined()
    expect(traceHopsIn(new RawJson('{"trace_hops":7}'))).toBeUndefined()
  })

  it('drops reports that have grown beyond all measure, not the message', () => {
    const metadata = new RawJson(`{"traceparent":"${PARENT}","trace_hops":["${'x'.repeat(70_000)}"]}`)
    expect(traceContextIn(metadata)).toEqual({ ...CONTEXT, hops: '[]' })
  })
})

describe('the reports in an answer', () => {
  it('are one more member at its end', () => {
    expect(answerWithHops('{"r":{"a":1.0},"error":null,"u":"1"}', '[{"node":"x"}]')).toBe(
      '{"r":{"a":1.0},"error":null,"u":"1","trace":[{"node":"x"}]}',
    )
  })
})

describe('the traced calls of a bundle', () => {
  const traces = [
    { call: 0, command: 'add', metadata: new RawJson(`{"traceparent":"${PARENT}"}`) },
    { call: 7, command: 'a "quoted" name', metadata: new RawJson('{"trace_hops":[]}') },
  ]

  it('are those that were put there', () => {
    expect(bundledTracesIn(metadataOfTraces(traces), 8)).toEqual(traces)
    expect(bundledTracesIn(metadataOfTraces(traces.slice(0, 1)), 8)).toEqual(traces.slice(0, 1))
  })

  it('are the same whatever the layout', () => {
    const plain = metadataOfTraces([
      { call: 3, command: 'add', metadata: new RawJson(`{"traceparent":"${PARENT}"}`) },
      { call: 5, command: 'sub', metadata: new RawJson(`{"traceparent":"${PARENT}"}`) },
    ])
    const spaced = new RawJson(plain.text.replace(/,"command"/g, ', "command"'))
    expect(bundledTracesIn(spaced, 8)).toEqual(bundledTracesIn(plain, 8))
    expect(bundledTracesIn(plain, 1)).toEqual([])
  })

  it.each([
    ['{}'],
    ['{"traces":['],
    ['{"traces":7}'],
    ['{"other":1,"traces":[]}'],
    ['{"traces":[null,1,[],{},{"call":"0","command":"x","metadata":{}},{"call":0,"command":"x","metadata":[]}]}'],
    [`{"traces":[${Array.from({ length: 9 }, () => '{"call":0,"command":"x","metadata":{}}').join()}]}`],
  ])('are none in %s', (text) => {
    expect(bundledTracesIn(new RawJson(text), 8)).toEqual([])
  })
})
