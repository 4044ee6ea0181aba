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
/// <reference lib="esnext.disposable" preserve="true" />
import type { Env, Tracer } from '../base/index.ts'
import type { Connection, DialOptions } from '../transport/browser.ts'
import type { CommandInit, RawJson, RequestInit } from '../wire/browser.ts'
import type { CallTarget } from './call-frame.ts'
import type { MessageHeaders } from './headers.ts'
import type { Message, SubscribeOptions, Subscription } from './subscription.ts'
import type { TracedCall } from './traced-call.ts'

/** The functions a node offers, by name. Declare yours once and pass the type to `connect`. */
export type Functions = { [name: string]: (...args: unknown[]) => unknown }

export type Callable<F, K extends keyof F> = F[K] extends (...args: infer A) => infer R ? { args: A; result: Awaited<R> } : never

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
  /** Refuse what is asked while disconnected at once, with `NotConnectedError`, instead of letting it wait. Default false. */
  readonly failFast?: boolean
  /** Reject with an error when a function failed on another node, instead of returning the failure object. Default false. */
  readonly raiseRemoteFailures?: boolean
  /** Told about every change of the connection. */
  readonly onState?: (state: ClientState, cause?: Error) => void
  /** Time, chance and log; tests hand in a virtual one. By default warnings and errors go to the console. */
  readonly env?: Env
  /** Who is told of calls and publications; in Node.js, by default, the OpenTelemetry SDK that was registered before. */
  readonly tracer?: Tracer
}

export type ClientState = 'connecting' | 'connected' | 'disconnected' | 'closed'

export interface CallOptions extends CallTarget {
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
  /** This client without its function types: any name, any arguments, results of type `unknown`. */
  readonly untyped: Client
  /** Calls one function with positional arguments. @throws RpcError and the errors of errors.ts */
  call<K extends keyof F & string>(fun: K, ...args: Callable<F, K>['args']): Promise<Callable<F, K>['result']>
  /** The same with keyword arguments, resources, versions, a timeout or an abort signal. Arguments given by keyword are left out of `args`. */
  callWith<K extends keyof F & string>(
    options: CallOptions,
    fun: K,
    ...args: Partial<Callable<F, K>['args']>
  ): Promise<Callable<F, K>['result']>
  /** The result as the text it arrived in, for callers to whom `1.0` is not `1`. */
  callRaw(options: CallOptions, fun: string, ...args: unknown[]): Promise<RawJson>
  /** The same, with what everybody on the way reports about it. Resolves also when the call fails. */
  callTraced(options: CallOptions, fun: string, ...args: unknown[]): Promise<TracedCall>
  /** Runs a dependency graph; results of its last level by command name. */
  request(cmds: readonly CommandInit[], options?: RequestOptions): Promise<Readonly<Record<string, unknown>>>
  /** The same, with per-level results and timing where `options` ask for them. */
  requestFull(cmds: readonly CommandInit[], options?: RequestOptions): Promise<Response>
  /** Resolves when the node has accepted the message. @throws OperationRefusedError */
  publish(topic: string, payload: unknown, headers?: MessageHeaders): Promise<void>
  /** Delivers matching messages to `receive` until unsubscribed, across reconnects. @throws OperationRefusedError */
  subscribe(patterns: string | readonly string[], receive: (message: Message) => void, options?: SubscribeOptions): Promise<Subscription>
  /** The same as an async iterable. While nobody takes them, the newest `queueMax` (1000) messages wait; older ones are dropped. */
  messages(
    patterns: string | readonly string[],
    options?: SubscribeOptions & { readonly queueMax?: number },
  ): AsyncIterableIterator<Message>
  /** Publishes with a `reply_to` header and resolves with the first message on that topic. @throws RequestTimeoutError */
  publishWithReply(topic: string, payload: unknown, options?: { headers?: MessageHeaders; timeoutMs?: number }): Promise<Message>
  stats(): ClientStats
  /** Ends everything; calls under way reject. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
