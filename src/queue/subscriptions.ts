/**
 * Who wants the messages of a queue pushed. Each subscription gets every message whose topic its pattern matches; those that share a group
 * compete: one of them gets it, the one with the fewest messages to acknowledge.
 */
import { matchesTopicGlob } from '../base/index.ts'
import type { ReceivedQueueMessage } from '../wire/index.ts'
import { TooManySubscriptionsError } from './errors.ts'

/** Takes a message. What it throws, or its promise rejects with, makes the delivery a failed one. */
export type DeliverMessage = (message: ReceivedQueueMessage) => void | Promise<void>

export interface QueueSubscriptionInit {
  readonly subscriberId: string
  /** Of topics; wildcards as of {@link matchesTopicGlob}. */
  readonly topicPattern: string
  /** Without it messages count as delivered, and wait for {@link Queue.acknowledge}. */
  readonly deliver?: DeliverMessage | undefined
  /** A message is acknowledged when `deliver` has returned, or its promise has resolved; default true. */
  readonly autoAcknowledge?: boolean
  /** Consumers of a group share the messages among them. */
  readonly group?: string | undefined
}

export interface QueueSubscription extends QueueSubscriptionInit {
  readonly id: string
  readonly autoAcknowledge: boolean
  /** Deliveries that wait for an acknowledgement. */
  inFlight: number
}

export interface QueueSubscriptions {
  readonly size: number
  /** @throws TooManySubscriptionsError */
  add(id: string, init: QueueSubscriptionInit): void
  remove(id: string): boolean
  /** One subscription for each that stands alone, and one of each group. */
  targets(topic: string): QueueSubscription[]
}

const SUBSCRIPTIONS_MAX = 10_000
/** Topics whose subscriptions are remembered. */
const TOPICS_MAX = 1_000

/** Those that compete; one that stands alone is a group by itself. */
type Group = QueueSubscription[]

export function createSubscriptions(where: string): QueueSubscriptions {
  const all = new Map<string, QueueSubscription>()
  const matches = new Map<string, readonly Group[]>()
  let turn = 0

  function matching(topic: string): readonly Group[] {
    const known = matches.get(topic)
    if (known !== undefined) return known
    const groups: Group[] = []
    const byName = new Map<string, Group>()
    for (const subscription of all.values()) {
      if (!matchesTopicGlob(subscription.topicPattern, topic)) continue
      const group = subscription.group === undefined ? undefined : byName.get(subscription.group)
      if (group !== undefined) group.push(subscription)
      else {
        const fresh = [subscription]
        groups.push(fresh)
        if (subscription.group !== undefined) byName.set(subscription.group, fresh)
      }
    }
    if (matches.size >= TOPICS_MAX) matches.clear()
    matches.set(topic, groups)
    return groups
  }

  return {
    get size() {
      return all.size
    },
    add(id, init) {
      if (all.size >= SUBSCRIPTIONS_MAX) throw new TooManySubscriptionsError(where, SUBSCRIPTIONS_MAX)
      all.set(id, { ...init, id, autoAcknowledge: init.autoAcknowledge ?? true, inFlight: 0 })
      matches.clear()
    },
    remove(id) {
      matches.clear()
      return all.delete(id)
    },
    targets: (topic) => matching(topic).map((group) => (group.length === 1 ? (group[0] as QueueSubscription) : leastBusy(group, turn++))),
  }
}

/** Of those that are equally busy another one each turn. */
function leastBusy(group: Group, turn: number): QueueSubscription {
  let best = group[turn % group.length] as QueueSubscription
  for (const one of group) if (one.inFlight < best.inFlight) best = one
  return best
}
