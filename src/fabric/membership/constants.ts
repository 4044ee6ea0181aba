/** Numbers of failure detection, each with its unit and reason. What an operator may change is an option; these are not. */

/** Members known at once, the own node aside; the catalog bounds its owners by the same number. */
export const MEMBERS_MAX = 10_000
/** Membership events kept for the operator. */
export const EVENTS_KEPT = 1_000
/** Finished probes kept for the operator. */
export const PROBES_KEPT = 100

/** Probes under way at once. A round that finds as many is skipped: more can only be open when nothing is answered at all. */
export const PROBES_ACTIVE_MAX = 64
/** Probes made on behalf of others at once; who asks for more is told at once that there is no answer. */
export const RELAYS_ACTIVE_MAX = 1_024
/** A relay admits that it has no answer after this part of the probe timeout, so that its word arrives before the asker stops waiting. */
export const NACK_PART = 0.8
/** An answer that reaches a relay later is still passed on, up to this many probe timeouts: an asker in poor health waits that long. */
export const RELAY_TIMEOUTS_MAX = 9

/** News about members in one message: some 8 KB of text. */
export const UPDATES_PER_MESSAGE_MAX = 32
/**
 * Arrivals are sent no more often than this. A thousand nodes that start together tell each other a million arrivals, and the few that
 * are missed do no harm: the catalog knows who is there.
 */
export const ARRIVAL_SENDS_MAX = 4
/** The bad news told on a new link, or to compare views, goes in messages of so many. */
export const VIEW_UPDATES_PER_MESSAGE = 128
/** How often a node tells one neighbour whom it suspects and who went lately, ms; well within the shortest suspicion. Nothing, nothing is sent. */
export const VIEW_INTERVAL_MS = 3_000
/** Who failed or left is told in that way for this long, ms: ten neighbours hear of it from each node. */
export const VIEW_RECENT_MS = 30_000
/** Characters of one update, all texts together. A real one has 300. */
export const UPDATE_TEXT_MAX = 4_096
/** Incarnations above are refused: nobody refutes so often, and counting up must stay exact. */
export const INCARNATION_MAX = 2 ** 40

/** Distinct suspecters remembered of one suspect. No rule asks for more than four. */
export const SUSPECTERS_MAX = 16
/** So many suspecters make a suspicion certain (level 1). */
export const SUSPECTERS_CERTAIN = 3
/** Level at which consensus declares a suspect failed, where that rule is on. */
export const CONSENSUS_LEVEL = 0.5

/** A member that failed or left and is not linked is forgotten after this time, ms: as long as it stays a candidate for dialing. */
export const FORGET_AFTER_MS = 3_600_000
/** How often that is looked after, ms. */
export const SWEEP_INTERVAL_MS = 30_000

/** Largest local health multiplier (Lifeguard: S = 8). */
export const LOCAL_HEALTH_MAX = 8
/** A timer later than this part of the probe timeout says that this node stood still: what it decides by waiting is not to be trusted. */
export const LATE_PART = 0.2
/** Each such part of the probe timeout by which a timer is late costs one point of local health. */
export const LATE_POINT_PART = 0.5
/** Points one pause costs at most: it is over when it is noticed. Who keeps standing still collects them pause by pause. */
export const LATE_POINTS_MAX = 3
/**
 * So often a verdict is put off because this node stood still when it was due. A node that can not keep time is no judge; but if it is the
 * only one, it has to judge at last.
 */
export const VERDICT_EXTENSIONS_MAX = 8
