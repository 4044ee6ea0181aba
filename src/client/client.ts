/**
 * A client of one node: calls, dependency graphs, topics.
 *
 * @example
 * interface Functions { add(a: number, b: number): number }
 * const client = await connect<Functions>('ws://127.0.0.1:10000')
 * const sum = await client.call('add', 1, 2)
 *
 * The connection comes back by itself when it is lost, and so do subscriptions. A call that was under way is not repeated, since the
 * function may have run: it rejects with `ConnectionLostError`. Calls made while disconnected wait for the connection, up to their timeout.
 */
import { createRealEnv, DeadlineQueue, type DeadlineHandle, type Env, silentLog } from '../base/index.ts'
import {
  type CommandInit,
  encodePublish,
  encodeRpcRequest,
  encodeSubscribe,
  encodeUnsubscribe,
  parseJson,
  RawJson,
  type RequestInit,
  RPC_CODES,
  RpcError,
  sliceAt,
} from '../wire/browser.ts'
import { type CloseInfo, type Connection, type ConnectionHandlers, createReconnector, type DialOptions, type Reconnector } from '../transport/browser.ts'
import {
  ClientClosedError,
  ConnectionLostError,
  InvalidAnswerError,
  OperationRefusedError,
  RequestTimeoutError,
  rpcErrorOf,
  TooManyPendingError,
} from './errors.ts'
import { createInbox, type Message, type SubscribeOptions, type Subscription, SubscriptionRecord } from './subscription.ts'

/** The functions a node offers, by name. Declare yours once and pass the type to `connect`. */
export type Functions = { [name: string]: (...args: unknown[]) => unknown }

type Callable<F, K extends keyof F> = F[K] extends (...args: infer A) => infer R ? { args: A; result: Awaited<R> } : never

/** How to open a connection; the entries of this package bring one each for Node.js and for browsers. */
export type Dial = (url: string, options: DialOptions) => Promise<Connection>

export interface ClientOptions {
  readonly url: string
  /** Bearer token; in a browser it travels in the URL's query, since pages can not set headers. */
  readonly authToken?: string
  readonly apiKey?: string
  /** Certificates (Node.js only). */
  readonly tls?: DialOptions['tls']
  /** Longest wait for an answer. The node's own deadline is 30 s, and its answer should come first. Default 35 000. */
  readonly timeoutMs?: number
  readonly connectTimeoutMs?: number
  /** Requests that may wait for answers at once. Default 10 000. */
  readonly pendingMax?: number
  /** Reconnect when the connection is lost. Default true. */
  readonly reconnect?: boolean
  /** Reject with an error when a function failed on another node, instead of returning the failure object. Default false. */
  readonly raiseRemoteFailures?: boolean
  /** Told about every change of the connection. */
  readonly onState?: (state: ClientState, cause?: Error) => void
  /** Time, chance and log; tests hand in a virtual one. */
  readonly env?: Env
}

export type ClientState = 'connecting' | 'connected' | 'disconnected' | 'closed'

export interface CallOptions {
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Resources the function must offer. */
  readonly locs?: readonly string[]
  readonly functionId?: string
  /** Such as `>=1.2,<2`. */
  readonly versionConstraint?: string
  readonly targetCluster?: string
  readonly routingTopic?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface RequestOptions extends RequestInit {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Everything a response holds. */
export interface Response {
  /** Results of the last level, by command name. */
  readonly results: Readonly<Record<string, unknown>>
  readonly intermediateResults: readonly Readonly<Record<string, unknown>>[]
  readonly executionSummary: Readonly<Record<string, unknown>> | null
}

export interface ClientStats {
  readonly state: ClientState
  readonly pending: number
  readonly subscriptions: number
  readonly requestsSent: number
  readonly messagesReceived: number
  /** Frames that were no JSON, or answers to nothing. */
  readonly framesIgnored: number
  readonly reconnects: number
}

export interface Client<F = Functions> {
  readonly state: ClientState
  /** Calls one function with positional arguments. @throws RpcError and the errors of errors.ts */
  call<K extends keyof F & string>(fun: K, ...args: Callable<F, K>['args']): Promise<Callable<F, K>['result']>
  /** The same with keyword arguments, resources, versions, a timeout or an abort signal. Arguments given by keyword are left out of `args`. */
  callWith<K extends keyof F & string>(options: CallOptions, fun: K, ...args: Partial<Callable<F, K>['args']>): Promise<Callable<F, K>['result']>
  /** The result as the text it arrived in, for callers to whom `1.0` is not `1`. */
  callRaw(options: CallOptions, fun: string, ...args: unknown[]): Promise<RawJson>
  /** Runs a dependency graph; results of its last level by command name. */
  request(cmds: readonly CommandInit[], options?: RequestOptions): Promise<Readonly<Record<string, unknown>>>
  /** The same, with per-level results and timing where `options` ask for them. */
  requestFull(cmds: readonly CommandInit[], options?: RequestOptions): Promise<Response>
  /** Resolves when the node has accepted the message. @throws OperationRefusedError */
  publish(topic: string, payload: unknown, headers?: Readonly<Record<string, unknown>>): Promise<void>
  /** Delivers matching messages to `receive` until unsubscribed, across reconnects. @throws OperationRefusedError */
  subscribe(patterns: string | readonly string[], receive: (message: Message) => void, options?: SubscribeOptions): Promise<Subscription>
  /** The same as an async iterable. While nobody takes them, the newest `queueMax` (1000) messages wait; older ones are dropped. */
  messages(patterns: string | readonly string[], options?: SubscribeOptions & { readonly queueMax?: number }): AsyncIterableIterator<Message>
  /** Publishes with a `reply_to` header and resolves with the first message on that topic. @throws RequestTimeoutError */
  publishWithReply(topic: string, payload: unknown, options?: { headers?: Readonly<Record<string, unknown>>; timeoutMs?: number }): Promise<Message>
  stats(): ClientStats
  /** Ends everything; calls under way reject. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export const REQUEST_TIMEOUT_MS = 35_000
/** How long an acknowledgement of publish, subscribe and unsubscribe may take. */
const ACK_TIMEOUT_MS = 10_000
const REPLY_TIMEOUT_MS = 30_000
const PENDING_MAX = 10_000
/** Nodes of the Python implementation drop a connection that brings no frame for 60 s. */
const HEARTBEAT_AFTER_MS = 30_000
const HEARTBEAT_CHECK_MS = 10_000
/** A replay after a reconnect reaches back this much further than the gap, for clocks that differ. */
const BACKLOG_MARGIN_SECONDS = 5

/** What becomes of a response. */
type Kind = 'value' | 'raw' | 'results' | 'full' | 'ack'

interface Pending {
  readonly u: string
  readonly kind: Kind
  readonly text: string
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
  readonly timeoutMs: number
  handle: DeadlineHandle<Pending> | undefined
  sent: boolean
  unhook: (() => void) | undefined
}

interface ResponseFrame {
  readonly role?: unknown
  readonly r?: unknown
  readonly error?: { code: number; message: string; details?: unknown; explanation?: unknown } | null
  readonly u?: unknown
  readonly operation_id?: unknown
  readonly success?: unknown
  readonly intermediate_results?: readonly Readonly<Record<string, unknown>>[]
  readonly execution_summary?: Readonly<Record<string, unknown>> | null
}

/**
 * Connects; rejects when the first attempt fails. Later losses are repaired in the background.
 * @throws TransportError
 */
export async function connectWith<F = Functions>(dial: Dial, options: ClientOptions): Promise<Client<F>> {
  const client = new NodeClient(dial, options)
  await client.open()
  return client as unknown as Client<F>
}

class NodeClient implements ConnectionHandlers {
  readonly #options: ClientOptions
  readonly #env: Env
  readonly #id: string
  readonly #pending = new Map<string, Pending>()
  readonly #deadlines: DeadlineQueue<Pending>
  /** By the id they are known under on the present connection. */
  readonly #subscriptions = new Map<string, SubscriptionRecord>()
  readonly #reconnector: Reconnector
  readonly #stopHeartbeat: () => void
  #connection: Connection | undefined
  #state: ClientState = 'connecting'
  #opening: { resolve(): void; reject(error: Error): void } | undefined
  #lostAt: number | undefined
  #lastSentMs: number
  #requestsSent = 0
  #messagesReceived = 0
  #framesIgnored = 0
  #connects = 0

  constructor(dial: Dial, options: ClientOptions) {
    this.#options = options
    this.#env = options.env ?? createRealEnv({ log: silentLog })
    const { clock, random, timers } = this.#env
    this.#id = `pubsub_client_${random.ulid()}`
    this.#lastSentMs = clock.monotonic()
    this.#deadlines = new DeadlineQueue<Pending>({
      clock,
      timers,
      onExpire: (pending) => {
        this.#settle(pending)
        pending.reject(new RequestTimeoutError(`no answer from ${options.url} within ${pending.timeoutMs / 1000} s`))
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

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject }
      this.#reconnector.start()
    })
  }

  #connected(connection: Connection): ConnectionHandlers {
    this.#connection = connection
    this.#connects++
    this.#lastSentMs = this.#env.clock.monotonic()
    this.#become('connected')
    this.#opening?.resolve()
    this.#opening = undefined
    for (const pending of [...this.#pending.values()]) if (!pending.sent) this.#transmit(pending)
    if (this.#connects > 1) this.#resubscribe()
    return this
  }

  /** An attempt failed, or the connection ended. */
  #waiting(error: Error): void {
    if (this.#opening !== undefined) {
      this.#opening.reject(error)
      this.#opening = undefined
      this.#end(error)
    } else if (this.#options.reconnect === false) this.#end(error)
    else if (this.#state !== 'disconnected') this.#become('disconnected', error)
  }

  #become(state: ClientState, cause?: Error): void {
    this.#state = state
    try {
      this.#options.onState?.(state, cause)
    } catch (error) {
      this.#env.log.scope('client').error('onState failed', error)
    }
  }

  message(text: string): void {
    let frame: ResponseFrame
    try {
      frame = parseJson(text) as ResponseFrame
    } catch {
      this.#framesIgnored++
      return
    }
    if (typeof frame !== 'object' || frame === null) this.#framesIgnored++
    else if (frame.role === 'pubsub-notification') this.#notified(frame)
    else this.#answered(frame, text)
  }

  malformed(): void {
    this.#framesIgnored++
  }

  close(info?: CloseInfo): Promise<void> {
    if (info === undefined) {
      if (this.#state !== 'closed') this.#end(new ClientClosedError('the client was closed'))
      return Promise.resolve()
    }
    this.#connection = undefined
    this.#lostAt ??= this.#env.clock.wall()
    const cause = info.error ?? new Error(`${info.code} ${info.reason}`.trim())
    for (const pending of [...this.#pending.values()]) {
      if (!pending.sent) continue
      this.#settle(pending)
      pending.reject(new ConnectionLostError(`connection to ${this.#options.url} lost before the answer: ${cause.message}`, { cause }))
    }
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #end(cause: Error): void {
    this.#become('closed', cause)
    this.#stopHeartbeat()
    this.#reconnector.stop()
    for (const record of this.#subscriptions.values()) record.end()
    this.#subscriptions.clear()
    for (const pending of [...this.#pending.values()]) {
      this.#settle(pending)
      pending.reject(cause instanceof ClientClosedError ? cause : new ConnectionLostError(cause.message, { cause }))
    }
    this.#deadlines.close()
  }

  /** Sends a frame and settles with what `kind` makes of its answer. */
  #ask<T>(u: string, text: string, kind: Kind, timeoutMs: number, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#state === 'closed') throw new ClientClosedError('the client is closed; connect again')
      if (signal?.aborted) throw signal.reason
      const max = this.#options.pendingMax ?? PENDING_MAX
      if (this.#pending.size >= max) throw new TooManyPendingError(`${max} requests wait for answers already; await some of them first`)
      const pending: Pending = { u, kind, text, resolve: resolve as Pending['resolve'], reject, timeoutMs, handle: undefined, sent: false, unhook: undefined }
      if (signal !== undefined) {
        const abort = () => {
          this.#settle(pending)
          reject(signal.reason)
        }
        signal.addEventListener('abort', abort, { once: true })
        pending.unhook = () => signal.removeEventListener('abort', abort)
      }
      this.#pending.set(u, pending)
      pending.handle = this.#deadlines.add(pending, this.#env.clock.monotonic() + timeoutMs)
      this.#transmit(pending)
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
      this.#framesIgnored++
      return
    }
    this.#settle(pending)
    try {
      pending.resolve(this.#outcome(pending.kind, frame, text) as never)
    } catch (error) {
      pending.reject(error)
    }
  }

  #outcome(kind: Kind, frame: ResponseFrame, text: string): unknown {
    if (kind === 'ack') {
      if (frame.success === true) return true
      if (frame.error === undefined || frame.error === null) return false
      throw new OperationRefusedError(typeof frame.error === 'string' ? frame.error : frame.error.message)
    }
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
        return new RawJson(sliceAt(text, keys.length === 1 ? ['r', keys[0] as string] : ['r']) ?? 'null')
      }
      case 'results':
        return results
      default:
        return { results, intermediateResults: frame.intermediate_results ?? [], executionSummary: frame.execution_summary ?? null }
    }
  }

  call(fun: string, ...args: unknown[]): Promise<unknown> {
    const u = this.#env.random.ulid()
    // The label must not occur among the arguments, where it would be a reference; nobody else has this id.
    const text = encodeRpcRequest(u, [{ name: u, fun, args }])
    return this.#ask(u, text, 'value', this.#options.timeoutMs ?? REQUEST_TIMEOUT_MS)
  }

  callWith(options: CallOptions, fun: string, ...args: unknown[]): Promise<unknown> {
    return this.#callAs('value', options, fun, args)
  }

  callRaw(options: CallOptions, fun: string, ...args: unknown[]): Promise<RawJson> {
    return this.#callAs('raw', options, fun, args)
  }

  #callAs<T>(kind: Kind, options: CallOptions, fun: string, args: readonly unknown[]): Promise<T> {
    const { signal, timeoutMs, ...command } = options
    const u = this.#env.random.ulid()
    const text = encodeRpcRequest(u, [{ name: u, fun, args, ...command }])
    return this.#ask(u, text, kind, timeoutMs ?? this.#options.timeoutMs ?? REQUEST_TIMEOUT_MS, signal)
  }

  request(cmds: readonly CommandInit[], options: RequestOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#requestAs('results', cmds, options)
  }

  requestFull(cmds: readonly CommandInit[], options: RequestOptions = {}): Promise<Response> {
    return this.#requestAs('full', cmds, options)
  }

  #requestAs<T>(kind: Kind, cmds: readonly CommandInit[], { signal, timeoutMs, ...init }: RequestOptions): Promise<T> {
    const u = this.#env.random.ulid()
    return this.#ask(u, encodeRpcRequest(u, cmds, init), kind, timeoutMs ?? this.#options.timeoutMs ?? REQUEST_TIMEOUT_MS, signal)
  }

  async publish(topic: string, payload: unknown, headers?: Readonly<Record<string, unknown>>): Promise<void> {
    const { clock, random } = this.#env
    const u = random.ulid()
    const init = { topic, payload, timestamp: clock.wall(), messageId: random.ulid(), publisher: this.#id, ...(headers && { headers }) }
    const accepted = await this.#ask<boolean>(u, encodePublish(u, init), 'ack', ACK_TIMEOUT_MS)
    if (!accepted) throw new OperationRefusedError(`the node did not accept the message on '${topic}'`)
  }

  async subscribe(patterns: string | readonly string[], receive: (message: Message) => void, options: SubscribeOptions = {}): Promise<Subscription> {
    const record = new SubscriptionRecord(typeof patterns === 'string' ? [patterns] : patterns, receive, options)
    await this.#announce(record, options.backlogSeconds ?? 0)
    return { patterns: record.patterns, unsubscribe: () => this.#unsubscribe(record) }
  }

  /** Registers under a fresh id before the frame leaves: a node may replay before it acknowledges. */
  async #announce(record: SubscriptionRecord, backlogSeconds: number): Promise<void> {
    const { clock, random } = this.#env
    const u = random.ulid()
    const subscriptionId = random.ulid()
    record.id = subscriptionId
    this.#subscriptions.set(subscriptionId, record)
    const text = encodeSubscribe(u, {
      subscriptionId,
      patterns: record.patterns,
      subscriber: this.#id,
      createdAt: clock.wall(),
      getBacklog: backlogSeconds > 0,
      backlogSeconds: Math.ceil(backlogSeconds),
    })
    try {
      if (await this.#ask<boolean>(u, text, 'ack', ACK_TIMEOUT_MS)) return
      throw new OperationRefusedError(`the node refused the subscription to ${record.patterns.join(', ')}`)
    } catch (error) {
      this.#subscriptions.delete(subscriptionId)
      // The node may have subscribed us all the same: leave no orphan there.
      if (error instanceof RequestTimeoutError) this.#sendQuietly(encodeUnsubscribe(random.ulid(), subscriptionId))
      throw error
    }
  }

  /** After a reconnect: fresh ids, since the node may not have noticed yet that the old connection is gone. */
  #resubscribe(): void {
    const gap = this.#lostAt === undefined ? 0 : this.#env.clock.wall() - this.#lostAt + BACKLOG_MARGIN_SECONDS
    this.#lostAt = undefined
    const records = new Set(this.#subscriptions.values())
    this.#subscriptions.clear()
    for (const record of records) {
      this.#announce(record, record.wantsBacklog ? gap : 0).catch((error: unknown) => {
        // Lost again before the acknowledgement: keep it for the next connection.
        if (error instanceof ConnectionLostError && this.#state !== 'closed') this.#subscriptions.set(record.id, record)
        else if (!(error instanceof ClientClosedError)) this.#env.log.scope('client.pubsub').error(`subscription to ${record.patterns.join(', ')} was lost`, error)
      })
    }
  }

  async #unsubscribe(record: SubscriptionRecord): Promise<void> {
    if (!this.#subscriptions.delete(record.id)) return
    record.end()
    if (this.#connection === undefined) return
    const u = this.#env.random.ulid()
    await this.#ask<boolean>(u, encodeUnsubscribe(u, record.id), 'ack', ACK_TIMEOUT_MS)
  }

  async *messages(patterns: string | readonly string[], options: SubscribeOptions & { readonly queueMax?: number } = {}): AsyncIterableIterator<Message> {
    const inbox = createInbox(options.queueMax)
    const record = new SubscriptionRecord(typeof patterns === 'string' ? [patterns] : patterns, inbox.put, options, inbox.end)
    await this.#announce(record, options.backlogSeconds ?? 0)
    try {
      for (let message = await inbox.take(); message !== undefined; message = await inbox.take()) yield message
    } finally {
      await this.#unsubscribe(record)
    }
  }

  async publishWithReply(
    topic: string,
    payload: unknown,
    options: { headers?: Readonly<Record<string, unknown>>; timeoutMs?: number } = {},
  ): Promise<Message> {
    const { random, timers } = this.#env
    const timeoutMs = options.timeoutMs ?? REPLY_TIMEOUT_MS
    const replyTopic = `reply.${random.ulid()}`
    const reply = Promise.withResolvers<Message>()
    // Nobody may be waiting yet when the reply is given up.
    reply.promise.catch(() => {})
    const cancel = timers.after(timeoutMs, () => reply.reject(new RequestTimeoutError(`Reply timeout after ${timeoutMs / 1000} seconds`)))
    try {
      const subscription = await this.subscribe(replyTopic, reply.resolve)
      try {
        await this.publish(topic, payload, { ...options.headers, reply_to: replyTopic })
        return await reply.promise
      } finally {
        await subscription.unsubscribe().catch(() => {})
      }
    } finally {
      cancel()
    }
  }

  #notified(frame: ResponseFrame & { subscription_id?: unknown; message?: unknown }): void {
    const record = typeof frame.subscription_id === 'string' ? this.#subscriptions.get(frame.subscription_id) : undefined
    if (record === undefined) {
      this.#framesIgnored++
      return
    }
    this.#messagesReceived++
    try {
      record.accept(frame.message as Record<string, unknown>)
    } catch (error) {
      this.#env.log.scope('client.pubsub').error(`subscriber of ${record.patterns.join(', ')} failed`, error)
    }
  }

  /** An idle client sends something harmless, so that no node takes it for dead. */
  #heartbeat(): void {
    if (this.#env.clock.monotonic() - this.#lastSentMs < HEARTBEAT_AFTER_MS - HEARTBEAT_CHECK_MS) return
    const u = `heartbeat-${this.#env.random.ulid()}`
    this.#sendQuietly(encodeRpcRequest(u, [{ name: u, fun: 'echo', args: [null] }]))
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

/** The value of a result object with one member; else the whole object. */
function onlyValue(results: Record<string, unknown>): unknown {
  let only: unknown
  let count = 0
  for (const key in results) {
    only = results[key]
    if (++count > 1) return results
  }
  return count === 1 ? only : results
}

/** A command that failed on another node has its failure as value. */
function raiseFailure(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  const failure = value as { error?: unknown; command?: unknown; error_type?: unknown }
  if (typeof failure.error !== 'string' || typeof failure.command !== 'string') return
  throw new RpcError({ code: RPC_CODES.executionFailed, message: 'RPC execution failed', details: value })
}
