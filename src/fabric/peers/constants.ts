/** Numbers of the links to other nodes, each with its unit and reason. What an operator may change is an option; these are not. */

/** Largest frame towards a reference node on a link it dialed, bytes: it closes such a link above 1 MiB, and this leaves room for headers. */
export const REFERENCE_FRAME_BYTES_MAX = 900_000
/** Where a reference node really closes a link it dialed, bytes. A frame above is never sent to it. */
export const REFERENCE_FRAME_BYTES_HARD_MAX = 1024 * 1024

/**
 * A node with extensions tells its status when something changed, and at the latest after this time, ms: below the 30 s within which both
 * directions of a link must carry a frame (a reference node closes after 60 s without one).
 */
export const STATUS_REFRESH_MS = 20_000
/** Changes of status closer together than this leave as one frame, ms: clients come and go many times a second. */
export const STATUS_CHANGE_PACE_MS = 2_000
/** Age at which the status of a node with extensions counts as stale, s: two refreshes and a little. */
export const STATUS_QUIET_MAX_SECONDS = (2 * STATUS_REFRESH_MS) / 1000 + 5

/** Time a dialed peer has to tell its status, ms. Reference nodes do so at once; the rest is round trip. */
export const IDENTIFY_TIMEOUT_MS = 5_000
/**
 * Time a link stays open after a newer one of the same process took its place, ms: what is under way on it still arrives, and the other side
 * switches over before it sees the old one end.
 */
export const SUPERSEDED_LINGER_MS = 1_000
/** Frames held that arrive on a dialed link before its peer's status does. */
export const EARLY_FRAMES_MAX = 256

/** Connection events kept for the operator. */
export const EVENTS_KEPT = 100
/** Peers whose reconnects are counted; the one longest without an event is forgotten first. */
export const RECONNECT_HISTORIES_MAX = 1_000
/** What counts as recent when links that come and go are counted, ms, and how many times are kept of each. */
export const FLAP_WINDOW_MS = 600_000
export const FLAPS_KEPT = 32
/** Statuses kept of peers that are neither linked nor in the directory: enough to see who came and went, no room for a flood of names. */
export const STATUSES_UNLISTED_MAX = 1_000
/** Names kept of each list in a status; a real one stays far below. */
export const STATUS_NAMES_MAX = 10_000
/** Departures remembered at once; the oldest is forgotten first. Each lives for the grace period only. */
export const DEPARTURES_MAX = 10_000
/** Other names of peers (host names, other interfaces) under which they were dialed. */
export const ALIASES_MAX = 1_000
/** Nodes in the directory; the catalog bounds the owners it is fed from by the same number. */
export const DIRECTORY_NODES_MAX = 10_000
/** Identified accepted links; one more is refused. */
export const ACCEPTED_LINKS_MAX = 10_000
/** Characters of a node url, cluster id or instance id. */
export const ID_LENGTH_MAX = 512

/** Time for the dial, and again for the answer, when saying goodbye to a node without a link, ms. */
export const GOODBYE_DIAL_TIMEOUT_MS = 350
/** Foreign clusters whose rate of connections is kept track of. */
export const FOREIGN_CLUSTERS_MAX = 10_000
