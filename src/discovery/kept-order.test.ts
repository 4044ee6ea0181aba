import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keepInOrder } from './kept-order.ts'

interface Item {
  readonly rank: number
}

const items = Array.from({ length: 40 }, (_, at): Item => ({ rank: at }))
const byRank = (a: Item, b: Item): number => a.rank - b.rank

describe('a kept order', () => {
  it('is that of sorting anew, whatever came and went', () => {
    fc.assert(
      fc.property(fc.array(fc.shuffledSubarray(items)), (questions) => {
        const order = keepInOrder(byRank)
        for (const current of questions) expect(order(current)).toEqual([...current].sort(byRank))
      }),
    )
  })

  it('compares nothing when nothing has changed, and little when little has', () => {
    let comparisons = 0
    const order = keepInOrder<Item>((a, b) => {
      comparisons++
      return byRank(a, b)
    })
    const many = Array.from({ length: 10_000 }, (_, at) => ({ rank: (at * 7919) % 10_007 }))
    order(many)
    expect(comparisons).toBeGreaterThan(50_000)
    comparisons = 0
    order([...many].reverse())
    expect(comparisons).toBe(0)
    order([...many.slice(10), { rank: 0.5 }])
    expect(comparisons).toBeLessThan(20_000)
  })
})
