/**
 * Calls to each cluster in the last five minutes: how fast, how many failed, and which clusters stand out.
 */
import { type Clock, Histogram, SlidingWindow } from '../../base/index.ts'
import { CLUSTER_DEGRADED, LATENCY_WARNING_MS, RANKED_CALLS_MIN, RANKED_CLUSTERS_MAX, RECENT_MS } from './constants.ts'
import { LatencyWindow } from './latency-window.ts'
import { percent } from './system-meter.ts'

/** What is known of calls to other clusters; null where none was made. */
export interface CrossCluster {
  readonly calls: number
  readonly success_rate_percent: number | null
  readonly average_latency_ms: number | null
  readonly p50_latency_ms: number | null
  readonly p95_latency_ms: number | null
  readonly p99_latency_ms: number | null
}

export interface RankedCluster {
  readonly cluster_id: string
  readonly p95_latency_ms: number
  readonly success_rate_percent: number
}

export interface ClusterRanking {
  /** Slow (95th percentile beyond the latency warning) or failing, worst first. */
  readonly slow: readonly RankedCluster[]
  /** Neither slow nor failing, fastest first. */
  readonly fast: readonly RankedCluster[]
}

export interface ClusterTraffic {
  /** A node of the cluster got its link; the last one that leaves takes the cluster's numbers with it. */
  joined(clusterId: string): void
  left(clusterId: string): void
  record(clusterId: string, latencyMs: number, ok: boolean, nowMs: number): void
  of(clusterId: string): CrossCluster | undefined
  /** All clusters but the own one. */
  crossCluster(): CrossCluster
  /** Only clusters with enough calls take part; nobody is ranked by guessing. */
  ranking(): ClusterRanking
}

interface Traffic {
  links: number
  readonly latencies: LatencyWindow
  readonly failures: SlidingWindow
}

/** One histogram a minute: there may be many clusters. */
const SLOTS = 5

export function createClusterTraffic(clock: Clock, localClusterId: string): ClusterTraffic {
  const clusters = new Map<string, Traffic>()

  function summary(traffic: readonly Traffic[]): CrossCluster {
    const nowMs = clock.monotonic()
    const latencies = new Histogram()
    let failures = 0
    for (const each of traffic) {
      latencies.merge(each.latencies.recent(nowMs))
      failures += each.failures.total()
    }
    const calls = latencies.count
    return {
      calls,
      success_rate_percent: calls === 0 ? null : 100 - percent(Math.min(failures, calls), calls, 0),
      average_latency_ms: latencies.mean ?? null,
      p50_latency_ms: latencies.quantile(0.5) ?? null,
      p95_latency_ms: latencies.quantile(0.95) ?? null,
      p99_latency_ms: latencies.quantile(0.99) ?? null,
    }
  }

  return {
    joined(clusterId) {
      const known = clusters.get(clusterId)
      if (known !== undefined) known.links++
      else {
        clusters.set(clusterId, {
          links: 1,
          latencies: new LatencyWindow(clock.monotonic(), { slots: SLOTS }),
          failures: new SlidingWindow(clock, { windowMs: RECENT_MS, buckets: SLOTS }),
        })
      }
    },
    left(clusterId) {
      const known = clusters.get(clusterId)
      if (known !== undefined && --known.links === 0) clusters.delete(clusterId)
    },
    record(clusterId, latencyMs, ok, nowMs) {
      const traffic = clusters.get(clusterId)
      if (traffic === undefined) return
      traffic.latencies.record(latencyMs, nowMs)
      if (!ok) traffic.failures.record(1, nowMs)
    },
    of(clusterId) {
      const traffic = clusters.get(clusterId)
      return traffic && summary([traffic])
    },
    crossCluster: () => summary([...clusters].filter(([id]) => id !== localClusterId).map(([, traffic]) => traffic)),
    ranking() {
      const measured: RankedCluster[] = []
      for (const [cluster_id, traffic] of clusters) {
        const { calls, p95_latency_ms, success_rate_percent } = summary([traffic])
        if (calls < RANKED_CALLS_MIN || p95_latency_ms === null || success_rate_percent === null) continue
        measured.push({ cluster_id, p95_latency_ms, success_rate_percent })
      }
      const isSlow = (cluster: RankedCluster): boolean =>
        cluster.success_rate_percent < 100 * CLUSTER_DEGRADED || cluster.p95_latency_ms >= LATENCY_WARNING_MS
      const slow = measured.filter(isSlow)
      const fast = measured.filter((cluster) => !isSlow(cluster))
      slow.sort((a, b) => a.success_rate_percent - b.success_rate_percent || b.p95_latency_ms - a.p95_latency_ms)
      fast.sort((a, b) => a.p95_latency_ms - b.p95_latency_ms)
      return { slow: slow.slice(0, RANKED_CLUSTERS_MAX), fast: fast.slice(0, RANKED_CLUSTERS_MAX) }
    },
  }
}
