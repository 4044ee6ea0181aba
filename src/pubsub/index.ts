/**
 * pubsub: topics on one node. The exchange matches a published message to subscriptions and hands it to their owners; the backlog keeps
 * recent messages for those who subscribe later. Knows messages as text and no connections. Start at exchange.ts.
 */

export type { BacklogOptions, BacklogSnapshot } from './backlog.ts'
export {
  createExchange,
  type Exchange,
  type ExchangeOptions,
  type ExchangeSnapshot,
  type SubscribeOutcome,
  type Subscriber,
  topicProblem,
} from './exchange.ts'
