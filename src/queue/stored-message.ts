/**
 * A message in a queue with everything the queue knows of it. It is in one place at a time: delayed, ready, parked (ready, but nobody who is
 * subscribed wants it), in flight, or gone: acknowledged, expired, a dead letter, or deleted with its queue.
 */
import type { DeadlineHandle } from '../base/index.ts'
import type { DeadLetterReason, QueueMessage } from '../wire/index.ts'
import type { QueueSubscription } from './subscriptions.ts'
import type { Ordered } from './waiting-messages.ts'

export type Place = 'delayed' | 'ready' | 'parked' | 'in_flight' | 'gone'

/** One subscriber's part in an attempt. */
export interface Delivery {
  readonly subscriber: string
  /** Undefined for a consumer that pulled. */
  readonly subscription: QueueSubscription | undefined
  outcome: 'open' | 'acknowledged' | 'failed'
}

/** How a consumer gives a message back. */
export interface Rejection {
  /** False: it becomes a dead letter without another try. Default true. */
  readonly requeue?: boolean
  /** Before it is delivered again; default: as after any failure. */
  readonly delaySeconds?: number | undefined
  readonly detail?: string | null
  /** Only if this is the attempt that runs. */
  readonly attempt?: number | undefined
}

export class StoredMessage implements Ordered {
  readonly message: QueueMessage
  readonly rank: number
  readonly order: number
  place: Place = 'gone'
  /** Deliveries so far, the running one included. */
  attempt = 0
  /** Monotonic ms. */
  readyMs: number
  readonly expiresMs: number
  /** When something must be done about it at the latest. */
  deadline: DeadlineHandle<StoredMessage> | undefined
  /** Of the running attempt. */
  deliveries: Delivery[] = []
  deliveredMs = 0
  /** Acknowledgements that complete it; undefined: from everybody it was delivered to. */
  required: number | undefined
  /** Subscribers are being called: what they answer counts when all have been. */
  isDelivering = false
  /** What the consumer that gave it back asked for. */
  rejection: Rejection | undefined
  failure: { readonly reason: DeadLetterReason; readonly detail: string | null } | undefined

  constructor(message: QueueMessage, rank: number, order: number, readyMs: number, expiresMs: number) {
    this.message = message
    this.rank = rank
    this.order = order
    this.readyMs = readyMs
    this.expiresMs = expiresMs
  }

  get hasReturned(): boolean {
    return this.attempt > 0
  }

  get isGone(): boolean {
    return this.place === 'gone'
  }

  /** What the attempt has come to. Deliveries that failed count neither among those that are asked for nor against the others. */
  get verdict(): 'open' | 'complete' | 'failed' {
    let open = 0
    let acknowledged = 0
    for (const { outcome } of this.deliveries) {
      if (outcome === 'open') open++
      else if (outcome === 'acknowledged') acknowledged++
    }
    const left = open + acknowledged
    const required = this.required ?? left
    if (left > 0 && acknowledged >= required) return 'complete'
    // Too few from the start is no failure: more may come until the deadline.
    return left === 0 || (left < required && left < this.deliveries.length) ? 'failed' : 'open'
  }
}
