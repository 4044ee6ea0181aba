/**
 * Circuit breaker (M. Nygard, Release It!, ch. "Stability Patterns"): stop asking who keeps failing, ask again after a while.
 *
 * `closed` lets everything pass and counts consecutive failures; at the threshold it becomes `open` and refuses. After the recovery time
 * the next question turns it `half_open`: trials pass, enough successes close it, any failure opens it again. A success that arrives
 * while it is open is proof enough to close it at once.
 */

import type { Clock, LogScope } from '../base/index.ts'

export type CircuitState = 'closed' | 'open' | 'half_open'

export interface CircuitBreakerOptions {
  /** Consecutive failures that open it. */
  readonly failureThreshold?: number
  /** Time after the last failure before a trial is let through, ms. */
  readonly recoveryTimeoutMs?: number
  /** Successful trials that close it. */
  readonly successThreshold?: number
}

/** Logs each change: a breaker that opens explains why nothing is sent any more. */
export function logChanges(log: LogScope, subject: string): CircuitObserver {
  const own = log.scope('core.transport.circuit_breaker')
  return ({ failures, from, to }) => {
    const line = `breaker ${subject} ${from} -> ${to} failures=${failures}`
    if (to === 'open') own.warn(line)
    else own.info(line)
  }
}

/** Told of each change of state, after it. */
export type CircuitObserver = (change: { readonly from: CircuitState; readonly to: CircuitState; readonly failures: number }) => void

export const DEFAULT_CIRCUIT_BREAKER: Required<CircuitBreakerOptions> = {
  failureThreshold: 5,
  recoveryTimeoutMs: 60_000,
  successThreshold: 3,
}

export interface CircuitBreakerSnapshot {
  readonly state: CircuitState
  readonly failure_count: number
  /** Successful trials while half open. */
  readonly success_count: number
  /** Until a trial is let through, ms; null unless open. */
  readonly retry_in_ms: number | null
  readonly opened_total: number
  readonly refused_total: number
}

export interface CircuitBreaker {
  readonly state: CircuitState
  /** May the caller go ahead now? Asking an open breaker after its recovery time makes it half open. */
  mayExecute(): boolean
  onSuccess(): void
  onFailure(): void
  /** Forgets the past, as for a fresh connection. */
  reset(): void
  snapshot(): CircuitBreakerSnapshot
}

export function createCircuitBreaker(
  clock: Pick<Clock, 'monotonic'>,
  options: CircuitBreakerOptions = {},
  onChange: CircuitObserver = () => {},
): CircuitBreaker {
  const { failureThreshold, recoveryTimeoutMs, successThreshold } = { ...DEFAULT_CIRCUIT_BREAKER, ...options }
  let state: CircuitState = 'closed'
  let failures = 0
  let successes = 0
  let failedAtMs = 0
  let openedTotal = 0
  let refusedTotal = 0

  function become(next: CircuitState): void {
    const from = state
    state = next
    if (next === 'open') openedTotal++
    if (next !== from) onChange({ from, to: next, failures })
  }

  return {
    get state() {
      return state
    },
    mayExecute() {
      if (state !== 'open') return true
      if (clock.monotonic() - failedAtMs > recoveryTimeoutMs) {
        successes = 0
        become('half_open')
        return true
      }
      refusedTotal++
      return false
    },
    onSuccess() {
      failures = 0
      if (state === 'open' || (state === 'half_open' && ++successes >= successThreshold)) become('closed')
    },
    onFailure() {
      failures++
      successes = 0
      failedAtMs = clock.monotonic()
      if (state === 'half_open' || (state === 'closed' && failures >= failureThreshold)) become('open')
    },
    reset() {
      failures = 0
      successes = 0
      become('closed')
    },
    snapshot: () => ({
      state,
      failure_count: failures,
      success_count: successes,
      retry_in_ms: state === 'open' ? Math.max(0, failedAtMs + recoveryTimeoutMs - clock.monotonic()) : null,
      opened_total: openedTotal,
      refused_total: refusedTotal,
    }),
  }
}
