/** Numbers of the federation graph, each with its unit and reason. */

/** Most edges of a path when nobody says otherwise: the default hop budget of a message. */
export const PATH_HOPS_DEFAULT = 5
/** Most edges of any path. A longer one would be refused on its way. */
export const PATH_HOPS_MAX = 50

/** What has not been heard of for this long is not relied on, ms. */
export const GRAPH_LIVENESS_MS = 300_000
/** Nodes of one graph; more are refused and counted. */
export const GRAPH_NODES_MAX = 4_096
/** Undirected edges of one graph; more are refused and counted. A thousand clusters with sixty links each. */
export const GRAPH_EDGES_MAX = 32_768

/** A node or edge that costs more is not used: some thirty years of latency can only be a mistake. */
export const COST_MAX = 1e12

/** Weight of a new sample in the running mean of an edge's metrics. */
export const METRIC_BLEND = 0.3

/** A cached path is looked for again after this time, ms. */
export const PATH_CACHE_TTL_MS = 30_000
export const PATH_CACHE_ENTRIES_MAX = 10_000

/** Costs that differ by less than this part count as equal: sums of the same weights in another order. */
export const EQUAL_COST_TOLERANCE = 1e-9

/** Metrics are gathered this often, ms. */
export const COLLECTION_INTERVAL_MS = 5_000
/** Older measurements are not taken in, ms. */
export const SAMPLE_AGE_MAX_MS = 30_000
/** Nor less certain ones. */
export const SAMPLE_CONFIDENCE_MIN = 0.7
/** Latest measurements kept of each node and each edge. */
export const SAMPLES_KEPT = 100

/**
 * Changes from which kept paths are looked at again: of latency in parts of what it was (at least 1 ms), of load in parts of the capacity, of
 * the rest as it is.
 */
export const SIGNIFICANT_CHANGE = { latency: 0.2, utilization: 0.1, reliability: 0.1, health: 0.1, load: 0.2 } as const
/** So many looks through the kept paths within a collection interval; after that, dropping them all is cheaper. */
export const CACHE_LOOKS_MAX = 16

/** The graph is searched for weak places this often, ms. */
export const OPTIMIZATION_INTERVAL_MS = 60_000
/** Suggestions held at once, the most urgent first; more are counted. */
export const SUGGESTIONS_MAX = 100
/** Part of its capacity from which an edge should get company. */
export const EDGE_CROWDED = 0.8
/** Part of its capacity from which a node should be relieved. */
export const NODE_CROWDED = 0.9
