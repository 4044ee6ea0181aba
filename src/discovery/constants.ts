/** Limits of the discovery streams and stores, each with its reason. */

/** Summaries of other clusters that are kept: some hundred clusters with a hundred services each. */
export const SUMMARIES_MAX = 10_000
/** Namespaces with export figures of their own; a node that makes up names without end must not grow for it. */
export const EXPORTED_NAMESPACES_MAX = 1_000
/** A summary that takes one back must have a lifetime, or readers ignore it; it ends before anybody can ask for it. */
export const WITHDRAWN_TTL_SECONDS = 0.001
/** In one message: some hundred kilobytes, which every link takes. */
export const SUMMARIES_PER_MESSAGE_MAX = 1_000
/** In all kept answers of a resolver together: ten megabytes of references to entries. One long answer is a whole kind of the catalog. */
export const KEPT_ITEMS_MAX = 1_000_000
