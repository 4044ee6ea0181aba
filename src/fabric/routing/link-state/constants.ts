/** Numbers of link-state routing, each with its unit and reason. What an operator may change is an option; these are not. */

/** Views held at once: one per origin, area and node. More are refused. */
export const ENTRIES_MAX = 8_192
/** Clusters that have views. */
export const ORIGINS_MAX = 1_024
/** Named areas that have views; where the operator names the areas, no others get in anyway. */
export const AREAS_MAX = 64
/** Nodes of one cluster whose views are held, for each area. */
export const CREATORS_MAX = 256
/** Neighbours in one update. An update with more is refused whole: a part of it would say that the rest is gone. */
export const NEIGHBORS_MAX = 1_024
/** Neighbours in all views together; some 20 MB. */
export const ADJACENCIES_MAX = 65_536
/** Characters of a cluster or area name. */
export const NAME_LENGTH_MAX = 256

/** No view lives longer than so many times what the own ones live. */
export const TTL_FACTOR_MAX = 10

/** A minute of latency: more is a mistake. */
export const LATENCY_MS_MAX = 60_000
/** A terabit per second, in Mbit/s. */
export const BANDWIDTH_MBPS_MAX = 1_000_000
export const COST_SCORE_MAX = 1_000_000

/** Bandwidth of a link that does not tell, Mbit/s. */
export const BANDWIDTH_UNKNOWN_MBPS = 1_000
/** What one unit of cost adds to the cost factor of an edge: 2 ms. */
export const COST_FACTOR_PER_SCORE = 0.1

/** Changes of the links within this time are announced together, ms. */
export const CHANGE_DELAY_MS = 250

/** Destinations whose paths are used in turn; the one looked for longest ago makes room. */
export const ROTATIONS_MAX = 4_096
