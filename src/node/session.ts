/**
 * One accepted connection and what its frames ask for.
 *
 * Every frame is parsed and validated once, here. A frame that is no good is answered where the protocol has an answer, counted, logged
 * once per peer and interval, and disturbs nothing else: only a broken stream ends a connection. Requests run side by side and are
 * answered as they finish; publish and subscribe frames of a connection keep their order.
 */
import { LinkedList, type LogScope, type Timers } from '../base/index.ts'
import type { Viewers } from '../discovery/index.ts'
import type { AcceptedPeer } from '../fabric/index.ts'
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
  glanceAtFrame,
  type Message,
  notificationTail,
  parseFrame,
  RPC_CODES,
  type Subscription,
} from '../wire/index.ts'
import type { Publications } from './publications.ts'

export interface SessionDeps {
  readonly log: LogScope
  readonly oncePerPeer: OncePer
  readonly executor: Executor
  readonly exchange: Exchange
  readonly publications: Publications
  /** For a connection that brings a frame only nodes send. */
  readonly acceptPeer: (connection: Connection) => AcceptedPeer
  /** Whose view of discovery a connection has. */
  readonly viewers: Viewers
  readonly counters: FrameCounters
  readonly timers: Timers
  readonly onClose: (session: Session, info: CloseInfo) => void
  /** A client subscribed or unsubscribed, or could not. */
  readonly onSubscribed: (ok: boolean) => void
}

/** What came in over all sessions of a node. */
export interface FrameCounters {
  rpc: number
  publish: number
  subscribe: number
  unsubscribe: number
  /** Frames of other nodes. */
  peer: number
  /** Frames of a role this node does not serve. */
  unknownRole: number
  /** Not JSON, not an object, not UTF-8, or not what the role demands. */
  malformed: number
  /** Answers that were too large for the connection and were replaced by an error. */
  oversizedAnswers: number
}

export function createFrameCounters(): FrameCounters {
  return { rpc: 0, publish: 0, subscribe: 0, unsubscribe: 0, peer: 0, unknownRole: 0, malformed: 0, oversizedAnswers: 0 }
}

/** Roles that make a connection a candidate for a link to another node. */
const PEER_ROLES: ReadonlySet<unknown> = new Set(['server', 'fabric-gossip', 'fabric-message', 'fabric-bundle', 'fabric-sync'])

/** A backlog on its way to a subscription. */
interface Replay {
  readonly subscription: Subscription
  /** How many of the queue were published before the subscription. */
  readonly missed: number
  readonly queue: Message[]
  sent: number
}

/** A replay rests while so much is waiting in the connection, far below what makes a slow consumer, bytes. */
const REPLAY_BUFFER_BYTES = 256 * 1024
const REPLAY_PAUSE_MS = 5
/** Live messages that may line up behind a replay. */
const REPLAY_QUEUE_MAX = 100_000

export class Session implements ConnectionHandlers, Subscriber, RequestSource {
  readonly connection: Connection
  readonly inFlight = new LinkedList<object>()
  readonly #deps: SessionDeps
  #caller: Caller
  #peer: AcceptedPeer | undefined
  #tails: Map<string, { readonly id: string }> | undefined
  #replays: Map<string, Replay> | undefined

  constructor(connection: Connection, clusterId: string, deps: SessionDeps) {
    this.connection = connection
    this.#deps = deps
    const { isAdmin, tenantId } = deps.viewers.identify(connection.headers)
    this.#caller = {
      connectionId: connection.id,
      remote: connection.remote,
      viewerCluster: clusterId,
      viewerTenant: tenantId,
      credential: connection.identity.name ?? null,
      isAdmin,
    }
  }

  get label(): string {
    return this.connection.remote
  }

  /** On a link of another node, requests see the catalog as that node's cluster does. */
  get caller(): Caller {
    return this.#caller
  }

  /** Whether the other side is a node, and has said so. */
  get isPeer(): boolean {
    return this.#peer?.link !== undefined
  }

  message(text: string): void {
    let frame: Frame
    try {
      frame = this.#peer?.link === undefined ? parseFrame(text) : glanceAtFrame(text)
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
        return this.#peerFrame(frame, text)
    }
  }

  object(value: object): void {
    this.#peerFrame(value as Frame, undefined)
  }

  #peerFrame(frame: Frame, text: string | undefined): void {
    if (this.#peer === undefined) {
      if (!PEER_ROLES.has(frame.role)) return this.#unknownRole(frame)
      this.#peer = this.#deps.acceptPeer(this.connection)
    }
    if (this.#peer.receive(frame, text) === 'not_served') return this.#unknownRole(frame)
    this.#deps.counters.peer++
    const { link } = this.#peer
    if (link !== undefined && link.clusterId !== this.#caller.viewerCluster)
      this.#caller = { ...this.#caller, viewerCluster: link.clusterId }
  }

  malformed(error: Error): void {
    this.#refuse(undefined, error)
  }

  close(info: CloseInfo): void {
    const { executor, exchange, log, onClose } = this.#deps
    const subscriptions = exchange.removeOwner(this)
    const inFlight = this.inFlight.size
    executor.abandon(this)
    this.#peer?.closed(info)
    onClose(this, info)
    if (log.debugOn) {
      const why = info.error === undefined ? info.reason || 'orderly' : info.error.message
      log.debug(
        `connection closed id=${this.connection.id} remote=${this.label} code=${info.code} reason=${why} in_flight=${inFlight} subscriptions=${subscriptions}`,
      )
    }
  }

  deliver(message: Message, subscription: Subscription): void {
    const replay = this.#replays?.get(subscription.subscriptionId)
    if (replay === undefined) this.#notify(message, subscription, 'live')
    else if (replay.queue.push(message) - replay.sent > REPLAY_QUEUE_MAX) this.connection.close(1013, 'too slow for the backlog asked for')
  }

  /** Sends what a subscription missed at the pace the connection takes it; live messages line up behind. */
  #replay(subscription: Subscription, missed: Message[]): void {
    if (missed.length === 0) return
    const replay: Replay = { subscription, missed: missed.length, queue: missed, sent: 0 }
    this.#replays ??= new Map()
    this.#replays.set(subscription.subscriptionId, replay)
    this.#continueReplay(replay)
  }

  #continueReplay(replay: Replay): void {
    const { missed, queue, subscription } = replay
    // Ended, or replaced by a subscription of the same id.
    if (this.#replays?.get(subscription.subscriptionId) !== replay) return
    while (replay.sent < queue.length) {
      if (!this.connection.isOpen) return
      if (this.connection.bufferedBytes > REPLAY_BUFFER_BYTES) {
        this.#deps.timers.after(REPLAY_PAUSE_MS, () => this.#continueReplay(replay))
        return
      }
      const message = queue[replay.sent++] as Message
      this.#notify(message, subscription, replay.sent <= missed ? 'backlog' : 'live')
    }
    this.#replays.delete(subscription.subscriptionId)
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
    const { log } = this.#deps
    if (log.debugOn) log.debug(`request started u=${request.u} from=${this.label} commands=${request.cmds.map(({ fun }) => fun).join(',')}`)
    executor.execute(request, this, (answer) => this.#answer(request.u, answer))
  }

  #answer(u: string, text: string): void {
    const { log } = this.#deps
    if (log.debugOn) log.debug(`request answered u=${u} to=${this.label} characters=${text.length}`)
    try {
      this.connection.send(text)
    } catch (error) {
      this.#deps.counters.oversizedAnswers++
      this.#send(encodeRpcError(u, { code: RPC_CODES.executionFailed, message: 'RPC execution failed', details: errorLine(error) }))
    }
  }

  /** Sends what is small by nature; a connection whose limit is smaller still gets nothing. */
  #send(text: string): void {
    try {
      this.connection.send(text)
    } catch (error) {
      this.#deps.counters.oversizedAnswers++
      this.#warnOnce('answer', `answer to ${this.label} left out: ${errorLine(error)}`)
    }
  }

  /** Once per peer, kind and interval. */
  #warnOnce(kind: string, line: string): void {
    const { log, oncePerPeer } = this.#deps
    oncePerPeer.log(`${kind} ${this.label}`, (more) => log.warn(`${line}${more}`))
  }

  #publish(frame: Frame, text: string): void {
    const { counters, publications } = this.#deps
    counters.publish++
    try {
      const { message, u } = decodePublish(frame, text)
      publications.publish(message, this.caller, () => this.#send(encodeAck(u, true, null)))
    } catch (error) {
      this.#refuseOperation(frame, error)
    }
  }

  #subscribe(frame: Frame): void {
    const { counters, exchange } = this.#deps
    counters.subscribe++
    try {
      const { u, subscription } = decodeSubscribe(frame)
      const outcome = exchange.subscribe(this, subscription)
      this.#send(encodeAck(u, outcome.ok, outcome.ok ? null : outcome.error))
      this.#deps.onSubscribed(outcome.ok)
      if (!outcome.ok || !subscription.getBacklog) return
      this.#replay(subscription, exchange.backlogFor(this, subscription))
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
      this.#replays?.delete(subscriptionId)
      this.#send(encodeAck(u, known, null))
      this.#deps.onSubscribed(known)
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
      this.#warnOnce('notification', `notification to ${this.label} left out: ${errorLine(error)}`)
    }
  }

  #unknownRole(frame: Frame): void {
    const { counters } = this.#deps
    counters.unknownRole++
    const { role = null } = frame
    const shown = role === null ? 'None' : typeof role === 'string' ? role.slice(0, ROLE_SHOWN_MAX) : typeof role
    this.#send(encodeRpcError(idOf(frame.u), { code: RPC_CODES.timedOut, message: `Invalid RPC request role: ${shown}`, details: null }))
  }

  /** Answers a frame that can not be a request. */
  #refuse(u: unknown, reason: unknown): void {
    const line = errorLine(reason)
    this.#countMalformed(line)
    this.#send(encodeRpcError(idOf(u), { code: RPC_CODES.executionFailed, message: 'RPC execution failed', details: line }))
  }

  /** Answers a publish, subscribe or unsubscribe frame that was not carried out. */
  #refuseOperation(frame: Frame, error: unknown): void {
    const line = errorLine(error)
    this.#countMalformed(line)
    this.#send(encodeAck(idOf(frame.u), false, line))
  }

  #countMalformed(line: string): void {
    this.#deps.counters.malformed++
    this.#warnOnce('frame', `frame refused from=${this.label} reason=${line}`)
  }
}

/** Characters of an unknown role that are repeated in the answer. */
const ROLE_SHOWN_MAX = 100
const ID_MAX = 1024

/** The id to answer under. */
function idOf(u: unknown): string {
  return typeof u === 'string' && u.length <= ID_MAX ? u : 'unknown'
}
