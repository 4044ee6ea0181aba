/** An explanation: what a node would do about a function, a route, a peer, a topic or a queue, what it considered, and why it is so. */

export type ExplanationKind = 'function' | 'route' | 'peer' | 'topic' | 'queue'

export interface Explanation {
  readonly kind: ExplanationKind
  readonly name: string
  /** The outcome in one word. */
  readonly verdict: string
  /** Why, in one sentence. */
  readonly reason: string
  /** Unix seconds since when; null: not known. */
  readonly since: number | null
  /** Of a peer: what holds now, then what has happened, the latest last. */
  readonly evidence?: readonly Evidence[]
  /** The chosen one first, then those that would do, then the others. */
  readonly candidates: readonly ExplainedCandidate[]
  /** Commands that show more. */
  readonly next: readonly string[]
}

export interface Evidence {
  /** The part of the node that says so: `link`, `dialling`, `failure detection`, `list of peers`. */
  readonly what: string
  /** Unix seconds at which it happened; null: it holds now. */
  readonly at: number | null
  /** A few words. */
  readonly text: string
}

export interface ExplainedCandidate {
  /** A node, or a path of clusters. */
  readonly id: string
  readonly cluster_id: string | null
  readonly qualifies: boolean
  readonly chosen: boolean
  /** Why it does not qualify, or why it was chosen or passed over. */
  readonly reasons: readonly ExplainedReason[]
  /** What speaks for and against it: version, load, score, … */
  readonly facts: Readonly<Record<string, unknown>>
}

export interface ExplainedReason {
  /** Stable. */
  readonly code: string
  /** A sentence without its subject. */
  readonly text: string
}

/** The chosen one first, then those that qualify; the order is kept otherwise. */
export function inOrderOfChoice(candidates: readonly ExplainedCandidate[]): ExplainedCandidate[] {
  const rank = ({ chosen, qualifies }: ExplainedCandidate): number => (chosen ? 0 : qualifies ? 1 : 2)
  return [...candidates].sort((a, b) => rank(a) - rank(b))
}
