/** At most so many events in any stretch of time: exact, unlike a token bucket, and remembering no more than the limit. */
import { BoundedQueue, type Clock } from '../../base/index.ts'

export interface RateLimit {
  /** Counts an event now if it is within the limit; false when it is not. */
  tryPass(): boolean
}

/** @param eventsMax at least 1 */
export function createRateLimit(clock: Pick<Clock, 'monotonic'>, eventsMax: number, windowMs: number): RateLimit {
  const passed = new BoundedQueue<number>({ capacity: eventsMax, whenFull: 'drop-oldest' })

  /** Only the latest `eventsMax` are kept, so the oldest of them alone decides. */
  function mayPass(): boolean {
    const oldestMs = passed.peek()
    return passed.length < eventsMax || oldestMs === undefined || clock.monotonic() - oldestMs >= windowMs
  }

  return {
    tryPass() {
      if (!mayPass()) return false
      passed.push(clock.monotonic())
      return true
    },
  }
}
