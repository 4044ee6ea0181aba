import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ALERT_BANDS, ALERT_METRICS, ALERT_PRESETS, type AlertBand, freshStreaks, hasLeft, reaches, stepBand } from './thresholds.ts'
import { dropLimits, upperMedian } from './throughput-baseline.ts'

const anyCase = fc.record({
  metric: fc.constantFrom(...ALERT_METRICS),
  preset: fc.constantFrom('default' as const, 'production' as const, 'development' as const),
  value: fc.double({ min: 0, max: 3_000, noNaN: true }),
  held: fc.option(fc.constantFrom(...ALERT_BANDS), { nil: undefined }),
})

describe('alert bands', () => {
  it('are the highest whose limit is reached, limit included', () => {
    const band = (value: number) => stepBand('avg_latency_ms', value, ALERT_PRESETS.default.avg_latency_ms, freshStreaks(), undefined, 1)
    expect([99.9, 100, 499, 500, 999, 1_000].map(band)).toEqual([undefined, 'warning', 'warning', 'error', 'error', 'critical'])
  })

  it('count from above for what is bad when it is high, from below for what is bad when it is low', () => {
    expect(reaches('health_score', 80, 80)).toBe(true)
    expect(reaches('health_score', 80.1, 80)).toBe(false)
    expect(reaches('cpu_usage_percent', 69.9, 70)).toBe(false)
  })

  it('are never left and reached at the same time', () => {
    fc.assert(
      fc.property(anyCase, ({ metric, preset, value }) => {
        for (const band of ALERT_BANDS) {
          const limit = ALERT_PRESETS[preset][metric][band]
          expect(reaches(metric, value, limit) && hasLeft(metric, value, limit)).toBe(false)
        }
      }),
    )
  })

  it('hold for as long as the value stands still', () => {
    fc.assert(
      fc.property(anyCase, ({ metric, preset, value, held }) => {
        const limits = ALERT_PRESETS[preset][metric]
        const step = (from: AlertBand | undefined) => stepBand(metric, value, limits, freshStreaks(), from, 1)
        const first = step(held)
        expect(step(first)).toBe(first)
      }),
    )
  })
})

describe('limits of a drop', () => {
  it('are shares of the normal, and mended when they are in the wrong order', () => {
    expect(dropLimits(20, { warning: 0.5, error: 0.2, critical: 0.05 })).toEqual({ warning: 10, error: 4, critical: 1 })
    expect(dropLimits(100, { warning: 0.1, error: 0.2, critical: 0.5 })).toEqual({ warning: 50, error: 50, critical: 50 })
  })

  it('stand on the upper of two middle samples', () => {
    expect(upperMedian([4, 1, 3, 2])).toBe(3)
  })
})
