import { describe, expect, it } from 'vitest'
import type { CatalogDelta, FunctionEntry, QueueEntry, TopicEntry } from '../../wire/index.ts'
import { type AnnouncerDeps, createAnnouncer, type Offer } from './announcer.ts'
import { catalogSample, deltaSample, functionSample, nodeSample, profileSample, queueSample, SELF, topicSample } from './entry-samples.ts'

function announcerSample(ttlSeconds = 120) {
  const { env, catalog } = catalogSample({}, { ttlSeconds })
  const published: CatalogDelta[] = []
  const offered = {
    functions: [] as Offer<FunctionEntry>[],
    topics: [] as Offer<TopicEntry>[],
    queues: [] as Offer<QueueEntry>[],
    utilization: 0,
  }
  const { node_id: _n, cluster_id: _c, advertised_at: _a, ttl_seconds: _t, ...node } = nodeSample(SELF)
  const { node_id: _pn, cluster_id: _pc, advertised_at: _pa, ttl_seconds: _pt, ...profile } = profileSample()
  const offers: AnnouncerDeps['offers'] = {
    functions: () => offered.functions,
    node: () => node,
    topics: () => offered.topics,
    queues: () => offered.queues,
    services: () => [],
    cacheProfile: () => ({ ...profile, utilization_percent: offered.utilization }),
  }
  const announcer = createAnnouncer(
    { env, catalog, offers, publish: (delta) => published.push(delta), targetHint: () => 1, queuedMessages: () => 0 },
    { nodeId: SELF, clusterId: 'moss', ttlSeconds, gossipIntervalSeconds: 1 },
  )
  return { env, catalog, published, offered, announcer }
}

function offer<E extends { ttl_seconds: number }>({ ttl_seconds: _, ...entry }: E): Omit<E, 'ttl_seconds'> {
  return entry
}

describe('announcer', () => {
  it('announces everything at the start, in one delta', () => {
    const { catalog, published, offered, announcer } = announcerSample()
    offered.functions = [offer(functionSample('f', { resources: ['z', 'a'] }))]
    offered.topics = [offer(topicSample('s', ['a']))]
    announcer.start()
    expect(published).toHaveLength(1)
    expect(published[0]).toMatchObject({
      functions: [{ identity: { name: 'f' }, resources: ['a', 'z'], node_id: SELF, advertised_at: 100, ttl_seconds: 120 }],
      topics: [{ subscription_id: 's', node_id: SELF }],
      nodes: [{ node_id: SELF }],
    })
    expect(catalog.functionsNamed('f')).toHaveLength(1)
    expect(catalog.local.version).toBe(1)
  })

  it('makes the registrations of one turn one delta, with the own node', async () => {
    const { env, published, offered, announcer } = announcerSample()
    offered.functions = [offer(functionSample('early'))]
    announcer.changed('functions')
    announcer.start()
    published.length = 0
    for (const name of ['a', 'b', 'c']) {
      offered.functions = [...offered.functions, offer(functionSample(name))]
      announcer.changed('functions')
    }
    await env.advance(0)
    expect(published.map((delta) => [delta.functions.length, delta.nodes.length])).toEqual([[3, 1]])
  })

  it('removes the previous key with the addition', () => {
    const { published, offered, announcer } = announcerSample()
    offered.functions = [offer(functionSample('f', { resources: ['r'] }))]
    announcer.start()
    offered.functions = [offer(functionSample('f', { resources: ['r', 's'] }))]
    announcer.changed('functions')
    announcer.flush()
    expect(published.at(-1)).toMatchObject({ functions: [{ resources: ['r', 's'] }], function_removals: [{ resources: ['r'] }] })
  })

  it('stamps everything anew before it expires; followers of the record see beats only', async () => {
    const { env, catalog, published, offered, announcer } = announcerSample()
    offered.functions = [offer(functionSample('f'))]
    offered.topics = [offer(topicSample('s', ['a']))]
    offered.queues = [offer(queueSample('q'))]
    announcer.start()
    const { version, beat } = catalog.local
    await env.advance(600_000)
    const stampsOf = (kind: 'functions' | 'topics' | 'queues' | 'nodes' | 'cache_profiles') => [
      100,
      ...published.slice(1).flatMap((delta) => delta[kind].map((entry) => entry.advertised_at)),
    ]
    for (const kind of ['functions', 'topics', 'queues', 'nodes', 'cache_profiles'] as const) {
      const stamps = stampsOf(kind)
      expect(stamps.length, kind).toBeGreaterThan(5)
      for (let i = 1; i < stamps.length; i++) expect((stamps[i] as number) - (stamps[i - 1] as number), kind).toBeLessThan(80)
    }
    expect(stampsOf('functions').length).toBeLessThan(12)
    expect(catalog.local.version).toBe(version)
    expect(catalog.local.beat - beat).toBeGreaterThanOrEqual(18)
    expect(announcer.snapshot()).toMatchObject({ running: true, changes_published: 1 })
  })

  it('finds changes nobody reported when it looks again', async () => {
    const { env, published, offered, announcer } = announcerSample()
    offered.queues = [offer(queueSample('q'))]
    announcer.start()
    offered.queues = [offer(queueSample('q', { current_subscribers: 3, health: 'degraded' }))]
    await env.advance(3000)
    expect(published.some((delta) => delta.queues[0]?.current_subscribers === 3)).toBe(true)
  })

  it('tells the profile of its cache at a quarter of the TTL, however restless it is', async () => {
    const { env, catalog, published, offered, announcer } = announcerSample()
    announcer.start()
    for (let i = 0; i < 120; i++) {
      offered.utilization++
      await env.advance(1000)
    }
    expect(published.filter((delta) => delta.cache_profiles.length > 0).length).toBeLessThanOrEqual(5)
    expect(catalog.local.version).toBeLessThanOrEqual(5)
  })

  it('keeps a function back whose name is taken, and announces it when the name is free', async () => {
    const { env, catalog, published, offered, announcer } = announcerSample()
    catalog.applyDelta(deltaSample({ functions: [functionSample('echo', { id: 'f1', ttl_seconds: 10 })] }), 100, {
      kind: 'gossip',
      from: 'x',
    })
    offered.functions = [offer(functionSample('echo', { id: 'f2' })), offer(functionSample('fine'))]
    announcer.start()
    expect(published[0]?.functions.map((entry) => entry.identity.name)).toEqual(['fine'])
    expect(announcer.snapshot().functions_in_conflict).toBe(1)
    await env.advance(11_000)
    catalog.prune(env.clock.wall())
    await env.advance(3000)
    expect(catalog.findFunctions({ functionId: 'f2' })).toHaveLength(1)
    expect(announcer.snapshot().functions_in_conflict).toBe(0)
  })

  it('takes back everything when it departs, and is silent then', async () => {
    const { env, catalog, published, offered, announcer } = announcerSample()
    offered.functions = [offer(functionSample('f'))]
    offered.topics = [offer(topicSample('s', ['a']))]
    offered.queues = [offer(queueSample('q'))]
    announcer.start()
    announcer.changed('functions')
    announcer.depart()
    expect(published.at(-1)).toMatchObject({
      functions: [],
      nodes: [],
      function_removals: [{}],
      topic_removals: ['s'],
      queue_removals: [{}],
      cache_profile_removals: [{}],
      node_removals: [{}],
    })
    expect(catalog.entriesOf(SELF)).toEqual([])
    const { length } = published
    await env.advance(300_000)
    expect(published).toHaveLength(length)
    expect(env.pendingTimers).toBe(0)
  })

  it('stops without a word', () => {
    const { catalog, published, announcer } = announcerSample()
    announcer.start()
    announcer.stop()
    expect(published).toHaveLength(1)
    expect(catalog.node(SELF)).toBeDefined()
  })
})
