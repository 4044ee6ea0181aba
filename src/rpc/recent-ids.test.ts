import { describe, expect, it } from 'vitest'
import { RecentIds } from './recent-ids.ts'

describe('recent ids', () => {
  it('knows the last ones, forgets the oldest, and keeps no more than it may', () => {
    const ids = new RecentIds(10)
    const known = (to: number) => Array.from({ length: to }, (_, n) => n).filter((n) => ids.has(`id${n}`))
    for (let n = 0; n < 1000; n++) {
      ids.add(`id${n}`)
      const kept = known(n + 1)
      expect(kept.length).toBeLessThanOrEqual(10)
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(n + 1, 5))
      expect(kept.at(-1)).toBe(n)
    }
  })
})
