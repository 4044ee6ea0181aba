/** Discovery between nodes, in virtual time: what they tell each other in summary, what a resolver follows, what subscribers are shown. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { SettingsInput } from '../../src/node/index.ts'
import { createTestFabric, type TestFabric } from '../../src/testing.ts'
import { createFederation } from './clusters.ts'

async function fabricOf(nodes: number, settings: (index: number) => SettingsInput): Promise<TestFabric> {
  const fabric = await createTestFabric({ nodes, seed: 5, settings: (index) => ({ gossipInterval: 0.5, ...settings(index) }) })
  onTestFinished(() => fabric.close())
  return fabric
}

type Fields = Readonly<Record<string, unknown>>

function ask(fabric: TestFabric, index: number, fun: string, request: Fields = {}): Promise<Fields> {
  return fabric.settle(fabric.node(index).call(fun, request)) as Promise<Fields>
}

async function services(fabric: TestFabric, index: number, request: Fields): Promise<unknown[]> {
  const { items } = (await ask(fabric, index, 'summary_query', request)) as { readonly items: readonly Fields[] }
  return items.map(({ service_id }) => service_id)
}

/** What a client of a node gets on topics. */
async function listen(fabric: TestFabric, index: number, patterns: string[], backlogSeconds = 0) {
  const client = await fabric.client(index)
  const messages: { readonly topic: string; readonly payload: unknown }[] = []
  await fabric.settle(client.subscribe(patterns, (message) => messages.push(message), { backlogSeconds }))
  return messages
}

const exporting = { discoverySummaryExportEnabled: true, discoverySummaryExportIntervalSeconds: 0.5 } as const
const following = { discoverySummaryResolverMode: true, discoverySummaryResolverScopes: ['global'] } as const
const wide = { scope: 'global' } as const

describe('summaries between nodes', () => {
  it('reach those who follow their scope, without the functions every node has (rpc check 28)', async () => {
    const fabric = await fabricOf(2, (index) => (index === 0 ? { ...exporting, cacheRegion: 'eu' } : following))
    fabric.register(0, 'svc.market.quote', () => 1)
    await fabric.advance(3_000)
    expect((await ask(fabric, 1, 'summary_query', wide)).items).toEqual([
      {
        namespace: 'svc.market',
        service_id: 'svc.market.quote',
        regions: ['eu'],
        endpoint_count: 1,
        health_band: 'healthy',
        latency_band_ms: [0, 0],
        ttl_seconds: 120,
        generated_at: expect.any(Number),
        scope: 'global',
        source_cluster: fabric.node(0).settings.clusterId,
      },
    ])
    expect(await services(fabric, 1, { scope: 'region' })).toEqual([])
  })

  it('are taken back with what they tell of', async () => {
    const fabric = await fabricOf(2, (index) => (index === 0 ? exporting : following))
    fabric.register(0, 'svc.market.quote', () => 1)
    fabric.register(0, 'svc.market.stay', () => 1)
    await fabric.advance(3_000)
    expect(await services(fabric, 1, wide)).toEqual(['svc.market.quote', 'svc.market.stay'])
    fabric.unregister(0, 'svc.market.quote')
    await fabric.advance(1_500)
    expect(await services(fabric, 1, wide)).toEqual(['svc.market.stay'])
  })

  it('carry the round trips this node measures, in steps', async () => {
    const fabric = await fabricOf(2, (index) => (index === 0 ? exporting : {}))
    fabric.register(1, 'svc.far', () => 1)
    await fabric.advance(30_000)
    const { items } = (await ask(fabric, 0, 'summary_query')) as { readonly items: readonly { readonly latency_band_ms: number[] }[] }
    const [[low = 0, high = 0] = []] = items.map(({ latency_band_ms: band }) => band)
    expect(high).toBeGreaterThan(0)
    expect(low).toBeLessThanOrEqual(high)
  })

  it('are held down, and late subscribers get the last ones at once (rpc check 29)', async () => {
    const fabric = await fabricOf(1, () => ({
      ...exporting,
      discoverySummaryExportHoldDownSeconds: 1,
      discoverySummaryExportIntervalSeconds: 0.2,
      discoverySummaryExportStoreForwardSeconds: 30,
    }))
    fabric.register(0, 'svc.first', () => 1)
    const topic = 'mpreg.discovery.summary.global.svc'
    const live = await listen(fabric, 0, [topic])
    await fabric.advance(300)
    expect(told(live)).toEqual(['svc.first'])
    fabric.register(0, 'svc.second', () => 1)
    await fabric.advance(800)
    expect(told(live)).toEqual(['svc.first'])
    await fabric.advance(2_200)
    expect(told(live)).toEqual(['svc.first', 'svc.second'])

    const before = fabric.nowMs
    const late = await listen(fabric, 0, [topic], 60)
    expect(told(late)).toEqual(['svc.first', 'svc.second'])
    expect(fabric.nowMs - before).toBeLessThan(150)
  })

  it('leave in a cutover window, and go when it closes (rpc check 30)', async () => {
    const fabric = await fabricOf(2, (index) => (index === 0 ? exporting : following))
    fabric.register(0, 'svc.market.quote', () => 1)
    const wall = () => fabric.env(0).clock.wall()
    const rule = (starts_at: number, ends_at: number) => ({
      enabled: true,
      rules: [{ namespace: 'svc.market', export_scopes: ['global'], allow_summaries: true, cutover_windows: [{ starts_at, ends_at }] }],
    })
    expect(await ask(fabric, 0, 'namespace_policy_apply', rule(wall() + 600, wall() + 1200))).toMatchObject({ applied: true })
    await fabric.advance(3_000)
    expect(await services(fabric, 1, wide)).toEqual([])
    const why = () => JSON.stringify(fabric.node(0).explain.function('svc.market.quote'))
    const closed = "no summary of it is exported to scope 'global' now: cutover_closed, by the rule for 'svc.market'"
    expect(why()).toContain(closed)
    expect(await ask(fabric, 0, 'namespace_policy_apply', rule(wall() - 1, wall() + 10))).toMatchObject({ applied: true })
    await fabric.advance(2_000)
    expect(await services(fabric, 1, wide)).toEqual(['svc.market.quote'])
    expect(why()).not.toContain('no summary')
    expect(await ask(fabric, 0, 'namespace_status', { namespace: 'svc' })).toMatchObject({ summaries_exported: expect.any(Number) })
    await fabric.advance(9_000)
    expect(await services(fabric, 1, wide)).toEqual([])
  })

  it('go from cluster to cluster, each under the name of its own', async () => {
    const { fabric, members } = await createFederation({
      nodes: { oak: 2, elm: 2 },
      bridges: [['oak', 'elm']],
      settingsOf: (cluster) => (cluster === 'elm' ? { ...exporting, cacheRegion: 'us' } : following),
    })
    onTestFinished(() => fabric.close())
    await fabric.advance(10_000)
    for (const index of members('oak')) {
      const { items, ingress } = await ask(fabric, index, 'summary_query', { ...wide, namespace: 'at', include_ingress: true })
      expect(items).toMatchObject([
        { service_id: 'at.elm', source_cluster: 'elm', endpoint_count: 2, regions: ['us'], health_band: 'healthy' },
        { service_id: 'at.oak', source_cluster: 'oak', endpoint_count: 2 },
      ])
      expect(ingress).toEqual({ elm: members('elm').map(fabric.url), oak: members('oak').map(fabric.url) })
    }
  })

  it('name the ways in, as far as nodes are visible (rpc check 31)', async () => {
    const fabric = await fabricOf(1, () => ({}))
    fabric.register(0, 'svc.market.quote', () => 1)
    await fabric.advance(100)
    const asked = { include_ingress: true }
    expect(await ask(fabric, 0, 'summary_query', { ...asked, ingress_scope: 'global' })).not.toHaveProperty('ingress')
    expect(await ask(fabric, 0, 'summary_query', { ...asked, ingress_scope: 'zone' })).toMatchObject({
      ingress: { [fabric.node(0).settings.clusterId]: [fabric.url(0)] },
    })
  })
})

describe('a resolver', () => {
  it('learns of functions on other nodes through deltas alone, and reads all anew when told to (rpc check 26)', async () => {
    const fabric = await fabricOf(3, (index) => (index === 0 ? { discoveryResolverMode: true, discoveryResolverSeedOnStart: false } : {}))
    fabric.register(1, 'svc.one', () => 1)
    fabric.register(2, 'svc.two', () => 2)
    await fabric.advance(5_000)
    expect(await services(fabric, 0, {})).toEqual(['svc.one', 'svc.two'])
    const stats = await ask(fabric, 0, 'resolver_cache_stats')
    expect(stats).toMatchObject({ enabled: true, entry_counts: { nodes: 3 }, stats: { last_seed_at: null, deltas_invalid: 0 } })
    expect((stats.stats as { readonly deltas_applied: number }).deltas_applied).toBeGreaterThan(0)
    expect(await ask(fabric, 0, 'resolver_resync')).toMatchObject({
      enabled: true,
      resynced: true,
      stats: { last_seed_at: expect.any(Number) },
    })
    expect(await services(fabric, 0, {})).toEqual(['svc.one', 'svc.two'])
    // No entry is renewed, its node is: after many lifetimes it is still there, and gone with the node.
    await fabric.advance(400_000)
    expect(await services(fabric, 0, {})).toEqual(['svc.one', 'svc.two'])
    await fabric.stop(2)
    await fabric.advance(2_000)
    expect(await services(fabric, 0, {})).toEqual(['svc.one'])
  })

  it('answers from kept answers: stale ones while it works out new ones, empty ones too (rpc check 26)', async () => {
    const fabric = await fabricOf(2, (index) =>
      index === 0
        ? {
            discoveryResolverMode: true,
            discoveryResolverQueryTtlSeconds: 0.2,
            discoveryResolverQueryStaleSeconds: 0.6,
            discoveryResolverQueryNegativeTtlSeconds: 5,
          }
        : {},
    )
    fabric.register(1, 'svc.one', () => 1)
    await fabric.advance(5_000)
    const functions = { entry_type: 'functions', namespace: 'svc' }
    const first = await ask(fabric, 0, 'catalog_query', functions)
    expect(first.items).toHaveLength(1)
    await fabric.advance(250)
    expect((await ask(fabric, 0, 'catalog_query', functions)).generated_at).toBe(first.generated_at)
    await fabric.advance(1)
    for (const _ of [1, 2]) expect((await ask(fabric, 0, 'catalog_query', { ...functions, namespace: 'none' })).items).toEqual([])
    for (const _ of [1, 2]) expect((await ask(fabric, 0, 'cluster_map_v2')).nodes).toHaveLength(2)
    const { query_cache } = await ask(fabric, 0, 'resolver_cache_stats')
    expect(query_cache).toMatchObject({
      catalog_misses: 2,
      catalog_stale_serves: 1,
      catalog_refreshes: 1,
      catalog_negative_hits: 1,
      cluster_map_misses: 1,
      cluster_map_hits: 1,
    })
    // A rule takes effect at once, whatever is kept.
    await ask(fabric, 0, 'namespace_policy_apply', { enabled: true, rules: [{ namespace: 'svc', visibility: ['vault'] }] })
    expect((await ask(fabric, 0, 'catalog_query', functions)).items).toEqual([])
  })

  it('keeps an answer for whom it was worked out (rpc check 24)', async () => {
    const fabric = await fabricOf(1, () => ({
      discoveryResolverMode: true,
      discoveryTenantMode: true,
      discoveryPolicyEnabled: true,
      discoveryPolicyRules: [{ namespace: 'svc', visibility_tenants: ['t1'] }] as never,
    }))
    fabric.register(0, 'svc.one', () => 1)
    await fabric.advance(100)
    const seenBy = async (viewer_tenant_id: string) =>
      (await ask(fabric, 0, 'catalog_query', { entry_type: 'functions', function_name: 'svc.one', viewer_tenant_id })).items
    expect(await seenBy('t1')).toHaveLength(1)
    expect(await seenBy('t2')).toEqual([])
    expect(await seenBy('t1')).toHaveLength(1)
    expect((await ask(fabric, 0, 'resolver_cache_stats')).query_cache).toMatchObject({ catalog_misses: 2, catalog_hits: 1 })
  })

  it('is not there unless it is asked for', async () => {
    const fabric = await fabricOf(1, () => ({}))
    expect(await ask(fabric, 0, 'resolver_cache_stats')).toMatchObject({ enabled: false, entry_counts: { functions: 0 } })
    expect(await ask(fabric, 0, 'resolver_resync')).toMatchObject({ enabled: false, resynced: false, error: 'resolver_mode_disabled' })
  })
})

describe('the stream of deltas', () => {
  it('brings changes of all nodes to whoever subscribes, and nothing of the subscribing', async () => {
    const fabric = await fabricOf(2, () => ({}))
    await fabric.advance(5_000)
    const { topic } = await ask(fabric, 0, 'catalog_watch', { namespace: 'svc' })
    const all = await listen(fabric, 0, ['mpreg.discovery.delta', 'mpreg.discovery.delta.#'])
    await listen(fabric, 1, ['mpreg.discovery.delta'])
    await fabric.advance(5_000)
    expect(all).toEqual([])
    fabric.register(1, 'svc.new', () => 1)
    await fabric.advance(2_000)
    expect(all.map((message) => message.topic)).toEqual(['mpreg.discovery.delta', topic])
    expect(all[1]?.payload).toMatchObject({
      delta: { functions: [{ identity: { name: 'svc.new' }, node_id: fabric.url(1) }] },
      counts: { functions_added: 1 },
      source_node: fabric.url(0),
    })
  })

  it('shows each subscriber what it may see, and names no topic of what it may not (rpc check 23)', async () => {
    const rules = [{ namespace: 'svc.secret', visibility: ['vault'] }]
    const fabric = await fabricOf(1, () => ({ ...exporting, discoveryPolicyEnabled: true, discoveryPolicyRules: rules as never }))
    await fabric.advance(1_000)
    const stranger = await listen(fabric, 0, ['mpreg.discovery.#'])
    const own: string[] = []
    fabric.node(0).subscribe(['mpreg.discovery.#'], ({ text }) => void own.push(text))
    fabric.register(0, 'svc.secret.a', () => 1)
    fabric.register(0, 'svc.open', () => 1)
    await fabric.advance(2_000)
    expect(JSON.stringify(stranger)).toContain('svc.open')
    expect(JSON.stringify(stranger)).not.toContain('secret')
    expect(own.join()).toContain('svc.secret.a')
    for (const command of ['catalog_watch', 'summary_watch']) {
      await expect(ask(fabric, 0, command, { namespace: 'svc.secret' })).rejects.toMatchObject({
        rpcCode: 403,
        message: 'discovery_access_denied',
        details: `${command} denied for namespace svc.secret`,
      })
    }
    expect(await ask(fabric, 0, 'discovery_access_audit')).toMatchObject({
      entries: [{ event: 'catalog_watch', reason: 'viewer_denied' }, { event: 'summary_watch' }],
    })
  })

  it('lists no hidden queue, and shows a queue no more than a client of its cluster, whatever is routed to it', async () => {
    const rules = [{ namespace: 'svc.secret', visibility: ['vault'] }]
    const fabric = await fabricOf(1, () => ({
      enableDefaultQueue: true,
      discoveryPolicyEnabled: true,
      discoveryPolicyRules: rules as never,
    }))
    const client = await fabric.client(0)
    const call = (fun: string, kwargs: Fields) => fabric.settle(client.callWith({ kwargs }, fun))
    await call('queue_create', { queue_name: 'spy' })
    await call('queue_create', { queue_name: 'svc.secret.jobs' })
    expect(await call('queue_list', {})).toMatchObject([{ queue_name: 'spy' }])
    await call('queue_route_topic', { topic_pattern: 'mpreg.discovery.#', queue_name: 'spy' })
    fabric.register(0, 'svc.secret.a', () => 1)
    fabric.register(0, 'svc.open', () => 1)
    await fabric.advance(2_000)
    const received = JSON.stringify(await call('queue_receive', { queue_name: 'spy', max_messages: 100 }))
    expect(received).toContain('svc.open')
    expect(received).not.toContain('secret')
  })
})

/** Services of the last message. */
function told(messages: readonly { readonly payload: unknown }[]): unknown[] {
  const [last] = messages.slice(-1).map(({ payload }) => payload as { readonly summaries: readonly Fields[] })
  return (last?.summaries ?? []).map(({ service_id }) => service_id)
}
