/**
 * One accepted connection and what its frames ask for.
 *
 * Every frame is parsed and validated once, here. A frame that is no good is answered where the protocol has an answer, counted, logged
 * once per peer and interval, and disturbs nothing else: only a broken stream ends a connection. Requests run side by side and are
 * answered as they finish; publish and subscribe frames of a connection keep their order.
 */
import type { LogScope } from '../base/index.ts'
import type { Exchange, Subscriber } from '../pubsub/index.ts'
import type { Caller, Executor, RequestSource } from '../rpc/index.ts'
import type { OncePer } from '../telemetry/index.ts'
import type { CloseInfo, Connection, ConnectionHandlers } from '../transport/index.ts'
import {
  decodePublish,
  decodeRpcRequest,
  decodeSubscribe,
  decodeUnsubscribe,
  encodeAck,
  encodeNotification,
  encodeRpcError,
  errorLine,
  type Frame,
  type Message,
  notificationTail,
  parseFrame,
  RPC_CODES,
  type Subscription,
} from '../wire/index.ts'
import type { PublishMiddleware } from './middleware.ts'

export interface SessionDeps {
  readonly log: LogScope
  readonly oncePerPeer: OncePer
  readonly executor: Executor
  readonly exchange: Exchange
  readonly publishMiddleware: readonly PublishMiddleware[]
  readonly counters: FrameCounters
  readonly reservedTopicsProtected: boolean
  readonly onClose: (session: Session) => void
}

/** What came in over all sessions of a node. */
export interface FrameCounters {
  rpc: number
  publish: number
  subscribe: number
  unsubscribe: number
  /** Frames of a role this node does not serve. */
  unknownRole: number
  /** Not JSON, not an object, not UTF-8, or not what the role demands. */
  malformed: number
  /** Answers that were too large for the connection and were replaced by an error. */
  oversizedAnswers: number
}

export function createFrameCounters(): FrameCounters {
  return { rpc: 0, publish: 0, subscribe: 0, unsubscribe: 0, unknownRole: 0, malformed: 0, oversizedAnswers: 0 }
}

export class Session implements ConnectionHandlers, Subscriber, RequestSource {
  readonly connection: Connection
  readonly caller: Caller
  readonly inFlight = new Set<object>()
  readonly #deps: SessionDeps
  #tails: Map<string, { readonly id: string }> | undefined

  constructor(connection: Connection, clusterId: string, deps: SessionDeps) {
    this.connection = connection
    this.#deps = deps
    this.caller = {
      connectionId: connection.id,
      remote: connection.remote,
      viewerCluster: clusterId,
      viewerTenant: null,
      credential: connection.identity.name ?? null,
    }
  }

  get label(): string {
    return this.connection.remote
  }

  message(text: string): void {
    let frame: Frame
    try {
      frame = parseFrame(text)
    } catch (error) {
      this.#refuse(undefined, error)
      return
    }
    switch (frame.role) {
      case 'rpc':
        return this.#rpc(frame, text)
      case 'pubsub-publish':
        return this.#publish(frame, text)
      case 'pubsub-subscribe':
        return this.#subscribe(frame)
      case 'pubsub-unsubscribe':
        return this.#unsubscribe(frame)
      default:
        return this.#unknownRole(frame)
    }
  }

  malformed(error: Error): void {
    this.#refuse(undefined, error)
  }

  close(info: CloseInfo): void {
    const { executor, exchange, log, onClose } = this.#deps
    const subscriptions = exchange.removeOwner(this)
    const inFlight = this.inFlight.size
    executor.abandon(this)
    onClose(this)
    if (log.debugOn) {
      const why = info.error === undefined ? info.reason || 'orderly' : info.error.message
      log.debug(
        `connection closed id=${this.connection.id} remote=${this.label} code=${info.code} reason=${why} in_flight=${inFlight} subscriptions=${subscriptions}`,
      )
    }
  }

  deliver(message: Message, subscription: Subscription): void {
    this.#notify(message, subscription, 'live')
  }

  #rpc(frame: Frame, text: string): void {
    const { counters, executor } = this.#deps
    counters.rpc++
    let request: ReturnType<typeof decodeRpcRequest>
    try {
      request = decodeRpcRequest(frame, text)
    } catch (error) {
      this.#refuse(frame.u, error)
      return
    }
    executor.execute(request, this, (answer) => this.#answer(request.u, answer))
  }

  #answer(u: string, text: string): void {
    try {
      this.connection.send(text)
    } catch (error) {
      this.#deps.counters.oversizedAnswers++
      this.connection.send(
        encodeRpcError(u, { code: RPC_CODES.executionFailed, message: 'RPC execution failed', details: errorLine(error) }),
      )
    }
  }

  #publish(frame: Frame, text: string): void {
    const { counters, exchange, publishMiddleware } = this.#deps
    counters.publish++
    let decoded: ReturnType<typeof decodePublish>
    try {
      decoded = decodePublish(frame, text)
      this.#admit(decoded.message, publishMiddleware)
    } catch (error) {
      this.#refuseOperation(frame, error)
      return
    }
    const deliveries = exchange.publish(decoded.message)
    for (const hooks of publishMiddleware) hooks.after?.(decoded.message, { caller: this.caller, deliveries })
    this.connection.send(encodeAck(decoded.u, true, null))
  }

  #admit(message: Message, middleware: readonly PublishMiddleware[]): void {
    if (this.#deps.reservedTopicsProtected && message.topic.startsWith('mpreg.')) {
      throw new ReservedTopicError(`topic '${message.topic}' is reserved for the fabric; publish outside 'mpreg.'`)
    }
    for (const hooks of middleware) {
      try {
        hooks.before?.(message, { caller: this.caller })
      } catch (error) {
        hooks.error?.(message, { caller: this.caller, error })
        throw error
      }
    }
  }

  #subscribe(frame: Frame): void {
    const { counters, exchange } = this.#deps
    counters.subscribe++
    try {
      const { u, subscription } = decodeSubscribe(frame)
      const outcome = exchange.subscribe(this, subscription)
      this.connection.send(encodeAck(u, outcome.ok, outcome.ok ? null : outcome.error))
      if (!outcome.ok || !subscription.getBacklog) return
      for (const message of exchange.backlogFor(subscription)) this.#notify(message, subscription, 'backlog')
    } catch (error) {
      this.#refuseOperation(frame, error)
    }
  }

  #unsubscribe(frame: Frame): void {
    const { counters, exchange } = this.#deps
    counters.unsubscribe++
    try {
      const { u, subscriptionId } = decodeUnsubscribe(frame)
      const known = exchange.unsubscribe(this, subscriptionId)
      this.#tails?.delete(subscriptionId)
      this.connection.send(encodeAck(u, known, null))
    } catch (error) {
      this.#refuseOperation(frame, error)
    }
  }

  #notify(message: Message, subscription: Subscription, origin: 'live' | 'backlog'): void {
    this.#tails ??= new Map()
    let tail = this.#tails.get(subscription.subscriptionId)
    if (tail === undefined) {
      tail = notificationTail(subscription.subscriptionId)
      this.#tails.set(subscription.subscriptionId, tail)
    }
    try {
      this.connection.send(encodeNotification(message, tail, origin))
    } catch (error) {
      const { log, oncePerPeer } = this.#deps
      oncePerPeer.log(this.label, (more) => log.warn(`notification to ${this.label} left out: ${errorLine(error)}${more}`))
    }
  }

  #unknownRole(frame: Frame): void {
    const { counters } = this.#deps
    counters.unknownRole++
    const role = frame.role === undefined || frame.role === null ? 'None' : String(frame.role)
    const u = typeof frame.u === 'string' ? frame.u : 'unknown'
    this.connection.send(encodeRpcError(u, { code: RPC_CODES.timedOut, message: `Invalid RPC request role: ${role}`, details: null }))
  }

  /** Answers a frame that can not be a request. */
  #refuse(u: unknown, reason: unknown): void {
    const line = errorLine(reason)
    this.#countMalformed(line)
    const id = typeof u === 'string' ? u : 'unknown'
    this.connection.send(encodeRpcError(id, { code: RPC_CODES.executionFailed, message: 'RPC execution failed', details: line }))
  }

  /** Answers a publish, subscribe or unsubscribe frame that was not carried out. */
  #refuseOperation(frame: Frame, error: unknown): void {
    const line = errorLine(error)
    this.#countMalformed(line)
    this.connection.send(encodeAck(typeof frame.u === 'string' ? frame.u : 'unknown', false, line))
  }

  #countMalformed(line: string): void {
    const { counters, log, oncePerPeer } = this.#deps
    counters.malformed++
    oncePerPeer.log(this.connection.remote, (more) => log.warn(`frame refused from=${this.connection.remote} reason=${line}${more}`))
  }
}

class ReservedTopicError extends Error {
  override readonly name = 'ReservedTopicError'
  readonly code = 'reserved_topic'
}
