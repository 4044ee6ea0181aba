import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type VirtualEnv } from '../../../base/index.ts'
import type { RouteAnnouncement, RouteWithdrawal } from '../../../wire/index.ts'
import { ROUTES_PER_DESTINATION_MAX } from './constants.ts'
import type { RouteChange } from './ports.ts'
import { type Route, teacherOf } from './route.ts'
import type { LinkMetrics } from './route-metrics.ts'
import { DEFAULT_ROUTE_POLICY } from './route-policy.ts'
import { type AnnouncementSample, sampleAnnouncement, sampleLink, sampleWithdrawal } from './route-samples.ts'
import { createRouteOrder } from './route-score.ts'
import { createRouteTable, type RouteTable, type RouteTableOptions } from './route-table.ts'
import { DEFAULT_ROUTE_STABILITY } from './stability.ts'

/** The table of cluster `moss`, at 100 Unix seconds. */
function setUp(options: Partial<RouteTableOptions> = {}, replaces = false) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const changes: RouteChange[] = []
  const table = createRouteTable(
    { clock: env.clock, log: env.log, onBest: (change) => changes.push(change) },
    { clusterId: 'moss', routeTtlSeconds: 30, policy: DEFAULT_ROUTE_POLICY, stability: DEFAULT_ROUTE_STABILITY, ...options },
  )
  return { env, table, changes, ...acting(table, env, replaces) }
}

function acting(table: RouteTable, env: VirtualEnv, replaces: boolean) {
  function apply(announcement: RouteAnnouncement, link: LinkMetrics = sampleLink(1), nodeId = `ws://${announcement.advertiser}`) {
    return table.apply(announcement, { nodeId, clusterId: announcement.advertiser, replaces }, link)
  }
  function announce(path: string, sample: AnnouncementSample = {}, latency = 1) {
    const now = env.clock.wall()
    return apply(sampleAnnouncement(path, { at: now, epoch: Math.floor(now * 1000), ...sample }), sampleLink(latency))
  }
  function withdraw(path: string, withdrawal: RouteWithdrawal = sampleWithdrawal(path, { at: env.clock.wall() })) {
    return table.withdraw(withdrawal, { nodeId: `ws://${withdrawal.advertiser}`, clusterId: withdrawal.advertiser, replaces })
  }
  return { at: (seconds: number) => env.advance((seconds - env.clock.wall()) * 1000), apply, announce, withdraw }
}

describe('routing check 2: a path that leads back', () => {
  it('is refused as a loop, and no route comes of it', () => {
    const { table } = setUp()
    const announcement = sampleAnnouncement('moss bergen')
    expect(table.apply(announcement, { nodeId: 'n', clusterId: 'oslo', replaces: false }, sampleLink(1))).toBe('loop')
    expect(table.statistics().rejection_reasons).toEqual({ loop: 1 })
    expect(table.select('bergen')).toBeUndefined()
  })
})

describe('routing check 3: selection and its explanation', () => {
  it('takes the better of two ways, the other when the first is to be avoided, and explains both', () => {
    const { table, announce } = setUp()
    announce('voss bergen', {}, 50)
    announce('oslo bergen', {}, 5)
    expect(table.select('bergen')?.nextHop).toBe('oslo')
    expect(table.select('bergen')?.path).toEqual(['moss', 'oslo', 'bergen'])
    expect(table.select('bergen', ['oslo'])?.nextHop).toBe('voss')

    const explained = table.explainSelection('bergen', ['oslo'])
    expect(explained).toEqual({
      destination: { cluster_id: 'bergen' },
      evaluated_at: 100,
      avoid_clusters: ['oslo'],
      candidates: [
        {
          destination: { cluster_id: 'bergen' },
          next_hop: 'oslo',
          advertiser: 'oslo',
          path: { hops: ['moss', 'oslo', 'bergen'] },
          metrics: { hop_count: 2, latency_ms: 5, bandwidth_mbps: 0, reliability_score: 1, cost_score: 0 },
          score: 25,
          tiebreakers: [
            { name: 'hop_count', value: 2 },
            { name: 'latency_ms', value: 5 },
            { name: 'reliability_score', value: -1 },
            { name: 'advertiser', value: 'oslo' },
          ],
          expired: false,
          filtered_reason: 'avoid_clusters',
        },
        expect.objectContaining({ next_hop: 'voss', score: 70, filtered_reason: null }),
      ],
      selected: expect.objectContaining({ next_hop: 'voss' }),
    })
  })

  it('filters everything when the own cluster is to be avoided, and knows no route to itself', () => {
    const { table, announce } = setUp()
    announce('oslo bergen')
    expect(table.explainSelection('bergen', ['moss']).selected).toBeNull()
    expect(table.explainSelection('moss')).toMatchObject({ candidates: [], selected: null })
  })
})

describe('routing check 5: lifetime', () => {
  it('a route of one second is selected within it, not after it', async () => {
    const { table, announce, at } = setUp()
    announce('oslo bergen', { ttl: 1 })
    await at(100.5)
    expect(table.select('bergen')).toBeDefined()
    await at(102)
    expect(table.select('bergen')).toBeUndefined()
    expect(table.explainSelection('bergen').candidates).toMatchObject([{ expired: true, filtered_reason: 'expired' }])
  })
})

describe('routing check 6: hold-down', () => {
  it('refuses a route just withdrawn, until the time is up', async () => {
    const { table, announce, withdraw, at } = setUp({ stability: { ...DEFAULT_ROUTE_STABILITY, holdDownSeconds: 5 } })
    announce('oslo bergen')
    await at(101)
    expect(withdraw('oslo bergen')).toHaveLength(1)
    await at(103)
    expect(announce('oslo bergen')).toBe('hold_down')
    expect(table.statistics()).toMatchObject({ hold_down_rejects: 1, rejection_reasons: { hold_down: 1 } })
    await at(107)
    expect(announce('oslo bergen')).toBe('accepted')
  })
})

describe('routing check 7: flap dampening', () => {
  it('refuses a route that came and went twice', async () => {
    const { table, announce, withdraw, at } = setUp({
      stability: { holdDownSeconds: 0, flapThreshold: 2, suppressionWindowSeconds: 10 },
    })
    announce('oslo bergen')
    withdraw('oslo bergen')
    await at(101)
    expect(announce('oslo bergen')).toBe('accepted')
    withdraw('oslo bergen')
    expect(announce('oslo bergen')).toBe('suppressed')
    expect(table.statistics().suppression_rejects).toBe(1)
    await at(112)
    expect(announce('oslo bergen')).toBe('accepted')
  })
})

describe('routing check 8: an advertiser that lost count', () => {
  it('is believed again once what it said before has expired', async () => {
    const { table, apply, at } = setUp()
    apply(sampleAnnouncement('oslo bergen', { epoch: 50 }))
    expect(apply(sampleAnnouncement('oslo bergen', { epoch: 1 }))).toBe('stale')
    await at(1030)
    expect(apply(sampleAnnouncement('oslo bergen', { epoch: 1, at: 1030 }))).toBe('accepted')
    expect(table.select('bergen')?.epoch).toBe(1)
  })
})

describe('routing check 9: convergence', () => {
  it('counts until the best route last became another one; refreshes do not count', async () => {
    const { table, announce, at } = setUp()
    announce('oslo bergen', { ttl: 300 }, 50)
    expect(table.statistics().convergence_seconds_avg).toBe(0)
    await at(110)
    announce('voss bergen', { ttl: 300 }, 5)
    expect(table.statistics().convergence_seconds_avg).toBe(10)
    for (let i = 1; i <= 20; i++) {
      await at(110 + i)
      expect(announce('voss bergen', { ttl: 300 }, 5)).toBe('accepted')
    }
    expect(table.statistics()).toMatchObject({ convergence_seconds_avg: 10, convergence_seconds_max: 10 })
  })
})

describe('routing check 10: withdrawal', () => {
  it('of any path of the advertiser removes all its routes to the destination, and counts once', () => {
    const { table, announce, withdraw } = setUp()
    announce('oslo bergen')
    announce('oslo voss bergen')
    announce('lyon bergen')
    announce('oslo voss')
    const removed = withdraw('oslo geilo bergen')
    expect(removed.map(({ path }) => path.join(' '))).toEqual(['moss oslo bergen', 'moss oslo voss bergen'])
    expect(table.statistics()).toMatchObject({ withdrawals_received: 1, withdrawals_applied: 1 })
    expect(table.select('bergen')?.nextHop).toBe('lyon')
    expect(table.select('voss')).toBeDefined()
  })

  it('does nothing when it does not fit its sender, or is older than what it would remove', async () => {
    const { table, announce, withdraw, at } = setUp()
    await at(110)
    announce('oslo bergen')
    expect(table.withdraw(sampleWithdrawal('oslo bergen'), { nodeId: 'n', clusterId: 'voss', replaces: false })).toEqual([])
    const wrongEnd = { ...sampleWithdrawal('oslo bergen'), destination: { cluster_id: 'voss' } }
    expect(withdraw('', wrongEnd)).toEqual([])
    expect(withdraw('', sampleWithdrawal('oslo bergen', { at: 109 }))).toEqual([])
    expect(table.statistics()).toMatchObject({ withdrawals_received: 3, withdrawals_applied: 0 })
  })

  it('of another node of the cluster counts, whatever its clock says', async () => {
    const { table, announce, at } = setUp()
    await at(110)
    announce('oslo bergen')
    expect(
      table.withdraw(sampleWithdrawal('oslo bergen', { at: 60 }), { nodeId: 'ws://oslo-2', clusterId: 'oslo', replaces: false }),
    ).toHaveLength(1)
  })
})

describe('what a table refuses', () => {
  it.each<[reason: string, announcement: RouteAnnouncement]>([
    ['expired', sampleAnnouncement('oslo bergen', { at: 9.9, ttl: 30 })],
    ['expired', sampleAnnouncement('oslo bergen', { ttl: 0 })],
    ['future_timestamp', sampleAnnouncement('oslo bergen', { at: 160.1 })],
    ['empty_path', { ...sampleAnnouncement('oslo bergen'), path: { hops: [] } }],
    ['advertiser_mismatch', { ...sampleAnnouncement('oslo bergen'), path: { hops: ['voss', 'bergen'] } }],
    ['destination_mismatch', { ...sampleAnnouncement('oslo bergen'), destination: { cluster_id: 'voss' } }],
    ['loop', sampleAnnouncement('oslo voss oslo bergen')],
    ['loop', sampleAnnouncement('oslo moss')],
    ['malformed', sampleAnnouncement('oslo  bergen')],
    ['oversized', sampleAnnouncement(Array.from({ length: 65 }, (_, i) => `c${i}`).join(' '))],
    ['oversized', sampleAnnouncement(`oslo ${'x'.repeat(5000)}`)],
    ['oversized', sampleAnnouncement('oslo bergen', { tags: Array.from({ length: 33 }, (_, i) => `t${i}`) })],
    ['invalid_metrics', sampleAnnouncement('oslo bergen', { metrics: { latency_ms: -1 } })],
    ['policy', sampleAnnouncement('oslo bergen', { tags: ['lab'] })],
    ['policy_metrics', sampleAnnouncement('oslo a b c d e f bergen')],
  ])('%s', (reason, announcement) => {
    const { table, apply } = setUp({ policy: { ...DEFAULT_ROUTE_POLICY, denyTags: new Set(['lab']), maxHops: 6 } })
    expect(apply(announcement)).toBe(reason)
    expect(table.statistics()).toMatchObject({ announcements_rejected: 1, announcements_accepted: 0, rejection_reasons: { [reason]: 1 } })
    expect(table.snapshot().destinations).toBe(0)
  })

  it('an announcement that claims to come from the own cluster', () => {
    const { table } = setUp()
    expect(table.apply(sampleAnnouncement('moss bergen'), { nodeId: 'n', clusterId: 'moss', replaces: false }, sampleLink(1))).toBe('self')
  })

  it('news that is not newer, along the same path', () => {
    const { apply } = setUp()
    apply(sampleAnnouncement('oslo bergen', { epoch: 5, at: 100 }))
    expect(apply(sampleAnnouncement('oslo bergen', { epoch: 4, at: 101 }))).toBe('stale')
    expect(apply(sampleAnnouncement('oslo bergen', { epoch: 5, at: 100 }))).toBe('stale')
    expect(apply(sampleAnnouncement('oslo bergen', { epoch: 5, at: 101 }))).toBe('accepted')
    expect(apply(sampleAnnouncement('oslo voss bergen', { epoch: 1, at: 90 }))).toBe('accepted')
  })
})

describe('lifetimes', () => {
  it('count from the receipt, not by the clock of the sender', async () => {
    const { table, apply, at } = setUp()
    expect(apply(sampleAnnouncement('behind bergen', { at: 45 }))).toBe('accepted')
    expect(apply(sampleAnnouncement('ahead voss', { at: 155 }))).toBe('accepted')
    await at(130)
    expect([table.select('bergen'), table.select('voss')]).not.toContain(undefined)
    await at(130.1)
    expect([table.select('bergen'), table.select('voss')]).toEqual([undefined, undefined])
  })

  it('are at most ten times the own, whatever is claimed', async () => {
    const { table, announce, at } = setUp()
    announce('oslo bergen', { ttl: 1e9 })
    await at(400)
    expect(table.select('bergen')).toBeDefined()
    await at(400.1)
    expect(table.select('bergen')).toBeUndefined()
  })

  it('end for good with a purge, which tells what is lost', async () => {
    const { table, announce, changes, at } = setUp()
    announce('oslo bergen', { ttl: 5 }, 1)
    announce('voss bergen', { ttl: 8 }, 2)
    await at(106)
    expect(table.purge()).toEqual(['bergen'])
    expect(table.purge()).toEqual([])
    await at(109)
    expect(table.purge()).toEqual(['bergen'])
    expect(table.statistics()).toMatchObject({ routes_purged: 2, routes_active_total: 0, destinations_tracked: 0 })
    expect(table.snapshot().destinations).toBe(0)
    expect(changes.map(({ kind, reason, best }) => [kind, reason, best?.nextHop])).toEqual([
      ['gained', 'announcement', 'oslo'],
      ['changed', 'expired', 'voss'],
      ['lost', 'expired', undefined],
    ])
  })
})

describe('a neighbour that tells one route to a destination', () => {
  it('replaces it by another path, and is stale with an older one', () => {
    const { table, announce } = setUp({}, true)
    announce('oslo bergen', { epoch: 1 })
    announce('oslo voss bergen', { epoch: 3 })
    announce('oslo geilo', { epoch: 1 })
    expect(table.explainSelection('bergen').candidates.map(({ path }) => path.hops.join(' '))).toEqual(['moss oslo voss bergen'])
    expect(announce('oslo bergen', { epoch: 2 })).toBe('stale')
    expect(table.statistics()).toMatchObject({ routes_per_destination: { bergen: 1, geilo: 1 }, routes_purged: 0 })
  })

  it('leaves alone what another node of its cluster tells', () => {
    const { table, apply } = setUp({}, true)
    apply(sampleAnnouncement('oslo bergen', { epoch: 9 }), sampleLink(1), 'ws://oslo-1')
    expect(apply(sampleAnnouncement('oslo voss bergen', { epoch: 2 }), sampleLink(1), 'ws://oslo-2')).toBe('accepted')
    expect(table.explainSelection('bergen').candidates).toHaveLength(2)
    table.releaseSource('ws://oslo-1')
    apply(sampleAnnouncement('oslo voss bergen', { epoch: 3 }), sampleLink(1), 'ws://oslo-2')
    expect(table.explainSelection('bergen').candidates).toHaveLength(1)
  })
})

describe('several nodes of a neighbouring cluster', () => {
  const other = 'ws://oslo-2'

  it('with lower epochs are stale while the first one speaks', async () => {
    const { apply, at } = setUp()
    apply(sampleAnnouncement('oslo bergen', { epoch: 50 }))
    await at(114)
    expect(apply(sampleAnnouncement('oslo bergen', { epoch: 7, at: 114 }), sampleLink(1), other)).toBe('stale')
  })

  it('take over when it has been silent for half of the lifetime, or its link is gone', async () => {
    const { table, apply, at } = setUp()
    apply(sampleAnnouncement('oslo bergen', { epoch: 50 }))
    await at(116)
    expect(apply(sampleAnnouncement('oslo bergen', { epoch: 7, at: 116 }), sampleLink(1), other)).toBe('accepted')
    table.releaseSource(other)
    expect(apply(sampleAnnouncement('oslo bergen', { epoch: 3, at: 116 }), sampleLink(1), 'ws://oslo-3')).toBe('accepted')
  })
})

describe('loss of a neighbour', () => {
  it('removes what it told, and tells which best routes changed', () => {
    const { table, announce, changes } = setUp()
    announce('oslo bergen', {}, 1)
    announce('voss bergen', {}, 2)
    announce('oslo', {}, 1)
    changes.length = 0
    expect(table.loseNeighbor('oslo')).toHaveLength(2)
    expect(changes.map(({ kind, destination, best }) => [kind, destination, best?.nextHop])).toEqual([
      ['changed', 'bergen', 'voss'],
      ['lost', 'oslo', undefined],
    ])
    expect(table.statistics().withdrawals_applied).toBe(2)
  })
})

describe('a flood from one neighbour', () => {
  it('of invented destinations ends at its share, counted, and others go on as before', () => {
    const { table, announce } = setUp({ destinationsMax: 1000 })
    announce('oslo bergen')
    for (let i = 0; i < 100_000; i++) announce(`liar d${i}`)
    expect(table.select('bergen')?.nextHop).toBe('oslo')
    expect(table.snapshot().destinations).toBeLessThanOrEqual(501)
    expect(table.statistics().rejection_reasons.table_full).toBe(100_000 - (table.snapshot().destinations - 1))
    for (let i = 0; i < 200; i++) expect(announce(`voss real${i}`)).toBe('accepted')
  })

  it('leaves room again when the liar is gone', () => {
    const { table, announce } = setUp({ destinationsMax: 10 })
    for (let i = 0; i < 10; i++) announce(`liar d${i}`)
    announce('oslo d0')
    expect(announce('liar more')).toBe('table_full')
    table.loseNeighbor('liar')
    expect(table.snapshot().destinations).toBe(1)
    for (let i = 1; i < 5; i++) expect(announce(`liar d${i}`)).toBe('accepted')
  })

  it('of wonderful paths to one destination costs the others nothing', () => {
    const { table, announce } = setUp()
    announce('oslo bergen', {}, 50)
    announce('voss bergen', {}, 60)
    for (let i = 0; i < 1000; i++) announce(`liar x${i} bergen`, { metrics: { hop_count: 0 } }, 1)
    const { candidates } = table.explainSelection('bergen')
    expect(candidates.map(({ next_hop }) => next_hop)).toEqual(['liar', 'liar', 'oslo', 'voss'])
    expect(table.statistics().rejection_reasons.crowded_out).toBe(998)
    expect(table.select('bergen', ['liar'])?.nextHop).toBe('oslo')
  })
})

describe('another policy', () => {
  it('ranks what is there at once and drops nothing', () => {
    const { table, announce, changes } = setUp()
    announce('oslo bergen', { metrics: { cost_score: 30 } }, 1)
    announce('voss bergen', {}, 20)
    expect(table.select('bergen')?.nextHop).toBe('voss')
    table.setPolicy({ ...DEFAULT_ROUTE_POLICY, weightCost: 0, allowedDestinations: new Set() })
    expect(table.select('bergen')?.nextHop).toBe('oslo')
    expect(changes.at(-1)).toMatchObject({ kind: 'changed', reason: 'policy' })
    expect(table.explainSelection('bergen').candidates.map(({ score }) => score)).toEqual([21, 40])
  })
})

describe('a fresh table', () => {
  it('has all statistics, at zero', () => {
    expect(setUp().table.statistics()).toEqual({
      announcements_accepted: 0,
      announcements_rejected: 0,
      withdrawals_received: 0,
      withdrawals_applied: 0,
      hold_down_rejects: 0,
      suppression_rejects: 0,
      routes_purged: 0,
      rejection_reasons: {},
      routes_active_total: 0,
      destinations_tracked: 0,
      routes_per_destination: {},
      convergence_seconds_avg: 0,
      convergence_seconds_max: 0,
    })
  })
})

describe('selection', () => {
  type Step =
    | { readonly kind: 'announce'; readonly path: string; readonly latency: number; readonly ttl: number }
    | { readonly kind: 'withdraw'; readonly path: string }
    | { readonly kind: 'lose'; readonly neighbor: string }
    | { readonly kind: 'wait'; readonly seconds: number }
    | { readonly kind: 'purge' }

  const neighbors = ['a', 'b', 'c', 'e', 'f', 'g']
  const neighbor = fc.constantFrom(...neighbors)
  const path = fc
    .tuple(neighbor, fc.subarray(['p', 'q', 'r'], { maxLength: 2 }), fc.constantFrom('x', 'y'))
    .map(([first, middle, last]) => [first, ...middle, last].join(' '))
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('announce'), path, latency: fc.nat(20), ttl: fc.integer({ min: 1, max: 20 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('withdraw'), path }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose'), neighbor }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), seconds: fc.integer({ min: 1, max: 8 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge') }) },
  )

  /** The same rules, without any of the table's arrangements: a plain list, searched and sorted anew for every question. */
  function oracle(clock: VirtualEnv['clock']) {
    const order = createRouteOrder(DEFAULT_ROUTE_POLICY)
    let routes: Route[] = []
    const alive = (route: Route) => clock.monotonic() <= route.expiresMs
    return {
      announce({ path: { hops }, destination, metrics, advertised_at, ttl_seconds, epoch }: RouteAnnouncement, latency: number) {
        const advertiser = hops[0] as string
        const extended = { ...metrics, hop_count: metrics.hop_count + 1, latency_ms: metrics.latency_ms + latency }
        const route: Route = {
          destination: destination.cluster_id,
          path: ['moss', ...hops],
          nextHop: advertiser,
          metrics: extended,
          advertiser,
          learnedFrom: advertiser,
          via: undefined,
          source: '',
          advertisedAt: advertised_at,
          ttlSeconds: ttl_seconds,
          epoch,
          tags: [],
          receivedMs: clock.monotonic(),
          expiresMs: clock.monotonic() + ttl_seconds * 1000,
          score: extended.latency_ms + extended.hop_count * 10,
        }
        routes = routes.filter((held) => alive(held) && held.path.join(' ') !== route.path.join(' '))
        routes.push(route)
        const rivals = routes.filter((held) => held.destination === route.destination)
        if (rivals.length <= ROUTES_PER_DESTINATION_MAX) return
        const most = Math.max(...rivals.map((rival) => rivals.filter((other) => teacherOf(other) === teacherOf(rival)).length))
        const victim = rivals
          .filter((rival) => rivals.filter((other) => teacherOf(other) === teacherOf(rival)).length === most)
          .sort(order)
          .at(-1)
        routes = routes.filter((held) => held !== victim)
      },
      remove(leaves: (route: Route) => boolean) {
        routes = routes.filter((route) => !leaves(route))
      },
      select(destination: string, avoid: readonly string[]) {
        return routes
          .filter((route) => route.destination === destination && alive(route) && !route.path.some((hop) => avoid.includes(hop)))
          .sort(order)[0]
      },
    }
  }

  it('finds what a search through everything finds, on 1,000 random histories', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.subarray([...neighbors, 'p', 'q']), async (steps, avoid) => {
        const { env, table, changes, apply, withdraw } = setUp()
        const plain = oracle(env.clock)
        const told = new Map<string, string | undefined>()
        let epoch = 0
        for (const action of steps) {
          switch (action.kind) {
            case 'announce': {
              const announcement = sampleAnnouncement(action.path, { at: env.clock.wall(), ttl: action.ttl, epoch: ++epoch })
              apply(announcement, sampleLink(action.latency))
              plain.announce(announcement, action.latency)
              break
            }
            case 'withdraw': {
              withdraw(action.path)
              const [advertiser, destination] = [action.path[0], action.path.at(-1)]
              plain.remove((route) => route.advertiser === advertiser && route.destination === destination)
              break
            }
            case 'lose':
              table.loseNeighbor(action.neighbor)
              plain.remove((route) => route.advertiser === action.neighbor)
              break
            case 'wait':
              await env.advance(action.seconds * 1000)
              break
            case 'purge':
              table.purge()
          }
          for (const destination of ['x', 'y']) {
            for (const avoided of [[], avoid])
              expect(table.select(destination, avoided)?.path).toEqual(plain.select(destination, avoided)?.path)
          }
        }
        table.purge()
        for (const { destination, best } of changes) told.set(destination, best?.path.join(' '))
        for (const destination of ['x', 'y']) expect(told.get(destination)).toBe(plain.select(destination, [])?.path.join(' '))
      }),
      { numRuns: 1000 },
    )
  })
})
