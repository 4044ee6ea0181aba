/**
 * Bounds, windows and thresholds of the metrics, each with its unit and its reason.
 */

/** What "now" means for an error rate or a percentile: long enough to hold a few calls, short enough to forget a bad start. */
export const RECENT_MS = 300_000
export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
/** A computed set of metrics is handed out again for so long: many readers cost as much as one. */
export const COMPUTED_FOR_MS = 1_000

// ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Events of requests kept, oldest dropped. Chains and timelines hold these same events, so this bounds them too. */
export const EVENTS_MAX = 45_000
/** Events of the node's own upkeep (gossip, dials, health checks) kept beside them. */
export const UPKEEP_EVENTS_MAX = 5_000
/** Of one correlation or tracking id: a request that loops must not own the whole history. */
export const EVENTS_PER_CHAIN_MAX = 1_000
/** Requests counted as running; one that never completes must make room. */
export const ACTIVE_MAX = 100_000
/**
 * New chains kept in detail for each second. Beyond, events are counted and not kept, so that history still spans minutes under load, and keeping them is
 * a small part of what a busy node does: a profile has about 12 us for a request that is kept, and 0.1 us for one that is counted.
 */
export const CHAINS_PER_SECOND_MAX = 100
export const UPKEEP_CHAINS_PER_SECOND_MAX = 25
/** After chains had to be left out, a completion without its start is taken for one of those for so long. */
export const LEFT_OUT_MEMORY_MS = 60_000
/** Latencies kept for each pair of systems. */
export const PAIR_SAMPLES_MAX = 1_000
/** Hop counts listed, the latest. */
export const HOPS_LISTED_MAX = 100
/** Of each text of an event, and of the error of a link: others chose them. Cut beyond. */
export const TEXT_CHARACTERS_MAX = 500
/** Of an id, which others chose too; a ULID has 26. */
export const ID_CHARACTERS_MAX = 256

// ── Loops of the unified monitor ────────────────────────────────────────────────────────────────────────────────────────

export const COLLECTION_INTERVAL_MS = 5_000
export const CLEANUP_INTERVAL_MS = 60_000
export const HEALTH_CHECK_INTERVAL_MS = 10_000
/** A request that runs for so many cleanup intervals is no longer counted as running. */
export const ACTIVE_CLEANUPS_MAX = 5

// ── Health ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A latency from which on it costs a system its whole latency share of the health score. */
export const LATENCY_CRITICAL_MS = 5_000
/** A cluster whose calls take longer than this (95th percentile) is a bottleneck. */
export const LATENCY_WARNING_MS = 1_000
/** Shares of failed operations. */
export const ERROR_RATE_WARNING = 0.05
export const ERROR_RATE_CRITICAL = 0.15
/** Health scores below these are degraded and critical. */
export const SCORE_DEGRADED = 0.8
export const SCORE_CRITICAL = 0.6
/** Success rates of a cluster's links below these are degraded and critical. */
export const CLUSTER_DEGRADED = 0.9
export const CLUSTER_CRITICAL = 0.7

// ── Links to peers ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** An error makes a link unhealthy for so long. */
export const LINK_ERROR_MEMORY_S = 60
/** From more requests than this on, a share of failures above the second number makes a link unhealthy. */
export const LINK_REQUESTS_MIN = 10
export const LINK_FAILURES_MAX = 0.5
/** Weight of a new round trip in the smoothed one. */
export const ROUND_TRIP_WEIGHT = 0.3
/** Calls a cluster must have had in the last five minutes to be ranked among the best or worst. */
export const RANKED_CALLS_MIN = 10
export const RANKED_CLUSTERS_MAX = 3

// ── History ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A point every collection for an hour, a point every minute for a day. */
export const FINE_POINTS_MAX = 720
export const COARSE_STEP_MS = 60_000
export const COARSE_POINTS_MAX = 1_440
/** Series kept at once: names are given by code, but a leak of names would be a leak of memory. */
export const SERIES_MAX = 200

// ── Performance ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const INGEST_INTERVAL_MS = 5_000
export const FEDERATION_RECORDS_MAX = 1_000
export const CLUSTERS_MAX = 1_000
/** Federation records are kept no closer together than this, or many clusters would shorten the history. */
export const FEDERATION_RECORD_STEP_MS = 1_000
/** Percent from which on processor and memory are called a bottleneck. */
export const CPU_BOTTLENECK_PERCENT = 85
export const MEMORY_BOTTLENECK_PERCENT = 90
