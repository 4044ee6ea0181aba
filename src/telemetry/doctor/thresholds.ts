/** From when on something is a fault. Each number with its unit and the reason for it: an alarm nobody can argue with. */

/**
 * A refusal counts as present this long, s. Whoever asks the doctor has just seen something fail; what failed longer ago and not since is
 * over. Less when the one who asks says so (`mpreg doctor --since`).
 */
export const RECENT_SECONDS = 300

/**
 * Requests for what is not there, of those that count as present. One is a slip, and a second the same slip tried again; a program that is
 * wrong asks for it a third time.
 */
export const ASKED_TIMES = 3

/**
 * A link that broke without a word may be back within this time, s: a supervisor's restart takes that long. A node that failure detection
 * has found dead has had its time already.
 */
export const LINK_LOST_SECONDS = 5
/** A link whose breaking led to a node being found dead broke no longer before, s. One that broke earlier did not: the node lived on. */
export const VERDICT_SECONDS = 60
/** A node gone longer than this, s, is no emergency any more: what depended on it has found another way, or is known to be down. */
export const VANISHED_URGENT_SECONDS = 600
/** A node this young, s, may not have reached its seeds yet: nodes of a cluster start one after the other. */
export const SETTLING_SECONDS = 10
/** Failed dials in a row, each of which tries two or three times. One may meet a node that is starting. */
export const DIAL_FAILURES = 2

/** Reconnects within 10 minutes. One is an accident, two may be an upgrade; three are a pattern. */
export const FLAPS = 3

/**
 * Times a node came back as another process after one that ended without a goodbye, within this time, s. One is a kill, two may be an
 * upgrade that was tried again. Supervisors wait up to five minutes before they start a process that keeps ending, and it takes its time to end.
 */
export const CRASH_RESTARTS = 3
export const CRASH_RESTARTS_SECONDS = 1_800

/**
 * A stall, ms: others wait as long for a probe's answer, directly and through relays, before they suspect a node.
 */
export const STALL_MS = 1_000
/** Stalls while a process loads its code, s, are no fault. */
export const STALL_STARTUP_SECONDS = 3

/** An alert lasts from here on, s: figures are held against their limits every five seconds, and what two of those show may be a burst. */
export const ALERT_LASTING_SECONDS = 10

/** Clocks of a healthy fabric agree within this, s. NTP keeps milliseconds; half a minute makes logs and traces of two nodes unreadable. */
export const CLOCK_OFFSET_SECONDS = 30
/** Routes announced by a clock further off, s, are refused. */
export const CLOCK_OFFSET_CRITICAL_SECONDS = 60

/** An operator's key that ends within this time, s, and has no successor, is to be replaced now: a week has a working day in it. */
export const KEY_EXPIRY_NOTICE_SECONDS = 7 * 86_400
