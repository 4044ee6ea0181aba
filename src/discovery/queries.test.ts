import { describe, expect, it } from 'vitest'
import type { Call } from '../rpc/index.ts'
import { encodeJson } from '../wire/index.ts'
import { createCatalogQuery } from './catalog-query.ts'
import { createClusterMapQuery } from './cluster-map.ts'
import { createFunctions } from './functions.ts'
import { ask, entry, functionEntry, nobody, rule, SELF, world } from './sample-world.ts'

const nodes = [
  entry('nodes', { node_id: 'ws://b:1', cluster_id: 'fern', scope: 'global', capabilities: ['cache', 'rpc'], tags: ['edge'] }),
  entry('nodes', { node_id: 'ws://a:1', resources: ['cpu', 'gpu'], capabilities: ['rpc'], scope: 'region' }),
]
const summary = (namespace: string, more = {}) => ({ rpc_summary: { namespace, summary: 'Does one thing.', ...more } })
const functions = [
  functionEntry('svc2.alpha.two', { node_id: 'ws://a:1' }),
  functionEntry('svc.alpha.one', { node_id: 'ws://a:1', scope: 'region', tags: ['beta'] }),
  functionEntry('svc.alpha.one', {
    node_id: 'ws://b:1',
    cluster_id: 'fern',
    identity: { name: 'svc.alpha.one', function_id: 'svc.alpha.one', version: '1.10.0' },
  }),
  functionEntry('kw', { node_id: 'ws://a:1', ...summary('svc.market', { capabilities: ['ocr'] }) }),
]

describe('catalog_query', () => {
  const query = (request: object, init = {}) => ask(createCatalogQuery(world({ entries: { nodes, functions }, ...init })), request)
  const names = async (request: object, init = {}) =>
    (await query({ entry_type: 'functions', ...request }, init)).items.map(({ identity, node_id }) => {
      const { name, version } = identity as { name: string; version: string }
      return `${name} ${version} ${node_id}`
    })
  const ids = async (request: object) => (await query({ entry_type: 'nodes', ...request })).items.map(({ node_id }) => node_id)

  it('rpc check 19: pages nodes, this one included, and a limit of 0 is 1', async () => {
    const first = await query({ entry_type: 'node', limit: 0 })
    expect([first.items.map(({ node_id }) => node_id), first.next_page_token]).toEqual([['ws://b:1'], '1:1'])
    const second = await query({ entry_type: 'nodes', page_token: '1:1' })
    expect([second.items.map(({ node_id }) => node_id), second.next_page_token]).toEqual([['ws://a:1'], '2:1'])
    const last = await query({ entry_type: 'nodes', page_token: '2:1' })
    expect([last.items.map(({ node_id }) => node_id), last.next_page_token]).toEqual([[SELF], undefined])
  })

  it('rpc check 20: knows seven kinds and four scopes', async () => {
    for (const asked of ['planet', undefined, '']) {
      await expect(query({ entry_type: asked })).rejects.toThrow(`Unsupported catalog entry_type: ${asked ?? ''}`)
    }
    await expect(query({ entry_type: 'nodes', scope: 'planet' })).rejects.toThrow('Unsupported discovery scope: planet')
    expect((await query({ entry_type: 'Cache-Profile' })).entry_type).toBe('cache_profiles')
  })

  it('rpc check 21: a scope is an area and a floor', async () => {
    expect(await names({ scope: 'region' })).toEqual(['svc.alpha.one 1.0.0 ws://a:1'])
    expect(await names({ scope: 'zone' })).toHaveLength(3)
    expect(await names({ scope: 'local' })).toEqual([])
    expect(await names({ tags: ['beta'] })).toEqual(['svc.alpha.one 1.0.0 ws://a:1'])
    expect(await ids({ scope: 'local' })).toEqual([SELF])
    // Nodes know no floor.
    expect(await ids({ scope: 'global' })).toEqual(['ws://b:1', 'ws://a:1', SELF])
  })

  it('rpc check 22: namespaces end at dots, and a summary says which it is', async () => {
    expect(await names({ namespace: 'svc' })).toEqual([
      'kw 1.0.0 ws://a:1',
      'svc.alpha.one 1.0.0 ws://a:1',
      'svc.alpha.one 1.10.0 ws://b:1',
    ])
    expect(await names({ namespace: 'svc.market' })).toEqual(['kw 1.0.0 ws://a:1'])
  })

  it('filters functions by everything there is to ask', async () => {
    expect(await names({ function_name: 'kw' })).toHaveLength(1)
    expect(await names({ function_id: 'svc.alpha.one', version_constraint: '>=1.2' })).toEqual(['svc.alpha.one 1.10.0 ws://b:1'])
    expect(await names({ cluster_id: 'fern' })).toHaveLength(1)
    expect(await names({ node_id: 'ws://a:1' })).toHaveLength(3)
    expect(await names({ capabilities: 'cache' })).toEqual(['svc.alpha.one 1.10.0 ws://b:1'])
    // A capability of the function or of its node.
    expect(await names({ capabilities: ['ocr', 'rpc'] })).toEqual(['kw 1.0.0 ws://a:1'])
    expect(await names({ resources: ['gpu'] })).toEqual([])
  })

  it('filters nodes by tags and by what they are known by, too', async () => {
    expect(await ids({ tags: 'edge' })).toEqual(['ws://b:1'])
    expect(await ids({ resources: 'gpu' })).toEqual(['ws://a:1'])
    expect(await ids({ resources: 'cpu', capabilities: 'queue' })).toEqual([])
    expect(await ids({ namespace: 'fer' })).toEqual(['ws://b:1'])
  })

  it('filters and orders queues, services and topics', async () => {
    const entries = {
      queues: [entry('queues', { queue_name: 'q.b' }), entry('queues', { queue_name: 'q.a' }), entry('queues', { queue_name: 'qq' })],
      services: [
        entry('services', { name: 'ledger', namespace: 'bank.core', protocol: 'tcp', port: 9443, capabilities: ['tls'] }),
        entry('services', { name: 'feed', namespace: 'bank', protocol: 'wss', port: 9000 }),
      ],
      topics: [
        entry('topics', { subscription_id: 's1', patterns: ['orders.*'] }),
        entry('topics', { subscription_id: 's0', patterns: ['#', 'jobs'] }),
      ],
    }
    const found = async (request: object, member: string) =>
      (await ask(createCatalogQuery(world({ entries })), request)).items.map((item) => item[member])
    expect(await found({ entry_type: 'queues', namespace: 'q' }, 'queue_name')).toEqual(['q.a', 'q.b'])
    expect(await found({ entry_type: 'queues', queue_name: 'qq' }, 'queue_name')).toEqual(['qq'])
    expect(await found({ entry_type: 'services' }, 'name')).toEqual(['feed', 'ledger'])
    expect(await found({ entry_type: 'services', namespace: 'bank' }, 'name')).toEqual(['feed'])
    expect(await found({ entry_type: 'services', service_port: '9443', service_protocol: 'tcp' }, 'name')).toEqual(['ledger'])
    expect(await found({ entry_type: 'services', capabilities: 'tls' }, 'name')).toEqual(['ledger'])
    expect(await found({ entry_type: 'topics', topic: 'orders.new' }, 'subscription_id')).toEqual(['s0', 's1'])
    expect(await found({ entry_type: 'topics', topic: 'orders' }, 'subscription_id')).toEqual(['s0'])
    expect(await found({ entry_type: 'topics', namespace: 'orders' }, 'subscription_id')).toEqual(['s1'])
  })

  it('prints entries as they travel', () => {
    const answer = createCatalogQuery(world({ entries: { functions } }))({ entry_type: 'function', limit: 1 }, nobody, {} as Call)
    expect(encodeJson(answer)).toBe(
      '{"entry_type":"functions","generated_at":1700000000.0,"items":[{"identity":{"name":"kw","function_id":"kw","version":"1.0.0"},' +
        '"resources":[],"node_id":"ws://a:1","cluster_id":"moss","scope":"zone","tags":[],"advertised_at":1700000000.0,"ttl_seconds":120.0,' +
        '"rpc_summary":{"namespace":"svc.market","summary":"Does one thing.","capabilities":["ocr"]}}],"next_page_token":"1:1"}',
    )
  })

  it('shows nobody what it may not see, of whatever kind', async () => {
    const policy = { rules: [rule('svc', { visibility: ['fern'] })] }
    const entries = {
      functions,
      queues: [entry('queues', { queue_name: 'svc.jobs' })],
      services: [entry('services', { name: 'x', namespace: 'svc.eu' })],
      topics: [
        entry('topics', { subscription_id: 's1', patterns: ['open.#', 'svc.*'] }),
        entry('topics', { subscription_id: 's2', patterns: ['mpreg.discovery.delta.svc'] }),
      ],
    }
    const { denied, ...deps } = world({ policy, entries })
    const seen = async (entry_type: string, viewerCluster: string) =>
      (await ask(createCatalogQuery(deps), { entry_type }, { viewerCluster })).items.length
    expect([await seen('functions', 'moss'), await seen('functions', 'fern')]).toEqual([1, 4])
    expect([await seen('queues', 'moss'), await seen('queues', 'fern')]).toEqual([0, 1])
    expect([await seen('services', 'moss'), await seen('services', 'fern')]).toEqual([0, 1])
    expect([await seen('topics', 'moss'), await seen('topics', 'fern')]).toEqual([1, 2])
    expect(denied).toEqual([])
    // Who asks for it by name is put on record.
    expect((await ask(createCatalogQuery(deps), { entry_type: 'functions', namespace: 'svc.alpha' })).items).toEqual([])
    expect(denied).toEqual([expect.objectContaining({ event: 'catalog_query', namespace: 'svc.alpha', reason: 'viewer_denied' })])
    for (const named of [
      { entry_type: 'functions', function_name: 'svc.alpha.one' },
      { entry_type: 'queues', queue_name: 'svc.jobs' },
    ]) {
      expect((await ask(createCatalogQuery(deps), named)).items).toEqual([])
    }
    // Of a field that this kind does not have nothing is asked.
    expect((await ask(createCatalogQuery(deps), { entry_type: 'topics', function_name: 'svc.alpha.one' })).items).toHaveLength(1)
    expect(denied.slice(1).map(({ namespace }) => namespace)).toEqual(['svc.alpha.one', 'svc.jobs'])
  })

  it('asks for the answer again only under a key that tells viewers apart', async () => {
    const keys: string[] = []
    const deps = world({ entries: { functions }, tenants: { enabled: true } })
    const recall = <T>(_kind: string, key: string, compute: () => readonly T[]) => {
      keys.push(key)
      return { items: compute(), generatedAt: 1 }
    }
    const query = createCatalogQuery({ ...deps, recall })
    await ask(query, { entry_type: 'function', limit: 1 })
    await ask(query, { entry_type: 'functions', page_token: '1:1', junk: 'x' })
    await ask(query, { entry_type: 'functions', viewer_tenant_id: 't1' })
    await ask(query, { entry_type: 'functions' }, { viewerCluster: 'fern' })
    expect(new Set(keys).size).toBe(3)
    expect(keys[0]).toBe(keys[1])
  })
})

describe('cluster_map_v2', () => {
  const ids = async (request: object, init = {}) =>
    (await ask(createClusterMapQuery(world({ entries: { nodes }, ...init })), request)).nodes.map(({ node_id }) => node_id)

  it('control plane check 27: pages', async () => {
    const map = createClusterMapQuery(world({ entries: { nodes } }))
    const first = await ask(map, { limit: 2 })
    expect([first.cluster_id, first.nodes.length, first.next_page_token]).toEqual(['moss', 2, '2:2'])
    const second = await ask(map, { page_token: '2:2' })
    expect([second.nodes.map(({ node_id }) => node_id), second.next_page_token]).toEqual([[SELF], undefined])
  })

  it('filters by area, scope, resources, capabilities and prefix', async () => {
    expect(await ids({})).toEqual(['ws://b:1', 'ws://a:1', SELF])
    expect(await ids({ scope: 'local' })).toEqual([SELF])
    expect(await ids({ scope: 'local', cluster_id: 'fern' })).toEqual([])
    expect(await ids({ scope: 'cluster' })).toEqual(['ws://a:1', SELF])
    expect(await ids({ scope: 'region' })).toEqual(['ws://b:1', 'ws://a:1'])
    expect(await ids({ scope: 'zone', cluster_id: 'fern' })).toEqual([])
    expect(await ids({ resources: 'gpu' })).toEqual(['ws://a:1'])
    expect(await ids({ capabilities: ['cache', 'rpc'] })).toEqual(['ws://b:1'])
    expect(await ids({ namespace_filter: 'ws://a' })).toEqual(['ws://a:1'])
    expect(await ids({ namespace_filter: 'fer' })).toEqual(['ws://b:1'])
  })

  it('leaves out who is gone for good, and is limited', async () => {
    const deps = world({ entries: { nodes }, access: { callsMax: 1 } })
    const map = createClusterMapQuery({ ...deps, mapped: (node) => (node.node_id === 'ws://a:1' ? undefined : deps.mapped(node)) })
    expect((await ask(map)).nodes.map(({ node_id }) => node_id)).toEqual(['ws://b:1', SELF])
    await expect(ask(map)).rejects.toThrow('discovery_rate_limited')
  })
})

describe('rpc_list and rpc_report', () => {
  function local(init = {}) {
    const deps = world(init)
    deps.register('svc.alpha.one', { tags: ['beta'], scope: 'region', doc: 'Does one.\n\nArgs:\n  a: first' })
    deps.register('svc2.alpha.two')
    return { ...deps, functions: createFunctions(deps) }
  }
  const names = async (request: object, init = {}) =>
    (await ask(local(init).functions.list, request)).items.map(({ identity }) => (identity as { name: string }).name)

  it('rpc check 22: filter by namespace at dot boundaries, scope floor, tags and text', async () => {
    expect(await names({ namespace: 'svc' })).toEqual(['svc.alpha.one'])
    expect(await names({ scope: 'region' })).toEqual(['svc.alpha.one'])
    expect(await names({ scope: 'local' })).toEqual(['svc.alpha.one', 'svc2.alpha.two'])
    expect(await names({ tags: 'beta' })).toEqual(['svc.alpha.one'])
    expect(await names({ query: 'DOES' })).toEqual(['svc.alpha.one'])
    expect(await names({ version_constraint: '>=2' })).toEqual([])
    expect(await names({ capabilities: 'rpc' })).toHaveLength(2)
    await expect(names({ scope: 'planet' })).rejects.toThrow('Unsupported discovery scope: planet')
  })

  it('leave out what is not known', async () => {
    const { functions: listing } = local({ entries: { functions: [functionEntry('bare')] } })
    expect((await ask(listing.list, { function_name: 'bare' })).items).toEqual([
      {
        identity: { name: 'bare', function_id: 'bare', version: '1.0.0' },
        node_id: 'ws://n1:1',
        cluster_id: 'moss',
        resources: [],
        tags: [],
        scope: 'zone',
      },
    ])
  })

  it('page over functions of all nodes, in one order', async () => {
    const { functions: listing } = local({ entries: { functions } })
    const first = await ask(listing.list, { limit: 3 })
    expect([first.items.length, first.next_page_token]).toEqual([3, '3:3'])
    expect((await ask(listing.list, { page_token: '3:3' })).items).toHaveLength(3)
  })

  it('count every function, also beyond a page', async () => {
    const many = Array.from({ length: 300 }, (_, index) => functionEntry(`many.f${index}`, { cluster_id: 'fern' }))
    expect(await ask(local({ entries: { functions: many } }).functions.report)).toEqual({
      generated_at: 1_700_000_000,
      total_functions: 302,
      namespace_counts: [
        { key: 'many', count: 300 },
        { key: 'svc.alpha', count: 1 },
        { key: 'svc2.alpha', count: 1 },
      ],
      cluster_counts: [
        { key: 'fern', count: 300 },
        { key: 'moss', count: 2 },
      ],
      tag_counts: [{ key: 'beta', count: 1 }],
    })
  })

  it('show and count only what the viewer may see, by whichever name', async () => {
    const policy = { rules: [rule('svc', { visibility: ['fern'] })] }
    expect(await names({}, { policy })).toEqual(['svc2.alpha.two'])
    expect(await names({}, { policy, entries: { functions } })).toEqual(['svc2.alpha.two', 'svc2.alpha.two'])
    expect((await ask(local({ policy }).functions.report)).total_functions).toBe(1)
    const listing = local({ policy })
    expect((await ask(listing.functions.list, { namespace: 'svc' })).items).toEqual([])
    expect(listing.denied).toEqual([expect.objectContaining({ event: 'rpc_list', reason: 'viewer_denied' })])
    // One by name is on record too; of many, who knows which was meant.
    for (const request of [{ function_name: 'svc.a' }, { function_names: ['svc.a'] }, { function_names: ['svc.a', 'svc.b'] }]) {
      expect((await ask(listing.functions.list, request)).items).toEqual([])
    }
    expect(listing.denied.slice(1).map(({ namespace }) => namespace)).toEqual(['svc.a', 'svc.a'])
  })

  it('count against the budget of catalog_query', async () => {
    const listing = local({ access: { callsMax: 1 } })
    await ask(listing.functions.list)
    await expect(ask(listing.functions.report)).rejects.toThrow('discovery_rate_limited')
    expect(listing.denied).toEqual([expect.objectContaining({ event: 'catalog_query', reason: 'rate_limited' })])
  })
})
