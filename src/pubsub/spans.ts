/** The spans of publications: one where a message is published, one on each node that delivers it, one where it is passed on. */
import type { SpanInit, TraceContext, Tracer, TraceSpan } from '../base/index.ts'
import type { Message } from '../wire/index.ts'

const SYSTEM = { 'messaging.system': 'mpreg' } as const

/** Of a message published here; undefined: it is not traced. */
export function publicationSpan(tracer: Tracer, message: Message): TraceSpan | undefined {
  const { trace } = message
  if (trace === undefined && !tracer.begins()) return undefined
  return tracer.start(trace, {
    event: 'publish',
    kind: 'producer',
    attributes: { ...attributesOf(message), 'messaging.operation.type': 'send' },
  })
}

/** Of a message that came from another node and goes on to others. */
export function relaySpan(tracer: Tracer, context: TraceContext, message: Message, from: string): TraceSpan | undefined {
  return tracer.start(context, { event: 'forward', kind: 'internal', attributes: { ...attributesOf(message), 'mpreg.previous_hop': from } })
}

/** Delivers a traced message to the subscribers of this node. @param start makes the span, a child of what brought the message here */
export function deliverTraced(start: (init: SpanInit) => TraceSpan | undefined, deliver: () => number, message: Message): number {
  const span = start({
    event: 'deliver',
    kind: 'consumer',
    attributes: { ...attributesOf(message), 'messaging.operation.type': 'process' },
  })
  const deliveries = span === undefined ? deliver() : span.within(deliver)
  // A span that never ends is never recorded: where nobody subscribes nothing was delivered.
  if (span === undefined || deliveries === 0) return deliveries
  span.set({ 'mpreg.deliveries': deliveries })
  span.end()
  return deliveries
}

function attributesOf({ messageId, publisher, topic }: Message) {
  return { ...SYSTEM, 'messaging.destination.name': topic, 'messaging.message.id': messageId, 'messaging.client.id': publisher }
}
