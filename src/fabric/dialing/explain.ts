/**
 * Why each candidate is dialed or not, and since when: the answers to "who keeps reconnecting" and "why is X not dialed".
 */
import type { Clock } from '../../base/index.ts'
import { compareCodePoints } from '../../wire/index.ts'
import type { Candidate, CandidateSource, SkipReason } from './candidates.ts'
import type { DialState } from './dial-state.ts'

export type DialReason =
  | SkipReason
  /** This node's own dialed link is open. */
  | 'linked'
  /** The link the peer dialed serves both directions. */
  | 'linked_by_peer'
  | 'dialing'
  /** A dial failed; the next one comes at `next_attempt_at`. */
  | 'backing_off'
  /** Like `backing_off`, and longer: the peer, or a rule of this node, does not want the link. */
  | 'refused'
  /** It may be dialed, and will be when those before it have been. */
  | 'awaiting_turn'
  /** It may be dialed, but there are as many links as the size of the fabric calls for. */
  | 'enough_links'
  /** Vanished without a goodbye; looked for now and then. */
  | 'lost'

export interface DialExplanation {
  /** Node id; the url as configured while that is unknown. */
  readonly candidate: string
  readonly dial_url: string
  readonly source: CandidateSource
  readonly cluster_id: string | null
  readonly reason: DialReason
  /** What settled it, in words; the last error of a dial that failed. May be empty. */
  readonly detail: string
  /** Unix seconds at which the reason came to hold. */
  readonly since: number
  readonly consecutive_failures: number
  /** Unix seconds; null: never. */
  readonly last_attempt_at: number | null
  readonly last_success_at: number | null
  /** Unix seconds; null: nothing stands in the way, or it is not dialed at all. */
  readonly next_attempt_at: number | null
  readonly attempts_total: number
  /** More than one: it had to be dialed again. */
  readonly successes_total: number
}

interface Verdict {
  readonly candidate: Candidate
  readonly reason: DialReason
  readonly detail: string
  readonly sinceMs: number
}

export interface Verdicts {
  /** `since` stays while the reason does. */
  set(candidate: Candidate, reason: DialReason, detail?: string): void
  /** Changes the reason of a candidate, if it is one. */
  update(nodeId: string, reason: DialReason): void
  /** Drops those of candidates not set since the last call. */
  endRound(): void
  get(nodeId: string): DialReason | undefined
  explain(stateOf: (nodeId: string) => DialState | undefined): DialExplanation[]
  /** How many candidates have each reason; reasons without any are left out. */
  counts(): Partial<Record<DialReason, number>>
}

export function createVerdicts(clock: Clock): Verdicts {
  let verdicts = new Map<string, Verdict>()
  let round = new Map<string, Verdict>()

  function put(candidate: Candidate, reason: DialReason, detail: string): Verdict {
    const before = round.get(candidate.nodeId) ?? verdicts.get(candidate.nodeId)
    const sinceMs = before?.reason === reason ? before.sinceMs : clock.monotonic()
    return { candidate, reason, detail, sinceMs }
  }

  function* current(): Generator<Verdict> {
    yield* round.values()
    for (const [nodeId, verdict] of verdicts) if (!round.has(nodeId)) yield verdict
  }

  return {
    set: (candidate, reason, detail = '') => void round.set(candidate.nodeId, put(candidate, reason, detail)),
    update(nodeId, reason) {
      for (const map of [round, verdicts]) {
        const known = map.get(nodeId)
        if (known !== undefined) map.set(nodeId, put(known.candidate, reason, ''))
      }
    },
    endRound() {
      verdicts = round
      round = new Map()
    },
    get: (nodeId) => (round.get(nodeId) ?? verdicts.get(nodeId))?.reason,

    explain(stateOf) {
      const now = clock.monotonic()
      const wall = clock.wall()
      const unix = (ms: number): number => wall + (ms - now) / 1000
      const unixOrNull = (ms: number | undefined): number | null => (ms === undefined || !Number.isFinite(ms) ? null : unix(ms))
      return [...current()]
        .sort((a, b) => compareCodePoints(a.candidate.nodeId, b.candidate.nodeId))
        .map(({ candidate, reason, detail, sinceMs }) => {
          const state = stateOf(candidate.nodeId)
          const waits = state !== undefined && state.nextAttemptMs > now && WAITING.has(reason)
          return {
            candidate: candidate.nodeId,
            dial_url: candidate.dialUrl,
            source: candidate.source,
            cluster_id: candidate.clusterId ?? null,
            reason,
            detail: detail || state?.lastError || '',
            since: unix(sinceMs),
            consecutive_failures: state?.failures ?? 0,
            last_attempt_at: unixOrNull(state?.lastAttemptMs),
            last_success_at: unixOrNull(state?.lastSuccessMs),
            next_attempt_at: waits ? unix(state.nextAttemptMs) : null,
            attempts_total: state?.attemptsTotal ?? 0,
            successes_total: state?.successesTotal ?? 0,
          }
        })
    },

    counts() {
      const counts: Partial<Record<DialReason, number>> = {}
      for (const { reason } of current()) counts[reason] = (counts[reason] ?? 0) + 1
      return counts
    },
  }
}

/** Reasons with a next attempt. */
const WAITING: ReadonlySet<DialReason> = new Set<DialReason>(['backing_off', 'refused', 'lost'])
