/**
 * What is passed on only once: decided per message, before any copy of it leaves.
 *
 * Ids catch the common duplicate. Digests catch the same message under another id; paths and `seen_by` catch messages that came back.
 */
import type { GossipMessage } from '../../wire/index.ts'
import { FORWARDED_IDS_MAX, RECENT_DIGESTS_MAX } from './constants.ts'
import { canTravel } from './message.ts'

export type ForwardDecision = 'forward' | 'expired' | 'forwarded_before' | 'seen_by_self' | 'digest_seen' | 'path_loop'

export interface ForwardFilterSnapshot {
  readonly seen_messages: number
  readonly recent_digests: number
  readonly filtered_count: number
  readonly duplicate_count: number
  readonly expired_count: number
  /** Share of the messages offered that were refused, 0 to 1. */
  readonly filter_ratio: number
}

export interface ForwardFilter {
  /** Decides, and when the answer is `forward` remembers the message as passed on. @param now Unix seconds */
  decide(message: GossipMessage, now: number): ForwardDecision
  snapshot(): ForwardFilterSnapshot
}

export function createForwardFilter(self: string): ForwardFilter {
  const ids = new Set<string>()
  const digests = new Set<string>()
  let offered = 0
  let expired = 0
  let duplicates = 0

  function judge(message: GossipMessage, now: number): ForwardDecision {
    if (!canTravel(message, now)) return 'expired'
    if (ids.has(message.message_id)) return 'forwarded_before'
    if (message.seen_by.includes(self)) return 'seen_by_self'
    if (message.digest !== '' && digests.has(message.digest)) return 'digest_seen'
    if (message.propagation_path.includes(self)) return 'path_loop'
    return 'forward'
  }

  return {
    decide(message, now) {
      offered++
      const decision = judge(message, now)
      if (decision === 'expired') expired++
      else if (decision !== 'forward') duplicates++
      else {
        ids.add(message.message_id)
        if (ids.size > FORWARDED_IDS_MAX) forgetOldest(ids, FORWARDED_IDS_MAX / 10)
        digests.add(message.digest)
        if (digests.size > RECENT_DIGESTS_MAX) forgetOldest(digests, 1)
      }
      return decision
    },
    snapshot: () => ({
      seen_messages: ids.size,
      recent_digests: digests.size,
      filtered_count: expired + duplicates,
      duplicate_count: duplicates,
      expired_count: expired,
      filter_ratio: offered === 0 ? 0 : (expired + duplicates) / offered,
    }),
  }
}

/** A set iterates in the order of insertion. */
function forgetOldest(set: Set<string>, count: number): void {
  for (const member of set) {
    if (count-- <= 0) return
    set.delete(member)
  }
}
