/**
 * Tracing, as code that does the work sees it: one {@link TraceSpan} for each piece of work, each a child of what caused it, here or on another
 * node. Where spans go is the tracer's business; who is handed none, or gets undefined from it, has nothing to report and pays nothing.
 */

/** The place of a piece of work in its trace, as it travels: W3C trace context (https://www.w3.org/TR/trace-context/), and a wish. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate: string | undefined
  /** Whoever works on it is to report what it did, in the answer: JSON list of the reports so far. Undefined: nobody wants to know. */
  readonly hops: string | undefined
}

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer'
export type SpanAttributes = Readonly<Record<string, string | number | boolean | readonly string[]>>

export interface SpanInit {
  /** What is done, one of few words: `call`, `forward`. */
  readonly event: string
  /** To what, if names of it are few: a function. */
  readonly subject?: string
  readonly kind: SpanKind
  readonly attributes?: SpanAttributes
  /** Work that this one uses the results of. */
  readonly links?: readonly TraceContext[]
}

/** A piece of work that is under way. */
export interface TraceSpan {
  /** What travels with the work this one hands on; once it has ended, with its own report among the reports. */
  readonly context: TraceContext
  child(init: SpanInit): TraceSpan
  /** Does the work so that spans which it makes by other means become children. */
  within<T>(work: () => T): T
  set(attributes: SpanAttributes): void
  /** Takes in what others reported about work it handed on: a JSON list, which must be one. */
  reported(hops: string): void
  /** It did not succeed; the first reason counts. */
  fail(reason: string): void
  /** Only the first call counts. */
  end(): void
}

export interface Tracer {
  /** Whether work that came without a context begins a trace: asked once for each, before anything else is done about it. */
  begins(): boolean
  /** Undefined: neither recorded here nor to be passed on. @param context of the work this belongs to; undefined: it begins a trace */
  start(context: TraceContext | undefined, init: SpanInit): TraceSpan | undefined
  /** Reports with one more, of something that happens now and is no work of its own. @param hops JSON list */
  note(hops: string, event: string): string
}
