import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TREND_RULES, trendOf } from './trend.ts'

const from = (first: number, last: number) => [first, first, first, last, last, last]

describe('trend', () => {
  it('reads a metric for what it means', () => {
    expect(trendOf(from(100, 50), TREND_RULES.latency)).toBe('improving')
    expect(trendOf(from(100, 50), TREND_RULES.throughput)).toBe('degrading')
    expect(trendOf(from(50, 100), TREND_RULES.latency)).toBe('degrading')
    expect(trendOf(from(50, 100), TREND_RULES.throughput)).toBe('improving')
  })

  it('does not make much of little', () => {
    expect(trendOf(from(0, 0.4), TREND_RULES.latency)).toBe('stable')
    expect(trendOf(from(0, 0.4), TREND_RULES.error_rate)).toBe('stable')
    expect(trendOf(from(100, 109), TREND_RULES.latency)).toBe('stable')
    expect(trendOf(from(0, 40), TREND_RULES.latency)).toBe('degrading')
  })

  it('says nothing of fewer than six values', () => {
    expect(trendOf([1, 2, 3, 4, 5], TREND_RULES.latency)).toBe('insufficient_data')
  })

  it('says the opposite of a series read backwards in most cases, and stable only both ways', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 6, maxLength: 30 }), (values) => {
        const there = trendOf(values, TREND_RULES.throughput)
        const back = trendOf(values.toReversed(), TREND_RULES.throughput)
        expect(there === 'improving' && back === 'improving').toBe(false)
        expect(there === 'degrading' && back === 'degrading').toBe(false)
      }),
    )
  })
})
