/**
 * The tracer of one node: records spans where a recorder is there to take them, hands on the context where none is, and gathers reports of what was
 * done where a caller asked for those, which needs no recorder at all.
 *
 * Reports form a tree as spans do: work that was handed to other nodes reports inside of the span that handed it on. A node that works for
 * another adds its reports to those it was given, and sends them all on or back.
 */
import type { Clock, SpanAttributes, SpanInit, TraceContext, Tracer, TraceSpan } from '../../base/index.ts'
import { isSampled, type TraceHop } from '../../wire/index.ts'
import type { RecordedSpan, SpanRecorder } from './recorder.ts'
import { createSpanClock } from './span-clock.ts'

export interface TracerDeps {
  readonly clock: Clock
  /** Who reports. */
  readonly node: () => string
  /** Asked for each request; undefined: spans are not recorded. */
  readonly recorder: () => SpanRecorder | undefined
  /** Tell others of work that begins a trace but is not recorded, so that they do not record it either; default: they do not trace on their own. */
  readonly tellsUnrecorded?: boolean
}

const UNFINISHED = 'not finished'

export function createTracer({ clock, node, recorder, tellsUnrecorded = false }: TracerDeps): Tracer {
  const now = createSpanClock(clock)
  const deps = { clock, node, now, recorder }
  return {
    begins: () => recorder()?.samples() === true,
    start(context, init) {
      const mayRecord = context === undefined || isSampled(context)
      if (!mayRecord && context.hops === undefined) return undefined
      const startedAt = now()
      const span = mayRecord ? recorder()?.start(context, nameOf(init), init, startedAt) : undefined
      const recorded = span?.isRecording === true ? span : undefined
      const place = recorded ?? context ?? (tellsUnrecorded ? span : undefined)
      return place && new Span(deps, init, place, recorded, context?.hops, startedAt)
    },
    note(hops, event) {
      const hop: TraceHop = { node: node(), event, subject: null, at: now(), took_ms: 0, error: null, attributes: {}, hops: [] }
      return appended(hops, JSON.stringify(hop))
    },
  }
}

interface SpanDeps extends Pick<TracerDeps, 'clock' | 'node' | 'recorder'> {
  readonly now: () => number
}

class Span implements TraceSpan {
  readonly #deps: SpanDeps
  readonly #init: SpanInit
  readonly #place: Pick<TraceContext, 'traceparent' | 'tracestate'>
  readonly #recorded: RecordedSpan | undefined
  /** Reports of those before; undefined: reports are not asked for. */
  readonly #before: string | undefined
  readonly #startedAt: number
  readonly #startedMs: number
  #attributes: SpanAttributes | undefined
  #children: (Span | string)[] | undefined
  #failure: string | undefined
  #tookMs: number | undefined
  #reports: string | undefined

  constructor(
    deps: SpanDeps,
    init: SpanInit,
    place: Pick<TraceContext, 'traceparent' | 'tracestate'>,
    recorded: RecordedSpan | undefined,
    before: string | undefined,
    startedAt: number,
  ) {
    this.#deps = deps
    this.#init = init
    this.#place = place
    this.#recorded = recorded
    this.#before = before
    this.#startedAt = startedAt
    this.#startedMs = deps.clock.monotonic()
    this.#attributes = init.attributes
  }

  get context(): TraceContext {
    return { traceparent: this.#place.traceparent, tracestate: this.#place.tracestate, hops: this.#reports ?? this.#before }
  }

  child(init: SpanInit): TraceSpan {
    const startedAt = this.#deps.now()
    const recorded = this.#recorded && this.#deps.recorder()?.start(this.#recorded, nameOf(init), init, startedAt)
    const child = new Span(this.#deps, init, recorded ?? this.#place, recorded, this.#before === undefined ? undefined : '[]', startedAt)
    if (this.#before !== undefined) {
      this.#children ??= []
      this.#children.push(child)
    }
    return child
  }

  within<T>(work: () => T): T {
    return this.#recorded === undefined ? work() : this.#recorded.within(work)
  }

  set(attributes: SpanAttributes): void {
    this.#recorded?.set(attributes)
    if (this.#before !== undefined) this.#attributes = { ...this.#attributes, ...attributes }
  }

  reported(hops: string): void {
    if (this.#before === undefined || hops === '[]') return
    this.#children ??= []
    this.#children.push(hops.slice(1, -1))
  }

  fail(reason: string): void {
    this.#failure ??= reason
  }

  end(): void {
    if (this.#tookMs !== undefined) return
    const tookMs = this.#deps.clock.monotonic() - this.#startedMs
    this.#tookMs = tookMs
    this.#recorded?.end(this.#startedAt + tookMs / 1000, this.#failure)
    const before = this.#before
    if (before === undefined) return
    this.#reports = appended(before, this.#report())
    this.#children = undefined
  }

  /** JSON of a {@link TraceHop}, with those of the children, finished or not. */
  #report(): string {
    const nowMs = this.#deps.clock.monotonic()
    const took = this.#tookMs ?? nowMs - this.#startedMs
    const own: Omit<TraceHop, 'hops'> = {
      node: this.#deps.node(),
      event: this.#init.event,
      subject: this.#init.subject ?? null,
      at: this.#startedAt,
      took_ms: Math.round(took * 1000) / 1000,
      error: this.#failure ?? (this.#tookMs === undefined ? UNFINISHED : null),
      attributes: this.#attributes ?? {},
    }
    const children = (this.#children ?? []).map((one) => (typeof one === 'string' ? one : one.#asChild()))
    return `${JSON.stringify(own).slice(0, -1)},"hops":[${children.join()}]}`
  }

  #asChild(): string {
    return this.#reports?.slice(1, -1) ?? this.#report()
  }
}

/** A JSON list with one more element. */
function appended(list: string, element: string): string {
  return `${list.slice(0, -1)}${list === '[]' ? '' : ','}${element}]`
}

function nameOf({ event, subject }: SpanInit): string {
  return subject === undefined ? event : `${event} ${subject}`
}
