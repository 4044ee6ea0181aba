import { describe, expect, it } from 'vitest'
import { forEachAtMost, goodbyeBudget } from './goodbye.ts'

describe('the goodbye budget', () => {
  it.each([
    // known, active, unconnected -> dials, at once
    [0, 0, 0, 0, 2],
    [1, 0, 1, 1, 2],
    [8, 3, 5, 5, 3],
    [9, 0, 9, 3, 4],
    [9, 8, 1, 1, 4],
    [25, 16, 9, 3, 6],
    [25, 24, 1, 1, 6],
    [64, 64, 0, 0, 8],
    [400, 20, 380, 18, 8],
  ])('of %d known, %d linked, %d not: %d dials, %d at once', (known, active, unconnected, temporaryDials, concurrency) => {
    expect(goodbyeBudget(known, active, unconnected)).toEqual({ temporaryDials, concurrency })
  })

  it('never dials more at once than it may', async () => {
    let running = 0
    let most = 0
    const done: number[] = []
    await forEachAtMost([1, 2, 3, 4, 5, 6, 7], 3, async (n) => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
      done.push(n)
    })
    expect(most).toBe(3)
    expect(done).toHaveLength(7)
  })
})
