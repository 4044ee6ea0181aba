/** Why a function does not fit what a command asks for, as codes: one for each part of the question. */
import { parseVersion, satisfies } from '../base/index.ts'
import type { NamespacePolicy } from '../discovery/index.ts'
import type { Candidate, NotFoundExplanation, Placements } from '../rpc/index.ts'
import type { ExplainedReason, Refusal, RefusalLedger, WantedFunction } from '../telemetry/index.ts'
import type { GoneFunctions } from './gone-functions.ts'

/** What a command asks of a function. */
export type Selector = Parameters<Placements['place']>[0]

/** What is asked of a function's entry, wherever it comes from. */
export type FunctionSample = Pick<Candidate, 'function_id' | 'version' | 'cluster_id' | 'resources'>

export function mismatches({ cluster_id, function_id, resources, version }: FunctionSample, selector: Selector): ExplainedReason[] {
  const reasons: ExplainedReason[] = []
  if (selector.targetCluster !== null && cluster_id !== selector.targetCluster) {
    reasons.push({ code: 'cluster', text: `is in cluster '${cluster_id}', the command asks for '${selector.targetCluster}'` })
  }
  if (selector.functionId !== null && function_id !== selector.functionId) {
    reasons.push({ code: 'function_id', text: `has function_id '${function_id}', the command asks for '${selector.functionId}'` })
  }
  if (selector.constraint !== null && !satisfies(parseVersion(version), selector.constraint)) {
    reasons.push({ code: 'version', text: `version ${version} does not satisfy '${selector.constraintText}'` })
  }
  const missing = selector.resources.filter((resource) => !resources.includes(resource))
  if (missing.length > 0) {
    reasons.push({ code: 'resource', text: `does not offer the resource ${missing.map((resource) => `'${resource}'`).join(', ')}` })
  }
  return reasons
}

interface WhatIsKnown {
  readonly refusals: RefusalLedger
  /** Undefined before the start. */
  readonly gone: GoneFunctions | undefined
  readonly policy: NamespacePolicy
}

/** Why a function that is not in the catalog was not let in, latest first; none if it was let in since and has gone. */
export function refusalsAtCatalog(name: string, { gone, policy, refusals }: WhatIsKnown): readonly Refusal[] {
  const last = gone?.of(name)
  const leftAt = last === undefined || last.how === 'policy' ? 0 : last.at
  return refusals
    .of('catalog', name)
    .filter(({ last_at, reason }) => last_at >= leftAt && (reason !== 'namespace_denied' || mayBeDenied(policy, name)))
}

/** Whether the rules in force keep the name out for some cluster: refusals of the past say nothing once they are others. */
function mayBeDenied({ defaultAllow, enabled, ruleFor }: NamespacePolicy, name: string): boolean {
  const rule = ruleFor(name)
  return enabled && (rule === undefined ? !defaultAllow : rule.owners.length > 0)
}

/** Remembers a command for which there was no function, under the reason that kept the nearest candidate from being it. */
export function noteNotFound({ candidates, fun, summary }: NotFoundExplanation, selector: Selector, known: WhatIsKnown): void {
  const { gone, refusals } = known
  const nearest = candidates.reduce<Candidate | undefined>(
    (best, candidate) => (best === undefined || candidate.reasons.length < best.reasons.length ? candidate : best),
    undefined,
  )
  if (nearest !== undefined) {
    const code = mismatches(nearest, selector)[0]?.code ?? 'node'
    refusals.record('call', fun, code, `${nearest.version} on ${nearest.node_id} ${nearest.reasons.join(' and ')}`, wantedBy(selector))
    return
  }
  const [keptOut] = refusalsAtCatalog(fun, known)
  if (keptOut !== undefined) {
    const rules = keptOut.reason === 'namespace_denied' ? 'namespace_policy' : 'policy'
    refusals.record('call', fun, rules, `${keptOut.reason}: ${keptOut.detail}`)
    return
  }
  const last = gone?.of(fun)
  if (last === undefined) refusals.record('call', fun, 'unknown', summary)
  else refusals.record('call', fun, 'gone', `last offered by ${last.node_id} (${last.version}), ${HOW_GONE[last.how]}`)
}

export function wantedBy({ constraintText, functionId, resources, targetCluster }: Selector): WantedFunction {
  return { version_constraint: constraintText, resources, function_id: functionId, target_cluster: targetCluster }
}

/** What became of the endpoint, in words. */
export const HOW_GONE: Readonly<Record<string, string>> = {
  departure: 'which said goodbye',
  expiry: 'which was not heard of any more',
  local: 'which is this node, and took it back',
  gossip: 'which took it back',
  sync: 'which took it back',
  restore: 'which took it back',
  policy: "which this node's namespace policy no longer lets announce it",
}
