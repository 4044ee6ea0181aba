/** The client's half of publish/subscribe: frames as text. Knows no validator, so that it also runs in a browser. */
import { encodeJson, floatText } from './json.ts'

export interface MessageInit {
  readonly topic: string
  readonly payload: unknown
  /** Unix seconds. */
  readonly timestamp: number
  readonly messageId: string
  readonly publisher: string
  readonly headers?: Readonly<Record<string, unknown>>
}

/** The message object with all eight fields. @throws EncodingError */
export function encodeMessage(init: MessageInit): string {
  const headers = init.headers === undefined ? '{}' : encodeJson(init.headers)
  return `{"topic":${encodeJson(init.topic)},"payload":${encodeJson(init.payload)},"timestamp":${floatText(init.timestamp)},"message_id":${encodeJson(init.messageId)},"publisher":${encodeJson(init.publisher)},"headers":${headers},"routing_path":null,"current_hop":null}`
}

export function encodePublish(u: string, init: MessageInit): string {
  return `{"role":"pubsub-publish","message":${encodeMessage(init)},"u":"${u}"}`
}

export interface SubscribeInit {
  readonly subscriptionId: string
  readonly patterns: readonly string[]
  readonly subscriber: string
  readonly createdAt: number
  readonly getBacklog: boolean
  readonly backlogSeconds: number
}

/** `exact_match` is set for a pattern without wildcards, which then compares as plain text. */
export function encodeSubscribe(u: string, init: SubscribeInit): string {
  const patterns = init.patterns.map((pattern) => ({ pattern, exact_match: !/[*#]/.test(pattern) }))
  return `{"role":"pubsub-subscribe","subscription":{"subscription_id":${encodeJson(init.subscriptionId)},"patterns":${encodeJson(patterns)},"subscriber":${encodeJson(init.subscriber)},"created_at":${floatText(init.createdAt)},"get_backlog":${init.getBacklog},"backlog_seconds":${Math.round(init.backlogSeconds)}},"u":"${u}"}`
}

export function encodeUnsubscribe(u: string, subscriptionId: string): string {
  return `{"role":"pubsub-unsubscribe","subscription_id":${encodeJson(subscriptionId)},"u":"${u}"}`
}
