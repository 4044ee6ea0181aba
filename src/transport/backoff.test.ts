import { describe, expect, it } from 'vitest'
import { backoffMs } from './backoff.ts'

const PLAIN = { initialMs: 1000, factor: 2, maxMs: 30_000, jitter: 0 }

describe('backoff', () => {
  it.each([
    [0, 0],
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [5, 16_000],
    [6, 30_000],
    [7, 30_000],
    [5000, 30_000],
  ])('after %i failures waits %i ms without jitter', (failures, expected) => {
    expect(backoffMs(failures, 0.7, PLAIN)).toBe(expected)
  })

  it.each([
    [0, 1000],
    [0.5, 1500],
    [0.999, 1999],
  ])('spreads over the upper half by default: chance %f of 2 s gives %i ms', (chance, expected) => {
    expect(backoffMs(2, chance)).toBe(expected)
  })
})
