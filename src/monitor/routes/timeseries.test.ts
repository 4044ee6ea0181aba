import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TimeseriesPoint } from '../../wire/index.ts'
import { meanPerBucket } from './timeseries.ts'

const points = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: -50, max: 50 })))
  .map((list): TimeseriesPoint[] => list.sort(([a], [b]) => a - b))

describe('resolution of a time series', () => {
  it('gives each bucket one point: the mean, at the time of the last', () => {
    expect(
      meanPerBucket(
        [
          [0, 1],
          [30, 3],
          [59, 5],
          [60, 7],
        ],
        60,
      ),
    ).toEqual([
      [59, 3],
      [60, 7],
    ])
  })

  it('loses no value, whatever the points', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 300 }), (list, seconds) => {
        const buckets = Map.groupBy(list, ([time]) => Math.floor(time / seconds))
        const means = meanPerBucket(list, seconds)
        expect(means).toHaveLength(buckets.size)
        for (const [at, values] of [...buckets.values()].entries()) {
          expect(means[at]?.[0]).toBe(values.at(-1)?.[0])
          expect(means[at]?.[1]).toBeCloseTo(values.reduce((sum, [, value]) => sum + value, 0) / values.length, 9)
        }
      }),
    )
  })
})
