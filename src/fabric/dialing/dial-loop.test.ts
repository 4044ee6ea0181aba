import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../../base/index.ts'
import { createDiagnostics, createLog } from '../../telemetry/index.ts'
import type { Connection } from '../../transport/index.ts'
import { DialRefused } from '../peers/dial-refused.ts'
import { createConnector } from './connect-attempts.ts'
import { createDialing, type DialingDeps, type DialingOptions } from './dial-loop.ts'

const self = 'ws://127.0.0.1:9001'
const peer = 'ws://127.0.0.1:9002'

type Behaviour =
  | { readonly does: 'answer'; readonly as?: string }
  | { readonly does: 'refuse connections' | 'swallow packets' }
  | { readonly does: 'refuse us'; readonly text: string }
  | { readonly does: 'lead back' }

interface FabricOptions extends Partial<DialingOptions> {
  readonly environment?: Record<string, string>
  readonly debugScopes?: readonly string[]
  /** Node ids whose accepted link is enough. */
  readonly preferAccepted?: (nodeId: string) => boolean
}

/** A node's dialing among scripted peers, in virtual time. */
function fabric({ environment = {}, debugScopes = [], preferAccepted = () => false, ...options }: FabricOptions = {}) {
  const records: string[] = []
  const warnings: string[] = []
  const scope: LogScope = { ...silentLog, warn: (text) => warnings.push(text), scope: () => scope }
  const env = createVirtualEnv({ seed: 1, log: scope })
  const log = createLog({ clock: env.clock, level: 'CRITICAL', debugScopes, sink: (record) => records.push(record) })
  const diagnostics = createDiagnostics({ environment, log })

  const behaviours = new Map<string, Behaviour>()
  const dials: { atMs: number; url: string }[] = []
  const directory = new Map<string, string>()
  const links = new Map<string, { dialed: boolean; accepted: boolean }>()
  const aliases = new Map<string, string>()
  const departed = new Set<string>()
  const instances = new Map<string, string>()
  const failed: string[] = []
  let rounds = 0
  let running = 0
  let runningMax = 0

  const connect = createConnector({
    env,
    diagnostics,
    async dialOnce(url, timeoutMs, signal) {
      dials.push({ atMs: env.clock.monotonic(), url })
      runningMax = Math.max(runningMax, ++running)
      const behaviour = behaviours.get(url) ?? { does: 'answer' }
      try {
        await new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')))
          if (behaviour.does === 'refuse connections') env.timers.after(1, () => reject(new Error('connect ECONNREFUSED')))
          else if (behaviour.does === 'swallow packets') env.timers.after(timeoutMs, () => reject(new Error('connection timeout')))
          else env.timers.after(20, resolve)
        })
      } finally {
        running--
      }
      return { remote: url, close() {} } as unknown as Connection
    },
  })

  const deps: DialingDeps = {
    env,
    diagnostics,
    connect,
    async adopt(connection, expected) {
      const behaviour = behaviours.get(connection.remote) ?? { does: 'answer' }
      if (behaviour.does === 'refuse us') throw new DialRefused(expected, 'refused_by_peer', behaviour.text)
      if (behaviour.does === 'lead back') {
        aliases.set(expected, self)
        throw new DialRefused(expected, 'self', '')
      }
      const nodeId = (behaviour.does === 'answer' ? behaviour.as : undefined) ?? expected
      if (nodeId !== expected) aliases.set(expected, nodeId)
      links.set(nodeId, { accepted: false, ...links.get(nodeId), dialed: true })
      return { nodeId }
    },
    linkKinds: (nodeId) => links.get(nodeId) ?? { dialed: false, accepted: false },
    preferAccepted,
    instanceOf: (nodeId) => instances.get(nodeId),
    ownsFunctions: (nodeId) => directory.has(nodeId),
    discovered: () => ({ function_catalog: directory.size, node_catalog: directory.size, peer_directory: directory.size }),
    pendingCatalogUpdates: () => 0,
    pruneDepartures() {},
    dialFailed: (nodeId, context) => failed.push(`${nodeId} ${context}`),
    onRound: () => void rounds++,
    resolve: (url) => aliases.get(url) ?? url,
    nodes: () => [...directory].map(([node_id, cluster_id]) => ({ node_id, cluster_id, transport_endpoints: [] })),
    isDeparted: (nodeId) => departed.has(nodeId),
    federationAllows: (cluster) => ({ allowed: cluster === 'home', message: `no ${cluster}` }),
  }
  const dialing = createDialing(deps, { nodeId: self, name: 'test node', gossipIntervalSeconds: 1, peers: [], ...options })
  return {
    env,
    dialing,
    records,
    warnings,
    behaviours,
    dials,
    directory,
    links,
    departed,
    instances,
    failed,
    lines: () => records.map((record) => record.slice(record.indexOf(' - ') + 3)),
    dialsOf: (url: string) => dials.filter((dial) => dial.url === url).length,
    reasonOf: (nodeId: string) => dialing.explain().find(({ candidate }) => candidate === nodeId)?.reason,
    enter(count: number, cluster = 'home') {
      const ids = Array.from({ length: count }, (_, i) => `ws://127.0.0.1:${10_000 + directory.size + i}`)
      for (const id of ids) directory.set(id, cluster)
      return ids
    },
    get rounds() {
      return rounds
    },
    get runningMax() {
      return runningMax
    },
  }
}

describe('diagnostics of dialing', () => {
  const attempt = `node=${self} name=test_node outcome=(\\w+) context=startup_seed peer=${peer} dial=${peer} fast_connect=true targets=1 connected_ratio=0\\.00 failures=0 retries=3 base_delay=0\\.115s connect_timeout=3\\.000s open_timeout=3\\.000s`

  it('control plane check 38: with MPREG_DEBUG_PEER_DIAL=Yes a successful dial is told line by line', async () => {
    const { env, dialing, records, lines } = fabric({ peers: [peer], environment: { MPREG_DEBUG_PEER_DIAL: 'Yes' } })
    void dialing.start()
    await env.advance(500)
    const [first, second, third, fourth, loop] = lines()
    expect(first).toMatch(new RegExp(`^\\[DIAG_PEER_DIAL\\] ${attempt.replace('(\\w+)', 'attempt')}$`))
    expect(second).toBe(`[DIAG_CONN] connect_start url=${peer} retries=3 base_delay=0.115s connect_timeout=3.000s open_timeout=3.000s`)
    expect(third).toBe(`[DIAG_CONN] connect_success url=${peer} attempt=1/4 timeout=3.000s elapsed=0.020s`)
    expect(fourth).toMatch(new RegExp(`^\\[DIAG_PEER_DIAL\\] ${attempt.replace('(\\w+)', 'success')} duration=0\\.020s$`))
    expect(loop).toBe(
      `[DIAG_PEER_DIAL] node=${self} name=test_node loop targets=1 connected_ratio=1.00 discovery_ratio=0.00 pressure=0.00 desired_connected=1 exploration_slots=0 connected=1 due=0 selected=0 parallelism=1 budget=0 not_due=0 interval=1.000s`,
    )
    for (const record of records) expect(record).toMatch(/^\S+ \S+ \| ERROR {4}\| mpreg\.[a-z.]+:-:0 - \[DIAG_/)
  })

  it('control plane check 38: with 0 none of them appears', async () => {
    const { env, dialing, records } = fabric({ peers: [peer], environment: { MPREG_DEBUG_PEER_DIAL: '0' } })
    void dialing.start()
    await env.advance(5_000)
    expect(records).toEqual([])
  })

  it('control plane check 38: a DISCOVERY_LOOP line ends with its interval, and comes once a second at most', async () => {
    const { env, dialing, lines, enter } = fabric({ gossipIntervalSeconds: 0.2, environment: { MPREG_DEBUG_DISCOVERY_LOOP: '1' } })
    enter(3)
    void dialing.start()
    await env.advance(10_000)
    expect(lines().length).toBeGreaterThan(5)
    expect(lines().length).toBeLessThanOrEqual(11)
    expect(lines().at(-1)).toBe(
      `[DIAG_DISCOVERY_LOOP] node=${self} name=test_node targets=3 connected=3 desired=3 due=0 selected=0 not_due=0 connected_ratio=1.00 discovery_ratio=1.00 function_catalog_discovered=3 node_catalog_discovered=3 peer_directory_discovered=3 pending_catalog_updates=0 interval=0.215s`,
    )
  })

  it('tell a failed dial with its duration and error', async () => {
    const { env, dialing, lines, behaviours } = fabric({ peers: [peer], environment: { MPREG_DEBUG_PEER_DIAL: '1' } })
    behaviours.set(peer, { does: 'refuse connections' })
    void dialing.start()
    await env.advance(2_000)
    expect(lines().find((line) => line.includes('outcome=failure'))).toMatch(
      new RegExp(`${attempt.replace('(\\w+)', 'failure')} duration=0\\.809s error=Failed to connect to ${peer} after 4 attempts\\.$`),
    )
  })

  it('leave out an idle loop line within a second of the last one, but none that selected somebody', async () => {
    const { env, dialing, lines, enter } = fabric({ gossipIntervalSeconds: 0.2, debugScopes: ['peer_dial'] })
    void dialing.start()
    enter(9)
    await env.advance(3_000)
    const loops = lines().filter((line) => line.includes(' loop '))
    expect(loops.filter((line) => !line.includes('selected=0')).length).toBeGreaterThanOrEqual(2)
    expect(loops.filter((line) => line.includes('selected=0')).length).toBeLessThanOrEqual(3)
    expect(lines().some((line) => line.startsWith('[DIAG_CONN]'))).toBe(false)
  })

  it('tell each policy and each choice of parallelism', async () => {
    const { env, dialing, records, lines, enter } = fabric({ environment: { MPREG_DEBUG_PEER_DIAL_POLICY: '1' } })
    enter(1)
    void dialing.start()
    await env.advance(100)
    expect(lines()).toEqual([
      `[DIAG_PEER_DIAL_POLICY] node=${self} action=parallelism targets=1 connected_ratio=0.000 pressure=0.000 cap=4 selected=1`,
      `[DIAG_PEER_DIAL_POLICY] node=${self} mode=fast targets=1 failures=0 connected_ratio=0.000 pressure=0.000 retries=1 base_delay=0.1150s connect_timeout=2.8000s`,
    ])
    expect(records[0]).toContain('| WARNING  |')
  })
})

describe('the start', () => {
  it('dials the configured peers, then works round after round', async () => {
    const it = fabric({ peers: ['ws://a', 'ws://b'], connect: 'ws://c' })
    let tried = false
    void it.dialing.start().then(() => (tried = true))
    await it.env.advance(100)
    expect(tried).toBe(true)
    expect(it.dials.map(({ url }) => url)).toEqual(['ws://a', 'ws://b', 'ws://c'])
    await it.env.advance(10_000)
    expect(it.dials.length).toBe(3)
    expect(it.rounds).toBeGreaterThan(5)
  })

  it('does not let a configured peer that swallows packets hold up the others', async () => {
    const { env, dialing, behaviours, links, enter } = fabric({ peers: ['ws://a'] })
    behaviours.set('ws://a', { does: 'swallow packets' })
    const [other] = enter(1)
    let started = false
    void dialing.start().then(() => (started = true))
    await env.advance(4_000)
    expect(links.get(other as string)?.dialed).toBe(true)
    expect(started).toBe(true)
  })

  it('tries configured peers again and again while the fabric comes up', async () => {
    const { env, dialing, behaviours, links } = fabric({ peers: [peer] })
    behaviours.set(peer, { does: 'refuse connections' })
    void dialing.start()
    await env.advance(2_000)
    behaviours.delete(peer)
    await env.advance(2_000)
    expect(links.get(peer)?.dialed).toBe(true)
  })
})

describe('a round', () => {
  it('links a small fabric completely, with bounded parallelism', async () => {
    const it = fabric()
    const nodes = it.enter(12)
    void it.dialing.start()
    expect(await it.env.runUntil(() => nodes.every((nodeId) => it.links.get(nodeId)?.dialed), 10_000)).toBe(true)
    expect(it.dials.length).toBe(12)
    expect(it.runningMax).toBeLessThanOrEqual(3)
  })

  it('keeps the links of a large fabric sparse', async () => {
    const it = fabric()
    it.enter(100)
    void it.dialing.start()
    await it.env.advance(60_000)
    expect(it.links.size).toBe(13)
    expect(it.dialing.snapshot()).toMatchObject({ targets: 100, connected: 13, desired_connections: 13, due: 87, selected: 0, budget: 0 })
    expect(it.dialing.snapshot().reasons).toEqual({ linked: 13, enough_links: 87 })
  })

  it('counts accepted links only in a large fabric, or when the peer needs no second one', async () => {
    const small = fabric({ preferAccepted: (nodeId) => nodeId.endsWith('0') })
    const nodes = small.enter(2)
    for (const nodeId of nodes) small.links.set(nodeId, { dialed: false, accepted: true })
    void small.dialing.start()
    await small.env.advance(3_000)
    expect(small.dials.map(({ url }) => url)).toEqual([nodes[1]])
    expect(nodes.map(small.reasonOf)).toEqual(['linked_by_peer', 'linked'])

    const large = fabric()
    for (const nodeId of large.enter(20)) large.links.set(nodeId, { dialed: false, accepted: true })
    void large.dialing.start()
    await large.env.advance(3_000)
    expect(large.dials).toEqual([])
  })

  it('does not wait for a peer that swallows packets', async () => {
    const it = fabric()
    const [bad] = it.enter(1)
    it.behaviours.set(bad as string, { does: 'swallow packets' })
    void it.dialing.start()
    await it.env.advance(2_500)
    expect(it.reasonOf(bad as string)).toBe('dialing')
    expect(it.rounds).toBe(2)
    expect(it.dialsOf(bad as string)).toBe(1)
  })

  it('counts dials that outlive their round against the parallelism of the next', async () => {
    const it = fabric()
    for (const nodeId of it.enter(9)) it.behaviours.set(nodeId, { does: 'swallow packets' })
    void it.dialing.start()
    await it.env.advance(60_000)
    expect(it.rounds).toBeGreaterThan(20)
    expect(it.runningMax).toBe(3)
  })

  it('backs off from a peer that can not be reached, and tells so', async () => {
    const it = fabric()
    const [bad] = it.enter(1)
    it.behaviours.set(bad as string, { does: 'refuse connections' })
    void it.dialing.start()
    await it.env.advance(300)
    expect(it.failed).toEqual([`${bad} peer_reconcile`])
    expect(it.dialing.explain()).toEqual([
      {
        candidate: bad,
        dial_url: bad,
        source: 'directory',
        cluster_id: 'home',
        reason: 'backing_off',
        detail: `Failed to connect to ${bad} after 2 attempts. connect ECONNREFUSED`,
        since: expect.closeTo(1_700_000_000.117, 3),
        consecutive_failures: 1,
        last_attempt_at: 1_700_000_000,
        last_success_at: null,
        next_attempt_at: expect.closeTo(1_700_000_001.147, 2),
        attempts_total: 1,
        successes_total: 0,
      },
    ])
  })

  it('shows who had to be dialed again', async () => {
    const it = fabric()
    const [shaky] = it.enter(1)
    void it.dialing.start()
    for (let losses = 0; losses < 3; losses++) {
      await it.env.advance(3_000)
      it.links.delete(shaky as string)
    }
    await it.env.advance(3_000)
    expect(it.dialing.explain()[0]).toMatchObject({ reason: 'linked', successes_total: 4, consecutive_failures: 0 })
  })

  it('leaves out foreign clusters and the departed, each for its reason', async () => {
    const it = fabric({ peers: [peer] })
    const [foreign] = it.enter(1, 'abroad')
    it.departed.add(peer)
    void it.dialing.start()
    await it.env.advance(3_000)
    expect(it.dials).toEqual([])
    expect(it.reasonOf(peer)).toBe('departed')
    expect(it.dialing.explain().find(({ candidate }) => candidate === foreign)).toMatchObject({
      reason: 'foreign_cluster',
      detail: 'no abroad',
    })
  })

  it('survives facts that can not be had', async () => {
    const it = fabric()
    it.enter(1)
    let broken = true
    it.directory.values = () => {
      throw new Error('unused')
    }
    const entries = it.directory[Symbol.iterator].bind(it.directory)
    it.directory[Symbol.iterator] = () => {
      if (broken) throw new Error('the directory is broken')
      return entries()
    }
    void it.dialing.start()
    await it.env.advance(2_000)
    broken = false
    await it.env.advance(2_000)
    expect(it.links.size).toBe(1)
  })
})

describe('a peer that refuses', () => {
  const refusal = { does: 'refuse us', text: 'Connection rejected: cluster_id mismatch.' } as const

  it('counts as a failed dial, is logged once, and is left alone longer and longer', async () => {
    const it = fabric()
    const [bad] = it.enter(1)
    it.behaviours.set(bad as string, refusal)
    void it.dialing.start()
    await it.env.advance(60_000)
    expect(it.dialsOf(bad as string)).toBe(4)
    expect(it.warnings).toEqual([
      `No link to ${bad}: it refused the connection (Connection rejected: cluster_id mismatch.); dialed less often until its process changes`,
    ])
    expect(it.dialing.explain()[0]).toMatchObject({ reason: 'refused', consecutive_failures: 4, successes_total: 0 })
  })

  it('is dialed at once when its process changes', async () => {
    const it = fabric()
    const [bad] = it.enter(1)
    it.instances.set(bad as string, 'one')
    it.behaviours.set(bad as string, refusal)
    void it.dialing.start()
    await it.env.advance(30_000)
    it.behaviours.delete(bad as string)
    it.instances.set(bad as string, 'two')
    await it.env.advance(1_200)
    expect(it.reasonOf(bad as string)).toBe('linked')
  })

  it('because of a goodbye is dialed again soon', async () => {
    const it = fabric()
    const [back] = it.enter(1)
    it.behaviours.set(back as string, { does: 'refuse us', text: 'Peer is marked departed' })
    void it.dialing.start()
    await it.env.advance(500)
    it.behaviours.delete(back as string)
    await it.env.advance(2_000)
    expect(it.reasonOf(back as string)).toBe('linked')
    expect(it.warnings).toEqual([])
  })
})

describe('a configured peer under another name', () => {
  it('is one candidate and one link once it has told its id', async () => {
    const it = fabric({ peers: ['ws://hub'] })
    it.behaviours.set('ws://hub', { does: 'answer', as: peer })
    it.directory.set(peer, 'home')
    void it.dialing.start()
    await it.env.advance(10_000)
    expect(it.dials.map(({ url }) => url)).toEqual(['ws://hub'])
    expect(it.dialing.explain().map(({ candidate, dial_url, reason }) => [candidate, dial_url, reason])).toEqual([
      [peer, 'ws://hub', 'linked'],
    ])
    it.links.delete(peer)
    await it.env.advance(3_000)
    expect(it.dialsOf('ws://hub')).toBe(2)
  })

  it('is dropped for good when it is this node', async () => {
    const it = fabric({ peers: ['ws://localhost:9001'] })
    it.behaviours.set('ws://localhost:9001', { does: 'lead back' })
    void it.dialing.start()
    await it.env.advance(60_000)
    expect(it.dials.length).toBe(1)
    expect(it.reasonOf('ws://localhost:9001')).toBe('own_node')
    expect(it.warnings).toEqual([])
  })
})

describe('a node that answers as another one', () => {
  it('counts as not reached', async () => {
    const it = fabric()
    const [old] = it.enter(1)
    it.behaviours.set(old as string, { does: 'answer', as: peer })
    void it.dialing.start()
    await it.env.advance(500)
    expect(it.dialing.explain()[0]).toMatchObject({ reason: 'backing_off', detail: `${peer} answered`, consecutive_failures: 1 })
  })
})

describe('a node that vanished', () => {
  it('is dialed at most every half minute, and does not count as a candidate', async () => {
    const it = fabric()
    const [lost] = it.enter(1)
    void it.dialing.start()
    await it.env.advance(2_000)
    it.links.clear()
    it.directory.clear()
    it.behaviours.set(lost as string, { does: 'refuse connections' })
    const before = it.dials.length
    await it.env.advance(29_000)
    expect(it.dials.length).toBe(before)
    expect(it.reasonOf(lost as string)).toBe('lost')
    await it.env.advance(271_000)
    const tries = (it.dialing.explain()[0]?.attempts_total ?? 0) - 1
    expect(tries).toBeGreaterThanOrEqual(7)
    expect(tries).toBeLessThanOrEqual(9)
    expect(it.dialing.snapshot()).toMatchObject({ targets: 0, lost: 1 })
    it.behaviours.clear()
    await it.env.advance(40_000)
    expect(it.links.get(lost as string)?.dialed).toBe(true)
  })

  it('is not looked for when it left in good order', async () => {
    const it = fabric()
    const [gone] = it.enter(1)
    void it.dialing.start()
    await it.env.advance(2_000)
    it.links.clear()
    it.dialing.left(gone as string)
    it.directory.clear()
    const before = it.dials.length
    await it.env.advance(300_000)
    expect(it.dials.length).toBe(before)
    expect(it.dialing.explain()).toEqual([])
  })
})

describe('a dial that a request asks for', () => {
  it('is none when there is a link of any kind', async () => {
    const it = fabric()
    it.links.set(peer, { dialed: false, accepted: true })
    expect(await it.dialing.dial(peer, 'rpc_remote_execute')).toEqual({ kind: 'linked', nodeId: peer })
    expect(it.dials).toEqual([])
  })

  it('is shared by all who ask meanwhile, and held back for a second after a failure', async () => {
    const it = fabric()
    it.behaviours.set(peer, { does: 'refuse connections' })
    const outcomes = Promise.all([1, 2, 3].map(() => it.dialing.dial(peer, 'rpc_remote_execute')))
    await it.env.advance(200)
    expect((await outcomes).map(({ kind }) => kind)).toEqual(['failed', 'failed', 'failed'])
    const before = it.dials.length
    expect(await it.dialing.dial(peer, 'rpc_remote_execute')).toMatchObject({ kind: 'held_back' })
    expect(it.dials.length).toBe(before)
    await it.env.advance(1_000)
    it.behaviours.clear()
    const second = it.dialing.dial(peer, 'rpc_remote_execute')
    await it.env.advance(100)
    expect(await second).toEqual({ kind: 'linked', nodeId: peer })
  })

  it('of this node, or of one that said goodbye, is refused', async () => {
    const it = fabric()
    it.departed.add(peer)
    expect(await it.dialing.dial(self, 'cluster_get_or_open')).toMatchObject({ kind: 'refused', reason: 'self' })
    expect(await it.dialing.dial(peer, 'cluster_get_or_open')).toMatchObject({ kind: 'refused', reason: 'departed' })
  })
})

describe('stopping', () => {
  it('ends running dials at once; none begins after it, and no timer is left', async () => {
    const it = fabric({ peers: ['ws://a', 'ws://b', 'ws://c', 'ws://d', 'ws://e', 'ws://f'] })
    for (const url of ['ws://a', 'ws://b', 'ws://c', 'ws://d']) it.behaviours.set(url, { does: 'swallow packets' })
    let done = false
    void it.dialing.start().then(() => (done = true))
    await it.env.advance(500)
    it.dialing.stop()
    const before = it.dials.length
    await it.env.advance(0)
    expect(done).toBe(true)
    expect(it.dialing.snapshot().dialer).toMatchObject({ running: 0, stopped_total: 4, failed_total: 0 })
    expect(await it.dialing.dial(peer, 'peer_reconcile')).toEqual({ kind: 'stopped' })
    await it.env.advance(120_000)
    expect(it.dials.length).toBe(before)
    expect(it.env.pendingTimers).toBe(0)
    await it.dialing.start()
    expect(it.dials.length).toBe(before)
  })

  it('in the middle of rounds ends them', async () => {
    const it = fabric()
    it.enter(5)
    void it.dialing.start()
    await it.env.advance(3_000)
    it.dialing.stop()
    const { rounds } = it
    it.enter(5)
    await it.env.advance(60_000)
    expect(it.rounds).toBe(rounds)
    expect(it.env.pendingTimers).toBe(0)
  })
})
