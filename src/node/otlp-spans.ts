/** Spans as they cross from the node's thread to the exporter's: what OTLP says of them, as JSON. */
import type { HrTime, Link, SpanContext, SpanStatus } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'

interface PortableContext extends Omit<SpanContext, 'traceState'> {
  readonly state?: string | undefined
}

interface PortableSpan extends Pick<ReadableSpan, 'name' | 'kind' | 'attributes' | 'droppedAttributesCount' | 'droppedLinksCount'> {
  readonly context: PortableContext
  readonly parent: PortableContext | undefined
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly status: SpanStatus
  readonly links: readonly PortableContext[]
}

export function spansText(spans: readonly ReadableSpan[]): string {
  return JSON.stringify(spans.map(portable))
}

function portable(span: ReadableSpan): PortableSpan {
  return {
    name: span.name,
    kind: span.kind,
    context: portableContext(span.spanContext()),
    parent: span.parentSpanContext && portableContext(span.parentSpanContext),
    startTime: span.startTime,
    endTime: span.endTime,
    status: span.status,
    attributes: span.attributes,
    links: span.links.map(({ context }) => portableContext(context)),
    droppedAttributesCount: span.droppedAttributesCount,
    droppedLinksCount: span.droppedLinksCount,
  }
}

function portableContext({ isRemote, spanId, traceFlags, traceId, traceState }: SpanContext): PortableContext {
  return { traceId, spanId, traceFlags, ...(isRemote === true && { isRemote }), ...(traceState && { state: traceState.serialize() }) }
}

/** The same spans for an exporter. Of tracers there is one, and none of its spans has events. */
export function spansFrom(text: string, resource: Resource, scope: ReadableSpan['instrumentationScope']): ReadableSpan[] {
  return (JSON.parse(text) as readonly PortableSpan[]).map(({ context, links, parent, ...span }) => ({
    ...span,
    spanContext: () => contextFrom(context),
    ...(parent !== undefined && { parentSpanContext: contextFrom(parent) }),
    links: links.map((link): Link => ({ context: contextFrom(link) })),
    events: [],
    duration: [0, 0],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedEventsCount: 0,
  }))
}

function contextFrom({ state, ...context }: PortableContext): SpanContext {
  if (state === undefined) return context
  // An exporter only prints it.
  const traceState: NonNullable<SpanContext['traceState']> = {
    serialize: () => state,
    get: () => undefined,
    set: () => traceState,
    unset: () => traceState,
  }
  return { ...context, traceState }
}
