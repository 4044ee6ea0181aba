import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import type { RouteKeyAnnouncement } from '../../../wire/index.ts'
import { sampleCrypto, samplePublicKey } from './crypto-sample.ts'
import { createKeyGossip } from './key-gossip.ts'
import { createKeyRegistry } from './key-registry.ts'

/** Node of cluster moss at 100 Unix seconds, linked to one of lyon and one of oslo. */
function setUp({ pinning = false, tell = () => {} }: { readonly pinning?: boolean; readonly tell?: () => void } = {}) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const registry = createKeyRegistry({ clock: env.clock, crypto: sampleCrypto }, { pinning })
  const told: { readonly at: number; readonly to: readonly string[]; readonly announcement: RouteKeyAnnouncement }[] = []
  const clusters = new Map([
    ['ws://lyon-1', 'lyon'],
    ['ws://oslo-1', 'oslo'],
    ['ws://moss-2', 'moss'],
  ])
  const gossip = createKeyGossip(
    {
      clock: env.clock,
      timers: env.timers,
      log: env.log,
      registry,
      links: {
        clusterOf: (nodeId) => clusters.get(nodeId),
        connected: () => [...clusters.keys()],
        tell(announcement, to) {
          tell()
          told.push({ at: env.clock.wall(), to, announcement })
        },
      },
    },
    { clusterId: 'moss', ttlSeconds: 120, announceIntervalSeconds: 60 },
  )
  return { env, registry, gossip, told }
}

function announcement(clusterId: string, more: Partial<RouteKeyAnnouncement> = {}): RouteKeyAnnouncement {
  return {
    cluster_id: clusterId,
    keys: [{ key_id: 'k', public_key: samplePublicKey(1), added_at: 90, expires_at: null }],
    primary_key_id: 'k',
    advertised_at: 100,
    ttl_seconds: 120,
    ...more,
  }
}

describe('routing check 23: a key announcement', () => {
  it('is ignored from a node of another cluster', () => {
    const { gossip, registry } = setUp()
    expect(gossip.receive(announcement('lyon'), 'ws://oslo-1')).toBe('foreign_cluster')
    expect(registry.activeKeys('lyon')).toEqual([])
    expect(gossip.snapshot()).toMatchObject({ applied_total: 0, refused_total: { foreign_cluster: 1 } })
  })

  it('from a node of the cluster makes its key resolvable', () => {
    const { gossip, registry } = setUp()
    expect(gossip.receive(announcement('lyon'), 'ws://lyon-1')).toBe('applied')
    expect(registry.keysOf('lyon')).toEqual({ primary_key_id: 'k', keys: announcement('lyon').keys })
  })
})

describe('a key announcement', () => {
  it.each([
    ['of an unknown node', announcement('lyon'), 'ws://nobody', 'unknown_sender'],
    ['that has expired', announcement('lyon', { advertised_at: -21 }), 'ws://lyon-1', 'expired'],
    ['without keys', announcement('lyon', { keys: [] }), 'ws://lyon-1', 'no_keys'],
    [
      'with too many keys',
      announcement('lyon', { keys: Array.from({ length: 17 }, () => announcement('lyon').keys[0]).flatMap((key) => key ?? []) }),
      'ws://lyon-1',
      'oversized',
    ],
  ])('%s is refused', (_name, message, from, reason) => {
    const { gossip, registry } = setUp()
    expect(gossip.receive(message, from)).toBe(reason)
    expect(registry.clusterIds()).toEqual([])
  })

  it('lives until its time has passed, that moment included', () => {
    expect(setUp().gossip.receive(announcement('lyon', { advertised_at: -20 }), 'ws://lyon-1')).toBe('applied')
  })

  it('changes nothing of a pinned cluster', () => {
    const { gossip, registry } = setUp({ pinning: true })
    registry.as('configured').register('lyon', { key_id: 'k', public_key: samplePublicKey(7) })
    expect(gossip.receive(announcement('lyon'), 'ws://lyon-1')).toBe('pinned')
    expect(registry.activeKeys('lyon').map(({ public_key }) => public_key)).toEqual([samplePublicKey(7)])
  })

  it('takes its primary key only from the keys known', () => {
    const { gossip, registry } = setUp()
    gossip.receive(announcement('lyon', { primary_key_id: 'absent' }), 'ws://lyon-1')
    expect(registry.keysOf('lyon')?.primary_key_id).toBeNull()
  })

  it('ends nothing when it expires itself: keys live until they end', async () => {
    const { env, gossip, registry } = setUp()
    gossip.receive(announcement('lyon'), 'ws://lyon-1')
    await env.advance(3_600_000)
    expect(registry.activeKeys('lyon')).toHaveLength(1)
  })

  it('with ended keys only makes the cluster lapse', () => {
    const { gossip, registry } = setUp()
    const keys = announcement('lyon').keys.map((key) => ({ ...key, expires_at: 99 }))
    expect(gossip.receive(announcement('lyon', { keys }), 'ws://lyon-1')).toBe('applied')
    expect(registry.standing('lyon')).toBe('lapsed')
  })
})

describe('announcing the own keys', () => {
  it('happens at the start and then every interval, to all neighbours', async () => {
    const { env, gossip, registry, told } = setUp()
    registry.as('configured').register('moss', { key_id: 'm', public_key: samplePublicKey(3) })
    gossip.start()
    await env.advance(125_000)
    expect(told.map(({ at }) => at)).toEqual([100, 160, 220])
    expect(told[1]).toEqual({
      at: 160,
      to: ['ws://lyon-1', 'ws://oslo-1', 'ws://moss-2'],
      announcement: {
        cluster_id: 'moss',
        keys: [{ key_id: 'm', public_key: samplePublicKey(3), added_at: 100, expires_at: null }],
        primary_key_id: 'm',
        advertised_at: 160,
        ttl_seconds: 120,
      },
    })
    gossip.stop()
    await env.advance(120_000)
    expect(told).toHaveLength(3)
  })

  it('does not happen without keys of the own cluster', async () => {
    const { env, gossip, registry, told } = setUp()
    registry.as('configured').register('lyon', { public_key: samplePublicKey(3) })
    gossip.start()
    gossip.connected('ws://lyon-1')
    await env.advance(300_000)
    expect(told).toEqual([])
  })

  it('outlasts a failure', async () => {
    let failing = true
    const { env, gossip, registry, told } = setUp({
      tell() {
        if (failing) throw new Error('no link')
      },
    })
    registry.as('configured').register('moss', { public_key: samplePublicKey(3) })
    gossip.start()
    failing = false
    await env.advance(60_000)
    expect(told).toHaveLength(1)
    expect(gossip.snapshot()).toMatchObject({ announce_failures: 1, announced_total: 1 })
  })

  it('tells a new neighbour at once, and a change to all', () => {
    const { gossip, registry, told } = setUp()
    registry.as('configured').register('moss', { public_key: samplePublicKey(3) })
    gossip.start()
    gossip.connected('ws://lyon-1')
    gossip.announceChange()
    expect(told.map(({ to }) => to.length)).toEqual([3, 1])
    registry.as('configured').rotate('moss', { public_key: samplePublicKey(4) })
    gossip.announceChange()
    expect(told.map(({ announcement }) => announcement.keys.length)).toEqual([1, 1, 2])
  })
})
