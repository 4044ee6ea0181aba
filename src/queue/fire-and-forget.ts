/** Messages that nobody keeps: the subscribers there are now get them, and that is all. */
import { errorLine, type QueueMessage } from '../wire/index.ts'
import type { QueueSubscription } from './subscriptions.ts'

export interface Handed {
  readonly delivered: readonly string[]
  /** Each with what it threw. */
  readonly failed: readonly string[]
}

/** @param onLateFailure a subscriber's promise was rejected after all */
export function handOver(
  message: QueueMessage,
  targets: readonly QueueSubscription[],
  onLateFailure: (subscriber: string, error: unknown) => void,
): Handed {
  const delivered: string[] = []
  const failed: string[] = []
  for (const { deliver, subscriberId } of targets) {
    try {
      deliver?.({ ...message, attempt: 1 })?.catch((error: unknown) => onLateFailure(subscriberId, error))
      delivered.push(subscriberId)
    } catch (error) {
      failed.push(`${subscriberId}: ${errorLine(error)}`)
    }
  }
  return { delivered, failed }
}
