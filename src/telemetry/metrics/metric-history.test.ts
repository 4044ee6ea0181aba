import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createMetricHistory, UnknownMetricError } from './metric-history.ts'

async function recorded(minutes: number) {
  const env = createVirtualEnv({ seed: 1 })
  const history = createMetricHistory(env.clock, ['value', 'never'])
  let n = 0
  env.timers.every(5_000, () => history.append({ value: n++, never: null }))
  await env.advance(minutes * 60_000)
  return { env, history, count: n }
}

describe('metric history', () => {
  it('answers with the mean of each resolution step, at its newest point (monitoring check 8)', async () => {
    const { env, history } = await recorded(10)
    const series = history.series('value', 1, 1)
    expect(series).toHaveLength(11)
    // Points of a full minute: 12 values, in a row.
    expect(series[1]?.[1]).toBeCloseTo((series[0]?.[1] as number) + 11.5, 5)
    expect(series.at(-1)?.[0]).toBe(env.clock.wall())
    expect(history.series('value', 1, 5)).toHaveLength(3)
  })

  it('keeps an hour in full and a day by the minute, and no more', async () => {
    const { env, history } = await recorded(26 * 60)
    expect(history.points).toBe(720 + 1440)
    const day = history.series('value', 24, 1)
    expect(day.length).toBeGreaterThan(1_430)
    expect(day.length).toBeLessThan(1_450)
    expect(env.clock.wall() - (day[0]?.[0] as number)).toBeGreaterThan(23.9 * 3600)
    for (let i = 1; i < day.length; i++) expect(day[i]?.[1]).toBeGreaterThan(day[i - 1]?.[1] as number)
    expect(history.series('value', 1, 0)).toHaveLength(720)
  })

  it('has no point where there was no value', async () => {
    const { history } = await recorded(5)
    expect(history.series('never', 1, 1)).toEqual([])
  })

  it('names the metrics there are when asked for another', async () => {
    const { history } = await recorded(1)
    expect(() => history.series('valeu', 1, 1)).toThrow(UnknownMetricError)
    expect(() => history.series('valeu', 1, 1)).toThrow('Unknown metric "valeu" (did you mean "value"?); known metrics: never, value')
  })

  it('is not confused by a step of the wall clock', async () => {
    const { env, history } = await recorded(10)
    env.shiftWall(86_400)
    expect(history.series('value', 1, 0).length).toBe(120)
  })
})
