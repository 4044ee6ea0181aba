import { beforeEach, describe, expect, it } from 'vitest'
import { createVirtualEnv, type SpanInit, type TraceContext, type TraceSpan } from '../../base/index.ts'
import type { TraceHop } from '../../wire/index.ts'
import type { RecordedSpan, SpanRecorder } from './recorder.ts'
import { createTracer, type TracerDeps } from './tracer.ts'

const SAMPLED = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const UNSAMPLED = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
const context = (traceparent = SAMPLED, hops?: string): TraceContext => ({ traceparent, tracestate: undefined, hops })
const WORK: SpanInit = { event: 'work', subject: 'fig', kind: 'internal', attributes: { size: 3 } }

let env: ReturnType<typeof createVirtualEnv>
let ended: { name: string; parent: string | undefined; ms: number; failure: string | undefined }[]
let isRecording: boolean
let asked: number

beforeEach(() => {
  env = createVirtualEnv({ seed: 1 })
  ended = []
  isRecording = true
  asked = 0
})

/** Numbers its spans. */
function recorder(): SpanRecorder {
  let count = 0
  return {
    samples: () => true,
    start(parent, name, _init, at): RecordedSpan {
      asked++
      const traceparent = `00-0af7651916cd43dd8448eb211c80319c-${String(++count).padStart(16, '0')}-${isRecording ? '01' : '00'}`
      return {
        isRecording,
        traceparent,
        tracestate: undefined,
        within: (work) => work(),
        set() {},
        end(until, failure) {
          ended.push({ name, parent: parent?.traceparent, ms: Math.round((until - at) * 1000), failure })
        },
      }
    },
  }
}

function tracer(more: Partial<TracerDeps> = {}) {
  return createTracer({ clock: env.clock, node: () => 'ws://a', recorder: () => undefined, ...more })
}

function hopsOf(span: TraceSpan): TraceHop[] {
  return JSON.parse(span.context.hops ?? 'null') as TraceHop[]
}

describe('a tracer without a recorder', () => {
  it('begins nothing', () => {
    expect(tracer().begins()).toBe(false)
    expect(tracer().start(undefined, WORK)).toBeUndefined()
  })

  it('hands a sampled context on as it came, and an unsampled one not at all', () => {
    const span = tracer().start(context(), WORK)
    expect(span?.context).toEqual(context())
    expect(span?.child(WORK).context).toEqual(context())
    expect(tracer().start(context(UNSAMPLED), WORK)).toBeUndefined()
  })
})

describe('a tracer with a recorder', () => {
  it('records work as a child of what caused it, with the time it took and why it failed', async () => {
    const one = recorder()
    const span = tracer({ recorder: () => one }).start(context(), WORK) as TraceSpan
    const child = span.child({ ...WORK, subject: 'date' })
    await env.advance(20)
    child.fail('too ripe')
    child.fail('too late to matter')
    child.end()
    await env.advance(10)
    span.end()
    span.end()
    expect(ended).toEqual([
      { name: 'work date', parent: span.context.traceparent, ms: 20, failure: 'too ripe' },
      { name: 'work fig', parent: SAMPLED, ms: 30, failure: undefined },
    ])
    expect(span.context.traceparent).not.toBe(SAMPLED)
  })

  it('does not ask it about work whose caller decided against recording', () => {
    const one = recorder()
    expect(tracer({ recorder: () => one }).start(context(UNSAMPLED), WORK)).toBeUndefined()
    expect(asked).toBe(0)
  })

  it('tells others that a trace is not recorded only where it is to', () => {
    isRecording = false
    const one = recorder()
    expect(tracer({ recorder: () => one }).start(undefined, WORK)).toBeUndefined()
    const told = tracer({ recorder: () => one, tellsUnrecorded: true }).start(undefined, WORK)
    expect(told?.context.traceparent.endsWith('-00')).toBe(true)
  })
})

describe('reports', () => {
  it('form a tree of what was done, and need no recorder', async () => {
    const span = tracer().start(context(SAMPLED, '[]'), WORK) as TraceSpan
    const child = span.child({ event: 'call', subject: 'far', kind: 'client' })
    expect(child.context.hops).toBe('[]')
    await env.advance(5)
    child.reported(tracer({ node: () => 'ws://b' }).note('[]', 'return'))
    child.set({ path: ['ws://b'] })
    child.end()
    await env.advance(1)
    span.end()
    const at = expect.any(Number)
    const call = { node: 'ws://a', event: 'call', subject: 'far', at, took_ms: 5, error: null, attributes: { path: ['ws://b'] } }
    expect(hopsOf(span)).toEqual([
      {
        node: 'ws://a',
        event: 'work',
        subject: 'fig',
        at,
        took_ms: 6,
        error: null,
        attributes: { size: 3 },
        hops: [{ ...call, hops: [expect.objectContaining({ node: 'ws://b', event: 'return' })] }],
      },
    ])
  })

  it('are added to those of the nodes before', () => {
    const before = tracer({ node: () => 'ws://z' }).start(context(SAMPLED, '[]'), WORK) as TraceSpan
    before.end()
    const here = tracer().start(before.context, WORK) as TraceSpan
    expect(here.context.hops).toBe(before.context.hops)
    here.end()
    expect(hopsOf(here).map(({ node }) => node)).toEqual(['ws://z', 'ws://a'])
  })

  it('say of work that is not done when its request is answered that it is not', async () => {
    const span = tracer().start(context(SAMPLED, '[]'), WORK) as TraceSpan
    span.child(WORK)
    await env.advance(7)
    span.end()
    expect(hopsOf(span)[0]?.hops).toEqual([expect.objectContaining({ took_ms: 7, error: 'not finished' })])
  })

  it('are not made for callers that did not ask', () => {
    const span = tracer().start(context(), WORK) as TraceSpan
    span.child(WORK).end()
    span.end()
    expect(span.context.hops).toBeUndefined()
  })
})
