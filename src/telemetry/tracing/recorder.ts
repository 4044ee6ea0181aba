/** Where spans are recorded, to the tracer: OpenTelemetry, or whatever else knows traces. */
import type { SpanInit, TraceContext } from '../../base/index.ts'

export interface SpanRecorder {
  /** Whether a trace begins with work that has no context. */
  samples(): boolean
  /**
   * @param parent undefined: it begins a trace, unless code around it is at work on one
   * @param at Unix seconds
   * @returns undefined: it is not recorded, and nobody need be told
   */
  start(parent: TraceContext | RecordedSpan | undefined, name: string, init: SpanInit, at: number): RecordedSpan | undefined
}

export interface RecordedSpan {
  /** False: it was decided not to record this one. */
  readonly isRecording: boolean
  readonly traceparent: string
  readonly tracestate: string | undefined
  within<T>(work: () => T): T
  set(attributes: NonNullable<SpanInit['attributes']>): void
  /** @param at Unix seconds; @param failure undefined: it succeeded */
  end(at: number, failure: string | undefined): void
}
