/**
 * A client of a whole cluster: it knows the nodes, sends each request to the one that serves it best, and goes to another when one fails.
 *
 * @example
 * const cluster = await connectCluster({ seeds: ['ws://10.0.0.1:7400', 'ws://10.0.0.2:7400'] })
 * const sum = await cluster.call('add', 1, 2)
 *
 * A request reaches its function at most once: it is given to a second node only when the first one can not have carried it out. One that
 * was sent and whose answer was lost with the connection rejects with `ResultUnknownError`, unless the caller has said that it is idempotent.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import type { CommandInit, RawJson } from '../wire/browser.ts'
import type { Callable, CallOptions, Client, ClientOptions, Functions, RequestOptions, Response } from './api.ts'
import type { EndpointScore } from './endpoint-score.ts'
import type { MessageHeaders } from './headers.ts'

/** Which of its own options a client of one node takes over from a cluster's. */
type NodeOptions = Pick<
  ClientOptions,
  'authToken' | 'apiKey' | 'tls' | 'timeoutMs' | 'connectTimeoutMs' | 'pendingMax' | 'raiseRemoteFailures' | 'env' | 'tracer'
>

export interface ClusterClientOptions extends NodeOptions {
  /** URLs of nodes to begin with, and to return to when no other is left. */
  readonly seeds: string | readonly string[]
  /** How often the nodes and their load are asked for. Default 5 000. */
  readonly refreshIntervalMs?: number
  /** How long an endpoint is left alone after its connection failed. Default 2 000. */
  readonly failureCooldownMs?: number
  /** Points of score for each millisecond of mean latency. Default 0.01. */
  readonly latencyWeight?: number
  /** Points of score for an endpoint that always fails. Default 50. */
  readonly errorWeight?: number
  /** Experience with an endpoint counts this long. Default 30 000. */
  readonly healthStaleMs?: number
  /** Nodes of this region go first, whatever their score. */
  readonly preferredRegion?: string
  /** These endpoints go first, whatever their region and score. */
  readonly preferredUrls?: readonly string[]
  /** A function no node here knows: ask for clusters that offer it by their summaries, and call it there. Default false. */
  readonly summaryRedirect?: boolean | SummaryRedirect
}

/** Which summaries count, and by how many nodes of another cluster to go in. */
export interface SummaryRedirect {
  /** Default `global`. */
  readonly scope?: 'region' | 'global'
  /** URLs for each cluster. Default 2. */
  readonly ingressLimit?: number
  readonly ingressScope?: 'zone' | 'region' | 'global'
}

/** May be carried out more than once. */
export interface Repeatable {
  /** The request may be carried out twice: repeat it on another node when its answer is lost with the connection. Default false. */
  readonly idempotent?: boolean
}

export interface ClusterCallOptions extends CallOptions, Repeatable {
  /** URLs to try before all others: with `targetCluster`, those that `summary_query` names as the ways into the cluster of a summary. */
  readonly ingress?: readonly string[]
}
export interface ClusterRequestOptions extends RequestOptions, Repeatable {}

export interface EndpointExplanation {
  readonly url: string
  /** Null, like cluster and region, for a seed that no node advertises. */
  readonly nodeId: string | null
  readonly clusterId: string | null
  readonly region: string | null
  readonly connected: boolean
  /** Subscriptions and publications go here. */
  readonly carriesTopics: boolean
  /** Place in the order in which endpoints are tried, from 1; null when it is not tried. */
  readonly rank: number | null
  /** Why it goes before or behind others of its score. */
  readonly preference: 'url' | 'region' | 'none'
  /** Why it is not tried. */
  readonly skipped: 'cooling_down' | 'undialable' | null
  /** Until it is tried again, ms. */
  readonly retryInMs: number | null
  readonly score: EndpointScore
  readonly lastError: string | null
}

export interface ClusterClientStats {
  /** Endpoints of the cluster map. */
  readonly endpoints: number
  readonly connections: number
  readonly subscriptions: number
  /** Requests given to a second or further endpoint. */
  readonly failovers: number
  /** Of these, those that were sent before and repeated, as `idempotent` allows. */
  readonly repeated: number
  /** Requests that ended in `ResultUnknownError`. */
  readonly resultsUnknown: number
  readonly mapRefreshes: number
  readonly mapFailures: number
  /** How often subscriptions moved to another endpoint. */
  readonly topicMoves: number
}

type SameAsClient<F> = Pick<Client<F>, 'call' | 'subscribe' | 'messages' | 'publishWithReply' | 'close'>

export interface ClusterClient<F = Functions> extends SameAsClient<F> {
  /** This client without its function types. */
  readonly untyped: ClusterClient
  callWith<K extends keyof F & string>(
    options: ClusterCallOptions,
    fun: K,
    ...args: Partial<Callable<F, K>['args']>
  ): Promise<Callable<F, K>['result']>
  callRaw(options: ClusterCallOptions, fun: string, ...args: unknown[]): Promise<RawJson>
  request(cmds: readonly CommandInit[], options?: ClusterRequestOptions): Promise<Readonly<Record<string, unknown>>>
  requestFull(cmds: readonly CommandInit[], options?: ClusterRequestOptions): Promise<Response>
  /** A repeated message keeps its id: subscribers of this package get it once. */
  publish(topic: string, payload: unknown, headers?: MessageHeaders, options?: Repeatable): Promise<void>
  /** Asks for the nodes now; rejects when none can be asked, and the old map stays. */
  refresh(): Promise<void>
  /** Every endpoint with the parts of its score, in the order in which they are tried, and why the rest is not. */
  explainEndpoints(): readonly EndpointExplanation[]
  stats(): ClusterClientStats
  [Symbol.asyncDispose](): Promise<void>
}
