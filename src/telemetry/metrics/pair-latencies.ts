/**
 * How long it takes from one system to another: the latest latencies of each pair, exact percentiles when somebody asks.
 */
import type { EventSystem } from '../../wire/index.ts'
import { PAIR_SAMPLES_MAX } from './constants.ts'

export interface PairLatency {
  readonly average_latency_ms: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** Since the start; the other numbers are those of the latest thousand. */
  readonly total_interactions: number
}

export interface PairLatencies {
  record(source: EventSystem, target: EventSystem, latencyMs: number): void
  /** Undefined before the first. */
  of(source: EventSystem, target: EventSystem): PairLatency | undefined
  /** By `source->target`. */
  snapshot(): Readonly<Record<string, PairLatency>>
}

export function createPairLatencies(): PairLatencies {
  // Six systems make 36 pairs at most: bounded by the type.
  const pairs = new Map<string, { readonly ring: Float64Array; total: number }>()

  return {
    record(source, target, latencyMs) {
      const key = `${source}->${target}`
      let pair = pairs.get(key)
      if (pair === undefined) {
        pair = { ring: new Float64Array(PAIR_SAMPLES_MAX), total: 0 }
        pairs.set(key, pair)
      }
      pair.ring[pair.total++ % PAIR_SAMPLES_MAX] = latencyMs
    },
    of(source, target) {
      const pair = pairs.get(`${source}->${target}`)
      return pair && pairLatency(pair.ring.subarray(0, Math.min(pair.total, PAIR_SAMPLES_MAX)), pair.total)
    },
    snapshot: () =>
      Object.fromEntries(
        [...pairs].map(([key, pair]) => [key, pairLatency(pair.ring.subarray(0, Math.min(pair.total, PAIR_SAMPLES_MAX)), pair.total)]),
      ),
  }
}

function pairLatency(samples: Float64Array, total: number): PairLatency {
  const sorted = samples.toSorted()
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] as number
  let sum = 0
  for (const each of sorted) sum += each
  return { average_latency_ms: sum / sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), total_interactions: total }
}
