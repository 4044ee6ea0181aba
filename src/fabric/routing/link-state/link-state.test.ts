import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type VirtualEnv } from '../../../base/index.ts'
import type { LinkStateNeighbor, LinkStateUpdate } from '../../../wire/index.ts'
import { AREAS_MAX, CHANGE_DELAY_MS, CREATORS_MAX, NEIGHBORS_MAX } from './constants.ts'
import { creatorOf } from './creator.ts'
import { createLinkState, type LinkState, type LinkStateOptions } from './link-state.ts'
import type { LinkedPeer, LinkMetrics } from './ports.ts'

const OPTIONS: LinkStateOptions = {
  nodeId: 'moss-1',
  clusterId: 'moss',
  mode: 'prefer',
  ttlSeconds: 30,
  announceIntervalSeconds: 10,
  ecmpPaths: 1,
  area: null,
  areaPolicy: null,
}

/** The cluster of `oslo-2` is `oslo`; a node called `ghost` is not known. */
const clusterOf = (nodeId: string): string | undefined => (nodeId === 'ghost' ? undefined : nodeId.split('-')[0])

interface Sent {
  readonly update: LinkStateUpdate
  readonly suffix: string
}

function node(given: Partial<LinkStateOptions> = {}, env: VirtualEnv = createVirtualEnv({ seed: 1 })) {
  const peers: LinkedPeer[] = []
  const links = new Map<string, LinkMetrics>()
  const sent: Sent[] = []
  const state = createLinkState(
    {
      env,
      ports: {
        clusterOf,
        connectedPeers: () => peers,
        linkMetrics: (clusterId) => links.get(clusterId),
        send: (update, suffix) => sent.push({ update, suffix }),
      },
    },
    { ...OPTIONS, ...given },
  )
  return {
    env,
    state,
    peers,
    links,
    sent,
    link: (...nodeIds: string[]) => peers.push(...nodeIds.map((nodeId) => ({ nodeId, clusterId: clusterOf(nodeId) as string }))),
    /** An update as it comes from its creator. */
    hears: (creatorId: string, update: LinkStateUpdate, senderId = creatorId) => state.receive(update, { creatorId, senderId }),
  }
}

const neighbor = (cluster_id: string, latency_ms = 5): LinkStateNeighbor => ({
  cluster_id,
  latency_ms,
  bandwidth_mbps: null,
  reliability_score: 1,
  cost_score: 0,
})

function update(
  env: VirtualEnv,
  origin: string,
  sequence: number,
  neighbors: readonly (string | LinkStateNeighbor)[],
  area?: string,
): LinkStateUpdate {
  const list = neighbors.map((given) => (typeof given === 'string' ? neighbor(given) : given))
  return { origin, neighbors: list, advertised_at: env.clock.wall(), ttl_seconds: 30, sequence, ...(area !== undefined && { area }) }
}

const pathTo = (state: LinkState, target: string, hopsMax = 5) => state.findPath(target, hopsMax, {})

describe('an update', () => {
  it('routing check 24: with an equal sequence and an older time is rejected', () => {
    const { env, state, hears } = node()
    const first = update(env, 'oslo', 2, ['moss', 'bergen'])
    expect(hears('oslo-1', first)).toBeUndefined()
    expect(hears('oslo-1', { ...first, advertised_at: first.advertised_at - 1, neighbors: [] })).toBe('stale')
    expect(hears('oslo-1', first)).toBe('stale')
    expect(hears('oslo-1', { ...first, sequence: 1, advertised_at: first.advertised_at + 1 })).toBe('stale')
    expect(pathTo(state, 'bergen')).toEqual(['moss', 'oslo', 'bergen'])
    expect(hears('oslo-1', { ...first, advertised_at: first.advertised_at + 1 })).toBeUndefined()
    expect(state.status().stats).toMatchObject({ updates_received: 5, updates_applied: 2, updates_rejected: 3 })
  })

  it('routing check 24: without neighbours takes the edge of the one before', () => {
    const { env, state, hears } = node()
    hears('oslo-1', update(env, 'oslo', 1, ['moss']))
    expect(pathTo(state, 'oslo')).toEqual(['moss', 'oslo'])
    hears('oslo-1', update(env, 'oslo', 2, []))
    expect(pathTo(state, 'oslo')).toBeUndefined()
    expect(state.status().entries).toBe(1)
  })

  it('routing check 25: of an area this node is not in is filtered, and not even counted as received', () => {
    const { env, state, hears } = node({ area: 'a1' })
    expect(hears('oslo-1', update(env, 'oslo', 1, ['moss'], 'a2'))).toBe('area')
    expect(hears('oslo-1', update(env, 'oslo', 1, ['moss']))).toBe('area')
    expect(state.status()).toMatchObject({
      area_mismatch_rejects: 2,
      stats: { updates_received: 0, updates_filtered: 2, updates_rejected: 0 },
    })
    expect(hears('oslo-1', update(env, 'oslo', 1, ['moss'], 'a1'))).toBeUndefined()
    expect(state.status()).toMatchObject({ entries: 1, entry_areas: ['a1'], stats: { updates_received: 1, updates_applied: 1 } })
  })

  it('that is too old already is rejected; a clock that is ahead does no harm', () => {
    const { env, hears } = node()
    const old = { ...update(env, 'oslo', 1, ['moss']), advertised_at: env.clock.wall() - 31 }
    expect(hears('oslo-1', old)).toBe('expired')
    expect(hears('oslo-1', { ...old, advertised_at: env.clock.wall() + 3_600 })).toBeUndefined()
  })

  it('holds for its time from when it came, whatever its creator thinks the time is, and not for ever', async () => {
    const { env, state, hears } = node()
    hears('oslo-1', { ...update(env, 'oslo', 1, ['moss']), advertised_at: env.clock.wall() - 25 })
    hears('voss-1', { ...update(env, 'voss', 1, ['moss']), ttl_seconds: 1e9 })
    await env.advance(29_000)
    expect(pathTo(state, 'oslo')).toBeDefined()
    await env.advance(1_001)
    expect(pathTo(state, 'oslo')).toBeUndefined()
    expect(state.status().stats.entries_expired).toBe(1)
    expect(pathTo(state, 'voss')).toBeDefined()
    await env.advance(270_000)
    expect(pathTo(state, 'voss')).toBeUndefined()
    expect(state.status()).toMatchObject({ entries: 0, stats: { entries_expired: 2 } })
  })
})

describe('who may say what', () => {
  it('nobody who is not known passes on updates', () => {
    const { env, state, hears } = node()
    expect(hears('oslo-1', update(env, 'oslo', 1, ['moss']), 'ghost')).toBe('unknown_sender')
    expect(state.snapshot().refusals).toEqual({ unknown_sender: 1 })
  })

  it('a node of one cluster does not speak for another', () => {
    const { env, state, hears } = node()
    hears('oslo-1', update(env, 'oslo', 1, ['moss']))
    expect(hears('voss-1', update(env, 'oslo', 2 ** 52, []))).toBe('foreign_creator')
    expect(pathTo(state, 'oslo')).toEqual(['moss', 'oslo'])
  })

  it('only known nodes of the own cluster speak for it, and what this node said is not taken from others', () => {
    const { env, state, hears } = node()
    expect(hears('voss-1', update(env, 'moss', 9, ['voss']))).toBe('foreign_creator')
    expect(hears('ghost', update(env, 'moss', 9, ['voss']), 'voss-1')).toBe('foreign_creator')
    expect(hears('moss-1', update(env, 'moss', 9, ['voss']), 'voss-1')).toBe('own_echo')
    expect(pathTo(state, 'voss')).toBeUndefined()
    expect(hears('moss-2', update(env, 'moss', 9, ['voss']))).toBeUndefined()
    expect(pathTo(state, 'voss')).toEqual(['moss', 'voss'])
  })

  it('a creator that is not known yet adds to what the others say, and takes nothing away', () => {
    const { env, state, hears } = node()
    hears('oslo-1', update(env, 'oslo', 1, ['moss']))
    expect(hears('ghost', update(env, 'oslo', 2 ** 52, []), 'oslo-1')).toBeUndefined()
    expect(pathTo(state, 'oslo')).toEqual(['moss', 'oslo'])
    expect(hears('oslo-1', update(env, 'oslo', 2, ['moss', 'bergen']))).toBeUndefined()
    expect(pathTo(state, 'bergen')).toEqual(['moss', 'oslo', 'bergen'])
  })

  it('the creator is the first on the way, else who the message id names, else the sender', () => {
    const said = { origin: 'oslo', sequence: 7 }
    const message = { message_id: 'ws://o:1:oslo:7', propagation_path: ['ws://p:1', 'ws://q:1'], sender_id: 'ws://q:1' }
    expect(creatorOf(message, said)).toBe('ws://p:1')
    expect(creatorOf({ ...message, propagation_path: [] }, said)).toBe('ws://o:1')
    expect(creatorOf({ ...message, propagation_path: [], message_id: 'x' }, said)).toBe('ws://q:1')
  })
})

describe('the graph', () => {
  it('has a chain that is only known from one end of each link, until that end drops it', () => {
    const { env, state, hears } = node()
    hears('moss-2', update(env, 'moss', 1, ['oslo']))
    hears('oslo-1', update(env, 'oslo', 1, ['bergen']))
    hears('bergen-1', update(env, 'bergen', 1, ['voss']))
    expect(pathTo(state, 'voss')).toEqual(['moss', 'oslo', 'bergen', 'voss'])
    hears('oslo-1', update(env, 'oslo', 2, []))
    expect(pathTo(state, 'voss')).toBeUndefined()
    expect(pathTo(state, 'oslo')).toEqual(['moss', 'oslo'])
  })

  it('keeps an edge while either end states it', () => {
    const { env, state, hears } = node()
    hears('oslo-1', update(env, 'oslo', 1, ['moss']))
    hears('moss-2', update(env, 'moss', 1, ['oslo']))
    hears('oslo-1', update(env, 'oslo', 2, []))
    expect(pathTo(state, 'oslo')).toEqual(['moss', 'oslo'])
    hears('moss-2', update(env, 'moss', 2, []))
    expect(pathTo(state, 'oslo')).toBeUndefined()
  })

  it('costs each direction what its own end says, whoever spoke last', () => {
    const { env, state, hears } = node()
    hears('moss-2', update(env, 'moss', 1, [neighbor('oslo', 1), neighbor('voss', 1)]))
    hears('oslo-1', update(env, 'oslo', 1, [neighbor('bergen', 9), neighbor('moss', 500)]))
    hears('voss-1', update(env, 'voss', 1, [neighbor('bergen', 30)]))
    // Back from oslo it is far, but that is not the way we go.
    expect(pathTo(state, 'bergen')).toEqual(['moss', 'oslo', 'bergen'])
    hears('oslo-1', update(env, 'oslo', 2, [neighbor('bergen', 90), neighbor('moss', 500)]))
    expect(pathTo(state, 'bergen')).toEqual(['moss', 'voss', 'bergen'])
  })

  it('has all links that any node of a cluster has, each at the best price', () => {
    const { env, state, hears } = node()
    hears('moss-2', update(env, 'moss', 1, ['oslo']))
    hears('oslo-1', update(env, 'oslo', 100, ['bergen']))
    hears('oslo-2', update(env, 'oslo', 1, ['voss', neighbor('bergen', 1)]))
    expect(pathTo(state, 'bergen')).toEqual(['moss', 'oslo', 'bergen'])
    expect(pathTo(state, 'voss')).toEqual(['moss', 'oslo', 'voss'])
    hears('oslo-2', update(env, 'oslo', 2, []))
    expect(pathTo(state, 'voss')).toBeUndefined()
    expect(pathTo(state, 'bergen')).toEqual(['moss', 'oslo', 'bergen'])
    expect(state.status().entries).toBe(2)
    expect(state.snapshot().views).toBe(3)
  })

  it('tells which nodes of the own cluster have a link this node lacks', () => {
    const { env, state, link, hears } = node()
    link('voss-1')
    state.start()
    hears('moss-3', update(env, 'moss', 1, ['oslo', 'voss']))
    hears('moss-2', update(env, 'moss', 1, ['oslo']))
    expect(state.siblingsLinkedTo('oslo')).toEqual(['moss-2', 'moss-3'])
    expect(state.siblingsLinkedTo('voss')).toEqual(['moss-3'])
    expect(state.neighborClusters()).toEqual(['oslo', 'voss'])
  })

  it('routing check 29: still has its paths after ten minutes of steady refreshes, and none of them is a change', async () => {
    const { env, state, hears } = node()
    let changes = 0
    state.observe(() => changes++)
    for (let round = 1; round <= 60; round++) {
      hears('moss-2', update(env, 'moss', round, ['oslo']))
      hears('oslo-1', update(env, 'oslo', round, ['moss', 'bergen']))
      await env.advance(10_000)
    }
    expect(pathTo(state, 'bergen')).toEqual(['moss', 'oslo', 'bergen'])
    expect(changes).toBe(2)
  })

  it('is the same whatever the order in which updates arrive', () => {
    const names = ['moss', 'oslo', 'voss', 'bergen']
    const said = fc.record({
      origin: fc.constantFrom('oslo', 'voss', 'bergen'),
      creator: fc.constantFrom(1, 2),
      sequence: fc.integer({ min: 1, max: 5 }),
      neighbors: fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.integer({ min: 1, max: 9 })), { selector: ([name]) => name }),
    })
    const updates = fc.uniqueArray(said, { selector: ({ origin, creator, sequence }) => `${origin}-${creator}-${sequence}`, maxLength: 12 })
    fc.assert(
      fc.property(
        updates.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        (orders) => {
          const [first, second] = orders.map((list) => {
            const { env, state, hears } = node()
            for (const { origin, creator, sequence, neighbors } of list) {
              hears(
                `${origin}-${creator}`,
                update(
                  env,
                  origin,
                  sequence,
                  neighbors.map(([name, latency]) => neighbor(name, latency)),
                ),
              )
            }
            return [
              ...names.map((name) => pathTo(state, name)),
              state.status().entries,
              state.snapshot().paths.graph_statistics.total_edges,
            ]
          })
          expect(second).toEqual(first)
        },
      ),
    )
  })

  it('is empty again when everything has expired', async () => {
    const { env, state, hears } = node()
    hears('oslo-1', update(env, 'oslo', 1, ['moss', 'bergen']))
    hears('voss-1', update(env, 'voss', 1, ['bergen'], 'a'))
    await env.advance(30_001)
    expect(pathTo(state, 'bergen')).toBeUndefined()
    expect(state.snapshot().paths.graph_statistics).toMatchObject({ total_nodes: 0, total_edges: 0 })
    expect(state.status()).toMatchObject({ entries: 0, entry_areas: [] })
  })
})

describe('what is full', () => {
  it('refuses the views of further nodes of a cluster, and says so', () => {
    const { env, state, hears } = node()
    for (let i = 0; i < CREATORS_MAX; i++) hears(`oslo-${i}`, update(env, 'oslo', 1, ['moss']))
    expect(hears('oslo-more', update(env, 'oslo', 1, ['moss']))).toBe('full')
    expect(hears('oslo-0', update(env, 'oslo', 2, ['moss', 'bergen']))).toBeUndefined()
    expect(state.snapshot()).toMatchObject({ views: CREATORS_MAX, refusals: { full: 1 } })
  })

  it('refuses areas beyond those it has, until one of them expires', async () => {
    const { env, state, hears } = node()
    for (let i = 0; i < AREAS_MAX; i++) hears('oslo-1', update(env, 'oslo', i, ['moss'], `area-${i}`))
    expect(hears('voss-1', update(env, 'voss', 1, ['moss'], 'one-more'))).toBe('full')
    expect(hears('voss-1', update(env, 'voss', 2, ['moss'], 'area-0'))).toBeUndefined()
    await env.advance(30_001)
    expect(hears('voss-1', update(env, 'voss', 3, ['moss'], 'one-more'))).toBeUndefined()
    expect(state.status().entry_areas).toEqual(['one-more'])
  })

  it('refuses more links in all than it can keep', () => {
    const { env, state, hears } = node()
    const many = Array.from({ length: NEIGHBORS_MAX }, (_, i) => `c${i}`)
    const verdicts = Array.from({ length: 65 }, (_, i) => hears(`oslo-${i}`, update(env, 'oslo', 1, many)))
    expect(verdicts.map((verdict) => verdict ?? 'kept')).toEqual([...new Array(64).fill('kept'), 'full'])
    expect(hears('oslo-0', update(env, 'oslo', 2, []))).toBeUndefined()
    expect(hears('oslo-64', update(env, 'oslo', 1, many))).toBeUndefined()
    expect(state.snapshot()).toMatchObject({ views: 65, graph_refused_total: 0 })
  })
})

describe('what a node announces', () => {
  it('is its neighbouring clusters, once each and in order, never its own', () => {
    const { state, link, links, sent, env } = node()
    link('voss-2', 'oslo-1', 'moss-2', 'voss-1')
    links.set('oslo', { latency_ms: 3.5, bandwidth_mbps: 800, reliability_score: 0.98, cost_score: 2 })
    state.start()
    expect(sent).toHaveLength(1)
    expect(sent[0]?.update).toEqual({
      origin: 'moss',
      neighbors: [
        { cluster_id: 'oslo', latency_ms: 3.5, bandwidth_mbps: 800, reliability_score: 0.98, cost_score: 2 },
        { cluster_id: 'voss', latency_ms: 0, bandwidth_mbps: null, reliability_score: 1, cost_score: 0 },
      ],
      advertised_at: env.clock.wall(),
      ttl_seconds: 30,
      sequence: env.clock.wall() * 1000 + 1,
    })
    expect(sent[0]?.suffix).toBe(`moss:${sent[0]?.update.sequence}`)
  })

  it('is known to itself at once, and shown as entry, not as received', () => {
    const { state, link } = node()
    link('oslo-1')
    state.start()
    expect(pathTo(state, 'oslo')).toEqual(['moss', 'oslo'])
    expect(state.status()).toMatchObject({ entries: 1, stats: { updates_received: 0, updates_applied: 0 } })
  })

  it('comes again every interval, and soon after a change, once for all changes of a moment', async () => {
    const { env, state, link, sent } = node()
    state.start()
    await env.advance(20_000)
    expect(sent).toHaveLength(3)
    link('oslo-1')
    state.linksChanged()
    state.linksChanged()
    await env.advance(CHANGE_DELAY_MS)
    expect(sent).toHaveLength(4)
    expect(sent[3]?.update.neighbors).toHaveLength(1)
    state.stop()
    state.linksChanged()
    await env.advance(60_000)
    expect(sent).toHaveLength(4)
    expect(env.pendingTimers).toBe(0)
  })

  it('survives a send that fails', async () => {
    const env = createVirtualEnv({ seed: 1 })
    let calls = 0
    const failing = createLinkState(
      {
        env,
        ports: {
          clusterOf,
          connectedPeers: () => [{ nodeId: 'oslo-1', clusterId: 'oslo' }],
          linkMetrics: () => undefined,
          send: () => {
            calls++
            throw new Error('closed')
          },
        },
      },
      OPTIONS,
    )
    failing.start()
    await env.advance(20_000)
    expect(calls).toBe(3)
    expect(pathTo(failing, 'oslo')).toEqual(['moss', 'oslo'])
  })

  it('is newer after a restart than before', () => {
    const before = node()
    before.state.start()
    const env = createVirtualEnv({ seed: 2, startWall: before.env.clock.wall() + 1 })
    const after = node({}, env)
    after.state.start()
    expect(after.sent[0]?.update.sequence).toBeGreaterThan(before.sent[0]?.update.sequence as number)
  })

  const areaPolicy = {
    localAreas: ['b', 'a'],
    defaultArea: null,
    allowUnmappedNeighbors: false,
    neighborAreas: { oslo: ['a'], voss: ['b'] },
    areaNeighborFilters: {},
    areaHierarchy: { b: 'a' },
    summaryFilters: [],
  }

  it('routing check 26: for two areas are two updates with distinct ids, each with its own neighbours, and both arrive', () => {
    const { env, state, link, sent } = node({ areaPolicy })
    link('oslo-1', 'voss-1')
    state.start()
    expect(sent.map(({ update: { area, neighbors } }) => [area, neighbors.map(({ cluster_id }) => cluster_id)])).toEqual([
      ['a', ['oslo']],
      ['b', ['voss']],
    ])
    expect(new Set(sent.map(({ suffix }) => suffix)).size).toBe(2)

    const third = node({ nodeId: 'bergen-1', clusterId: 'bergen' }, env)
    for (const { update: said } of sent) expect(third.hears('moss-1', said, 'oslo-1')).toBeUndefined()
    expect(third.state.status()).toMatchObject({ entries: 2, entry_areas: ['a', 'b'] })
  })

  it('routing check 27: is summarised into the parent area by an explicit filter, with no default area', () => {
    const summaryFilters = [{ sourceArea: 'b', targetArea: 'a', allowedNeighbors: ['voss'], deniedNeighbors: null }]
    const { state, link, sent } = node({ areaPolicy: { ...areaPolicy, summaryFilters } })
    link('oslo-1', 'voss-1')
    state.start()
    expect(sent.map(({ update: { area, neighbors } }) => [area, neighbors.map(({ cluster_id }) => cluster_id)])).toEqual([
      ['a', ['oslo', 'voss']],
      ['b', ['voss']],
    ])
  })

  it('names an area that has lost its last neighbour for as long as others may remember it', async () => {
    const policy = { ...areaPolicy, localAreas: [], allowUnmappedNeighbors: true }
    const { env, state, link, peers, sent } = node({ areaPolicy: policy })
    link('oslo-1')
    state.start()
    peers.length = 0
    await env.advance(10_000)
    expect(sent.at(-1)?.update).toMatchObject({ area: 'a', neighbors: [] })
    await env.advance(20_000)
    const announced = sent.length
    await env.advance(20_000)
    expect(sent.length).toBe(announced)
  })
})

describe('the status', () => {
  it('routing check 39: has exactly its fields, lists sorted', () => {
    const { env, state, hears } = node({
      areaPolicy: {
        localAreas: ['metro', 'core'],
        defaultArea: null,
        allowUnmappedNeighbors: true,
        neighborAreas: {},
        areaNeighborFilters: {},
        areaHierarchy: { metro: 'core' },
        summaryFilters: [{ sourceArea: 'metro', targetArea: 'core', allowedNeighbors: ['voss', 'oslo'], deniedNeighbors: null }],
      },
    })
    hears('oslo-1', update(env, 'oslo', 1, ['moss'], 'metro'))
    hears('oslo-2', update(env, 'oslo', 1, ['moss'], 'metro'))
    hears('oslo-1', update(env, 'oslo', 1, ['moss'], 'core'))
    expect(state.status()).toEqual({
      mode: 'prefer',
      area: null,
      area_hierarchy: { metro: 'core' },
      summary_filters: [{ source_area: 'metro', target_area: 'core', allowed_neighbors: ['oslo', 'voss'], denied_neighbors: null }],
      allowed_areas: ['core', 'metro'],
      entries: 2,
      entry_areas: ['core', 'metro'],
      area_mismatch_rejects: 0,
      stats: { updates_received: 3, updates_applied: 3, updates_rejected: 0, updates_filtered: 0, entries_expired: 0 },
    })
    expect(state.hint()).toEqual({ mode: 'prefer', area: null, allowed_areas: ['core', 'metro'], area_mismatch_rejects: 0 })
  })

  it('without an area policy has no hierarchy, no filters and no restriction', () => {
    expect(node().state.status()).toMatchObject({ area_hierarchy: {}, summary_filters: [], allowed_areas: null })
  })
})

describe('equal paths', () => {
  function diamond(latencies: readonly [number, number, number, number] = [5, 5, 5, 5]) {
    const made = node({ ecmpPaths: 2 })
    const { env, hears } = made
    hears('moss-2', update(env, 'moss', 1, [neighbor('oslo', latencies[0]), neighbor('voss', latencies[1])]))
    hears('bergen-1', update(env, 'bergen', 1, [neighbor('oslo', latencies[2]), neighbor('voss', latencies[3])]))
    return made
  }

  it('take turns', () => {
    const { state } = diamond()
    const turns = [1, 2, 3, 4].map(() => pathTo(state, 'bergen')?.[1])
    expect(turns).toEqual(['oslo', 'voss', 'oslo', 'voss'])
  })

  it('are none when one is dearer', () => {
    const { state } = diamond([5, 5, 5, 6])
    expect([1, 2, 3].map(() => pathTo(state, 'bergen')?.[1])).toEqual(['oslo', 'oslo', 'oslo'])
  })

  it('take turns for each destination by itself', () => {
    const { env, state, hears } = diamond()
    hears('kristiansand-1', update(env, 'kristiansand', 1, ['oslo', 'voss']))
    expect([1, 2, 3, 4].map((n) => pathTo(state, n % 2 === 1 ? 'bergen' : 'kristiansand')?.[1])).toEqual(['oslo', 'oslo', 'voss', 'voss'])
  })

  it('leave out those that break a condition, and fall back to a dearer one when all do', () => {
    const { env, state, hears } = diamond()
    const away = { avoid: new Set(['oslo']) }
    expect([1, 2].map(() => state.findPath('bergen', 5, away)?.[1])).toEqual(['voss', 'voss'])
    hears('moss-3', update(env, 'moss', 1, [neighbor('bergen', 50)]))
    expect(state.findPath('bergen', 5, { avoid: new Set(['oslo', 'voss']) })).toEqual(['moss', 'bergen'])
  })

  it('follow the graph', () => {
    const { env, state, hears } = diamond()
    pathTo(state, 'bergen')
    hears('bergen-1', update(env, 'bergen', 2, [neighbor('voss')]))
    expect([1, 2].map(() => pathTo(state, 'bergen')?.[1])).toEqual(['voss', 'voss'])
  })
})
