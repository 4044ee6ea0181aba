/** A call whose way is reported by everybody on it, and the spans of a client that traces. */
import type { Clock, Random, TraceContext, Tracer, TraceSpan } from '../base/index.ts'
import type { RawJson, RpcError, TraceHop } from '../wire/browser.ts'
import type { MessageHeaders } from './headers.ts'

/** What a call came to, and who did what for it. */
export interface TracedCall {
  /** As it arrived; undefined: the call failed. */
  readonly result: RawJson | undefined
  readonly error: RpcError | undefined
  /** By which collectors know the same call. */
  readonly traceId: string
  /**
   * The client's own view of the call, and in it what the node reported, which has in it what others reported to the node. Nodes that know nothing
   * of tracing report nothing.
   */
  readonly trace: TraceHop
}

/** What the answer to such a call holds. */
export interface TracedOutcome {
  readonly result?: RawJson
  readonly error?: RpcError
  readonly hops: readonly TraceHop[]
}

/** A new trace, of which everybody is to report. */
export function freshContext(random: Random): TraceContext & { readonly traceId: string } {
  const hex = (bytes: number) => Array.from(random.bytes(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const traceId = hex(16)
  return { traceId, traceparent: `00-${traceId}-${hex(8)}-01`, tracestate: undefined, hops: '[]' }
}

export async function tracedCall(
  clock: Clock,
  { fun, traceId, url }: { readonly fun: string; readonly traceId: string; readonly url: string },
  ask: () => Promise<TracedOutcome>,
): Promise<TracedCall> {
  const at = clock.wall()
  const startedMs = clock.monotonic()
  const { error, hops, result } = await ask()
  const trace: TraceHop = {
    node: 'client',
    event: 'call',
    subject: fun,
    at,
    took_ms: Math.round((clock.monotonic() - startedMs) * 1000) / 1000,
    error: error === undefined ? null : error.message,
    attributes: { 'mpreg.target_node': url },
    hops,
  }
  return { result, error, traceId, trace }
}

/** A span of this client's own; undefined: it does not trace, or not this. */
export function clientSpan(tracer: Tracer | undefined, event: 'call' | 'request', subject?: string): TraceSpan | undefined {
  if (tracer === undefined || !tracer.begins()) return undefined
  const method = subject === undefined ? {} : { subject }
  const attributes = { 'rpc.system': 'mpreg', ...(subject !== undefined && { 'rpc.method': subject }) }
  return tracer.start(undefined, { event, ...method, kind: 'client', attributes })
}

export function publishSpan(tracer: Tracer | undefined, topic: string): TraceSpan | undefined {
  if (tracer === undefined || !tracer.begins()) return undefined
  const attributes = { 'messaging.system': 'mpreg', 'messaging.destination.name': topic, 'messaging.operation.type': 'send' }
  return tracer.start(undefined, { event: 'publish', kind: 'producer', attributes })
}

/** By which subscribers, too, learn of what a message is part. */
export function traceHeaders({ traceparent, tracestate }: TraceContext): MessageHeaders {
  return { traceparent, ...(tracestate !== undefined && { tracestate }) }
}

/** The same promise; its end is the span's. */
export function endedWith<T>(span: TraceSpan | undefined, promise: Promise<T>): Promise<T> {
  if (span === undefined) return promise
  return promise.then(
    (value) => {
      span.end()
      return value
    },
    (error: unknown) => {
      span.fail(error instanceof Error ? error.message : String(error))
      span.end()
      throw error
    },
  )
}
