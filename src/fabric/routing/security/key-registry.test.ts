import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import { sampleCrypto, samplePublicKey } from './crypto-sample.ts'
import { createKeyRegistry, type KeyRegistryOptions, type KeySource } from './key-registry.ts'

/** A registry at 100 Unix seconds. */
function setUp(options: Partial<KeyRegistryOptions> = {}) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const registry = createKeyRegistry({ clock: env.clock, crypto: sampleCrypto }, { pinning: false, ...options })
  return {
    env,
    registry,
    at: (seconds: number) => env.advance((seconds - env.clock.wall()) * 1000),
    configured: registry.as('configured'),
    provider: registry.as('provider'),
    gossip: registry.as('gossip'),
    ids: (clusterId: string) => registry.activeKeys(clusterId).map(({ key_id }) => key_id),
  }
}

const key = (key_id: string, more: { readonly expires_at?: number; readonly byte?: number } = {}) => ({
  key_id,
  public_key: samplePublicKey(more.byte ?? 1),
  ...(more.expires_at !== undefined && { expires_at: more.expires_at }),
})

describe('keys of a cluster', () => {
  it('have an id derived from the key unless they are given one', () => {
    const { registry, configured, env } = setUp()
    const public_key = '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8'
    configured.register('lyon', { public_key: public_key.toUpperCase() })
    expect(registry.activeKeys('lyon')).toEqual([
      { key_id: 'route_key_56475aa75463474c', public_key, added_at: env.clock.wall(), expires_at: null },
    ])
  })

  it('are tried primary first, then by id in code point order', () => {
    const { configured, ids } = setUp()
    for (const id of ['b', '\u{1F600}', 'c', '\uE000', 'a']) configured.register('lyon', key(id), id === 'c')
    expect(ids('lyon')).toEqual(['c', 'a', 'b', '\uE000', '\u{1F600}'])
  })

  it('are active until the moment they end', async () => {
    const { configured, ids, at } = setUp()
    configured.register('lyon', key('k', { expires_at: 110 }))
    await at(109.999)
    expect(ids('lyon')).toEqual(['k'])
    await at(110)
    expect(ids('lyon')).toEqual([])
  })

  it('are replaced by id', () => {
    const { registry, configured } = setUp()
    configured.register('lyon', key('k'))
    configured.register('lyon', key('k', { byte: 2 }))
    expect(registry.activeKeys('lyon').map(({ public_key }) => public_key)).toEqual([samplePublicKey(2)])
  })

  it.each([
    ['a blank cluster', ' ', key('k'), 'malformed'],
    ['three bytes', 'lyon', { public_key: 'abcdef' }, 'malformed'],
    ['a long cluster name', 'x'.repeat(257), key('k'), 'oversized'],
    ['a long id', 'lyon', key('k'.repeat(257)), 'oversized'],
  ])('are refused with %s', (_name, clusterId, draft, reason) => {
    const { registry, gossip } = setUp()
    expect(gossip.register(clusterId, draft)).toBe(reason)
    expect(registry.snapshot()).toMatchObject({ active_keys: 0, refused_total: { [reason]: 1 } })
  })
})

describe('routing check 22: rotation', () => {
  it('lets both keys verify during the overlap, and only the new one after it', async () => {
    const { registry, configured, at, ids } = setUp()
    configured.register('lyon', key('old'))
    await at(120)
    configured.rotate('lyon', key('new', { byte: 2 }), 20)
    await at(130)
    expect(ids('lyon')).toEqual(['new', 'old'])
    await at(150)
    expect(ids('lyon')).toEqual(['new'])
    expect(registry.purge()).toBe(1)
    expect(registry.explain('lyon').keys.map(({ key_id }) => key_id)).toEqual(['new'])
  })

  it('overlaps by a minute unless told otherwise, and never lets a key live longer than it would have', async () => {
    const { configured, at, ids } = setUp()
    configured.register('lyon', key('a'))
    configured.register('oslo', key('x', { expires_at: 110 }))
    configured.rotate('lyon', key('b'))
    configured.rotate('oslo', key('y'))
    await at(111)
    expect(ids('oslo')).toEqual(['y'])
    await at(159)
    expect(ids('lyon')).toEqual(['b', 'a'])
    await at(160)
    expect(ids('lyon')).toEqual(['b'])
  })

  it('that is refused leaves the old key as it was', async () => {
    const { configured, at, ids } = setUp()
    configured.register('lyon', key('a'))
    expect(configured.rotate('lyon', { public_key: 'abc' }, 0)).toBe('malformed')
    await at(1000)
    expect(ids('lyon')).toEqual(['a'])
  })

  it('to the same key changes nothing', async () => {
    const { configured, at, ids } = setUp()
    configured.register('lyon', key('a'))
    configured.rotate('lyon', key('a'), 5)
    await at(1000)
    expect(ids('lyon')).toEqual(['a'])
  })
})

describe('purging', () => {
  it('drops ended keys, an ended primary, and clusters without keys', async () => {
    const { registry, configured, at } = setUp()
    configured.register('lyon', key('a', { expires_at: 110 }))
    configured.register('lyon', key('b'), false)
    configured.register('oslo', key('c', { expires_at: 110 }))
    await at(110)
    expect(registry.purge()).toBe(2)
    expect(registry.keysOf('lyon')).toMatchObject({ primary_key_id: null, keys: [{ key_id: 'b' }] })
    expect(registry.keysOf('oslo')).toBeUndefined()
    expect(registry.snapshot()).toMatchObject({ clusters: 1, active_keys: 1, lapsed_clusters: 1 })
  })

  it('does not make a cluster unknown: that it had keys is remembered', async () => {
    const { registry, configured, at } = setUp()
    configured.register('oslo', key('c', { expires_at: 110 }))
    expect(registry.standing('oslo')).toBe('active')
    await at(110)
    expect(registry.standing('oslo')).toBe('lapsed')
    registry.purge()
    expect(registry.standing('oslo')).toBe('lapsed')
    expect(registry.standing('bergen')).toBe('unknown')
    configured.register('oslo', key('d'))
    expect(registry.standing('oslo')).toBe('active')
  })
})

describe('pinning', () => {
  it('keeps gossip from adding to or changing what the operator gave', () => {
    const { registry, configured, provider, gossip, ids } = setUp({ pinning: true })
    configured.register('lyon', key('a'))
    provider.register('oslo', key('b'))
    expect(gossip.register('lyon', key('evil', { byte: 9 }))).toBe('pinned')
    expect(gossip.register('oslo', key('b', { byte: 9 }))).toBe('pinned')
    expect(gossip.register('bergen', key('c'))).toBe('registered')
    expect([ids('lyon'), registry.activeKeys('oslo')[0]?.public_key, ids('bergen')]).toEqual([['a'], samplePublicKey(1), ['c']])
    expect([registry.isPinned('lyon'), registry.isPinned('oslo'), registry.isPinned('bergen')]).toEqual([true, true, false])
  })

  it('drops what gossip said before the operator spoke', () => {
    const { configured, gossip, ids } = setUp({ pinning: true })
    gossip.register('lyon', key('evil', { byte: 9 }))
    configured.register('lyon', key('a'))
    expect(ids('lyon')).toEqual(['a'])
  })

  it('outlasts the keys: gossip can not step in when all have ended', async () => {
    const { registry, configured, gossip, at } = setUp({ pinning: true })
    configured.register('lyon', key('a', { expires_at: 110 }))
    await at(120)
    registry.purge()
    expect(gossip.register('lyon', key('evil'))).toBe('pinned')
  })

  it('can be switched on later, and off again', () => {
    const { registry, configured, gossip, ids } = setUp()
    configured.register('lyon', key('a'))
    gossip.register('lyon', key('b'), false)
    expect(ids('lyon')).toEqual(['a', 'b'])
    registry.setPinning(true)
    expect(ids('lyon')).toEqual(['a'])
    registry.setPinning(false)
    expect(gossip.register('lyon', key('b'), false)).toBe('registered')
  })

  it('is no matter for a rotation by the operator', async () => {
    const { provider, ids, at } = setUp({ pinning: true })
    provider.register('lyon', key('a'))
    provider.rotate('lyon', key('b'), 10)
    expect(ids('lyon')).toEqual(['b', 'a'])
    await at(110)
    expect(ids('lyon')).toEqual(['b'])
  })
})

describe('an ended key', () => {
  it('is not brought back to life by gossip that has not heard of its end', async () => {
    const { registry, configured, gossip, at, ids } = setUp()
    configured.register('lyon', key('a'))
    configured.rotate('lyon', key('b', { byte: 2 }), 20)
    gossip.register('lyon', key('a'), false)
    expect(registry.explain('lyon').keys.find(({ key_id }) => key_id === 'a')).toMatchObject({ expires_at: 120, source: 'configured' })
    await at(120)
    expect(ids('lyon')).toEqual(['b'])
  })

  it('may be ended earlier by gossip', async () => {
    const { gossip, at, ids } = setUp()
    gossip.register('lyon', key('a'))
    gossip.register('lyon', key('a', { expires_at: 105 }))
    await at(105)
    expect(ids('lyon')).toEqual([])
  })
})

describe('replacing all keys of a source', () => {
  it('removes what is no longer listed, and leaves the keys of other sources', () => {
    const { registry, configured, gossip, ids } = setUp()
    gossip.register('lyon', key('g'), false)
    configured.replace({
      clusters: { lyon: { primary_key_id: 'a', keys: [key('a'), key('b')] }, oslo: { primary_key_id: null, keys: [key('c')] } },
    })
    expect(ids('lyon')).toEqual(['a', 'b', 'g'])
    expect(configured.replace({ clusters: { lyon: { primary_key_id: 'b', keys: [key('b')] } } })).toEqual([])
    expect(ids('lyon')).toEqual(['b', 'g'])
    expect([ids('oslo'), registry.standing('oslo')]).toEqual([[], 'unknown'])
    configured.replace({ clusters: {} })
    expect(ids('lyon')).toEqual(['g'])
  })

  it('makes the first key primary when none is named', () => {
    const { registry, configured } = setUp()
    configured.replace({ clusters: { lyon: { primary_key_id: null, keys: [key('b'), key('a')] } } })
    expect(registry.keysOf('lyon')?.primary_key_id).toBe('b')
  })

  it('distrusts a cluster that is listed without keys', () => {
    const { registry, configured, gossip } = setUp({ pinning: true })
    gossip.register('lyon', key('g'))
    configured.replace({ clusters: { lyon: { primary_key_id: null, keys: [] } } })
    expect([registry.standing('lyon'), registry.isPinned('lyon'), registry.activeKeys('lyon')]).toEqual(['lapsed', true, []])
    configured.replace({ clusters: {} })
    expect([registry.standing('lyon'), registry.isPinned('lyon')]).toEqual(['unknown', false])
  })

  it('exchanges all keys of a full cluster', () => {
    const { configured, ids } = setUp({ keysPerClusterMax: 2 })
    configured.replace({ clusters: { lyon: { primary_key_id: 'a', keys: [key('a'), key('b')] } } })
    expect(configured.replace({ clusters: { lyon: { primary_key_id: 'c', keys: [key('c'), key('d')] } } })).toEqual([])
    expect(ids('lyon')).toEqual(['c', 'd'])
  })

  it('says which keys it did not take', () => {
    const { configured } = setUp()
    expect(
      configured.replace({ clusters: { lyon: { primary_key_id: 'absent', keys: [key('a'), { key_id: 'short', public_key: 'ab' }] } } }),
    ).toEqual([
      { cluster_id: 'lyon', key_id: 'short', reason: 'malformed' },
      { cluster_id: 'lyon', key_id: 'absent', reason: 'unknown_primary' },
    ])
  })
})

describe('the bounds of the registry', () => {
  it('make room for a key of gossip by dropping the one told longest ago, never the primary', () => {
    const { gossip, ids } = setUp({ keysPerClusterMax: 3 })
    gossip.register('lyon', key('p'))
    for (const id of ['a', 'b', 'a', 'c']) gossip.register('lyon', key(id), false)
    expect(ids('lyon')).toEqual(['p', 'a', 'c'])
  })

  it('protect the keys of the operator from those of gossip', () => {
    const { registry, configured, gossip, ids } = setUp({ keysPerClusterMax: 2, clustersMax: 1 })
    configured.register('lyon', key('a'))
    configured.register('lyon', key('b'))
    expect(gossip.register('lyon', key('c'))).toBe('cluster_full')
    expect(gossip.register('oslo', key('d'))).toBe('registry_full')
    expect(ids('lyon')).toEqual(['b', 'a'])
    expect(registry.snapshot().refused_total).toEqual({ cluster_full: 1, registry_full: 1 })
  })

  it('let the operator take the place of gossip', () => {
    const { registry, configured, gossip, ids } = setUp({ clustersMax: 1 })
    gossip.register('lyon', key('a'))
    expect(configured.register('oslo', key('b'))).toBe('registered')
    expect([ids('lyon'), ids('oslo'), registry.snapshot().evicted_total]).toEqual([[], ['b'], 1])
  })

  it('forget lapsed clusters of gossip before those of the operator', async () => {
    const { registry, configured, gossip, at } = setUp({ lapsedMax: 2 })
    configured.register('lyon', key('a', { expires_at: 101 }))
    gossip.register('oslo', key('a', { expires_at: 101 }))
    gossip.register('bergen', key('a', { expires_at: 101 }))
    await at(101)
    registry.purge()
    expect(['lyon', 'oslo', 'bergen'].map(registry.standing)).toEqual(['lapsed', 'unknown', 'lapsed'])
  })

  it('hold when a rotation follows one whose key has expired: it made room, and does not come back', () => {
    const { registry } = setUp({ pinning: true, clustersMax: 3, keysPerClusterMax: 2, lapsedMax: 3 })
    const gossip = registry.as('gossip')
    const key = (key_id: string, expires_at: number | null) => ({ key_id, public_key: samplePublicKey(1), expires_at })
    gossip.rotate('oslo', key('k1', 90), 5)
    gossip.register('oslo', key('k5', null), false)
    gossip.rotate('oslo', key('k4', null), 5)
    expect(registry.explain('oslo').keys.map(({ key_id }) => key_id)).toEqual(['k4', 'k5'])
  })

  it('hold whatever happens, and pinned keys are never touched by gossip', () => {
    const source = fc.constantFrom<KeySource>('gossip', 'gossip', 'gossip', 'provider', 'configured')
    const step = fc.record({
      source,
      clusterId: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      id: fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5'),
      byte: fc.integer({ min: 1, max: 3 }),
      primary: fc.boolean(),
      expires: fc.option(fc.integer({ min: 90, max: 130 }), { nil: null }),
      what: fc.constantFrom('register', 'register', 'rotate', 'purge'),
    })
    const publicKeys = [1, 2, 3].map(samplePublicKey)
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { registry } = setUp({ pinning: true, clustersMax: 3, keysPerClusterMax: 2, lapsedMax: 3 })
        for (const { source, clusterId, id, byte, primary, expires, what } of steps) {
          const before = JSON.stringify(registry.explain(clusterId))
          const wasPinned = registry.isPinned(clusterId)
          const draft = { key_id: id, public_key: publicKeys[byte - 1] ?? '', expires_at: expires }
          if (what === 'purge') registry.purge()
          else if (what === 'rotate') registry.as(source).rotate(clusterId, draft, 5)
          else registry.as(source).register(clusterId, draft, primary)
          if (wasPinned && source === 'gossip' && what !== 'purge') expect(JSON.stringify(registry.explain(clusterId))).toBe(before)
          const held = registry.clusterIds().map(registry.explain)
          expect(held.filter(({ keys }) => keys.length > 0).length).toBeLessThanOrEqual(3)
          expect(held.filter(({ keys }) => keys.length === 0).length).toBeLessThanOrEqual(3)
          for (const { cluster_id, keys, standing } of held) {
            expect(keys.length).toBeLessThanOrEqual(2)
            expect(keys.filter(({ primary: first }) => first).length).toBeLessThanOrEqual(1)
            expect(registry.activeKeys(cluster_id).map(({ key_id }) => key_id)).toEqual(
              keys.filter(({ active }) => active).map(({ key_id }) => key_id),
            )
            expect(standing).toBe(keys.some(({ active }) => active) ? 'active' : 'lapsed')
          }
        }
      }),
    )
  })
})
