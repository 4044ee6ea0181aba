/**
 * The client at work: one connection that comes back when it is lost, requests waiting for their answers, subscriptions that move over to
 * each new connection. What it offers is described in api.ts.
 */
import { createRealEnv, DeadlineQueue, type Env, type LogScope, type TraceContext, TransientMap } from '../base/index.ts'
import {
  type CloseInfo,
  type Connection,
  type ConnectionHandlers,
  createReconnector,
  type DialOptions,
  type Reconnector,
} from '../transport/browser.ts'
import {
  type CommandInit,
  encodePublish,
  encodeRpcRequest,
  encodeSubscribe,
  encodeUnsubscribe,
  parseJson,
  RawJson,
  RPC_CODES,
  RpcError,
  sliceAt,
  type TraceHop,
} from '../wire/browser.ts'
import type { CallOptions, Client, ClientOptions, ClientState, ClientStats, Dial, Functions, RequestOptions, Response } from './api.ts'
import { encodeCall } from './call-frame.ts'
import { consoleLog } from './console-log.ts'
import {
  ClientClosedError,
  ConnectionLostError,
  InvalidAnswerError,
  isPassing,
  NotConnectedError,
  OperationRefusedError,
  RequestTimeoutError,
  rpcErrorOf,
  TooManyPendingError,
} from './errors.ts'
import { type MessageHeaders, presentHeaders } from './headers.ts'
import { replyTo, streamOf } from './message-stream.ts'
import type { Kind, Pending } from './pending.ts'
import { type Message, type SubscribeOptions, type Subscription, SubscriptionRecord } from './subscription.ts'
import {
  clientSpan,
  endedWith,
  freshContext,
  publishSpan,
  type TracedCall,
  type TracedOutcome,
  tracedCall,
  traceHeaders,
} from './traced-call.ts'

export const REQUEST_TIMEOUT_MS = 35_000
/** How long an acknowledgement of publish, subscribe and unsubscribe may take. */
const ACK_TIMEOUT_MS = 10_000
const NO_OPTIONS: CallOptions = {}
const PENDING_MAX = 10_000
/** Nodes of the Python implementation drop a connection that brings no frame for 60 s. */
const HEARTBEAT_AFTER_MS = 30_000
const HEARTBEAT_CHECK_MS = 10_000
/** Checks in a row without an inbound frame, although heartbeats went out: nobody is there. Not a time, since computers sleep. */
const SILENT_CHECKS_MAX = 7
const HEARTBEAT_PREFIX = 'heartbeat-'
interface ResponseFrame {
  readonly role?: unknown
  readonly r?: unknown
  readonly error?: { code: number; message: string; details?: unknown; explanation?: unknown } | null
  readonly u?: unknown
  readonly operation_id?: unknown
  readonly success?: unknown
  readonly intermediate_results?: readonly Readonly<Record<string, unknown>>[]
  readonly execution_summary?: Readonly<Record<string, unknown>> | null
  readonly trace?: unknown
}

/** What makes a message the same message wherever and however often it is published. */
export interface MessageIdentity {
  readonly messageId: string
  readonly publisher: string
  readonly timestamp: number
}

/**
 * Connects; rejects when the first attempt fails. Later losses are repaired in the background.
 * @throws TransportError
 */
export async function connectWith<F = Functions>(dial: Dial, options: ClientOptions): Promise<Client<F>> {
  return (await openNodeClient(dial, options)) as unknown as Client<F>
}

/** The same as what it is inside this room. */
export async function openNodeClient(dial: Dial, options: ClientOptions): Promise<NodeClient> {
  const client = new NodeClient(dial, options)
  await client.open()
  return client
}

export class NodeClient {
  readonly #options: ClientOptions
  readonly #env: Env
  readonly #log: LogScope
  readonly #callLog: LogScope
  readonly #topicLog: LogScope
  readonly #id: string
  readonly #pending = new TransientMap<Pending>()
  readonly #deadlines: DeadlineQueue<Pending>
  /** By the id they are known under on the present connection. */
  readonly #subscriptions = new Map<string, SubscriptionRecord>()
  readonly #reconnector: Reconnector
  readonly #stopHeartbeat: () => void
  #connection: Connection | undefined
  #state: ClientState = 'connecting'
  #opening: { resolve(): void; reject(error: Error): void } | undefined
  #lastSentMs: number
  #lastHeard = 0
  #silentChecks = 0
  #lastFailure: Error | undefined
  #badFrameLogged = false
  #requestsSent = 0
  #messagesReceived = 0
  #framesIgnored = 0
  #connects = 0

  constructor(dial: Dial, options: ClientOptions) {
    this.#options = options
    this.#env = options.env ?? createRealEnv({ log: consoleLog })
    const { clock, log, random, timers } = this.#env
    this.#log = log.scope('client')
    this.#callLog = log.scope('client.api')
    this.#topicLog = log.scope('client.pubsub')
    this.#id = `pubsub_client_${random.ulid()}`
    this.#lastSentMs = clock.monotonic()
    this.#deadlines = new DeadlineQueue<Pending>({
      clock,
      timers,
      onExpire: (pending) => {
        this.#settle(pending)
        const seconds = pending.timeoutMs / 1000
        pending.reject(
          pending.sent
            ? new RequestTimeoutError(`no answer from ${options.url} within ${seconds} s`)
            : this.#notConnected(`within ${seconds} s`),
        )
      },
    })
    const dialOptions: DialOptions = {
      ...(options.authToken !== undefined && { authToken: options.authToken }),
      ...(options.apiKey !== undefined && { apiKey: options.apiKey }),
      ...(options.tls !== undefined && { tls: options.tls }),
      ...(options.connectTimeoutMs !== undefined && { connectTimeoutMs: options.connectTimeoutMs }),
    }
    this.#reconnector = createReconnector(
      { env: this.#env, dial: (signal) => dial(options.url, { ...dialOptions, signal }) },
      { handlers: (connection) => this.#connected(connection), onWaiting: ({ error }) => this.#waiting(error) },
    )
    this.#stopHeartbeat = timers.every(HEARTBEAT_CHECK_MS, () => this.#heartbeat())
  }

  get state(): ClientState {
    return this.#state
  }

  get untyped(): Client {
    return this as unknown as Client
  }

  /** Unix seconds of the last inbound frame: up to then nothing was missed. */
  get lastHeard(): number {
    return this.#lastHeard
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject }
      this.#reconnector.start()
    })
  }

  #connected(connection: Connection): ConnectionHandlers {
    const { clock } = this.#env
    this.#connection = connection
    this.#connects++
    if (this.#log.debugOn)
      this.#log.debug(`connected url=${this.#options.url} connection=${connection.id} reconnects=${this.#connects - 1}`)
    this.#lastSentMs = clock.monotonic()
    this.#lastHeard = clock.wall()
    this.#silentChecks = 0
    this.#badFrameLogged = false
    const waiting = this.#pending.values()
    // Subscriptions first: what the waiting requests cause must not be missed.
    for (const record of [...this.#subscriptions.values()]) if (record.acknowledged) void this.#resubscribe(record)
    for (const pending of waiting) if (!pending.sent) this.#transmit(pending)
    this.#become('connected')
    this.#opening?.resolve()
    this.#opening = undefined
    return {
      message: (text) => this.#message(text),
      malformed: (error) => this.#badFrame(error),
      close: (info) => this.#lost(info),
    }
  }

  /** An attempt failed, or the connection ended. */
  #waiting(error: Error): void {
    this.#lastFailure = error
    if (this.#log.debugOn) this.#log.debug(`not connected url=${this.#options.url}: ${error.message}`)
    if (this.#opening !== undefined) {
      this.#opening.reject(error)
      this.#opening = undefined
      this.#end(error)
    } else if (this.#options.reconnect === false) this.#end(error)
    else if (this.#state !== 'disconnected') this.#become('disconnected', error)
  }

  #become(state: ClientState, cause?: Error): void {
    this.#state = state
    this.#safely('onState', () => this.#options.onState?.(state, cause))
  }

  /** Runs a callback of the owner: what it throws is logged, and the client goes on. */
  #safely(what: string, callback: () => unknown): void {
    try {
      this.#watch(what, callback())
    } catch (error) {
      this.#callbackFailed(what, error)
    }
  }

  /** A callback may be asynchronous. Nobody awaits it, so what it rejects with must end here, not the process. */
  #watch(what: string, outcome: unknown): void {
    if (outcome instanceof Promise) outcome.catch((error: unknown) => this.#callbackFailed(what, error))
  }

  #callbackFailed(what: string, error: unknown): void {
    this.#log.error(`${what} failed`, error)
  }

  /** Skips a frame that is none. One line for each connection, since a server that sends one will send more. */
  #badFrame(error: unknown): void {
    this.#framesIgnored++
    if (this.#badFrameLogged) return
    this.#badFrameLogged = true
    this.#log.warn(`${this.#options.url} sent a frame that is no JSON object; it is skipped, further ones silently: ${error}`)
  }

  #notConnected(when: string): NotConnectedError {
    const cause = this.#lastFailure
    const why = cause === undefined ? '' : `: ${cause.message}`
    return new NotConnectedError(`no connection to ${this.#options.url} ${when}, nothing was sent${why}`, { cause })
  }

  #message(text: string): void {
    this.#silentChecks = 0
    this.#lastHeard = this.#env.clock.wall()
    let frame: ResponseFrame
    try {
      frame = parseJson(text) as ResponseFrame
    } catch (error) {
      this.#badFrame(error)
      return
    }
    if (typeof frame !== 'object' || frame === null) this.#badFrame(`it is ${frame === null ? 'null' : `a ${typeof frame}`}`)
    else if (frame.role === 'pubsub-notification') this.#notified(frame)
    else this.#answered(frame, text)
  }

  #lost(info: CloseInfo): void {
    this.#connection = undefined
    for (const record of this.#subscriptions.values()) record.missedSince ??= this.#lastHeard
    const cause = info.error ?? new Error(`${info.code} ${info.reason}`.trim())
    if (this.#log.debugOn) this.#log.debug(`connection lost url=${this.#options.url} waiting=${this.#pending.size}: ${cause.message}`)
    for (const pending of this.#pending.values()) {
      if (!pending.sent && pending.kind !== 'upkeep') continue
      this.#settle(pending)
      pending.reject(new ConnectionLostError(`connection to ${this.#options.url} lost before the answer: ${cause.message}`, { cause }))
    }
  }

  async close(): Promise<void> {
    if (this.#state !== 'closed') this.#end(new ClientClosedError('the client was closed'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #end(cause: Error): void {
    this.#become('closed', cause)
    this.#stopHeartbeat()
    this.#reconnector.stop()
    this.#connection = undefined
    const error = cause instanceof ClientClosedError ? cause : new ConnectionLostError(cause.message, { cause })
    for (const record of this.#subscriptions.values()) this.#finish(record, error)
    this.#subscriptions.clear()
    for (const pending of this.#pending.values()) {
      this.#settle(pending)
      pending.reject(pending.sent || error === cause ? error : this.#notConnected('any more'))
    }
    this.#deadlines.close()
  }

  /** Sends a frame and settles with what `kind` makes of its answer. */
  #ask<T>(u: string, text: string, kind: Kind, timeoutMs: number, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#state === 'closed') throw new ClientClosedError('the client is closed; connect again')
      if (signal?.aborted) throw signal.reason
      if (this.#connection === undefined && this.#options.failFast === true) throw this.#notConnected('now')
      const max = this.#options.pendingMax ?? PENDING_MAX
      if (this.#pending.size >= max && kind !== 'upkeep')
        throw new TooManyPendingError(`${max} requests wait for answers already; await some of them first`)
      const pending: Pending = {
        u,
        kind,
        text,
        resolve: resolve as Pending['resolve'],
        reject,
        timeoutMs,
        handle: undefined,
        sent: false,
        unhook: undefined,
      }
      if (signal !== undefined) {
        const abort = () => {
          this.#settle(pending)
          reject(signal.reason)
        }
        signal.addEventListener('abort', abort, { once: true })
        // Made before it is assigned: see OutboundFrame.
        const unhook = () => signal.removeEventListener('abort', abort)
        pending.unhook = unhook
      }
      this.#pending.set(pending.u, pending)
      this.#transmit(pending)
      // The node is at work by now; the book-keeping is done meanwhile.
      if (this.#pending.get(pending.u) === pending) pending.handle = this.#deadlines.add(pending, this.#env.clock.monotonic() + timeoutMs)
    })
  }

  #transmit(pending: Pending): void {
    const connection = this.#connection
    if (connection === undefined) return
    try {
      pending.sent = connection.send(pending.text)
    } catch (error) {
      this.#settle(pending)
      pending.reject(error)
      return
    }
    if (this.#callLog.debugOn)
      this.#callLog.debug(`request ${pending.kind} u=${pending.u} ${pending.sent ? 'sent' : 'waits'} url=${this.#options.url}`)
    if (!pending.sent) return
    pending.text = ''
    this.#requestsSent++
    this.#lastSentMs = this.#env.clock.monotonic()
  }

  /** Takes a request off the books; its promise is settled by the caller. */
  #settle(pending: Pending): void {
    this.#pending.delete(pending.u)
    if (pending.handle !== undefined) this.#deadlines.remove(pending.handle)
    pending.unhook?.()
  }

  #answered(frame: ResponseFrame, text: string): void {
    const id = frame.role === 'pubsub-ack' ? (frame.operation_id ?? frame.u) : frame.u
    const pending = typeof id === 'string' ? this.#pending.get(id) : undefined
    if (pending === undefined) {
      if (typeof id !== 'string' || !id.startsWith(HEARTBEAT_PREFIX)) this.#framesIgnored++
      return
    }
    this.#settle(pending)
    if (this.#callLog.debugOn)
      this.#callLog.debug(`answer u=${pending.u} characters=${text.length} failed=${(frame.error ?? null) !== null}`)
    try {
      pending.resolve(this.#outcome(pending.kind, frame, text) as never)
    } catch (error) {
      pending.reject(error)
    }
  }

  #outcome(kind: Kind, frame: ResponseFrame, text: string): unknown {
    if (kind === 'ack' || kind === 'upkeep') {
      if (frame.success === true) return true
      if (frame.error === undefined || frame.error === null) return false
      throw new OperationRefusedError(typeof frame.error === 'string' ? frame.error : frame.error.message)
    }
    if (kind === 'traced') return this.#tracedOutcome(frame, text)
    if (frame.error !== undefined && frame.error !== null) throw rpcErrorOf(frame.error)
    const results = frame.r
    if (typeof results !== 'object' || results === null) {
      if (kind === 'value') return results
      throw new InvalidAnswerError('the node answered without a result object')
    }
    if (this.#options.raiseRemoteFailures === true) for (const value of Object.values(results)) raiseFailure(value)
    switch (kind) {
      case 'value':
        return onlyValue(results as Record<string, unknown>)
      case 'raw': {
        const keys = Object.keys(results)
        return new RawJson(sliceAt(text, keys.length === 1 && !Array.isArray(results) ? ['r', keys[0] as string] : ['r']) ?? 'null')
      }
      case 'results':
        return results
      default:
        return { results, intermediateResults: frame.intermediate_results ?? [], executionSummary: frame.execution_summary ?? null }
    }
  }

  /** The same as of any other call, and what was reported about it. */
  #tracedOutcome(frame: ResponseFrame, text: string): TracedOutcome {
    const hops = Array.isArray(frame.trace) ? (frame.trace as TraceHop[]) : []
    try {
      return { result: this.#outcome('raw', frame, text) as RawJson, hops }
    } catch (error) {
      if (error instanceof RpcError) return { error, hops }
      throw error
    }
  }

  call(fun: string, ...args: unknown[]): Promise<unknown> {
    return this.#callAs('value', NO_OPTIONS, fun, args)
  }

  callWith(options: CallOptions, fun: string, ...args: unknown[]): Promise<unknown> {
    return this.#callAs('value', options, fun, args)
  }

  callRaw(options: CallOptions, fun: string, ...args: unknown[]): Promise<RawJson> {
    return this.#callAs('raw', options, fun, args)
  }

  callTraced(options: CallOptions, fun: string, ...args: unknown[]): Promise<TracedCall> {
    const context = freshContext(this.#env.random)
    const { url } = this.#options
    const { traceId } = context
    return tracedCall(this.#env.clock, { fun, traceId, url }, () => this.#send('traced', options, fun, args, context))
  }

  #callAs<T>(kind: Kind, options: CallOptions, fun: string, args: readonly unknown[]): Promise<T> {
    const { tracer } = this.#options
    if (tracer === undefined) return this.#send(kind, options, fun, args, undefined)
    const span = clientSpan(tracer, 'call', fun)
    return endedWith(span, this.#send(kind, options, fun, args, span?.context))
  }

  #send<T>(kind: Kind, options: CallOptions, fun: string, args: readonly unknown[], trace: TraceContext | undefined): Promise<T> {
    const u = this.#env.random.ulid()
    let text: string
    try {
      text = encodeCall(u, fun, args, options, trace)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#ask(u, text, kind, options.timeoutMs ?? this.#options.timeoutMs ?? REQUEST_TIMEOUT_MS, options.signal)
  }

  request(cmds: readonly CommandInit[], options: RequestOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#requestAs('results', cmds, options)
  }

  requestFull(cmds: readonly CommandInit[], options: RequestOptions = {}): Promise<Response> {
    return this.#requestAs('full', cmds, options)
  }

  #requestAs<T>(kind: Kind, cmds: readonly CommandInit[], { signal, timeoutMs, ...init }: RequestOptions): Promise<T> {
    const u = this.#env.random.ulid()
    const span = clientSpan(this.#options.tracer, 'request')
    let text: string
    try {
      text = encodeRpcRequest(u, cmds, init, span?.context)
    } catch (error) {
      return Promise.reject(error)
    }
    const answer = this.#ask<T>(u, text, kind, timeoutMs ?? this.#options.timeoutMs ?? REQUEST_TIMEOUT_MS, signal)
    return endedWith(span, answer)
  }

  /** @param identity of a message that may have been published before; by default it is a new one */
  async publish(topic: string, payload: unknown, headers: MessageHeaders = {}, identity?: MessageIdentity): Promise<void> {
    const { clock, random } = this.#env
    const u = random.ulid()
    const { messageId, publisher, timestamp } = identity ?? { timestamp: clock.wall(), messageId: random.ulid(), publisher: this.#id }
    const span = publishSpan(this.#options.tracer, topic)
    const given = presentHeaders(span === undefined ? headers : { ...traceHeaders(span.context), ...headers })
    const text = encodePublish(u, { topic, payload, timestamp, messageId, publisher, headers: given })
    const accepted = await endedWith(span, this.#ask<boolean>(u, text, 'ack', ACK_TIMEOUT_MS))
    if (!accepted) throw new OperationRefusedError(`the node did not accept the message on '${topic}'`)
  }

  async subscribe(
    patterns: string | readonly string[],
    receive: (message: Message) => void,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    const record = this.#record(patterns, options, receive, options.onLost)
    await this.#announce(record, 'ack', options.backlogSeconds ?? 0)
    return {
      get id() {
        return record.id
      },
      patterns: record.patterns,
      unsubscribe: () => this.#unsubscribe(record),
    }
  }

  #record(
    patterns: string | readonly string[],
    { backlogSeconds = 0 }: SubscribeOptions,
    receive: (message: Message) => void,
    onEnd?: (cause: Error) => void,
  ): SubscriptionRecord {
    const list = typeof patterns === 'string' ? [patterns] : [...patterns]
    return new SubscriptionRecord(list, backlogSeconds > 0 ? this.#env.clock.wall() - backlogSeconds : undefined, receive, onEnd)
  }

  /** Registers under a fresh id before the frame leaves: a node may replay before it acknowledges. */
  async #announce(record: SubscriptionRecord, kind: 'ack' | 'upkeep', backlogSeconds: number): Promise<void> {
    const { clock, random } = this.#env
    const u = random.ulid()
    const subscriptionId = random.ulid()
    record.id = subscriptionId
    this.#subscriptions.set(subscriptionId, record)
    try {
      const text = encodeSubscribe(u, {
        subscriptionId,
        patterns: record.patterns,
        subscriber: this.#id,
        createdAt: clock.wall(),
        getBacklog: backlogSeconds > 0,
        backlogSeconds: Math.ceil(backlogSeconds),
      })
      if (!(await this.#ask<boolean>(u, text, kind, ACK_TIMEOUT_MS)))
        throw new OperationRefusedError(`the node refused the subscription to ${record.patterns.join(', ')}`)
      record.acknowledged = true
      record.missedSince = undefined
      if (this.#topicLog.debugOn)
        this.#topicLog.debug(`subscribed id=${subscriptionId} patterns=${record.patterns.join(',')} backlog_seconds=${backlogSeconds}`)
    } catch (error) {
      this.#subscriptions.delete(subscriptionId)
      // The node may have subscribed us all the same: leave no orphan there.
      if (error instanceof RequestTimeoutError) this.#sendQuietly(encodeUnsubscribe(random.ulid(), subscriptionId))
      throw error
    }
  }

  /**
   * On a new connection: under a fresh id, since the node may not have noticed yet that the old one is gone. Tries again until the node
   * accepts or refuses, or the connection is lost, which leaves the subscription to the next one.
   */
  async #resubscribe(record: SubscriptionRecord): Promise<void> {
    const connection = this.#connection
    while (!record.ended && this.#connection === connection) {
      this.#subscriptions.delete(record.id)
      try {
        await this.#announce(record, 'upkeep', record.backlogSecondsAt(this.#env.clock.wall()))
        return
      } catch (error) {
        if (record.ended) return
        if (isPassing(error)) this.#subscriptions.set(record.id, record)
        else {
          this.#topicLog.error(`subscription to ${record.patterns.join(', ')} is over`, error)
          this.#finish(record, error as Error)
        }
      }
    }
  }

  /** Ends a subscription against its owner's will. One that was never accepted has a promise to reject instead. */
  #finish(record: SubscriptionRecord, cause: Error): void {
    this.#safely('onLost', () => record.end(record.acknowledged ? cause : undefined))
  }

  async #unsubscribe(record: SubscriptionRecord): Promise<void> {
    record.end()
    if (!this.#subscriptions.delete(record.id) || this.#connection === undefined) return
    if (this.#topicLog.debugOn) this.#topicLog.debug(`unsubscribed id=${record.id} patterns=${record.patterns.join(',')}`)
    const u = this.#env.random.ulid()
    try {
      await this.#ask<boolean>(u, encodeUnsubscribe(u, record.id), 'upkeep', ACK_TIMEOUT_MS)
    } catch (error) {
      // The node forgets subscriptions with their connection.
      if (error instanceof RequestTimeoutError || error instanceof OperationRefusedError) throw error
    }
  }

  messages(
    patterns: string | readonly string[],
    options: SubscribeOptions & { readonly queueMax?: number } = {},
  ): AsyncIterableIterator<Message> {
    return streamOf((...args) => this.subscribe(...args), patterns, options)
  }

  publishWithReply(topic: string, payload: unknown, options: { headers?: MessageHeaders; timeoutMs?: number } = {}): Promise<Message> {
    const subscribe: Client['subscribe'] = (...args) => this.subscribe(...args)
    return replyTo(this.#env, { subscribe, publish: (...args) => this.publish(...args) }, topic, payload, options)
  }

  #notified(frame: ResponseFrame & { subscription_id?: unknown; message?: unknown }): void {
    const record = typeof frame.subscription_id === 'string' ? this.#subscriptions.get(frame.subscription_id) : undefined
    const { message } = frame
    if (record === undefined || typeof message !== 'object' || message === null) {
      this.#framesIgnored++
      return
    }
    this.#messagesReceived++
    try {
      const outcome = record.accept(message as Record<string, unknown>)
      if (outcome !== undefined) this.#watch(subscriberOf(record), outcome)
    } catch (error) {
      this.#callbackFailed(subscriberOf(record), error)
    }
  }

  /** An idle client sends something harmless, so that no node takes it for dead, and learns from its answer that the node is not. */
  #heartbeat(): void {
    const connection = this.#connection
    if (connection === undefined) return
    const idleMs = this.#env.clock.monotonic() - this.#lastSentMs
    if (++this.#silentChecks >= SILENT_CHECKS_MAX) connection.close()
    else if (idleMs >= HEARTBEAT_AFTER_MS || this.#silentChecks * HEARTBEAT_CHECK_MS >= HEARTBEAT_AFTER_MS) {
      const u = `${HEARTBEAT_PREFIX}${this.#env.random.ulid()}`
      this.#sendQuietly(encodeCall(u, 'echo', [null], NO_OPTIONS))
    }
  }

  #sendQuietly(text: string): void {
    if (this.#connection?.send(text)) this.#lastSentMs = this.#env.clock.monotonic()
  }

  stats(): ClientStats {
    return {
      state: this.#state,
      pending: this.#pending.size,
      subscriptions: this.#subscriptions.size,
      requestsSent: this.#requestsSent,
      messagesReceived: this.#messagesReceived,
      framesIgnored: this.#framesIgnored,
      reconnects: Math.max(0, this.#connects - 1),
    }
  }
}

function subscriberOf(record: SubscriptionRecord): string {
  return `subscriber of ${record.patterns.join(', ')}`
}

/** The value of a result object with one member; else the whole object. */
function onlyValue(results: Record<string, unknown>): unknown {
  if (Array.isArray(results)) return results
  let only: unknown
  let count = 0
  for (const key in results) {
    only = results[key]
    if (++count > 1) return results
  }
  return count === 1 ? only : results
}

/** A command that failed on another node, or could not be brought there, has its failure as value. */
function raiseFailure(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  const failure = value as { error?: unknown; command?: unknown }
  if (typeof failure.error !== 'string') return
  if (typeof failure.command !== 'string' && failure.error !== 'fabric_rpc_failed') return
  throw new RpcError({ code: RPC_CODES.executionFailed, message: 'RPC execution failed', details: value })
}
