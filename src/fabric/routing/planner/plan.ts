/** A plan: where a message for a cluster goes next, and why not elsewhere. Wire names, since traces and errors show it as it is. */

export type PlanReason =
  /** The next hop is chosen. */
  | 'ok'
  /** Nobody knows a way; a neighbour that may know one is chosen. */
  | 'fallback_neighbor'
  | 'no_target_cluster'
  | 'already_local'
  /** The message has been here before, or every way leads through where it has been. */
  | 'loop_detected'
  /** No hop is left, or none of the ways is short enough. */
  | 'hop_budget_exhausted'
  | 'no_fabric_path'
  | 'path_mismatch'
  | 'no_peer_for_next_hop'

/** In the order in which they are asked. */
export type PlanStepName = 'link_state' | 'path_vector' | 'graph' | 'peer' | 'fallback'

/** What became of asking one of them. */
export type PlanStepOutcome =
  | 'chosen'
  | 'no_path'
  /** The path leads through a cluster the message has visited. */
  | 'visited'
  /** No usable link leads to the path's next cluster. */
  | 'no_peer'
  /** The path takes more hops than are left. */
  | 'over_budget'
  /** The path does not begin in the local cluster. */
  | 'path_mismatch'
  /** The path ends where it begins. */
  | 'already_local'
  /** No usable link leads to the target itself. */
  | 'not_linked'
  /** No neighbour is left that has not been visited. */
  | 'no_neighbor'
  | 'switched_off'

export interface PlanStep {
  readonly step: PlanStepName
  readonly outcome: PlanStepOutcome
  /** What it offered; empty when nothing. */
  readonly path: readonly string[]
}

export interface Plan {
  /** Empty when none was given. */
  readonly target_cluster: string
  readonly next_cluster: string | null
  /** The node to send to; null when the message can not be forwarded. */
  readonly next_peer_url: string | null
  /** From the local cluster to the target; of a plan that failed, the path that could not be used, or empty. */
  readonly planned_path: readonly string[]
  /** The clusters visited, the local one included if the message goes on. */
  readonly federation_path: readonly string[]
  /** What the next node may still use up. */
  readonly remaining_hops: number
  readonly reason: PlanReason
  readonly steps: readonly PlanStep[]
}

/** What a refused step has to say about a plan that fails; undefined when it knew nothing. */
export function reasonOf(outcome: PlanStepOutcome): PlanReason | undefined {
  switch (outcome) {
    case 'visited':
      return 'loop_detected'
    case 'no_peer':
      return 'no_peer_for_next_hop'
    case 'over_budget':
      return 'hop_budget_exhausted'
    case 'path_mismatch':
    case 'already_local':
      return outcome
    default:
      return undefined
  }
}
