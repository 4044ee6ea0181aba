/** Publications from outside: whether one is admitted, and who is told of it. The same for a client's frame and for results a request publishes. */
import { type Exchange, topicProblem } from '../pubsub/index.ts'
import type { Caller } from '../rpc/index.ts'
import { type Message, MpregError } from '../wire/index.ts'
import { type PublishMiddleware, runAfter, runBefore } from './middleware.ts'

export interface PublicationsDeps {
  readonly exchange: Pick<Exchange, 'publish'>
  readonly middleware: readonly PublishMiddleware[]
  onRefused(topic: string, message: string): void
  /** Refuse topics under `mpreg.`. */
  readonly reservedTopicsProtected: boolean
}

export interface Publications {
  /**
   * Publishes unless the topic or a hook forbids it. `accepted` runs after the deliveries and before the hooks that only watch.
   * @throws TopicRefusedError, or whatever a hook throws
   */
  publish(message: Message, caller: Caller, accepted?: (deliveries: number) => void): void
}

/** The topic is not one the caller may publish on. */
class TopicRefusedError extends MpregError {
  override readonly name = 'TopicRefusedError'
  readonly code = 'topic_refused'
}

export function createPublications({ exchange, middleware, onRefused, reservedTopicsProtected }: PublicationsDeps): Publications {
  function refused(topic: string, message: string): TopicRefusedError {
    onRefused(topic, message)
    return new TopicRefusedError(message)
  }

  return {
    publish(message, caller, accepted) {
      const problem = topicProblem(message.topic)
      if (problem !== undefined) throw refused(message.topic, problem)
      if (reservedTopicsProtected && message.topic.startsWith('mpreg.')) {
        throw refused(message.topic, `topic '${message.topic}' is reserved for the fabric; publish outside 'mpreg.'`)
      }
      runBefore(middleware, message, { caller })
      const deliveries = exchange.publish(message)
      accepted?.(deliveries)
      runAfter(middleware, message, { caller, deliveries })
    },
  }
}
