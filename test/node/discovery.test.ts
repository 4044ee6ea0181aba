/** Discovery as clients of a real node meet it: who may ask what, how often, and what the operator can see of that. */
import { afterEach, describe, expect, it } from 'vitest'
import { createNode, type Node, type SettingsInput } from '../../src/node/index.ts'
import { openSession } from '../interop/wire-session.ts'

const running: Node[] = []

async function start(settings: SettingsInput = {}): Promise<Node> {
  const node = await createNode({ port: 0, clusterId: 'moss', monitoringEnabled: false, logLevel: 'ERROR', ...settings })
  running.push(node)
  await node.start()
  return node
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()))
})

type Result = Readonly<Record<string, unknown>> & { readonly items: readonly { readonly identity: { readonly name: string } }[] }
interface Failure {
  readonly code: number
  readonly message: string
  readonly details: string
}

/** One connection that asks. */
async function asking(node: Node, headers: Record<string, string> = {}) {
  const session = await openSession(node.url, headers)
  async function answer(fun: string, request?: object): Promise<{ r: { x: Result } | null; error: Failure | null }> {
    const args = request === undefined ? [] : [request]
    session.send(JSON.stringify({ role: 'rpc', u: 'u', cmds: [{ name: 'x', fun, args }] }))
    return JSON.parse(await session.next()) as { r: { x: Result } | null; error: Failure | null }
  }
  return {
    async ask(fun: string, request?: object): Promise<Result> {
      const { error, r } = await answer(fun, request)
      expect(error).toBeNull()
      return r?.x as Result
    },
    failure: async (fun: string, request?: object): Promise<Failure | null> => (await answer(fun, request)).error,
    close: () => session.close(),
  }
}

const names = ({ items }: Result) => items.map(({ identity }) => identity.name)

describe('discovery', () => {
  it('rpc check 18: a fresh node lists what every node has, each under its name as id', async () => {
    const { ask, close } = await asking(await start())
    const { items } = await ask('rpc_list')
    const built = items.map(({ identity }) => identity as { name: string; function_id: string; version: string })
    expect(built.every(({ function_id, name, version }) => function_id === name && version === '1.0.0')).toBe(true)
    expect(built.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        ...['catalog_query', 'cluster_map', 'cluster_map_v2', 'discovery_access_audit', 'echo', 'echos', 'list_peers'],
        ...['namespace_policy_apply', 'namespace_policy_audit', 'namespace_policy_export', 'namespace_policy_validate', 'namespace_status'],
        ...['rpc_describe', 'rpc_describe_local', 'rpc_list', 'rpc_report'],
      ]),
    )
    expect(names(await ask('catalog_query', { entry_type: 'functions' }))).toEqual(names(await ask('rpc_list')))
    await close()
  })

  it('summarises what nodes are there for, not what they have by themselves', async () => {
    const node = await start({ enableDefaultQueue: true })
    node.register('shop.price', () => 1)
    const { ask, close } = await asking(node)
    expect(names(await ask('rpc_list'))).toContain('queue_send')
    const { items } = (await ask('summary_query')) as unknown as { readonly items: readonly { readonly service_id: string }[] }
    expect(items.map(({ service_id }) => service_id)).toEqual(['shop.price'])
    await close()
  })

  it('rpc check 20: answers what it does not know with 1003', async () => {
    const { close, failure } = await asking(await start())
    expect(await failure('catalog_query', { entry_type: 'planet' })).toMatchObject({
      code: 1003,
      details: 'ValueError: Unsupported catalog entry_type: planet',
    })
    expect(await failure('catalog_query', { entry_type: 'nodes', scope: 'planet' })).toMatchObject({
      code: 1003,
      details: 'ValueError: Unsupported discovery scope: planet',
    })
    await close()
  })

  it('rpc check 23: what a rule hides is not listed, and asking for it is on record', async () => {
    const node = await start({
      monitoringEnabled: true,
      discoveryPolicyEnabled: true,
      discoveryPolicyRules: [{ namespace: 'svc.secret', visibility: ['zz'], policy_version: 'r7' }],
    })
    node.register('svc.secret.key', () => 'opened')
    const { ask, close } = await asking(node)
    expect(names(await ask('rpc_list'))).not.toContain('svc.secret.key')
    expect(await ask('rpc_list', { namespace: 'svc.secret' })).toMatchObject({ items: [] })
    expect(await ask('rpc_describe', { function_name: 'svc.secret.key' })).toMatchObject({ items: [] })
    expect(await ask('namespace_status', { namespace: 'svc.secret', viewer_cluster_id: 'zz' })).toEqual({
      namespace: 'svc.secret',
      generated_at: expect.any(Number),
      viewer_cluster_id: 'moss',
      viewer_tenant_id: null,
      allowed: false,
      reason: 'viewer_denied',
      rule: {
        namespace: 'svc.secret',
        owners: [],
        visibility: ['zz'],
        export_scopes: [],
        allow_summaries: false,
        policy_version: 'r7',
      },
    })
    // Hidden, not locked.
    expect(await ask('svc.secret.key')).toBe('opened')
    const { entries } = await ask('discovery_access_audit', { limit: 1 })
    const denial = {
      timestamp: expect.any(Number),
      viewer_cluster_id: 'moss',
      namespace: 'svc.secret',
      allowed: false,
      reason: 'viewer_denied',
    }
    expect(entries).toEqual([{ event: 'namespace_status', ...denial }])
    const body = (await (await fetch(`${node.monitoringUrl}/discovery/policy`)).json()) as { policy: object }
    expect(body.policy).toEqual({
      enabled: true,
      generated_at: expect.any(Number),
      default_allow: true,
      rule_count: 1,
      rules: [expect.objectContaining({ namespace: 'svc.secret', visibility: ['zz'] })],
      audit_entries: [],
      audit_total: 0,
      access_entries: [
        { event: 'rpc_list', ...denial },
        { event: 'rpc_describe', ...denial, namespace: 'svc.secret.key' },
        { event: 'namespace_status', ...denial },
      ],
      access_total: 3,
    })
    expect(node.snapshot().discovery).toEqual({ policy_rules: 1, denials: { viewer_denied: 3 }, rate_limit_keys_evicted: 0 })
    expect(node.explain.function('svc.secret.key').candidates[0]).toMatchObject({
      qualifies: true,
      reasons: [
        { code: 'chosen' },
        {
          code: 'viewer_denied',
          text: "discovery does not show it to clients of cluster 'moss', by the rule for 'svc.secret' (visible to clusters zz); calls by name find it all the same",
        },
      ],
    })
    await close()
  })

  it('rpc check 24: a tenant is who shows its token, whatever a request says', async () => {
    const node = await start({
      discoveryPolicyEnabled: true,
      discoveryPolicyRules: [{ namespace: 'svc', visibility_tenants: ['t1'] }],
      discoveryTenantMode: true,
      discoveryTenantAllowRequestOverride: false,
      discoveryTenantCredentials: [{ tenantId: 't1', token: 'tok' }],
    })
    node.register('svc.one', () => 1)
    const t1 = await asking(node, { Authorization: 'Bearer tok' })
    const other = await asking(node, { Authorization: 'Bearer tik' })
    const listed = { entry_type: 'functions', namespace: 'svc' }
    expect(names(await t1.ask('catalog_query', { ...listed, viewer_tenant_id: 't2' }))).toEqual(['svc.one'])
    expect(names(await other.ask('catalog_query', { ...listed, viewer_tenant_id: 't1' }))).toEqual([])
    expect(names(await t1.ask('rpc_list', { namespace: 'svc' }))).toEqual(['svc.one'])
    expect(names(await other.ask('rpc_list'))).not.toContain('svc.one')
    await Promise.all([t1.close(), other.close()])
  })

  it('rpc check 25: the third question of two is refused, and on record', async () => {
    const { ask, close, failure } = await asking(await start({ discoveryRateLimitRequestsPerMinute: 2 }))
    await ask('catalog_query', { entry_type: 'nodes' })
    await ask('rpc_list')
    expect(await failure('catalog_query', { entry_type: 'nodes' })).toMatchObject({ code: 429, message: 'discovery_rate_limited' })
    await ask('cluster_map_v2')
    expect(await ask('discovery_access_audit')).toMatchObject({ entries: [{ event: 'catalog_query', reason: 'rate_limited' }] })
    await close()
  })

  it('rpc check 33: rules that are no good change nothing', async () => {
    const node = await start({ discoveryPolicyEnabled: true, discoveryPolicyRules: [{ namespace: 'kept' }] })
    const { ask, close } = await asking(node)
    const errors = ['rules[0].namespace is empty', 'rules[2].namespace duplicate: a']
    const rules = [{ namespace: '' }, { namespace: 'a' }, { namespace: 'a' }]
    expect(await ask('namespace_policy_apply', { rules, enabled: false, actor: 'me' })).toEqual({
      applied: false,
      valid: false,
      generated_at: expect.any(Number),
      rule_count: 3,
      errors,
    })
    expect(await ask('namespace_policy_validate', { rules: { namespace: 'b' } })).toMatchObject({ valid: true, rule_count: 1, errors: [] })
    expect(await ask('namespace_policy_export')).toEqual({
      enabled: true,
      default_allow: true,
      generated_at: expect.any(Number),
      rule_count: 1,
      rules: [{ namespace: 'kept', owners: [], visibility: [], export_scopes: [], allow_summaries: false }],
    })
    expect(await ask('namespace_policy_apply', { rules: null, default_allow: false })).toMatchObject({ applied: true, rule_count: 0 })
    expect(names(await ask('rpc_list'))).toEqual([])
    expect(await ask('namespace_policy_audit')).toEqual({
      generated_at: expect.any(Number),
      entries: [
        { event: 'apply', timestamp: expect.any(Number), actor: 'me', valid: false, rule_count: 3, errors },
        { event: 'validate', timestamp: expect.any(Number), valid: true, rule_count: 1 },
        { event: 'apply', timestamp: expect.any(Number), valid: true, rule_count: 0 },
      ],
    })
    await close()
  })

  it('takes changes from the admin only, where there is a token for that', async () => {
    const node = await start({ discoveryAdminToken: 'root' })
    const anyone = await asking(node, { Authorization: 'Bearer toor' })
    const admin = await asking(node, { 'X-API-Key': 'root' })
    const change = { rules: [{ namespace: 'a' }], enabled: true, actor: 'me' }
    expect(await anyone.failure('namespace_policy_apply', change)).toMatchObject({ code: 403, message: 'discovery_access_denied' })
    expect(await admin.ask('namespace_policy_apply', change)).toMatchObject({ applied: true })
    expect(await anyone.ask('namespace_policy_audit')).toMatchObject({ entries: [{ event: 'apply', actor: 'admin (me)' }] })
    expect(await anyone.ask('discovery_access_audit')).toMatchObject({
      entries: [{ event: 'namespace_policy_apply', reason: 'admin_required' }],
    })
    await Promise.all([anyone.close(), admin.close()])
  })

  it('does not start with rules that contradict each other', async () => {
    await expect(start({ discoveryPolicyRules: [{ namespace: 'a' }, { namespace: 'a' }] })).rejects.toThrow(
      'rules[1].namespace duplicate: a',
    )
  })
})
