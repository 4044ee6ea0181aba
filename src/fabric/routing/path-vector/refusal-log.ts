/** The last refusals of route messages, for whoever asks why a route is missing. */
import { REFUSALS_KEPT } from './constants.ts'
import type { RouteRefusal } from './route-checks.ts'

export interface RefusalRecord {
  /** Unix seconds. */
  readonly at: number
  readonly kind: 'announcement' | 'withdrawal'
  readonly reason: RouteRefusal
  /** What the check that refused it said; empty when the reason says all. */
  readonly detail: string
  readonly destination: string
  readonly advertiser: string
  readonly sender: string
}

export interface RefusalLog {
  add(refusal: RefusalRecord): void
  /** Newest first. @param destination only of this one */
  list(destination?: string): RefusalRecord[]
}

export function createRefusalLog(capacity = REFUSALS_KEPT): RefusalLog {
  const ring: RefusalRecord[] = []
  let next = 0
  return {
    add(refusal) {
      ring[next] = refusal
      next = (next + 1) % capacity
    },
    list(destination) {
      const newestFirst = [...ring.slice(next), ...ring.slice(0, next)].reverse()
      return destination === undefined ? newestFirst : newestFirst.filter((refusal) => refusal.destination === destination)
    },
  }
}
