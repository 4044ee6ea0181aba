/**
 * How many bytes messages take as JSON: what a link carries, and what a consumer takes at a time, has an end. Reckoned from above, and exactly
 * only where most of it is, in the payload.
 */
import type { DeadLetter, QueueMessage } from '../wire/index.ts'

/** What of a message may be long. */
export type Sized = Pick<QueueMessage, 'topic' | 'payload' | 'options'>

/** Names of fields, numbers and the id. */
const FIELDS_BYTES = 1_024
/** A character of a text at most, written as `\u0001`. */
const CHARACTER_BYTES = 6
/** A character of JSON that is there already at most: UTF-8. */
const RAW_CHARACTER_BYTES = 3

export function messageBytes(message: Sized): number {
  return besidesPayload(message) + Buffer.byteLength(message.payload.text)
}

/** Without looking at a payload that fits in any case. */
export function exceeds(message: Sized, bytesMax: number): boolean {
  return besidesPayload(message) + message.payload.text.length * RAW_CHARACTER_BYTES > bytesMax && messageBytes(message) > bytesMax
}

export function letterBytes({ detail, last_delivered_to, message }: DeadLetter): number {
  let characters = detail?.length ?? 0
  for (const subscriber of last_delivered_to) characters += subscriber.length + 1
  return messageBytes(message) + FIELDS_BYTES + characters * CHARACTER_BYTES
}

function besidesPayload({ options, topic }: Sized): number {
  const { headers } = options
  let characters = topic.length
  for (const name in headers) characters += name.length + (headers[name]?.length ?? 0) + 1
  return FIELDS_BYTES + characters * CHARACTER_BYTES
}
