/** Queues as a node offers them to whoever runs it in their process. */
import type { GlobalSubscriptionInit, Queues, RemoteSendInit } from '../queue/index.ts'
import type { QueueEntry, QueueSendResult } from '../wire/index.ts'

/** The queues of this node, and the way to those of others. */
export interface NodeQueues extends Queues {
  /**
   * Sends to a queue wherever it is. Resolves when its node has the message, or with why it has not.
   * @throws QueueOptionError, EncodingError, and Error before the start (by way of the promise)
   */
  sendAnywhere(queue: string, payload: unknown, init?: RemoteSendInit): Promise<QueueSendResult>
  /**
   * Has the messages of all queues with a matching name handed over here, wherever they are, and of those that will be made.
   * @returns ends the subscription
   * @throws TooManySubscriptionsError, and Error before the start
   */
  subscribeAnywhere(init: GlobalSubscriptionInit): () => void
  /** Announced queues whose name matches, by cluster; none before the start. */
  discover(pattern?: string): QueueEntry[]
}
