/**
 * How often each viewer may ask: a sliding window log for every key (viewer, command, namespace). Only calls that were let through count,
 * so that whoever keeps asking is let through again as soon as the oldest of them leaves the window.
 */
import type { Clock } from '../base/index.ts'

export interface RateLimitOptions {
  /** Calls let through within one window; 0: any number. */
  readonly callsMax: number
  /** 0: no limit. */
  readonly windowSeconds: number
  readonly keysMax: number
}

export interface RateLimit {
  /** Counts a call. Undefined when it is let through; otherwise the milliseconds until one will be. */
  take(key: string): number | undefined
  /** Keys forgotten while calls of theirs were in the window: above 0, `keysMax` is too small for the traffic. */
  readonly evictedEarly: number
}

export function createRateLimit(clock: Pick<Clock, 'monotonic'>, { callsMax, keysMax, windowSeconds }: RateLimitOptions): RateLimit {
  const windowMs = windowSeconds * 1000
  /** When calls were let through, oldest first. The keys are in the order of their last such call. */
  const calls = new Map<string, number[]>()
  let evictedEarly = 0

  /** Makes room for another key. */
  function forgetOldest(nowMs: number): void {
    for (const [key, times] of calls) {
      const isOver = (times.at(-1) as number) <= nowMs - windowMs
      if (!isOver && calls.size < keysMax) return
      if (!isOver) evictedEarly++
      calls.delete(key)
    }
  }

  return {
    take(key) {
      if (callsMax <= 0 || windowMs <= 0) return undefined
      const nowMs = clock.monotonic()
      let times = calls.get(key)
      if (times === undefined) {
        forgetOldest(nowMs)
        times = []
      }
      const firstInside = times.findIndex((time) => time > nowMs - windowMs)
      times.splice(0, firstInside < 0 ? times.length : firstInside)
      if (times.length >= callsMax) return (times[0] as number) + windowMs - nowMs
      times.push(nowMs)
      calls.delete(key)
      calls.set(key, times)
      return undefined
    },
    get evictedEarly() {
      return evictedEarly
    },
  }
}
