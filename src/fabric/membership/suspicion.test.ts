import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SUSPECTERS_MAX } from './constants.ts'
import {
  confirmSuspicion,
  type Suspicion,
  suspicionBoundsMs,
  suspicionDeadlineMs,
  suspicionLevel,
  suspicionTimeoutMs,
} from './suspicion.ts'

describe('the suspicion timeout', () => {
  it.each([
    [0, 3, 30_000],
    [1, 3, 16_000],
    [2, 3, 7_810],
    [3, 3, 2_000],
    [4, 3, 2_000],
    [40, 3, 2_000],
    [0, 0, 2_000],
  ])('%d confirmations of %d expected: %d ms', (confirmations, expected, ms) => {
    expect(suspicionTimeoutMs(confirmations, expected, 2_000, 30_000)).toBeCloseTo(ms, -1)
  })

  it('never rises with confirmations, and stays within its bounds', () => {
    fc.assert(
      fc.property(
        fc.nat(50),
        fc.nat(20),
        fc.integer({ min: 1, max: 60_000 }),
        fc.integer({ min: 1, max: 10 }),
        (n, expected, min, beta) => {
          const now = suspicionTimeoutMs(n, expected, min, min * beta)
          expect(now).toBeGreaterThanOrEqual(min)
          expect(now).toBeLessThanOrEqual(min * beta)
          expect(suspicionTimeoutMs(n + 1, expected, min, min * beta)).toBeLessThanOrEqual(now)
        },
      ),
    )
  })

  it.each([
    [1, 5_000, 30_000],
    [10, 5_000, 30_000],
    [100, 10_000, 60_000],
    [1_000, 15_000, 90_000],
  ])('a group of %d waits from %d to %d ms', (members, minMs, maxMs) => {
    expect(suspicionBoundsMs(members, 1_000, 5, 6)).toEqual({ minMs, maxMs })
  })

  it('has a least that equals the most when beta is 1', () => {
    expect(suspicionBoundsMs(100, 2_000, 4, 1)).toEqual({ minMs: 16_000, maxMs: 16_000 })
  })
})

describe('a suspicion', () => {
  const suspicion = (): Suspicion => ({ startedMs: 100, expected: 3, minMs: 1_000, maxMs: 6_000, suspecters: new Map(), extensions: 0 })

  it('is shortened by others, not by the same member again', () => {
    const open = suspicion()
    expect(confirmSuspicion(open, 'a', 'e1', 1)).toBe(true)
    expect(suspicionDeadlineMs(open)).toBe(6_100)
    expect(confirmSuspicion(open, 'a', 'e2', 2)).toBe(false)
    expect(suspicionDeadlineMs(open)).toBe(6_100)
    expect(confirmSuspicion(open, 'b', 'e3', 3)).toBe(true)
    expect(suspicionDeadlineMs(open)).toBe(3_600)
  })

  it('remembers a bounded number of suspecters', () => {
    const open = suspicion()
    for (let i = 0; i < 100; i++) confirmSuspicion(open, `n${i}`, 'e', 1)
    expect(open.suspecters.size).toBe(SUSPECTERS_MAX)
  })

  it.each([
    [0, 0],
    [1, 1 / 3],
    [2, 2 / 3],
    [3, 1],
    [9, 1],
  ])('by %d members has level %d', (suspecters, level) => {
    expect(suspicionLevel(suspecters)).toBeCloseTo(level)
  })
})
