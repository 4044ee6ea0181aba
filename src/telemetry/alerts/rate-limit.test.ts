import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRateLimit } from './rate-limit.ts'

describe('a rate limit', () => {
  it('lets never more than the limit pass in any window, and refuses nothing that fits', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (pauses, eventsMax) => {
        let nowMs = 0
        const limit = createRateLimit({ monotonic: () => nowMs }, eventsMax, 1_000)
        const passed: number[] = []
        for (const pauseMs of pauses) {
          nowMs += pauseMs
          const recent = passed.filter((atMs) => nowMs - atMs < 1_000).length
          const isPassed = limit.tryPass()
          expect(isPassed).toBe(recent < eventsMax)
          if (isPassed) passed.push(nowMs)
        }
      }),
    )
  })
})
