/**
 * A connection that comes back: dials, redials with growing, jittered delays, and tells its owner what it is doing and why.
 *
 * ```ts
 * const link = createReconnector({ env, dial: (signal) => network.dial(url, { signal }) }, {
 *   handlers: (connection) => session(connection),
 *   onWaiting: ({ delayMs, error }) => log.info(`next attempt in ${delayMs} ms: ${error.message}`),
 * })
 * link.start()
 * ```
 *
 * A connection that dies young counts as a failed attempt: a server that accepts and drops at once must not be hammered.
 */

import type { Cancel, Env } from '../base/index.ts'
import { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from './backoff.ts'
import { TransportConnectionError } from './errors.ts'
import type { CloseInfo, Connection, ConnectionHandlers } from './transport.ts'

export type ReconnectorState = 'stopped' | 'connecting' | 'connected' | 'waiting'

export interface ReconnectorDeps {
  readonly env: Pick<Env, 'clock' | 'timers' | 'random'>
  dial(signal: AbortSignal): Promise<Connection>
}

export interface Waiting {
  /** Failed attempts in a row. */
  readonly failures: number
  readonly delayMs: number
  readonly error: Error
}

export interface ReconnectorOptions {
  readonly backoff?: Partial<BackoffOptions>
  /** A connection that lived this long wipes out earlier failures, ms. */
  readonly stableMs?: number
  /** Receivers for a fresh connection; called before its first message. */
  handlers(connection: Connection): ConnectionHandlers
  /** An attempt failed or the connection ended; the next attempt comes after `delayMs`. */
  onWaiting?(waiting: Waiting): void
}

export interface ReconnectorSnapshot {
  readonly state: ReconnectorState
  /** Failed attempts in a row. */
  readonly failures: number
  readonly attempts: number
  readonly connects: number
  /** Until the next attempt, ms; null unless waiting. */
  readonly nextAttemptInMs: number | null
  readonly lastError: string | null
}

export interface Reconnector {
  readonly state: ReconnectorState
  readonly connection: Connection | undefined
  start(): void
  /** Ends waiting and tries at once, as when somebody has just heard from the other side. */
  wake(): void
  /** Closes the connection, gives up dialling, and stays still until started again. */
  stop(): void
  snapshot(): ReconnectorSnapshot
}

/** Long enough that a server which drops every newcomer does not count as having worked, ms. */
const STABLE_MS = 5_000

export function createReconnector(deps: ReconnectorDeps, options: ReconnectorOptions): Reconnector {
  const { clock, timers, random } = deps.env
  const backoff: BackoffOptions = { ...DEFAULT_BACKOFF, ...options.backoff }
  const stableMs = options.stableMs ?? STABLE_MS
  let state: ReconnectorState = 'stopped'
  let connection: Connection | undefined
  let abort: AbortController | undefined
  let cancelWait: Cancel | undefined
  let nextAttemptMs = 0
  let failures = 0
  let attempts = 0
  let connects = 0
  let lastError: Error | undefined

  async function attempt(): Promise<void> {
    state = 'connecting'
    attempts++
    const controller = new AbortController()
    abort = controller
    try {
      const dialed = await deps.dial(controller.signal)
      if (controller.signal.aborted) {
        dialed.close()
        return
      }
      connected(dialed)
    } catch (error) {
      if (!controller.signal.aborted) lost(error as Error)
    }
  }

  function connected(dialed: Connection): void {
    state = 'connected'
    connection = dialed
    connects++
    const sinceMs = clock.monotonic()
    const handlers = options.handlers(dialed)
    dialed.attach({
      message: (text) => handlers.message(text),
      malformed: (error) => handlers.malformed(error),
      close(info: CloseInfo) {
        if (connection === dialed) {
          connection = undefined
          if (clock.monotonic() - sinceMs >= stableMs) failures = 0
          lost(info.error ?? new TransportConnectionError(`Connection closed: ${info.code} ${info.reason}`.trim()))
        }
        handlers.close(info)
      },
    })
  }

  function lost(error: Error): void {
    if (state === 'stopped') return
    failures++
    lastError = error
    state = 'waiting'
    const delayMs = backoffMs(failures, random.next(), backoff)
    nextAttemptMs = clock.monotonic() + delayMs
    cancelWait = timers.after(delayMs, () => void attempt())
    options.onWaiting?.({ failures, delayMs, error })
  }

  return {
    get state() {
      return state
    },
    get connection() {
      return connection
    },
    start() {
      if (state === 'stopped') void attempt()
    },
    wake() {
      if (state !== 'waiting') return
      cancelWait?.()
      void attempt()
    },
    stop() {
      state = 'stopped'
      failures = 0
      cancelWait?.()
      abort?.abort()
      connection?.close()
      connection = undefined
    },
    snapshot: () => ({
      state,
      failures,
      attempts,
      connects,
      nextAttemptInMs: state === 'waiting' ? Math.max(0, nextAttemptMs - clock.monotonic()) : null,
      lastError: lastError?.message ?? null,
    }),
  }
}
