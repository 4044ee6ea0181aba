/**
 * One queue: takes messages, hands them to consumers, and has them come back until somebody acknowledges them.
 *
 * Nothing is polled. Sending, subscribing, acknowledging and deadlines ask for a round of deliveries, which runs once at the end of the turn,
 * for all that has gathered; deadlines of all messages share one timer. Subscribers get what matches their pattern pushed; consumers that
 * receive take what is first. Both kinds may use one queue: what no subscriber wants waits for those who pull.
 *
 * A stored message ends in one of four ways: acknowledged, expired, dead, or deleted with its queue; until then it waits or is in flight.
 */
import { type Cancel, copiedText, type Env, TransientMap } from '../base/index.ts'
import { logOncePer } from '../telemetry/index.ts'
import {
  type DeadLetter,
  type DeadLetterReason,
  errorLine,
  type Message,
  type QueueConfig,
  type QueueMessage,
  type QueueMessageGuarantee,
  type QueueSendOptions,
  type QueueSendResult,
  type QueueStatistics,
  RawJson,
  type ReceivedQueueMessage,
} from '../wire/index.ts'
import { defaultOptions, sendOptions } from './config.ts'
import { DeadLetters } from './dead-letters.ts'
import { createDeduplication, fingerprintOf } from './deduplication.ts'
import { QueueMessageTooLargeError } from './errors.ts'
import { handOver } from './fire-and-forget.ts'
import { exceeds, messageBytes } from './message-size.ts'
import { createReceivers, type ReceiveRequest, type Receiver } from './receivers.ts'
import { sendResult } from './send-result.ts'
import { type Delivery, type Rejection, StoredMessage } from './stored-message.ts'
import { createSubscriptions, type QueueSubscription, type QueueSubscriptionInit } from './subscriptions.ts'
import { createWaitingRoom } from './waiting-room.ts'

/** Told of what becomes of messages, at once. Must not throw. */
export interface QueueObserver {
  /** A message was taken in. */
  sent(queue: string, message: QueueMessage): void
  /** @param processingMs from its delivery */
  acknowledged(queue: string, message: QueueMessage, processingMs: number): void
  /** It failed for good. */
  failed(queue: string, message: QueueMessage, reason: DeadLetterReason): void
  /** A publication on a topic that is routed to the queue was sent to it, or was refused. */
  routed(queue: string, publication: Message, result: QueueSendResult): void
}

export interface QueueDeps {
  readonly env: Env
  readonly name: string
  readonly config: QueueConfig
  /** Whose queue it is, as senders are told; default: nobody is named. */
  readonly clusterId?: string | undefined
  /** A message with more bytes is refused, for it could not leave the node again; default: there is no such limit. */
  readonly messageBytesMax?: number | undefined
  readonly observer?: QueueObserver | undefined
}

export interface Queue {
  readonly name: string
  readonly config: QueueConfig
  readonly subscriptionCount: number
  /**
   * @param id of the message; default: a new one, as also where a message of that id is here already
   * @throws QueueOptionError
   */
  send(topic: string, payload: RawJson, guarantee: QueueMessageGuarantee, options?: QueueSendOptions, id?: string): QueueSendResult
  /** @returns its id. @throws TooManySubscriptionsError */
  subscribe(subscription: QueueSubscriptionInit): string
  /** @param isGone it will acknowledge nothing any more: what it has comes back at once */
  unsubscribe(subscriptionId: string, isGone?: boolean): boolean
  /**
   * Takes messages, which come back after their visibility timeout unless acknowledged.
   * @throws TooManyReceiversError, QueueMessageTooLargeError (by way of the promise)
   */
  receive(request: ReceiveRequest): Promise<ReceivedQueueMessage[]>
  /** False unless the message is in flight, to this subscriber, and in this attempt if one is named. */
  acknowledge(messageId: string, subscriberId: string, attempt?: number): boolean
  /** The subscriber gives it back. False as of {@link acknowledge}. */
  reject(messageId: string, subscriberId: string, rejection: Rejection): boolean
  /** Oldest first, as many as `bytesMax` bytes hold as JSON. @throws QueueMessageTooLargeError for less than the first */
  deadLetters(limit?: number, bytesMax?: number): DeadLetter[]
  /**
   * Puts dead letters back as if newly sent, all of them or one, while there is room. @returns how many
   */
  redrive(messageId?: string): number
  statistics(): QueueStatistics
  /** Ends it with all its messages. @returns how many had not come to an end */
  close(): number
}

/** Deliveries in one go; the others have their turn after the event loop had its own. */
const DELIVERIES_PER_ROUND = 1_000
/** Kept of what the last consumer said. */
const DETAIL_CHARACTERS_MAX = 1_000
const PAUSE_LOG_INTERVAL_MS = 10_000
const NO_OPTIONS: QueueSendOptions = {}
const GONE = { reason: 'Max retries exceeded', detail: 'its subscriber has gone' } as const

export function createQueue(deps: QueueDeps): Queue {
  const { clusterId, config, env, messageBytesMax = Number.POSITIVE_INFINITY, name, observer } = deps
  const { clock, random, timers } = env
  const log = env.log.scope('queue')
  const defaults = defaultOptions(config)
  const here = clusterId === undefined ? [] : [clusterId]
  /** All that wait or are in flight, by id. */
  const messages = new TransientMap<StoredMessage>()
  const room = createWaitingRoom({
    env,
    onReady: schedule,
    onExpired(stored) {
      messages.delete(stored.message.message_id)
      counts.messages_expired++
      if (log.debugOn) log.debug(`expired queue=${name} id=${stored.message.message_id}`)
    },
    onTimeout: (stored) => attemptFailed(stored, 'Max retries exceeded', 'nobody acknowledged it in time'),
  })
  const deadLetters = new DeadLetters(name, config.dead_letters_max)
  const subscriptions = createSubscriptions(`queue ${name}`)
  const receivers = createReceivers(env, name)
  const deduplication = config.enable_deduplication ? createDeduplication(clock, config.deduplication_window_seconds * 1000) : undefined
  const pauseLog = logOncePer({ clock, intervalMs: PAUSE_LOG_INTERVAL_MS })
  const startedAt = clock.wall()
  const counts = {
    messages_sent: 0,
    messages_received: 0,
    messages_acknowledged: 0,
    messages_failed: 0,
    messages_expired: 0,
    messages_requeued: 0,
    messages_refused: 0,
    messages_duplicate: 0,
    messages_redriven: 0,
    in_flight_pauses: 0,
  }
  let inFlight = 0
  let nextOrder = 0
  let processedMs = 0
  let processed = 0
  let isRoundDue = false
  let cancelRound: Cancel | undefined
  let isPaused = false
  let isClosed = false

  const hasRoom = (): boolean => room.size < config.max_size

  // --- rounds of deliveries ---

  function schedule(): void {
    if (isRoundDue || isClosed) return
    isRoundDue = true
    queueMicrotask(round)
  }

  function round(): void {
    isRoundDue = false
    if (isClosed) return
    let left = DELIVERIES_PER_ROUND
    if (subscriptions.size > 0 || !config.hold_without_subscribers) {
      for (; left > 0 && mayDeliver(); left--) {
        const stored = room.takeReady()
        if (stored === undefined) break
        push(stored)
      }
    }
    for (let receiver = receivers.first(); receiver !== undefined && left > 0; receiver = receivers.first()) {
      left -= Math.max(1, serve(receiver))
      if (receivers.first() === receiver) break
    }
    if (left <= 0 && !isRoundDue) {
      isRoundDue = true
      cancelRound = timers.after(0, round)
    }
  }

  /** @returns how many it got; if none, and nothing went wrong, it waits on */
  function serve(receiver: Receiver): number {
    try {
      const messages = take(receiver)
      if (messages.length > 0) receivers.answer(receiver, messages)
      return messages.length
    } catch (error) {
      receivers.refuse(receiver, error)
      return 0
    }
  }

  /** False also when nothing is ready. */
  function mayDeliver(): boolean {
    if (!room.hasReady) return false
    if (inFlight < config.max_in_flight) return true
    if (!isPaused) {
      isPaused = true
      counts.in_flight_pauses++
      pauseLog.log(name, (more) =>
        log.warn(`queue ${name} pauses: ${inFlight} messages wait for acknowledgement, as many as max_in_flight allows${more}`),
      )
    }
    return false
  }

  function push(stored: StoredMessage): void {
    const targets = subscriptions.targets(stored.message.topic)
    if (targets.length > 0) return deliver(stored, targets)
    if (config.hold_without_subscribers) room.park(stored)
    else bury(stored, 'No subscribers', null)
  }

  function depart(stored: StoredMessage): void {
    stored.attempt++
    stored.place = 'in_flight'
    stored.deliveredMs = clock.monotonic()
    stored.rejection = undefined
    stored.failure = undefined
    inFlight++
  }

  function deliver(stored: StoredMessage, targets: readonly QueueSubscription[]): void {
    depart(stored)
    const { message } = stored
    const { acknowledgment_timeout_seconds, required_acknowledgments } = message.options
    const { delivery_guarantee: guarantee } = message
    stored.required = guarantee === 'broadcast' ? undefined : guarantee === 'quorum' ? required_acknowledgments : 1
    stored.deliveries = targets.map((subscription) => ({ subscriber: subscription.subscriberId, subscription, outcome: 'open' }))
    stored.isDelivering = true
    const received: ReceivedQueueMessage = { ...message, attempt: stored.attempt }
    for (const delivery of stored.deliveries) hand(stored, delivery, received)
    stored.isDelivering = false
    for (const { outcome } of stored.deliveries) if (outcome !== 'failed') counts.messages_received++
    if (log.debugOn) {
      const names = stored.deliveries.map(({ outcome, subscriber }) => `${subscriber}(${outcome})`).join(',')
      log.debug(`delivered queue=${name} id=${message.message_id} attempt=${stored.attempt} to=${names}`)
    }
    judge(stored)
    if (stored.place === 'in_flight' && !isClosed) room.arm(stored, stored.deliveredMs + acknowledgment_timeout_seconds * 1000)
  }

  function hand(stored: StoredMessage, delivery: Delivery, received: ReceivedQueueMessage): void {
    const subscription = delivery.subscription as QueueSubscription
    subscription.inFlight++
    try {
      const answer = subscription.deliver?.(received)
      if (answer === undefined) {
        if (subscription.deliver !== undefined && subscription.autoAcknowledge) settle(stored, delivery, 'acknowledged')
        return
      }
      answer.then(
        () => subscription.autoAcknowledge && settle(stored, delivery, 'acknowledged'),
        (error: unknown) => fail(stored, delivery, error),
      )
    } catch (error) {
      fail(stored, delivery, error)
    }
  }

  function fail(stored: StoredMessage, delivery: Delivery, error: unknown): void {
    const detail = errorLine(error)
    if (log.debugOn)
      log.debug(`subscriber failed queue=${name} id=${stored.message.message_id} subscriber=${delivery.subscriber} ${detail}`)
    settle(stored, delivery, 'failed', { reason: 'All deliveries failed', detail })
  }

  /** A subscriber has done its part. Of an attempt that is over nothing counts. */
  function settle(stored: StoredMessage, delivery: Delivery, outcome: 'acknowledged' | 'failed', failure?: StoredMessage['failure']): void {
    if (delivery.outcome !== 'open' || stored.place !== 'in_flight' || !stored.deliveries.includes(delivery)) return
    delivery.outcome = outcome
    if (delivery.subscription !== undefined) delivery.subscription.inFlight--
    if (failure !== undefined) stored.failure = failure
    if (!stored.isDelivering) judge(stored)
  }

  function judge(stored: StoredMessage): void {
    const { verdict } = stored
    if (verdict === 'complete') complete(stored)
    else if (verdict === 'failed') {
      const { detail, reason } = stored.failure ?? { reason: 'All deliveries failed', detail: null }
      attemptFailed(stored, reason, detail)
    }
  }

  function land(stored: StoredMessage): void {
    room.disarm(stored)
    inFlight--
    for (const { outcome, subscription } of stored.deliveries) if (outcome === 'open' && subscription !== undefined) subscription.inFlight--
    stored.place = 'gone'
    if (!isPaused) return
    isPaused = false
    schedule()
  }

  function complete(stored: StoredMessage): void {
    land(stored)
    messages.delete(stored.message.message_id)
    const ms = clock.monotonic() - stored.deliveredMs
    counts.messages_acknowledged++
    processed++
    processedMs += ms
    observer?.acknowledged(name, stored.message, ms)
  }

  function attemptFailed(stored: StoredMessage, reason: DeadLetterReason, detail: string | null): void {
    land(stored)
    if (isClosed) return
    const { deliveries, message, rejection } = stored
    if (rejection?.requeue === false) return bury(stored, 'Rejected by consumer', detail)
    if (stored.attempt >= (config.dead_letter_max_receives ?? message.options.max_retries + 1)) return bury(stored, reason, detail)
    counts.messages_requeued++
    const delayMs = rejection?.delaySeconds === undefined ? backoffMs(stored) : rejection.delaySeconds * 1000
    stored.readyMs = clock.monotonic() + delayMs
    if (log.debugOn) {
      const consumers = deliveries.map(({ subscriber }) => subscriber).join(',')
      log.debug(`requeued queue=${name} id=${message.message_id} attempt=${stored.attempt} consumers=${consumers} in_ms=${delayMs}`)
    }
    room.enter(stored)
  }

  /** Exponential, with half of it left to chance so that what failed together does not come back together. */
  function backoffMs({ attempt }: StoredMessage): number {
    const { retry_backoff_max_seconds: max, retry_backoff_seconds: base } = config
    return base === 0 ? 0 : 1000 * Math.min(max, base * 2 ** Math.min(attempt - 1, 30)) * (0.5 + random.next() / 2)
  }

  function bury(stored: StoredMessage, reason: DeadLetterReason, detail: string | null): void {
    stored.place = 'gone'
    messages.delete(stored.message.message_id)
    counts.messages_failed++
    const { attempt: attempts, deliveries, message } = stored
    if (config.enable_dead_letter_queue) {
      const last_delivered_to = deliveries.map(({ subscriber }) => subscriber)
      const said = detail && copiedText(detail.slice(0, DETAIL_CHARACTERS_MAX))
      deadLetters.add({ message, reason, detail: said, attempts, last_delivered_to, died_at: clock.wall() })
    }
    if (log.debugOn) log.debug(`dead letter queue=${name} id=${message.message_id} reason=${reason} detail=${detail ?? '-'}`)
    observer?.failed(name, message, reason)
  }

  function store(message: QueueMessage, delaySeconds: number): void {
    const nowMs = clock.monotonic()
    const ttl = config.message_ttl_seconds
    const expiresMs = ttl === null ? Number.POSITIVE_INFINITY : nowMs + ttl * 1000
    const rank = config.queue_type === 'priority' ? message.options.priority : 0
    const stored = new StoredMessage(message, rank, nextOrder++, nowMs + delaySeconds * 1000, expiresMs)
    messages.set(message.message_id, stored)
    room.enter(stored)
  }

  /** @throws QueueMessageTooLargeError when not even the first fits; nothing is taken then */
  function take({ bytesMax, max = 1, subscriberId: subscriber }: Pick<ReceiveRequest, 'bytesMax' | 'max' | 'subscriberId'>) {
    const out: ReceivedQueueMessage[] = []
    let bytesLeft = bytesMax ?? Number.POSITIVE_INFINITY
    while (out.length < max && !isClosed) {
      const stored = mayDeliver() ? room.first() : undefined
      if (stored === undefined) break
      if (bytesMax !== undefined) {
        const bytes = messageBytes(stored.message)
        if (bytes > bytesLeft && out.length === 0) throw new QueueMessageTooLargeError(name, stored.message.message_id, bytes, bytesMax)
        if (bytes > bytesLeft) break
        bytesLeft -= bytes
      }
      room.takeFirst()
      depart(stored)
      // Pulled by one consumer, whose acknowledgement completes it whatever the guarantee.
      stored.required = 1
      stored.deliveries = [{ subscriber, subscription: undefined, outcome: 'open' }]
      room.arm(stored, stored.deliveredMs + stored.message.options.visibility_timeout_seconds * 1000)
      counts.messages_received++
      out.push({ ...stored.message, attempt: stored.attempt })
    }
    return out
  }

  function fireAndForget(message: QueueMessage): QueueSendResult {
    const { delivered, failed } = handOver(message, subscriptions.targets(message.topic), (subscriber, error) =>
      log.warn(`subscriber ${subscriber} of queue ${name} failed: ${errorLine(error)}`),
    )
    counts.messages_received += delivered.length
    if (delivered.length > 0) counts.messages_acknowledged++
    observer?.sent(name, message)
    return { ...sendResult(clock, message.message_id, null, delivered), failed_deliveries: failed }
  }

  function openDeliveries(messageId: string, subscriberId: string, attempt: number | undefined): StoredMessage | undefined {
    const stored = messages.get(messageId)
    if (stored?.place !== 'in_flight' || (attempt !== undefined && attempt !== stored.attempt)) return undefined
    return stored.deliveries.some(({ subscriber }) => subscriber === subscriberId) ? stored : undefined
  }

  return {
    name,
    config,
    get subscriptionCount() {
      return subscriptions.size
    },

    send(topic, payload, guarantee, given = NO_OPTIONS, asked = undefined) {
      const options = sendOptions(name, given, defaults)
      // What is here already is not lost to somebody who uses its id.
      const id = asked === undefined || messages.get(asked) || deadLetters.get(asked) ? random.ulid() : asked
      if (isClosed) return sendResult(clock, id, 'Queue is closed', here)
      const fingerprint = deduplication && fingerprintOf(topic, payload, options.headers)
      if (fingerprint !== undefined && deduplication?.isDuplicate(fingerprint) === true) {
        counts.messages_duplicate++
        return sendResult(clock, id, 'Duplicate message within deduplication window', here)
      }
      if (!hasRoom()) {
        counts.messages_refused++
        return sendResult(clock, id, 'Queue at maximum capacity', here)
      }
      if (exceeds({ topic, payload, options }, messageBytesMax)) {
        counts.messages_refused++
        return sendResult(clock, id, `Message has more bytes than could leave its node again (${messageBytesMax})`, here)
      }
      if (fingerprint !== undefined) deduplication?.accepted(fingerprint)
      const message: QueueMessage = {
        message_id: id,
        topic,
        // As it came it may be a view into a frame that holds much else.
        payload: new RawJson(copiedText(payload.text)),
        delivery_guarantee: guarantee,
        options,
        created_at: clock.wall(),
      }
      if (guarantee === 'fire_and_forget') return fireAndForget(message)
      counts.messages_sent++
      observer?.sent(name, message)
      store(message, options.delay_seconds)
      return sendResult(clock, id, null, here)
    },

    subscribe(subscription) {
      const id = random.ulid()
      subscriptions.add(id, subscription)
      // Somebody may want now what nobody wanted before.
      room.unpark()
      schedule()
      return id
    },
    unsubscribe(subscriptionId, isGone = false) {
      const wasThere = subscriptions.remove(subscriptionId)
      if (!wasThere || !isGone) return wasThere
      for (const stored of messages.values()) {
        if (stored.place !== 'in_flight') continue
        for (const delivery of stored.deliveries) {
          if (delivery.subscription?.id === subscriptionId) settle(stored, delivery, 'failed', GONE)
        }
      }
      return true
    },

    async receive(request) {
      const max = request.max ?? 1
      const messages = take(request)
      return messages.length > 0 || !((request.waitSeconds ?? 0) > 0) || isClosed ? messages : receivers.wait(request, max)
    },

    acknowledge(messageId, subscriberId, attempt) {
      const stored = openDeliveries(messageId, subscriberId, attempt)
      if (stored === undefined) return false
      for (const delivery of stored.deliveries) if (delivery.subscriber === subscriberId) settle(stored, delivery, 'acknowledged')
      return true
    },

    reject(messageId, subscriberId, rejection) {
      const stored = openDeliveries(messageId, subscriberId, rejection.attempt)
      if (stored === undefined) return false
      stored.rejection = rejection
      const failure = { reason: 'Max retries exceeded', detail: rejection.detail ?? `${subscriberId} gave it back` } as const
      for (const delivery of stored.deliveries) if (delivery.subscriber === subscriberId) settle(stored, delivery, 'failed', failure)
      return true
    },

    deadLetters: (limit, bytesMax) => deadLetters.list(limit, bytesMax),

    redrive(messageId) {
      const letter = messageId === undefined ? undefined : deadLetters.get(messageId)
      const letters = messageId === undefined ? deadLetters.list() : letter === undefined ? [] : [letter]
      let redriven = 0
      for (const { message } of letters) {
        if (isClosed || !hasRoom()) break
        deadLetters.remove(message.message_id)
        counts.messages_redriven++
        redriven++
        store(message, 0)
      }
      return redriven
    },

    statistics() {
      const ended = counts.messages_acknowledged + counts.messages_failed
      return {
        ...counts,
        current_queue_size: room.size,
        current_in_flight_count: inFlight,
        dead_letters: deadLetters.size,
        dead_letters_dropped: deadLetters.dropped,
        waiting_receivers: receivers.size,
        average_processing_time_seconds: processed === 0 ? 0 : processedMs / processed / 1000,
        last_reset_time: startedAt,
        success_rate: ended === 0 ? 0 : counts.messages_acknowledged / ended,
      }
    },

    close() {
      const left = room.size + inFlight
      isClosed = true
      cancelRound?.()
      room.close()
      receivers.close()
      return left
    },
  }
}
