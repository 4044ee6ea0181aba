import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv, parseConstraint, TopicTrie } from '../../base/index.ts'
import { type CatalogDelta, catalogDelta, catalogSnapshot, type FrameError, functionEntry } from '../../wire/index.ts'
import type { CatalogChange } from './catalog.ts'
import type { ChangeSource } from './changes.ts'
import { emptyCounts } from './delta.ts'
import {
  cacheRoleSample,
  catalogSample,
  deltaSample,
  functionSample,
  N1,
  N2,
  nodeSample,
  profileSample,
  queueSample,
  SELF,
  serviceSample,
  topicSample,
} from './entry-samples.ts'
import { FunctionConflictError } from './function-conflict.ts'
import { CATALOG_KINDS, keyOf, REMOVALS_OF } from './kinds.ts'
import { createCatalogPolicy } from './policy.ts'

const GOSSIP: ChangeSource = { kind: 'gossip', from: N1 }
const ELSEWHERE: ChangeSource = { kind: 'gossip', from: 'ws://third:1' }

function reasons(applied: { readonly refused: readonly { readonly reason: string }[] }): string[] {
  return applied.refused.map(({ reason }) => reason)
}

describe('control plane checks of the catalog', () => {
  it('control plane check 1: the fresher announcement counts, and an entry lives to its very limit', async () => {
    const { env, catalog } = catalogSample()
    const register = (advertised_at: number, ttl_seconds: number): boolean =>
      catalog.applyDelta(deltaSample({ functions: [functionSample('f', { advertised_at, ttl_seconds })] }), 100, GOSSIP).counts
        .functions_added === 1
    expect(register(100, 10)).toBe(true)
    expect(register(100, 10)).toBe(false)
    await env.advance(10_000)
    expect(catalog.findFunctions({ name: 'f' })).toHaveLength(1)
    await env.advance(1)
    expect(catalog.findFunctions({ name: 'f' })).toHaveLength(0)
    expect(register(100, 11)).toBe(true)
    expect(register(99, 500)).toBe(false)
    expect(catalog.findFunctions({ name: 'f' })).toHaveLength(1)
  })

  it('control plane check 2: one name has one id; a delta goes on without the violation, a local registration is refused', () => {
    const { catalog } = catalogSample()
    catalog.applyDelta(deltaSample({ functions: [functionSample('echo', { id: 'f1' })] }), 100, GOSSIP)
    const applied = catalog.applyDelta(
      deltaSample({ functions: [functionSample('echo', { id: 'f2', node_id: N2 }), functionSample('fine', { node_id: N2 })] }),
      100,
      GOSSIP,
    )
    expect(applied.counts.functions_added).toBe(1)
    expect(reasons(applied)).toEqual(['function_conflict'])
    const own = functionSample('echo', { id: 'f2', node_id: SELF })
    expect(() => catalog.local.set('functions', own)).toThrow('Function name conflict: echo already mapped to f1')
    expect(() => catalog.applyDelta(deltaSample({ functions: [own] }), 100, { kind: 'local' })).toThrow(FunctionConflictError)
    const other = functionSample('other', { id: 'f1', node_id: SELF })
    expect(() => catalog.local.set('functions', other)).toThrow('Function id conflict: f1 already mapped to echo')
  })

  it('control plane check 3: scopes and tags are normalised', () => {
    const read = (scope: string): object => {
      const text = JSON.stringify({ identity: { name: 'f', function_id: 'f', version: '1' }, scope, tags: ['b', 'a', ''] })
      return JSON.parse(functionEntry.write(functionEntry.read(JSON.parse(text), { text, now: 1, dropped: [] }, 0)))
    }
    expect(read('Cluster')).toMatchObject({ scope: 'zone', tags: ['a', 'b'] })
    expect(read('planet')).toMatchObject({ scope: 'zone' })
    expect(read('GLOBAL')).toMatchObject({ scope: 'global' })
  })

  it('control plane check 4: a delta with all kinds round-trips; applied again it counts nothing and observers still hear of it', () => {
    const { catalog } = catalogSample()
    const seed = oneOfEach('old', 90)
    catalog.applyDelta(seed, 90, GOSSIP)
    const removals = Object.fromEntries(
      CATALOG_KINDS.map((kind) => [REMOVALS_OF[kind], seed[kind].map((entry) => keyOf(kind, entry as never))]),
    )
    const delta = { ...oneOfEach('new', 100), ...removals } as CatalogDelta
    const text = catalogDelta.write(delta)
    const dropped: FrameError[] = []
    const decoded = catalogDelta.read(JSON.parse(text), { text, now: 1, dropped }, 0)
    expect(dropped).toEqual([])
    expect(catalogDelta.write(decoded)).toBe(text)

    const changes: CatalogChange[] = []
    catalog.observe((change) => changes.push(change))
    const first = catalog.applyDelta(decoded, 100, GOSSIP)
    expect(Object.values(first.counts)).toEqual(Array(14).fill(1))
    const second = catalog.applyDelta(decoded, 100, GOSSIP)
    expect(second.counts).toEqual(emptyCounts())
    expect(second.changed).toBe(false)
    expect(changes.map(({ counts }) => counts)).toEqual([first.counts, second.counts])
  })

  it('control plane check 5: what the policy refuses is neither stored nor shown', () => {
    let isDeparted = false
    const policy = createCatalogPolicy({
      clusterId: 'A',
      allowedClusters: new Set(['C']),
      blockedFunctions: new Set(['blocked']),
      allowedFunctions: new Set(['blocked', 'offered']),
      allowsNode: (nodeId) => !(isDeparted && nodeId === N1),
    })
    const { catalog } = catalogSample({ clusterId: 'A', policy })
    const seen: CatalogDelta[] = []
    catalog.observe(({ delta }) => seen.push(delta))
    const b = { cluster_id: 'B', node_id: N2 }
    const foreign = deltaSample({
      functions: [functionSample('f', b)],
      cache_profiles: [profileSample(b)],
      nodes: [nodeSample(N2, b)],
      node_removals: [b],
    })
    expect(catalog.applyDelta(foreign, 100, GOSSIP).counts).toEqual(emptyCounts())
    expect(seen[0]).toMatchObject({ functions: [], cache_profiles: [], nodes: [], node_removals: [] })

    const a = { cluster_id: 'A' }
    const c = { cluster_id: 'C', node_id: N2 }
    const functions = [functionSample('blocked', a), functionSample('blocked', c), functionSample('offered', c), functionSample('more', c)]
    const applied = catalog.applyDelta(deltaSample({ functions }), 100, GOSSIP)
    expect(catalog.list('functions').map((entry) => [entry.cluster_id, entry.identity.name])).toEqual([
      ['A', 'blocked'],
      ['C', 'offered'],
    ])
    expect(reasons(applied)).toEqual(['function_blocked', 'function_not_allowed'])

    isDeparted = true
    catalog.applyDelta(deltaSample({ functions: [functionSample('late', a)], nodes: [nodeSample(N1, a)] }), 100, GOSSIP)
    expect(catalog.node(N1)).toBeUndefined()
    expect(catalog.functionsNamed('late')).toEqual([])
    expect(seen.at(-1)).toMatchObject({ functions: [], nodes: [] })
  })

  it('control plane check 6: a subscription is matched once, and by its latest patterns only', () => {
    const { catalog } = catalogSample()
    const subscribe = (patterns: string[], advertised_at: number) =>
      catalog.applyDelta(deltaSample({ topics: [topicSample('s', patterns, { advertised_at })] }), advertised_at, GOSSIP)
    subscribe(['foo.*', 'bar.#'], 100)
    expect(catalog.matchTopics('foo.x').map((entry) => entry.subscription_id)).toEqual(['s'])
    expect(catalog.matchTopics('bar.a.b')).toHaveLength(1)
    subscribe(['baz.#'], 101)
    expect(catalog.matchTopics('foo.x')).toEqual([])
    expect(catalog.matchTopics('baz')).toHaveLength(1)
  })
})

describe('whose word counts', () => {
  it('nobody speaks for this node', () => {
    const { catalog } = catalogSample()
    catalog.local.set('functions', functionSample('f', { node_id: SELF }))
    catalog.local.commit()
    const own = { cluster_id: 'moss', node_id: SELF }
    const applied = catalog.applyDelta(
      deltaSample({
        sent_at: 200,
        functions: [functionSample('g', own)],
        function_removals: [keyOf('functions', functionSample('f', own))],
      }),
      200,
      GOSSIP,
    )
    expect(reasons(applied)).toEqual(['own_node', 'own_node'])
    expect(catalog.list('functions')).toHaveLength(1)
  })

  it('a removal older than the announcement is refused, and an announcement older than the removal', () => {
    const { catalog } = catalogSample()
    const entry = functionSample('f', { advertised_at: 100 })
    catalog.applyDelta(deltaSample({ functions: [entry] }), 100, GOSSIP)
    const function_removals = [keyOf('functions', entry)]
    expect(reasons(catalog.applyDelta(deltaSample({ function_removals }), 99, ELSEWHERE))).toEqual(['older'])
    expect(catalog.applyDelta(deltaSample({ function_removals }), 105, ELSEWHERE).counts.functions_removed).toBe(1)
    expect(reasons(catalog.applyDelta(deltaSample({ functions: [entry] }), 100, ELSEWHERE))).toEqual(['removed'])
    const later = functionSample('f', { advertised_at: 106 })
    expect(catalog.applyDelta(deltaSample({ functions: [later] }), 106, ELSEWHERE).counts.functions_added).toBe(1)
  })

  it('a key may be removed and added again by one delta', () => {
    const { catalog } = catalogSample()
    const entry = functionSample('f')
    catalog.applyDelta(deltaSample({ functions: [functionSample('f', { advertised_at: 90 })] }), 90, GOSSIP)
    const delta = deltaSample({ functions: [entry], function_removals: [keyOf('functions', entry)] })
    catalog.applyDelta(delta, 101, GOSSIP)
    expect(catalog.functionsNamed('f')).toEqual([entry])
  })

  it('a cluster can not end the subscriptions of another', () => {
    const policy = createCatalogPolicy({ clusterId: 'moss', allowedClusters: 'any' })
    const { catalog } = catalogSample({ policy })
    catalog.applyDelta(deltaSample({ topics: [topicSample('s', ['a'])] }), 100, GOSSIP)
    const fern = deltaSample({ cluster_id: 'fern', topic_removals: ['s'] })
    expect(reasons(catalog.applyDelta(fern, 101, GOSSIP))).toEqual(['foreign_cluster'])
    const takeover = topicSample('s', ['b'], { cluster_id: 'fern', node_id: N2, advertised_at: 102 })
    expect(reasons(catalog.applyDelta(deltaSample({ topics: [takeover] }), 102, GOSSIP))).toEqual(['subscription_taken'])
    expect(catalog.matchTopics('a')).toHaveLength(1)
  })

  it('within a cluster a subscription follows its client to another node', () => {
    const { catalog } = catalogSample()
    catalog.applyDelta(deltaSample({ topics: [topicSample('s', ['a'])] }), 100, GOSSIP)
    catalog.applyDelta(deltaSample({ topics: [topicSample('s', ['a'], { node_id: N2, advertised_at: 101 })] }), 101, GOSSIP)
    expect(catalog.matchTopics('a').map((entry) => entry.node_id)).toEqual([N2])
    expect(catalog.list('topics')).toHaveLength(1)
  })

  it('a departed node stays away for one TTL, unless it announces itself anew', async () => {
    const { env, catalog } = catalogSample()
    const delta = oneOfEach('x', 100)
    catalog.applyDelta(delta, 100, GOSSIP)
    const removal = catalog.departNode(N1, ['moss', 'fern'], 110) as CatalogDelta
    for (const kind of CATALOG_KINDS) expect(catalog.list(kind), kind).toEqual([])
    for (const kind of CATALOG_KINDS) expect(removal[REMOVALS_OF[kind]], kind).toHaveLength(kind === 'nodes' ? 2 : 1)
    const stale = { ...delta, nodes: [nodeSample(N1, { advertised_at: 110 })] }
    expect(new Set(reasons(catalog.applyDelta(stale, 110, ELSEWHERE)))).toEqual(new Set(['departed']))
    const fresh = deltaSample({ nodes: [nodeSample(N1, { advertised_at: 110.5 })] })
    expect(catalog.applyDelta(fresh, 111, ELSEWHERE).counts.nodes_added).toBe(1)
    await env.advance(121_000)
    catalog.prune(env.clock.wall())
    expect(catalog.snapshot().tombstones).toBe(0)
  })

  it('limits are typed refusals', () => {
    const { catalog } = catalogSample({}, { entriesPerOwnerMax: 2, entriesMax: 3, ownersMax: 3 })
    const functions = ['a', 'b', 'c'].map((name) => functionSample(name))
    expect(reasons(catalog.applyDelta(deltaSample({ functions }), 100, GOSSIP))).toEqual(['owner_entries_max'])
    const more = ['d', 'e'].map((name) => functionSample(name, { node_id: N2 }))
    expect(reasons(catalog.applyDelta(deltaSample({ functions: more }), 100, GOSSIP))).toEqual(['entries_max'])
    const third = functionSample('f', { node_id: 'ws://n3:1' })
    expect(reasons(catalog.applyDelta(deltaSample({ functions: [third] }), 100, GOSSIP))).toEqual(['owners_max'])
    expect(catalog.snapshot().refused).toEqual({ owner_entries_max: 1, entries_max: 1, owners_max: 1 })
  })

  it('a function name is free again when its last entry is pruned', async () => {
    const { env, catalog } = catalogSample()
    catalog.applyDelta(deltaSample({ functions: [functionSample('echo', { id: 'f1', ttl_seconds: 10 })] }), 100, GOSSIP)
    await env.advance(10_001)
    const changes: CatalogChange[] = []
    catalog.observe((change) => changes.push(change))
    expect(catalog.prune(env.clock.wall()).functions_removed).toBe(1)
    expect(changes[0]).toMatchObject({ source: { kind: 'expiry' }, delta: { function_removals: [{ node_id: N1 }] } })
    catalog.local.set('functions', functionSample('echo', { id: 'f2', node_id: SELF }))
    expect(catalog.local.commit().changed).toBe(true)
    expect(catalog.snapshot()).toMatchObject({ owners: 1, functions: 1 })
  })

  it('a function id is free again when its name is gone', () => {
    const { catalog } = catalogSample()
    const entry = functionSample('echo', { id: 'f1' })
    catalog.applyDelta(deltaSample({ functions: [entry] }), 100, GOSSIP)
    const other = functionSample('other', { id: 'f1' })
    catalog.applyDelta(deltaSample({ function_removals: [keyOf('functions', entry)], functions: [other] }), 101, GOSSIP)
    expect(catalog.findFunctions({ functionId: 'f1' })).toEqual([other])
  })

  it('a node may take back its descriptor and keep its functions', () => {
    const { catalog } = catalogSample()
    catalog.applyDelta(deltaSample({ functions: [functionSample('f')], nodes: [nodeSample()] }), 100, GOSSIP)
    catalog.applyDelta(deltaSample({ node_removals: [keyOf('nodes', nodeSample())] }), 101, GOSSIP)
    expect(catalog.node(N1)).toBeUndefined()
    expect(catalog.functionsNamed('f')).toHaveLength(1)
  })

  it('an observer that fails does not keep the others from hearing', () => {
    const { catalog } = catalogSample()
    let heard = 0
    catalog.observe(() => {
      throw new Error('broken')
    })
    const stop = catalog.observe(() => heard++)
    catalog.applyDelta(deltaSample(), 100, GOSSIP)
    stop()
    catalog.applyDelta(deltaSample(), 100, GOSSIP)
    expect(heard).toBe(1)
  })
})

describe('queries', () => {
  it('functions by name, id, version, resources, cluster and node', () => {
    const policy = createCatalogPolicy({ clusterId: 'moss', allowedClusters: 'any' })
    const { catalog } = catalogSample({ policy })
    const functions = [
      functionSample('f', { id: 'id', version: '1.2.0', resources: ['gpu', 'set'] }),
      functionSample('f', { id: 'id', version: '10.0.0', node_id: N2, cluster_id: 'fern' }),
      functionSample('g'),
    ]
    catalog.applyDelta(deltaSample({ functions }), 100, GOSSIP)
    const found = (query: Parameters<typeof catalog.findFunctions>[0]) => catalog.findFunctions(query).map((e) => e.identity.version)
    expect(found({ name: 'f' })).toEqual(['1.2.0', '10.0.0'])
    expect(found({ functionId: 'id', constraint: parseConstraint('>=2') })).toEqual(['10.0.0'])
    expect(found({ name: 'f', resources: ['set'] })).toEqual(['1.2.0'])
    expect(found({ name: 'f', clusterId: 'fern' })).toEqual(['10.0.0'])
    expect(found({ name: 'f', nodeId: N1 })).toEqual(['1.2.0'])
    expect(found({ name: 'g', functionId: 'id' })).toEqual([])
    expect(found({ functionId: 'nobody' })).toEqual([])
    expect(found({ nodeId: N1 })).toEqual(['1.2.0', '1.0.0'])
  })

  it('the other kinds by their keys', () => {
    const { catalog } = catalogSample()
    catalog.applyDelta(
      deltaSample({
        queues: [queueSample('q')],
        services: [serviceSample('web'), serviceSample('web', { port: 81 })],
        caches: [cacheRoleSample('sync')],
        cache_profiles: [profileSample()],
        nodes: [nodeSample(N1, { resources: ['gpu'], capabilities: ['queue', 'rpc'] })],
      }),
      100,
      GOSSIP,
    )
    expect(catalog.queues('q')).toHaveLength(1)
    expect(catalog.queues('q', 'fern')).toEqual([])
    expect(catalog.services({ name: 'web' })).toHaveLength(2)
    expect(catalog.services({ namespace: 'press', port: 81 })).toHaveLength(1)
    expect(catalog.cacheRoles('sync', 'moss')).toHaveLength(1)
    expect(catalog.cacheRoles('replica')).toEqual([])
    expect(catalog.cacheProfiles({ nodeId: N1 })).toHaveLength(1)
    expect(catalog.nodes({ resources: ['gpu'], capabilities: ['queue'] })).toHaveLength(1)
    expect(catalog.nodes({ capabilities: ['cache'] })).toEqual([])
    expect(catalog.entriesOf(N1)).toHaveLength(6)
  })

  it('the generation rises when a query could notice, not for a refresh', () => {
    const { catalog } = catalogSample()
    const apply = (advertised_at: number, tags: string[]) => {
      catalog.applyDelta(deltaSample({ functions: [functionSample('f', { advertised_at, tags })] }), advertised_at, GOSSIP)
      return catalog.generation
    }
    const first = apply(100, [])
    expect(apply(101, [])).toBe(first)
    expect(apply(102, ['new'])).toBe(first + 1)
  })
})

describe('the stored catalog', () => {
  it('control plane check 7 (document): what still lives is restored, observers hear of it, own entries are dropped', async () => {
    const before = catalogSample()
    before.catalog.local.set('functions', functionSample('own', { node_id: SELF }))
    before.catalog.local.commit()
    const functions = [functionSample('long', { ttl_seconds: 300 }), functionSample('short', { ttl_seconds: 20 })]
    before.catalog.applyDelta(deltaSample({ functions, nodes: [nodeSample(N1, { ttl_seconds: 300 })] }), 100, GOSSIP)
    const document = before.catalog.snapshotDocument(before.env.clock.wall())
    expect(document.functions).toHaveLength(3)
    const text = catalogSnapshot.write(document)

    const after = catalogSample({ env: createVirtualEnv({ seed: 2, startWall: 130 }) })
    const changes: CatalogChange[] = []
    after.catalog.observe((change) => changes.push(change))
    const read = catalogSnapshot.read(JSON.parse(text), { text, now: 130, dropped: [] }, 0)
    expect(after.catalog.restore(read, 130)).toMatchObject({ functions: 1, nodes: 1, topics: 0 })
    expect(after.catalog.list('functions').map((entry) => entry.identity.name)).toEqual(['long'])
    expect(changes[0]).toMatchObject({ source: { kind: 'restore' }, delta: { nodes: [{ node_id: N1 }] } })
  })
})

describe('any row of deltas', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'a.b')
  const node_id = fc.constantFrom(N1, N2, 'ws://n3:1')
  const stamp = { node_id, advertised_at: fc.integer({ min: 95, max: 105 }), ttl_seconds: fc.constantFrom(3, 10) }
  const entry = fc.oneof(
    fc.record({ name, id: name, version: fc.constantFrom('1.0.0', '2.0.0'), resources: fc.subarray(['r', 's']), ...stamp }).map((e) => ({
      functions: [functionSample(e.name, e)],
    })),
    fc.record({ id: name, patterns: fc.subarray(['a.*', '#.b', 'c', 'a.#']), ...stamp }).map(({ id, patterns, ...more }) => ({
      topics: [topicSample(id, patterns, more)],
    })),
    fc.record({ name, ...stamp }).map(({ name, ...more }) => ({ queues: [queueSample(name, more)] })),
    fc.record({ name, port: fc.nat(1), ...stamp }).map(({ name, ...more }) => ({ services: [serviceSample(name, more)] })),
    fc.record(stamp).map((more) => ({ nodes: [nodeSample(more.node_id, more)] })),
  )
  const additions = entry.map((parts) => deltaSample(parts))
  const removals = additions.map((delta) =>
    deltaSample(Object.fromEntries(CATALOG_KINDS.map((kind) => [REMOVALS_OF[kind], delta[kind].map((e) => keyOf(kind, e as never))]))),
  )
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ delta: fc.oneof({ weight: 3, arbitrary: additions }, removals), at: fc.integer({ min: 95, max: 108 }) }),
    },
    { weight: 1, arbitrary: fc.constant('prune' as const) },
    { weight: 1, arbitrary: node_id },
  )

  it('applied twice changes nothing the second time, and the indices agree with a scan', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 12 }), (steps, laterSeconds) => {
        const { env, catalog } = catalogSample()
        env.shiftWall(laterSeconds)
        const now = env.clock.wall()
        for (const one of steps) {
          if (one === 'prune') catalog.prune(now)
          else if (typeof one === 'string') catalog.departNode(one, [], 96)
          else {
            catalog.applyDelta(one.delta, one.at, ELSEWHERE)
            expect(catalog.applyDelta(one.delta, one.at, ELSEWHERE).changed).toBe(false)
          }
          expectIndexLikeScan(catalog)
        }
      }),
      { numRuns: 150 },
    )
  })

  function expectIndexLikeScan(catalog: ReturnType<typeof catalogSample>['catalog']): void {
    const functions = catalog.list('functions')
    const topics = catalog.list('topics')
    for (const text of ['a', 'b', 'c', 'a.b']) {
      const same = (a: readonly object[], b: readonly object[]) => expect(new Set(a)).toEqual(new Set(b))
      same(
        catalog.functionsNamed(text),
        functions.filter((e) => e.identity.name === text),
      )
      same(
        catalog.findFunctions({ functionId: text }),
        functions.filter((e) => e.identity.function_id === text),
      )
      same(
        catalog.queues(text),
        catalog.list('queues').filter((e) => e.queue_name === text),
      )
      same(
        catalog.services({ name: text }),
        catalog.list('services').filter((e) => e.name === text),
      )
      const trie = new TopicTrie<object>()
      for (const topic of topics) for (const pattern of topic.patterns) trie.add(pattern, topic)
      same(catalog.matchTopics(text), trie.match(text))
    }
    expect(new Set(catalog.nodes())).toEqual(new Set(catalog.list('nodes')))
    expect(new Set(topics.map((e) => e.subscription_id)).size).toBe(topics.length)
    for (const a of functions) {
      for (const b of functions) expect(a.identity.name === b.identity.name).toBe(a.identity.function_id === b.identity.function_id)
    }
    let counted = 0
    catalog.each(() => counted++)
    expect(counted).toBe(CATALOG_KINDS.reduce((sum, kind) => sum + catalog.list(kind).length, 0))
  }
})

function oneOfEach(name: string, advertised_at: number): CatalogDelta {
  // Of two nodes, as some kinds have one entry for a node.
  const owner = { node_id: name === 'new' ? N2 : N1, advertised_at }
  return deltaSample({
    sent_at: advertised_at,
    functions: [functionSample(name, owner)],
    topics: [topicSample(name, [`${name}.#`], owner)],
    queues: [queueSample(name, owner)],
    services: [serviceSample(name, owner)],
    caches: [cacheRoleSample('sync', owner)],
    cache_profiles: [profileSample(owner)],
    nodes: [nodeSample(owner.node_id, owner)],
  })
}
