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
  candidate: Candidate
  reason: DialReason
  detail: string
  sinceMs: number
  /** The round it was last set in. */
  round: number
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
  const verdicts = new Map<string, Verdict>()
  let round = 0
  /** Verdicts set in this round. */
  let inRound = 0

  function judge(verdict: Verdict, reason: DialReason, detail: string): void {
    if (verdict.reason !== reason) verdict.sinceMs = clock.monotonic()
    verdict.reason = reason
    verdict.detail = detail
  }

  return {
    set(candidate, reason, detail = '') {
      const known = verdicts.get(candidate.nodeId)
      if (known === undefined) {
        inRound++
        verdicts.set(candidate.nodeId, { candidate, reason, detail, sinceMs: clock.monotonic(), round })
        return
      }
      if (known.round !== round) inRound++
      known.round = round
      known.candidate = candidate
      judge(known, reason, detail)
    },
    update(nodeId, reason) {
      const known = verdicts.get(nodeId)
      if (known !== undefined) judge(known, reason, '')
    },
    endRound() {
      if (inRound < verdicts.size) for (const [nodeId, verdict] of verdicts) if (verdict.round !== round) verdicts.delete(nodeId)
      round++
      inRound = 0
    },
    get: (nodeId) => verdicts.get(nodeId)?.reason,

    explain(stateOf) {
      const now = clock.monotonic()
      const wall = clock.wall()
      const unix = (ms: number): number => wall + (ms - now) / 1000
      const unixOrNull = (ms: number | undefined): number | null => (ms === undefined || !Number.isFinite(ms) ? null : unix(ms))
      return [...verdicts.values()]
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
      for (const { reason } of verdicts.values()) counts[reason] = (counts[reason] ?? 0) + 1
      return counts
    },
  }
}

/** Reasons with a next attempt. */
const WAITING: ReadonlySet<DialReason> = new Set<DialReason>(['backing_off', 'refused', 'lost'])
