import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type VirtualEnv } from '../../../base/index.ts'
import type { RouteKeyAnnouncement } from '../../../wire/index.ts'
import { sampleAnnouncement, sampleWithdrawal } from '../path-vector/route-samples.ts'
import { sampleCrypto, samplePublicKey, sampleSeed } from './crypto-sample.ts'
import type { KeyRefresh } from './key-provider.ts'
import { createRouteTrust, type RouteTrust, type RouteTrustOptions } from './route-trust.ts'
import { DEFAULT_ROUTE_SECURITY } from './security-config.ts'

const STRICT = { ...DEFAULT_ROUTE_SECURITY, requireSignatures: true, allowEmbeddedKeys: false }
const NO_KEYS = { clusters: {} }

interface Parts {
  readonly provider?: KeyRefresh
  readonly store?: Map<string, string>
  tell?(announcement: RouteKeyAnnouncement): void
}

function node(env: VirtualEnv, clusterId: string, options: Partial<RouteTrustOptions>, { provider, store, tell }: Parts = {}): RouteTrust {
  return createRouteTrust(
    {
      env,
      crypto: sampleCrypto,
      links: {
        clusterOf: (nodeId) => nodeId.slice(5).split('-')[0],
        connected: () => ['ws://neighbor-1'],
        tell: (message) => tell?.(message),
      },
      provider: provider ?? null,
      store: store === undefined ? null : { load: (key) => store.get(key), save: async (key, text) => void store.set(key, text) },
    },
    {
      clusterId,
      config: null,
      seed: null,
      keys: NO_KEYS,
      pinning: true,
      keyTtlSeconds: 120,
      keyAnnounceIntervalSeconds: 60,
      keyRefreshIntervalSeconds: 60,
      ...options,
    },
  )
}

const environment = () => createVirtualEnv({ seed: 1, startWall: 100 })

/** Lyon signs, oslo demands signatures by known keys and learns them by gossip. */
function neighbours(env: VirtualEnv) {
  const oslo = node(env, 'oslo', { config: STRICT })
  const outcomes: string[] = []
  const lyon = node(env, 'lyon', { seed: sampleSeed(1) }, { tell: (message) => outcomes.push(oslo.receiveKeys(message, 'ws://lyon-1')) })
  return { lyon, oslo, outcomes }
}

describe('keys told before routes', () => {
  it('make a strict neighbour believe the routes', () => {
    const { lyon, oslo, outcomes } = neighbours(environment())
    const signed = lyon.signatures.sign(sampleAnnouncement('lyon bergen'))
    expect(oslo.signatures.verify(signed)).toBe('no_key')
    lyon.start()
    expect(outcomes).toEqual(['applied'])
    expect(oslo.signatures.verify(signed)).toBe('ok')
    lyon.connected('ws://oslo-1')
    expect(outcomes).toEqual(['applied', 'applied'])
  })
})

describe('rotation under load', () => {
  it('loses no route: announcements signed all the while verify', async () => {
    const env = environment()
    const { lyon, oslo } = neighbours(env)
    lyon.start()
    const verdicts = new Map<string, number>()
    const inFlight: ReturnType<typeof sampleAnnouncement>[] = []
    for (let step = 0; step < 600; step++) {
      if (step % 100 === 50) lyon.reconfigure({ seed: sampleSeed(2 + (step - 50) / 100) }, 20)
      inFlight.push(lyon.signatures.sign(sampleAnnouncement('lyon bergen', { at: env.clock.wall(), epoch: step })))
      // What was signed up to two seconds ago arrives now, after the news of a rotation that was told since.
      const arriving = inFlight.length > 20 ? inFlight.shift() : undefined
      if (arriving !== undefined) {
        const verdict = oslo.signatures.verify(arriving)
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
      }
      await env.advance(100)
    }
    expect(Object.fromEntries(verdicts)).toEqual({ ok: 580 })
    expect(oslo.snapshot().signatures.refused_total).toEqual({})
    await env.advance(20_000)
    expect(
      oslo
        .explain('lyon')
        ?.keys.filter(({ active }) => active)
        .map(({ public_key }) => public_key),
    ).toEqual([samplePublicKey(7)])
  })

  it('ends the old key when the overlap has passed, here and at neighbours', async () => {
    const env = environment()
    const { lyon, oslo } = neighbours(env)
    lyon.start()
    const old = lyon.signatures.sign(sampleWithdrawal('lyon bergen'))
    lyon.reconfigure({ seed: sampleSeed(2) }, 20)
    await env.advance(10_000)
    expect([lyon, oslo].map(({ signatures }) => signatures.verify(old))).toEqual(['ok', 'ok'])
    await env.advance(10_000)
    expect([lyon, oslo].map(({ signatures }) => signatures.verify(old))).toEqual(['bad_signature', 'bad_signature'])
  })
})

describe('what is reconfigured', () => {
  it('leaves out what is not mentioned, and clears what is null', () => {
    const trust = node(environment(), 'moss', {
      config: STRICT,
      seed: sampleSeed(1),
      keys: { clusters: { lyon: { primary_key_id: null, keys: [{ public_key: samplePublicKey(3) }] } } },
    })
    trust.reconfigure({ config: null })
    expect(trust.snapshot().signatures).toMatchObject({ config: DEFAULT_ROUTE_SECURITY, public_key: samplePublicKey(1) })
    expect(trust.explain('lyon')?.standing).toBe('active')
    trust.reconfigure({ seed: null })
    expect(trust.snapshot().signatures.public_key).toBeNull()
    trust.reconfigure({ keys: null })
    expect([trust.explain('lyon'), trust.receiveKeys(keysOf('lyon'), 'ws://lyon-1')]).toEqual([undefined, 'no_registry'])
    expect(trust.snapshot()).not.toHaveProperty('keys')
  })

  it('switches verification and gossip to new keys at once', () => {
    const told: RouteKeyAnnouncement[] = []
    const env = environment()
    const listed = (byte: number) => ({
      clusters: { moss: { primary_key_id: null, keys: [{ key_id: `k${byte}`, public_key: samplePublicKey(byte) }] } },
    })
    const trust = node(env, 'moss', { keys: null }, { tell: (message) => told.push(message) })
    trust.start()
    expect(told).toEqual([])
    trust.reconfigure({ keys: listed(1) })
    trust.reconfigure({ keys: listed(2) })
    expect(told.map(({ keys }) => keys.map(({ key_id }) => key_id))).toEqual([['k1'], ['k2']])
    const signed = node(env, 'moss', { seed: sampleSeed(1) }).signatures.sign(sampleAnnouncement('moss bergen'))
    expect(trust.signatures.verify(signed)).toBe('bad_signature')
  })

  it('is nothing at all when the key is no key', () => {
    const trust = node(environment(), 'moss', { seed: sampleSeed(1) })
    const before = trust.snapshot()
    expect(() => trust.reconfigure({ seed: 'abc', config: STRICT, keys: null })).toThrow()
    expect(trust.snapshot()).toEqual(before)
  })

  it('keeps the own key among those of the own cluster, as the configuration has it where it lists it', () => {
    const trust = node(environment(), 'moss', { seed: sampleSeed(1) })
    expect(trust.explain('moss')).toMatchObject({ pinned: false, keys: [{ source: 'own', primary: true, public_key: samplePublicKey(1) }] })
    trust.reconfigure({
      keys: {
        clusters: {
          moss: {
            primary_key_id: null,
            keys: [
              { key_id: 'z', public_key: samplePublicKey(2) },
              { key_id: 'mine', public_key: samplePublicKey(1) },
            ],
          },
        },
      },
    })
    expect(trust.explain('moss')).toMatchObject({
      pinned: true,
      keys: [
        { key_id: 'mine', source: 'configured', primary: true },
        { key_id: 'z', source: 'configured', primary: false },
      ],
    })
  })
})

function keysOf(clusterId: string): RouteKeyAnnouncement {
  const keys = [{ key_id: 'k', public_key: samplePublicKey(5), added_at: 100, expires_at: null }]
  return { cluster_id: clusterId, keys, primary_key_id: 'k', advertised_at: 100, ttl_seconds: 120 }
}

describe('across a restart', () => {
  it('keys that were learned are known again', async () => {
    const env = environment()
    const store = new Map<string, string>()
    const before = node(env, 'moss', {}, { store })
    before.start()
    before.receiveKeys(keysOf('lyon'), 'ws://lyon-1')
    expect(await before.save()).toBe(1)
    before.stop()
    const after = node(env, 'moss', {}, { store })
    expect(await after.restore()).toBe(1)
    expect(after.explain('lyon')?.standing).toBe('active')
    expect([before.snapshot().snapshot_saved_route_keys, after.snapshot().snapshot_restored_route_keys]).toEqual([1, 1])
    expect(after.snapshot().keys).toMatchObject({ clusters: 1, active_keys: 1 })
  })

  it('a broken store or snapshot is no reason not to start', async () => {
    const trust = node(environment(), 'moss', {}, { store: new Map([['fabric.route_keys.snapshot', '{']]) })
    expect(await trust.restore()).toBe(0)
    const nowhere = node(environment(), 'moss', {})
    expect([await nowhere.restore(), await nowhere.save()]).toEqual([0, 0])
  })
})

describe('a provider of keys', () => {
  it('is asked before the own keys are told, and a change it brings is told at once', async () => {
    const env = environment()
    const told: number[] = []
    let byte = 1
    const trust = node(
      env,
      'moss',
      { keyRefreshIntervalSeconds: 7 },
      {
        provider: (keys) => void keys.rotate('moss', { public_key: samplePublicKey(byte) }, 5),
        tell: ({ keys }) => told.push(keys.length),
      },
    )
    trust.start()
    expect(told).toEqual([1])
    byte = 2
    await env.advance(7_000)
    expect(told).toEqual([1, 2])
    expect(trust.snapshot().provider).toMatchObject({ refreshes_total: 2 })
  })

  it('is not asked without a registry', () => {
    let calls = 0
    const trust = node(environment(), 'moss', { keys: null }, { provider: () => void calls++ })
    trust.start()
    expect(calls).toBe(0)
  })
})
