import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LogScope } from './env.ts'
import { createRealEnv, macroTurn } from './real-env.ts'
import { silentLog } from './silent-log.ts'
import { isUlid } from './ulid.ts'

describe('real environment', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('tells wall time in seconds with a fraction, following the system clock', () => {
    const env = createRealEnv({ log: silentLog })
    vi.setSystemTime(1_234_567_890_123)
    expect(env.clock.wall()).toBe(1_234_567_890.123)
    vi.setSystemTime(1_000)
    expect(env.clock.wall()).toBe(1)
  })

  it('measures durations in milliseconds', () => {
    const env = createRealEnv({ log: silentLog })
    const start = env.clock.monotonic()
    vi.advanceTimersByTime(250)
    expect(env.clock.monotonic() - start).toBeCloseTo(250)
  })

  it('runs timers not before their time, unless cancelled', () => {
    const env = createRealEnv({ log: silentLog })
    const ran: string[] = []
    env.timers.after(10.2, () => ran.push('once'))
    env.timers.after(5, () => ran.push('never'))()
    const cancel = env.timers.every(4, () => ran.push('tick'))
    vi.advanceTimersByTime(10)
    cancel()
    expect(ran).toEqual(['tick', 'tick'])
    vi.advanceTimersByTime(1)
    expect(ran).toEqual(['tick', 'tick', 'once'])
  })

  it('waits longer than a 32-bit timeout, and can still be cancelled then', () => {
    const env = createRealEnv({ log: silentLog })
    const ran: string[] = []
    const days = 24 * 3600 * 1000
    env.timers.after(60 * days, () => ran.push('done'))
    const cancel = env.timers.after(60 * days, () => ran.push('never'))
    vi.advanceTimersByTime(60 * days - 1)
    expect(ran).toEqual([])
    cancel()
    vi.advanceTimersByTime(1)
    expect(ran).toEqual(['done'])
  })

  it('reports an error in a periodic callback and keeps it going', () => {
    const errors: unknown[] = []
    const log: LogScope = { ...silentLog, scope: () => log, error: (_message, cause) => errors.push(cause) }
    let runs = 0
    const failure = new Error('callback')
    createRealEnv({ log }).timers.every(10, () => {
      runs++
      throw failure
    })
    vi.advanceTimersByTime(30)
    expect(runs).toBe(3)
    expect(errors).toEqual([failure, failure, failure])
  })

  it('makes increasing ulids', () => {
    const { random } = createRealEnv({ log: silentLog })
    const ids = Array.from({ length: 5000 }, () => random.ulid())
    expect(ids.every(isUlid)).toBe(true)
    expect([...new Set(ids)].sort()).toEqual(ids)
  })
})

describe('macro turn', () => {
  it('lets every promise continuation run first', async () => {
    let steps = 0
    void (async () => {
      for (; steps < 100; steps++) await Promise.resolve()
    })()
    await macroTurn()
    expect(steps).toBe(100)
  })
})
