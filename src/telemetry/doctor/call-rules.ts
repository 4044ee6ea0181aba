/** Calls nobody serves: what was asked for is not what is there. */
import { parseConstraint, parseVersion, satisfies } from '../../base/index.ts'
import type { Refusal, WantedFunction } from '../refusals.ts'
import { commands } from './commands.ts'
import { type Examination, refusalLine } from './examination.ts'
import type { FindingCode, Severity, Suspicion } from './finding.ts'
import type { NodeFacts } from './node-facts.ts'
import { ASKED_TIMES } from './thresholds.ts'

interface CallFault {
  readonly severity: Severity
  readonly code: FindingCode
  /** After "is asked". */
  readonly what: (name: string) => string
  /** It may be that the caller mistyped: asked for a few times only, it is no fault. */
  readonly maybeSlip: boolean
  readonly remedy: (name: string) => string
}

/** By the reason of the refusal. Reasons that are about ways and nodes, not about functions, are the business of other rules. */
const CALL_FAULTS: Readonly<Record<string, CallFault>> = {
  version: {
    severity: 'warning',
    code: 'version_unsatisfied',
    what: (name) => `for '${name}' in a version that no node has`,
    maybeSlip: true,
    remedy: (name) => `Ask for a version of '${name}' that is there, or register one that satisfies the constraint.`,
  },
  resource: {
    severity: 'warning',
    code: 'resource_missing',
    what: (name) => `for '${name}' with a resource that no node's '${name}' offers`,
    maybeSlip: true,
    remedy: (name) =>
      `Register '${name}' with that resource (option resources of the function; resources of the node alone do not count), or leave it out of locs.`,
  },
  function_id: {
    severity: 'warning',
    code: 'function_id_unknown',
    what: (name) => `for '${name}' under a function id that no node has`,
    maybeSlip: true,
    remedy: (name) => `Ask for '${name}' without function_id, or under the one it is registered with.`,
  },
  gone: {
    severity: 'warning',
    code: 'function_gone',
    what: (name) => `for '${name}', which was there and has gone`,
    maybeSlip: false,
    remedy: (name) => `Start the node that offered '${name}' again, or register it elsewhere.`,
  },
  unknown: {
    severity: 'warning',
    code: 'function_unknown',
    what: (name) => `for '${name}', which no node registers`,
    maybeSlip: true,
    remedy: () => 'Correct the name in the caller, or start the node that should offer it.',
  },
  policy: {
    severity: 'warning',
    code: 'policy_blocks_function',
    what: (name) => `for '${name}', which its own rules keep out`,
    maybeSlip: false,
    remedy: (name) =>
      `Allow '${name}' in federation_config.security_policy (blocked_functions_cross_federation, allowed_functions_cross_federation) of that node, or stop calling it.`,
  },
  namespace_policy: {
    severity: 'warning',
    code: 'policy_blocks_function',
    what: (name) => `for '${name}', which its namespace rules keep out`,
    maybeSlip: false,
    remedy: (name) =>
      `Add the cluster that offers '${name}' to the owners of the rule for it (mpreg discovery policy apply), or stop calling it.`,
  },
}

export function callFaults(exam: Examination): Suspicion[] {
  const askedInAll = timesAskedInAll(exam)
  const offered = new Set(exam.nodes.flatMap(({ functions }) => functions.map(({ name }) => name)))
  return exam.refusals('call').flatMap((refused) => {
    const { by, refusal } = refused
    const { detail, reason, subject: name, wanted } = refusal
    const fault = CALL_FAULTS[reason]
    if (fault === undefined) return []
    // It has come, or come back.
    if ((reason === 'gone' || reason === 'unknown') && offered.has(name)) return []
    if (wanted !== undefined && isOffered(exam, name, wanted)) return []
    const isSlip = fault.maybeSlip && (askedInAll.get(keyOf(refusal)) ?? 0) < ASKED_TIMES
    const asked = !isSlip ? 'is asked' : timesAsked(exam, by, refusal) === 1 ? 'was asked once' : 'was asked twice'
    return [
      {
        severity: isSlip ? 'info' : fault.severity,
        code: fault.code,
        node: by.node_id,
        subject: name,
        summary: `Node ${by.node_id} ${asked} ${fault.what(name)}.`,
        evidence: [refusalLine(refused)],
        remedy: fault.remedy(name),
        command: commands.explainFunction(name, wanted),
        // A slip or two make no rate of errors.
        causes: isSlip ? [] : [`errors:${by.node_id}`],
        effects: reason === 'gone' ? nodesNamedIn(exam, detail).map((nodeId) => `peer:${nodeId}`) : [],
      },
    ]
  })
}

/** How often each thing was asked for in vain lately, at whatever node. */
function timesAskedInAll(exam: Examination): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { by, refusal } of exam.refusals('call')) {
    const key = keyOf(refusal)
    times.set(key, (times.get(key) ?? 0) + timesAsked(exam, by, refusal))
  }
  return times
}

function keyOf({ reason, subject }: Refusal): string {
  return `${reason}\n${subject}`
}

/** Within the time that counts as present; up to {@link ASKED_TIMES}. A node that does not tell when is taken at its count. */
function timesAsked(exam: Examination, by: NodeFacts, { count, latest_at }: Refusal): number {
  return latest_at === undefined ? count : latest_at.filter((at) => exam.isRecent(by, at)).length
}

/** Some node has by now what was asked for. */
function isOffered(exam: Examination, name: string, wanted: WantedFunction): boolean {
  const { function_id: id, resources, target_cluster: target, version_constraint: constraintText } = wanted
  const constraint = constraintText === null ? null : parseConstraint(constraintText)
  return exam.nodes.some(
    ({ cluster_id, functions }) =>
      (target === null || cluster_id === target) &&
      functions.some(
        (one) =>
          one.name === name &&
          (id === null || one.function_id === id) &&
          (constraint === null || satisfies(parseVersion(one.version), constraint)) &&
          resources.every((resource) => one.resources.includes(resource)),
      ),
  )
}

function nodesNamedIn(exam: Examination, text: string): string[] {
  const words = new Set(text.split(/[\s,;()']+/).map((word) => word.replace(/[.:]$/, '')))
  return [...exam.sightings.keys()].filter((nodeId) => words.has(nodeId))
}
