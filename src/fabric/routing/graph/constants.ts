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
