import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeededRandom, createVirtualEnv, createVirtualTime, type Env, silentLog, type VirtualTime } from '../../base/index.ts'
import {
  type CatalogDelta,
  encodeGossip,
  type FunctionEntry,
  type GossipMessage,
  type NodeEntry,
  RawJson,
  type SyncFrame,
} from '../../wire/index.ts'
import { type Catalog, createCatalog } from '../catalog/catalog.ts'
import { draftDelta } from '../catalog/delta.ts'
import { createCatalogPolicy } from '../catalog/policy.ts'
import { createSync, type Sync } from '../sync/sync.ts'
import { createForwardFilter } from './forward-filter.ts'
import { createGossip, type Gossip, type GossipOptions } from './gossip.ts'
import { adaptiveMaxHops } from './hops.ts'
import { canTravel, type GossipFrame, gossipDigest, newMessage, prepareCopy } from './message.ts'
import { type BusLinks, createMessageBus, type MessageBus } from './message-bus.ts'
import { dequeueBudget, nextInterval } from './scheduler.ts'

const CLUSTER = 'c'
const TTL_SECONDS = 120

interface Member {
  readonly id: string
  readonly env: Env
  readonly catalog: Catalog
  readonly gossip: Gossip
  readonly sync: Sync | undefined
  readonly links: BusLinks
  /** Every frame that reached it, oldest first. */
  readonly seen: GossipMessage[]
  readonly diagnostics: string[]
}

interface MemberOptions {
  /** Without, it behaves as a node of the Python implementation: no records, only gossip. */
  readonly syncs?: boolean
  /** Seconds its wall clock is ahead. */
  readonly clockOffset?: number
  readonly frameBytesMax?: number
  readonly options?: Partial<GossipOptions>
}

interface Fabric {
  readonly time: VirtualTime
  readonly bus: MessageBus
  readonly members: Member[]
  add(id: string, options?: MemberOptions): Member
}

function fabric(): Fabric {
  const time = createVirtualTime()
  const bus = createMessageBus({ timers: time.timers, latencyMs: () => 5 })
  const members: Member[] = []
  return {
    time,
    bus,
    members,
    add(id, { syncs = false, clockOffset = 0, frameBytesMax, options } = {}) {
      const random = createSeededRandom(id, () => time.clock.wall() * 1000)
      const clock = { wall: () => time.clock.wall() + clockOffset, monotonic: time.clock.monotonic }
      const env: Env = { clock, timers: time.timers, random, log: silentLog }
      const policy = createCatalogPolicy({ clusterId: CLUSTER, allowedClusters: 'any' })
      const catalog = createCatalog({ env, nodeId: id, clusterId: CLUSTER, instanceId: `i-${id}`, policy })
      const seen: GossipMessage[] = []
      const diagnostics: string[] = []
      const links = bus.join(id, {
        clusterId: CLUSTER,
        extensions: syncs ? ['sync/1'] : [],
        ...(frameBytesMax === undefined ? {} : { frameBytesMax }),
        connected(peer) {
          gossip.onConnected(peer)
          sync?.onConnected(peer)
        },
        lost(peer) {
          gossip.onLost(peer)
          sync?.onLost(peer)
        },
        frame(from, frame) {
          const value = frame.value as GossipFrame | SyncFrame
          if (value.role === 'fabric-sync') {
            sync?.receive(from, value.payload)
            return
          }
          seen.push(value.payload)
          gossip.receiveFrame(from, JSON.parse(frame.text), frame.text)
        },
      })
      const gossip = createGossip(
        {
          env,
          nodeId: id,
          nodeName: `name-${id}`,
          clusterId: CLUSTER,
          // A node of the Python implementation knows of no extensions.
          links: syncs ? links : Object.assign(links, { has: () => false, connectedWith: () => [] }),
          catalog,
          diagnostics: { enabled: () => true, line: (_, text) => void diagnostics.push(text) },
          onSwim: () => {},
        },
        { intervalSeconds: 0.2, fanout: 3, strategy: 'random', maxHops: 5, catalogTtlSeconds: TTL_SECONDS, ...options },
      )
      const sync = syncs ? createSync({ env, nodeId: id, links, catalog }, { intervalSeconds: 1, leaseSeconds: TTL_SECONDS }) : undefined
      gossip.start()
      sync?.start()
      const member = { id, env, catalog, gossip, sync, links, seen, diagnostics }
      members.push(member)
      return member
    },
  }
}

function shared({ id, env }: Pick<Member, 'id' | 'env'>) {
  return { node_id: id, cluster_id: CLUSTER, scope: 'zone' as const, tags: [], advertised_at: env.clock.wall(), ttl_seconds: TTL_SECONDS }
}

function functionEntry(member: Pick<Member, 'id' | 'env'>, name: string): FunctionEntry {
  return { ...shared(member), identity: { name, function_id: name, version: '1.0.0' }, resources: [] }
}

function nodeEntry(member: Pick<Member, 'id' | 'env'>): NodeEntry {
  return { ...shared(member), resources: [], capabilities: ['rpc'], transport_endpoints: [] }
}

/** What a node does when it registers functions. */
function offer(member: Member, ...names: string[]): void {
  for (const name of names) member.catalog.local.set('functions', functionEntry(member, name))
  member.catalog.local.set('nodes', nodeEntry(member))
  member.gossip.publishCatalog(member.catalog.local.commit().delta)
}

function knows(member: Member, name: string): boolean {
  return member.catalog.functionsNamed(name).length > 0
}

function emptyDelta(update_id: string): CatalogDelta {
  return draftDelta().finish({ update_id, cluster_id: CLUSTER, sent_at: 1_700_000_000 })
}

function message(overrides: Partial<GossipMessage> = {}): GossipMessage {
  const made = newMessage({
    type: 'rumor',
    payload: new RawJson('1'),
    messageId: 'm1',
    creator: 'X',
    clock: {},
    sequence: 7,
    ttl: 10,
    maxHops: 5,
    now: 1_700_000_000,
  })
  return { ...made, ...overrides } as GossipMessage
}

function stateUpdate(key: string, value = '1') {
  return { key, value: new RawJson(value), version: 1, timestamp: 0, source_node: 'x', ttl: 300 }
}

describe('gossip messages', () => {
  it('control plane check 8: have a digest over type, creator and sequence number', () => {
    expect(gossipDigest('catalog_update', 'ws://127.0.0.1:9001', 7)).toBe('47362fcb')
  })

  it('control plane check 9: are prepared for every hop', () => {
    const made = message()
    expect(prepareCopy(made, 'X')).toEqual({
      ...made,
      ttl: 9,
      hop_count: 1,
      sender_id: 'X',
      propagation_path: ['X'],
      vector_clock: { X: 1 },
    })
    const second = prepareCopy(prepareCopy(made, 'X'), 'Y', ['Z'])
    expect(second).toMatchObject({
      ttl: 8,
      hop_count: 2,
      sender_id: 'Y',
      propagation_path: ['X', 'Y'],
      seen_by: ['Z'],
      digest: made.digest,
    })
  })

  it('control plane check 10: travel while hops, ttl and time are left', () => {
    const now = 1_700_000_000
    expect(canTravel(message(), now)).toBe(true)
    expect(canTravel(message({ hop_count: 5 }), now)).toBe(false)
    expect(canTravel(message({ ttl: 0 }), now)).toBe(false)
    expect(canTravel(message(), now + 300)).toBe(true)
    expect(canTravel(message(), now + 300.001)).toBe(false)
  })

  it('control plane check 10: a snapshot is applied and never passed on', async () => {
    const net = fabric()
    const [a, b, c] = ['a', 'b', 'c'].map((id) => net.add(id)) as [Member, Member, Member]
    offer(a, 'press.start')
    net.bus.link('b', 'c')
    await net.time.advance(1_000)
    net.bus.link('a', 'b')
    await net.time.advance(100)
    expect(knows(b, 'press.start')).toBe(true)
    const [snapshot] = b.seen.filter(({ sender_id }) => sender_id === 'a')
    expect(snapshot).toMatchObject({ ttl: 0, max_hops: 0, hop_count: 0 })
    expect(snapshot?.message_id).toMatch(/^a:snapshot:/)
    await net.time.advance(5_000)
    // What was queued before anybody was connected went its own way.
    expect(c.seen.every(({ message_id }) => message_id !== snapshot?.message_id)).toBe(true)
  })

  it('control plane check 11: are passed on once', () => {
    const filter = createForwardFilter('self')
    const now = 1_700_000_000
    expect(filter.decide(message(), now)).toBe('forward')
    expect(filter.decide(message(), now)).toBe('forwarded_before')
    expect(filter.snapshot().duplicate_count).toBe(1)
    expect(filter.decide(message({ message_id: 'm2' }), now)).toBe('digest_seen')
    expect(filter.decide(message({ message_id: 'm3', digest: 'd3', propagation_path: ['X', 'self'] }), now)).toBe('path_loop')
    expect(filter.decide(message({ message_id: 'm4', digest: 'd4', seen_by: ['self'] }), now)).toBe('seen_by_self')
    expect(filter.decide(message({ message_id: 'm5', digest: 'd5' }), now + 301)).toBe('expired')
    expect(filter.snapshot()).toEqual({
      seen_messages: 1,
      recent_digests: 1,
      filtered_count: 5,
      duplicate_count: 4,
      expired_count: 1,
      filter_ratio: 5 / 6,
    })
  })

  it('a filter forgets the oldest tenth when it is full', () => {
    const filter = createForwardFilter('self')
    const offered = (i: number) => filter.decide(message({ message_id: `m${i}`, digest: `d${i}` }), 1_700_000_000)
    for (let i = 0; i <= 10_000; i++) expect(offered(i)).toBe('forward')
    expect(filter.snapshot()).toMatchObject({ seen_messages: 9_001, recent_digests: 1_000 })
    expect(offered(999)).toBe('forward')
    expect(offered(1_000)).toBe('forwarded_before')
  })

  it('never repeat a sequence number after a restart', async () => {
    const net = fabric()
    const b = net.add('b')
    for (const id of ['a', 'a2']) {
      const a = net.add(id)
      net.bus.link(id, 'b')
      offer(a, `f.${id}`)
      await net.time.advance(1_000)
    }
    const sequences = b.seen.map(({ sequence_number }) => sequence_number)
    expect(new Set(sequences).size).toBe(sequences.length)
    expect(Math.min(...sequences)).toBeGreaterThanOrEqual(1_700_000_000_000)
  })
})

describe('the spread of a change', () => {
  it('control plane check 12: reaches the far end of a line within 1.5 s, hop by hop', async () => {
    const net = fabric()
    const [a, , c] = ['A', 'B', 'C'].map((id) => net.add(id)) as [Member, Member, Member]
    net.bus.link('A', 'B')
    net.bus.link('B', 'C')
    await net.time.advance(3_000)
    c.seen.length = 0
    offer(a, 'press.start')
    expect(await net.time.runUntil(() => knows(c, 'press.start'), 1_500)).toBe(true)
    expect(c.seen.map(({ sender_id, hop_count, propagation_path }) => [sender_id, hop_count, propagation_path])).toEqual([
      ['B', 2, ['A', 'B']],
    ])
  })

  it('goes neither back nor to who has it, and nobody gets it twice from one peer', async () => {
    const net = fabric()
    for (let i = 0; i < 8; i++) net.add(`n${i}`)
    for (const a of net.members) for (const b of net.members) net.bus.link(a.id, b.id)
    await net.time.advance(3_000)
    for (const { seen } of net.members) seen.length = 0
    offer(net.members[0] as Member, 'press.start')
    await net.time.advance(5_000)
    expect(net.members.every((member) => knows(member, 'press.start'))).toBe(true)
    expect(net.members[0]?.seen).toEqual([])
    for (const { id, seen } of net.members) {
      for (const { propagation_path, seen_by, hop_count } of seen) {
        expect(hop_count).toBeGreaterThan(0)
        expect([...propagation_path, ...seen_by]).not.toContain(id)
      }
      const copies = seen.map(({ message_id, sender_id }) => `${message_id} ${sender_id}`)
      expect(new Set(copies).size).toBe(copies.length)
    }
  })

  it('made while nobody is connected is told when somebody is', async () => {
    const net = fabric()
    const [a, b] = [net.add('a'), net.add('b')]
    offer(a, 'one')
    offer(a, 'two')
    await net.time.advance(60_000)
    expect(a.gossip.pendingCatalogUpdates).toBe(2)
    net.bus.link('a', 'b')
    await net.time.advance(1_000)
    expect([knows(b, 'one'), knows(b, 'two'), a.gossip.pendingCatalogUpdates]).toEqual([true, true, 0])
  })

  it('is tried again at a peer that could not take it', async () => {
    const net = fabric()
    const a = net.add('a')
    let refusals = 2
    const got: number[] = []
    for (let i = 0; i < 9; i++) {
      net.bus.join(`p${i}`, { connected: () => {}, lost: () => {}, frame: () => void got.push(i) })
      net.bus.link('a', `p${i}`)
    }
    const { send } = a.links
    Object.assign(a.links, { send: (peer: string, frame: never) => (peer === 'p3' && refusals-- > 0 ? false : send(peer, frame)) })
    await net.time.advance(1_000)
    got.length = 0
    refusals = 2
    offer(a, 'press.start')
    await net.time.advance(15)
    expect(got).toHaveLength(8)
    await net.time.advance(100)
    expect(got).toHaveLength(9)
    await net.time.advance(5_000)
    expect(got).toHaveLength(9)
  })

  it('control plane check 40: 10000 functions reach a peer that accepts 1 MiB per message, services included', async () => {
    const net = fabric()
    const frameBytesMax = 1024 * 1024
    const a = net.add('a', { frameBytesMax })
    offer(a, ...Array.from({ length: 10_000 }, (_, i) => `press.number_${i}.with_a_name_of_ordinary_length`))
    a.catalog.local.set('services', {
      ...shared(a),
      name: 's',
      namespace: 'n',
      protocol: 'tcp',
      port: 1,
      targets: [],
      capabilities: [],
      metadata: {},
      priority: 0,
      weight: 0,
    })
    a.catalog.local.commit()
    const b = net.add('b', { frameBytesMax })
    net.bus.link('a', 'b')
    await net.time.advance(1_000)
    expect(b.catalog.list('functions')).toHaveLength(10_000)
    expect(b.catalog.list('services')).toHaveLength(1)
    const snapshots = b.seen.filter(({ message_id }) => message_id.startsWith('a:snapshot:'))
    expect(snapshots.length).toBeGreaterThan(2)
    expect(Math.max(...b.seen.map((message) => Buffer.byteLength(encodeGossip(message))))).toBeLessThanOrEqual(900_000)
    expect(a.gossip.snapshot()).toMatchObject({ not_delivered: 0, snapshots: { failed: 0, oversized_entries: 0 } })
  }, 30_000)
})

describe('the scheduler', () => {
  it('control plane check 13: adapts its interval', () => {
    expect(nextInterval(1, 1, 15)).toBeCloseTo(0.8)
    expect(nextInterval(1, 1, 1)).toBeCloseTo(1.2)
    expect(nextInterval(1, 1, 5)).toBe(1)
    let interval = 1
    for (let i = 0; i < 100; i++) interval = nextInterval(interval, 1, 100)
    expect(interval).toBe(0.1)
    for (let i = 0; i < 100; i++) interval = nextInterval(interval, 1, 0)
    expect(interval).toBe(10)
  })

  it.each([
    [1, 1, 10],
    [10, 25, 40],
    [10, 100, 80],
    [100, 300, 256],
    [100, 900, 512],
    [0, 5, 0],
  ])('control plane check 13: with %i peers and %i messages takes %i', (peers, pending, budget) => {
    expect(dequeueBudget(peers, pending)).toBe(budget)
  })

  it.each([
    [0, 5],
    [1, 5],
    [7, 5],
    [8, 6],
    [16, 7],
    [50, 8],
    [200, 10],
    [2000, 12],
  ])('control plane check 13: with %i peers allows %i hops', (peers, hops) => {
    expect(adaptiveMaxHops(5, peers)).toBe(hops)
  })

  it('tells other messages to a few peers only', async () => {
    const net = fabric()
    const a = net.add('a')
    for (let i = 0; i < 9; i++) {
      net.add(`n${i}`)
      net.bus.link('a', `n${i}`)
    }
    await net.time.advance(2_000)
    const before = net.members.reduce((sum, { seen }) => sum + seen.length, 0)
    a.gossip.publish('state_update', stateUpdate('k'))
    await net.time.advance(3_000)
    expect(net.members.reduce((sum, { seen }) => sum + seen.length, 0) - before).toBe(3)
    expect(net.members.filter(({ gossip }) => gossip.state('k') === '1')).toHaveLength(3)
  })

  it('explains itself', async () => {
    const net = fabric()
    const [a] = [net.add('a'), net.add('b')]
    net.bus.link('a', 'b')
    a.gossip.publish('state_update', stateUpdate('k'))
    await net.time.advance(1_000)
    const lines = a.diagnostics.filter((line) => line.startsWith('[DIAG_GOSSIP_SCHED] node=a '))
    const patterns = [
      /action=should_gossip decision=true reason=ready_check pending=1 elapsed=\d+\.\d{4}s interval=0\.\d{4}s cycles=0 fanout=3 strategy=random$/,
      /action=next_interval pending=0 prev_interval=0\.\d{4}s new_interval=0\.\d{4}s min_interval=0\.0200s max_interval=2\.0000s$/,
      /action=record_cycle messages_sent=1 bandwidth_used=1024 pending_before=1 pending_after=0 cycles_before=0 cycles_after=1 last_gossip_time=\d+\.\d{6}$/,
      /action=update_pending pending_before=0 pending_after=1 requested=1$/,
    ]
    for (const pattern of patterns) expect(lines.some((line) => pattern.test(line))).toBe(true)
    expect(a.diagnostics).toContain(
      '[DIAG_CATALOG_SNAPSHOT] action=flush node=name-a batch_index=1 peers_in_batch=1 pending_after_pop=0 enqueued_events=1 peers_flushed_total=0',
    )
  })

  it('explains snapshots', async () => {
    const net = fabric()
    const [a, b] = [net.add('a'), net.add('b')]
    offer(a, 'press.start')
    net.bus.link('a', 'b')
    await net.time.advance(10)
    const bytes = encodeGossip(b.seen[0] as GossipMessage).length
    expect(a.diagnostics.filter((line) => line.includes('CATALOG_SNAPSHOT'))).toEqual([
      `[DIAG_CATALOG_SNAPSHOT] action=send node=name-a peer=b functions=1 topics=0 queues=0 caches=0 cache_profiles=0 nodes=1 payload_bytes=${bytes}`,
      '[DIAG_CATALOG_SNAPSHOT] action=flush node=name-a batch_index=1 peers_in_batch=1 pending_after_pop=0 enqueued_events=1 peers_flushed_total=1',
    ])
  })
})

describe('what arrives', () => {
  it('control plane check 15: in an unknown type is counted and skipped', () => {
    const net = fabric()
    const a = net.add('a')
    const text = '{"role":"fabric-gossip","payload":{"message_id":"m","message_type":"smoke","sender_id":"b"}}'
    a.gossip.receiveFrame('b', JSON.parse(text), text)
    const broken = encodeGossip(message({ message_type: 'state_update', payload: stateUpdate('k') } as Partial<GossipMessage>))
    a.gossip.receiveFrame('b', JSON.parse(broken), broken)
    expect(a.gossip.snapshot()).toMatchObject({ unreadable_messages: 1, received_by_type: { state_update: 1 } })
    expect(a.gossip.state('k')).toBe('1')
  })

  it('twice is worked on once', () => {
    const net = fabric()
    const a = net.add('a')
    let handled = 0
    a.gossip.handle('rumor', () => {
      handled++
      return undefined
    })
    a.gossip.receive('b', message())
    a.gossip.receive('c', message())
    expect([handled, a.gossip.snapshot().duplicates_received]).toEqual([1, 1])
  })

  it('beyond the rate of a peer is dropped, and the others are heard', () => {
    const net = fabric()
    const a = net.add('a')
    for (let i = 0; i < 2_500; i++) a.gossip.receive('b', message({ message_id: `b${i}` }))
    a.gossip.receive('c', message({ message_id: 'c' }))
    expect(a.gossip.snapshot()).toMatchObject({ rate_limited: 500, protocol_stats: { messages_received: 2_001 } })
  })

  it('and makes a handler fail harms nobody', () => {
    const net = fabric()
    const a = net.add('a')
    a.gossip.handle('rumor', () => {
      throw new Error('broken')
    })
    a.gossip.receive('b', message())
    expect(a.gossip.snapshot()).toMatchObject({ handler_errors: 1, state_info: { pending_messages: 1 } })
  })

  it('leaves no trace of nodes that are gone in the vector clock', async () => {
    const net = fabric()
    const [a] = [net.add('a'), net.add('b')]
    net.bus.link('a', 'b')
    a.gossip.receive('b', message({ vector_clock: { b: 3, gone: 4, __proto__: undefined } as never }))
    expect(a.gossip.statistics().convergence_status.vector_clock).toEqual({ b: 3, gone: 4 })
    a.gossip.forget('gone')
    expect(a.gossip.statistics().convergence_status.vector_clock).toEqual({ b: 3 })
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`n${i}`, 1]))
    a.gossip.receive('b', message({ message_id: 'm2', vector_clock: many }))
    expect(Object.keys(a.gossip.statistics().convergence_status.vector_clock)).toHaveLength(256)
    await net.time.advance(31_000)
    expect(Object.keys(a.gossip.statistics().convergence_status.vector_clock)).toEqual(['b'])
  })
})

describe('state providers', () => {
  it('are polled every minute, and raise the vector clock', async () => {
    const net = fabric()
    const [a, b] = [net.add('a'), net.add('b')]
    net.bus.link('a', 'b')
    let value = 0
    const end = a.gossip.provideState('load', () => ++value)
    a.gossip.provideState('broken', () => {
      throw new Error('no')
    })
    await net.time.advance(62_000)
    expect(b.gossip.state('load')).toBe('1')
    await net.time.advance(60_000)
    expect(b.gossip.state('load')).toBe('2')
    end()
    await net.time.advance(120_000)
    expect(value).toBe(2)
    expect(a.gossip.snapshot().handler_errors).toBe(4)
  })
})

describe('between nodes that sync records and nodes that do not', () => {
  it('records reach both kinds, and stay as long as their owners live', async () => {
    const net = fabric()
    const [r1, r2] = [net.add('r1'), net.add('r2')]
    const [t1, t2] = [net.add('t1', { syncs: true }), net.add('t2', { syncs: true })]
    // r1 - t1 - t2 - r2: only the middle link syncs.
    net.bus.link('r1', 't1')
    net.bus.link('t1', 't2')
    net.bus.link('t2', 'r2')
    for (const member of net.members) {
      const renew = (): void => {
        offerAgain(member)
        if (member.sync !== undefined) member.catalog.local.renew()
      }
      member.env.timers.every(30_000, renew)
      offer(member, `f.${member.id}`)
    }
    await net.time.advance(3_000)
    const missing = () =>
      net.members.flatMap((member) => net.members.filter(({ id }) => !knows(member, `f.${id}`)).map(({ id }) => `${member.id} lacks ${id}`))
    expect(missing()).toEqual([])
    // Nothing of an owner with a record went over the link that syncs.
    for (const { seen } of [t1, t2]) {
      const between = seen.filter(({ sender_id }) => sender_id.startsWith('t'))
      for (const { payload, message_type } of between) {
        if (message_type === 'catalog_update') for (const { node_id } of payload.functions) expect(node_id).toMatch(/^r/)
      }
    }
    for (let i = 0; i < 20; i++) {
      await net.time.advance(30_000)
      expect([i, missing()]).toEqual([i, []])
    }
    expect(t2.gossip.snapshot().bridged_updates).toBeGreaterThan(10)
    expect(r1.gossip.snapshot().bridged_updates).toBe(0)
    expect(r2.catalog.isVersioned('t1')).toBe(false)
  })

  it('two bridges tell the same, so that it spreads once beyond them', async () => {
    const net = fabric()
    const far = net.add('far')
    const near = net.add('near')
    for (const id of ['t1', 't2', 't3']) net.add(id, { syncs: true, clockOffset: id === 't2' ? 0.25 : 0 })
    for (const a of ['t1', 't2', 't3']) for (const b of ['t1', 't2', 't3']) net.bus.link(a, b)
    net.bus.link('near', 't1')
    net.bus.link('near', 't2')
    net.bus.link('near', 'far')
    await net.time.advance(1_000)
    const owner = net.members[4] as Member
    offer(owner, 'press.start')
    await net.time.advance(1_000)
    expect(knows(far, 'press.start')).toBe(true)
    far.seen.length = 0
    near.seen.length = 0
    await net.time.advance(25_000)
    owner.catalog.local.renew()
    await net.time.advance(7_000)
    expect(near.seen.filter(({ propagation_path }) => propagation_path.length === 1).length).toBeGreaterThan(1)
    expect(far.seen.filter(({ payload }) => JSON.stringify(payload).includes('press.start'))).toHaveLength(1)
  })
})

/** For those who go by time stamps, a node announces again what it offers. */
function offerAgain(member: Member): void {
  const draft = draftDelta()
  for (const { kind, entry } of member.catalog.entriesOf(member.id)) draft.add(kind, { ...entry, advertised_at: member.env.clock.wall() })
  member.gossip.publishCatalog(draft.finish({ update_id: member.env.random.ulid(), cluster_id: CLUSTER, sent_at: member.env.clock.wall() }))
}

describe('statistics', () => {
  it('have the shapes of the protocol, and real counts', async () => {
    const net = fabric()
    const [a, b] = [net.add('a'), net.add('b')]
    net.bus.link('a', 'b')
    offer(a, 'press.start')
    await net.time.advance(1_000)
    expect(b.gossip.statistics()).toMatchObject({
      protocol_info: { node_id: 'b', gossip_strategy: 'random', gossip_interval: 0.2, fanout: 3 },
      protocol_stats: { messages_received: 2, convergence_events: 1, protocol_started: 1, protocol_stopped: 0 },
    })
    expect(a.gossip.statistics().protocol_stats).toMatchObject({ messages_created: 2, messages_sent: 2, total_messages_sent: 2 })
    expect(Object.keys(a.gossip.statistics().convergence_status).sort()).toEqual([
      'gossip_cycles',
      'known_nodes',
      'last_gossip_time',
      'node_id',
      'pending_messages',
      'recent_messages',
      'state_cache_size',
      'vector_clock',
    ])
  })
})

describe('gossip in any mesh', () => {
  it('brings every change to every node that is connected', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 12 }), fc.nat(7), async (edges, origin) => {
        const net = fabric()
        for (let i = 0; i < 8; i++) net.add(`n${i}`)
        // A chain keeps it connected within the hop limit, by way of its middle.
        for (let i = 0; i < 8; i++) net.bus.link(`n${i}`, 'n4')
        for (const [a, b] of edges) net.bus.link(`n${a}`, `n${b}`)
        await net.time.advance(2_000)
        offer(net.members[origin] as Member, 'press.start')
        await net.time.advance(2_000)
        expect(net.members.filter((member) => !knows(member, 'press.start'))).toEqual([])
        expect(net.members[origin]?.gossip.snapshot().state_info.pending_messages).toBe(0)
      }),
      { numRuns: 30 },
    )
  }, 60_000)
})

it('an empty delta is no news', async () => {
  const net = fabric()
  const [a, b] = [net.add('a'), net.add('b')]
  net.bus.link('a', 'b')
  a.gossip.publishCatalog(emptyDelta('u'))
  await net.time.advance(1_000)
  expect(b.seen).toEqual([])
  expect(createVirtualEnv({ seed: 1 }).pendingTimers).toBe(0)
})
