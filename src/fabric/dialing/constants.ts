/** Numbers of dialing, each with its unit and reason. What an operator may change is an option; these are not. */

/** Up to this many candidates every node links to every other; beyond, it keeps a bounded number of links. */
export const FULL_MESH_CANDIDATES_MAX = 20

/** Configured peers are retried at a quick pace for at least this long after the start, s: nodes of a cluster start together. */
export const BOOTSTRAP_SECONDS_MIN = 2.5
/** Shortest pause between two such tries, s. */
export const BOOTSTRAP_PAUSE_SECONDS_MIN = 0.1
/** Configured peers dialed at once at the start. One after the other would let a dead one hold up the rest for minutes. */
export const STARTUP_PARALLELISM = 4

/** A node that vanished without a goodbye stays a candidate this long, s, so that the halves of a long partition find each other. */
export const LOST_KEPT_SECONDS = 3_600
/** Least time between two dials of such a node, s. */
export const LOST_BACKOFF_SECONDS_MIN = 30
/** Such nodes remembered at once; the one lost first is forgotten first. */
export const LOST_MAX = 1_000
/** Dials of such nodes per round: one that succeeds brings the knowledge of all others. */
export const LOST_DIALS_PER_ROUND = 2

/** A peer that refused this node will not change its mind soon: its back-off is this many times that of a failed dial. */
export const REFUSAL_BACKOFF_FACTOR = 4
/** Bounds of the back-off after a refusal, s. */
export const REFUSAL_BACKOFF_SECONDS_MIN = 5
export const REFUSAL_BACKOFF_SECONDS_MAX = 300

/** Dials that a request asks for wait at least this long after a failed dial of the same node, s; until then they fail at once. */
export const ON_DEMAND_PAUSE_SECONDS = 1

/** Nodes whose dials are remembered at once: all candidates, and some that requests asked for. */
export const DIAL_STATES_MAX = 12_000

/** The wait before a dial while the process is short of file descriptors, ms, and the share in use that counts as short. */
export const DESCRIPTORS_SHORT_PAUSE_MS = 500
export const DESCRIPTORS_SHORT_RATIO = 0.8
