import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { KeepAlive } from './keep-alive.ts'

function subject() {
  const sweeps: number[] = []
  return { pingIntervalMs: 20_000, pongTimeoutMs: 20_000, sweeps, sweep: (nowMs: number) => void sweeps.push(nowMs) }
}

describe('keep-alive', () => {
  it('watches any number of connections with one timer, and none with none', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const keepAlive = new KeepAlive(env)
    expect(env.pendingTimers).toBe(0)
    const subjects = Array.from({ length: 1000 }, subject)
    for (const each of subjects) keepAlive.add(each)
    expect(env.pendingTimers).toBe(1)
    await env.advance(3000)
    expect(subjects[999]?.sweeps).toEqual([1000, 2000, 3000])
    for (const each of subjects) keepAlive.delete(each)
    expect(env.pendingTimers).toBe(0)
  })

  it('spreads the first pings over the second half of the interval', () => {
    const keepAlive = new KeepAlive(createVirtualEnv({ seed: 1 }))
    const due = Array.from({ length: 100 }, () => keepAlive.add(subject()))
    expect(Math.min(...due)).toBeGreaterThanOrEqual(10_000)
    expect(Math.max(...due)).toBeLessThanOrEqual(20_000)
    expect(new Set(due).size).toBeGreaterThan(90)
  })

  it('sweeps as often as the shortest period needs', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const keepAlive = new KeepAlive(env)
    const fast = { ...subject(), pongTimeoutMs: 40 }
    keepAlive.add(subject())
    keepAlive.add(fast)
    await env.advance(100)
    expect(fast.sweeps).toHaveLength(10)
  })

  it('does not count time this process stood still', async () => {
    const env = createVirtualEnv({ seed: 1 })
    let skewMs = 0
    const clock = { wall: env.clock.wall, monotonic: () => env.clock.monotonic() + skewMs }
    const keepAlive = new KeepAlive({ ...env, clock })
    const watched = subject()
    keepAlive.add(watched)
    await env.advance(1000)
    skewMs = 60_000
    await env.advance(1000)
    expect(watched.sweeps).toEqual([1000, 3000])
  })
})
