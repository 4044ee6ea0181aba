/**
 * Publish/subscribe frames.
 *
 * A published message is parsed once to know its topic, and rendered once; its payload and headers stay the text they came as. Every
 * subscriber's frame is that rendering spliced between a fixed head and the subscriber's tail.
 */
import { Type } from 'typebox'
import type { TraceContext } from '../base/index.ts'
import { encodeJson, floatText, memberStarts, scanObject } from './json.ts'
import { CorrelationId, FreeObject, frameSchema, Maybe } from './schema.ts'
import { traceContextOf } from './trace-context.ts'

/** What a node needs to know of a message, and its wire form. */
export interface Message {
  readonly topic: string
  /** Publisher's clock, Unix seconds. */
  readonly timestamp: number
  readonly messageId: string
  readonly publisher: string
  /** The complete message object with all eight fields. */
  readonly text: string
  /** The publisher's place in a trace, if its headers tell. */
  readonly trace?: TraceContext | undefined
}

/** A pattern of topic words; `exact` compares the whole topic as plain text. */
export interface TopicPattern {
  readonly pattern: string
  readonly exact: boolean
}

export interface Subscription {
  readonly subscriptionId: string
  readonly patterns: readonly TopicPattern[]
  readonly subscriber: string
  readonly createdAt: number
  readonly getBacklog: boolean
  readonly backlogSeconds: number
}

const MessageFields = Type.Object({
  topic: Type.String(),
  payload: Type.Unknown(),
  timestamp: Type.Number(),
  message_id: Type.String(),
  publisher: Type.String(),
  headers: Type.Optional(FreeObject),
  routing_path: Maybe(Type.Array(Type.String())),
  current_hop: Maybe(Type.Integer()),
})

export const messageObject = frameSchema(MessageFields)
export const publishFrame = frameSchema(Type.Object({ role: Type.Literal('pubsub-publish'), message: MessageFields, u: CorrelationId }))
export const subscribeFrame = frameSchema(
  Type.Object({
    role: Type.Literal('pubsub-subscribe'),
    subscription: Type.Object({
      subscription_id: Type.String(),
      patterns: Type.Array(Type.Object({ pattern: Type.String(), exact_match: Type.Optional(Type.Boolean()) })),
      subscriber: Type.String(),
      created_at: Type.Number(),
      get_backlog: Type.Optional(Type.Boolean()),
      backlog_seconds: Type.Optional(Type.Integer()),
    }),
    u: CorrelationId,
  }),
)
export const unsubscribeFrame = frameSchema(
  Type.Object({ role: Type.Literal('pubsub-unsubscribe'), subscription_id: Type.String(), u: CorrelationId }),
)
export const ackFrame = frameSchema(
  Type.Object({
    role: Type.Literal('pubsub-ack'),
    operation_id: Type.String(),
    success: Type.Boolean(),
    error: Maybe(Type.String()),
    u: CorrelationId,
  }),
)
export const notificationFrame = frameSchema(
  Type.Object({ role: Type.Literal('pubsub-notification'), message: MessageFields, subscription_id: Type.String(), u: CorrelationId }),
)

/** @throws FrameError */
export function decodePublish(parsed: unknown, text: string): { u: string; message: Message } {
  const frame = publishFrame.parse(parsed)
  const message = renderMessage(frame.message, text, memberStarts(text, 0).get('message') ?? 0)
  return { u: frame.u, message: tracedMessage(message, frame.message.headers) }
}

/** The message, with the trace context that stands among its headers. */
export function tracedMessage(message: Message, headers: { readonly traceparent?: unknown; readonly tracestate?: unknown } = {}): Message {
  const { traceparent, tracestate } = headers
  return traceparent === undefined ? message : { ...message, trace: traceContextOf({ traceparent, tracestate }) }
}

interface MessageFrame {
  topic: string
  timestamp: number
  message_id: string
  publisher: string
  routing_path?: string[] | null
  current_hop?: number | null
}

const CANONICAL_ORDER = 'topic,payload,timestamp,message_id,publisher,headers,routing_path,current_hop'

/** @param at where the message object starts in `text`; `fields` is the same object, parsed and validated */
export function renderMessage(fields: MessageFrame, text: string, at: number): Message {
  let payload = 'null'
  let headers = '{}'
  let timestamp = ''
  let order = ''
  const end = scanObject(text, at, (key, from, to) => {
    order = order === '' ? key : `${order},${key}`
    if (key === 'payload') payload = text.slice(from, to)
    else if (key === 'headers') headers = text.slice(from, to)
    else if (key === 'timestamp') timestamp = text.slice(from, to)
  })
  const canonical = order === CANONICAL_ORDER && timestamp === floatText(fields.timestamp) && text.startsWith('{"topic":"', at)
  return {
    topic: fields.topic,
    timestamp: fields.timestamp,
    messageId: fields.message_id,
    publisher: fields.publisher,
    text: canonical
      ? text.slice(at, end)
      : `{"topic":${encodeJson(fields.topic)},"payload":${payload},"timestamp":${floatText(fields.timestamp)},"message_id":${encodeJson(fields.message_id)},"publisher":${encodeJson(fields.publisher)},"headers":${headers},"routing_path":${JSON.stringify(fields.routing_path ?? null)},"current_hop":${JSON.stringify(fields.current_hop ?? null)}}`,
  }
}

/** @throws FrameError */
export function decodeSubscribe(parsed: unknown): { u: string; subscription: Subscription } {
  const frame = subscribeFrame.parse(parsed)
  const { subscription } = frame
  return {
    u: frame.u,
    subscription: {
      subscriptionId: subscription.subscription_id,
      patterns: subscription.patterns.map((p) => ({ pattern: p.pattern, exact: p.exact_match ?? false })),
      subscriber: subscription.subscriber,
      createdAt: subscription.created_at,
      getBacklog: subscription.get_backlog ?? true,
      backlogSeconds: subscription.backlog_seconds ?? 300,
    },
  }
}

/** @throws FrameError */
export function decodeUnsubscribe(parsed: unknown): { u: string; subscriptionId: string } {
  const frame = unsubscribeFrame.parse(parsed)
  return { u: frame.u, subscriptionId: frame.subscription_id }
}

export function encodeAck(operationId: string, success: boolean, error: string | null): string {
  const id = encodeJson(operationId)
  return `{"role":"pubsub-ack","operation_id":${id},"success":${success},"error":${error === null ? 'null' : encodeJson(error)},"u":"ack_${id.slice(1)}}`
}

/** `live` for a message as it is published, `backlog` for one replayed to a late subscriber. */
export type NotificationOrigin = 'live' | 'backlog'

/** The parts of a notification that follow the message: everything of one subscription that can be prepared once. */
export function notificationTail(subscriptionId: string): { readonly id: string } {
  return { id: encodeJson(subscriptionId) }
}

const NOTIFICATION_HEAD = '{"role":"pubsub-notification","message":'

export function encodeNotification(message: Message, tail: { readonly id: string }, origin: NotificationOrigin): string {
  const prefix = origin === 'live' ? 'notification_' : 'backlog_'
  return `${NOTIFICATION_HEAD}${message.text},"subscription_id":${tail.id},"u":"${prefix}${jsonInner(message.messageId)}_${tail.id.slice(1)}}`
}

/** The inside of a JSON string literal. */
function jsonInner(value: string): string {
  return encodeJson(value).slice(1, -1)
}
