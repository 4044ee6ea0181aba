/** Limits and times of path-vector routing, each with its unit and why it is that. */

/** Routes kept to one destination: the best, and enough others to go on at once when it fails. */
export const ROUTES_PER_DESTINATION_MAX = 4
/** Destinations known at once. One teacher introduces at most half of them (see `createDestinationQuota`). */
export const DESTINATIONS_MAX = 20_000
/** A route lives at most this many times as long as the own one, whatever it claims. */
export const LIFETIME_TTLS_MAX = 10
/** Wall clocks of two clusters may differ by this much, s. Ahead by more is a lie or a broken clock. */
export const CLOCK_SKEW_MAX_SECONDS = 60

/** Clusters on one path; far beyond any hop budget. */
export const PATH_HOPS_MAX = 64
export const ROUTE_TAGS_MAX = 32
/** Characters of all names and tags of one route. A real one has 100. */
export const ROUTE_TEXT_MAX = 4_096

/** A route that claims more hops is refused: the number would travel on, one larger each time. */
export const HOP_COUNT_MAX = 255
/** Sums and claims stop here, so that no route can win, or be lost in rounding, by an absurd number. */
export const LATENCY_MAX_MS = 600_000
export const BANDWIDTH_MAX_MBPS = 100_000
export const COST_MAX = 1_000_000

/** Pairs of destination and advertiser under hold-down or watched for flapping. */
export const STABILITY_PAIRS_MAX = 20_000

/** How often expired routes are looked for, ms. */
export const PURGE_INTERVAL_MS = 1_000
/** Messages made in one turn of the event loop: signing 256 takes some 10 ms. */
export const UPDATES_PER_TURN_MAX = 256
/** The same route is told again no sooner than this, ms, however often its advertiser repeats it. */
export const REFRESH_GAP_MS = 1_000
/** Routes that live shorter than this, s, are exempt from the gap: they are repeated often for a reason. */
export const REFRESH_GAP_TTL_MIN_SECONDS = 10

/** Refusals kept for the operator. */
export const REFUSALS_KEPT = 100
/** Nodes whose cluster is remembered from their messages. */
export const SENDERS_MAX = 10_000
/** A neighbour whose signatures are refused is warned of once in this time, ms. */
export const REFUSAL_WARN_MS = 60_000
