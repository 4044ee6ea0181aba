/** Traffic between clusters: which way it goes, what happens when a way is gone, and what is refused. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createEd25519 } from '../../src/node/ed25519.ts'
import { type ClusterPlan, createFederation, type Federation } from './clusters.ts'

async function federationOf(plan: ClusterPlan): Promise<Federation> {
  const federation = await createFederation(plan)
  onTestFinished(() => federation.fabric.close())
  expect(await federation.fabric.until(() => federation.routed(), 30_000)).toBe(true)
  await federation.fabric.until(() => federation.fabric.converged(), 10_000)
  return federation
}

const chain = (names: readonly string[]) => names.slice(1).map((name, i) => [names[i] as string, name] as const)
const ALPHA_BETA_GAMMA = { nodes: { alpha: 2, beta: 2, gamma: 1 }, bridges: chain(['alpha', 'beta', 'gamma']) }

const routing = ({ fabric }: Federation, index: number) => fabric.node(index).snapshot().fabric?.routing

describe('calls between clusters', () => {
  it('routing check 14: through a cluster in the middle, by the path-vector table', async () => {
    const federation = await federationOf(ALPHA_BETA_GAMMA)
    for (const index of federation.members('alpha')) expect(await federation.callFrom(index, 'gamma')).toBe('gamma')
    for (const index of federation.members('gamma')) expect(await federation.callFrom(index, 'alpha')).toBe('alpha')
    const [first, second] = federation.members('alpha') as [number, number]
    expect(federation.fabric.node(first).explainRoute('gamma').forwarding_plan).toMatchObject({
      reason: 'ok',
      planned_path: ['alpha', 'beta', 'gamma'],
      steps: [{ step: 'path_vector', outcome: 'chosen' }],
    })
    expect(routing(federation, second)?.planner.by_step).toEqual({ path_vector: 2 })
    expect(federation.sum((snapshot) => snapshot.reach?.rpc.loops)).toBe(0)
  })

  it('routing check 37: a budget of one hop does not reach two clusters away, and the result says so', async () => {
    const federation = await federationOf({ ...ALPHA_BETA_GAMMA, settings: { fabricRoutingMaxHops: 1 } })
    const [, border] = federation.members('alpha') as [number, number]
    expect(await federation.callFrom(border, 'gamma')).toEqual({
      error: 'fabric_forward_failed',
      command: 'at.gamma',
      target_cluster: 'gamma',
      reason: 'hop_budget_exhausted',
    })
  })

  it('routing check 12: routes are withdrawn when the last link to the cluster in the middle is lost, and a call says why it fails', async () => {
    const federation = await federationOf(ALPHA_BETA_GAMMA)
    const [first, second] = federation.members('alpha') as [number, number]
    federation.sever('alpha', 'beta')
    await federation.fabric.advance(500)
    for (const index of [first, second]) {
      expect(routing(federation, index)?.routes.statistics.routes_active_total).toBe(0)
      expect(await federation.callFrom(index, 'gamma')).toMatchObject({ error: 'fabric_forward_failed', reason: 'no_fabric_path' })
    }
    // Beta lost nothing but alpha.
    const beta = routing(federation, federation.members('beta')[0] as number)
    expect(Object.keys(beta?.routes.statistics.routes_per_destination ?? {})).toEqual(['gamma'])
    federation.fabric.heal()
    expect(await federation.fabric.until(() => federation.routed(), 30_000)).toBe(true)
    expect(await federation.callFrom(first, 'gamma')).toBe('gamma')
  })

  it('under way through a cluster that is gone fail at once, and say that the outcome is unknown', async () => {
    const federation = await federationOf({ nodes: { alpha: 1, beta: 1, gamma: 1 }, bridges: chain(['alpha', 'beta', 'gamma']) })
    const { fabric } = federation
    fabric.register(2, 'slow', () => new Promise((resolve) => fabric.env(2).timers.after(8_000, () => resolve('done'))))
    const isKnown = () => fabric.view(0)?.catalog.get(fabric.url(2))?.includes('functions slow@1.0.0') ?? false
    expect(await fabric.until(isKnown, 10_000)).toBe(true)
    const client = await fabric.client(0)
    const calling = client.call('slow').catch((error: { details?: string }) => error.details)
    await fabric.advance(500)
    fabric.crash(1)
    const startedMs = fabric.nowMs
    expect(String(await fabric.settle(calling))).toMatch(/may or may not have been executed/)
    expect(fabric.nowMs - startedMs).toBeLessThan(2_000)
  })

  it('find a node again that was restarted at once, though it said goodbye a moment ago', async () => {
    const federation = await federationOf({
      nodes: { alpha: 2, beta: 2, gamma: 1 },
      bridges: [
        ['alpha', 'beta'],
        ['gamma', 'beta'],
      ],
    })
    const { fabric } = federation
    const [gamma] = federation.members('gamma') as [number]
    await fabric.stop(gamma)
    await fabric.start(gamma)
    await fabric.advance(2_000)
    expect(await federation.callFrom(0, 'gamma')).toBe('gamma')
  })

  it('take the other way when the first is gone', async () => {
    const federation = await federationOf({
      nodes: { alpha: 2, beta: 1, delta: 1, gamma: 1 },
      bridges: [
        ['alpha', 'beta'],
        ['beta', 'gamma'],
        ['alpha', 'delta'],
        ['delta', 'gamma'],
      ],
    })
    const [first] = federation.members('alpha') as [number, number]
    const way = () => federation.fabric.node(first).explainRoute('gamma').forwarding_plan.planned_path[1] as string
    const before = way()
    federation.sever('alpha', before)
    await federation.fabric.advance(100)
    expect(await federation.callFrom(first, 'gamma')).toBe('gamma')
    expect(way()).not.toBe(before)
    expect(['beta', 'delta']).toContain(way())
  })

  it('prefer a link-state path, and rotate over equal ones, when told to', async () => {
    const diamond: ClusterPlan = {
      nodes: { alpha: 1, beta: 1, delta: 1, gamma: 1 },
      bridges: [
        ['alpha', 'beta'],
        ['alpha', 'delta'],
        ['beta', 'gamma'],
        ['delta', 'gamma'],
      ],
      settings: { fabricLinkStateMode: 'only', fabricLinkStateEcmpPaths: 2 },
    }
    const federation = await federationOf(diamond)
    await federation.fabric.advance(2_000)
    const [alpha] = federation.members('alpha') as [number]
    for (let i = 0; i < 4; i++) expect(await federation.callFrom(alpha, 'gamma')).toBe('gamma')
    for (const middle of ['beta', 'delta']) {
      const [node] = federation.members(middle) as [number]
      expect(federation.fabric.node(node).snapshot().reach?.rpc.relayed).toBe(4)
    }
    const { planner } = routing(federation, alpha) ?? {}
    expect(federation.fabric.node(alpha).explainRoute('gamma').forwarding_plan.reason).toBe('ok')
    expect(routing(federation, alpha)?.planner).toEqual(planner)
    expect(routing(federation, alpha)?.planner.by_step).toMatchObject({ link_state: expect.any(Number) })
  })
})

describe('a cluster with more nodes than links', { timeout: 60_000 }, () => {
  it('reaches another one from every node, though few are linked to its border', async () => {
    const federation = await createFederation({ nodes: { alpha: 36, beta: 1 }, bridges: [['beta', 'alpha']], admitted: { alpha: [] } })
    onTestFinished(() => federation.fabric.close())
    const { fabric } = federation
    expect(await fabric.until(() => fabric.converged(), 30_000)).toBe(true)
    for (const index of federation.members('alpha')) expect(await federation.callFrom(index, 'beta')).toBe('beta')
  })
})

describe('publications between clusters', () => {
  it('topic check 13: arrive once, by way of the cluster in the middle', async () => {
    const federation = await federationOf(ALPHA_BETA_GAMMA)
    const { fabric } = federation
    const got: string[] = []
    for (const cluster of ['alpha', 'gamma']) {
      for (const index of federation.members(cluster)) {
        const client = await fabric.client(index)
        await fabric.settle(client.subscribe('orders.#', ({ payload }) => void got.push(`n${index} ${String(payload)}`)))
      }
    }
    await fabric.advance(2_000)
    const publisher = await fabric.client(federation.members('gamma')[0] as number)
    await fabric.settle(publisher.publish('orders.new', 7))
    await fabric.advance(1_000)
    expect(got.sort()).toEqual(['n0 7', 'n1 7', 'n4 7'])
  })
})

describe('clusters that are not admitted', () => {
  it('control plane check 17: are refused on every way in under strict isolation', async () => {
    const { fabric } = await createFederation({
      nodes: { alpha: 1, beta: 1 },
      bridges: [['alpha', 'beta']],
      settings: { federationConfig: { federationMode: 'strict_isolation' } },
    })
    onTestFinished(() => fabric.close())
    await fabric.advance(10_000)
    for (const index of [0, 1]) {
      expect(fabric.view(index)?.peers).toEqual([])
      expect(fabric.node(index).snapshot().fabric?.routing.routes.statistics.destinations_tracked).toBe(0)
    }
    expect(await fabric.call(0, 'at.beta').catch((error: Error) => error.message)).toMatch(/Command not found/)
  })

  it('behind one that is do not get into the catalog', async () => {
    const names = ['alpha', 'beta', 'gamma']
    const { fabric } = await createFederation({
      nodes: { alpha: 1, beta: 1, gamma: 1 },
      bridges: chain(names),
      admitted: { alpha: [] },
    })
    onTestFinished(() => fabric.close())
    await fabric.advance(5_000)
    expect(
      fabric
        .node(0)
        .listPeers()
        .map(({ cluster_id: cluster }) => cluster)
        .sort(),
    ).toEqual(['beta'])
    expect(fabric.node(0).snapshot().fabric?.catalog.refused).toMatchObject({ cluster_not_allowed: expect.any(Number) })
  })
})

describe('signed routes between clusters', () => {
  const seeds = Object.fromEntries(['alpha', 'beta', 'gamma'].map((cluster, i) => [cluster, String(i + 1).repeat(64)]))
  const { ed25519PublicKey } = createEd25519()
  const registryOf = (...clusters: string[]) => ({
    clusters: Object.fromEntries(
      clusters.map((cluster) => [cluster, { keys: [{ public_key: ed25519PublicKey(seeds[cluster] as string) }] }]),
    ),
  })
  const strict = { requireSignatures: true, allowUnsigned: false, allowEmbeddedKeys: false }

  it('routing check 20: carry traffic when every cluster signs and knows the keys of its neighbours', async () => {
    const federation = await federationOf({
      ...ALPHA_BETA_GAMMA,
      settingsOf: (cluster) => ({
        fabricRouteSigner: { privateKey: seeds[cluster] as string },
        fabricRouteSecurityConfig: strict,
        fabricRouteKeyRegistry: registryOf('alpha', 'beta', 'gamma'),
      }),
    })
    expect(await federation.callFrom(federation.members('alpha')[0] as number, 'gamma')).toBe('gamma')
    const signatures = routing(federation, federation.members('beta')[0] as number)?.trust.signatures
    expect(signatures?.verified_total).toBeGreaterThan(0)
    expect(signatures?.signed_total).toBeGreaterThan(0)
    expect(signatures?.refused_total).toEqual({})
  })

  it('routing check 20: of a cluster that does not sign are refused, and the refusals counted', async () => {
    const { fabric, members } = await createFederation({
      ...ALPHA_BETA_GAMMA,
      settingsOf: (cluster) =>
        cluster === 'beta' ? {} : { fabricRouteSecurityConfig: strict, fabricRouteKeyRegistry: registryOf('alpha', 'beta', 'gamma') },
    })
    onTestFinished(() => fabric.close())
    await fabric.advance(12_000)
    const [first] = members('alpha') as [number, number]
    const statistics = fabric.live.map((index) => fabric.node(index).snapshot().fabric?.routing.routes.statistics)
    expect(statistics[first + 1]?.rejection_reasons.signature).toBeGreaterThan(0)
    expect(statistics[first + 1]?.routes_active_total).toBe(0)
  })

  it('routing check 23: keys are learned from the cluster itself, and a rotation loses no route', async () => {
    const federation = await federationOf({
      ...ALPHA_BETA_GAMMA,
      settingsOf: (cluster) => ({
        fabricRouteSigner: { privateKey: seeds[cluster] as string },
        fabricRouteSecurityConfig: { ...strict, allowEmbeddedKeys: true },
        fabricRouteKeyRegistry: { clusters: {} },
        fabricRouteKeyAnnounceIntervalSeconds: 5,
      }),
    })
    const { fabric } = federation
    const [first] = federation.members('alpha') as [number, number]
    const next = JSON.stringify({ fabric_route_signer: { private_key: '9'.repeat(64) } })
    for (const index of federation.members('beta')) fabric.node(index).reloadRouting(next, 'json')
    for (let second = 0; second < 30; second++) {
      await fabric.advance(1_000)
      expect(federation.routed()).toBe(true)
    }
    expect(await federation.callFrom(first, 'gamma')).toBe('gamma')
  })

  it('a wrong document of routing settings changes nothing, and says where it is wrong', async () => {
    const federation = await federationOf(ALPHA_BETA_GAMMA)
    const node = federation.fabric.node(0)
    const text = 'fabric_route_tags = ["metro"]\n[fabric_route_policy]\nmax_hops = "three"\n'
    expect(() => node.reloadRouting(text, 'toml', 'routes.toml')).toThrow(/routes\.toml: .*max_hops.*line 3/s)
    expect(node.reloadRouting('[fabric_route_policy]\nallowed_destinations = ["beta"]\n', 'toml')).toEqual([])
    await federation.fabric.advance(40_000)
    expect(node.explainRoute('gamma').selected).toBeNull()
    expect(node.explainRoute('beta').selected).not.toBeNull()
  })
})
