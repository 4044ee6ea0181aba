import { describe, expect, it } from 'vitest'
import { createVirtualEnv, createVirtualTime } from './virtual-env.ts'

describe('virtual time', () => {
  it('stands still until advanced, and then moves exactly', async () => {
    const env = createVirtualEnv({ seed: 1, startWall: 1000 })
    expect([env.clock.monotonic(), env.clock.wall()]).toEqual([0, 1000])
    await env.advance(1500)
    expect([env.clock.monotonic(), env.clock.wall()]).toEqual([1500, 1001.5])
  })

  it('runs due timers by time, then by order of insertion, each at its own time', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const ran: string[] = []
    const note = (name: string) => () => ran.push(`${name}@${env.clock.monotonic()}`)
    env.timers.after(20, note('c'))
    env.timers.after(10, note('a'))
    env.timers.after(10, note('b'))
    env.timers.after(31, note('late'))
    await env.advance(30)
    expect(ran).toEqual(['a@10', 'b@10', 'c@20'])
    expect(env.pendingTimers).toBe(1)
  })

  it('keeps thousands of timers in order', async () => {
    const env = createVirtualEnv({ seed: 5 })
    const ran: number[] = []
    for (let i = 0; i < 1000; i++) {
      const ms = env.random.int(500)
      const cancel = env.timers.after(ms, () => ran.push(ms))
      if (i % 3 === 0) cancel()
    }
    await env.advance(500)
    expect(ran.length).toBe(666)
    expect(ran).toEqual([...ran].sort((a, b) => a - b))
  })

  it('runs timers armed by timers within the same advance', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const times: number[] = []
    const tick = () => {
      times.push(env.clock.monotonic())
      env.timers.after(10, tick)
    }
    env.timers.after(10, tick)
    await env.advance(35)
    expect(times).toEqual([10, 20, 30])
  })

  it('follows every promise continuation before the next event', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const seen: number[] = []
    const deep = async () => {
      for (let i = 0; i < 50; i++) await Promise.resolve()
      seen.push(env.clock.monotonic())
      await new Promise<void>((resolve) => env.timers.after(5, resolve))
      seen.push(env.clock.monotonic())
    }
    env.timers.after(1, () => void deep())
    env.timers.after(2, () => {})
    void deep()
    await env.advance(100)
    expect(seen).toEqual([0, 1, 5, 6])
  })

  it('repeats periodic timers until cancelled, even if they throw', async () => {
    const env = createVirtualEnv({ seed: 1 })
    let runs = 0
    const cancel = env.timers.every(10, () => {
      runs++
      if (runs === 2) throw new Error('second run')
      if (runs === 4) cancel()
    })
    await expect(env.advance(25)).rejects.toThrow('second run')
    expect(env.clock.monotonic()).toBe(25)
    await env.advance(1000)
    expect(runs).toBe(4)
    expect(env.pendingTimers).toBe(0)
  })

  it('cancels once and for all', async () => {
    const env = createVirtualEnv({ seed: 1 })
    let ran = false
    const cancel = env.timers.after(10, () => {
      ran = true
    })
    cancel()
    cancel()
    expect(env.pendingTimers).toBe(0)
    await env.advance(20)
    expect(ran).toBe(false)
    const late = env.timers.after(1, () => {})
    await env.advance(1)
    late()
    expect(env.pendingTimers).toBe(0)
  })

  it('stops as soon as a condition holds, and says whether it did', async () => {
    const env = createVirtualEnv({ seed: 1 })
    let count = 0
    env.timers.every(10, () => count++)
    expect(await env.runUntil(() => count === 3, 1000)).toBe(true)
    expect(env.clock.monotonic()).toBe(30)
    expect(await env.runUntil(() => count === 100, 50)).toBe(false)
    expect(env.clock.monotonic()).toBe(80)
  })

  it('steps the wall clock without disturbing timers', async () => {
    const time = createVirtualTime({ startWall: 100 })
    let ran = false
    time.timers.after(1000, () => {
      ran = true
    })
    time.shiftWall(-50)
    await time.advance(999)
    expect([time.clock.wall(), ran]).toEqual([50.999, false])
    await time.advance(1)
    expect(ran).toBe(true)
  })

  it('refuses to be advanced from within', async () => {
    const env = createVirtualEnv({ seed: 1 })
    let inner: Promise<unknown> = Promise.resolve()
    env.timers.after(1, () => {
      inner = expect(env.advance(1)).rejects.toThrow('already being advanced')
    })
    await env.advance(5)
    await inner
  })

  it('fixes all chance by the seed', () => {
    const ids = (seed: number) => {
      const { random } = createVirtualEnv({ seed })
      return [random.ulid(), random.ulid(), random.next(), ...random.bytes(3)]
    }
    expect(ids(1)).toEqual(ids(1))
    expect(ids(1)).not.toEqual(ids(2))
  })
})
