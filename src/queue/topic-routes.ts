/**
 * Topics whose publications are enqueued. A route is a subscription of this node like any other: it is announced, so that what is published
 * on other nodes comes here too. A queue gets one copy of a message however many of its routes match.
 */
import { type Env, TopicTrie, validatePattern } from '../base/index.ts'
import type { Exchange, Subscriber } from '../pubsub/index.ts'
import {
  type Message,
  MpregError,
  memberStarts,
  messageObject,
  type QueueMessageGuarantee,
  type QueueSendOptions,
  type QueueSendResult,
  RawJson,
  type Subscription,
  valueText,
} from '../wire/index.ts'
import type { QueueObserver } from './queue.ts'

/** A topic can not be routed to a queue. */
class QueueRouteError extends MpregError {
  override readonly name = 'QueueRouteError'
  readonly code = 'invalid_queue_route'
}

export interface TopicRoutesDeps {
  readonly env: Env
  readonly exchange: Pick<Exchange, 'subscribe' | 'unsubscribe'>
  /** Sends to a queue of this node. */
  send(
    queue: string,
    topic: string,
    payload: RawJson,
    guarantee: QueueMessageGuarantee | undefined,
    options: QueueSendOptions,
  ): QueueSendResult
  readonly onRouted?: QueueObserver['routed'] | undefined
}

export interface TopicRoutes {
  /** @throws QueueRouteError */
  add(pattern: string, queue: string, guarantee: QueueMessageGuarantee): void
  remove(pattern: string, queue: string): boolean
  patternsOf(queue: string): string[]
  /** Ends all routes to a queue. */
  forget(queue: string): void
  close(): void
}

/** The routes to one queue. */
interface Routed {
  readonly subscriptionId: string
  readonly guarantees: Map<string, QueueMessageGuarantee>
  /** Finds the pattern that made a message come. */
  readonly trie: TopicTrie<string>
}

export function createTopicRoutes({ env, exchange, onRouted, send }: TopicRoutesDeps): TopicRoutes {
  const log = env.log.scope('queue.manager')
  const byQueue = new Map<string, Routed>()
  const queueOf = new Map<string, string>()
  const owner: Subscriber = { label: 'topic routes of queues', deliver }

  function deliver(message: Message, { subscriptionId }: Subscription): void {
    const queue = queueOf.get(subscriptionId)
    const routed = queue === undefined ? undefined : byQueue.get(queue)
    if (queue === undefined || routed === undefined) return
    const [pattern = ''] = routed.trie.match(message.topic)
    const { headers, payload } = contentOf(message)
    const result = send(queue, message.topic, payload, routed.guarantees.get(pattern), { headers })
    onRouted?.(queue, message, result)
    if (!result.success && log.debugOn)
      log.debug(`publication not enqueued queue=${queue} topic=${message.topic} id=${message.messageId} reason=${result.error_message}`)
  }

  function subscribe(queue: string, { guarantees, subscriptionId }: Routed): void {
    const outcome = exchange.subscribe(owner, {
      subscriptionId,
      patterns: [...guarantees.keys()].map((pattern) => ({ pattern, exact: false })),
      subscriber: `queue ${queue}`,
      createdAt: env.clock.wall(),
      getBacklog: false,
      backlogSeconds: 0,
    })
    if (!outcome.ok) throw new QueueRouteError(`queue ${queue}: ${outcome.error}`)
  }

  function drop(queue: string, { subscriptionId }: Routed): void {
    exchange.unsubscribe(owner, subscriptionId)
    queueOf.delete(subscriptionId)
    byQueue.delete(queue)
  }

  return {
    add(pattern, queue, guarantee) {
      const verdict = validatePattern(pattern)
      if (!verdict.ok) throw new QueueRouteError(`Invalid topic pattern: ${verdict.message}`)
      let routed = byQueue.get(queue)
      if (routed === undefined) routed = { subscriptionId: env.random.ulid(), guarantees: new Map(), trie: new TopicTrie() }
      const known = routed.guarantees.get(pattern)
      routed.guarantees.set(pattern, guarantee)
      try {
        subscribe(queue, routed)
      } catch (error) {
        if (known === undefined) routed.guarantees.delete(pattern)
        else routed.guarantees.set(pattern, known)
        throw error
      }
      if (known === undefined) routed.trie.add(pattern, pattern)
      byQueue.set(queue, routed)
      queueOf.set(routed.subscriptionId, queue)
      log.info(`topic routed pattern=${pattern} queue=${queue} guarantee=${guarantee}`)
    },

    remove(pattern, queue) {
      const routed = byQueue.get(queue)
      if (routed === undefined || !routed.guarantees.delete(pattern)) return false
      routed.trie.remove(pattern, pattern)
      if (routed.guarantees.size === 0) drop(queue, routed)
      else subscribe(queue, routed)
      return true
    },

    patternsOf: (queue) => [...(byQueue.get(queue)?.guarantees.keys() ?? [])],

    forget(queue) {
      const routed = byQueue.get(queue)
      if (routed !== undefined) drop(queue, routed)
    },

    close() {
      for (const [queue, routed] of [...byQueue]) drop(queue, routed)
    },
  }
}

/** The payload as it was published, and those of the headers that are texts: a queue's headers are. */
function contentOf({ text }: Message): { payload: RawJson; headers: Record<string, string> } {
  const fields = messageObject.parse(JSON.parse(text))
  const at = memberStarts(text, 0).get('payload')
  const headers = Object.entries(fields.headers ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { payload: new RawJson(at === undefined ? 'null' : valueText(text, at)), headers: Object.fromEntries(headers) }
}
