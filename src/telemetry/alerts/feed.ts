/**
 * Hands alert events to whoever wants them, without ever waiting for one of them.
 *
 * Each subscriber has a queue of its own and is called from a timer: evaluating thresholds never runs foreign code, and a subscriber that hangs
 * holds up nobody but itself. Its queue is bounded; what it does not get to in time is dropped, oldest first, and counted.
 */
import { BoundedQueue, type Cancel, type Env } from '../../base/index.ts'
import type { AlertEvent, SubscriberSnapshot } from './records.ts'

/** May return a promise; the next event waits for it. */
export type AlertSubscriber = (event: AlertEvent) => unknown

export interface AlertFeed {
  /** `name` is for the log and the snapshot. Returns how to stop. */
  subscribe(name: string, subscriber: AlertSubscriber): () => void
  publish(event: AlertEvent): void
  snapshot(): readonly SubscriberSnapshot[]
  stop(): void
}

/** Events a subscriber may be behind. */
const PENDING_MAX = 1_000

interface Subscription {
  readonly name: string
  readonly subscriber: AlertSubscriber
  readonly queue: BoundedQueue<AlertEvent>
  /** Set while the subscriber is, or is about to be, at work. */
  busy: boolean
  cancel: Cancel
  delivered: number
  failed: number
}

export function createAlertFeed(env: Pick<Env, 'timers' | 'log'>): AlertFeed {
  const subscriptions = new Set<Subscription>()

  async function drain(subscription: Subscription): Promise<void> {
    while (subscriptions.has(subscription)) {
      const event = subscription.queue.shift()
      if (event === undefined) break
      try {
        await subscription.subscriber(event)
        subscription.delivered++
      } catch (error) {
        subscription.failed++
        env.log.error(`Alert subscriber ${subscription.name} failed on ${event.alert.alert_id}; the next event is tried`, error)
      }
    }
    subscription.busy = false
  }

  function end(subscription: Subscription): void {
    subscriptions.delete(subscription)
    subscription.cancel()
    subscription.queue.clear()
  }

  return {
    subscribe(name, subscriber) {
      const queue = new BoundedQueue<AlertEvent>({ capacity: PENDING_MAX, whenFull: 'drop-oldest' })
      const subscription: Subscription = { name, subscriber, queue, busy: false, cancel: () => {}, delivered: 0, failed: 0 }
      subscriptions.add(subscription)
      return () => end(subscription)
    },
    publish(event) {
      for (const subscription of subscriptions) {
        subscription.queue.push(event)
        if (subscription.busy) continue
        subscription.busy = true
        subscription.cancel = env.timers.after(0, () => void drain(subscription))
      }
    },
    snapshot: () =>
      [...subscriptions].map(({ name, queue, delivered, failed }) => ({
        name,
        pending: queue.length,
        delivered,
        failed,
        dropped: queue.dropped,
      })),
    stop() {
      for (const subscription of subscriptions) end(subscription)
    },
  }
}
