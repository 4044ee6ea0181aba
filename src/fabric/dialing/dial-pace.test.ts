import { describe, expect, it } from 'vitest'
import { dialBudget, dialParallelism, reconcileIntervalSeconds } from './dial-pace.ts'

const rounded = (value: number) => Number(value.toPrecision(4))
const mesh = (targets: number, connectedRatio: number) => ({ targets, connectedRatio })

describe('the pace of dialing', () => {
  it.each([
    [9, 1, 3, 1.667],
    [9, 0, 3, 2.708],
    [16, 1, 4, 1.25],
    [25, 0.4, 2, 2.125],
    [49, 0.3, 1, 2.277],
    [49, 0.8, 3, 1.161],
    [20, 0.1, 2, 2.673],
  ])('control plane check 28: with g=5, n=%d, c=%d: %d dials at once, a round every %d s', (n, c, parallelism, interval) => {
    expect(dialParallelism(mesh(n, c)).dials).toBe(parallelism)
    expect(rounded(reconcileIntervalSeconds(n, c, 5))).toBe(interval)
  })

  it.each([
    [24, 0.19, 3],
    [24, 0.2, 2],
    [20, 0.14, 2],
    [20, 0.15, 2],
    [36, 0.14, 3],
    [1, 0, 1],
    [400, 0, 3],
  ])('n=%d, c=%d still makes %d dials at once when links are missing', (n, c, parallelism) => {
    expect(dialParallelism(mesh(n, c)).dials).toBe(parallelism)
  })

  it('has a round every gossip interval, at least 0.2 s apart, when there is nobody', () => {
    expect([reconcileIntervalSeconds(0, 0, 5), reconcileIntervalSeconds(0, 0, 0.05)]).toEqual([5, 0.2])
  })
})

describe('the budget of a round', () => {
  it.each([
    ['two batches without pressure', 9, 1, { parallelism: 3, due: 20, missing: 20 }, 6],
    ['one batch when strained', 49, 0.4, { parallelism: 1, due: 20, missing: 20 }, 1],
    ['no more than are due, but a batch', 9, 1, { parallelism: 3, due: 1, missing: 20 }, 3],
    ['one dial more when links are scarce', 49, 0.3, { parallelism: 1, due: 20, missing: 20 }, 2],
    ['never more than links are missing', 9, 0, { parallelism: 3, due: 20, missing: 1 }, 1],
    ['none when there are links to spare', 30, 0.9, { parallelism: 3, due: 3, missing: -4 }, 0],
  ])('is %s', (_, n, c, facts, budget) => {
    expect(dialBudget(mesh(n, c), facts)).toBe(budget)
  })
})
