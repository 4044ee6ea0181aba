import { describe, expect, it } from 'vitest'
import { KeyedRateLimiter, TokenBucket } from './token-bucket.ts'

function manualClock() {
  let nowMs = 0
  return {
    monotonic: () => nowMs,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('token bucket', () => {
  it('grants the burst at once and then the rate', () => {
    const clock = manualClock()
    const bucket = new TokenBucket(clock, { ratePerSecond: 10, burst: 3 })
    expect([1, 2, 3, 4].map(() => bucket.tryTake())).toEqual([true, true, true, false])
    expect(bucket.waitMs()).toBeCloseTo(100)
    clock.pass(100)
    expect([bucket.tryTake(), bucket.tryTake()]).toEqual([true, false])
  })

  it('saves up no more than the burst', () => {
    const clock = manualClock()
    const bucket = new TokenBucket(clock, { ratePerSecond: 1000, burst: 2 })
    expect(bucket.tryTake(2)).toBe(true)
    clock.pass(60_000)
    expect([bucket.tryTake(3), bucket.tryTake(2), bucket.tryTake()]).toEqual([false, true, false])
  })

  it('takes nothing when refused, and says what can never be had', () => {
    const bucket = new TokenBucket(manualClock(), { ratePerSecond: 1, burst: 5 })
    expect(bucket.tryTake(6)).toBe(false)
    expect(bucket.waitMs(6)).toBe(Number.POSITIVE_INFINITY)
    expect(bucket.tryTake(5)).toBe(true)
    expect(bucket.waitMs(2)).toBe(2000)
  })

  it('holds the long-term rate', () => {
    const clock = manualClock()
    const bucket = new TokenBucket(clock, { ratePerSecond: 50, burst: 5 })
    let granted = 0
    for (let i = 0; i < 10_000; i++) {
      clock.pass(1)
      if (bucket.tryTake()) granted++
    }
    expect(Math.abs(granted - 505)).toBeLessThanOrEqual(1)
  })
})

describe('keyed rate limiter', () => {
  it('limits each key by itself', () => {
    const limiter = new KeyedRateLimiter(manualClock(), { ratePerSecond: 1, burst: 1, keysMax: 10 })
    expect([limiter.tryTake('a'), limiter.tryTake('a'), limiter.tryTake('b')]).toEqual([true, false, true])
    expect([limiter.waitMs('a'), limiter.waitMs('new')]).toEqual([1000, 0])
    expect(limiter.size).toBe(2)
  })

  it('forgets the key that has asked for nothing the longest', () => {
    const clock = manualClock()
    const limiter = new KeyedRateLimiter(clock, { ratePerSecond: 1, burst: 1, keysMax: 2 })
    limiter.tryTake('a')
    limiter.tryTake('b')
    limiter.tryTake('a')
    limiter.tryTake('c')
    expect([limiter.size, limiter.evictedEarly]).toEqual([2, 1])
    expect([limiter.tryTake('a'), limiter.tryTake('b')]).toEqual([false, true])
    clock.pass(5000)
    limiter.tryTake('d')
    expect(limiter.evictedEarly).toBe(2)
  })
})
