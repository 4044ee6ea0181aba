import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { type AnyEntry, createCatalog, draftDelta } from '../fabric/index.ts'
import { RawJson } from '../wire/index.ts'
import { createResolver, type ResolverOptions } from './resolver.ts'
import { functionSample, N1, N2, nodeSample } from './summary-samples.ts'

const SELF = 'ws://self:1'

function setUp(options: Partial<ResolverOptions> = {}, before: readonly AnyEntry[] = []) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const catalog = createCatalog({ env, nodeId: SELF, clusterId: 'moss', instanceId: 'i' })
  const resolver = createResolver(
    { env, nodeId: SELF, catalog },
    { namespaces: [], seedOnStart: true, pruneIntervalSeconds: 30, resyncIntervalSeconds: 0, queryCache: undefined, ...options },
  )
  let updates = 0
  const add = (...entries: AnyEntry[]) => {
    const draft = draftDelta()
    for (const { entry, kind } of entries) draft.add(kind, entry)
    const delta = draft.finish({ update_id: `u${++updates}`, cluster_id: 'moss', sent_at: env.clock.wall() })
    catalog.applyDelta(delta, env.clock.wall(), { kind: 'gossip', from: N1 })
  }
  if (before.length > 0) add(...before)
  resolver.start()
  return { add, catalog, env, resolver, names: () => resolver.source.list('functions').map(({ identity }) => identity.name) }
}

const fn = (...asked: Parameters<typeof functionSample>): AnyEntry => ({ kind: 'functions', entry: functionSample(...asked) })
const node = (id: string): AnyEntry => ({ kind: 'nodes', entry: nodeSample(id) })

describe('a resolver', () => {
  it('fills from deltas alone when it is not seeded (rpc check 26)', () => {
    const { add, names, resolver } = setUp({ seedOnStart: false }, [fn('early')])
    add(fn('svc.a'), node(N1))
    add(fn('svc.a', { node_id: N2 }), node(N2))
    expect(names()).toEqual(['svc.a', 'svc.a'])
    expect(resolver.source.node(N2)?.node_id).toBe(N2)
    expect(resolver.snapshot()).toMatchObject({
      entry_counts: { functions: 2, nodes: 2, topics: 0 },
      stats: {
        deltas_applied: 2,
        deltas_skipped: 0,
        last_delta_id: 'u3',
        last_delta_cluster: 'moss',
        last_delta_at: 100,
        last_delta_counts: { functions_added: 1, nodes_added: 1 },
        last_seed_at: null,
      },
    })
    resolver.resync()
    expect(names()).toContain('early')
    expect(resolver.snapshot().stats).toMatchObject({ last_seed_at: 100, last_seed_counts: { functions: 3, nodes: 2 } })
  })

  it('starts from what the catalog holds, and forgets what leaves it', () => {
    const { catalog, env, names } = setUp({}, [fn('svc.a'), fn('svc.b', { node_id: N2 }), node(N2)])
    expect(names()).toEqual(['svc.a', 'svc.b'])
    catalog.departNode(N2, ['moss'], env.clock.wall())
    expect(names()).toEqual(['svc.a'])
  })

  it('follows the namespaces it is told to, and all that has none', () => {
    const { add, names, resolver } = setUp({ namespaces: ['svc'] })
    add(fn('svc2.x'))
    add(fn('svc2.y'), fn('svc.eu.a'), fn('kw', { rpc_summary: new RawJson('{"namespace":"svc.market"}') }))
    add(node(N1))
    expect(names()).toEqual(['svc.eu.a', 'kw'])
    expect(resolver.source.list('nodes')).toHaveLength(1)
    expect(resolver.snapshot().stats).toMatchObject({ deltas_applied: 2, deltas_skipped: 1 })
  })

  it('drops what turns to namespaces it does not follow', async () => {
    const { add, env, names } = setUp({ namespaces: ['svc'] })
    const said = (namespace: string, advertised_at: number) =>
      fn('kw', { advertised_at, rpc_summary: new RawJson(`{"namespace":"${namespace}"}`) })
    add(said('svc', 100))
    expect(names()).toEqual(['kw'])
    await env.advance(1_000)
    add(said('press', 101))
    expect(names()).toEqual([])
  })

  it('holds what the catalog holds, whatever nodes say, take back and say again', () => {
    const ids = [N1, N2, 'ws://n3:1']
    const step = fc.record({ node: fc.nat(2), name: fc.nat(3), seconds: fc.nat(3), isRemoval: fc.boolean(), isTopic: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { catalog, resolver } = setUp()
        let now = 100
        for (const { isRemoval, isTopic, name, node: at, seconds } of steps) {
          now += seconds
          const shared = { node_id: ids[at] as string, advertised_at: now }
          const draft = draftDelta()
          const entry = functionSample(`svc.f${name}`, shared)
          if (isTopic && isRemoval) draft.remove('topics', `s${name}`)
          else if (isTopic)
            draft.add('topics', { ...nodeSample(shared.node_id, shared), subscription_id: `s${name}`, patterns: [`p.${now}`] })
          else if (isRemoval) draft.remove('functions', entry)
          else draft.add('functions', entry)
          const delta = draft.finish({ update_id: `u${now}`, cluster_id: 'moss', sent_at: now })
          catalog.applyDelta(delta, now, { kind: 'gossip', from: shared.node_id })
        }
        for (const kind of ['functions', 'topics'] as const) {
          const place = (each: { readonly node_id: string }): string => JSON.stringify(each)
          expect(resolver.source.list(kind).map(place).sort()).toEqual(catalog.list(kind).map(place).sort())
        }
      }),
    )
  })

  it('lets entries live as long as the catalog does', async () => {
    const { add, catalog, env, names, resolver } = setUp({ pruneIntervalSeconds: 1 }, [fn('short', { ttl_seconds: 2 })])
    catalog.local.set('functions', functionSample('own', { node_id: SELF, ttl_seconds: 2 }))
    catalog.local.commit()
    add(fn('renewed', { ttl_seconds: 3 }))
    await env.advance(2_500)
    add(fn('renewed', { ttl_seconds: 3, advertised_at: 102 }))
    expect(names()).toEqual(['own', 'renewed'])
    await env.advance(1_000)
    expect(names()).toEqual(['own', 'renewed'])
    expect(resolver.snapshot().entry_counts.functions).toBe(2)
    expect(resolver.snapshot().stats).toMatchObject({ last_prune_at: 103, last_prune_counts: { functions: 1 } })
    await env.advance(2_500)
    expect(names()).toEqual(['own'])
  })

  it('lets a node known by its beats live on them', async () => {
    const { catalog, env, names } = setUp()
    const entry = functionSample('beating', { ttl_seconds: 10 })
    const update = { node_id: N1, cluster_id: 'moss', instance_id: 'x', epoch: 1, version: 1, beat: 1, since: 0, age_ms: 0, removals: [] }
    catalog.applyOwner({ ...update, entries: [{ kind: 'functions', version: 1, entry }] }, { kind: 'sync', from: N1 })
    for (let beat = 2; beat < 6; beat++) {
      await env.advance(8_000)
      catalog.heardBeat(N1, 1, beat, 0)
    }
    expect(names()).toEqual(['beating'])
    await env.advance(200_000)
    expect(names()).toEqual([])
  })

  it('begins anew in its interval, and ends when it is told to', async () => {
    const { add, env, names, resolver } = setUp({ resyncIntervalSeconds: 5 })
    await env.advance(5_000)
    expect(resolver.snapshot().stats.last_seed_at).toBe(105)
    resolver.stop()
    add(fn('late', { advertised_at: 105 }))
    await env.advance(10_000)
    expect(names()).toEqual([])
    expect(resolver.snapshot().stats.last_seed_at).toBe(105)
  })

  it('makes kept answers stale with each change that a query could notice', async () => {
    const { add, env, resolver } = setUp({
      queryCache: { ttlSeconds: 10, staleSeconds: 20, negativeTtlSeconds: 5, entriesMax: 10 },
    })
    const ask = () => resolver.queryCache?.recall('catalog', 'q', () => resolver.source.list('functions')).items.length
    add(fn('svc.a'))
    expect(ask()).toBe(1)
    add(fn('svc.a', { advertised_at: 101 }))
    expect(ask()).toBe(1)
    expect(resolver.snapshot().query_cache).toMatchObject({ catalog_hits: 1, catalog_stale_serves: 0 })
    add(fn('svc.b'))
    expect(ask()).toBe(1)
    await env.advance(1)
    expect(ask()).toBe(2)
    expect(resolver.snapshot().query_cache).toMatchObject({ catalog_stale_serves: 1, catalog_refreshes: 1 })
  })
})
