import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createAlarms } from './alarms.ts'

/** Timers of a process that stands still: nothing fires until `goOn`. */
function stallable() {
  const env = createVirtualEnv({ seed: 1 })
  let stalled = false
  let waiting: (() => void)[] = []
  const pausesMs: number[] = []
  const alarms = createAlarms({
    clock: env.clock,
    timers: { after: (ms, fn) => env.timers.after(ms, () => (stalled ? waiting.push(fn) : fn())), every: env.timers.every },
    pauseMs: 100,
    onPause: (ms) => pausesMs.push(ms),
  })
  return {
    env,
    alarms,
    pausesMs,
    async standStill(ms: number) {
      stalled = true
      await env.advance(ms)
      stalled = false
      const due = waiting
      waiting = []
      for (const fn of due) fn()
    },
  }
}

describe('an alarm', () => {
  it('rings once, in time, unless cancelled', async () => {
    const { env, alarms, pausesMs } = stallable()
    const rung: [string, number][] = []
    alarms.set(50, (late) => rung.push(['a', late]))
    const cancelled = alarms.set(60, (late) => rung.push(['b', late]))
    alarms.cancel(cancelled)
    alarms.cancel(undefined)
    await env.advance(1_000)
    expect(rung).toEqual([['a', 0]])
    expect(pausesMs).toEqual([])
  })

  it('knows how late it is, and a pause is reported once, before those it delayed', async () => {
    const { alarms, pausesMs, standStill } = stallable()
    const rung: [string, number, number][] = []
    alarms.set(200, (late) => rung.push(['second', late, pausesMs.length]))
    alarms.set(50, (late) => rung.push(['first', late, pausesMs.length]))
    await standStill(1_000)
    expect(rung).toEqual([
      ['first', 950, 1],
      ['second', 800, 1],
    ])
    expect(pausesMs).toEqual([950])
    alarms.set(10, () => {})
    await standStill(500)
    expect(pausesMs).toEqual([950, 490])
  })

  it('may be a little late', async () => {
    const { alarms, pausesMs, standStill } = stallable()
    alarms.set(50, () => {})
    await standStill(150)
    expect(pausesMs).toEqual([])
  })
})
