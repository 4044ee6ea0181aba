/**
 * Owners whose records must not come back by hearsay: those that said goodbye, those whose lease ended, and those refused.
 *
 * Gossip keeps a departed node's announcements in circulation long after it has gone. A stone remembers up to which announcement nothing
 * counts any more; anything later is news of a node that lives. Stones are bounded in time and number.
 */
import { TOMBSTONES_MAX } from './constants.ts'

export type TombstoneReason = 'departed' | 'expired' | 'refused'

export interface Tombstone {
  readonly reason: TombstoneReason
  /** Unix seconds: announcements stamped up to then are of the past. */
  readonly departedAt: number
  /** Of the record that ended; 0 when it had no versions. */
  readonly epoch: number
  readonly version: number
  readonly beat: number
  /** Monotonic milliseconds at which the stone may be forgotten. */
  readonly untilMs: number
}

export interface Tombstones {
  readonly size: number
  set(nodeId: string, stone: Tombstone): void
  /** One that still counts. */
  get(nodeId: string, nowMs: number): Tombstone | undefined
  delete(nodeId: string): void
  /** Forgets those whose time is over. */
  prune(nowMs: number): void
}

export function createTombstones(max = TOMBSTONES_MAX): Tombstones {
  const stones = new Map<string, Tombstone>()

  return {
    get size() {
      return stones.size
    },
    set(nodeId, stone) {
      stones.delete(nodeId)
      if (stones.size >= max) stones.delete(stones.keys().next().value as string)
      stones.set(nodeId, stone)
    },
    get(nodeId, nowMs) {
      const stone = stones.get(nodeId)
      return stone === undefined || nowMs > stone.untilMs ? undefined : stone
    },
    delete(nodeId) {
      stones.delete(nodeId)
    },
    prune(nowMs) {
      for (const [nodeId, stone] of stones) if (nowMs > stone.untilMs) stones.delete(nodeId)
    },
  }
}

/**
 * Whether a versioned record is one the stone stands for. A departed process does not come back: only a later epoch counts. A lease that
 * ended was perhaps only unheard: a later beat counts too. What was refused is worth another look when it changes.
 */
export function covers(stone: Tombstone, record: { readonly epoch: number; readonly version: number; readonly beat: number }): boolean {
  if (record.epoch !== stone.epoch) return record.epoch < stone.epoch
  if (stone.reason === 'departed') return true
  return stone.reason === 'refused' ? record.version <= stone.version : record.beat <= stone.beat
}
