/** Limits and times of route security, each with its unit and why it is that. */

/** Clusters with keys at once: far more than one fabric has, and little memory. */
export const CLUSTERS_MAX = 2_048
/** Keys of one cluster: each one is a signature check more on a forged message. Two are in use while a key is rotated. */
export const KEYS_PER_CLUSTER_MAX = 16
/** Clusters remembered that had keys and have none now; only their names are kept. */
export const LAPSED_CLUSTERS_MAX = 8_192
/** Characters of a cluster's name or a key's id. */
export const NAME_LENGTH_MAX = 256

/** How long an old key stays valid after its successor took over, s. */
export const ROTATION_OVERLAP_SECONDS = 60
/** A key provider is not asked more often, s. */
export const REFRESH_INTERVAL_MIN_SECONDS = 1
/** How often keys that have ended are removed, ms. They count as ended at once; this only frees memory. */
export const PURGE_INTERVAL_MS = 60_000
