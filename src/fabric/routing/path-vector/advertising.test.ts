import { describe, expect, it } from 'vitest'
import { remainingTtl } from './advertising.ts'

describe('the lifetime that is passed on', () => {
  it.each([
    [30, 0, 30],
    [30, 999, 30],
    [30, 1000, 29],
    [30, 25_400, 5],
    [1, 600, 1],
    [12.5, 2000, 10.5],
  ])('of %d s after %d ms is %d s', (ttlSeconds, ageMs, remaining) => {
    expect(remainingTtl({ ttlSeconds, receivedMs: 500 }, 500 + ageMs)).toBe(remaining)
  })
})
