/**
 * A multi-protocol adapter that also calls out: requests to remote endpoints, each behind a circuit breaker, correlated with its answer,
 * and counted into the endpoint's health.
 *
 * One connection per endpoint is dialed when first needed and used again; requests over it take turns, for the transport can tell which
 * answer belongs to which request only by their order. Every number in the snapshot comes from operations that took place.
 */

import type { MultiProtocolAdapter, ProtocolStats } from './adapter.ts'
import { type AdapterDeps, AdapterError, type AdapterOptions, type AdapterSnapshot, createMultiProtocolAdapter } from './adapter.ts'
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
  createCircuitBreaker,
  DEFAULT_CIRCUIT_BREAKER,
  logChanges,
} from './circuit-breaker.ts'
import { type CorrelationOptions, type CorrelationResult, type CorrelationStatistics, createCorrelationTracker } from './correlation.ts'
import { firstLine, TransportConnectionError, TransportTimeoutError } from './errors.ts'
import {
  type ConnectionHealth,
  createEndpointHealth,
  type EndpointHealth,
  type EndpointHealthSnapshot,
  type HealthOptions,
} from './health.ts'
import type { SocketProtocolId } from './protocols.ts'
import type { Connection, DialOptions } from './transport.ts'
import { parseDialUrl } from './url.ts'

export interface EnhancedAdapterOptions extends AdapterOptions {
  readonly enableCircuitBreakers?: boolean
  readonly enableCorrelationTracking?: boolean
  readonly enableHealthMonitoring?: boolean
  readonly circuitBreaker?: CircuitBreakerOptions
  readonly correlation?: CorrelationOptions
  readonly health?: HealthOptions
  /** How to dial the endpoints called. */
  readonly dial?: DialOptions
}

export interface TrackedResponse {
  readonly response: string | null
  readonly success: boolean
  readonly error: string | null
  readonly correlation_result: CorrelationResult | null
  readonly latency_ms: number
}

export interface EnhancedProtocolStats extends ProtocolStats {
  /** Mean over the endpoints of this protocol that were called; 1 without any. */
  readonly health_score: number
  /** The worst among them. */
  readonly circuit_breaker_state: CircuitState
  readonly average_latency_ms: number
  readonly success_rate_percent: number
  readonly correlation_count: number
}

export interface EnhancedAdapterSnapshot extends AdapterSnapshot {
  readonly overall_health_score: number
  readonly circuit_breakers_open: number
  readonly total_correlations_tracked: number
  readonly average_response_time_ms: number
  readonly enhanced_stats: readonly EnhancedProtocolStats[]
  readonly endpoints_called: readonly EndpointHealthSnapshot[]
  readonly correlation: CorrelationStatistics | null
}

export interface EnhancedAdapter extends Omit<MultiProtocolAdapter, 'snapshot'> {
  /**
   * Sends one message to an endpoint of an active protocol and waits for the next message from it.
   *
   * With correlation tracking a failed call resolves with `success: false`; without it rejects. An inactive protocol and an open breaker
   * always reject: `Protocol <p> not active`, `Circuit breaker open for <endpoint>`.
   */
  request(endpoint: string, text: string, options?: { readonly timeoutMs?: number }): Promise<TrackedResponse>
  snapshot(): EnhancedAdapterSnapshot
}

export class CircuitOpenError extends TransportConnectionError {
  constructor(endpoint: string) {
    super(`Circuit breaker open for ${endpoint}`, { code: 'CIRCUIT_OPEN' })
  }
}

const REQUEST_TIMEOUT_MS = 30_000
/** Endpoints remembered; beyond it the one called longest ago is forgotten, unless it is connected. */
const REMOTES_MAX = 1_000

/** One endpoint we call. */
interface Remote {
  readonly endpoint: string
  readonly protocol: SocketProtocolId
  readonly breaker: CircuitBreaker
  readonly health: EndpointHealth
  connection: Connection | undefined
  connectionHealth: ConnectionHealth | undefined
  /** Told of the next message, or of the end. */
  waiter: { resolve(text: string): void; reject(error: Error): void } | undefined
  /** The last request to take its turn. */
  tail: Promise<unknown>
  calls: number
  successes: number
}

export function createEnhancedAdapter(deps: AdapterDeps, options: EnhancedAdapterOptions): EnhancedAdapter {
  const { env, network } = deps
  const { clock, timers } = env
  const adapter = createMultiProtocolAdapter(deps, options)
  const breakers = options.enableCircuitBreakers !== false
  const monitoring = options.enableHealthMonitoring !== false
  const breakerOptions = { ...DEFAULT_CIRCUIT_BREAKER, ...options.circuitBreaker }
  const correlations = options.enableCorrelationTracking === false ? undefined : createCorrelationTracker(env, options.correlation)
  const remotes = new Map<string, Remote>()
  let responses = 0
  let responseTimeMs = 0

  function remoteOf(endpoint: string, protocol: SocketProtocolId): Remote {
    let remote = remotes.get(endpoint)
    if (remote === undefined) {
      if (remotes.size >= REMOTES_MAX) forgetOne()
      remote = {
        endpoint,
        protocol,
        breaker: createCircuitBreaker(clock, breakerOptions, logChanges(env.log, endpoint)),
        health: createEndpointHealth(clock, endpoint, options.health),
        connection: undefined,
        connectionHealth: undefined,
        waiter: undefined,
        tail: Promise.resolve(),
        calls: 0,
        successes: 0,
      }
    }
    // The map's order is that of the last call.
    remotes.delete(endpoint)
    remotes.set(endpoint, remote)
    return remote
  }

  function forgetOne(): void {
    for (const [endpoint, { connection }] of remotes) {
      if (connection !== undefined) continue
      remotes.delete(endpoint)
      return
    }
  }

  async function connect(remote: Remote): Promise<Connection> {
    if (remote.connection?.isOpen) return remote.connection
    const connection = await network.dial(remote.endpoint, { kind: options.connectionType ?? 'client', ...options.dial })
    remote.connection = connection
    if (monitoring) {
      remote.connectionHealth = remote.health.open({ connectionId: connection.id, circuitState: () => remote.breaker.state })
    }
    // A connection given up may still speak; only the current one is heard.
    const isCurrent = () => remote.connection === connection
    connection.attach({
      message: (text) => {
        if (isCurrent()) remote.waiter?.resolve(text)
      },
      malformed: (error) => {
        if (isCurrent()) remote.waiter?.reject(error)
      },
      close: (info) => {
        remote.health.close(connection.id)
        if (!isCurrent()) return
        remote.connection = undefined
        remote.connectionHealth = undefined
        remote.waiter?.reject(info.error ?? new TransportConnectionError(`Connection to ${remote.endpoint} closed before the answer`))
      },
    })
    return connection
  }

  async function exchange(remote: Remote, text: string, timeoutMs: number): Promise<string> {
    const connection = await connect(remote)
    try {
      return await new Promise<string>((resolve, reject) => {
        const cancel = timers.after(timeoutMs, () => {
          // Its late answer must not be taken for that of the next request.
          connection.close()
          reject(new TransportTimeoutError(`No answer from ${remote.endpoint} within ${timeoutMs} ms`))
        })
        remote.waiter = {
          resolve(answer) {
            cancel()
            resolve(answer)
          },
          reject(error) {
            cancel()
            reject(error)
          },
        }
        if (!connection.send(text)) {
          cancel()
          reject(new TransportConnectionError(`Connection to ${remote.endpoint} closed before the request`))
        }
      })
    } finally {
      remote.waiter = undefined
    }
  }

  async function call(remote: Remote, text: string, timeoutMs: number): Promise<TrackedResponse> {
    if (breakers && !remote.breaker.mayExecute()) throw new CircuitOpenError(remote.endpoint)
    const id = correlations?.start()
    const startedMs = clock.monotonic()
    let answer: string | null = null
    let failure: Error | undefined
    try {
      answer = await exchange(remote, text, timeoutMs)
    } catch (error) {
      failure = error as Error
    }
    const latencyMs = clock.monotonic() - startedMs
    remote.calls++
    responses++
    responseTimeMs += latencyMs
    remote.connectionHealth?.record(failure === undefined, latencyMs)
    if (failure === undefined) {
      remote.successes++
      remote.breaker.onSuccess()
    } else {
      remote.breaker.onFailure()
    }
    const error = failure === undefined ? null : firstLine(failure)
    if (correlations === undefined || id === undefined) {
      if (failure !== undefined) throw failure
      return { response: answer, success: true, error, correlation_result: null, latency_ms: latencyMs }
    }
    const result = correlations.complete(id, {
      responseData: answer,
      endpoint: remote.endpoint,
      connectionId: remote.connection?.id ?? '',
      success: failure === undefined,
      errorMessage: error,
    })
    return { response: answer, success: failure === undefined, error, correlation_result: result ?? null, latency_ms: latencyMs }
  }

  function statsOf(stats: ProtocolStats): EnhancedProtocolStats {
    const called = [...remotes.values()].filter((remote) => remote.protocol === stats.protocol)
    const health = called.map((remote) => remote.health.snapshot())
    const calls = called.reduce((sum, remote) => sum + remote.calls, 0)
    const successes = called.reduce((sum, remote) => sum + remote.successes, 0)
    const states = called.map((remote) => remote.breaker.state)
    return {
      ...stats,
      health_score: mean(
        health.map((snapshot) => snapshot.health_score),
        1,
      ),
      circuit_breaker_state: states.includes('open') ? 'open' : states.includes('half_open') ? 'half_open' : 'closed',
      average_latency_ms: mean(
        health.filter((snapshot) => snapshot.average_latency_ms > 0).map((snapshot) => snapshot.average_latency_ms),
        0,
      ),
      success_rate_percent: calls === 0 ? 100 : (100 * successes) / calls,
      correlation_count: correlations === undefined ? 0 : calls,
    }
  }

  return {
    get isRunning() {
      return adapter.isRunning
    },
    start: adapter.start,
    async stop() {
      for (const remote of remotes.values()) remote.connection?.close()
      correlations?.close()
      await adapter.stop()
    },
    addProtocol: adapter.addProtocol,
    removeProtocol: adapter.removeProtocol,
    endpoints: adapter.endpoints,

    async request(endpoint, text, requestOptions = {}) {
      const { scheme } = parseDialUrl(endpoint)
      if (adapter.endpoints()[scheme] === undefined) throw new AdapterError(`Protocol ${scheme} not active`)
      const remote = remoteOf(endpoint, scheme)
      const turn = remote.tail.then(() => call(remote, text, requestOptions.timeoutMs ?? REQUEST_TIMEOUT_MS))
      remote.tail = turn.catch(() => {})
      return turn
    },

    snapshot() {
      const base = adapter.snapshot()
      const health = [...remotes.values()].map((remote) => remote.health.snapshot())
      return {
        ...base,
        overall_health_score: mean(
          health.map((snapshot) => snapshot.health_score),
          1,
        ),
        circuit_breakers_open: [...remotes.values()].filter((remote) => remote.breaker.state === 'open').length,
        total_correlations_tracked: correlations === undefined ? 0 : responses,
        average_response_time_ms: responses === 0 ? 0 : responseTimeMs / responses,
        enhanced_stats: base.protocol_stats.map(statsOf),
        endpoints_called: health,
        correlation: correlations?.statistics() ?? null,
      }
    },
  }
}

function mean(values: readonly number[], ofNone: number): number {
  return values.length === 0 ? ofNone : values.reduce((sum, value) => sum + value, 0) / values.length
}
