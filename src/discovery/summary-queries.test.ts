import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import type { Caller } from '../rpc/index.ts'
import { encodeJson, type NamespaceRule, type NodeEntry, type QueryFields, RawJson, type ServiceSummary } from '../wire/index.ts'
import { createAccess } from './access.ts'
import { createNamespacePolicy } from './policy.ts'
import { createSummaryQueries, type SummaryQueryDeps } from './summary-queries.ts'
import { functionSample, N1, N2, nodeSample, summarySample } from './summary-samples.ts'
import { createViewers } from './viewer.ts'

const SELF = 'ws://self:1'
const caller: Caller = {
  connectionId: 'c',
  remote: 'r',
  viewerCluster: 'moss',
  viewerTenant: null,
  credential: null,
  isAdmin: false,
}

function setUp(more: Partial<SummaryQueryDeps> = {}, rules: readonly NamespaceRule[] = [], callsMax = 0) {
  const { clock } = createVirtualEnv({ seed: 1, startWall: 200 })
  const policy = createNamespacePolicy({ enabled: rules.length > 0, defaultAllow: true, rules })
  const lines: string[] = []
  const access = createAccess(
    { clock, policy, onDenied: () => {} },
    { callsMax, windowSeconds: 60, keysMax: 10, auditEntriesMax: 10, adminRequired: false },
  )
  const off = { enabled: false, allowRequestOverride: true, defaultId: null, header: null, credentials: [], adminToken: null }
  const functions = [
    functionSample('svc.a'),
    functionSample('svc.a', { node_id: N2 }),
    functionSample('svc.eu.b', { node_id: 'ws://far:1', cluster_id: 'fern' }),
    functionSample('svc2.c', { node_id: SELF }),
    functionSample('odd', { cluster_id: 'odd', rpc_summary: new RawJson('{"namespace":"svc.eu"}') }),
    functionSample('echo'),
  ]
  const nodes = [
    nodeSample(N2, { tags: ['edge'] }),
    nodeSample(N1),
    nodeSample(SELF, { scope: 'region', capabilities: ['rpc', 'cache'] }),
    nodeSample('ws://far:1', { cluster_id: 'fern' }),
  ]
  const lists: Record<string, readonly unknown[]> = { functions, nodes }
  const queries = createSummaryQueries({
    clock,
    nodeId: () => SELF,
    clusterId: 'moss',
    policy,
    access,
    viewers: createViewers(off, (a, b) => a === b),
    source: {
      includesSelf: true,
      list: (kind) => (lists[kind] ?? []) as never,
      node: (id) => nodes.find((node: NodeEntry) => node.node_id === id),
      announced: (entry) => entry,
    },
    nodes: { regionOf: () => 'eu', healthOf: () => 'up', roundTripMs: () => undefined },
    store: undefined,
    isBuiltin: (name) => name === 'echo',
    urlsOf: (id) => (id === 'ws://far:1' ? [] : [`${id}/in`]),
    diagnostics: { enabled: () => true, line: (_channel, text) => lines.push(text) },
    ttlSeconds: 60,
    ...more,
  })
  const ask = (request: QueryFields) => JSON.parse(encodeJson(queries.query(request, caller))) as Answer
  return { access, ask, lines, queries, services: (request: QueryFields) => ask(request).items.map(({ service_id }) => service_id) }
}

interface Answer {
  readonly items: readonly ServiceSummary[]
  readonly ingress?: Readonly<Record<string, readonly string[]>>
  readonly next_page_token?: string
}

describe('summary_query', () => {
  it('sums up what the catalog holds, in order and by pages', () => {
    const { ask, services } = setUp()
    expect(services({})).toEqual(['odd', 'svc.a', 'svc.eu.b', 'svc2.c'])
    expect(ask({ namespace: 'svc', limit: 1, scope: 'GLOBAL' })).toMatchObject({
      items: [{ namespace: 'svc', service_id: 'svc.a', endpoint_count: 2, scope: 'global', source_cluster: 'moss', ttl_seconds: 60 }],
      next_page_token: '1:1',
    })
    expect(ask({ namespace: 'svc', page_token: '1:1' }).items[0]).not.toHaveProperty('scope')
    expect(encodeJson(setUp().queries.query({ limit: 1, namespace: 'svc' }, caller))).toContain(
      '"generated_at":200.0,"items":[{"namespace":"svc"',
    )
  })

  it('filters by namespace, service and area', () => {
    const { services } = setUp()
    expect(services({ namespace: 'svc' })).toEqual(['svc.a', 'svc.eu.b'])
    expect(services({ service_id: 'svc.a' })).toEqual(['svc.a'])
    expect(services({ scope: 'cluster' })).toEqual(['svc.a', 'svc2.c'])
    expect(services({ scope: 'local' })).toEqual(['svc2.c'])
    expect(() => services({ scope: 'planet' })).toThrow('Unsupported discovery scope: planet')
  })

  it('answers wide scopes from the summaries of others where those are followed (rpc check 28)', () => {
    const followed = summarySample('svc.far', { source_cluster: 'fern', scope: 'global' })
    const list = (scope: string) => (scope === 'global' ? [followed] : [])
    const { ask, lines, services } = setUp({
      store: { list, receive: () => undefined, prune() {}, snapshot: () => ({ entry_counts: { summaries: 1 } }) as never },
    })
    expect(ask({ scope: 'global' }).items).toEqual([followed])
    expect(lines).toEqual([
      '[DIAG_DISCOVERY_SUMMARY] node=ws://self:1 action=summary_query_cache scope=global namespace=None service_id=None returned=1 cache_entries=1',
    ])
    expect(services({ scope: 'region' })).toEqual([])
    expect(services({ scope: 'global', namespace: 'press' })).toEqual([])
    expect(services({})).toEqual(['odd', 'svc.a', 'svc.eu.b', 'svc2.c'])
  })

  it('judges summaries of others by their namespace as well as by name', () => {
    const rule = { namespace: 'secret', owners: [], visibility: ['vault'], export_scopes: [], allow_summaries: true }
    const followed = [summarySample('svc.open'), summarySample('svc.alias', { namespace: 'secret.eu' }), summarySample('secret.x')]
    const store = { list: () => followed, receive: () => undefined, prune() {}, snapshot: () => ({ entry_counts: {} }) as never }
    expect(setUp({ store }, [rule]).services({ scope: 'global' })).toEqual(['svc.open'])
    expect(setUp({ store }).services({ scope: 'global', namespace: 'secret' })).toEqual(['secret.x', 'svc.alias'])
  })

  it('leaves out what the viewer may not see, and puts on record when it asks for it', () => {
    const hidden = {
      namespace: 'svc.eu',
      owners: [],
      visibility: ['vault'],
      export_scopes: [],
      allow_summaries: true,
      policy_version: 'r7',
    }
    const { access, ask, services } = setUp({}, [hidden, { ...hidden, namespace: 'svc', visibility: [] }])
    expect(services({})).toEqual(['svc.a', 'svc2.c'])
    expect(ask({ service_id: 'svc.a' }).items[0]?.policy_version).toBe('r7')
    expect(services({ namespace: 'svc.eu' })).toEqual([])
    expect(access.denials()).toMatchObject([{ event: 'summary_query', namespace: 'svc.eu', reason: 'viewer_denied' }])
  })

  it('is limited in its rate', () => {
    const { ask } = setUp({}, [], 2)
    ask({})
    ask({})
    expect(() => ask({})).toThrow('discovery_rate_limited')
  })

  it('names the ways into each cluster when asked (rpc check 31)', () => {
    const { ask } = setUp()
    const of = (more: QueryFields) => ask({ include_ingress: true, service_id: 'svc.a', ...more }).ingress
    expect(ask({}).ingress).toBeUndefined()
    expect(of({})).toEqual({ moss: [`${N1}/in`, `${N2}/in`, `${SELF}/in`] })
    expect(of({ ingress_limit: 2 })).toEqual({ moss: [`${N1}/in`, `${N2}/in`] })
    expect(of({ ingress_limit: 0 })).toEqual({ moss: [`${N1}/in`] })
    expect(of({ ingress_tags: 'edge' })).toEqual({ moss: [`${N2}/in`] })
    expect(of({ ingress_capabilities: ['cache'] })).toEqual({ moss: [`${SELF}/in`] })
    expect(of({ ingress_scope: 'region' })).toEqual({ moss: [`${SELF}/in`] })
    expect(of({ ingress_scope: 'global' })).toBeUndefined()
    // Asked for by the scope of the query, it is a preference only.
    expect(of({ scope: 'global' })).toEqual({ moss: [`${N1}/in`, `${N2}/in`, `${SELF}/in`] })
    expect(ask({ include_ingress: true, service_id: 'svc.eu.b' }).ingress).toBeUndefined()
  })

  it('tells on request how it found them', () => {
    const { ask, lines } = setUp()
    ask({ include_ingress: true, service_id: 'svc.a', ingress_scope: 'global', ingress_tags: ['x'] })
    ask({ include_ingress: true, service_id: 'svc.a', ingress_limit: 1 })
    ask({ include_ingress: true, service_id: 'svc.a', ingress_tags: 'edge' })
    const at = '[DIAG_SUMMARY_INGRESS] node=ws://self:1 action='
    expect(lines).toEqual([
      `${at}ingress_lookup_start cluster=moss scope=global scope_strict=True capabilities=[] tags=["x"] limit=None`,
      `${at}ingress_lookup_end cluster=moss result=empty reason=strict_scope_no_match`,
      `${at}ingress_lookup_start cluster=moss scope=None scope_strict=False capabilities=[] tags=[] limit=1`,
      `${at}ingress_lookup_end cluster=moss result=limited urls=["${N1}/in"]`,
      `${at}ingress_lookup_start cluster=moss scope=None scope_strict=False capabilities=[] tags=["edge"] limit=None`,
      `${at}ingress_lookup_end cluster=moss result=ok urls=["${N2}/in"] node_count=1`,
    ])
  })
})

describe('summary_watch and catalog_watch', () => {
  it('name the topic to subscribe to (rpc check 27)', () => {
    const { queries } = setUp()
    const summary = (request: QueryFields) => JSON.parse(encodeJson(queries.watchSummaries(request, caller)))
    expect(summary({ scope: 'global', namespace: 'svc.market' })).toEqual({
      topic: 'mpreg.discovery.summary.global.svc.market',
      generated_at: 200,
      scope: 'global',
      namespace: 'svc.market',
      cluster_id: 'moss',
    })
    expect(summary({ namespace: 'svc.market' }).topic).toBe('mpreg.discovery.summary.svc.market')
    expect(summary({}).topic).toBe('mpreg.discovery.summary')
    const catalog = (request: QueryFields) => JSON.parse(encodeJson(queries.watchCatalog(request, caller)))
    expect(catalog({ scope: 'zone', cluster_id: 'fern' })).toEqual({
      topic: 'mpreg.discovery.delta',
      generated_at: 200,
      scope: 'zone',
      cluster_id: 'fern',
    })
    expect(catalog({ namespace: 'svc' }).topic).toBe('mpreg.discovery.delta.svc')
  })

  it('refuse a namespace the viewer may not see (rpc check 23)', () => {
    const rule = { namespace: 'svc.secret', owners: [], visibility: ['zz'], export_scopes: [], allow_summaries: false }
    const { access, queries } = setUp({}, [rule])
    expect(() => queries.watchCatalog({ namespace: 'svc.secret.x' }, caller)).toThrow(
      expect.objectContaining({
        rpcCode: 403,
        message: 'discovery_access_denied',
        details: 'catalog_watch denied for namespace svc.secret.x',
      }),
    )
    expect(() => queries.watchSummaries({ namespace: 'svc.secret' }, caller)).toThrow('discovery_access_denied')
    expect(() => queries.watchCatalog({ namespace: ' svc.secret ' }, caller)).toThrow('discovery_access_denied')
    expect(access.denials().map(({ event, namespace, reason }) => `${event}/${namespace}/${reason}`)).toEqual([
      'catalog_watch/svc.secret.x/viewer_denied',
      'summary_watch/svc.secret/viewer_denied',
      'catalog_watch/svc.secret/viewer_denied',
    ])
  })
})
