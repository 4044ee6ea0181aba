import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import { sampleCrypto, samplePublicKey } from './crypto-sample.ts'
import { createKeyRegistry } from './key-registry.ts'
import { ROUTE_KEYS_SNAPSHOT_KEY, restoreRouteKeys, routeKeySnapshot, saveRouteKeys } from './key-snapshot.ts'

function registryAt100(pinning = false) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  return createKeyRegistry({ clock: env.clock, crypto: sampleCrypto }, { pinning })
}

function memoryStore(text?: string) {
  const values = new Map<string, string>(text === undefined ? [] : [[ROUTE_KEYS_SNAPSHOT_KEY, text]])
  return { values, load: (key: string) => values.get(key), save: (key: string, value: string) => void values.set(key, value) }
}

const restoring = { hasProvider: true, now: 100 }
const key = (key_id: string, byte = 1, expires_at: number | null = null) => ({
  key_id,
  public_key: samplePublicKey(byte),
  expires_at,
  added_at: 90,
})

describe('the snapshot of route keys', () => {
  it('is JSON with sorted keys, floats as floats, without ended keys', async () => {
    const registry = registryAt100()
    registry.as('gossip').register('lyon', key('b'))
    registry.as('gossip').register('lyon', key('a', 2, 200), false)
    registry.as('gossip').register('lyon', key('gone', 3, 99), false)
    registry.as('gossip').register('oslo', key('gone', 3, 99))
    const store = memoryStore()
    expect(await saveRouteKeys(registry, store, 100)).toBe(2)
    expect(store.values.get('fabric.route_keys.snapshot')).toBe(
      `{"clusters":{"lyon":{"keys":[{"added_at":90.0,"expires_at":null,"key_id":"b","public_key":"${samplePublicKey(1)}","source":"gossip"},{"added_at":90.0,"expires_at":200.0,"key_id":"a","public_key":"${samplePublicKey(2)}","source":"gossip"}],"primary_key_id":"b"},"oslo":{"keys":[],"primary_key_id":null}},"generated_at":100.0}`,
    )
  })

  it('brings back what was learned, and that a cluster has lapsed', async () => {
    const before = registryAt100()
    before.as('gossip').register('lyon', key('a'))
    before.as('provider').register('bergen', key('b', 2))
    before.as('gossip').register('oslo', key('gone', 3, 99))
    const store = memoryStore(routeKeySnapshot(before, 100))
    const after = registryAt100()
    expect(await restoreRouteKeys(after, store, restoring)).toBe(2)
    expect(after.explain('lyon')).toEqual(before.explain('lyon'))
    expect(after.explain('bergen')).toEqual(before.explain('bergen'))
    expect(after.standing('oslo')).toBe('lapsed')
  })

  it('never replaces what is configured', async () => {
    const saved = registryAt100()
    saved.as('gossip').register('lyon', key('a', 9))
    saved.as('gossip').register('lyon', key('old', 8))
    const store = memoryStore(routeKeySnapshot(saved, 100))
    const registry = registryAt100()
    registry.as('configured').register('lyon', key('a', 1))
    expect(await restoreRouteKeys(registry, store, restoring)).toBe(1)
    expect(registry.explain('lyon').keys).toMatchObject([
      { key_id: 'a', public_key: samplePublicKey(1), source: 'configured', primary: true },
      { key_id: 'old', source: 'gossip' },
    ])
    const pinned = registryAt100(true)
    pinned.as('configured').register('lyon', key('a', 1))
    expect(await restoreRouteKeys(pinned, store, restoring)).toBe(0)
  })

  it('does not bring back what the configuration or a provider spoke for and no longer does', async () => {
    const saved = registryAt100()
    saved.as('configured').register('lyon', key('revoked'))
    saved.as('provider').register('oslo', key('withdrawn'))
    const store = memoryStore(routeKeySnapshot(saved, 100))
    const registry = registryAt100()
    expect(await restoreRouteKeys(registry, store, { hasProvider: false, now: 100 })).toBe(0)
    expect(['lyon', 'oslo'].map(registry.standing)).toEqual(['unknown', 'unknown'])
  })

  it('skips keys that have ended meanwhile, and what is no key', async () => {
    const text = JSON.stringify({
      generated_at: 1,
      clusters: {
        lyon: { primary_key_id: 'a', keys: [key('a', 1, 99), key('b', 2), { key_id: 'c', public_key: 'short' }, 7] },
        oslo: { keys: [key('d', 1, 99)] },
        bergen: 7,
      },
    })
    const registry = registryAt100()
    expect(await restoreRouteKeys(registry, memoryStore(text), restoring)).toBe(1)
    expect(registry.keysOf('lyon')).toMatchObject({ primary_key_id: null, keys: [{ key_id: 'b' }] })
    expect(['oslo', 'bergen'].map(registry.standing)).toEqual(['lapsed', 'unknown'])
  })

  it('is nothing where nothing was saved, and refused whole where it can not be understood', async () => {
    const registry = registryAt100()
    expect(await restoreRouteKeys(registry, memoryStore(), restoring)).toBe(0)
    for (const text of ['{', '[]', '{"clusters": 5}', 'null']) {
      await expect(restoreRouteKeys(registry, memoryStore(text), restoring)).rejects.toThrow()
    }
    expect(registry.clusterIds()).toEqual([])
  })
})
