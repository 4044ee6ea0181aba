/** Everything that is published on a node: by clients, by the node itself, by running requests. What is admitted, and who is told of it. */
import type { Env, Tracer } from '../base/index.ts'
import { deliverTraced, type Exchange, type PubsubForwarding, publicationSpan, topicProblem } from '../pubsub/index.ts'
import type { Caller } from '../rpc/index.ts'
import { encodeMessage, errorLine, type Message, MpregError, RawJson, tracedMessage } from '../wire/index.ts'
import { type PublishMiddleware, runAfter, runBefore } from './middleware.ts'
import type { NodeTelemetry } from './monitoring/telemetry.ts'

export interface PublicationsDeps {
  readonly env: Env
  /** Name of the node, as publisher of what it publishes itself. */
  readonly publisher: string
  readonly exchange: Pick<Exchange, 'publish'>
  readonly tracer: Tracer
  readonly middleware: readonly PublishMiddleware[]
  /** The way to subscribers of other nodes; undefined before the start. */
  forwarding(): Pick<PubsubForwarding, 'published'> | undefined
  /** Undefined without monitoring. */
  telemetry(): Pick<NodeTelemetry, 'published' | 'publishedByRequest'> | undefined
  onRefused(topic: string, message: string): void
  /** Refuse topics under `mpreg.`. */
  readonly reservedTopicsProtected: boolean
}

export interface Publications {
  /**
   * Publishes for a client unless the topic or a hook forbids it. `accepted` runs after the deliveries and before the hooks that only watch.
   * @throws TopicRefusedError, or whatever a hook throws
   */
  publish(message: Message, caller: Caller, accepted?: (deliveries: number) => void): void
  /** Publishes for the node itself; the number of subscriptions here that got the message. */
  own(topic: string, payload: unknown, headers?: Readonly<Record<string, unknown>>): number
  /** The same for what a node tells of its own accord: not among the operations it serves, whose error rate it would thin out. */
  notice(message: Message): number
  /** Publishes a record of a running request as its caller would: what the caller may not publish is left out. */
  record(requestId: string, topic: string, messageId: string, payloadText: string, caller: Caller): void
}

/** The topic is not one the caller may publish on. */
class TopicRefusedError extends MpregError {
  override readonly name = 'TopicRefusedError'
  readonly code = 'topic_refused'
}

export function createPublications(deps: PublicationsDeps): Publications {
  const { env, publisher, exchange, tracer, middleware, forwarding, telemetry, onRefused, reservedTopicsProtected } = deps
  const { clock, random } = env

  function refused(topic: string, message: string): TopicRefusedError {
    onRefused(topic, message)
    return new TopicRefusedError(message)
  }

  /** To subscribers here, then to those of other nodes; the number of the former. */
  function everywhere(message: Message): number {
    const told = telemetry()
    const startedMs = told === undefined ? 0 : clock.monotonic()
    const span = publicationSpan(tracer, message)
    const deliveries =
      span === undefined
        ? exchange.publish(message)
        : deliverTraced(
            (init) => span.child(init),
            () => exchange.publish(message),
            message,
          )
    forwarding()?.published(message, span)
    span?.end()
    if (told !== undefined) {
      const nowMs = clock.monotonic()
      told.published(message.topic, message.messageId, deliveries, nowMs - startedMs, nowMs)
    }
    return deliveries
  }

  function publish(message: Message, caller: Caller, accepted?: (deliveries: number) => void): void {
    const problem = topicProblem(message.topic)
    if (problem !== undefined) throw refused(message.topic, problem)
    if (reservedTopicsProtected && message.topic.startsWith('mpreg.')) {
      throw refused(message.topic, `topic '${message.topic}' is reserved for the fabric; publish outside 'mpreg.'`)
    }
    runBefore(middleware, message, { caller })
    const deliveries = everywhere(message)
    accepted?.(deliveries)
    runAfter(middleware, message, { caller, deliveries })
  }

  return {
    publish,

    own(topic, payload, headers) {
      const timestamp = clock.wall()
      const messageId = random.ulid()
      const text = encodeMessage({ topic, payload, timestamp, messageId, publisher, ...(headers && { headers }) })
      return everywhere(tracedMessage({ topic, timestamp, messageId, publisher, text }, headers))
    },

    notice(message) {
      const deliveries = exchange.publish(message)
      forwarding()?.published(message)
      return deliveries
    },

    record(requestId, topic, messageId, payloadText, caller) {
      const timestamp = clock.wall()
      const startedMs = clock.monotonic()
      const headers = { event: 'rpc.intermediate_result' }
      const text = encodeMessage({ topic, payload: new RawJson(payloadText), timestamp, messageId, publisher, headers })
      try {
        publish({ topic, timestamp, messageId, publisher, text }, caller, (deliveries) =>
          telemetry()?.publishedByRequest(requestId, topic, deliveries, clock.monotonic() - startedMs),
        )
      } catch (error) {
        env.log.scope('server').warn(`intermediate result ${messageId} not published: ${errorLine(error)}`)
      }
    },
  }
}
