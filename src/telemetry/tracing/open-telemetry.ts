/** Spans as calls of the OpenTelemetry API. The API is handed in, since a process that registers no SDK need not even load it. */
import type { Span as ApiSpan, Tracer as ApiTracer, Attributes, HrTime, SpanContext } from '@opentelemetry/api'
import { hasOpenTelemetryContext, type SpanInit, type SpanKind, type TraceContext } from '../../base/index.ts'
import type { RecordedSpan, SpanRecorder } from './recorder.ts'

/** `@opentelemetry/api`, as far as it is used. */
export type OpenTelemetryApi = Pick<
  typeof import('@opentelemetry/api'),
  'ROOT_CONTEXT' | 'context' | 'trace' | 'createTraceState' | 'SpanKind' | 'SpanStatusCode'
>

export interface OpenTelemetryOptions {
  readonly api: OpenTelemetryApi
  readonly tracer: ApiTracer
  /** Whether a trace begins here; default: the sampler of the SDK decides. */
  readonly samples?: () => boolean
}

export function createOpenTelemetryRecorder({ api, samples = () => true, tracer }: OpenTelemetryOptions): SpanRecorder {
  const { ROOT_CONTEXT, SpanStatusCode, context, createTraceState, trace } = api
  const kinds: Readonly<Record<SpanKind, number>> = {
    internal: api.SpanKind.INTERNAL,
    server: api.SpanKind.SERVER,
    client: api.SpanKind.CLIENT,
    producer: api.SpanKind.PRODUCER,
    consumer: api.SpanKind.CONSUMER,
  }

  function spanContextOf({ traceparent, tracestate }: Pick<TraceContext, 'traceparent' | 'tracestate'>, isRemote: boolean): SpanContext {
    return {
      traceId: traceparent.slice(3, 35),
      spanId: traceparent.slice(36, 52),
      traceFlags: Number.parseInt(traceparent.slice(53, 55), 16),
      isRemote,
      ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
    }
  }

  class Recorded implements RecordedSpan {
    readonly span: ApiSpan
    readonly isRecording: boolean
    readonly traceparent: string
    readonly tracestate: string | undefined

    constructor(span: ApiSpan) {
      this.span = span
      this.isRecording = span.isRecording()
      const { spanId, traceFlags, traceId, traceState } = span.spanContext()
      this.traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
      this.tracestate = traceState?.serialize() || undefined
    }

    within<T>(work: () => T): T {
      return !hasOpenTelemetryContext() ? work() : context.with(trace.setSpan(context.active(), this.span), work)
    }

    set(attributes: NonNullable<SpanInit['attributes']>): void {
      this.span.setAttributes(attributes as Attributes)
    }

    end(at: number, failure: string | undefined): void {
      if (failure !== undefined) this.span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
      this.span.end(hrTime(at))
    }
  }

  return {
    samples,
    start(parent, name, { attributes, kind, links = [] }, at) {
      const around =
        parent === undefined
          ? context.active()
          : parent instanceof Recorded
            ? trace.setSpan(ROOT_CONTEXT, parent.span)
            : trace.setSpanContext(ROOT_CONTEXT, spanContextOf(parent, true))
      const span = tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          startTime: hrTime(at),
          attributes: (attributes ?? {}) as Attributes,
          links: links.map((link) => ({ context: spanContextOf(link, false) })),
        },
        around,
      )
      return new Recorded(span)
    },
  }
}

/** Seconds and nanoseconds since the epoch. */
function hrTime(seconds: number): HrTime {
  const whole = Math.floor(seconds)
  return [whole, Math.round((seconds - whole) * 1e9)]
}
