/**
 * Which answer belongs to which request, and how long it took: starts, completions, a bounded history and statistics over it.
 *
 * A request nobody completes is forgotten after a timeout by a sweep that only runs while requests are open.
 */

import { BoundedQueue, type Cancel, type Env } from '../base/index.ts'

export interface CorrelationOptions {
  /** A start without completion is forgotten after this, ms. */
  readonly timeoutMs?: number
  /** Completed requests remembered; also the most open at once, beyond which the oldest is forgotten. */
  readonly historyMax?: number
}

/** What is known when a request ends. */
export interface Completion {
  readonly responseData?: string | null
  readonly endpoint: string
  readonly connectionId: string
  readonly success: boolean
  readonly errorMessage?: string | null
  readonly metadata?: Readonly<Record<string, unknown>>
}

export interface CorrelationResult {
  readonly correlation_id: string
  readonly response_data: string | null
  readonly latency_ms: number
  readonly endpoint_used: string
  readonly connection_id: string
  readonly success: boolean
  readonly error_message: string | null
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface CorrelationStatistics {
  readonly active_correlations: number
  readonly total_correlation_history: number
  /** Mean over the successes among the last 100; 0 without any. */
  readonly average_latency_ms: number
  /** Among the last 100; 100 without any. */
  readonly success_rate_percent: number
  /** How many requests the two numbers above are drawn from. */
  readonly recent_operations: number
  /** Starts forgotten without completion since the process began. */
  readonly expired_total: number
}

export interface CorrelationTracker {
  /** Remembers the start under `id`, or under a fresh UUIDv4. */
  start(id?: string): string
  /** Undefined for an id that is unknown or expired. */
  complete(id: string, completion: Completion): CorrelationResult | undefined
  /** Forgets expired starts now; returns how many. */
  sweep(): number
  /** Oldest first. */
  history(): readonly CorrelationResult[]
  statistics(): CorrelationStatistics
  close(): void
}

const TIMEOUT_MS = 30_000
const HISTORY_MAX = 10_000
const SWEEP_MS = 60_000
/** Statistics are about now, not about the whole history. */
const RECENT = 100

export function createCorrelationTracker(
  env: Pick<Env, 'clock' | 'timers' | 'random'>,
  options: CorrelationOptions = {},
): CorrelationTracker {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const historyMax = options.historyMax ?? HISTORY_MAX
  const started = new Map<string, number>()
  const history = new BoundedQueue<CorrelationResult>({ capacity: historyMax, whenFull: 'drop-oldest' })
  const recent = new BoundedQueue<CorrelationResult>({ capacity: RECENT, whenFull: 'drop-oldest' })
  let expiredTotal = 0
  let cancelSweep: Cancel | undefined

  function rest(): void {
    if (started.size > 0) return
    cancelSweep?.()
    cancelSweep = undefined
  }

  function sweep(): number {
    const beforeMs = env.clock.monotonic() - timeoutMs
    let expired = 0
    for (const [id, startedMs] of started) {
      // In order of their start: the first young one ends the search.
      if (startedMs > beforeMs) break
      started.delete(id)
      expired++
    }
    expiredTotal += expired
    rest()
    return expired
  }

  return {
    start(id = uuid4(env.random.bytes(16))) {
      started.delete(id)
      if (started.size >= historyMax) {
        for (const oldest of started.keys()) {
          started.delete(oldest)
          expiredTotal++
          break
        }
      }
      started.set(id, env.clock.monotonic())
      cancelSweep ??= env.timers.every(SWEEP_MS, sweep)
      return id
    },

    complete(id, completion) {
      const startedMs = started.get(id)
      if (startedMs === undefined) return undefined
      started.delete(id)
      rest()
      const result: CorrelationResult = {
        correlation_id: id,
        response_data: completion.responseData ?? null,
        latency_ms: env.clock.monotonic() - startedMs,
        endpoint_used: completion.endpoint,
        connection_id: completion.connectionId,
        success: completion.success,
        error_message: completion.errorMessage ?? null,
        metadata: completion.metadata ?? {},
      }
      history.push(result)
      recent.push(result)
      return result
    },

    sweep,
    history: () => [...history],

    statistics() {
      let successes = 0
      let latencyMs = 0
      for (const result of recent) {
        if (!result.success) continue
        successes++
        latencyMs += result.latency_ms
      }
      return {
        active_correlations: started.size,
        total_correlation_history: history.length,
        average_latency_ms: successes === 0 ? 0 : latencyMs / successes,
        success_rate_percent: recent.length === 0 ? 100 : (100 * successes) / recent.length,
        recent_operations: recent.length,
        expired_total: expiredTotal,
      }
    },

    close() {
      started.clear()
      rest()
    },
  }
}

/** RFC 9562 §5.4. */
function uuid4(bytes: Uint8Array): string {
  const octets = Uint8Array.from(bytes)
  octets[6] = ((octets[6] as number) & 0x0f) | 0x40
  octets[8] = ((octets[8] as number) & 0x3f) | 0x80
  const hex = Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
