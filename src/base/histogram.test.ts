import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from './histogram.ts'

const value = fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1e12, noNaN: true }), fc.integer({ min: 0, max: 1000 }))
const values = fc.array(value, { minLength: 1, maxLength: 200 })

const of = (list: readonly number[]) => {
  const histogram = new Histogram()
  for (const one of list) histogram.record(one)
  return histogram
}

describe('histogram', () => {
  it('gives every quantile within 1.6 %', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
        const sorted = [...list].sort((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil(q * list.length) - 1)] as number
        expect(Math.abs((of(list).quantile(q) as number) - exact)).toBeLessThanOrEqual(exact / 62)
      }),
    )
  })

  it('knows count, sum, mean, minimum and maximum exactly', () => {
    const histogram = of([3, 0, 5, 4])
    expect(histogram).toMatchObject({ count: 4, sum: 12, mean: 3, min: 0, max: 5 })
    expect([histogram.quantile(0), histogram.quantile(1)]).toEqual([0, 5])
  })

  it('invents nothing while empty', () => {
    const histogram = new Histogram()
    expect([histogram.min, histogram.max, histogram.mean, histogram.quantile(0.5)]).toEqual([undefined, undefined, undefined, undefined])
    expect(histogram.buckets()).toEqual([])
    expect(histogram.cumulative([1])).toEqual([0])
  })

  it('drops what can not be a measurement, and counts it', () => {
    const histogram = of([-1, Number.NaN, Number.POSITIVE_INFINITY, 1])
    expect(histogram).toMatchObject({ count: 1, dropped: 3, sum: 1 })
  })

  it('counts the absurdly small as zero and the absurdly large in the last bucket', () => {
    const histogram = of([Number.MIN_VALUE, 1e300, 0])
    expect(histogram.buckets().map((bucket) => bucket.count)).toEqual([2, 1])
    expect(histogram.buckets().at(-1)?.upper).toBe(2 ** 60)
    expect(histogram.quantile(1)).toBe(1e300)
  })

  it('merges to what recording everything in one would have given', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const merged = of(a)
        merged.merge(of(b))
        const whole = of([...a, ...b])
        expect(merged.buckets()).toEqual(whole.buckets())
        expect([merged.count, merged.min, merged.max, merged.quantile(0.9)]).toEqual([
          whole.count,
          whole.min,
          whole.max,
          whole.quantile(0.9),
        ])
        expect(merged.sum).toBeCloseTo(whole.sum, 0)
      }),
    )
  })

  it('lists ascending buckets that hold every value below their bound', () => {
    fc.assert(
      fc.property(values, (list) => {
        const buckets = of(list).buckets()
        let below = 0
        let previous = -1
        for (const { upper, count } of buckets) {
          expect(upper).toBeGreaterThan(previous)
          previous = upper
          below += count
          expect(below).toBe(list.filter((one) => one < upper || (one === 0 && upper === 0)).length)
        }
        expect(below).toBe(list.length)
      }),
    )
  })

  it('counts cumulatively for given bounds, exactly where a bound is a power of two', () => {
    const histogram = of([0, 0.5, 1.5, 3, 100])
    expect(histogram.cumulative([0, 1, 2, 4, 64, 128])).toEqual([1, 2, 3, 4, 4, 5])
    expect(histogram.cumulative([100])).toEqual([5])
  })

  it('starts over after a reset', () => {
    const histogram = of([1, 2, 3])
    histogram.reset()
    expect(histogram).toMatchObject({ count: 0, sum: 0, dropped: 0, min: undefined })
    histogram.record(7)
    expect(histogram.quantile(0.5)).toBe(7)
  })
})
