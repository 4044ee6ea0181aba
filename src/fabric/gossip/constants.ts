/** Limits and times of gossip, each with its unit and why it is that. */

/** Hops a new message may be passed on; counted down on every hop. */
export const GOSSIP_TTL = 10
/** Seconds a message may travel. */
export const GOSSIP_LIFETIME_SECONDS = 300

/** Messages remembered as seen. At the rate allowed to one peer this covers more than a minute of a flood. */
export const MESSAGES_REMEMBERED_MAX = 50_000
/** Ids of messages passed on; over it the oldest tenth is forgotten. */
export const FORWARDED_IDS_MAX = 10_000
/** Digests of the latest messages passed on. */
export const RECENT_DIGESTS_MAX = 1_000
/** Messages waiting to be passed on. */
export const OUTBOX_MAX = 20_000

/** Nodes in the vector clock: every message carries all of them, and nothing is decided by them. */
export const CLOCK_ENTRIES_MAX = 256
export const STATE_KEYS_MAX = 10_000
export const KNOWN_NODES_MAX = 10_000
/** Receivers remembered per message. */
export const HOLDERS_MAX = 64

/** Expired messages are dropped, and clocks pruned, this often. */
export const MAINTENANCE_INTERVAL_MS = 30_000
export const STATE_POLL_INTERVAL_MS = 60_000

/**
 * Characters a flooded update may have. Nodes of the Python implementation accept 1 MiB on connections they dialed, and whoever passes an update
 * on adds to its path and its vector clock.
 */
export const UPDATE_TEXT_MAX = 800_000
/** Characters a message to one peer may have, whatever more that peer would accept: nothing else leaves a connection meanwhile. */
export const SNAPSHOT_TEXT_MAX = 900_000
/** Peers told in one go; the next go follows on the next turn. */
export const SNAPSHOT_BATCH_MAX = 64

/** Bytes a message is taken to have in the bandwidth estimate. */
export const BYTES_PER_MESSAGE_ESTIMATE = 1_024
