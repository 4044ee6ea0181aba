/** The doctor on whole fabrics in virtual time: one fault at a time, and one finding for it. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createEd25519 } from '../../src/node/ed25519.ts'
import { diagnose, type Finding, nodesToAsk, type UnreachableNode } from '../../src/telemetry/index.ts'
import { createTestFabric } from '../../src/testing.ts'
import { type ClusterPlan, createFederation, type Federation } from './clusters.ts'

/** Five nodes in three clusters: alpha n0 n1, beta n2 n3, gamma n4. */
const FIVE: ClusterPlan = {
  nodes: { alpha: 2, beta: 2, gamma: 1 },
  bridges: [
    ['alpha', 'beta'],
    ['beta', 'gamma'],
  ],
}

async function healthyFabric(plan: Partial<ClusterPlan> = {}): Promise<Federation> {
  const federation = await createFederation({ ...FIVE, ...plan })
  onTestFinished(() => federation.fabric.close())
  expect(await federation.fabric.until(() => federation.routed(), 30_000)).toBe(true)
  await federation.fabric.advance(15_000)
  return federation
}

function findings({ fabric }: Federation, unreachable: readonly UnreachableNode[] = []): Finding[] {
  return diagnose(
    fabric.live.map((index) => fabric.node(index).diagnosis()),
    unreachable,
  )
}

const brief = (found: readonly Finding[]) => found.map(({ code, node, subject }) => ({ code, node, subject }))

describe('the doctor', () => {
  it('finds nothing in a healthy fabric, at start-up or later', async () => {
    const federation = await createFederation(FIVE)
    onTestFinished(() => federation.fabric.close())
    for (let second = 0; second < 40; second++) {
      expect(findings(federation)).toEqual([])
      await federation.fabric.advance(1_000)
    }
    for (const cluster of federation.clusters) expect(await federation.callFrom(0, cluster)).toBe(cluster)
    expect(findings(federation)).toEqual([])
  })

  it.each([false, true])('names a node that vanished within 10 s (without a trace: %s)', async (silent) => {
    const federation = await healthyFabric()
    federation.fabric.crash(3, { silent })
    await federation.fabric.advance(8_000)
    const found = findings(federation)
    expect(brief(found)).toEqual([{ code: 'peer_vanished', node: 'ws://n3:7000', subject: 'ws://n3:7000' }])
    expect(found[0]?.severity).toBe('critical')
  })

  it('finds nothing when a node leaves in good order, and when it comes back', async () => {
    const federation = await healthyFabric()
    await federation.fabric.stop(3)
    for (let second = 0; second < 20; second++) {
      await federation.fabric.advance(1_000)
      expect(findings(federation)).toEqual([])
    }
    await federation.fabric.start(3)
    await federation.fabric.advance(5_000)
    expect(findings(federation)).toEqual([])
  })

  it('names a link that flaps, once for both its ends', async () => {
    const federation = await healthyFabric()
    for (let flap = 0; flap < 3; flap++) {
      federation.fabric.flap(0, 1)
      await federation.fabric.advance(3_000)
    }
    expect(brief(findings(federation))).toEqual([{ code: 'link_flapping', node: 'ws://n0:7000', subject: 'ws://n0:7000 and ws://n1:7000' }])
  })

  it('names a node that crashes and is started again and again, once for all who see it', async () => {
    const federation = await healthyFabric()
    const { fabric } = federation
    const crashes = async (times: number) => {
      for (let crash = 0; crash < times; crash++) {
        fabric.crash(3)
        await fabric.advance(1_000)
        await fabric.start(3)
        await fabric.advance(6_000)
      }
    }
    await crashes(2)
    expect(findings(federation)).toEqual([])
    await crashes(1)
    const found = findings(federation)
    expect(brief(found)).toEqual([{ code: 'node_restarting', node: 'ws://n3:7000', subject: 'ws://n3:7000' }])
    expect(found[0]?.evidence[0]).toMatch(/^ws:\/\/n3:7000: has been up for \d+ s$/)
    fabric.crash(3)
    await fabric.advance(8_000)
    const down = findings(federation)
    expect(brief(down)).toEqual([{ code: 'node_restarting', node: 'ws://n3:7000', subject: 'ws://n3:7000' }])
    expect(down[0]).toMatchObject({ severity: 'critical', evidence: expect.arrayContaining([expect.stringMatching(/^hence: .* gone/)]) })
  })

  it('finds nothing when a node leaves in good order again and again', async () => {
    const federation = await healthyFabric()
    const { fabric } = federation
    for (let time = 0; time < 4; time++) {
      await fabric.stop(3)
      await fabric.advance(1_000)
      await fabric.start(3)
      await fabric.advance(6_000)
    }
    expect(findings(federation)).toEqual([])
  })

  it('counts how long a frozen node is gone from now, though it left in good order before', async () => {
    const federation = await healthyFabric()
    const { fabric } = federation
    await fabric.stop(3)
    await fabric.advance(10_000)
    await fabric.start(3)
    await fabric.advance(280_000)
    fabric.stall(3, 60_000)
    await fabric.advance(30_000)
    const others = fabric.live.filter((index) => index !== 3).map((index) => fabric.node(index).diagnosis())
    const [found] = diagnose(others)
    expect(found?.code).toBe('peer_vanished')
    expect(Number(/gone for (\d+) s/.exec(found?.summary ?? '')?.[1])).toBeLessThan(30)
  })

  it('names a version constraint nobody satisfies', async () => {
    const federation = await healthyFabric()
    const { fabric } = federation
    const node = fabric.node(0)
    await fabric.settle(node.callWith({ versionConstraint: '>=2.0.0' }, 'at.beta').catch(() => {}))
    const found = findings(federation)
    expect(brief(found)).toEqual([{ code: 'version_unsatisfied', node: 'ws://n0:7000', subject: 'at.beta' }])
    expect(found[0]?.evidence.join()).toContain("does not satisfy '>=2.0.0'")
    expect(node.explain.function('at.beta', { version_constraint: '>=2.0.0' })).toMatchObject({
      verdict: 'no_candidate_qualifies',
      candidates: [{ reasons: [{ code: 'version' }] }, { reasons: [{ code: 'version' }] }],
    })
  })

  it('names a resource no function offers', async () => {
    const federation = await healthyFabric()
    const { fabric } = federation
    await fabric.settle(
      fabric
        .node(1)
        .callWith({ locs: ['gpu'] }, 'at.alpha')
        .catch(() => {}),
    )
    expect(brief(findings(federation))).toEqual([{ code: 'resource_missing', node: 'ws://n1:7000', subject: 'at.alpha' }])
  })

  it('names a route key that has expired', async () => {
    const crypto = createEd25519()
    const seeds: Record<string, string> = { alpha: '11'.repeat(32), beta: '22'.repeat(32), gamma: '33'.repeat(32) }
    const keysOf = (gammaEnds: number | null) => ({
      clusters: Object.fromEntries(
        Object.entries(seeds).map(([cluster, seed]) => [
          cluster,
          {
            keys: [
              {
                key_id: cluster,
                public_key: crypto.ed25519PublicKey(seed),
                added_at: 0,
                expires_at: cluster === 'gamma' ? gammaEnds : null,
              },
            ],
          },
        ]),
      ),
    })
    const federation = await healthyFabric({
      settingsOf: (cluster) => ({
        fabricRouteSigner: { privateKey: seeds[cluster] as string },
        fabricRouteSecurityConfig: { requireSignatures: true, allowUnsigned: false, allowEmbeddedKeys: false },
        fabricRouteKeyRegistry: keysOf(null),
      }),
    })
    const { fabric } = federation
    expect(findings(federation)).toEqual([])
    const soon = fabric.env(0).clock.wall() + 5
    const document = JSON.stringify({ fabric_route_key_registry: keysOf(soon) })
    for (const index of federation.members('beta')) fabric.node(index).reloadRouting(document, 'json')
    await fabric.advance(10_000)
    const found = findings(federation)
    expect(brief(found)).toEqual([{ code: 'route_key_expired', node: 'ws://n2:7000', subject: 'gamma' }])
  })

  it('names a hop budget that is too small', async () => {
    const federation = await healthyFabric({ settings: { fabricRoutingMaxHops: 1 } })
    await federation.callFrom(0, 'gamma')
    const found = findings(federation)
    expect(brief(found)).toEqual([{ code: 'hop_budget_exhausted', node: 'ws://n0:7000', subject: 'fabric_routing_max_hops' }])
    expect(found[0]?.remedy).toContain('at least')
  })

  it('names a policy that keeps a function out', async () => {
    const federation = await healthyFabric({
      settingsOf: (cluster) =>
        cluster === 'alpha'
          ? {
              federationConfig: {
                federationMode: 'explicit_bridging',
                explicitBridges: [{ remoteClusterId: 'beta' }],
                allowedForeignClusterIds: ['beta', 'gamma'],
                securityPolicy: { blockedFunctionsCrossFederation: ['at.beta'] },
              },
            }
          : {},
    })
    expect(findings(federation)).toEqual([])
    await federation.callFrom(0, 'beta')
    expect(brief(findings(federation))).toEqual([{ code: 'policy_blocks_function', node: 'ws://n0:7000', subject: 'at.beta' }])
  })

  it('names a policy that keeps a cluster out', async () => {
    const federation = await createFederation({
      ...FIVE,
      settingsOf: (cluster) =>
        cluster === 'beta'
          ? {
              federationConfig: {
                federationMode: 'explicit_bridging',
                explicitBridges: [{ remoteClusterId: 'alpha' }],
                allowedForeignClusterIds: ['alpha'],
              },
            }
          : {},
    })
    onTestFinished(() => federation.fabric.close())
    await federation.fabric.advance(20_000)
    expect(brief(findings(federation))).toEqual([{ code: 'policy_blocks_peer', node: 'ws://n3:7000', subject: 'clusters beta and gamma' }])
  })

  it('names a client that does not read, while messages wait for it and after it was cut off', async () => {
    const federation = await healthyFabric({ settings: { sendBufferBytesMax: 20_000_000 } })
    const { fabric } = federation
    const client = await fabric.client(1)
    // A line of 100 kB a second, as soon as the client hears anything.
    fabric.network.tap((from, to) => {
      if (from.name === 'n1' && to.name.startsWith('c1.')) fabric.network.setConditions(from, to, { bytesPerSecond: 100_000 })
    })
    await fabric.settle(client.subscribe('slow.#', () => {}))
    const pump = async (times: number) => {
      for (let i = 0; i < times; i++) {
        fabric.node(1).publish('slow.topic', 'x'.repeat(1_000_000))
        await fabric.advance(1_000)
      }
    }
    await pump(8)
    expect(brief(findings(federation))).toMatchObject([{ code: 'slow_consumer', node: 'ws://n1:7000' }])
    await pump(20)
    expect(brief(findings(federation))).toMatchObject([{ code: 'slow_consumer', node: 'ws://n1:7000' }])
  })

  it('names an event loop that stood still', async () => {
    const federation = await healthyFabric()
    federation.fabric.stall(2, 4_000)
    await federation.fabric.advance(10_000)
    expect(brief(findings(federation))).toEqual([{ code: 'event_loop_stalled', node: 'ws://n2:7000', subject: 'ws://n2:7000' }])
  })

  it('names a clock that is 10 minutes off', async () => {
    const federation = await healthyFabric()
    federation.fabric.skew(1, 600)
    await federation.fabric.advance(8_000)
    expect(brief(findings(federation))).toEqual([{ code: 'clock_skewed', node: 'ws://n1:7000', subject: 'ws://n1:7000' }])
    federation.fabric.skew(1, -1_200)
    await federation.fabric.advance(8_000)
    expect(brief(findings(federation))).toEqual([{ code: 'clock_skewed', node: 'ws://n1:7000', subject: 'ws://n1:7000' }])
  })

  it('blames a long stall, not the node the others lost through it', async () => {
    const federation = await healthyFabric()
    federation.fabric.stall(2, 25_000)
    await federation.fabric.advance(40_000)
    expect(brief(findings(federation))).toEqual([{ code: 'event_loop_stalled', node: 'ws://n2:7000', subject: 'ws://n2:7000' }])
  })

  it('names a node that does not answer while it stands still', async () => {
    const federation = await healthyFabric()
    const { fabric } = federation
    fabric.stall(2, 20_000)
    await fabric.advance(12_000)
    const answering = fabric.live.filter((index) => index !== 2).map((index) => fabric.node(index).diagnosis())
    const silent = { node_id: 'ws://n2:7000', monitoring_url: 'http://n2:8000', reason: 'silent', error: 'no answer in 5 s' } as const
    expect(brief(diagnose(answering, [silent]))).toEqual([{ code: 'event_loop_stalled', node: 'ws://n2:7000', subject: 'ws://n2:7000' }])
  })

  it('finds nothing any more when a crashed node is back', async () => {
    const federation = await healthyFabric()
    federation.fabric.crash(3)
    await federation.fabric.advance(10_000)
    await federation.fabric.start(3)
    await federation.fabric.advance(10_000)
    expect(findings(federation)).toEqual([])
  })

  it('makes the loss of a whole cluster in the middle one fault, with what follows from it', async () => {
    const federation = await healthyFabric({ nodes: { alpha: 2, beta: 1, gamma: 2 } })
    federation.fabric.crash(2)
    await federation.fabric.advance(8_000)
    const found = findings(federation)
    expect(brief(found)).toEqual([{ code: 'peer_vanished', node: 'ws://n2:7000', subject: 'ws://n2:7000' }])
    expect(found[0]?.evidence.some((line) => line.startsWith('hence: '))).toBe(true)
  })

  it('names a configured peer that is not there', async () => {
    const fabric = await createTestFabric({
      nodes: 2,
      seed: 1,
      settings: (index) => (index === 1 ? { peers: ['ws://n0:7000', 'ws://nowhere:7000'] } : {}),
    })
    onTestFinished(() => fabric.close())
    await fabric.advance(60_000)
    const found = diagnose([fabric.node(0).diagnosis(), fabric.node(1).diagnosis()])
    expect(brief(found)).toEqual([{ code: 'seed_unreachable', node: 'ws://n1:7000', subject: 'ws://nowhere:7000' }])
  })

  it('finds nothing in a cluster too large for a full mesh', async () => {
    const fabric = await createTestFabric({ nodes: 30, seed: 1, settings: { gossipInterval: 1 } })
    onTestFinished(() => fabric.close())
    const all = () => diagnose(fabric.live.map((index) => fabric.node(index).diagnosis()))
    for (let look = 0; look < 6; look++) {
      await fabric.advance(10_000)
      expect(all()).toEqual([])
    }
    fabric.crash(17)
    await fabric.advance(10_000)
    expect(brief(all())).toEqual([{ code: 'peer_vanished', node: 'ws://n17:7000', subject: 'ws://n17:7000' }])
  })
})

describe('the monitoring URL of a node', () => {
  it('is told to its peers, and remembered when it is gone', async () => {
    const { fabric } = await healthyFabric()
    fabric.node(3).announceMonitoring('http://n3:8000')
    const known = () =>
      fabric
        .node(2)
        .diagnosis()
        .peers.find(({ node_id }) => node_id === 'ws://n3:7000')?.monitoring_url
    expect(await fabric.until(() => known() === 'http://n3:8000', 10_000)).toBe(true)
    expect(nodesToAsk([fabric.node(2).diagnosis()], new Set())).toEqual([{ node_id: 'ws://n3:7000', monitoring_url: 'http://n3:8000' }])
    fabric.crash(3)
    await fabric.advance(8_000)
    expect(known()).toBe('http://n3:8000')
  })
})
