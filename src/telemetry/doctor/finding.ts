/** What the doctor finds: a fault, where it is, what shows it, and what to do. */

/** `info` is no fault: somebody may have made a slip. */
export const SEVERITIES = ['critical', 'warning', 'info'] as const
export type Severity = (typeof SEVERITIES)[number]

export interface Finding {
  readonly severity: Severity
  /** Stable name of the kind of fault. */
  readonly code: FindingCode
  /** The node at fault, or where the fault shows when no single node is. */
  readonly node: string
  /** What it is about: a peer, a function, a cluster. */
  readonly subject: string
  /** One sentence. */
  readonly summary: string
  /** What was seen, each line by one node. */
  readonly evidence: readonly string[]
  /** One sentence: what to do. */
  readonly remedy: string
  /** What shows more, or does it. */
  readonly command: string
}

export type FindingCode =
  // peers
  | 'peer_vanished'
  | 'seed_unreachable'
  | 'link_missing'
  | 'node_restarting'
  | 'peer_refused'
  | 'monitoring_unreachable'
  // links
  | 'link_flapping'
  // calls
  | 'version_unsatisfied'
  | 'resource_missing'
  | 'function_id_unknown'
  | 'function_gone'
  | 'function_unknown'
  // policy
  | 'policy_blocks_peer'
  | 'policy_blocks_function'
  | 'policy_blocks_route'
  | 'publication_refused'
  // routes and keys
  | 'hop_budget_exhausted'
  | 'cluster_unreachable'
  | 'route_key_expired'
  | 'route_key_expiring'
  | 'route_signature_refused'
  // process
  | 'slow_consumer'
  | 'event_loop_stalled'
  | 'clock_skewed'
  | 'alert_active'

/** A finding in the making, and how it relates to others. */
export interface Suspicion extends Finding {
  /** Faults this one brings about, as `kind:name`: their findings become evidence of this one. */
  readonly causes?: readonly string[]
  /** By which it is recognised as brought about by another. */
  readonly effects?: readonly string[]
}

/** Lines of evidence kept of one finding: the first few say it, hundreds hide it. */
const EVIDENCE_MAX = 12
/** Faults brought about by another that are told with a sentence; of more, which they are is enough. */
const CONSEQUENCES_MAX = 12

/**
 * One finding for each fault. The same fault seen by several nodes is one, with the evidence of all; a fault that another explains is part
 * of the other's evidence. None gets lost by that: the other is as severe as the worst it brings about, and names all of them.
 */
export function concluded(suspicions: readonly Suspicion[]): Finding[] {
  const merged = new Map<string, Suspicion>()
  for (const suspicion of suspicions) {
    const key = `${suspicion.code}\n${suspicion.subject}`
    const known = merged.get(key)
    merged.set(key, known === undefined ? suspicion : joined(known, suspicion))
  }
  const causeOf = causesAmong(merged)
  const consequences = new Map<string, Suspicion[]>()
  for (const [key, suspicion] of merged) {
    const root = rootOf(key, causeOf)
    if (root === key) continue
    const known = consequences.get(root)
    if (known === undefined) consequences.set(root, [suspicion])
    else known.push(suspicion)
  }
  return [...merged]
    .filter(([key]) => !causeOf.has(key))
    .map(([key, suspicion]) => plain(explaining(suspicion, consequences.get(key) ?? [])))
    .sort(inOrder)
}

/** The cause of others, with what shows it and, apart from the bound on that, what it brings about: the worst first. */
function explaining(cause: Suspicion, consequences: readonly Suspicion[]): Suspicion {
  if (consequences.length === 0) return cause
  const sorted = [...consequences].sort(inOrder)
  const told = sorted.slice(0, CONSEQUENCES_MAX).map(({ summary }) => `hence: ${summary}`)
  const others = sorted.slice(CONSEQUENCES_MAX).map(({ code, subject }) => `${code} (${subject})`)
  return {
    ...cause,
    severity: worse(cause.severity, sorted[0]?.severity ?? cause.severity),
    evidence: [...cause.evidence, ...told, ...(others.length === 0 ? [] : [`hence ${others.length} more: ${others.join(', ')}`])],
  }
}

/** What each fault is brought about by, if by anything among them. */
function causesAmong(merged: ReadonlyMap<string, Suspicion>): Map<string, string> {
  const byEffect = new Map<string, string>()
  for (const [key, { causes = [] }] of merged) for (const effect of causes) if (!byEffect.has(effect)) byEffect.set(effect, key)
  const causeOf = new Map<string, string>()
  for (const [key, { effects = [] }] of merged) {
    const cause = effects.map((effect) => byEffect.get(effect)).find((found) => found !== undefined && found !== key)
    // Two that would explain each other explain nothing.
    if (cause !== undefined && rootOf(cause, causeOf) !== key) causeOf.set(key, cause)
  }
  return causeOf
}

function rootOf(key: string, causeOf: ReadonlyMap<string, string>): string {
  let root = key
  for (let cause = causeOf.get(root); cause !== undefined; cause = causeOf.get(root)) root = cause
  return root
}

function joined(a: Suspicion, b: Suspicion): Suspicion {
  return {
    ...a,
    severity: worse(a.severity, b.severity),
    evidence: [...new Set([...a.evidence, ...b.evidence])].slice(0, EVIDENCE_MAX),
    causes: [...(a.causes ?? []), ...(b.causes ?? [])],
    effects: [...(a.effects ?? []), ...(b.effects ?? [])],
  }
}

function worse(a: Severity, b: Severity): Severity {
  return SEVERITIES.indexOf(a) <= SEVERITIES.indexOf(b) ? a : b
}

function plain({ causes: _causes, effects: _effects, ...finding }: Suspicion): Finding {
  return finding
}

function inOrder(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    compare(a.code, b.code) ||
    compare(a.node, b.node) ||
    compare(a.subject, b.subject)
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
