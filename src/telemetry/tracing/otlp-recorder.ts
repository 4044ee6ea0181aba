/**
 * Spans as text of the OTLP (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). A node with a collector records them itself, since what
 * an SDK and its exporter do for a span costs about three times as much.
 *
 * Where few calls are traced, all code for it runs cold and is many times slower than in a loop. So as little as can be is done while a call
 * waits: ids are drawn when somebody asks for them, and text is made for many spans at once.
 */
import type { SpanContext } from '@opentelemetry/api'
import {
  hasOpenTelemetryContext,
  type Random,
  type SpanAttributes,
  type SpanInit,
  type SpanKind,
  type TraceContext,
} from '../../base/index.ts'
import { quoted } from '../../wire/index.ts'
import type { OpenTelemetryApi } from './open-telemetry.ts'
import type { RecordedSpan, SpanRecorder } from './recorder.ts'

export interface OtlpRecorderOptions {
  /** To be part of what the application traces in this process, if it does. */
  readonly api: Pick<OpenTelemetryApi, 'context' | 'trace'>
  readonly random: Pick<Random, 'bytes'>
  /** Whether a trace begins here. */
  readonly samples: () => boolean
  readonly onEnd: (span: EndedSpan) => void
}

export interface EndedSpan {
  /** Its JSON. */
  text(): string
}

/** `Span.SpanKind` of the protocol. */
const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 }
/** `SpanFlags` of the protocol, beside those of the context: whether it is known where the parent is, and that it is on another node. */
const PARENT_KNOWN = 0x100
const PARENT_REMOTE = 0x200
const SAMPLED = 1
const STATUS_ERROR = 2
/** Drawn at once. */
const ID_POOL_BYTES = 4_096
/** Of a failure that a span tells. */
const FAILURE_CHARACTERS_MAX = 4_096

export function createOtlpRecorder({ api, onEnd, random, samples }: OtlpRecorderOptions): SpanRecorder {
  const id = createIds(random)

  class OtlpSpan implements RecordedSpan {
    readonly isRecording = true
    #spanId: string | undefined
    #endedAt = 0
    #failure: string | undefined
    readonly #place: Place
    readonly #name: string
    readonly #init: SpanInit
    readonly #startedAt: number
    #attributes: SpanAttributes | undefined

    constructor(place: Place, name: string, init: SpanInit, at: number) {
      this.#place = place
      this.#name = name
      this.#init = init
      this.#attributes = init.attributes
      this.#startedAt = at
    }

    get spanId(): string {
      this.#spanId ??= id(8)
      return this.#spanId
    }

    get traceId(): string {
      this.#place.traceId ??= id(16)
      return this.#place.traceId
    }

    get traceparent(): string {
      return `00-${this.traceId}-${this.spanId}-01`
    }

    get tracestate(): string | undefined {
      return this.#place.tracestate
    }

    within<T>(work: () => T): T {
      if (!hasOpenTelemetryContext()) return work()
      const own: SpanContext = { traceId: this.traceId, spanId: this.spanId, traceFlags: SAMPLED }
      return api.context.with(api.trace.setSpanContext(api.context.active(), own), work)
    }

    set(attributes: SpanAttributes): void {
      this.#attributes = { ...this.#attributes, ...attributes }
    }

    end(at: number, failure: string | undefined): void {
      this.#endedAt = at
      this.#failure = failure
      onEnd(this)
    }

    text(): string {
      const { flags, parentId, tracestate } = this.#place
      const { kind, links } = this.#init
      const failure = this.#failure
      let text = `{"traceId":"${this.traceId}","spanId":"${this.spanId}"`
      if (parentId !== undefined) text += `,"parentSpanId":"${parentId}"`
      if (tracestate !== undefined) text += `,"traceState":${quoted(tracestate)}`
      text += `,"flags":${flags},"name":${quoted(this.#name)},"kind":${KINDS[kind]}`
      text += `,"startTimeUnixNano":"${nanoseconds(this.#startedAt)}","endTimeUnixNano":"${nanoseconds(this.#endedAt)}"`
      text += `,"attributes":${attributesText(this.#attributes)}`
      if (links !== undefined && links.length > 0) text += `,"links":[${links.map(linkText).join()}]`
      text +=
        failure === undefined
          ? ',"status":{}}'
          : `,"status":{"code":${STATUS_ERROR},"message":${quoted(failure.slice(0, FAILURE_CHARACTERS_MAX))}}}`
      return text
    }
  }

  /** Undefined: it belongs to a trace that is not recorded. */
  function placeUnder(parent: TraceContext | RecordedSpan | undefined): Place | undefined {
    if (parent instanceof OtlpSpan) {
      return { traceId: parent.traceId, parentId: parent.spanId, tracestate: parent.tracestate, flags: PARENT_KNOWN | SAMPLED }
    }
    if (parent !== undefined) {
      return { ...idsIn(parent), tracestate: parent.tracestate, flags: PARENT_KNOWN | PARENT_REMOTE | SAMPLED }
    }
    const around = hasOpenTelemetryContext() ? api.trace.getSpanContext(api.context.active()) : undefined
    if (around === undefined) return { traceId: undefined, parentId: undefined, tracestate: undefined, flags: PARENT_KNOWN | SAMPLED }
    if ((around.traceFlags & SAMPLED) === 0) return undefined
    const { spanId: parentId, traceState } = around
    return { traceId: around.traceId, parentId, tracestate: traceState?.serialize(), flags: PARENT_KNOWN | SAMPLED }
  }

  return {
    samples,
    start(parent, name, init, at) {
      const place = placeUnder(parent)
      return place && new OtlpSpan(place, name, init, at)
    },
  }
}

/** Where a span stands in its trace. */
interface Place {
  /** Undefined: a trace of its own, whose id nobody has asked for yet. */
  traceId: string | undefined
  readonly parentId: string | undefined
  readonly tracestate: string | undefined
  readonly flags: number
}

/** What a collector is sent before and after spans, which are separated by commas. */
export function otlpRequestAround(
  resource: SpanAttributes,
  scope: { readonly name: string; readonly version: string },
): { readonly head: string; readonly tail: string } {
  const by = `{"name":${quoted(scope.name)},"version":${quoted(scope.version)}}`
  const head = `{"resourceSpans":[{"resource":{"attributes":${attributesText(resource)}},"scopeSpans":[{"scope":${by},"spans":[`
  return { head, tail: ']}]}]}' }
}

/** @param attributes their names are words of this code */
function attributesText(attributes: SpanAttributes | undefined): string {
  let text = ''
  for (const key in attributes)
    text += `${text === '' ? '' : ','}{"key":"${key}","value":${valueText(attributes[key] as SpanAttributes[string])}}`
  return `[${text}]`
}

function valueText(value: SpanAttributes[string]): string {
  if (typeof value === 'string') return `{"stringValue":${quoted(value)}}`
  if (typeof value === 'boolean') return `{"boolValue":${value}}`
  if (typeof value === 'object') return `{"arrayValue":{"values":[${value.map(valueText).join()}]}}`
  if (Number.isInteger(value)) return `{"intValue":"${value}"}`
  return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`
}

function linkText(link: TraceContext): string {
  const { parentId, traceId } = idsIn(link)
  const state = link.tracestate === undefined ? '' : `,"traceState":${quoted(link.tracestate)}`
  return `{"traceId":"${traceId}","spanId":"${parentId}"${state},"flags":${PARENT_KNOWN | SAMPLED}}`
}

function idsIn({ traceparent }: Pick<TraceContext, 'traceparent'>): { readonly traceId: string; readonly parentId: string } {
  return { traceId: traceparent.slice(3, 35), parentId: traceparent.slice(36, 52) }
}

/** Ids of so many bytes, in hexadecimal. One of zeros would be none. */
function createIds(random: Pick<Random, 'bytes'>): (bytes: number) => string {
  let pool = Buffer.alloc(0)
  let used = 0
  return (bytes) => {
    for (;;) {
      if (used + bytes > pool.length) {
        pool = Buffer.from(random.bytes(ID_POOL_BYTES))
        used = 0
      }
      used += bytes
      const id = pool.toString('hex', used - bytes, used)
      if (/[^0]/.test(id)) return id
    }
  }
}

/** Of Unix seconds. Together they are more than a number holds. */
function nanoseconds(seconds: number): string {
  const whole = Math.floor(seconds)
  return `${whole}${String(Math.floor((seconds - whole) * 1e9)).padStart(9, '0')}`
}
