import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../../../base/index.ts'
import type { RouteAnnouncement } from '../../../wire/index.ts'
import { isWithdrawal, type RouteChange, type RouteMessage } from './ports.ts'
import { createRouteControl, type RouteControlDeps, type RouteControlOptions } from './route-control.ts'
import { DEFAULT_ROUTE_POLICY, type RoutePolicy } from './route-policy.ts'
import { type AnnouncementSample, sampleAnnouncement, sampleLink, sampleWithdrawal } from './route-samples.ts'

const policy = (given: Partial<RoutePolicy>): RoutePolicy => ({ ...DEFAULT_ROUTE_POLICY, ...given })

interface Given {
  /** Linked nodes as `cluster.number`; default one each of oslo, voss and lyon. */
  readonly peers?: readonly string[]
  readonly options?: Partial<RouteControlOptions>
  readonly deps?: Partial<RouteControlDeps>
  readonly lines?: string[]
}

/** Node `moss.1` at 100 Unix seconds. */
function setUp({ peers = ['oslo.1', 'voss.1', 'lyon.1'], options = {}, deps = {}, lines }: Given = {}) {
  const log: LogScope = lines === undefined ? silentLog : { ...silentLog, debugOn: true, debug: (text) => lines.push(text) }
  const scopes: string[] = []
  const root: LogScope = {
    ...log,
    scope(name) {
      scopes.push(name)
      return log
    },
  }
  const env = createVirtualEnv({ seed: 1, startWall: 100, log: root })
  const linked = new Set(peers)
  const sent: { readonly message: RouteMessage; readonly targets: readonly string[] }[] = []
  const changes: RouteChange[] = []
  const clusterOf = (nodeId: string) => nodeId.split('.')[0]
  const control = createRouteControl(
    {
      env,
      neighbors: {
        clusterOf,
        connectedPeers: () => Array.from(linked, (nodeId) => ({ nodeId, clusterId: clusterOf(nodeId) ?? '' })),
        linkMetrics: () => sampleLink(5),
        has: () => true,
      },
      transmitter: { send: (message, targets) => sent.push({ message, targets: [...targets].sort() }) },
      security: { verify: () => 'ok' },
      ...deps,
    },
    { clusterId: 'moss', nodeId: 'moss.1', routeTtlSeconds: 30, announceIntervalSeconds: 10, shareInside: true, ...options },
  )
  control.observe((change) => changes.push(change))
  let epoch = 0

  return {
    env,
    control,
    linked,
    sent,
    changes,
    scopes,
    at: (seconds: number) => env.advance((seconds - env.clock.wall()) * 1000),
    announce(path: string, sample: AnnouncementSample = {}, from = `${path.split(' ')[0]}.1`) {
      const now = env.clock.wall()
      return control.receive(sampleAnnouncement(path, { at: now, epoch: ++epoch, ...sample }), from)
    },
    withdraw: (path: string, from = `${path.split(' ')[0]}.1`) => control.receive(sampleWithdrawal(path, { at: env.clock.wall() }), from),
    /** What left since the last call, in short: `announce moss oslo bergen -> voss.1 lyon.1`. */
    async told() {
      await env.advance(1)
      return sent
        .splice(0)
        .map(
          ({ message, targets }) =>
            `${isWithdrawal(message) ? 'withdraw' : 'announce'} ${message.path.hops.join(' ')} -> ${targets.join(' ')}`,
        )
    },
  }
}

describe('routing check 11: passing on', () => {
  it('tells the path with the own cluster in front, the own name, a fresh epoch and the time', async () => {
    const { announce, sent, at } = setUp()
    await at(102)
    announce('oslo bergen', { epoch: 7, tags: ['silver', 'gold'], metrics: { latency_ms: 2 } })
    await at(102.5)
    expect(sent).toEqual([
      {
        message: {
          destination: { cluster_id: 'bergen' },
          path: { hops: ['moss', 'oslo', 'bergen'] },
          metrics: { hop_count: 2, latency_ms: 7, bandwidth_mbps: 0, reliability_score: 1, cost_score: 0 },
          advertiser: 'moss',
          advertised_at: 102,
          ttl_seconds: 30,
          epoch: 100_001,
          route_tags: ['silver', 'gold'],
          signature: '',
          public_key: '',
          signature_algorithm: 'ed25519',
        },
        targets: ['lyon.1', 'voss.1'],
      },
    ])
  })

  it('uses one series of epochs for everything, started at the clock', async () => {
    const { control, announce, withdraw, sent, env } = setUp()
    control.start()
    announce('oslo bergen')
    await env.advance(1)
    withdraw('oslo bergen')
    await env.advance(1)
    expect(sent.map(({ message }) => message.epoch)).toEqual([100_001, 100_002, 100_003])
  })
})

describe('routing check 12: a lost connection', () => {
  it('to the only node of a cluster takes its routes away, and they are withdrawn', async () => {
    const { control, linked, announce, told } = setUp()
    announce('oslo bergen')
    announce('oslo')
    await told()
    linked.delete('oslo.1')
    control.connectionLost('oslo.1')
    expect(control.table.select('bergen')).toBeUndefined()
    expect(await told()).toEqual(['withdraw moss oslo bergen -> lyon.1 voss.1', 'withdraw moss oslo -> lyon.1 voss.1'])
  })

  it('to one of two nodes changes nothing', async () => {
    const { control, linked, announce, told } = setUp({ peers: ['oslo.1', 'oslo.2', 'voss.1'] })
    announce('oslo bergen')
    await told()
    linked.delete('oslo.1')
    control.connectionLost('oslo.1')
    expect(control.table.select('bergen')).toBeDefined()
    expect(await told()).toEqual([])
    linked.delete('oslo.2')
    control.connectionLost('oslo.2')
    expect(await told()).toEqual(['withdraw moss oslo bergen -> voss.1'])
  })

  it('is understood even when the directory has forgotten the node', async () => {
    const known = new Map([['oslo.1', 'oslo']])
    const { control, announce, told } = setUp({
      deps: {
        neighbors: {
          clusterOf: (nodeId) => known.get(nodeId),
          connectedPeers: () => [{ nodeId: 'voss.1', clusterId: 'voss' }],
          linkMetrics: () => undefined,
          has: () => true,
        },
      },
    })
    announce('oslo bergen')
    await told()
    known.clear()
    control.connectionLost('oslo.1')
    expect(await told()).toEqual(['withdraw moss oslo bergen -> voss.1'])
  })

  it('of a node nobody knows is ignored', () => {
    const { control } = setUp({
      deps: { neighbors: { clusterOf: () => undefined, connectedPeers: () => [], linkMetrics: () => undefined, has: () => true } },
    })
    expect(() => control.connectionLost('nobody')).not.toThrow()
  })
})

describe('routing check 15: export policy', () => {
  const exportPolicy = policy({ allowedTags: new Set(['gold']) })

  it('keeps an announcement with the wrong tag from leaving', async () => {
    const { control, announce, told } = setUp({ options: { exportPolicy, tags: ['silver'] } })
    expect(control.announceOwn()).toBe('export_policy')
    announce('oslo bergen', { tags: ['silver'] })
    expect(await told()).toEqual([])
    expect(control.table.select('bergen')).toBeDefined()
  })

  it('lets one with the right tag out', async () => {
    const { control, announce, told } = setUp({ options: { exportPolicy, tags: ['gold'] } })
    expect(control.announceOwn()).toBe('sent')
    announce('oslo bergen', { tags: ['gold'] })
    expect(await told()).toEqual(['announce moss -> lyon.1 oslo.1 voss.1', 'announce moss oslo bergen -> lyon.1 voss.1'])
  })
})

describe('routing check 17: export by neighbour', () => {
  const closed = policy({ allowedDestinations: new Set() })
  const directory = { defaultPolicy: closed, neighborPolicies: new Map([['oslo', policy({})]]) }

  it('closed by default and open to oslo: only oslo is told', async () => {
    const { control, announce, told } = setUp({ options: { exportNeighborPolicies: directory } })
    control.start()
    announce('voss bergen')
    expect(await told()).toEqual(['announce moss -> oslo.1', 'announce moss voss bergen -> oslo.1'])
    expect(control.explainExport('bergen')).toEqual([
      { cluster_id: 'oslo', told: true, refused: null },
      { cluster_id: 'voss', told: false, refused: 'on_path' },
      { cluster_id: 'lyon', told: false, refused: 'export_neighbor_policy' },
    ])
  })

  it('what was told before a policy came is withdrawn, and told again when it goes', async () => {
    const { control, announce, told } = setUp()
    announce('voss bergen')
    await told()
    control.reconfigure({ exportNeighborPolicies: directory })
    expect(await told()).toEqual(['withdraw moss voss bergen -> lyon.1'])
    control.reconfigure({ exportNeighborPolicies: null })
    expect(await told()).toEqual(['announce moss voss bergen -> lyon.1'])
  })

  it('a withdrawal goes only to those who were told', async () => {
    const { announce, withdraw, told } = setUp({ options: { exportNeighborPolicies: directory } })
    announce('voss bergen')
    await told()
    withdraw('voss bergen')
    expect(await told()).toEqual(['withdraw moss voss bergen -> oslo.1'])
  })
})

describe('routing check 18: another policy at run time', () => {
  it('leaves a route in place and refuses the next announcement', () => {
    const { control, announce } = setUp()
    announce('oslo bergen')
    control.reconfigure({ policy: policy({ allowedTags: new Set(['gold']) }) })
    expect(control.table.select('bergen')).toBeDefined()
    expect(announce('oslo bergen', { epoch: 1e9 })).toBe('policy')
    expect(control.table.statistics().rejection_reasons).toEqual({ policy: 1 })
    control.reconfigure({ policy: null })
    expect(announce('oslo bergen', { epoch: 1e9 })).toBe('accepted')
  })

  it('leaves alone what is not mentioned', async () => {
    const { control, announce, told } = setUp({
      options: {
        exportPolicy: policy({ allowedTags: new Set(['gold']) }),
        stability: { holdDownSeconds: 5, flapThreshold: 0, suppressionWindowSeconds: 0 },
      },
    })
    control.reconfigure({ neighborPolicies: null })
    announce('oslo bergen')
    expect(await told()).toEqual([])
    control.connectionLost('oslo.1')
    expect(announce('oslo bergen')).toBe('hold_down')
  })

  it('new tags are told at once', async () => {
    const { control, sent, env } = setUp()
    control.start()
    sent.length = 0
    control.reconfigure({ tags: ['metro'] })
    await env.advance(1)
    expect(sent.map(({ message }) => message.route_tags)).toEqual([['metro']])
  })
})

describe('what is not believed', () => {
  it('is counted by reason: who speaks for others, a bad signature, what the policy for the neighbour excludes', () => {
    const { control, announce } = setUp({
      options: { neighborPolicies: { defaultPolicy: policy({ denyTags: new Set(['lab']), maxHops: 3 }), neighborPolicies: new Map() } },
      deps: { security: { verify: ({ signature }) => (signature === 'bad' ? 'no_key_verifies' : 'ok') } },
    })
    expect(announce('voss bergen', {}, 'oslo.1')).toBe('unauthorized')
    expect(control.receive({ ...sampleAnnouncement('oslo bergen'), signature: 'bad' }, 'oslo.1')).toBe('signature')
    expect(announce('oslo bergen', { tags: ['lab'] })).toBe('neighbor_policy')
    expect(announce('oslo a b bergen')).toBe('neighbor_policy')
    expect(announce('oslo a bergen')).toBe('accepted')
    expect(control.receive(sampleWithdrawal('voss bergen'), 'oslo.1')).toBe('unauthorized')
    expect(control.receive({ ...sampleWithdrawal('oslo bergen'), path: { hops: [] } }, 'oslo.1')).toBe('unauthorized')
    expect(control.receive({ ...sampleWithdrawal('oslo bergen'), signature: 'bad' }, 'oslo.1')).toBe('signature')
    expect(control.table.statistics()).toMatchObject({
      announcements_accepted: 1,
      announcements_rejected: 4,
      withdrawals_received: 3,
      withdrawals_applied: 0,
      rejection_reasons: { unauthorized: 3, signature: 2, neighbor_policy: 2 },
    })
    expect(control.refusals('bergen')[0]).toEqual({
      at: 100,
      kind: 'withdrawal',
      reason: 'signature',
      detail: 'no_key_verifies',
      destination: 'bergen',
      advertiser: 'oslo',
      sender: 'oslo.1',
    })
    expect(control.refusals('bergen')[3]).toMatchObject({ reason: 'neighbor_policy', detail: 'too_many_hops' })
  })

  it('of an unknown node, or of the own cluster about itself, is ignored', () => {
    const { control, announce } = setUp({
      deps: {
        neighbors: {
          clusterOf: (id) => (id === 'x' ? undefined : id.split('.')[0]),
          connectedPeers: () => [],
          linkMetrics: () => undefined,
          has: () => true,
        },
      },
    })
    expect(announce('oslo bergen', {}, 'x')).toBe('ignored')
    expect(announce('moss', {}, 'moss.2')).toBe('ignored')
    expect(announce('moss oslo', {}, 'moss.1')).toBe('ignored')
    expect(control.snapshot()).toMatchObject({ unknown_senders: 1, own_cluster_messages: 2 })
    expect(control.table.statistics().announcements_rejected).toBe(0)
  })
})

describe('the own announcement', () => {
  it('leaves at the start and each interval, and is withdrawn by the last node of the cluster only', async () => {
    const { control, told, at } = setUp({ peers: ['oslo.1', 'moss.2'] })
    control.start()
    expect(await told()).toEqual(['announce moss -> oslo.1'])
    await at(120.5)
    expect(await told()).toEqual(['announce moss -> oslo.1', 'announce moss -> oslo.1'])
    control.stop(true)
    expect(await told()).toEqual(['withdraw moss -> oslo.1'])
    await at(200)
    expect(await told()).toEqual([])

    const other = setUp()
    other.control.start()
    await other.told()
    other.control.stop(false)
    expect(await other.told()).toEqual([])
  })

  it('goes on after a failure', async () => {
    let failures = 2
    const sent: RouteMessage[] = []
    const send = (message: RouteMessage): void => {
      if (failures-- > 0) throw new Error('no room')
      sent.push(message)
    }
    const { control, at } = setUp({ deps: { transmitter: { send } } })
    control.start()
    await at(121)
    expect(sent).toHaveLength(1)
    expect(control.snapshot().announce_failures).toBe(2)
  })

  it('says why it did not leave', () => {
    expect(setUp({ peers: [] }).control.announceOwn()).toBe('no_neighbor')
  })
})

describe('telling others', () => {
  it('of many changes in one turn only the last state', async () => {
    const { announce, withdraw, told } = setUp()
    announce('oslo bergen')
    withdraw('oslo bergen')
    announce('lyon x bergen')
    announce('lyon bergen')
    announce('voss a b bergen')
    expect(await told()).toEqual(['announce moss lyon bergen -> oslo.1 voss.1'])
    withdraw('lyon bergen')
    announce('lyon bergen', { epoch: 1e9 })
    expect(await told()).toEqual([])
  })

  it('nothing of a route that is not the best, refreshed or not', async () => {
    const { announce, told, at } = setUp()
    announce('oslo bergen')
    await told()
    announce('voss a bergen')
    await at(110)
    announce('voss a bergen')
    expect(await told()).toEqual([])
  })

  it('again when the best route is refreshed, at most once a second', async () => {
    const { announce, told, at, sent } = setUp()
    announce('oslo bergen')
    await told()
    await at(110)
    announce('oslo bergen')
    expect(await told()).toEqual(['announce moss oslo bergen -> lyon.1 voss.1'])
    for (let i = 1; i <= 40; i++) {
      await at(110 + i / 20)
      announce('oslo bergen')
    }
    expect(sent.length).toBeLessThanOrEqual(2)
  })

  it('what a refresh within the gap said, when the gap is over', async () => {
    const { control, announce, sent, at } = setUp({ peers: ['oslo.1', 'voss.1'] })
    control.start()
    announce('oslo bergen')
    await at(100.5)
    announce('oslo bergen', { metrics: { latency_ms: 77 } })
    await at(103)
    const told = sent.map(({ message }) => message).filter((message) => message.destination.cluster_id === 'bergen') as RouteAnnouncement[]
    expect(told.map(({ metrics }) => metrics.latency_ms)).toEqual([5, 82])
  })

  it('the other way when the best is withdrawn, and a withdrawal only to those it leads through', async () => {
    const { announce, withdraw, told } = setUp()
    announce('oslo bergen')
    announce('voss a bergen')
    expect(await told()).toEqual(['announce moss oslo bergen -> lyon.1 voss.1'])
    withdraw('oslo bergen')
    expect(await told()).toEqual(['withdraw moss oslo bergen -> voss.1', 'announce moss voss a bergen -> lyon.1 oslo.1'])
    withdraw('voss a bergen')
    expect(await told()).toEqual(['withdraw moss voss a bergen -> lyon.1 oslo.1'])
  })

  it('the other way, too, when the best expires', async () => {
    const { control, announce, told, at, changes } = setUp()
    control.start()
    announce('oslo bergen', { ttl: 12 })
    announce('voss a bergen', { ttl: 18 })
    await told()
    await at(113.5)
    expect(await told()).toContain('announce moss voss a bergen -> lyon.1 oslo.1')
    await at(119.5)
    expect(await told()).toContain('withdraw moss voss a bergen -> lyon.1 oslo.1')
    expect(changes.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual(['gained announcement', 'changed expired', 'lost expired'])
  })

  it('no longer a lifetime than the route has left', async () => {
    const { announce, withdraw, sent, env, at } = setUp()
    announce('voss a bergen', { ttl: 30 })
    announce('oslo bergen', { ttl: 30 })
    await at(120.5)
    sent.length = 0
    withdraw('oslo bergen')
    await env.advance(1)
    expect(sent.flatMap(({ message }) => (isWithdrawal(message) ? [] : [message.ttl_seconds]))).toEqual([10])
  })

  it('a new neighbour everything that concerns it, and nobody else', async () => {
    const { control, linked, announce, told } = setUp()
    control.start()
    announce('oslo bergen')
    announce('voss rome')
    await told()
    linked.add('rome.1')
    control.connected('rome.1')
    expect((await told()).sort()).toEqual(['announce moss -> rome.1', 'announce moss oslo bergen -> rome.1'])
    expect(await told()).toEqual([])
  })

  it('a neighbour that lost its link anew, since it has forgotten all', async () => {
    const { control, linked, announce, told } = setUp()
    announce('oslo bergen')
    await told()
    linked.delete('lyon.1')
    control.connectionLost('lyon.1')
    linked.add('lyon.1')
    expect(control.explainExport('bergen')).toContainEqual({ cluster_id: 'lyon', told: false, refused: null })
    control.connected('lyon.1')
    expect(await told()).toEqual(['announce moss oslo bergen -> lyon.1'])
  })

  it('in portions, so that no turn takes long', async () => {
    const { announce, sent, env } = setUp()
    for (let i = 0; i < 1000; i++) announce(`oslo d${i}`)
    let turns = 0
    for (let before = -1; sent.length > before; turns++) {
      before = sent.length
      await env.runUntil(() => sent.length > before, 0)
      expect(sent.length - before).toBeLessThanOrEqual(256)
    }
    expect(sent).toHaveLength(1000)
    expect(turns).toBeGreaterThan(3)
  })
})

describe('routes inside a cluster', () => {
  const peers = ['moss.2', 'moss.3', 'oslo.1', 'voss.1']

  it('are what other clusters are told, told to siblings as well', async () => {
    const { announce, told } = setUp({ peers })
    announce('oslo bergen')
    expect(await told()).toEqual(['announce moss oslo bergen -> moss.2 moss.3 voss.1'])
  })

  it('learned from a sibling lead through it, and are told outside but not inside', async () => {
    const { control, announce, told } = setUp({ peers })
    expect(announce('moss oslo bergen', {}, 'moss.2')).toBe('accepted')
    expect(control.table.select('bergen')).toMatchObject({
      path: ['moss', 'oslo', 'bergen'],
      nextHop: 'oslo',
      advertiser: 'oslo',
      learnedFrom: 'moss',
      via: 'moss.2',
      metrics: { hop_count: 2 },
    })
    expect(await told()).toEqual(['announce moss oslo bergen -> voss.1'])
    expect(control.table.select('bergen', [], ['moss.2'])).toBeUndefined()
    expect(control.table.explainSelection('bergen').selected).toMatchObject({ next_hop: 'oslo', via_node: 'moss.2' })
  })

  it('the best of the own links is shared even while a sibling has a better one', async () => {
    const { control, announce, told } = setUp({ peers })
    announce('moss oslo bergen', { metrics: { hop_count: 2 } }, 'moss.2')
    announce('voss a bergen')
    expect(control.table.select('bergen')?.via).toBe('moss.2')
    expect(await told()).toEqual(['announce moss voss a bergen -> moss.2 moss.3', 'announce moss oslo bergen -> voss.1'])
  })

  it('the own link is preferred to that of a sibling when both are equal', () => {
    const { control, announce } = setUp({ peers })
    announce('moss oslo bergen', { metrics: { hop_count: 2, latency_ms: 5 } }, 'moss.2')
    announce('oslo bergen')
    expect(control.table.select('bergen')).toMatchObject({ via: undefined })
    expect(control.table.select('bergen')?.metrics).toMatchObject({ hop_count: 2, latency_ms: 5 })
  })

  it('go with the sibling, and with its withdrawal', async () => {
    const { control, linked, announce, withdraw, told } = setUp({ peers })
    announce('moss oslo bergen', {}, 'moss.2')
    announce('moss oslo bergen', { epoch: 1 }, 'moss.3')
    await told()
    expect(withdraw('moss oslo bergen', 'moss.2')).toBe('applied')
    expect(control.table.select('bergen')?.via).toBe('moss.3')
    expect(await told()).toEqual([])
    linked.delete('moss.3')
    control.connectionLost('moss.3')
    expect(await told()).toEqual(['withdraw moss oslo bergen -> voss.1'])
  })

  it('stay when this node’s own link to the same cluster is lost, and siblings hear that it is', async () => {
    const { control, linked, announce, told } = setUp({ peers })
    announce('moss oslo bergen', {}, 'moss.2')
    announce('oslo bergen')
    await told()
    linked.delete('oslo.1')
    control.connectionLost('oslo.1')
    expect(control.table.select('bergen')?.via).toBe('moss.2')
    expect(await told()).toEqual(['withdraw moss oslo bergen -> moss.2 moss.3'])
  })

  it('are withdrawn inside when the own link’s route expires, though a sibling still has a better one', async () => {
    const { control, announce, told, at } = setUp({ peers })
    control.start()
    announce('moss oslo bergen', { metrics: { hop_count: 2 }, ttl: 300 }, 'moss.2')
    announce('voss a bergen', { ttl: 12 })
    await told()
    await at(114)
    expect(await told()).toContain('withdraw moss voss a bergen -> moss.2 moss.3')
    expect(control.table.select('bergen')?.via).toBe('moss.2')
  })

  it('come and go without holding down what this node’s own link brings', () => {
    const { control, announce, withdraw } = setUp({
      peers,
      options: { stability: { holdDownSeconds: 5, flapThreshold: 0, suppressionWindowSeconds: 0 } },
    })
    announce('moss oslo bergen', {}, 'moss.2')
    withdraw('moss oslo bergen', 'moss.2')
    expect(announce('oslo bergen')).toBe('accepted')
    expect(control.table.select('bergen')?.via).toBeUndefined()
  })

  it('must begin with the own cluster, go on, and not come back', () => {
    const { control, announce } = setUp({ peers })
    expect(announce('oslo bergen', {}, 'moss.2')).toBe('unauthorized')
    expect(announce('moss oslo moss bergen', {}, 'moss.2')).toBe('loop')
    expect(control.receive({ ...sampleAnnouncement('moss oslo'), destination: { cluster_id: 'rome' } }, 'moss.2')).toBe(
      'destination_mismatch',
    )
    expect(announce('moss oslo bergen', { metrics: { cost_score: -1 } }, 'moss.2')).toBe('invalid_metrics')
  })

  it('are neither told nor believed where sharing is off, and not told to nodes that take no part', async () => {
    const off = setUp({ peers, options: { shareInside: false } })
    off.announce('oslo bergen')
    expect(off.announce('moss voss rome', {}, 'moss.2')).toBe('ignored')
    expect(await off.told()).toEqual(['announce moss oslo bergen -> voss.1'])

    const some = setUp({
      deps: {
        neighbors: {
          clusterOf: (nodeId) => nodeId.split('.')[0],
          connectedPeers: () => peers.map((nodeId) => ({ nodeId, clusterId: nodeId.split('.')[0] ?? '' })),
          linkMetrics: () => undefined,
          has: (nodeId) => nodeId === 'moss.3',
        },
      },
    })
    some.announce('oslo bergen')
    expect(await some.told()).toEqual(['announce moss oslo bergen -> moss.3 voss.1'])
  })
})

describe('debug lines', () => {
  it('name event, reason, destination, advertiser and sender, under their own scope', async () => {
    const lines: string[] = []
    const { control, scopes, announce, withdraw, at } = setUp({
      lines,
      options: { stability: { holdDownSeconds: 1, flapThreshold: 2, suppressionWindowSeconds: 50 } },
    })
    control.start()
    announce('oslo bergen')
    announce('voss bergen', {}, 'oslo.1')
    withdraw('oslo bergen')
    withdraw('oslo bergen')
    await at(102)
    announce('oslo bergen', { ttl: 1 })
    await at(104)
    announce('lyon rome')
    control.connectionLost('lyon.1')
    expect(scopes).toEqual(['fabric.route_control'])
    expect(lines).toEqual([
      'announcement accepted: reason=ok destination=bergen advertiser=oslo sender=oslo.1',
      'announcement rejected: reason=unauthorized destination=bergen advertiser=voss sender=oslo.1',
      'route hold-down: destination=bergen advertiser=oslo reason=lost',
      'withdrawal applied: reason=ok destination=bergen advertiser=oslo sender=oslo.1',
      'withdrawal ignored: reason=nothing_held destination=bergen advertiser=oslo sender=oslo.1',
      'announcement accepted: reason=ok destination=bergen advertiser=oslo sender=oslo.1',
      'route suppression: destination=bergen advertiser=oslo reason=expired',
      'route purged: destination=bergen advertiser=oslo reason=expired',
      'announcement accepted: reason=ok destination=rome advertiser=lyon sender=lyon.1',
      'route hold-down: destination=rome advertiser=lyon reason=lost',
      'neighbour removed: cluster=lyon node=lyon.1 routes=1 reason=connection_lost',
    ])
  })
})

describe('observers', () => {
  it('are told of best routes only, and can neither stop each other nor the receiving', () => {
    const { control, announce, changes } = setUp()
    const end = control.observe(() => {
      throw new Error('observer')
    })
    announce('oslo bergen')
    announce('voss a bergen')
    announce('oslo bergen', { epoch: 1e9 })
    end()
    expect(changes.map(({ kind, destination }) => [kind, destination])).toEqual([['gained', 'bergen']])
  })
})
