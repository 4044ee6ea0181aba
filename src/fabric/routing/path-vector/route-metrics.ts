/** What a route costs, and how that grows from link to link. */
import type { RouteMetrics } from '../../../wire/index.ts'
import { BANDWIDTH_MAX_MBPS, COST_MAX, HOP_COUNT_MAX, LATENCY_MAX_MS } from './constants.ts'

/** One link between two clusters. */
export interface LinkMetrics {
  readonly latency_ms: number
  /** Null when unknown. */
  readonly bandwidth_mbps: number | null
  readonly reliability_score: number
  readonly cost_score: number
}

/** Assumed of a link nobody has measured. */
export const UNKNOWN_LINK: LinkMetrics = { latency_ms: 0, bandwidth_mbps: null, reliability_score: 1, cost_score: 0 }

/** Of the route of a cluster to itself. */
export const ZERO_METRICS: RouteMetrics = { hop_count: 0, latency_ms: 0, bandwidth_mbps: 0, reliability_score: 1, cost_score: 0 }

/**
 * The metrics of a route seen through one more link: hops, latency and cost add up, of bandwidth and reliability the smaller counts.
 * Sums stop at the limits, bandwidth 0 is unknown.
 */
export function extendMetrics(metrics: RouteMetrics, link: LinkMetrics): RouteMetrics {
  return {
    hop_count: metrics.hop_count + 1,
    latency_ms: Math.min(LATENCY_MAX_MS, metrics.latency_ms + link.latency_ms),
    bandwidth_mbps: Math.min(BANDWIDTH_MAX_MBPS, narrower(metrics.bandwidth_mbps, link.bandwidth_mbps)),
    reliability_score: Math.max(0, Math.min(metrics.reliability_score, link.reliability_score, 1)),
    cost_score: Math.min(COST_MAX, metrics.cost_score + link.cost_score),
  }
}

/** The same bounds without a link: what a sibling node tells is already seen from this cluster. */
export function boundMetrics(metrics: RouteMetrics): RouteMetrics {
  return { ...extendMetrics(metrics, UNKNOWN_LINK), hop_count: metrics.hop_count }
}

/** Whether a claim can be true. Too large is cut to size, but what lies below zero would win over every honest route. */
export function isSane(metrics: RouteMetrics): boolean {
  const { hop_count, latency_ms, bandwidth_mbps, reliability_score, cost_score } = metrics
  return (
    hop_count >= 0 &&
    hop_count <= HOP_COUNT_MAX &&
    latency_ms >= 0 &&
    cost_score >= 0 &&
    !Number.isNaN(bandwidth_mbps) &&
    !Number.isNaN(reliability_score)
  )
}

function narrower(soFar: number, link: number | null): number {
  if (link === null || link <= 0) return Math.max(0, soFar)
  return soFar <= 0 ? link : Math.min(soFar, link)
}
