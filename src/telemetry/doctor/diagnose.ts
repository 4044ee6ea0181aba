/**
 * The doctor: what is wrong with a fabric, at which node, and what to do about it, from what its nodes say of themselves.
 *
 *     const findings = diagnose(await allFacts(), unreachable)
 *     findings.length === 0     // healthy
 *
 * Pure: the same facts give the same findings. Each family of faults has a file of rules; thresholds.ts says from when on something is a
 * fault, and finding.ts how the word of several nodes about one fault becomes one finding.
 */
import { lastingAlerts } from './alert-rules.ts'
import { callFaults } from './call-rules.ts'
import { crashLoops } from './crash-rules.ts'
import { type ExamineOptions, examine } from './examination.ts'
import { concluded, type Finding } from './finding.ts'
import { linkFaults } from './link-rules.ts'
import type { NodeFacts, UnreachableNode } from './node-facts.ts'
import { peerFaults } from './peer-rules.ts'
import { policyFaults } from './policy-rules.ts'
import { processFaults } from './process-rules.ts'
import { routeFaults } from './route-rules.ts'

/**
 * The most severe first; nothing for a healthy fabric.
 *
 * @param facts of every node that answered
 * @param unreachable nodes that were asked and did not
 */
export function diagnose(
  facts: readonly NodeFacts[],
  unreachable: readonly UnreachableNode[] = [],
  options: ExamineOptions = {},
): Finding[] {
  const exam = examine(facts, unreachable, options)
  return concluded([
    ...processFaults(exam),
    ...crashLoops(exam),
    ...peerFaults(exam),
    ...linkFaults(exam),
    ...routeFaults(exam),
    ...policyFaults(exam),
    ...callFaults(exam),
    ...lastingAlerts(exam),
  ])
}

/** Whom to ask next: nodes the others know that have monitoring and were not asked. */
export function nodesToAsk(
  facts: readonly NodeFacts[],
  asked: ReadonlySet<string>,
): { readonly node_id: string; readonly monitoring_url: string }[] {
  const urls = new Map<string, string>()
  for (const { peers } of facts) {
    for (const { departed, monitoring_url, node_id } of peers) {
      if (departed || monitoring_url === null || asked.has(monitoring_url) || facts.some((node) => node.node_id === node_id)) continue
      urls.set(node_id, monitoring_url)
    }
  }
  return [...urls].map(([node_id, monitoring_url]) => ({ node_id, monitoring_url }))
}
