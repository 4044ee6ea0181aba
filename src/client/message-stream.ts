/** Ways to use a subscription, told apart from where it is held: messages as an async iterable, and the first message as a reply. */
import type { Random, Timers } from '../base/index.ts'
import type { Client } from './api.ts'
import { ClientClosedError, RequestTimeoutError } from './errors.ts'
import type { MessageHeaders } from './headers.ts'
import { createInbox, type Inbox, type Message, type SubscribeOptions } from './subscription.ts'

type Subscribe = Client['subscribe']
type Publish = (topic: string, payload: unknown, headers?: MessageHeaders) => Promise<void>

const REPLY_TIMEOUT_MS = 30_000

/** Subscribes with the first `next()`, and unsubscribes when the loop ends. */
export function streamOf(
  subscribe: Subscribe,
  patterns: string | readonly string[],
  options: SubscribeOptions & { readonly queueMax?: number },
): AsyncIterableIterator<Message> {
  const inbox = createInbox(options.queueMax)
  const messages = iterate(subscribe, patterns, options, inbox)
  const { return: finish } = messages
  // A generator would let `return` wait behind a `next` that waits for a message.
  const end: typeof messages.return = (value) => {
    inbox.end()
    return finish.call(messages, value)
  }
  messages.return = end
  return messages
}

async function* iterate(
  subscribe: Subscribe,
  patterns: string | readonly string[],
  options: SubscribeOptions,
  inbox: Inbox,
): AsyncGenerator<Message, undefined> {
  const onLost = (cause: Error) => {
    inbox.end(cause instanceof ClientClosedError ? undefined : cause)
    return options.onLost?.(cause)
  }
  const subscription = await subscribe(patterns, inbox.put, { ...options, onLost })
  try {
    for (let message = await inbox.take(); message !== undefined; message = await inbox.take()) yield message
  } finally {
    await subscription.unsubscribe()
  }
}

/** Publishes with a `reply_to` header of its own, and resolves with the first message on that topic. @throws RequestTimeoutError */
export async function replyTo(
  { random, timers }: { readonly random: Random; readonly timers: Timers },
  { subscribe, publish }: { readonly subscribe: Subscribe; readonly publish: Publish },
  topic: string,
  payload: unknown,
  options: { headers?: MessageHeaders; timeoutMs?: number },
): Promise<Message> {
  const timeoutMs = options.timeoutMs ?? REPLY_TIMEOUT_MS
  const replyTopic = `reply.${random.ulid()}`
  const reply = Promise.withResolvers<Message>()
  const cancel = timers.after(timeoutMs, () => reply.reject(new RequestTimeoutError(`Reply timeout after ${timeoutMs / 1000} seconds`)))
  const subscribed = subscribe(replyTopic, reply.resolve, { onLost: reply.reject })
  try {
    await Promise.race([subscribed, reply.promise])
    await Promise.race([publish(topic, payload, { ...options.headers, reply_to: replyTopic }), reply.promise])
    return await reply.promise
  } finally {
    cancel()
    subscribed.then((subscription) => subscription.unsubscribe()).catch(() => {})
  }
}
