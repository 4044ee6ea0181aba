import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeededRandom, createVirtualTime, type Env, type Random, silentLog, type VirtualTime } from '../../base/index.ts'
import { encodeSync, type FunctionEntry, type NodeEntry, OutboundFrame, type SyncFrame, type SyncMessage } from '../../wire/index.ts'
import { type Catalog, createCatalog } from '../catalog/catalog.ts'
import { type BusLinks, createMessageBus, type MessageBus } from '../gossip/message-bus.ts'
import { createSync, type Sync } from './sync.ts'

const CLUSTER = 'c'
const LEASE_SECONDS = 120
const INTERVAL_SECONDS = 1

interface Member {
  readonly id: string
  readonly env: Env
  readonly catalog: Catalog
  readonly sync: Sync
  readonly links: BusLinks
}

interface Fabric {
  readonly time: VirtualTime
  readonly bus: MessageBus
  readonly members: Member[]
  add(id: string, options?: { readonly clockOffset?: number; readonly frameBytesMax?: number; readonly printed?: boolean }): Member
  kill(member: Member): void
}

function fabric(latencyMs: () => number = () => 5, isLost: () => boolean = () => false): Fabric {
  const time = createVirtualTime()
  const bus = createMessageBus({ timers: time.timers, latencyMs, isLost })
  const members: Member[] = []
  return {
    time,
    bus,
    members,
    add(id, { clockOffset = 0, frameBytesMax, printed = false } = {}) {
      const clock = { wall: () => time.clock.wall() + clockOffset, monotonic: time.clock.monotonic }
      const env: Env = { clock, timers: time.timers, random: seeded(id, clock.wall), log: silentLog }
      const catalog = createCatalog({ env, nodeId: id, clusterId: CLUSTER, instanceId: `i-${id}` })
      const links = bus.join(id, {
        extensions: ['sync/1'],
        clusterId: CLUSTER,
        ...(frameBytesMax === undefined ? {} : { frameBytesMax }),
        connected: (peer) => sync.onConnected(peer),
        lost: (peer) => sync.onLost(peer),
        frame(from, frame) {
          if (printed) sync.receiveFrame(from, JSON.parse(frame.text), frame.text)
          else sync.receive(from, (frame.value as SyncFrame).payload)
        },
      })
      const sync: Sync = createSync({ env, nodeId: id, links, catalog }, { intervalSeconds: INTERVAL_SECONDS, leaseSeconds: LEASE_SECONDS })
      const member = { id, env, catalog, sync, links }
      sync.start()
      env.timers.every((LEASE_SECONDS / 4) * 1000, () => {
        if (members.includes(member)) catalog.local.renew()
      })
      env.timers.every(5_000, () => catalog.prune(clock.wall()))
      catalog.local.set('nodes', nodeEntry(member))
      catalog.local.commit()
      members.push(member)
      return member
    },
    kill(member) {
      member.sync.stop()
      bus.leave(member.id)
      members.splice(members.indexOf(member), 1)
    },
  }
}

function seeded(seed: string, wall: () => number): Random {
  return createSeededRandom(seed, () => wall() * 1000)
}

function nodeEntry({ id, env }: Pick<Member, 'id' | 'env'>): NodeEntry {
  const shared = {
    node_id: id,
    cluster_id: CLUSTER,
    scope: 'zone' as const,
    tags: [],
    advertised_at: env.clock.wall(),
    ttl_seconds: LEASE_SECONDS,
  }
  return { ...shared, resources: [], capabilities: ['rpc'], transport_endpoints: [] }
}

function functionEntry({ id, env }: Pick<Member, 'id' | 'env'>, name: string): FunctionEntry {
  const shared = {
    node_id: id,
    cluster_id: CLUSTER,
    scope: 'zone' as const,
    tags: [],
    advertised_at: env.clock.wall(),
    ttl_seconds: LEASE_SECONDS,
  }
  return { ...shared, identity: { name, function_id: name, version: '1.0.0' }, resources: [] }
}

function offer(member: Member, ...names: string[]): void {
  for (const name of names) member.catalog.local.set('functions', functionEntry(member, name))
  member.catalog.local.commit()
}

function knows(member: Member, name: string): boolean {
  return member.catalog.functionsNamed(name).length > 0
}

/** Links every node to all others, or in a larger fabric to `degree` at random and the next in a ring. */
function mesh(net: Fabric, degree = Number.POSITIVE_INFINITY): void {
  const random = seeded('mesh', () => 0)
  const ids = net.members.map(({ id }) => id)
  ids.forEach((id, at) => {
    const others = ids.filter((other) => other !== id)
    const chosen = degree >= others.length ? others : [ids[(at + 1) % ids.length] as string, ...random.sample(others, degree)]
    for (const other of chosen) net.bus.link(id, other)
  })
}

function totals(members: readonly Member[]) {
  let messages = 0
  let entries = 0
  let duplicates = 0
  let content = 0
  let fetched = 0
  for (const { sync } of members) {
    const snapshot = sync.snapshot()
    for (const count of Object.values(snapshot.messages_sent)) messages += count
    const { have, want, state, buckets, items } = snapshot.messages_sent
    content += have + want + state + buckets + items
    fetched += want + state + buckets + items
    entries += snapshot.entries_received
    duplicates += snapshot.entries_duplicate
  }
  return { messages, entries, duplicates, content, fetched }
}

describe.each([
  { nodes: 30, degree: Number.POSITIVE_INFINITY },
  { nodes: 100, degree: 12 },
  { nodes: 300, degree: 12 },
])('sync among $nodes nodes', ({ nodes, degree }) => {
  it('converges, tells each change about once in O(log N) messages per node, and is silent at rest', async () => {
    const random = seeded('latency', () => 0)
    const net = fabric(() => 2 + random.next() * 20)
    for (let i = 0; i < nodes; i++) net.add(`ws://10.0.${Math.floor(i / 250)}.${i % 250}:9000`)
    mesh(net, degree)
    const first = net.members[0] as Member
    const converged = await eventually(net, () => net.members.every(({ catalog }) => stampCount(catalog) === nodes), 30_000)
    expect(converged).toBe(true)
    await net.time.advance(5_000)

    const before = totals(net.members)
    offer(first, 'press.start')
    const startedMs = net.time.clock.monotonic()
    expect(await eventually(net, () => net.members.every((member) => knows(member, 'press.start')), 10_000)).toBe(true)
    const tookMs = net.time.clock.monotonic() - startedMs
    await net.time.advance(1_000)
    const after = totals(net.members)
    // Comparisons go on meanwhile: one digest per node and second.
    const perNode = (after.content - before.content) / nodes
    const received = (after.entries - before.entries) / (nodes - 1)
    expect(received).toBeGreaterThanOrEqual(1)
    expect(received).toBeLessThanOrEqual(1.5)
    expect(perNode).toBeLessThan(2 * Math.log2(nodes) + 4)
    expect(tookMs).toBeLessThan(5_000)

    // At rest only digests, and beats passed on in batches.
    await net.time.advance(20_000)
    const restBefore = totals(net.members)
    await net.time.advance(40_000)
    const rest = totals(net.members)
    expect([rest.entries, rest.fetched]).toEqual([restBefore.entries, restBefore.fetched])
    expect((rest.messages - restBefore.messages) / nodes / 40).toBeLessThan(1.1 * INTERVAL_SECONDS + Math.log2(nodes))
  }, 120_000)
})

describe('a record', () => {
  it('of an owner that died vanishes everywhere, and does not come back', async () => {
    const net = fabric()
    for (let i = 0; i < 12; i++) net.add(`n${i}`)
    mesh(net)
    const dead = net.members[3] as Member
    offer(dead, 'press.start')
    expect(await eventually(net, () => net.members.every((member) => knows(member, 'press.start')), 5_000)).toBe(true)
    net.kill(dead)
    await net.time.advance((LEASE_SECONDS - 40) * 1000)
    expect(net.members.every((member) => knows(member, 'press.start'))).toBe(true)
    await net.time.advance(60_000)
    for (let second = 0; second < 2 * LEASE_SECONDS; second += 5) {
      expect(net.members.some(({ catalog }) => catalog.ownerStamp(dead.id) !== undefined)).toBe(false)
      await net.time.advance(5_000)
    }
    // Nor does it come back by a node that just joined.
    const late = net.add('late')
    for (const { id } of net.members) net.bus.link(late.id, id)
    await net.time.advance(10_000)
    expect(knows(late, 'press.start')).toBe(false)
    expect(stampCount(late.catalog)).toBe(12)
  })

  it('lives on while its owner does, however the clocks differ', async () => {
    const net = fabric()
    for (let i = 0; i < 6; i++) net.add(`n${i}`, { clockOffset: [0, 600, -600, 86_400, -86_400, 0][i] as number })
    mesh(net)
    for (const member of net.members) offer(member, `f.${member.id}`)
    await net.time.advance(3 * LEASE_SECONDS * 1000)
    for (const member of net.members)
      for (const { id } of net.members) expect([member.id, id, knows(member, `f.${id}`)]).toEqual([member.id, id, true])
  })

  it('crosses a single link between two groups, and its beats too', async () => {
    const net = fabric()
    for (let i = 0; i < 40; i++) net.add(`n${String(i).padStart(2, '0')}`)
    for (const group of [net.members.slice(0, 20), net.members.slice(20)]) {
      for (const a of group) for (const b of group) net.bus.link(a.id, b.id)
    }
    net.bus.link('n00', 'n20')
    await net.time.advance(20_000)
    offer(net.members[39] as Member, 'press.start')
    expect(await eventually(net, () => net.members.every((member) => knows(member, 'press.start')), 60_000)).toBe(true)
    for (let second = 0; second < 4 * LEASE_SECONDS; second += 5) {
      await net.time.advance(5_000)
      expect(net.members.map(({ catalog }) => stampCount(catalog))).toEqual(new Array(40).fill(40))
    }
  })

  it('removed in part reaches those who were cut off meanwhile', async () => {
    const net = fabric()
    const [a, b] = [net.add('a'), net.add('b')]
    net.bus.link('a', 'b')
    offer(a, 'one', 'two')
    await net.time.advance(1_000)
    net.bus.unlink('a', 'b')
    a.catalog.local.remove('functions', { cluster_id: CLUSTER, node_id: 'a', identity: functionEntry(a, 'one').identity, resources: [] })
    a.catalog.local.commit()
    offer(a, 'three')
    await net.time.advance(1_000)
    net.bus.link('a', 'b')
    await net.time.advance(1_000)
    expect(['one', 'two', 'three'].map((name) => knows(b, name))).toEqual([false, true, true])
  })

  it('forged by a liar is refuted by its owner', async () => {
    const net = fabric()
    for (let i = 0; i < 10; i++) net.add(`n${i}`)
    mesh(net)
    const victim = net.members[0] as Member
    offer(victim, 'press.start')
    await net.time.advance(5_000)
    const epoch = victim.catalog.local.epoch
    const liar = net.bus.join('liar', { extensions: ['sync/1'], connected: () => {}, lost: () => {}, frame: () => {} })
    for (const { id } of net.members.slice(5)) net.bus.link('liar', id)
    const forged = {
      node_id: victim.id,
      cluster_id: CLUSTER,
      instance_id: 'x',
      epoch: epoch + 7,
      version: 99,
      beat: 3,
      age_ms: 0,
      since: 0,
    }
    const message: SyncMessage = {
      kind: 'state',
      owners: [{ ...forged, entries: [{ kind: 'functions', version: 99, entry: functionEntry(victim, 'evil') }], removals: [] }],
    }
    for (const { id } of net.members.slice(5))
      liar.send(id, new OutboundFrame<SyncFrame>({ role: 'fabric-sync', payload: message }, encodeFrame))
    await net.time.advance(100)
    expect(net.members.some((member) => knows(member, 'evil'))).toBe(true)
    expect(await eventually(net, () => net.members.every((member) => !knows(member, 'evil') && knows(member, 'press.start')), 5_000)).toBe(
      true,
    )
    expect(victim.sync.snapshot().refutations).toBe(1)
    expect(victim.catalog.local.epoch).toBeGreaterThan(epoch + 7)
  })

  it('of 10000 functions fits through frames of 1 MiB', async () => {
    const net = fabric()
    const frameBytesMax = 1024 * 1024
    const [a, b, c] = ['a', 'b', 'c'].map((id) => net.add(id, { frameBytesMax, printed: true })) as [Member, Member, Member]
    offer(a, ...Array.from({ length: 10_000 }, (_, i) => `press.number_${i}.with_a_name_of_ordinary_length`))
    net.bus.link('a', 'b')
    net.bus.link('b', 'c')
    expect(await eventually(net, () => c.catalog.list('functions').length === 10_000, 20_000)).toBe(true)
    expect(b.sync.snapshot()).toMatchObject({ entries_received: 10_001 + 1, entries_duplicate: 0, gaps: 0, not_delivered: 0 })
  }, 30_000)

  it('asked of a peer that does not answer is asked of the next', async () => {
    const net = fabric()
    const a = net.add('a')
    const announce = (peer: string): void => {
      const item = { node_id: 'owner', epoch: 5, version: 2, beat: 1, age_ms: 0 }
      a.sync.receive(peer, { kind: 'have', items: [item] })
    }
    const asked: string[] = []
    for (const peer of ['mute', 'other']) {
      net.bus.join(peer, {
        extensions: ['sync/1'],
        connected: () => {},
        lost: () => {},
        frame(_, { value }) {
          if ((value as SyncFrame).payload.kind === 'want') asked.push(`${peer} ${net.time.clock.monotonic()}`)
        },
      })
      net.bus.link('a', peer)
      announce(peer)
    }
    await net.time.advance(5_000)
    expect(asked).toEqual(['mute 5', 'other 2005'])
    expect(a.sync.snapshot()).toMatchObject({ in_flight: 0, request_timeouts: 2 })
  })
})

describe('rumors', () => {
  it('are not told to who told them', async () => {
    const net = fabric()
    const [a, b, c] = ['a', 'b', 'c'].map((id) => net.add(id)) as [Member, Member, Member]
    net.bus.link('a', 'b')
    net.bus.link('b', 'c')
    await net.time.advance(5_000)
    const before = [a, b, c].map(({ sync }) => sync.snapshot().messages_received)
    offer(a, 'press.start')
    await net.time.advance(900)
    const after = [a, b, c].map(({ sync }) => sync.snapshot().messages_received)
    // The owner's neighbour is brought the record; the next is told of it and fetches it, and tells nobody.
    expect(after.map((kinds, i) => [kinds.state - (before[i]?.state ?? 0), kinds.have - (before[i]?.have ?? 0)])).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ])
  })
})

describe('sync', () => {
  it('drops what a peer sends beyond its rate, and skips what it can not read', () => {
    const net = fabric()
    const a = net.add('a')
    a.sync.receiveFrame('b', { payload: { kind: 'gift' } }, '{"payload":{"kind":"gift"}}')
    for (let i = 0; i < 3_000; i++) a.sync.receive('b', { kind: 'have', items: [] })
    expect(a.sync.snapshot()).toMatchObject({ unreadable_messages: 1, rate_limited: 1_001 })
    expect(a.sync.snapshot().messages_received.have).toBe(1_999)
  })

  it('says nothing when stopped', async () => {
    const net = fabric()
    const [a] = [net.add('a'), net.add('b')]
    net.bus.link('a', 'b')
    await net.time.advance(2_000)
    a.sync.stop()
    const sent = a.sync.snapshot().messages_sent
    offer(a, 'press.start')
    await net.time.advance(10_000)
    expect(a.sync.snapshot().messages_sent).toEqual(sent)
  })

  it('brings all catalogs together whatever is offered, withdrawn, lost and cut off', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('offer' as const), node: fc.nat(5), name: fc.nat(3) }),
      fc.record({ kind: fc.constant('withdraw' as const), node: fc.nat(5), name: fc.nat(3) }),
      fc.record({ kind: fc.constant('link' as const), node: fc.nat(5), other: fc.nat(5) }),
      fc.record({ kind: fc.constant('unlink' as const), node: fc.nat(5), other: fc.nat(5) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
      fc.record({ kind: fc.constant('lose' as const), share: fc.constantFrom(0, 0.3, 0.7) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, seed) => {
        const random = seeded(String(seed), () => 0)
        let lostShare = 0
        const net = fabric(
          () => 5 + random.int(30),
          () => random.next() < lostShare,
        )
        for (let i = 0; i < 6; i++) net.add(`n${i}`)
        mesh(net)
        for (const step of steps) {
          const member = 'node' in step ? (net.members[step.node] as Member) : undefined
          const other = 'other' in step ? `n${step.other}` : ''
          if (step.kind === 'offer') offer(member as Member, `f${step.node}.${step.name}`)
          if (step.kind === 'withdraw') withdraw(member as Member, `f${step.node}.${step.name}`)
          if (step.kind === 'link') net.bus.link((member as Member).id, other)
          if (step.kind === 'unlink') net.bus.unlink((member as Member).id, other)
          if (step.kind === 'wait') await net.time.advance(step.ms)
          if (step.kind === 'lose') lostShare = step.share
        }
        lostShare = 0
        mesh(net)
        await net.time.advance(15_000)
        const truth = net.members.map(({ id, catalog }) => [
          id,
          catalog.local.version,
          catalog.local.entries('functions').map(nameOf).sort(),
        ])
        for (const { catalog } of net.members) {
          const view = net.members.map(({ id }) => [
            id,
            catalog.ownerStamp(id)?.version,
            catalog
              .list('functions')
              .filter(({ node_id }) => node_id === id)
              .map(nameOf)
              .sort(),
          ])
          expect(view).toEqual(truth)
        }
      }),
      { numRuns: 25 },
    )
  }, 60_000)
})

function withdraw(member: Member, name: string): void {
  const { identity } = functionEntry(member, name)
  member.catalog.local.remove('functions', { cluster_id: CLUSTER, node_id: member.id, identity, resources: [] })
  member.catalog.local.commit()
}

function nameOf({ identity }: FunctionEntry): string {
  return identity.name
}

function encodeFrame({ payload }: SyncFrame): string {
  return encodeSync(payload)
}

/** Whether the condition comes to hold, looked at ten times a second. */
async function eventually(net: Fabric, condition: () => boolean, limitMs: number): Promise<boolean> {
  for (let passedMs = 0; passedMs < limitMs; passedMs += 100) {
    if (condition()) return true
    await net.time.advance(100)
  }
  return condition()
}

function stampCount(catalog: Pick<Catalog, 'eachStamp'>): number {
  let n = 0
  catalog.eachStamp(() => n++)
  return n
}
