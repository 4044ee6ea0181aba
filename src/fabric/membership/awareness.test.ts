import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAwareness, latenessPoints } from './awareness.ts'

describe('local health', () => {
  it('falls with unanswered probes, missing nacks and refutations, and recovers with answers', () => {
    const awareness = createAwareness({ max: 8, probeTimeoutMs: 500 })
    awareness.probeFailed(undefined)
    awareness.refuted()
    awareness.probeFailed(2)
    expect(awareness.score).toBe(4)
    awareness.probeAnswered()
    expect(awareness.score).toBe(3)
    expect(awareness.scaled(500)).toBe(2000)
    expect(awareness.snapshot()).toEqual({
      local_health: 3,
      local_health_max: 8,
      points: { probe_failed: 1, nack_missed: 2, refuted: 1, timer_late: 0, probe_answered: 1 },
    })
  })

  it('does not suffer from a failed probe when all relays say that they are well', () => {
    const awareness = createAwareness({ max: 8, probeTimeoutMs: 500 })
    awareness.probeFailed(0)
    expect(awareness.score).toBe(0)
  })

  it.each([
    [0, 0],
    [249, 0],
    [250, 1],
    [1_000, 3],
    [60_000, 3],
  ])('a timer late by %d ms costs %d points', (lateness, points) => {
    expect(latenessPoints(lateness, 500, 8)).toBe(points)
  })

  it('stays between 0 and its maximum, whatever happens', () => {
    const step = fc.oneof(
      fc.constant('answered' as const),
      fc.constant('refuted' as const),
      fc.record({ missing: fc.option(fc.nat(5), { nil: undefined }) }),
      fc.record({ lateMs: fc.nat(100_000) }),
    )
    fc.assert(
      fc.property(fc.nat(8), fc.array(step), (max, steps) => {
        const awareness = createAwareness({ max, probeTimeoutMs: 500 })
        for (const next of steps) {
          if (next === 'answered') awareness.probeAnswered()
          else if (next === 'refuted') awareness.refuted()
          else if ('lateMs' in next) awareness.timerLate(next.lateMs)
          else awareness.probeFailed(next.missing)
          expect(awareness.score).toBeGreaterThanOrEqual(0)
          expect(awareness.score).toBeLessThanOrEqual(max)
        }
      }),
    )
  })
})
