/** Neighbours as updates state them, and what of that is believed. */
import type { LinkStateUpdate } from '../../../wire/index.ts'
import { edgeWeight, type MeasuredMetric, UNMEASURED } from '../graph/elements.ts'
import type { EdgeMetrics } from '../graph/federation-graph.ts'
import {
  BANDWIDTH_MBPS_MAX,
  BANDWIDTH_UNKNOWN_MBPS,
  COST_FACTOR_PER_SCORE,
  COST_SCORE_MAX,
  LATENCY_MS_MAX,
  NAME_LENGTH_MAX,
  NEIGHBORS_MAX,
} from './constants.ts'
import type { LinkMetrics } from './ports.ts'

/** One direction of a link as one node sees it. */
export interface Adjacency {
  readonly metrics: EdgeMetrics
  readonly weight: number
}

export type Adjacencies = ReadonlyMap<string, Adjacency>

/**
 * The neighbours of an update by cluster. What is no link is left out: the origin itself, a second mention, a name that is none, a number that
 * is none. What exceeds sense is taken for the utmost that makes sense.
 */
export function adjacenciesOf({ origin, neighbors }: Pick<LinkStateUpdate, 'origin' | 'neighbors'>): Adjacencies {
  const adjacencies = new Map<string, Adjacency>()
  for (const { cluster_id: clusterId, ...given } of neighbors) {
    if (!isName(clusterId) || clusterId === origin || adjacencies.has(clusterId)) continue
    const metrics = sensibleMetrics(given)
    if (metrics !== undefined) adjacencies.set(clusterId, adjacency(metrics))
  }
  return adjacencies
}

export type UpdateFault = 'malformed' | 'too_many_neighbors'

/** Why an update can not be used at all. */
export function faultOf({ origin, area, neighbors, sequence, ttl_seconds, advertised_at }: LinkStateUpdate): UpdateFault | undefined {
  if (!isName(origin) || (area !== undefined && area !== '' && !isName(area))) return 'malformed'
  if (!Number.isSafeInteger(sequence) || !(ttl_seconds > 0) || !Number.isFinite(advertised_at)) return 'malformed'
  return neighbors.length > NEIGHBORS_MAX ? 'too_many_neighbors' : undefined
}

/** Metrics within the bounds of sense; undefined when one of them is no number. */
export function sensibleMetrics({ latency_ms, bandwidth_mbps, reliability_score, cost_score }: LinkMetrics): LinkMetrics | undefined {
  if (Number.isNaN(latency_ms) || Number.isNaN(reliability_score) || Number.isNaN(cost_score) || Number.isNaN(bandwidth_mbps))
    return undefined
  return {
    latency_ms: clamp(latency_ms, LATENCY_MS_MAX),
    bandwidth_mbps: bandwidth_mbps === null || bandwidth_mbps <= 0 ? null : Math.ceil(Math.min(bandwidth_mbps, BANDWIDTH_MBPS_MAX)),
    reliability_score: clamp(reliability_score, 1),
    cost_score: clamp(cost_score, COST_SCORE_MAX),
  }
}

function adjacency({ latency_ms, bandwidth_mbps, reliability_score, cost_score }: LinkMetrics): Adjacency {
  const metrics = {
    latencyMs: latency_ms,
    bandwidthMbps: bandwidth_mbps ?? BANDWIDTH_UNKNOWN_MBPS,
    reliabilityScore: reliability_score,
    currentUtilization: 0,
    packetLossRate: 0,
    jitterMs: 0,
    priorityClass: 1,
    costFactor: 1 + cost_score * COST_FACTOR_PER_SCORE,
    // A link nobody has measured is said to take no time.
    measured: latency_ms > 0 ? LATENCY_MEASURED : UNMEASURED,
  }
  return { metrics, weight: edgeWeight(metrics) }
}

const LATENCY_MEASURED: ReadonlySet<MeasuredMetric> = new Set(['latencyMs'])

/** NUL separates names in the keys of views. */
function isName(text: string): boolean {
  return text !== '' && text.length <= NAME_LENGTH_MAX && !text.includes('\0')
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(0, value), max)
}
