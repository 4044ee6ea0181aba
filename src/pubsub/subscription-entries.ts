/**
 * The subscriptions of a node as other nodes need to know them: one entry of the catalog's topics table each, here without what the
 * announcer adds (owner, lifetime). In-process subscriptions count like those of clients.
 */
import type { Subscription } from '../wire/index.ts'
import type { Exchange } from './exchange.ts'

export interface SubscriptionEntry {
  readonly subscription_id: string
  /** As text: that a client wants one compared literally does not travel, so others may send what only looks like a match. */
  readonly patterns: readonly string[]
}

export interface SubscriptionEntries {
  list(): SubscriptionEntry[]
  /** Tells of each change at once; the function returned ends it. */
  observe(observer: { added(entry: SubscriptionEntry): void; removed(subscriptionId: string): void }): () => void
}

export function createSubscriptionEntries(exchange: Pick<Exchange, 'subscriptions' | 'observe'>): SubscriptionEntries {
  return {
    list: () => Array.from(exchange.subscriptions(), entryOf),
    observe: (observer) =>
      exchange.observe({
        added: (subscription) => observer.added(entryOf(subscription)),
        removed: ({ subscriptionId }) => observer.removed(subscriptionId),
      }),
  }
}

function entryOf({ patterns, subscriptionId }: Subscription): SubscriptionEntry {
  return { subscription_id: subscriptionId, patterns: [...new Set(patterns.map(({ pattern }) => pattern))] }
}
