/** What a caller is told when there is no function for its command: every candidate, or that there is none, and no more than it may see. */
import type { Caller } from './call.ts'

export interface Candidate {
  readonly function_id: string
  readonly version: string
  readonly node_id: string
  readonly cluster_id: string
  readonly resources: readonly string[]
  /** Why it did not qualify; empty for one that did. */
  readonly reasons: readonly string[]
}

/** Why no function was found for a command: every candidate and what was wrong with it. */
export interface NotFoundExplanation {
  readonly fun: string
  readonly summary: string
  readonly candidates: readonly Candidate[]
  /** Known names close to the one asked for, when the name itself is unknown. */
  readonly similar: readonly string[]
}

/** What there is to say of a name of which no function is known. */
export interface Absence {
  /** Of the known names, those close to a misspelt one that the caller may see. */
  similar(name: string, known: readonly string[], caller: Caller): readonly string[]
  /** Why there is none here, if it is not that nobody registers one. */
  whyAbsent(name: string, caller: Caller): string | undefined
}

export function noneQualifies(fun: string, candidates: readonly Candidate[]): NotFoundExplanation {
  const each = candidates.map(({ node_id, reasons, version }) => `${version} on ${node_id} ${reasons.join(' and ')}`)
  return { fun, summary: `${candidates.length} known, none qualifies: ${each.join('; ')}`, candidates, similar: [] }
}

/** @param known names, to guess what was meant */
export function unknownName(fun: string, known: readonly string[], caller: Caller, absence: Absence): NotFoundExplanation {
  const why = absence.whyAbsent(fun, caller)
  if (why !== undefined) return { fun, summary: why, candidates: [], similar: [] }
  const similar = absence.similar(fun, known, caller)
  const guess = similar.length > 0 ? `; did you mean ${similar.map((name) => `'${name}'`).join(' or ')}?` : ''
  return { fun, summary: `no node registers '${fun}'${guess}`, candidates: [], similar }
}
