import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import { PATH_CACHE_TTL_MS } from './constants.ts'
import { createPathCache } from './path-cache.ts'

const found = (...path: string[]) => ({ path, cost: path.length })

function cache(entriesMax?: number) {
  const env = createVirtualEnv({ seed: 1 })
  return { env, cache: createPathCache(env.clock, entriesMax) }
}

describe('the path cache', () => {
  it('returns a path for the same question only', () => {
    const { cache: paths } = cache()
    paths.set('a', 'c', 3, '', 1, found('a', 'b', 'c'))
    expect(paths.get('a', 'c', 3, '', 1)?.path).toEqual(['a', 'b', 'c'])
    expect(paths.get('a', 'c', 1, '', 1)).toBeUndefined()
    expect(paths.get('c', 'a', 3, '', 1)).toBeUndefined()
    expect(paths.statistics()).toEqual({ hit_rate: 1 / 3, total_entries: 1, cache_hits: 1, cache_misses: 2 })
  })

  it('tells conditions apart, and keeps that there is no path', () => {
    const { cache: paths } = cache()
    paths.set('a', 'b', 3, 'without c', 1, null)
    expect(paths.get('a', 'b', 3, 'without c', 1)).toBeNull()
    expect(paths.get('a', 'b', 3, '', 1)).toBeUndefined()
  })

  it('forgets everything with another version of the graph', () => {
    const { cache: paths } = cache()
    paths.set('a', 'b', 3, '', 1, found('a', 'b'))
    expect(paths.get('a', 'b', 3, '', 2)).toBeUndefined()
    expect(paths.get('a', 'b', 3, '', 1)).toBeUndefined()
    expect(paths.statistics().total_entries).toBe(0)
  })

  it('forgets a path after its time', async () => {
    const { env, cache: paths } = cache()
    paths.set('a', 'b', 3, '', 1, found('a', 'b'))
    await env.advance(PATH_CACHE_TTL_MS - 1)
    expect(paths.get('a', 'b', 3, '', 1)).toBeDefined()
    await env.advance(1)
    expect(paths.get('a', 'b', 3, '', 1)).toBeUndefined()
  })

  it('drops the quarter used longest ago when it is full', () => {
    const { cache: paths } = cache(8)
    for (let i = 0; i < 8; i++) paths.set('s', `t${i}`, 5, '', 1, found('s', `t${i}`))
    paths.get('s', 't0', 5, '', 1)
    paths.set('s', 'new', 5, '', 1, found('s', 'new'))
    expect(['t0', 't1', 't2', 't3', 'new'].map((target) => paths.get('s', target, 5, '', 1) !== undefined)).toEqual([
      true,
      false,
      false,
      true,
      true,
    ])
    expect(paths.statistics().total_entries).toBe(7)
  })

  it('has a hit rate of 0 before the first question', () => {
    expect(cache().cache.statistics()).toEqual({ hit_rate: 0, total_entries: 0, cache_hits: 0, cache_misses: 0 })
  })
})
