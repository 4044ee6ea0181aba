import { describe, expect, it } from 'vitest'
import { createSpanClock } from './span-clock.ts'

describe('the clock of spans', () => {
  it('is finer than the wall clock, and follows it when that is set', () => {
    const times = { wall: 1000, monotonic: 0 }
    const now = createSpanClock({ wall: () => times.wall, monotonic: () => times.monotonic })
    times.monotonic = 0.25
    expect(now()).toBeCloseTo(1000.00025, 6)
    times.monotonic = 10_000.5
    times.wall = 1010
    expect(now()).toBeCloseTo(1010.0005, 6)
    // Set back by a minute.
    times.wall = 950
    expect(now()).toBe(950)
    times.monotonic += 2
    times.wall = 950.002
    expect(now()).toBeCloseTo(950.002, 6)
  })
})
