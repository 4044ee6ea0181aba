/**
 * The `fabric-message` envelope: one shape for every subsystem that talks between nodes.
 *
 * `payload` and `headers.metadata` stay the text they arrived in, so that a hop which only forwards neither parses nor prints them.
 */
import { encodeJson, floatText, memberStarts, RawJson, valueText } from './json.ts'

export const MESSAGE_TYPES = ['rpc', 'pubsub', 'queue', 'cache', 'control', 'data'] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]
export const DELIVERIES = ['fire_and_forget', 'at_least_once', 'exactly_once', 'broadcast', 'quorum'] as const
export type Delivery = (typeof DELIVERIES)[number]
export const PRIORITIES = ['critical', 'high', 'normal', 'low', 'bulk'] as const
export type Priority = (typeof PRIORITIES)[number]

export interface FabricHeaders {
  readonly correlation_id: string
  readonly source_cluster: string | null
  readonly target_cluster: string | null
  /** Node ids passed so far; the transmitting node is last. */
  readonly routing_path: readonly string[]
  /** Cluster ids passed so far. */
  readonly federation_path: readonly string[]
  /** Most node hops; never decremented on the way. */
  readonly hop_budget: number | null
  readonly priority: Priority
  readonly metadata: RawJson
}

export interface FabricMessage {
  readonly message_id: string
  readonly topic: string
  readonly message_type: MessageType
  readonly delivery: Delivery
  readonly payload: RawJson
  readonly headers: FabricHeaders
  /** Unix seconds. */
  readonly timestamp: number
}

/** Why an envelope was not accepted, or the envelope. */
export type FabricDecodeResult = { readonly message: FabricMessage } | { readonly rejected: string }

/**
 * Lenient as the protocol demands: unknown `message_type`, `delivery` or `priority` take their defaults; only a missing `message_id`,
 * `topic` or `headers.correlation_id` makes the frame worthless.
 * @param frame the parsed frame; `text` what it was parsed from
 * @param now Unix seconds, used when the message carries no timestamp
 */
export function decodeFabricMessage(frame: { payload?: unknown }, text: string, now: number): FabricDecodeResult {
  const message = asObject(frame.payload)
  if (message === undefined) return { rejected: 'payload is not an object' }
  const headers = asObject(message.headers)
  const correlationId = headers?.correlation_id
  if (!isText(message.message_id)) return { rejected: 'message_id is missing' }
  if (!isText(message.topic)) return { rejected: 'topic is missing' }
  if (headers === undefined || !isText(correlationId)) return { rejected: 'headers.correlation_id is missing' }
  const starts = memberStarts(text, memberStarts(text, 0).get('payload') ?? 0)
  const payloadAt = starts.get('payload')
  const metadataAt = asObject(headers.metadata) === undefined ? undefined : memberStarts(text, starts.get('headers') ?? 0).get('metadata')
  return {
    message: {
      message_id: message.message_id,
      topic: message.topic,
      message_type: oneOf(MESSAGE_TYPES, message.message_type, 'data'),
      delivery: oneOf(DELIVERIES, message.delivery, 'fire_and_forget'),
      payload: new RawJson(payloadAt === undefined ? 'null' : valueText(text, payloadAt)),
      headers: {
        correlation_id: correlationId,
        source_cluster: textOrNull(headers.source_cluster),
        target_cluster: textOrNull(headers.target_cluster),
        routing_path: textList(headers.routing_path),
        federation_path: textList(headers.federation_path),
        hop_budget: Number.isInteger(headers.hop_budget) ? (headers.hop_budget as number) : null,
        priority: oneOf(PRIORITIES, headers.priority, 'normal'),
        metadata: new RawJson(metadataAt === undefined ? '{}' : valueText(text, metadataAt)),
      },
      timestamp: typeof message.timestamp === 'number' ? message.timestamp : now,
    },
  }
}

export function encodeFabricMessage(message: FabricMessage): string {
  const h = message.headers
  return `{"role":"fabric-message","payload":{"message_id":${encodeJson(message.message_id)},"topic":${encodeJson(message.topic)},"message_type":"${message.message_type}","delivery":"${message.delivery}","payload":${message.payload.text},"headers":{"correlation_id":${encodeJson(h.correlation_id)},"source_cluster":${encodeJson(h.source_cluster)},"target_cluster":${encodeJson(h.target_cluster)},"routing_path":${JSON.stringify(h.routing_path)},"federation_path":${JSON.stringify(h.federation_path)},"hop_budget":${h.hop_budget},"priority":"${h.priority}","metadata":${h.metadata.text}},"timestamp":${floatText(message.timestamp)}}}`
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function textList(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function oneOf<T extends string>(known: readonly T[], value: unknown, otherwise: T): T {
  return known.includes(value as T) ? (value as T) : otherwise
}
