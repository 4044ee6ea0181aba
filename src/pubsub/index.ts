/**
 * pubsub: topics. The exchange matches a published message to the subscriptions of its node and hands it to their owners; the backlog keeps
 * recent messages for those who subscribe later; forwarding brings messages to the other nodes that have subscribers. Knows messages as text
 * and no connections. Start at exchange.ts, then forwarding.ts.
 */

export type { BacklogOptions, BacklogSnapshot } from './backlog.ts'
export {
  createExchange,
  type Exchange,
  type ExchangeOptions,
  type ExchangeSnapshot,
  type RuledTopics,
  type SubscribeOutcome,
  type Subscriber,
  type SubscriptionObserver,
  topicProblem,
} from './exchange.ts'
export {
  createPubsubForwarding,
  type ForwardingLinks,
  type PubsubForwarding,
  type PubsubForwardingDeps,
  type PubsubForwardingOptions,
  type PubsubForwardingSnapshot,
  type Reception,
  type TopicExplanation,
  type TopicNode,
  type TopicNodeReason,
} from './forwarding.ts'
export { deliverTraced, publicationSpan } from './spans.ts'
export { createSubscriptionEntries, type SubscriptionEntries, type SubscriptionEntry } from './subscription-entries.ts'
export type { PlanReason, TopicCatalog } from './topic-plan.ts'
