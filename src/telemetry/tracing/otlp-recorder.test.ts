import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSeededRandom, type SpanAttributes } from '../../base/index.ts'
import { createOtlpRecorder, otlpRequestAround } from './otlp-recorder.ts'
import type { RecordedSpan, SpanRecorder } from './recorder.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const REMOTE = { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'vendor="1"', hops: undefined }
const AT = 1_764_000_000.25

let recorder: SpanRecorder
let ended: { traceId?: string; spanId?: string; status?: object }[]

beforeEach(() => {
  ended = []
  recorder = createOtlpRecorder({
    api: { context, trace },
    random: createSeededRandom(1, () => 0),
    samples: () => true,
    onEnd: (span) => ended.push(JSON.parse(span.text())),
  })
})

afterEach(() => {
  context.disable()
})

function started(...[parent, name, init, at]: Partial<Parameters<SpanRecorder['start']>>): RecordedSpan {
  return recorder.start(parent, name ?? 'work', init ?? { event: 'work', kind: 'internal' }, at ?? AT) as RecordedSpan
}

describe('a span as text of the OTLP', () => {
  it('says what the exporter of the SDK says of such a span', () => {
    const attributes: SpanAttributes = { text: 'a"b\n\u{1f347}', whole: 7, part: 0.5, is: true, list: ['x', 'y'] }
    const span = started(REMOTE, 'call x"y', { event: 'call', kind: 'client', attributes, links: [REMOTE] })
    span.set({ later: 'yes' })
    span.end(AT + 0.5, 'no luck')
    const around = otlpRequestAround({ 'service.name': 'n' }, { name: 'mpreg', version: '1' })
    const ours = JSON.parse(`${around.head}${JSON.stringify(ended[0])}${around.tail}`)

    const [, , spanId] = span.traceparent.split('-')
    const state = { serialize: () => REMOTE.tracestate }
    const parent = { traceId: TRACE, spanId: 'b7ad6b7169203331', traceFlags: 1, traceState: state }
    const theirs = {
      name: 'call x"y',
      kind: 2,
      spanContext: () => ({ traceId: TRACE, spanId, traceFlags: 1, traceState: state }),
      parentSpanContext: { ...parent, isRemote: true },
      startTime: [1_764_000_000, 250_000_000],
      endTime: [1_764_000_000, 750_000_000],
      status: { code: 2, message: 'no luck' },
      attributes: { ...attributes, later: 'yes' },
      links: [{ context: parent }],
      events: [],
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
      resource: { attributes: { 'service.name': 'n' } },
      instrumentationScope: { name: 'mpreg', version: '1' },
    }
    const text = new TextDecoder().decode(JsonTraceSerializer.serializeRequest([theirs as never]))
    expect(ours).toEqual(JSON.parse(text, withoutDefaults))
  })

  /** What the protocol takes for granted where it is left out; and whole numbers, which have 64 bits there, as text. */
  function withoutDefaults(key: string, value: unknown): unknown {
    if (/^dropped|^events$/.test(key) || (key === 'attributes' && Array.isArray(value) && value.length === 0)) return undefined
    return key === 'intValue' ? String(value) : value
  }

  it('cuts a long failure', () => {
    started().end(AT, 'x'.repeat(10_000))
    expect(ended[0]?.status).toEqual({ code: 2, message: 'x'.repeat(4096) })
  })
})

describe('the place of a span', () => {
  it('is below its parent, here or on another node, and otherwise in a trace of its own', () => {
    const root = started()
    const child = started(root)
    const far = started(REMOTE)
    for (const span of [far, child, root]) span.end(AT, undefined)
    const [ofFar, ofChild, ofRoot] = ended
    expect(ofFar).toMatchObject({ traceId: TRACE, parentSpanId: 'b7ad6b7169203331', flags: 0x301, traceState: REMOTE.tracestate })
    expect(ofChild).toMatchObject({ traceId: ofRoot?.traceId, parentSpanId: ofRoot?.spanId, flags: 0x101 })
    expect(ofRoot).not.toHaveProperty('parentSpanId')
    expect(new Set(ended.map(({ spanId }) => spanId)).size).toBe(3)
    expect(root.traceparent).toBe(`00-${ofRoot?.traceId}-${ofRoot?.spanId}-01`)
  })

  it('is below what the application is at work on, and that of the application below it', () => {
    let active = ROOT_CONTEXT
    context.setGlobalContextManager({
      active: () => active,
      with(inner, work, self, ...args) {
        const outer = active
        active = inner
        try {
          return work.call(self as never, ...args)
        } finally {
          active = outer
        }
      },
      bind: (_context, target) => target,
      enable() {
        return this
      },
      disable() {
        return this
      },
    })
    const applications = { traceId: TRACE, spanId: 'b7ad6b7169203331', traceFlags: 1 }
    const span = context.with(trace.setSpanContext(ROOT_CONTEXT, applications), () => started())
    expect(span.within(() => trace.getSpanContext(context.active()))).toMatchObject({
      traceId: TRACE,
      spanId: span.traceparent.slice(36, 52),
    })
    span.end(AT, undefined)
    expect(ended[0]).toMatchObject({ traceId: TRACE, parentSpanId: 'b7ad6b7169203331' })
    // What the application does not record is not recorded here either.
    const unsampled = trace.setSpanContext(ROOT_CONTEXT, { ...applications, traceFlags: 0 })
    expect(context.with(unsampled, () => started())).toBeUndefined()
  })
})

it('no id is all zeros', () => {
  const draws = [new Uint8Array(4096), new Uint8Array(4096).fill(0xab)]
  const random = { bytes: () => draws.shift() ?? new Uint8Array(4096).fill(0xcd) }
  const mostlyZeros = createOtlpRecorder({ api: { context, trace }, random, samples: () => true, onEnd() {} })
  const span = mostlyZeros.start(undefined, 'work', { event: 'work', kind: 'internal' }, AT)
  expect(span?.traceparent).toBe(`00-${'ab'.repeat(16)}-${'ab'.repeat(8)}-01`)
})
