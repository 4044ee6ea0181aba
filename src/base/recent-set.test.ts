import { describe, expect, it } from 'vitest'
import { RecentSet } from './recent-set.ts'
import { createVirtualEnv } from './virtual-env.ts'

describe('a set that forgets', () => {
  it('knows a key for the window, and not for ever', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const set = new RecentSet(env.clock, { windowMs: 1_000, keysMax: 100 })
    expect(set.add('a')).toBe(true)
    await env.advance(1_000)
    expect(set.add('b')).toBe(true)
    expect(set.has('a')).toBe(true)
    expect(set.add('a')).toBe(false)
    await env.advance(2_000)
    set.add('c')
    expect(set.has('a')).toBe(false)
  })

  it('holds no more keys than it may', () => {
    const env = createVirtualEnv({ seed: 1 })
    const set = new RecentSet(env.clock, { windowMs: 1_000, keysMax: 10 })
    for (let i = 0; i < 100; i++) set.add(String(i))
    expect(set.size).toBeLessThanOrEqual(10)
    expect(set.has('99')).toBe(true)
  })
})
