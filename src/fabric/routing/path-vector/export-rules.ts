/** What of the own routes a neighbouring cluster is told. */
import { fullPolicyRefusal, type PolicyDirectory, type PolicySubject, policyFor, type RoutePolicy } from './route-policy.ts'

export interface ExportRules {
  /** For all neighbours; null = tell everything. */
  readonly policy: RoutePolicy | null
  /** For each of them; null = no difference. */
  readonly neighborPolicies: PolicyDirectory | null
}

/** `on_path`: split horizon. The neighbour has taught the route, or the route leads through it: it would find a loop. */
export type ExportRefusal = 'on_path' | 'export_policy' | 'export_neighbor_policy'

/** The part that is the same for all neighbours. */
export function exportPolicyRefusal({ policy }: ExportRules, subject: PolicySubject): 'export_policy' | undefined {
  return policy !== null && fullPolicyRefusal(policy, subject) !== undefined ? 'export_policy' : undefined
}

/** @param path of the route, the local cluster first */
export function exportRefusal(
  rules: ExportRules,
  subject: PolicySubject,
  path: readonly string[],
  neighbor: string,
): ExportRefusal | undefined {
  if (path.includes(neighbor)) return 'on_path'
  const policy = policyFor(rules.neighborPolicies, neighbor)
  return policy !== undefined && fullPolicyRefusal(policy, subject) !== undefined ? 'export_neighbor_policy' : undefined
}
