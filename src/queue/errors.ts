/** What can be wrong with what is asked of queues. That a queue is full, or a message a duplicate, is an outcome and no error. */
import { MpregError } from '../wire/index.ts'

/** An option of a queue or a message is not what it may be. */
export class QueueOptionError extends MpregError {
  override readonly name = 'QueueOptionError'
  readonly code = 'invalid_queue_option'

  constructor(where: string, option: string, value: unknown, wanted: string) {
    super(`${where}: ${option} must be ${wanted}, got ${JSON.stringify(value)}; leave it out for the default`)
  }
}

/** There is no such option. */
export class UnknownQueueOptionError extends MpregError {
  override readonly name = 'UnknownQueueOptionError'
  readonly code = 'unknown_queue_option'

  constructor(where: string, option: string, options: readonly string[]) {
    super(`${where}: unknown option ${option}; the options are ${options.join(', ')}`)
  }
}

/** A message does not fit into an answer: it stays in its queue as it was. */
export class QueueMessageTooLargeError extends MpregError {
  override readonly name = 'QueueMessageTooLargeError'
  readonly code = 'queue_message_too_large'

  constructor(queue: string, messageId: string, bytes: number, bytesMax: number) {
    super(
      `message ${messageId}, the next of queue ${queue}, has about ${bytes} bytes, more than an answer may have here (${bytesMax}); nothing was taken: ask with a larger max_bytes, or a node with a wider link, best the one that has the queue`,
    )
  }
}

/** So many consumers wait at a queue that one more is not taken. */
export class TooManyReceiversError extends MpregError {
  override readonly name = 'TooManyReceiversError'
  readonly code = 'too_many_receivers'

  constructor(queue: string, max: number) {
    super(`queue ${queue} has ${max} waiting receivers already; receive more messages at a time, or without waiting`)
  }
}

/** More subscriptions than a queue takes. */
export class TooManySubscriptionsError extends MpregError {
  override readonly name = 'TooManySubscriptionsError'
  readonly code = 'too_many_subscriptions'

  constructor(where: string, max: number) {
    super(`${where} has ${max} subscriptions already; end some, or let consumers receive instead`)
  }
}
