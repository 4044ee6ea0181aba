/** Limits and times of the catalog, each with its unit and why it is that. */

/** Seconds an entry of a node lives when its settings do not say; also how long a departed node stays refused. */
export const CATALOG_TTL_SECONDS = 120

/** A node with more functions, subscriptions and queues than this is broken or hostile. */
export const ENTRIES_PER_OWNER_MAX = 20_000
/** What a node keeps in all: about 150 MB of entries as they come from a socket. */
export const ENTRIES_MAX = 200_000
/** Nodes in a fabric, the departed and expired ones that are not forgotten yet included. */
export const OWNERS_MAX = 10_000

/** Removed keys a record remembers. Who asks for changes from further back gets the whole record. */
export const REMOVALS_REMEMBERED_MAX = 256
/** Departed, expired and refused owners remembered; the oldest is forgotten first. */
export const TOMBSTONES_MAX = 20_000
/** Entries that share one version number, so that a large record can be told in pieces that each make sense alone. */
export const CHANGES_PER_VERSION_MAX = 64
/** Refusals listed in one result; all of them are counted. */
export const REFUSALS_LISTED_MAX = 100
