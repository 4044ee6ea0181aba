/** The cluster client at work: which endpoint a request goes to, and what happens when it fails there. What it offers is in cluster-api.ts. */
import { createRealEnv, type Env } from '../base/index.ts'
import type { CommandInit, RawJson } from '../wire/browser.ts'
import { RpcError } from '../wire/browser.ts'
import type { CallOptions, Client, Dial, Functions, Response } from './api.ts'
import { type MessageIdentity, type NodeClient, REQUEST_TIMEOUT_MS } from './client.ts'
import type {
  ClusterCallOptions,
  ClusterClient,
  ClusterClientOptions,
  ClusterClientStats,
  ClusterRequestOptions,
  EndpointExplanation,
  Repeatable,
  SummaryRedirect,
} from './cluster-api.ts'
import { type Candidate, type ClusterEndpoints, createClusterEndpoints } from './cluster-endpoints.ts'
import { type ClusterLinks, createClusterLinks } from './cluster-links.ts'
import { clustersIn, endpointsIn } from './cluster-map.ts'
import { type ClusterTopics, createClusterTopics } from './cluster-topics.ts'
import { consoleLog } from './console-log.ts'
import {
  ClientClosedError,
  CommandNotFoundError,
  ConnectionLostError,
  InvalidAnswerError,
  NotConnectedError,
  RequestTimeoutError,
  ResultUnknownError,
} from './errors.ts'
import type { MessageHeaders } from './headers.ts'
import { replyTo, streamOf } from './message-stream.ts'
import type { Message, SubscribeOptions, Subscription } from './subscription.ts'

const REFRESH_INTERVAL_MS = 5_000
const FAILURE_COOLDOWN_MS = 2_000
const LATENCY_WEIGHT = 0.01
const ERROR_WEIGHT = 50
const HEALTH_STALE_MS = 30_000
/** Short, since there are others. */
const CONNECT_TIMEOUT_MS = 5_000
const DISCOVERY_TIMEOUT_MS = 5_000
const ACK_TIMEOUT_MS = 10_000
const INGRESS_LIMIT = 2
/** Any node knows all functions, give or take what is on its way: when so many do not know one, the rest will not either. */
const NOT_FOUND_ANSWERS_MAX = 3

/** A request that can be given to one endpoint after another. */
interface Errand extends Repeatable {
  /** For errors: what it is that was sent. */
  readonly what: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Whether an answer 1001 proves that nothing has run. */
  readonly notFoundIsHarmless: boolean
  /** URLs that go before all others. */
  readonly first?: readonly string[]
}

/**
 * Connects to the first seed that can be reached, and asks it for the other nodes.
 * @throws NotConnectedError when none can be reached
 */
export async function connectClusterWith<F = Functions>(dial: Dial, options: ClusterClientOptions): Promise<ClusterClient<F>> {
  const client = new ClusterNodesClient(dial, options)
  await client.open()
  return client as unknown as ClusterClient<F>
}

class ClusterNodesClient {
  readonly #env: Env
  readonly #timeoutMs: number
  readonly #publisher: string
  readonly #endpoints: ClusterEndpoints
  readonly #links: ClusterLinks
  readonly #topics: ClusterTopics
  readonly #refreshIntervalMs: number
  readonly #redirect: SummaryRedirect | undefined
  #stopRefreshing: (() => void) | undefined
  #refreshing: Promise<void> | undefined
  #isClosed = false
  #failovers = 0
  #repeated = 0
  #resultsUnknown = 0
  #mapRefreshes = 0
  #mapFailures = 0

  constructor(dial: Dial, options: ClusterClientOptions) {
    const { authToken, apiKey, tls, pendingMax, raiseRemoteFailures, tracer } = options
    const env = options.env ?? createRealEnv({ log: consoleLog })
    this.#env = env
    this.#timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS
    this.#refreshIntervalMs = options.refreshIntervalMs ?? REFRESH_INTERVAL_MS
    this.#redirect = options.summaryRedirect === true ? {} : options.summaryRedirect || undefined
    this.#publisher = `pubsub_client_${env.random.ulid()}`
    const seeds = typeof options.seeds === 'string' ? [options.seeds] : options.seeds
    this.#endpoints = createClusterEndpoints(env.clock, {
      seeds: [...new Set(seeds)],
      failureCooldownMs: options.failureCooldownMs ?? FAILURE_COOLDOWN_MS,
      latencyWeight: options.latencyWeight ?? LATENCY_WEIGHT,
      errorWeight: options.errorWeight ?? ERROR_WEIGHT,
      healthStaleMs: options.healthStaleMs ?? HEALTH_STALE_MS,
      preferredRegion: options.preferredRegion,
      preferredUrls: options.preferredUrls ?? [],
    })
    this.#links = createClusterLinks({
      clock: env.clock,
      dial,
      options: {
        env,
        timeoutMs: this.#timeoutMs,
        connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
        ...(authToken !== undefined && { authToken }),
        ...(apiKey !== undefined && { apiKey }),
        ...(tls !== undefined && { tls }),
        ...(pendingMax !== undefined && { pendingMax }),
        ...(raiseRemoteFailures !== undefined && { raiseRemoteFailures }),
        ...(tracer !== undefined && { tracer }),
      },
      onFailed: (url, error, lost) => {
        this.#endpoints.failed(url, error)
        const log = env.log.scope('cluster')
        if (log.debugOn) log.debug(`node set aside for a while url=${url}: ${String(error)}`)
        if (lost !== undefined) this.#topics.lost(lost)
      },
      onUndialable: (url, error) => this.#endpoints.undialable(url, error),
    })
    this.#topics = createClusterTopics({ env, connect: () => this.#connectToBest() })
  }

  async open(): Promise<void> {
    try {
      await this.#connectToBest()
    } catch (error) {
      await this.close()
      throw error
    }
    await this.#refreshQuietly()
    if (!this.#isClosed) this.#stopRefreshing = this.#env.timers.every(this.#refreshIntervalMs, () => void this.#refreshQuietly())
  }

  get untyped(): ClusterClient {
    return this as unknown as ClusterClient
  }

  /** The first endpoint that can be reached, in the order in which they are tried. */
  async #connectToBest(): Promise<{ url: string; client: NodeClient }> {
    let last: unknown
    for (const { url } of this.#endpoints.candidates()) {
      try {
        return { url, client: await this.#links.open(url) }
      } catch (error) {
        last = error
      }
    }
    throw this.#nobody(last)
  }

  #nobody(last: unknown): NotConnectedError {
    if (last === undefined) return new NotConnectedError('no endpoint of the cluster is left to try; nothing was sent')
    const why = last instanceof Error ? last.message : String(last)
    return new NotConnectedError(`no endpoint of the cluster can be reached, nothing was sent; the last one: ${why}`, { cause: last })
  }

  /** Gives a request to one endpoint after another, as long as the one before can not have carried it out. */
  async #run<T>(errand: Errand, send: (client: NodeClient, timeoutMs: number) => Promise<T>): Promise<T> {
    const { clock } = this.#env
    const deadlineMs = clock.monotonic() + errand.timeoutMs
    const ignorant = new Set<string>()
    let last: unknown
    /** A node that was reached says more than one that was not. */
    let notFound: CommandNotFoundError | undefined
    let given = 0
    let unknown: ResultUnknownError | undefined
    let candidates = this.#order(errand.first)
    for (let next = 0; next < candidates.length; next++) {
      const { url, nodeId = url } = candidates[next] as Candidate
      if (this.#isClosed) throw closedError()
      errand.signal?.throwIfAborted()
      if (ignorant.has(nodeId)) continue
      let client = this.#links.ready(url)
      const wasReady = client !== undefined
      if (client === undefined) {
        try {
          client = await this.#inTime(this.#links.open(url), deadlineMs, errand.signal)
        } catch (error) {
          errand.signal?.throwIfAborted()
          last = error
          if (clock.monotonic() >= deadlineMs) break
          continue
        }
      }
      const startedMs = clock.monotonic()
      if (startedMs >= deadlineMs) break
      if (++given > 1) this.#failovers++
      if (unknown !== undefined) this.#repeated++
      try {
        const result = await send(client, deadlineMs - startedMs)
        this.#endpoints.answered(url, clock.monotonic() - startedMs)
        return result
      } catch (error) {
        last = error
        if (error instanceof ConnectionLostError) {
          unknown = resultUnknown(errand.what, url, error)
          if (errand.idempotent === true) continue
          break
        }
        // Closed, though not by the owner: the connection ended in the moment between opening and sending.
        if (error instanceof NotConnectedError || (error instanceof ClientClosedError && !this.#isClosed)) {
          // It was lost without anybody noticing, which says nothing about the node: worth a new one, after the others.
          if (wasReady) candidates = [...candidates, { url, nodeId }]
          continue
        }
        if (error instanceof RpcError) this.#endpoints.answered(url, clock.monotonic() - startedMs)
        else if (error instanceof RequestTimeoutError) this.#endpoints.timedOut(url)
        if (!(error instanceof CommandNotFoundError) || !(errand.notFoundIsHarmless || errand.idempotent === true)) throw error
        ignorant.add(nodeId)
        notFound = error
        if (ignorant.size === NOT_FOUND_ANSWERS_MAX) break
      }
    }
    if (unknown !== undefined) {
      this.#resultsUnknown++
      throw unknown
    }
    throw notFound ?? (last instanceof RpcError ? last : this.#nobody(last))
  }

  #order(first: readonly string[] = []): readonly Candidate[] {
    const candidates = this.#endpoints.candidates()
    if (first.length === 0) return candidates
    const known = new Map(candidates.map((candidate) => [candidate.url, candidate]))
    return [...first.map((url) => known.get(url) ?? { url, nodeId: undefined }), ...candidates.filter(({ url }) => !first.includes(url))]
  }

  /** The same promise, unless the caller gives up before. */
  #inTime<T>(promise: Promise<T>, deadlineMs: number, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const { clock, timers } = this.#env
      const end = () => {
        cancel()
        signal?.removeEventListener('abort', abort)
      }
      const late = () => reject(new Error('no connection in time'))
      const abort = () => reject(signal?.reason)
      const cancel = timers.after(deadlineMs - clock.monotonic(), late)
      signal?.addEventListener('abort', abort, { once: true })
      promise.then(resolve, reject).finally(end)
    })
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#readMap().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #readMap(): Promise<void> {
    const errand = { what: "'cluster_map'", timeoutMs: DISCOVERY_TIMEOUT_MS, idempotent: true, notFoundIsHarmless: true }
    try {
      const endpoints = endpointsIn(await this.#run(errand, (client, timeoutMs) => client.callWith({ timeoutMs }, 'cluster_map')))
      if (endpoints.length === 0) throw new InvalidAnswerError('the cluster map names no nodes')
      this.#endpoints.learn(endpoints)
      this.#mapRefreshes++
      const log = this.#env.log.scope('cluster')
      if (log.debugOn) log.debug(`cluster map read nodes=${endpoints.length}`)
    } catch (error) {
      this.#mapFailures++
      throw error
    }
    const { homeUrl } = this.#topics
    this.#links.tidy(
      (url) => this.#endpoints.knows(url),
      (url) => url === homeUrl,
    )
  }

  async #refreshQuietly(): Promise<void> {
    try {
      await this.refresh()
    } catch (error) {
      const log = this.#env.log.scope('cluster')
      if (log.debugOn) log.debug(`cluster map not refreshed: ${error}`)
    }
  }

  call(fun: string, ...args: unknown[]): Promise<unknown> {
    return this.callWith({}, fun, ...args)
  }

  callWith(options: ClusterCallOptions, fun: string, ...args: unknown[]): Promise<unknown> {
    return this.#call(options, fun, (client, given) => client.callWith(given, fun, ...args))
  }

  callRaw(options: ClusterCallOptions, fun: string, ...args: unknown[]): Promise<RawJson> {
    return this.#call(options, fun, (client, given) => client.callRaw(given, fun, ...args))
  }

  async #call<T>(options: ClusterCallOptions, fun: string, send: (client: NodeClient, options: CallOptions) => Promise<T>): Promise<T> {
    const errand = this.#callOf(options, fun)
    try {
      return await this.#run(errand, (client, timeoutMs) => send(client, { ...options, timeoutMs }))
    } catch (error) {
      if (this.#redirect === undefined || options.targetCluster !== undefined || !(error instanceof CommandNotFoundError)) throw error
      for (const { cluster, ingress } of await this.#clustersWith(fun, this.#redirect)) {
        try {
          const target = { ...options, targetCluster: cluster }
          return await this.#run({ ...errand, first: ingress }, (client, timeoutMs) => send(client, { ...target, timeoutMs }))
        } catch (other) {
          if (!(other instanceof CommandNotFoundError)) throw other
        }
      }
      throw error
    }
  }

  /** Clusters that offer a function by what they tell others of themselves, with URLs of nodes that let requests in there. */
  async #clustersWith(fun: string, redirect: SummaryRedirect): Promise<{ cluster: string; ingress: readonly string[] }[]> {
    const { ingressLimit = INGRESS_LIMIT, ingressScope, scope = 'global' } = redirect
    const query = { service_id: fun, scope, include_ingress: true, ingress_limit: ingressLimit, ingress_scope: ingressScope ?? null }
    const errand = { what: "'summary_query'", timeoutMs: DISCOVERY_TIMEOUT_MS, idempotent: true, notFoundIsHarmless: true }
    try {
      return clustersIn(await this.#run(errand, (client, timeoutMs) => client.callWith({ timeoutMs }, 'summary_query', query)), fun)
    } catch (error) {
      if (error instanceof ClientClosedError) throw error
      return []
    }
  }

  #callOf({ idempotent = false, ingress = [], signal, timeoutMs }: ClusterCallOptions, fun: string): Errand {
    return { what: `'${fun}'`, timeoutMs: timeoutMs ?? this.#timeoutMs, signal, idempotent, notFoundIsHarmless: true, first: ingress }
  }

  request(cmds: readonly CommandInit[], options: ClusterRequestOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    const { idempotent, ...init } = options
    return this.#run(this.#requestOf(cmds, options), (client, timeoutMs) => client.request(cmds, { ...init, timeoutMs }))
  }

  requestFull(cmds: readonly CommandInit[], options: ClusterRequestOptions = {}): Promise<Response> {
    const { idempotent, ...init } = options
    return this.#run(this.#requestOf(cmds, options), (client, timeoutMs) => client.requestFull(cmds, { ...init, timeoutMs }))
  }

  /** When a function of a graph is not found, others of it may have run. */
  #requestOf(cmds: readonly CommandInit[], { idempotent = false, signal, timeoutMs }: ClusterRequestOptions): Errand {
    const what = `the request for ${cmds.map(({ fun }) => `'${fun}'`).join(', ')}`
    return { what, timeoutMs: timeoutMs ?? this.#timeoutMs, signal, idempotent, notFoundIsHarmless: cmds.length === 1 }
  }

  async publish(topic: string, payload: unknown, headers: MessageHeaders = {}, { idempotent = false }: Repeatable = {}): Promise<void> {
    const { clock, random } = this.#env
    const identity: MessageIdentity = { timestamp: clock.wall(), messageId: random.ulid(), publisher: this.#publisher }
    const errand = { what: `the message on '${topic}'`, timeoutMs: ACK_TIMEOUT_MS, idempotent, notFoundIsHarmless: false }
    // All by way of one endpoint, which keeps them in order.
    const first = await this.#topics.home()
    await this.#run({ ...errand, first: [first] }, (client) => client.publish(topic, payload, headers, identity))
  }

  async subscribe(
    patterns: string | readonly string[],
    receive: (message: Message) => void,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    return this.#topics.subscribe(patterns, receive, options)
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

  explainEndpoints(): readonly EndpointExplanation[] {
    return this.#endpoints.explain((url) => this.#links.isOpen(url), this.#topics.homeUrl)
  }

  stats(): ClusterClientStats {
    return {
      endpoints: this.#endpoints.size,
      connections: this.#links.size,
      subscriptions: this.#topics.size,
      failovers: this.#failovers,
      repeated: this.#repeated,
      resultsUnknown: this.#resultsUnknown,
      mapRefreshes: this.#mapRefreshes,
      mapFailures: this.#mapFailures,
      topicMoves: this.#topics.moves,
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopRefreshing?.()
    this.#topics.close(closedError())
    await this.#links.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function closedError(): ClientClosedError {
  return new ClientClosedError('the client was closed')
}

function resultUnknown(what: string, url: string, cause: ConnectionLostError): ResultUnknownError {
  return new ResultUnknownError(
    `the connection to ${url} was lost after ${what} was sent, which may have been carried out; repeat it if that does no harm, or say 'idempotent: true'`,
    url,
    { cause },
  )
}
