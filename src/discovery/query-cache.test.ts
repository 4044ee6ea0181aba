import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createQueryCache, type QueryCacheOptions } from './query-cache.ts'

function setUp(options: Partial<QueryCacheOptions> = {}) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const cache = createQueryCache(env, { ttlSeconds: 10, staleSeconds: 20, negativeTtlSeconds: 5, entriesMax: 100, ...options })
  let evaluations = 0
  let items: string[] = ['a']
  return {
    env,
    cache,
    ask: (key = 'q') =>
      cache.recall('catalog', key, () => {
        evaluations++
        return items
      }),
    set: (now: string[]) => {
      items = now
    },
    evaluations: () => evaluations,
  }
}

describe('query cache', () => {
  it('gives out a fresh answer with the time it was worked out at', async () => {
    const { ask, cache, env, evaluations } = setUp()
    expect(ask()).toEqual({ items: ['a'], generatedAt: 100 })
    await env.advance(10_000)
    expect(ask()).toEqual({ items: ['a'], generatedAt: 100 })
    expect(evaluations()).toBe(1)
    expect(cache.snapshot()).toMatchObject({ catalog_entries: 1, catalog_misses: 1, catalog_hits: 1, catalog_stale_serves: 0 })
  })

  it('serves a stale answer and works out a new one behind it, once, at its own time (rpc check 26)', async () => {
    const { ask, cache, env, evaluations, set } = setUp()
    ask()
    await env.advance(10_001)
    set(['a', 'b'])
    expect([ask(), ask()]).toEqual([
      { items: ['a'], generatedAt: 100 },
      { items: ['a'], generatedAt: 100 },
    ])
    await env.advance(1)
    expect(evaluations()).toBe(2)
    expect(ask()).toEqual({ items: ['a', 'b'], generatedAt: 110.001 })
    expect(cache.snapshot()).toMatchObject({ catalog_stale_serves: 2, catalog_refreshes: 1, catalog_hits: 1 })
  })

  it('is stale at once when what is queried has changed, and useless after the stale time', async () => {
    const { ask, cache, env, set } = setUp()
    ask()
    set(['b'])
    cache.outdate()
    expect(ask().items).toEqual(['a'])
    await env.advance(1)
    expect(ask().items).toEqual(['b'])
    set(['c'])
    await env.advance(31_000)
    expect(ask().items).toEqual(['c'])
    expect(cache.snapshot()).toMatchObject({ catalog_misses: 2, catalog_stale_serves: 1 })
  })

  it('keeps an empty answer for its own time and counts its repetitions (rpc check 26)', async () => {
    const { ask, cache, env, set } = setUp()
    set([])
    ask()
    ask()
    expect(cache.snapshot()).toMatchObject({ catalog_negative_hits: 1, catalog_hits: 1 })
    await env.advance(5_001)
    ask()
    expect(cache.snapshot().catalog_stale_serves).toBe(1)
  })

  it('is bounded over all kinds, the oldest answer goes first; with no room it keeps nothing', () => {
    const { ask, cache, evaluations } = setUp({ entriesMax: 2 })
    ask('a')
    cache.recall('cluster_map', 'a', () => [1])
    ask('b')
    expect(cache.snapshot()).toMatchObject({ catalog_entries: 1, cluster_map_entries: 1 })
    ask('b')
    ask('a')
    expect(evaluations()).toBe(3)
    const none = setUp({ entriesMax: 0 })
    none.ask()
    none.ask()
    expect(none.evaluations()).toBe(2)
    expect(none.cache.snapshot().catalog_entries).toBe(0)
  })

  it('holds so many items at most, in however few answers', async () => {
    const { ask, cache, env, set } = setUp({ itemsMax: 5 })
    const kept = () => cache.snapshot().catalog_entries
    set(['a', 'b'])
    for (const key of ['x', 'y', 'z']) ask(key)
    expect(kept()).toBe(2)
    set([...'abcdef'])
    expect(ask('whole').items).toHaveLength(6)
    expect(kept()).toBe(2)
    // What has gone makes room again.
    await env.advance(30_001)
    cache.prune()
    set([...'abcde'])
    ask('x')
    expect(kept()).toBe(1)
    cache.clear()
    ask('y')
    expect(kept()).toBe(1)
  })

  it('drops a kept answer whose refresh fails, so that the next question fails too', async () => {
    const { cache, env } = setUp({ ttlSeconds: 0 })
    let fails = false
    const ask = () =>
      cache.recall('catalog', 'q', () => {
        if (fails) throw new Error('broken')
        return ['a']
      })
    ask()
    fails = true
    await env.advance(1_000)
    expect(ask().items).toEqual(['a'])
    await env.advance(1)
    expect(ask).toThrow('broken')
  })

  it('forgets everything at once, what is being refreshed included', async () => {
    const { ask, cache, env, evaluations, set } = setUp({ ttlSeconds: 0 })
    ask()
    await env.advance(1)
    ask()
    cache.clear()
    await env.advance(1)
    expect(evaluations()).toBe(1)
    set(['b'])
    expect(ask().items).toEqual(['b'])
  })

  it('forgets with time what may not be served any more', async () => {
    const { ask, cache, env } = setUp()
    ask()
    await env.advance(30_001)
    cache.prune()
    expect(cache.snapshot().catalog_entries).toBe(0)
  })
})
