/** What a namespace policy lets into a node's catalog, and whom it shows what, over clusters in virtual time. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { SettingsInput } from '../../src/node/index.ts'
import { diagnose } from '../../src/telemetry/index.ts'
import { createTestFabric, type TestFabric } from '../../src/testing.ts'
import { createFederation, type Federation } from './clusters.ts'

/** One node of each cluster; the first has the policy. */
async function twoClusters(policy: SettingsInput): Promise<Federation> {
  const federation = await createFederation({
    nodes: { moss: 1, zz: 1 },
    bridges: [['moss', 'zz']],
    settingsOf: (cluster) => (cluster === 'moss' ? policy : {}),
  })
  onTestFinished(() => federation.fabric.close())
  expect(await federation.fabric.until(() => federation.routed(), 30_000)).toBe(true)
  return federation
}

const isKnown = (fabric: TestFabric, name: string): boolean =>
  fabric.view(0)?.catalog.get(fabric.url(1))?.includes(`functions ${name}@1.0.0`) ?? false

type Items = {
  readonly items: readonly { readonly identity: { readonly name: string }; readonly spec?: object }[]
  readonly errors: readonly object[]
}

async function listed(fabric: TestFabric, index: number, target_cluster: string, namespace: string): Promise<string[]> {
  const answer = fabric.node(index).callWith({ targetCluster: target_cluster }, 'rpc_list', { namespace })
  return ((await fabric.settle(answer)) as Items).items.map(({ identity }) => identity.name)
}

describe('a namespace policy', () => {
  it('keeps out what other clusters announce in namespaces that are not theirs, and says so', async () => {
    const { fabric } = await twoClusters({
      discoveryPolicyEnabled: true,
      discoveryPolicyRules: [{ namespace: 'svc', owners: ['moss'] }],
    })
    fabric.register(1, 'svc.mine', () => 1)
    fabric.register(1, 'open.yours', () => 1)
    fabric.register(0, 'svc.own', () => 1)
    expect(await fabric.until(() => isKnown(fabric, 'open.yours'), 10_000)).toBe(true)
    expect(isKnown(fabric, 'svc.mine')).toBe(false)
    expect(await listed(fabric, 0, 'moss', 'svc')).toEqual(['svc.own'])
    expect(fabric.node(0).explain.function('svc.mine')).toMatchObject({
      verdict: 'blocked',
      reason: expect.stringContaining("owner_denied: the rule for 'svc' (owners moss)"),
      candidates: [{ reasons: [{ code: 'namespace_denied', text: "is kept out by this node's namespace policy" }] }],
      next: ['mpreg discovery policy status', 'mpreg doctor'],
    })
    // And out of placement: nothing is sent there by name either.
    expect(await fabric.call(0, 'svc.mine').catch((error: { code: string }) => error.code)).toBe('command_not_found')
    expect(diagnose([fabric.node(0).diagnosis()])).toContainEqual(
      expect.objectContaining({
        code: 'policy_blocks_function',
        subject: 'svc.mine',
        summary: `Node ${fabric.url(0)} is asked for 'svc.mine', which its namespace rules keep out.`,
      }),
    )
  })

  it('is named to who calls what it keeps out, unless the namespace is hidden from it; no hint names what is hidden', async () => {
    const { fabric } = await twoClusters({
      discoveryPolicyEnabled: true,
      discoveryPolicyRules: [
        { namespace: 'bank', owners: ['moss'] },
        { namespace: 'bank.vault', visibility: ['zz'], owners: ['moss'] },
        { namespace: 'bank.pay', visibility: ['zz'] },
      ],
    })
    const told = (name: string) => fabric.call(0, name).catch(({ explanation }: { explanation: object }) => explanation)
    for (const name of ['bank.loan', 'bank.vault.key', 'open.yours']) fabric.register(1, name, () => 1)
    fabric.register(0, 'bank.pay', () => 1)
    expect(await fabric.until(() => isKnown(fabric, 'open.yours'), 10_000)).toBe(true)
    const elsewhere = "'bank.loan' is known elsewhere, and kept out here by the namespace rule for 'bank'"
    expect(await told('bank.loan')).toMatchObject({ summary: elsewhere, similar: [] })
    // Nobody learns whether there is something where it may not look.
    for (const name of ['bank.vault.key', 'bank.vault.kez']) {
      expect(await told(name)).toMatchObject({ summary: `no function '${name}' can be called here`, similar: [] })
    }
    expect(await told('bank.paz')).toMatchObject({ summary: "no node registers 'bank.paz'", similar: [] })
    expect(await told('open.yourz')).toMatchObject({ similar: ['open.yours'] })
  })

  it('that is replaced takes away what it no longer allows, and lets in again what it does', async () => {
    const { fabric } = await twoClusters({})
    fabric.register(1, 'svc.mine', () => 'called')
    expect(await fabric.until(() => isKnown(fabric, 'svc.mine'), 10_000)).toBe(true)
    const apply = (request: object) => fabric.settle(fabric.node(0).call('namespace_policy_apply', request))

    await apply({ enabled: true, rules: { namespace: 'svc', owners: 'moss' } })
    expect(isKnown(fabric, 'svc.mine')).toBe(false)
    expect(fabric.node(0).explain.function('svc.mine').verdict).toBe('blocked')
    // Not even a refresh brings it back.
    await fabric.advance(20_000)
    expect(isKnown(fabric, 'svc.mine')).toBe(false)

    await apply({ rules: { namespace: 'svc', owners: ['moss', 'zz'] } })
    expect(await fabric.until(() => isKnown(fabric, 'svc.mine'), 30_000)).toBe(true)
    expect(await fabric.call(0, 'svc.mine')).toBe('called')

    fabric.node(1).unregister('svc.mine')
    expect(await fabric.until(() => !isKnown(fabric, 'svc.mine'), 10_000)).toBe(true)
    expect(fabric.node(0).explain.function('svc.mine').verdict).toBe('gone')
  })

  it('rpc check 23: shows a node of another cluster what clients of the own one do not see', async () => {
    const { fabric } = await twoClusters({
      discoveryPolicyEnabled: true,
      discoveryPolicyRules: [{ namespace: 'svc.secret', visibility: ['zz'] }],
    })
    fabric.register(0, 'svc.secret.key', () => 1)
    expect(await listed(fabric, 0, 'moss', 'svc.secret')).toEqual([])
    expect(await listed(fabric, 1, 'moss', 'svc.secret')).toEqual(['svc.secret.key'])
    // Nor does the list of peers tell.
    fabric.register(1, 'svc.secret.abroad', () => 1)
    expect(await fabric.until(() => isKnown(fabric, 'svc.secret.abroad'), 10_000)).toBe(true)
    const [peer] = (await fabric.call(0, 'list_peers')) as [{ readonly funs: readonly string[] }]
    expect(peer.funs).toContain('at.zz')
    expect(peer.funs).not.toContain('svc.secret.abroad')
  })
})

describe('rpc_describe', () => {
  async function cluster(): Promise<TestFabric> {
    const fabric = await createTestFabric({ nodes: 3, seed: 1, settings: { gossipInterval: 0.5 } })
    onTestFinished(() => fabric.close())
    fabric.register(1, 'math.add', (a: number, b: number) => a + b, {
      params: { a: 'int', b: { type: 'int', default: 2 } },
      capabilities: ['sums'],
    })
    fabric.register(2, 'math.sub', (a: number, b: number) => a - b)
    const all = () =>
      fabric.node(0).explain.function('math.add').candidates.length + fabric.node(0).explain.function('math.sub').candidates.length
    expect(await fabric.until(() => all() === 2 && fabric.converged(), 10_000)).toBe(true)
    return fabric
  }
  const describing = async (fabric: TestFabric, request: object) => (await fabric.call(0, 'rpc_describe', request)) as Items
  const found = ({ items }: Items) => items.map(({ identity, spec }) => `${identity.name}${spec === undefined ? '' : ' with spec'}`)

  it('rpc check 32: fetches what nodes do not tell the fabric, and leaves it out of a summary', async () => {
    const fabric = await cluster()
    const auto = await describing(fabric, { namespace: 'math' })
    expect([found(auto), auto.errors]).toEqual([['math.add with spec', 'math.sub with spec'], []])
    expect(auto.items[0]?.spec).toMatchObject({ parameters: [{ name: 'a' }, { name: 'b', default: { json_value: 2 } }] })
    expect(found(await describing(fabric, { namespace: 'math', detail_level: 'summary' }))).toEqual(['math.add', 'math.sub'])
    expect(found(await describing(fabric, { namespace: 'math', mode: 'catalog' }))).toEqual(['math.add', 'math.sub'])
    expect(found(await describing(fabric, { namespace: 'math', mode: 'local' }))).toEqual([])
    const all = await describing(fabric, {})
    expect(all.items.every(({ spec }) => spec !== undefined)).toBe(true)
    expect(all.errors).toEqual([])
  })

  it('finds functions by a capability that only they have', async () => {
    expect(found(await describing(await cluster(), { capabilities: ['sums'] }))).toEqual(['math.add with spec'])
  })

  it('asks page by page, and so many nodes as it may', async () => {
    const fabric = await cluster()
    const second = await describing(fabric, { namespace: 'math', mode: 'scatter', query: 'math', page_token: '1:1' })
    expect(found(second)).toEqual(['math.sub with spec'])
    expect(found(await describing(fabric, { namespace: 'math', max_nodes: 1 }))).toEqual(['math.add with spec', 'math.sub'])
  })

  it('says of a node that does not answer that its time was over, and shows the others', async () => {
    const fabric = await cluster()
    fabric.stall(1, 3_000)
    const answer = await describing(fabric, { namespace: 'math', timeout_seconds: 0.5 })
    expect(found(answer)).toEqual(['math.add', 'math.sub with spec'])
    expect(answer.errors).toEqual([{ node_id: fabric.url(1), cluster_id: fabric.node(0).settings.clusterId, error: 'timeout' }])
  })
})
