/** Times and limits of the synchronisation of records, each with its unit and why it is that. */

/** Changes leave at once, then at most this often: a node that changes much is told in batches. */
export const FLUSH_INTERVAL_MS = 100
/** Beats wait for the next round, which comes at least this often: they are many and need no hurry. */
export const ROUND_MS_MAX = 1_000
/** A record asked for and not brought within this time is asked for elsewhere. */
export const REQUEST_TIMEOUT_MS = 2_000
/** Other nodes remembered that have what was asked for. */
export const ALTERNATIVES_MAX = 8
/** Records asked for at once; what comes on top is found by the next comparison. */
export const REQUESTS_MAX = 10_000
/** Records whose news waits to be told. */
export const RUMORS_MAX = 10_000
/** Stamps in one message: about 150 kB. */
export const STAMPS_PER_MESSAGE_MAX = 2_000
/** Bytes of a frame of records, whatever more the peer would accept: nothing else leaves a connection meanwhile. */
export const STATE_BYTES_MAX = 512 * 1024
/** Bytes that a frame and the head of a record add to its entries. */
export const STATE_HEAD_BYTES = 1_024
/** Records named as overdue in one digest. */
export const OVERDUE_MAX = 500
