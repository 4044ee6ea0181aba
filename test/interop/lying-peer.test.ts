/** A neighbour that lies: about others, about itself, and without end. Two honest nodes must not notice, and what it said is counted. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createVirtualEnv } from '../../src/base/index.ts'
import { createNode, type Node } from '../../src/node/index.ts'
import { createMemoryNetwork } from '../../src/transport/index.ts'
import { type Json, ScriptedPeer } from './scripted-peer.ts'

const NOW = 1_795_490_050
const PORTS = { victim: 21050, honest: 21060, liar: 21040 }
const POISON_ENTRIES = 1_000_000
const ENTRIES_PER_MESSAGE = 20_000

async function setUp() {
  const env = createVirtualEnv({ seed: 7, startWall: NOW })
  const network = createMemoryNetwork({ env })
  const liar = new ScriptedPeer({ env, network, port: PORTS.liar })
  await liar.listen()
  const start = async (port: number, peers: string[]) => {
    const node = await createNode(
      { port, clusterId: 'p2p', gossipInterval: 0.5, monitoringEnabled: false, logLevel: 'CRITICAL', peers },
      { env, network },
    )
    const starting = node.start()
    await env.advance(0)
    await starting
    return node
  }
  const victim = await start(PORTS.victim, [])
  const honest = await start(PORTS.honest, [victim.url])
  honest.register('ledger.read', () => 'the truth')
  await env.advance(2_000)
  await liar.dial(victim.url)
  liar.say(liar.status())
  await env.advance(500)
  onTestFinished(async () => {
    const stopping = Promise.all([victim.stop(), honest.stop(), liar.stop()])
    await env.advance(5_000)
    await stopping
  })
  return { env, honest, liar, victim }
}

type World = Awaited<ReturnType<typeof setUp>>

let serial = 0

/** A catalog update of the liar with these tables. */
function update({ env, liar }: World, tables: Json, envelope: Json = {}): Json {
  const frame = liar.recorded('catalog-topic')
  const outer = frame.payload as Json
  const now = env.clock.wall()
  const payload = { ...(outer.payload as Json), topics: [], update_id: `lie-${serial}`, sent_at: now, ...tables }
  return { ...frame, payload: { ...outer, message_id: `lie-${serial++}`, created_at: now, expires_at: now + 300, payload, ...envelope } }
}

function endpoint(node: string, name: string, at: number): Json {
  const identity = { name, function_id: name, version: '9.0.0' }
  return { identity, resources: [], node_id: node, cluster_id: 'p2p', scope: 'zone', tags: [], advertised_at: at, ttl_seconds: 120 }
}

async function expectUnharmed({ env, honest, victim }: World): Promise<void> {
  expect(victim.listPeers().map(({ url }) => url)).toContain(honest.url)
  const calling = victim.call('ledger.read')
  await env.advance(500)
  expect(await calling).toBe('the truth')
}

const refused = (node: Node) => node.snapshot().fabric?.catalog.refused as Record<string, number>

describe('a lying neighbour', { timeout: 120_000 }, () => {
  it('can neither remove nor shadow what others offer, whoever it says it is', async () => {
    const world = await setUp()
    const { env, honest, liar, victim } = world
    const now = env.clock.wall()
    const ledger = { name: 'ledger.read', function_id: 'ledger.read', version: '1.0.0', node_id: honest.url, cluster_id: 'p2p' }
    liar.say(update(world, { function_removals: [ledger], node_removals: [{ node_id: honest.url, cluster_id: 'p2p' }] }))
    liar.say(update(world, { functions: [endpoint(honest.url, 'ledger.read', now + 1)] }))
    liar.say(update(world, { functions: [endpoint(victim.url, 'backdoor', now + 1)] }))
    // The same in the other's name.
    liar.say(
      update(
        world,
        { node_removals: [{ node_id: honest.url, cluster_id: 'p2p' }] },
        { sender_id: honest.url, propagation_path: [honest.url] },
      ),
    )
    await env.advance(1_000)
    expect(refused(victim)).toMatchObject({ versioned_owner: expect.any(Number), own_node: expect.any(Number) })
    await expectUnharmed(world)
    const calling = victim.call('backdoor').catch((error: Error) => error.message)
    await env.advance(500)
    expect(await calling).toMatch(/Command not found/)
  })

  it('can not say goodbye for others', async () => {
    const world = await setUp()
    const { env, honest, liar, victim } = world
    const goodbye = liar.recorded('goodbye')
    const server = {
      ...(goodbye.server as Json),
      departing_node_url: honest.url,
      instance_id: honest.instanceId,
      timestamp: env.clock.wall(),
    }
    liar.say({ ...goodbye, server })
    await env.advance(1_000)
    expect(victim.snapshot().fabric?.peers.goodbyes_ignored).toMatchObject({ third_party: 1 })
    await expectUnharmed(world)
  })

  it(`fills its own share of the catalog with ${POISON_ENTRIES} entries, and no more`, async () => {
    const world = await setUp()
    const { env, liar, victim } = world
    const now = env.clock.wall()
    for (let from = 0; from < POISON_ENTRIES; from += ENTRIES_PER_MESSAGE) {
      const functions: Json[] = []
      for (let i = from; i < from + ENTRIES_PER_MESSAGE; i++) functions.push(endpoint(`ws://ghost-${i % 40_000}:1`, `poison.${i}`, now))
      liar.say(update(world, { functions }))
      await env.advance(20)
    }
    const catalog = victim.snapshot().fabric?.catalog
    expect(catalog?.owners).toBeLessThanOrEqual(10_000)
    expect(catalog?.functions).toBeLessThanOrEqual(200_000)
    expect(Object.values(refused(victim)).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(POISON_ENTRIES / 2)
    await expectUnharmed(world)
  })

  it('that floods gossip is rate-limited, and others are heard', async () => {
    const world = await setUp()
    const { env, honest, liar, victim } = world
    for (let i = 0; i < 10_000; i++) liar.say(update(world, {}))
    await env.advance(100)
    expect(victim.snapshot().fabric?.gossip.rate_limited).toBeGreaterThan(5_000)
    honest.register('news', () => 'heard')
    await env.advance(1_000)
    const calling = victim.call('news')
    await env.advance(500)
    expect(await calling).toBe('heard')
  })

  it.each([600, -600])('whose clock is %d seconds off does not shorten or lengthen the life of what others offer', async (seconds) => {
    const world = await setUp()
    const { env, liar, victim } = world
    const skewed = env.clock.wall() + seconds
    liar.say(
      update(
        world,
        { functions: [endpoint(liar.url, 'of.the.liar', skewed)], sent_at: skewed },
        { created_at: skewed, expires_at: skewed + 300 },
      ),
    )
    await env.advance(200_000)
    await expectUnharmed(world)
    expect(victim.snapshot().fabric?.catalog.versioned_owners).toBe(2)
  })

  it('of another cluster is held to the rules for its own, whatever cluster it writes into a request', async () => {
    const env = createVirtualEnv({ seed: 7, startWall: NOW })
    const network = createMemoryNetwork({ env })
    const liar = new ScriptedPeer({ env, network, port: PORTS.liar, clusterId: 'other' })
    await liar.listen()
    const node = await createNode(
      {
        port: PORTS.victim,
        clusterId: 'p2p',
        monitoringEnabled: false,
        logLevel: 'CRITICAL',
        federationConfig: {
          federationMode: 'explicit_bridging',
          allowedForeignClusterIds: ['other'],
          securityPolicy: { blockedFunctionsCrossFederation: ['whoami_q'] },
        },
      },
      { env, network },
    )
    let runs = 0
    node.register('whoami_q', () => ++runs)
    const starting = node.start()
    await env.advance(0)
    await starting
    onTestFinished(async () => {
      const stopping = Promise.all([node.stop(), liar.stop()])
      await env.advance(5_000)
      await stopping
    })
    await liar.dial(node.url)
    liar.say(liar.status())
    await env.advance(500)
    for (const [index, source_cluster] of ['other', 'p2p', null].entries()) {
      const request = liar.recorded('rpc-request')
      const outer = request.payload as Json
      const payload = { ...(outer.payload as Json), request_id: `r${index}`, target_cluster: 'p2p', target_node: node.url }
      const headers = { ...(outer.headers as Json), source_cluster, target_cluster: 'p2p' }
      liar.say({ ...request, payload: { ...outer, message_id: `r${index}`, payload, headers } })
      await env.advance(200)
    }
    expect(runs).toBe(0)
    expect(node.snapshot().reach?.refused.function_blocked).toBe(3)
  })
})
