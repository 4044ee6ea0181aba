/**
 * What the events across systems add up to, kept as they arrive: no reader ever scans the history.
 */
import { BoundedQueue, type Clock } from '../../base/index.ts'
import type { CorrelationMetrics } from '../../wire/index.ts'
import { HOPS_LISTED_MAX } from './constants.ts'
import type { EventInput } from './cross-system-event.ts'
import { LatencyWindow } from './latency-window.ts'
import { percent } from './system-meter.ts'

/** The fields of the record that events alone decide; links to peers and transports supply the others. */
export type CountedCorrelations = Omit<
  CorrelationMetrics,
  'cross_cluster_latency_p95_ms' | 'federation_success_rate_percent' | 'transport_health_scores'
>

export interface CorrelationCounts {
  count(event: EventInput, upkeep: boolean, nowMs: number): void
  /** A correlation id was heard of for the first time. */
  correlationSeen(): void
  /** Correlations with nothing in them but one request each, of which no more is kept. */
  requestsSeen(latenciesMs: Float64Array, nowMs: number): void
  /** Chains in the history, and those among them with a failure. */
  chainKept(by: 1 | -1): void
  chainFailed(by: 1 | -1): void
  metrics(): CountedCorrelations
}

const PAIRS = ['rpc_to_pubsub', 'rpc_to_queue', 'rpc_to_cache', 'pubsub_to_queue', 'pubsub_to_cache', 'queue_to_cache'] as const

/** @param settle called before anything is read: who still has requests to tell of does it then */
export function createCorrelationCounts(clock: Clock, settle: () => void = () => {}): CorrelationCounts {
  const pairEvents = new Map<string, number>(PAIRS.map((pair) => [pair, 0]))
  const hops = new BoundedQueue<number>({ capacity: HOPS_LISTED_MAX, whenFull: 'drop-oldest' })
  const latencies = new LatencyWindow(clock.monotonic())
  let circuitBreakerEvents = 0
  let correlations = 0
  let chains = 0
  let failedChains = 0

  return {
    count(event, upkeep, nowMs) {
      const latencyMs = event.latency_ms ?? 0
      if (!upkeep && latencyMs > 0) latencies.record(latencyMs, nowMs)
      const target = event.target_system
      if (target) {
        const pair = `${event.source_system}_to_${target}`
        const known = pairEvents.get(pair)
        if (known !== undefined) pairEvents.set(pair, known + 1)
      }
      const metadata = event.metadata
      if (metadata === undefined) return
      if (event.source_system === 'federation' || target === 'federation') {
        const hopCount = metadata.hop_count
        if (typeof hopCount === 'number') hops.push(hopCount)
      }
      if ('circuit_breaker' in metadata) circuitBreakerEvents++
    },
    correlationSeen() {
      correlations++
    },
    requestsSeen(latenciesMs, nowMs) {
      correlations += latenciesMs.length
      latencies.recordAll(latenciesMs, nowMs)
    },
    chainKept(by) {
      chains += by
    },
    chainFailed(by) {
      failedChains += by
    },
    metrics() {
      settle()
      const success = percent(chains - failedChains, chains, 100)
      const events = (pair: (typeof PAIRS)[number]): number => pairEvents.get(pair) ?? 0
      return {
        rpc_to_pubsub_events: events('rpc_to_pubsub'),
        rpc_to_queue_events: events('rpc_to_queue'),
        rpc_to_cache_events: events('rpc_to_cache'),
        pubsub_to_queue_events: events('pubsub_to_queue'),
        pubsub_to_cache_events: events('pubsub_to_cache'),
        queue_to_cache_events: events('queue_to_cache'),
        federation_message_hops: [...hops],
        circuit_breaker_events: circuitBreakerEvents,
        correlation_tracking_success_rate: success,
        end_to_end_latency_p95_ms: latencies.recent(clock.monotonic()).quantile(0.95) ?? 0,
        total_cross_system_correlations: correlations,
        correlation_success_rate_percent: success,
      }
    },
  }
}
