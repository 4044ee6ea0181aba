/** What a node tells over HTTP about the graph of clusters: what it has measured of it, which paths it has given up, and what it would suggest. */
import { Type } from 'typebox'
import { amount, count, flag, list, mapOf, nullable, oneOf, type ReadOnly, record, text, time } from './monitoring-fields.ts'

export const METRIC_KINDS = ['latency', 'utilization', 'packet_loss', 'jitter', 'bandwidth', 'health'] as const
export type MetricKind = (typeof METRIC_KINDS)[number]

/** Why a measurement was not taken in. */
export const SAMPLE_REFUSALS = ['too_old', 'too_uncertain', 'out_of_range', 'unknown_element'] as const
export type SampleRefusal = (typeof SAMPLE_REFUSALS)[number]

export const INVALIDATION_STRATEGIES = ['aggressive', 'conservative', 'adaptive'] as const
export type InvalidationStrategy = (typeof INVALIDATION_STRATEGIES)[number]

export const INVALIDATION_REASONS = [
  'edge_added',
  'edge_removed',
  'edge_latency_change',
  'edge_utilization_change',
  'edge_reliability_change',
  'edge_usability_change',
  'node_health_change',
  'node_healthiness_change',
  'node_load_change',
] as const
export type InvalidationReason = (typeof INVALIDATION_REASONS)[number]

export const SUGGESTION_TYPES = ['add_redundant_connection', 'add_parallel_connection', 'load_balancing', 'add_redundancy'] as const
export type SuggestionType = (typeof SUGGESTION_TYPES)[number]

export const graphSuggestion = record({
  optimization_type: oneOf(SUGGESTION_TYPES),
  /** 1 is the most urgent of three. */
  priority: count,
  description: text,
  affected_nodes: list(text),
  /** 0 to 1, as is the next: how much and at which price, of the kind of suggestion; not measured. */
  estimated_improvement: amount,
  implementation_cost: amount,
})
export type GraphSuggestion = ReadOnly<typeof graphSuggestion>

const countsOf = <const K extends readonly string[]>(keys: K) =>
  record(Object.fromEntries(keys.map((key) => [key, count])) as { [Key in K[number]]: typeof count })

export const collectorStatus = record({
  collection_status: record({
    is_collecting: flag,
    /** Null before the first round. */
    last_collection: nullable(time),
    /** Seconds. */
    collection_interval: amount,
    /** Sources that are asked. */
    active_collectors: count,
  }),
  metrics_statistics: record({
    /** Those that were news. */
    total_collected: count,
    update_successes: count,
    /** Rounds of a source that failed. */
    collection_errors: count,
    success_rate: amount,
    error_rate: amount,
    stored_metrics: count,
    refused_by_reason: countsOf(SAMPLE_REFUSALS),
  }),
  /** Stored ones young enough to be taken in. */
  recent_metrics_by_type: countsOf(METRIC_KINDS),
})
export type CollectorStatus = ReadOnly<typeof collectorStatus>

export const cacheManagerStatus = record({
  invalidation_strategy: oneOf(INVALIDATION_STRATEGIES),
  /** Changes that mattered. */
  invalidations_triggered: count,
  invalidations_by_reason: countsOf(INVALIDATION_REASONS),
  /** With its size: `edge_latency_change_0.60`. Null before the first. */
  last_reason: nullable(text),
  paths_dropped: count,
  thresholds: record({
    latency_change: amount,
    utilization_change: amount,
    reliability_change: amount,
    health_change: amount,
    load_change: amount,
  }),
})
export type CacheManagerStatus = ReadOnly<typeof cacheManagerStatus>

export const optimizerStatus = record({
  optimization_status: record({
    is_optimizing: flag,
    /** Null before the first look. */
    last_optimization: nullable(time),
    /** Seconds. */
    optimization_interval: amount,
  }),
  /** Suggestions made; none is carried out by the node itself. */
  optimization_history: record({ total_optimizations: count, optimizations_by_type: countsOf(SUGGESTION_TYPES) }),
  current_suggestions: count,
  suggestions_by_priority: mapOf(count),
})
export type OptimizerStatus = ReadOnly<typeof optimizerStatus>

export const graphStatistics = record({
  total_nodes: count,
  healthy_nodes: count,
  /** Undirected. */
  total_edges: count,
  /** Those of which at least one direction can be used. */
  usable_edges: count,
  node_types: record({ cluster: count, local_hub: count, regional_hub: count, global_hub: count }),
  average_connectivity: amount,
  health_ratio: amount,
  usability_ratio: amount,
  cache_statistics: record({ hit_rate: amount, total_entries: count, cache_hits: count, cache_misses: count }),
  /** Searches that found a path. */
  path_computations: count,
})
export type GraphStatistics = ReadOnly<typeof graphStatistics>

export const graphMonitorStatus = record({
  monitoring_status: record({
    is_monitoring: flag,
    uptime_seconds: amount,
    /** Null before the start. */
    start_time: nullable(time),
  }),
  metrics_collector: collectorStatus,
  cache_manager: cacheManagerStatus,
  optimizer: optimizerStatus,
  graph_statistics: graphStatistics,
})
export type GraphMonitorStatus = ReadOnly<typeof graphMonitorStatus>

/** A link between two clusters, from the first to the second. What was not measured is null. */
export const clusterLink = record({
  source: text,
  target: text,
  /** Whether paths use it. */
  usable: flag,
  /** One way. */
  latency_ms: nullable(amount),
  jitter_ms: nullable(amount),
  /** Part of the probes that got no answer. */
  packet_loss: nullable(amount),
  /** Part of the send buffer in use. */
  utilization: nullable(amount),
  /** Measurements taken in. */
  samples: count,
})
export type ClusterLink = ReadOnly<typeof clusterLink>

export const clusterNode = record({
  cluster_id: text,
  /** Whether paths lead through it. */
  healthy: flag,
  /** 0 to 1, as is the next. */
  health_score: amount,
  utilization: amount,
  /** False where it may have links that this node does not know of. */
  links_known: Type.Boolean(),
})
export type ClusterNode = ReadOnly<typeof clusterNode>

/** The clusters as a graph: those next door, and all that are heard of where link-state routing is on. */
export const clusterGraph = record({ clusters: list(clusterNode), links: list(clusterLink) })
export type ClusterGraph = ReadOnly<typeof clusterGraph>
