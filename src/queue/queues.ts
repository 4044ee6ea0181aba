/**
 * The queues of a node, by name: made, looked up, counted and ended here. Sending to a name that is not there makes a queue if the
 * configuration says so, and nothing else ever does.
 */
import type { Env } from '../base/index.ts'
import type { Exchange } from '../pubsub/index.ts'
import {
  encodeJson,
  MpregError,
  type QueueConfig,
  type QueueInfo,
  type QueueMessageGuarantee,
  type QueueSendOptions,
  type QueueSendResult,
  type QueueStatistics,
  type QueueTotals,
  RawJson,
} from '../wire/index.ts'
import { checkGuarantee, type QueuesConfig, queueConfig } from './config.ts'
import { createQueue, type Queue, type QueueObserver } from './queue.ts'
import { sendResult } from './send-result.ts'
import { createTopicRoutes } from './topic-routes.ts'

/** A name no queue can have. */
class QueueNameError extends MpregError {
  override readonly name = 'QueueNameError'
  readonly code = 'invalid_queue_name'
}

export interface QueuesDeps {
  readonly env: Env
  readonly exchange: Pick<Exchange, 'subscribe' | 'unsubscribe'>
  /** As senders are told where a message is; default: they are not. */
  readonly clusterId?: string
  /** Most bytes of a message; default: there is no limit. */
  readonly messageBytesMax?: number
  readonly observer?: QueueObserver | undefined
}

export interface Queues {
  /**
   * Makes a queue; false when the name is taken or there are too many.
   * @throws QueueOptionError, QueueNameError
   */
  create(name: string, config?: Partial<QueueConfig>): boolean
  /** Ends a queue with its messages and topic routes; false when there is none. */
  remove(name: string): boolean
  /** Undefined for all when the node stops. */
  get(name: string): Queue | undefined
  /** Whether sending to a name that nobody has makes a queue here. */
  readonly autoCreates: boolean
  /** In the order they were made. */
  list(): readonly Queue[]
  /**
   * Sends to a queue of this node.
   * @param payload a value, or its JSON text as RawJson
   * @param id as of {@link Queue.send}
   * @throws QueueOptionError, EncodingError
   */
  send(
    name: string,
    topic: string,
    payload: unknown,
    guarantee?: QueueMessageGuarantee,
    options?: QueueSendOptions,
    id?: string,
  ): QueueSendResult
  /**
   * From now on what is published on a matching topic, on whatever node, is enqueued too.
   * @returns false when there is no such queue
   * @throws QueueRouteError for a pattern that is none, or one too many
   */
  routeTopic(pattern: string, name: string, guarantee?: QueueMessageGuarantee): boolean
  /** False when there was no such route. */
  unrouteTopic(pattern: string, name: string): boolean
  info(name: string): QueueInfo | undefined
  totals(): QueueTotals
  snapshot(): QueuesSnapshot
  /** Messages that wait, of all queues. */
  depth(): number
  /** Told when a queue was made or ended. Returns how to stop. */
  observe(observer: QueuesObserver): () => void
  close(): void
}

export interface QueuesSnapshot {
  readonly totals: QueueTotals
  readonly queues: readonly (QueueStatistics & { readonly name: string; readonly subscriptions: number })[]
}

export interface QueuesObserver {
  created(queue: Queue): void
  removed(queue: Queue): void
}

/** Names appear in topics, logs and metric labels. */
const NAME_CHARACTERS_MAX = 255

/** @throws QueueNameError */
function checkName(name: string): void {
  if (name.length > NAME_CHARACTERS_MAX) {
    throw new QueueNameError(`a queue's name has at most ${NAME_CHARACTERS_MAX} characters, this one has ${name.length}; choose another`)
  }
  if (name.trim() === '') throw new QueueNameError(`a queue's name is not blank, as ${JSON.stringify(name)} is; choose another`)
  if (/\p{Cc}/u.test(name)) {
    throw new QueueNameError(`a queue's name has no control characters, as ${JSON.stringify(name)} has; choose another`)
  }
}

export function createQueues({ clusterId, env, exchange, messageBytesMax, observer }: QueuesDeps, config: QueuesConfig): Queues {
  const log = env.log.scope('queue.manager')
  const queues = new Map<string, Queue>()
  const observers = new Set<QueuesObserver>()
  const routes = createTopicRoutes({ env, exchange, send, onRouted: observer?.routed })
  let isClosed = false
  /** What queues that have ended had counted: totals never fall. */
  const past = { sent: 0, received: 0, acknowledged: 0, failed: 0 }

  function create(name: string, given: Partial<QueueConfig> = {}): boolean {
    checkName(name)
    const whole = queueConfig(name, given, config.queue)
    if (queues.has(name)) return false
    if (queues.size >= config.queuesMax) {
      log.warn(`queue ${name} not made: there are ${queues.size} already, as many as may be`)
      return false
    }
    const queue = createQueue({ env, name, config: whole, clusterId, messageBytesMax, observer })
    queues.set(name, queue)
    log.info(`queue made name=${name} type=${whole.queue_type} max_size=${whole.max_size}`)
    for (const each of observers) each.created(queue)
    return true
  }

  function send(
    name: string,
    topic: string,
    payload: unknown,
    guarantee: QueueMessageGuarantee = 'at_least_once',
    options: QueueSendOptions = {},
    id?: string,
  ): QueueSendResult {
    checkGuarantee(name, guarantee)
    if (isClosed) return sendResult(env.clock, env.random.ulid(), 'the node is stopping')
    const queue = queues.get(name) ?? (config.autoCreate && create(name) ? queues.get(name) : undefined)
    if (queue === undefined) return sendResult(env.clock, env.random.ulid(), `Queue ${name} does not exist`)
    return queue.send(topic, payload instanceof RawJson ? payload : new RawJson(encodeJson(payload)), guarantee, options, id)
  }

  function count(queue: Queue): void {
    const of = queue.statistics()
    past.sent += of.messages_sent
    past.received += of.messages_received
    past.acknowledged += of.messages_acknowledged
    past.failed += of.messages_failed
  }

  function totals(): QueueTotals {
    let { acknowledged, failed, received, sent } = past
    let subscriptions = 0
    for (const queue of queues.values()) {
      const of = queue.statistics()
      sent += of.messages_sent
      received += of.messages_received
      acknowledged += of.messages_acknowledged
      failed += of.messages_failed
      subscriptions += queue.subscriptionCount
    }
    const ended = acknowledged + failed
    return {
      total_queues: queues.size,
      total_messages_sent: sent,
      total_messages_received: received,
      total_messages_acknowledged: acknowledged,
      total_messages_failed: failed,
      active_subscriptions: subscriptions,
      success_rate: ended === 0 ? 0 : acknowledged / ended,
    }
  }

  return {
    create,

    remove(name) {
      const queue = queues.get(name)
      if (queue === undefined) return false
      routes.forget(name)
      queues.delete(name)
      count(queue)
      const left = queue.close()
      const loss = `queue ended name=${name} messages_lost=${left}`
      if (left > 0) log.warn(loss)
      else log.info(loss)
      for (const each of observers) each.removed(queue)
      return true
    },

    get: (name) => (isClosed ? undefined : queues.get(name)),
    autoCreates: config.autoCreate,
    list: () => [...queues.values()],
    send,

    routeTopic(pattern, name, guarantee = 'at_least_once') {
      checkGuarantee(name, guarantee)
      if (!queues.has(name)) return false
      routes.add(pattern, name, guarantee)
      return true
    },
    unrouteTopic: routes.remove,

    info(name) {
      const queue = queues.get(name)
      if (queue === undefined) return undefined
      return {
        name,
        config: queue.config,
        statistics: queue.statistics(),
        subscriptions: queue.subscriptionCount,
        topic_routes: routes.patternsOf(name),
      }
    },

    snapshot: () => ({
      totals: totals(),
      queues: [...queues.values()].map((queue) => ({ name: queue.name, subscriptions: queue.subscriptionCount, ...queue.statistics() })),
    }),
    totals,
    depth() {
      let waiting = 0
      for (const queue of queues.values()) waiting += queue.statistics().current_queue_size
      return waiting
    },

    observe(each) {
      observers.add(each)
      return () => observers.delete(each)
    },

    close() {
      isClosed = true
      routes.close()
      for (const queue of queues.values()) queue.close()
    },
  }
}
