/** Subscriptions of the process a node runs in: without a connection, and without an id anybody has to keep. */
import type { Env } from '../base/index.ts'
import type { Exchange, Subscriber } from '../pubsub/index.ts'
import type { Message } from '../wire/index.ts'

export interface OwnSubscriptionDeps {
  readonly env: Env
  readonly exchange: Exchange
  /** Name of the node. */
  readonly subscriber: string
}

/** A class, so that it is known from other subscribers: code in the process may see everything. */
export class InProcessSubscriber implements Subscriber {
  readonly label = 'in-process'
  readonly deliver: Subscriber['deliver']

  constructor(deliver: Subscriber['deliver']) {
    this.deliver = deliver
  }
}

/**
 * Whatever `receive` throws, or rejects with, is logged under `pubsub` and disturbs nobody else.
 * @returns ends the subscription
 */
export function subscribeInProcess(
  { env, exchange, subscriber }: OwnSubscriptionDeps,
  patterns: readonly string[],
  receive: (message: Message) => void | Promise<void>,
): () => void {
  const { clock, log, random } = env
  const owner = new InProcessSubscriber((message) => {
    const failed = (error: unknown) =>
      log.scope('pubsub').error(`subscriber of ${patterns.join(',')} failed on ${message.messageId}`, error)
    try {
      Promise.resolve(receive(message)).catch(failed)
    } catch (error) {
      failed(error)
    }
  })
  exchange.subscribe(owner, {
    subscriptionId: random.ulid(),
    patterns: patterns.map((pattern) => ({ pattern, exact: !/[*#]/.test(pattern) })),
    subscriber,
    createdAt: clock.wall(),
    getBacklog: false,
    backlogSeconds: 0,
  })
  return () => void exchange.removeOwner(owner)
}
