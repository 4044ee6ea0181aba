/** Numbers of the planner, each with its reason. */

/** Path-vector routes looked at for one plan; the table keeps four for each destination. */
export const PATHS_TRIED_MAX = 4
/** Hops of a path that is only looked at to say why it is not used. */
export const UNLIMITED_HOPS = 50
