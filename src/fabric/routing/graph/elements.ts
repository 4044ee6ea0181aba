/**
 * Nodes and edges of the federation graph: what is known of each, what it costs to use them, and when they are not used at all.
 *
 * Costs are in milliseconds, more or less: latency counts as it is, and the rest is converted at fixed rates (a link that loses everything
 * costs 100 ms, an unreliable one up to 50 ms). Lower is better.
 */
import { METRIC_BLEND } from './constants.ts'
import type { Coordinates } from './geography.ts'

export type GraphNodeType = 'cluster' | 'local_hub' | 'regional_hub' | 'global_hub'

export interface GraphNode {
  readonly nodeId: string
  readonly nodeType: GraphNodeType
  readonly region: string
  readonly coordinates: Coordinates
  readonly maxCapacity: number
  readonly currentLoad: number
  /** 0 to 1. */
  readonly healthScore: number
  readonly processingLatencyMs: number
  readonly bandwidthMbps: number
  /** 0 to 1. */
  readonly reliabilityScore: number
}

/** One direction of a link. */
export interface GraphEdge {
  readonly sourceId: string
  readonly targetId: string
  readonly latencyMs: number
  readonly bandwidthMbps: number
  /** 0 to 1. */
  readonly reliabilityScore: number
  /** 0 to 1. */
  readonly currentUtilization: number
  /** 0 to 1. */
  readonly packetLossRate: number
  readonly jitterMs: number
  /** 1 (high) to 3 (low). */
  readonly priorityClass: number
  /** 1 is neutral. */
  readonly costFactor: number
  /** Measurements taken in so far. */
  readonly sampleCount: number
  /** Which of its metrics were measured; the others are assumptions. */
  readonly measured: ReadonlySet<MeasuredMetric>
}

export const UNMEASURED: ReadonlySet<MeasuredMetric> = new Set()

/** What a measurement of an edge may say; what it leaves out stays. */
export interface EdgeSample {
  readonly latencyMs?: number
  readonly bandwidthMbps?: number
  readonly currentUtilization?: number
  readonly packetLossRate?: number
  readonly jitterMs?: number
}

export type MeasuredMetric = keyof EdgeSample

/** Part of the capacity in use, at most 1. */
export function nodeUtilization({ currentLoad, maxCapacity }: Pick<GraphNode, 'currentLoad' | 'maxCapacity'>): number {
  return Math.min(1, currentLoad / Math.max(1, maxCapacity))
}

/** What entering the node costs. */
export function nodeWeight(node: Pick<GraphNode, 'currentLoad' | 'maxCapacity' | 'healthScore' | 'processingLatencyMs'>): number {
  return nodeUtilization(node) * 10 + (1 - node.healthScore) * 20 + node.processingLatencyMs / 10
}

/** What taking the edge costs. */
export function edgeWeight(edge: Omit<GraphEdge, 'sourceId' | 'targetId' | 'bandwidthMbps' | 'sampleCount' | 'measured'>): number {
  return (
    edge.latencyMs * (1 + 2 * edge.currentUtilization) +
    (1 - edge.reliabilityScore) * 50 +
    edge.packetLossRate * 100 +
    edge.jitterMs * 0.5 +
    (edge.priorityClass - 1) * 10 +
    (edge.costFactor - 1) * 20
  )
}

/** Whether paths may lead through the node, apart from whether it has been heard of lately. */
export function isNodeSound(node: GraphNode): boolean {
  return node.healthScore > 0.5 && nodeUtilization(node) < 0.9
}

/** Whether paths may use the edge, apart from whether it has been heard of lately. */
export function isEdgeSound(edge: GraphEdge): boolean {
  return edge.reliabilityScore > 0.3 && edge.currentUtilization < 0.95 && edge.packetLossRate < 0.1
}

/** The edge after one more measurement: the first of a metric is taken as it is, later ones move the running mean. What is no number is left out. */
export function withSample(edge: GraphEdge, sample: EdgeSample): GraphEdge {
  let { measured } = edge
  const blended = (metric: MeasuredMetric): number => {
    const value = sample[metric]
    const old = edge[metric]
    if (value === undefined || !Number.isFinite(value) || value < 0) return old
    if (edge.measured.has(metric)) return METRIC_BLEND * value + (1 - METRIC_BLEND) * old
    measured = new Set([...measured, metric])
    return value
  }
  const metrics = {
    latencyMs: blended('latencyMs'),
    bandwidthMbps: blended('bandwidthMbps'),
    currentUtilization: blended('currentUtilization'),
    packetLossRate: blended('packetLossRate'),
    jitterMs: blended('jitterMs'),
  }
  return { ...edge, ...metrics, measured, sampleCount: edge.sampleCount + 1 }
}
