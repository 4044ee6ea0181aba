/**
 * Env: how time, chance and the log reach code that must not ask the world for them.
 *
 * Everything under base/, fabric/, rpc/, pubsub/ and telemetry/ receives an `Env` and calls nothing else for the clock, timers or
 * randomness. Production hands in {@link createRealEnv}; a test or simulation hands in a virtual one, and the same code then runs
 * in virtual time with every decision fixed by a seed.
 */

/** Wall time is what travels on the wire; monotonic time is what durations are measured with. They are never mixed. */
export interface Clock {
  /** Unix time in seconds, as a float: the unit of every timestamp on the wire. */
  wall(): number
  /** Milliseconds since an arbitrary start; never goes backwards. */
  monotonic(): number
}

/** Stops a timer. Calling it again, or after the timer fired, does nothing. */
export type Cancel = () => void

export interface Timers {
  /** Runs `fn` once, `ms` milliseconds from now. */
  after(ms: number, fn: () => void): Cancel
  /** Runs `fn` every `ms` milliseconds until cancelled; a callback that throws does not end the series. */
  every(ms: number, fn: () => void): Cancel
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform integer in [0, n). */
  int(n: number): number
  /** One element, uniformly; `undefined` only for an empty list. */
  pick<T>(list: readonly T[]): T | undefined
  /** `k` distinct elements in random order (all of them when the list is shorter). */
  sample<T>(list: readonly T[], k: number): T[]
  /** `n` random bytes; unpredictable in production, seeded in simulation. */
  bytes(n: number): Uint8Array
  /** A ULID for the clock's now: 26 characters of Crockford base32, strictly increasing within one Env. */
  ulid(): string
}

/** Severity names of the log, in ascending order. */
export type LogLevel = 'TRACE' | 'DEBUG' | 'INFO' | 'SUCCESS' | 'WARNING' | 'ERROR' | 'CRITICAL'

/**
 * The log of one component. A disabled debug line costs one boolean test: `if (log.debugOn) log.debug(...)`.
 * `debugOn` and `traceOn` follow changes of level and scopes at run time.
 */
export interface LogScope {
  readonly debugOn: boolean
  readonly traceOn: boolean
  trace(message: string): void
  debug(message: string): void
  info(message: string): void
  success(message: string): void
  warn(message: string): void
  error(message: string, cause?: unknown): void
  critical(message: string, cause?: unknown): void
  /** The log of another component, by its operator scope (`fabric.gossip`, `core.transport.circuit_breaker`). */
  scope(name: string): LogScope
}

export interface Env {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: LogScope
}
