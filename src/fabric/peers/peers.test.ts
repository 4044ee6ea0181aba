import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type VirtualEnv } from '../../base/index.ts'
import {
  type Connection,
  type ConnectionHandlers,
  createAccess,
  createMemoryNetwork,
  type MemoryNetwork,
  type OutboundObject,
} from '../../transport/index.ts'
import {
  type CatalogDelta,
  encodeJson,
  encodeRpcError,
  encodeServerFrame,
  type FunctionEntry,
  type GoodbyeBody,
  type NodeEntry,
  OutboundFrame,
  parseFrame,
  type StatusBody,
} from '../../wire/index.ts'
import { createPeers, DialRefused, type Peers, type PeersCatalog, type PeersOptions, type RoleHandler } from '../index.ts'
import { STATUSES_UNLISTED_MAX } from './constants.ts'
import type { CatalogChange } from './directory.ts'
import type { Liveness } from './views.ts'

type Json = Record<string, unknown>

/** As much of a catalog as this room needs: nodes and functions, observers, departure. */
function fakeCatalog() {
  const observers: ((change: CatalogChange) => void)[] = []
  const nodes = new Map<string, NodeEntry>()
  const functions = new Map<string, FunctionEntry[]>()
  const departed: string[] = []
  const tell = (added: NodeEntry[], removed: NodeEntry[], kind: string): void => {
    const node_removals = removed.map(({ node_id, cluster_id }) => ({ node_id, cluster_id }))
    for (const observer of observers) observer({ delta: { nodes: added, node_removals }, source: { kind }, now: 0 })
  }
  const catalog: PeersCatalog = {
    instanceOf: () => undefined,
    observe(observer) {
      observers.push(observer)
      return () => {}
    },
    departNode(nodeId) {
      departed.push(nodeId)
      const entry = nodes.get(nodeId)
      nodes.delete(nodeId)
      functions.delete(nodeId)
      if (entry !== undefined) tell([], [entry], 'departure')
      return { node_removals: entry === undefined ? [] : [{ node_id: nodeId, cluster_id: entry.cluster_id }] } as unknown as CatalogDelta
    },
    functionsOf: (nodeId) => functions.get(nodeId) ?? [],
  }
  return {
    catalog,
    departed,
    nodes,
    expire(nodeId: string) {
      const entry = nodes.get(nodeId)
      nodes.delete(nodeId)
      if (entry !== undefined) tell([], [entry], 'expiry')
    },
    addNode(entry: NodeEntry, funs: readonly string[] = []) {
      nodes.set(entry.node_id, entry)
      functions.set(
        entry.node_id,
        funs.map((name) => ({ identity: { name, function_id: name, version: '1.0.0' }, resources: ['gpu'] }) as unknown as FunctionEntry),
      )
      tell([entry], [], 'gossip')
    },
  }
}

function descriptor(node_id: string, cluster_id: string, more: Partial<NodeEntry> = {}): NodeEntry {
  return {
    node_id,
    cluster_id,
    scope: 'zone',
    resources: ['cpu'],
    capabilities: ['rpc'],
    transport_endpoints: [],
    tags: [],
    advertised_at: 1000,
    ttl_seconds: 120,
    region: 'eu',
    ...more,
  }
}

interface TestNode {
  readonly url: string
  readonly peers: Peers
  readonly catalog: ReturnType<typeof fakeCatalog>
  readonly received: { readonly from: string; readonly frame: Json }[]
  readonly events: string[]
  readonly diagnostics: string[]
  readonly roles: Map<string, RoleHandler>
  readonly liveness: Map<string, Liveness>
  clients: number
  dial(url: string, expected?: string): Promise<unknown>
  hear(...nodes: NodeEntry[]): void
}

interface World {
  readonly env: VirtualEnv
  readonly network: MemoryNetwork
  node(port: number, options?: Partial<PeersOptions> & NodeOptions): Promise<TestNode>
  raw(url: string, token?: string): Promise<RawPeer>
}

interface NodeOptions {
  readonly clusterId?: string
  readonly instanceId?: string
  readonly tokens?: Readonly<Record<string, string>>
}

/** Somebody on a bare connection, who writes frames by hand. */
interface RawPeer {
  readonly connection: Connection
  readonly frames: Json[]
  closed: { readonly code: number; readonly reason: string } | undefined
  status(url: string, more?: Partial<StatusBody>, u?: string): void
  goodbye(url: string, more?: Partial<GoodbyeBody>, u?: string): void
}

function world(): World {
  const env = createVirtualEnv({ seed: 4 })
  const network = createMemoryNetwork({ env, delayMs: 5 })
  return {
    env,
    network,

    async node(port, { clusterId = 'c', instanceId = `instance-${port}`, tokens, ...options } = {}) {
      const url = `ws://127.0.0.1:${port}`
      const catalog = fakeCatalog()
      const node: TestNode = {
        url,
        catalog,
        received: [],
        events: [],
        diagnostics: [],
        liveness: new Map(),
        roles: new Map([['fabric-gossip', (from, frame) => void node.received.push({ from, frame: frame as Json })]]),
        clients: 0,
        peers: createPeers(
          {
            env,
            nodeId: url,
            clusterId,
            instanceId,
            catalog: catalog.catalog,
            local: {
              functions: () => [{ name: 'echo', function_id: 'echo', version: '1.0.0', resources: [] }],
              resources: () => ['cpu'],
              advertisedUrls: () => [],
              activeClients: () => node.clients,
              metrics: () => ({ queue_metrics: { total_queues: 0, success_rate: 1 } }),
              descriptor: () => descriptor(url, clusterId),
            },
            roles: { get: (role) => node.roles.get(role) },
            liveness: (nodeId) => node.liveness.get(nodeId),
            diagnostics: { enabled: () => true, line: (_, text) => void node.diagnostics.push(text) },
            temporaryDial: (dialUrl) => network.dial(dialUrl, { kind: 'internal' }),
          },
          { gossipIntervalSeconds: 0.5, goodbyeGraceSeconds: 5, ...options },
        ),
        async dial(target, expected = target) {
          const connection = await network.dial(target, { kind: 'internal' })
          const dialing = node.peers.dialed(connection, expected, 'peer_reconcile')
          const outcome = dialing.catch((error: unknown) => error)
          let done = false
          void outcome.then(() => {
            done = true
          })
          await env.runUntil(() => done, 10_000)
          return outcome
        },
        hear(...nodes) {
          for (const entry of nodes) catalog.addNode(entry, ['echo'])
        },
      }
      const access = tokens === undefined ? undefined : createAccess(env, { tokens })
      node.peers.events.observe((event) => {
        if (event.type === 'connection_lost') node.events.push(`lost ${event.node_url} ${event.why}`)
        else node.events.push(`${event.type === 'connection_established' ? 'established' : 'restarted'} ${event.node_url}`)
      })
      await network.listen({ protocol: 'ws', host: '127.0.0.1', port, ...(access === undefined ? {} : { access }) }, (connection) => {
        const inbound = node.peers.accepted(connection)
        connection.attach({
          message(text) {
            const frame = parseFrame(text)
            if (inbound.receive(frame, text) === 'not_served') {
              connection.send(encodeRpcError('unknown', { code: 1004, message: 'Invalid RPC request role', details: null }))
            }
          },
          malformed() {},
          close: (info) => inbound.closed(info),
        })
      })
      return node
    },

    async raw(url, token) {
      const connection = await network.dial(url, token === undefined ? {} : { authToken: token })
      const raw: RawPeer = {
        connection,
        frames: [],
        closed: undefined,
        status(server_url, more = {}, u = 'u1') {
          connection.send(encodeServerFrame(u, { what: 'STATUS', server_url, cluster_id: 'c', timestamp: 1000, ...more }))
        },
        goodbye(departing_node_url, more = {}, u = 'g1') {
          const body = { what: 'GOODBYE', departing_node_url, cluster_id: 'c', reason: 'maintenance', ...more } as const
          connection.send(encodeServerFrame(u, body))
        },
      }
      connection.attach({
        message: (text) => void raw.frames.push(JSON.parse(text) as Json),
        malformed() {},
        close: ({ code, reason }) => {
          raw.closed = { code, reason }
        },
      })
      return raw
    },
  }
}

/** Frames in short: `STATUS`, `r:STATUS`, `1003 text`, or the role. */
const brief = (frames: readonly Json[]): string[] =>
  frames.map((frame) => {
    const error = frame.error as { code: number; message: string } | null | undefined
    if (error) return `${error.code} ${error.message}`
    if ('r' in frame) return `r:${String(frame.r)}`
    return frame.role === 'server' ? (frame.server as { what: string }).what : String(frame.role)
  })

const gossip = (sender: string): OutboundObject =>
  new OutboundFrame({ role: 'fabric-gossip', payload: { sender_id: sender } }, (value) => JSON.stringify(value))

const RAW = 'ws://127.0.0.1:7777'

describe('accepting a peer', () => {
  it('wire check 25: STATUS is answered by our STATUS, then r:STATUS, then the snapshot of whoever waits for the link', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    a.peers.events.observe((event) => {
      if (event.type === 'connection_established') a.peers.sender.send(event.node_url, gossip(a.url))
    })
    const peer = await raw(a.url)
    peer.status(RAW, { instance_id: 'i1' }, 'abc')
    await env.advance(100)
    expect(brief(peer.frames)).toEqual(['STATUS', 'r:STATUS', 'fabric-gossip'])
    expect(peer.frames[0]?.server).toMatchObject({
      server_url: a.url,
      cluster_id: 'c',
      instance_id: 'instance-9001',
      peer_count: 1,
      funs: ['echo'],
      locs: ['cpu'],
      function_catalog: [{ name: 'echo', function_id: 'echo', version: '1.0.0', resources: [] }],
      advertised_urls: [a.url],
      extensions: ['sync/1', 'swim/1', 'roles/1', 'routes/1', 'bundles/1'],
    })
    expect(peer.frames[1]).toEqual({ r: 'STATUS', error: null, u: 'abc', intermediate_results: [], execution_summary: null })
    expect(a.peers.sender.connected()).toEqual([RAW])
  })

  it('prints floats of the metrics as floats', async () => {
    const { env, node, network } = world()
    const a = await node(9001)
    const connection = await network.dial(a.url)
    const texts: string[] = []
    connection.attach({ message: (text) => void texts.push(text), malformed() {}, close() {} })
    connection.send(encodeServerFrame('u', { what: 'STATUS', server_url: RAW, cluster_id: 'c' }))
    await env.advance(50)
    expect(texts[0]).toContain('"queue_metrics":{"total_queues":0,"success_rate":1.0}')
  })

  it('control plane check 17, wire check 26: a foreign cluster is told why and closed; nothing of it stays', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const peer = await raw(a.url)
    peer.status(RAW, { cluster_id: 'abroad' })
    await env.advance(100)
    expect(brief(peer.frames)).toEqual([
      '1003 Connection rejected: cluster_id mismatch. Local: c, Remote: abroad. Cross-federation connections not allowed in current federation mode.',
    ])
    expect(peer.closed?.code).toBe(1000)
    expect(a.peers.sender.connected()).toEqual([])
    expect(a.peers.statusOf(RAW)).toBeUndefined()
    expect(a.events).toEqual([])
    expect(a.peers.refusals()).toMatchObject([{ reason: 'federation', node_url: RAW, cluster_id: 'abroad' }])
  })

  it('answers every STATUS of a link, and keeps its identity whatever later frames say', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const peer = await raw(a.url)
    peer.status(RAW, { instance_id: 'i1' })
    peer.status(RAW, { instance_id: 'i1', active_clients: 7 }, 'u2')
    peer.status('ws://127.0.0.1:6666', { instance_id: 'i1' }, 'u3')
    peer.status(RAW, { instance_id: 'i2' }, 'u4')
    await env.advance(100)
    expect(brief(peer.frames)).toEqual(['STATUS', 'r:STATUS', 'r:STATUS', '1003 Status refused', '1003 Status refused'])
    expect(a.peers.statusOf(RAW)?.active_clients).toBe(7)
    expect(a.peers.sender.connected()).toEqual([RAW])
    expect(a.peers.snapshot().rebinds_refused).toBe(2)
  })

  it('answers what is no server frame with its number and keeps the connection', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const peer = await raw(a.url)
    peer.connection.send('{"role":"server","server":{"what":"HELLO"},"u":"h"}')
    peer.connection.send('{"role":"server","server":{"what":"STATUS"},"u":"s"}')
    peer.status(RAW)
    await env.advance(100)
    expect(brief(peer.frames)).toEqual(['1000 Unknown server message type: HELLO', '1002 Internal server error', 'STATUS', 'r:STATUS'])
    expect(peer.closed).toBeUndefined()
  })

  it('refuses frames of the fabric before a STATUS, and hands them on after it', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const peer = await raw(a.url)
    peer.connection.send(gossip(RAW).text)
    await env.advance(50)
    expect(a.received).toEqual([])
    expect(a.peers.snapshot().fabric_frames_refused).toBe(1)
    expect(peer.frames).toEqual([])
    peer.status(RAW)
    peer.connection.send(gossip('ws://somebody.else:1').text)
    await env.advance(50)
    expect(a.received.map(({ from }) => from)).toEqual([RAW])
    peer.connection.send('{"role":"unheard-of"}')
    await env.advance(50)
    expect(brief(peer.frames).at(-1)).toBe('1004 Invalid RPC request role')
  })

  it('contains a handler that throws', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    a.roles.set('fabric-message', () => {
      throw new Error('broken')
    })
    const peer = await raw(a.url)
    peer.status(RAW)
    peer.connection.send('{"role":"fabric-message"}')
    await env.advance(50)
    expect(a.peers.snapshot().handler_failures).toBe(1)
    expect(peer.connection.isOpen).toBe(true)
  })

  it('refuses its own id in the mouth of another', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const peer = await raw(a.url)
    peer.status(a.url, { instance_id: 'impostor' })
    await env.advance(50)
    expect(brief(peer.frames)).toEqual([`1003 Connection rejected: ${a.url} is the node id of this node.`])
  })

  it('stays bounded under 10 000 invented urls', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    for (let i = 0; i < 10_000; i++) {
      const peer = await raw(a.url)
      peer.status(`ws://invented:${i}`, { instance_id: `i${i}` })
      if (i % 100 === 99) {
        await env.advance(20)
      }
      peer.connection.close()
    }
    await env.advance(1000)
    const snapshot = a.peers.snapshot()
    expect(snapshot.links).toMatchObject({ peers: 0, accepted: 0 })
    expect(snapshot.statuses.peers).toBeLessThanOrEqual(STATUSES_UNLISTED_MAX)
    expect(snapshot.statuses.forgotten_total).toBeGreaterThan(8000)
    expect(a.peers.events.recent()).toHaveLength(100)
    expect(a.peers.events.reconnects().length).toBeLessThanOrEqual(1000)
    expect(a.peers.directory.size).toBe(0)
  }, 60_000)
})

describe('recorded frames of reference nodes', () => {
  const recorded = (name: string): string =>
    readFileSync(new URL(`../../../test/vectors/peer-frames/${name}.json`, import.meta.url), 'utf8').trim()

  it('are understood: a STATUS links a reference node, a GOODBYE of another is recorded', async () => {
    const { env, node, raw } = world()
    const a = await node(9001, { clusterId: 'p2p' })
    const peer = await raw(a.url)
    peer.connection.send(recorded('status'))
    const leaving = await raw(a.url)
    leaving.connection.send(recorded('goodbye'))
    await env.advance(50)
    expect(brief(peer.frames)).toEqual(['STATUS', 'r:STATUS'])
    expect(a.peers.links()).toMatchObject([{ node_url: 'ws://127.0.0.1:21040', instance_id: '01M85RQSA77PY2JK7JWAH9H1Y3', extensions: [] }])
    expect(a.peers.statusOf('ws://127.0.0.1:21040')).toMatchObject({ locs: ['cpu'], metrics: { route_metrics: { routes_purged: 0 } } })
    expect(brief(leaving.frames)).toEqual(['r:GOODBYE_PROCESSED'])
    expect(a.peers.departures.list()).toMatchObject([{ node_url: 'ws://127.0.0.1:21050', reason: 'graceful_shutdown' }])
  })

  it('fail a dial when they refuse it', async () => {
    const { node, network } = world()
    const a = await node(9001, { clusterId: 'p2p' })
    await network.listen({ protocol: 'ws', host: 'x', port: 9100 }, (connection) => {
      connection.attach({
        message: () => {
          connection.send(recorded('response-error'))
          connection.close(1000)
        },
        malformed() {},
        close() {},
      })
    })
    expect(await a.dial('ws://x:9100')).toMatchObject({ reason: 'refused_by_peer', detail: 'Peer is marked departed' })
  })
})

describe('connections inside one process', () => {
  /** Both ends of a connection that hands frames over as they are. */
  function objectPair(env: VirtualEnv): readonly [Connection, Connection] {
    const handlers: (ConnectionHandlers | undefined)[] = []
    const ends: Connection[] = []
    for (const at of [0, 1]) {
      let open = true
      const end: Partial<Connection> = {
        remote: `object-${at}`,
        identity: { method: 'none' },
        get isOpen() {
          return open
        },
        attach: (own) => {
          handlers[at] = own
        },
        send: () => {
          throw new Error('nothing is printed here')
        },
        sendObject: ({ value }) => {
          env.timers.after(1, () => handlers[1 - at]?.object?.(value))
          return true
        },
        close: () => {
          open = false
        },
      }
      ends.push(end as Connection)
    }
    return ends as unknown as readonly [Connection, Connection]
  }

  it('shake hands and carry frames without printing them', async () => {
    const { env, node } = world()
    const [a, b] = [await node(9001), await node(9002)]
    const [near, far] = objectPair(env)
    const inbound = b.peers.accepted(far)
    far.attach({ message() {}, object: (value) => void inbound.receive(value as Json, undefined), malformed() {}, close() {} })
    const dialing = a.peers.dialed(near, b.url, 'peer_reconcile')
    await env.advance(10)
    expect(await dialing).toMatchObject({ nodeId: b.url })
    expect(a.peers.sender.roundTripMs(b.url)).toBe(2)
    expect(inbound.link?.nodeId).toBe(a.url)
    expect(a.peers.sender.send(b.url, gossip(a.url))).toBe(true)
    await env.advance(10)
    expect(b.received).toMatchObject([{ from: a.url, frame: { payload: { sender_id: a.url } } }])
  })

  it('have the round trip of their pings where nothing better was measured', async () => {
    const { env, node } = world()
    const [a, b] = [await node(9001), await node(9002)]
    const [near, far] = objectPair(env)
    Object.assign(far, { roundTripMs: 7 })
    const inbound = b.peers.accepted(far)
    far.attach({ message() {}, object: (value) => void inbound.receive(value as Json, undefined), malformed() {}, close() {} })
    void a.peers.dialed(near, b.url, 'peer_reconcile')
    await env.advance(10)
    const known = () => [b.peers.sender.roundTripMs(a.url), b.peers.links()[0]?.round_trip_ms]
    expect(known()).toEqual([7, 7])
    b.peers.noteRoundTrip(a.url, 2)
    expect(known()).toEqual([2, 2])
  })
})

describe('dialing a peer', () => {
  it('control plane check 16: STATUS goes first, theirs comes back with r:STATUS, and the round trip is known', async () => {
    const { env, node } = world()
    const [a, b] = [await node(9001), await node(9002)]
    const link = await a.dial(b.url)
    expect(link).toMatchObject({ kind: 'dialed', nodeId: b.url, clusterId: 'c', instanceId: 'instance-9002' })
    await env.advance(50)
    expect([a.events, b.events]).toEqual([[`established ${b.url}`], [`established ${a.url}`]])
    expect(a.peers.sender.roundTripMs(b.url)).toBe(10)
    expect(b.peers.sender.roundTripMs(a.url)).toBeUndefined()
    expect(a.peers.sender.has(b.url, 'sync/1')).toBe(true)
    expect(a.peers.sender.clusterOf(b.url)).toBe('c')
  })

  it('wire check 26: a refusal fails the dial with its text', async () => {
    const { node } = world()
    const [a, b] = [await node(9001), await node(9002, { clusterId: 'abroad' })]
    const error = await a.dial(b.url)
    expect(error).toBeInstanceOf(DialRefused)
    expect(error).toMatchObject({ reason: 'refused_by_peer', lasting: true })
    expect((error as Error).message).toContain('cluster_id mismatch. Local: abroad, Remote: c')
    expect(a.peers.sender.connected()).toEqual([])
  })

  it('refuses a foreign cluster that would have taken it', async () => {
    const { node } = world()
    const permissive = { federationMode: 'permissive_bridging', allowedForeignClusterIds: [], explicitBridges: [] } as const
    const [a, b] = [await node(9001), await node(9002, { clusterId: 'abroad', federation: permissive })]
    expect(await a.dial(b.url)).toMatchObject({ reason: 'refused_by_federation' })
  })

  it('gives up on a peer that says nothing, and on one that hangs up', async () => {
    const { env, node, network } = world()
    const a = await node(9001)
    await network.listen({ protocol: 'ws', host: 'x', port: 9100 }, (connection) => {
      connection.attach({ message() {}, malformed() {}, close() {} })
    })
    await network.listen({ protocol: 'ws', host: 'x', port: 9101 }, (connection) => {
      connection.attach({ message: () => connection.close(1001, 'going'), malformed() {}, close() {} })
    })
    const before = env.clock.monotonic()
    expect(await a.dial('ws://x:9100')).toMatchObject({ reason: 'timeout', lasting: false })
    expect(env.clock.monotonic() - before).toBeGreaterThanOrEqual(5000)
    expect(await a.dial('ws://x:9101')).toMatchObject({ reason: 'closed', detail: '1001 going', lasting: false })
    await env.advance(50)
    expect(env.pendingTimers).toBe(0)
  })

  it('holds gossip that overtakes the status it should follow, and never answers', async () => {
    const { env, node, network } = world()
    const a = await node(9001)
    const heard: string[] = []
    let accepted: Connection | undefined
    await network.listen({ protocol: 'ws', host: 'x', port: 9100 }, (connection) => {
      accepted = connection
      connection.attach({
        message: (text) => {
          heard.push(text)
          if (heard.length > 1) return
          connection.send(gossip('ws://x:9100').text)
          connection.send(encodeServerFrame('s', { what: 'STATUS', server_url: 'ws://x:9100', cluster_id: 'c', instance_id: 'i' }))
          connection.send('{"role":"unheard-of"}')
        },
        malformed() {},
        close() {},
      })
    })
    await a.dial('ws://x:9100')
    await env.advance(100)
    expect(a.received.map(({ from }) => from)).toEqual(['ws://x:9100'])
    accepted?.send(encodeServerFrame('s2', { what: 'STATUS', server_url: 'ws://x:9100', cluster_id: 'c', instance_id: 'i' }))
    accepted?.send('no json')
    await env.advance(100)
    expect(heard).toHaveLength(1)
    expect(a.peers.snapshot()).toMatchObject({ frames_unknown_role: 1, frames_malformed: 1, statuses_received: 2 })
  })

  it('keeps a peer under its own name when it was dialed under another, and links it once', async () => {
    const { env, node } = world()
    const [a, b] = [await node(9001), await node(9002)]
    const first = await a.dial('ws://localhost:9002')
    expect(first).toMatchObject({ nodeId: b.url })
    expect(a.peers.resolve('ws://localhost:9002')).toBe(b.url)
    expect(a.peers.sender.connected()).toEqual([b.url])
    const second = await a.dial('ws://other-name:9002')
    expect(second).toMatchObject({ nodeId: b.url, isOpen: true })
    await env.advance(2000)
    expect(first).toMatchObject({ isOpen: false })
    expect([a.peers.sender.isConnected(b.url), b.peers.sender.isConnected(a.url)]).toEqual([true, true])
    expect(b.events).toEqual([`established ${a.url}`])
    expect(a.events).toEqual([`established ${b.url}`])
    expect(a.peers.snapshot()).toMatchObject({ aliases: 2, dials_duplicate: 1, links: { dialed: 1 } })
  })

  it('drops a dial that leads back to itself, and remembers the alias as its own', async () => {
    const { env, node } = world()
    const a = await node(9001)
    expect(await a.dial('ws://localhost:9001')).toMatchObject({ reason: 'self' })
    await env.advance(50)
    expect(a.peers.resolve('ws://localhost:9001')).toBe(a.url)
    expect(a.peers.sender.connected()).toEqual([])
    expect(a.events).toEqual([])
  })

  it('makes no link any more once it stops', async () => {
    const { env, node } = world()
    const [a, b, c] = [await node(9001), await node(9002), await node(9003)]
    await a.dial(b.url)
    await env.advance(50)
    a.peers.stop()
    await env.advance(50)
    expect(a.events).toEqual([`established ${b.url}`, `lost ${b.url} stopping`])
    expect(b.events).toEqual([`established ${a.url}`, `lost ${a.url} closed`])
    expect(await a.dial(c.url)).toMatchObject({ reason: 'stopping' })
    expect(await c.dial(a.url)).toMatchObject({ reason: 'refused_by_peer' })
  })
})

describe('connection events', () => {
  it('come once per peer however many links there are, and say why', async () => {
    const { env, node } = world()
    const [a, b] = [await node(9001), await node(9002)]
    await a.dial(b.url)
    await b.dial(a.url)
    await env.advance(50)
    expect(a.peers.linkKinds(b.url)).toEqual({ dialed: true, accepted: true })
    expect([a.events, b.events]).toEqual([[`established ${b.url}`], [`established ${a.url}`]])
    const dialed = (await a.dial(b.url)) as { connection: Connection }
    dialed.connection.close(1001, 'bye')
    await env.advance(50)
    expect(a.events).toHaveLength(1)
    expect(a.peers.sender.isConnected(b.url)).toBe(true)
    a.peers.disconnect(b.url, 'operator')
    await env.advance(50)
    expect(a.events).toEqual([`established ${b.url}`, `lost ${b.url} dropped`])
    expect(b.events).toEqual([`established ${a.url}`, `lost ${a.url} closed`])
    expect(b.peers.events.recent().at(-1)).toMatchObject({ code: 1000, reason: 'operator', local_node_url: b.url })
  })

  it('wire check 40: a killed connection is lost once, the peer shows as disconnected, and the next dial shakes hands again', async () => {
    const { env, node } = world()
    const [a, b] = [await node(9001), await node(9002)]
    a.hear(descriptor(a.url, 'c'), descriptor(b.url, 'c'))
    const link = (await a.dial(b.url)) as { connection: Connection }
    await env.advance(50)
    link.connection.close(1006, 'torn')
    await env.advance(50)
    expect(a.events).toEqual([`established ${b.url}`, `lost ${b.url} closed`])
    expect(a.peers.views.listPeers()).toMatchObject([{ url: b.url, status: 'disconnected' }])
    expect(a.peers.statusOf(b.url)).toMatchObject({
      metrics: { disconnected: true },
      active_clients: 0,
      funs: ['echo'],
      advertised_urls: [],
    })
    const { timestamp } = a.peers.statusOf(b.url) ?? { timestamp: Number.NaN }
    await env.advance(500)
    a.peers.dialFailed(b.url, 'peer_reconcile')
    expect(a.peers.statusOf(b.url)?.timestamp).toBe(timestamp)
    await a.dial(b.url)
    expect(a.peers.statusOf(b.url)?.status).toBe('ok')
    expect(a.peers.events.reconnects()).toMatchObject([
      { node_url: b.url, established: 2, lost: 1, reconnects: 1, last_why: 'closed', last_code: 1006, last_reason: 'torn' },
    ])
  })

  it('reach every listener though one throws', async () => {
    const { node } = world()
    const [a, b] = [await node(9001), await node(9002)]
    const seen: string[] = []
    a.peers.events.observe(() => {
      throw new Error('no')
    })
    a.peers.events.observe((event) => void seen.push(event.type))
    await a.dial(b.url)
    expect(seen).toEqual(['connection_established'])
    expect(a.peers.snapshot().events.listener_failures).toBe(1)
  })

  it('notice that another process answers for a url, even before the old link has ended', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const old = await raw(a.url)
    old.status(RAW, { instance_id: 'i1' })
    await env.advance(50)
    const young = await raw(a.url)
    young.status(RAW, { instance_id: 'i2' })
    await env.advance(50)
    expect(a.events).toEqual([`established ${RAW}`, `lost ${RAW} restarted`, `restarted ${RAW}`, `established ${RAW}`])
    expect(old.closed).toBeDefined()
    expect(a.peers.instanceOf(RAW)).toBe('i2')
    expect(a.peers.snapshot().statuses.restarts_total).toBe(1)
  })

  it('do not come when a link is replaced by a newer one of the same process', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const first = await raw(a.url)
    first.status(RAW, { instance_id: 'i1' })
    await env.advance(50)
    const second = await raw(a.url)
    second.status(RAW, { instance_id: 'i1' })
    first.connection.send(gossip(RAW).text)
    await env.advance(500)
    first.connection.send(gossip(RAW).text)
    await env.advance(2000)
    expect(a.received).toHaveLength(2)
    expect(a.events).toEqual([`established ${RAW}`])
    expect(a.peers.sender.isConnected(RAW)).toBe(true)
    expect(first.closed?.reason).toBe('replaced by a newer link')
    expect(a.peers.snapshot().links).toMatchObject({ accepted: 1, links_replaced: 1 })
  })
})

describe('goodbye', () => {
  it('control plane check 18, wire check 27: the departed is forgotten at once, refused for the grace period, and welcome as a new process', async () => {
    const { env, node, raw } = world()
    const [a, b] = [await node(9001), await node(9002)]
    a.hear(descriptor(a.url, 'c'), descriptor(b.url, 'c'))
    const departures: string[] = []
    a.peers.onDeparture(({ departure, delta }) =>
      departures.push(`${departure.node_url} ${departure.reason} ${delta?.node_removals.length}`),
    )
    await b.dial(a.url)
    await a.dial(b.url)
    await b.peers.goodbye('maintenance')
    await env.advance(1000)
    expect([...a.peers.directory.nodes()].map(({ node_id }) => node_id)).toEqual([a.url])
    expect(a.peers.sender.connected()).toEqual([])
    expect(a.catalog.departed).toEqual([b.url])
    expect(departures).toEqual([`${b.url} maintenance 1`])
    expect(a.events.at(-1)).toBe(`lost ${b.url} goodbye`)
    expect(a.events.filter((event) => event.startsWith('lost'))).toHaveLength(1)
    expect(a.peers.views.listPeers()).toEqual([])
    expect(a.peers.views.hiddenPeers()).toEqual([{ url: b.url, cluster_id: 'c', reason: 'departed' }])

    expect(await b.dial(a.url)).toMatchObject({ reason: 'refused_by_peer', detail: 'Peer is marked departed' })
    expect(await a.dial(b.url)).toMatchObject({ reason: 'departed' })
    const nameless = await raw(a.url)
    nameless.status(b.url)
    await env.advance(50)
    expect(brief(nameless.frames)).toEqual(['1003 Peer is marked departed'])
    expect(nameless.closed?.code).toBe(1000)

    const restarted = await raw(a.url)
    restarted.status(b.url, { instance_id: 'fresh' })
    await env.advance(50)
    expect(brief(restarted.frames)).toEqual(['STATUS', 'r:STATUS'])
    a.hear(descriptor(b.url, 'c'))
    expect(a.peers.views.listPeers()).toMatchObject([{ url: b.url, status: 'ok' }])
  })

  it('wire check 27: is answered before the connection closes, also as the first frame', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const linked = await raw(a.url)
    linked.status(RAW, { instance_id: 'i1' })
    linked.goodbye(RAW, {}, 'g7')
    const first = await raw(a.url)
    first.goodbye('ws://127.0.0.1:7778', { instance_id: 'i2' })
    await env.advance(100)
    expect(brief(linked.frames)).toEqual(['STATUS', 'r:STATUS', 'r:GOODBYE_PROCESSED'])
    expect(linked.frames[2]?.u).toBe('g7')
    expect(linked.closed?.code).toBe(1000)
    expect(brief(first.frames)).toEqual(['r:GOODBYE_PROCESSED'])
    expect(first.closed?.code).toBe(1000)
    expect(a.peers.departures.isDeparted(RAW, 'i1')).toBe(true)
  })

  it('lets the departed process in again after the grace period', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const peer = await raw(a.url)
    peer.goodbye(RAW, { instance_id: 'i1', timestamp: 9_999_999_999 })
    await env.advance(5_100)
    const again = await raw(a.url)
    again.status(RAW, { instance_id: 'i1' })
    await env.advance(50)
    expect(brief(again.frames)).toEqual(['STATUS', 'r:STATUS'])
  })

  it('control plane check 19: for an unknown url changes nothing, and without a grace period nothing is recorded', async () => {
    const { env, node, raw } = world()
    const a = await node(9001, { goodbyeGraceSeconds: 0 })
    a.hear(descriptor(a.url, 'c'))
    const peer = await raw(a.url)
    peer.goodbye(RAW)
    await env.advance(50)
    expect(a.catalog.departed).toEqual([])
    expect(a.peers.directory.size).toBe(1)
    expect(a.events).toEqual([])
    expect(a.peers.departures.list()).toEqual([])
    expect(a.peers.departures.isDeparted(RAW)).toBe(false)
  })

  it('control plane check 20: reaches linked peers over their links and known nodes by a short dial', async () => {
    const { env, node } = world()
    const [a, b, c] = [await node(9001), await node(9002), await node(9003)]
    a.hear(descriptor(a.url, 'c'), descriptor(b.url, 'c'), descriptor(c.url, 'c'), descriptor('ws://127.0.0.1:9999', 'c'))
    c.hear(descriptor(a.url, 'c'))
    await a.dial(b.url)
    let report: unknown
    void a.peers.goodbye('graceful_shutdown').then((value) => {
      report = value
    })
    await env.advance(1000)
    expect(report).toEqual({ linked: 1, dialed: 1, dial_failures: 1, not_told: 0 })
    expect(b.peers.departures.list()).toMatchObject([{ node_url: a.url, instance_id: 'instance-9001', reason: 'graceful_shutdown' }])
    expect(c.peers.departures.list()).toMatchObject([{ node_url: a.url }])
    expect(c.peers.directory.has(a.url)).toBe(false)
    expect(env.pendingTimers).toBe(0)
  })

  it('of somebody else, of another process, or of the node asked itself is ignored, counted and said so', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    a.hear(descriptor(RAW, 'c'))
    const victim = await raw(a.url)
    victim.status(RAW, { instance_id: 'i1' })
    const attacker = await raw(a.url)
    attacker.status('ws://127.0.0.1:6666', { instance_id: 'evil' })
    attacker.goodbye(RAW, { instance_id: 'i1' })
    const stranger = await raw(a.url)
    stranger.goodbye(RAW, { instance_id: 'guess' })
    const nameless = await raw(a.url)
    nameless.goodbye(RAW)
    const itself = await raw(a.url)
    itself.goodbye(a.url)
    await env.advance(50)
    expect(brief(attacker.frames)).toEqual(['STATUS', 'r:STATUS', '1003 Goodbye ignored'])
    expect(brief(stranger.frames)).toEqual(['1003 Goodbye ignored'])
    expect(a.peers.snapshot()).toMatchObject({ goodbyes_received: 4, goodbyes_ignored: { third_party: 1, foreign_instance: 2, own_id: 1 } })
    expect(a.peers.directory.has(RAW)).toBe(true)
    expect(a.peers.sender.isConnected(RAW)).toBe(true)
    expect(a.peers.departures.list()).toEqual([])
  })

  it('also takes a linked node out of the directory whose descriptor had lapsed', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    a.hear(descriptor(RAW, 'c'))
    const peer = await raw(a.url)
    peer.status(RAW, { instance_id: 'i1' })
    await env.advance(50)
    a.catalog.expire(RAW)
    expect(a.peers.directory.has(RAW)).toBe(true)
    peer.goodbye(RAW)
    await env.advance(50)
    expect(a.peers.directory.has(RAW)).toBe(false)
  })

  it('of a foreign cluster is refused like its status', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const peer = await raw(a.url)
    peer.goodbye(RAW, { cluster_id: 'abroad' })
    await env.advance(50)
    expect(brief(peer.frames)[0]).toContain('1003 Connection rejected: cluster_id mismatch')
    expect(a.peers.departures.list()).toEqual([])
  })
})

describe('sending to peers', () => {
  it('takes the dialed link, falls back to the accepted one, and is false without any', async () => {
    const { env, node, raw } = world()
    const [a, b] = [await node(9001), await node(9002)]
    expect(a.peers.sender.send(b.url, gossip(a.url))).toBe(false)
    await a.dial(b.url)
    await b.dial(a.url)
    await env.advance(50)
    expect(a.peers.sender.send(b.url, gossip(a.url))).toBe(true)
    await env.advance(50)
    expect(b.received).toMatchObject([{ from: a.url }])
    const peer = await raw(a.url)
    peer.status(RAW)
    await env.advance(50)
    expect(a.peers.sender.send(RAW, gossip(a.url))).toBe(true)
    expect(a.peers.snapshot().links).toMatchObject({ frames_sent: 2, sends_without_link: 1, reference_peers: 1 })
  })

  it('wire check 34: never more than 1 MiB to a reference node on a link it dialed', async () => {
    const { env, node, raw } = world()
    const a = await node(9001, { frameBytesMax: 20 * 1024 * 1024 })
    const peer = await raw(a.url)
    peer.status(RAW)
    const ts = await raw(a.url)
    ts.status('ws://127.0.0.1:7778', { extensions: ['sync/1'] })
    await env.advance(50)
    const { sender } = a.peers
    const large = new OutboundFrame({ filler: 'é'.repeat(600_000) }, (value) => JSON.stringify(value))
    expect(sender.frameBytesMax(RAW)).toBe(900_000)
    expect(sender.frameBytesMax('ws://127.0.0.1:7778')).toBe(20 * 1024 * 1024)
    expect(sender.send(RAW, large)).toBe(false)
    expect(sender.send('ws://127.0.0.1:7778', large)).toBe(true)
    expect(a.peers.snapshot().links).toMatchObject({ sends_too_large: 1, sends_failed: 0 })
  })

  it('leaves a peer alone after failures, until it has a new link', async () => {
    const { env, node, raw } = world()
    const a = await node(9001, { breaker: { failureThreshold: 2, recoveryTimeoutMs: 60_000 } })
    const peer = await raw(a.url)
    peer.status(RAW, { instance_id: 'i1' })
    await env.advance(50)
    const unprintable = new OutboundFrame({}, () => {
      throw new Error('unprintable')
    })
    for (let i = 0; i < 2; i++) expect(a.peers.sender.send(RAW, unprintable)).toBe(false)
    expect(a.peers.links()).toMatchObject([{ node_url: RAW, breaker: 'open', sends_failed: 2 }])
    expect(a.peers.sender.send(RAW, gossip(a.url))).toBe(false)
    expect(a.peers.snapshot().links.sends_refused_by_breaker).toBe(1)
    const again = await raw(a.url)
    again.status(RAW, { instance_id: 'i1' })
    await env.advance(50)
    expect(a.peers.sender.send(RAW, gossip(a.url))).toBe(true)
  })
})

describe('telling the status', () => {
  const statuses = (peer: RawPeer): number => brief(peer.frames).filter((frame) => frame === 'STATUS').length

  it('goes to reference nodes every round, to others when something changed or after 20 s', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const [reference, modern] = [await raw(a.url), await raw(a.url)]
    reference.status(RAW)
    modern.status('ws://127.0.0.1:7778', { extensions: ['sync/1', 'swim/1', 'roles/1'] })
    await env.advance(50)
    const rounds = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i++) {
        await env.advance(1000)
        a.peers.broadcastStatus()
      }
      await env.advance(10)
    }
    await rounds(10)
    expect([statuses(reference), statuses(modern)]).toEqual([11, 1])
    a.clients = 5
    await rounds(5)
    expect([statuses(reference), statuses(modern)]).toEqual([16, 2])
    await rounds(60)
    expect(statuses(modern)).toBe(5)
  })

  it('leaves no more than 25 s between two, however long the rounds are', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    const peer = await raw(a.url)
    peer.status(RAW, { extensions: ['sync/1'] })
    await env.advance(50)
    for (let i = 0; i < 4; i++) {
      await env.advance(14_000)
      a.peers.broadcastStatus()
    }
    await env.advance(10)
    expect(statuses(peer)).toBe(5)
  })

  it('goes over the dialed link where there is one', async () => {
    const { env, node } = world()
    const [a, b] = [await node(9001), await node(9002)]
    await a.dial(b.url)
    await b.dial(a.url)
    await env.advance(20_000)
    const before = b.peers.snapshot().statuses_received
    expect(a.peers.broadcastStatus()).toBe(1)
    await env.advance(50)
    expect(b.peers.snapshot().statuses_received - before).toBe(1)
    expect(a.peers.sender.roundTripMs(b.url)).toBe(10)
  })
})

describe('peers that must show a credential', () => {
  it('are refused without one', async () => {
    const { env, node, raw } = world()
    const a = await node(9001, { requirePeerIdentity: true })
    const peer = await raw(a.url)
    peer.status(RAW)
    const departing = await raw(a.url)
    departing.goodbye(RAW)
    await env.advance(50)
    expect(brief(peer.frames)).toEqual(['1003 Connection rejected: a peer credential is required.'])
    expect(brief(departing.frames)).toEqual(['1003 Connection rejected: a peer credential is required.'])
    expect(a.peers.snapshot().refused.identity_required).toBe(2)
  })

  it('can not be two nodes with one credential, nor take the place of a linked node with another', async () => {
    const { env, node, raw } = world()
    const tokens = { first: 'a'.repeat(40), second: 'b'.repeat(40) }
    const a = await node(9001, { requirePeerIdentity: true, tokens })
    const first = await raw(a.url, tokens.first)
    first.status(RAW, { instance_id: 'i1' })
    await env.advance(50)
    const again = await raw(a.url, tokens.first)
    again.status('ws://127.0.0.1:7778')
    const thief = await raw(a.url, tokens.second)
    thief.status(RAW, { instance_id: 'i2' })
    const farewell = await raw(a.url, tokens.second)
    farewell.goodbye(RAW, { instance_id: 'i1' })
    await env.advance(50)
    expect(brief(first.frames)).toEqual(['STATUS', 'r:STATUS'])
    expect(brief(again.frames)).toEqual([`1003 Connection rejected: credential 'first' is in use by ${RAW}.`])
    expect(brief(thief.frames)).toEqual([`1003 Connection rejected: ${RAW} is linked with another credential.`])
    expect(brief(farewell.frames)).toEqual([`1003 Connection rejected: ${RAW} is linked with another credential.`])
    expect(a.events).toEqual([`established ${RAW}`])
    first.connection.close()
    await env.advance(50)
    const later = await raw(a.url, tokens.first)
    later.status('ws://127.0.0.1:7778')
    await env.advance(50)
    expect(brief(later.frames)).toEqual(['STATUS', 'r:STATUS'])
  })

  it('may share a credential where the operator says so', async () => {
    const { env, node, raw } = world()
    const tokens = { shared: 'a'.repeat(40) }
    const a = await node(9001, { requirePeerIdentity: true, credentialPerNode: false, tokens })
    for (const port of [7001, 7002]) {
      const peer = await raw(a.url, tokens.shared)
      peer.status(`ws://127.0.0.1:${port}`)
    }
    await env.advance(50)
    expect(a.peers.sender.connected()).toHaveLength(2)
  })
})

describe('what clients are shown', () => {
  const own = (a: TestNode, more: Partial<NodeEntry> = {}) => descriptor(a.url, 'c', more)
  const printed = (value: unknown): Json => JSON.parse(encodeJson(value)) as Json

  it('control plane check 25: scope local lists nobody, zone the own cluster, and peers abroad show how far they are', async () => {
    const { node } = world()
    const a = await node(9001)
    a.hear(own(a), descriptor('ws://b:1', 'c'), descriptor('ws://x:1', 'abroad'), descriptor('ws://y:1', 'abroad', { region: 'us' }))
    const { region: _, ...nowhere } = descriptor('ws://z:1', 'abroad')
    a.hear(nowhere)
    const scopes = (request: Json) => a.peers.views.listPeers(request).map(({ url, scope }) => `${url} ${scope}`)
    expect(scopes({ scope: 'local' })).toEqual([])
    expect(scopes({ scope: 'zone' })).toEqual(['ws://b:1 zone'])
    expect(scopes({ scope: 'zone', cluster_id: 'abroad' })).toEqual([])
    expect(scopes({ cluster_id: 'abroad' })).toEqual(['ws://x:1 region', 'ws://y:1 global', 'ws://z:1 region'])
    expect(scopes({ scope: 'region' })).toEqual(['ws://b:1 zone', 'ws://x:1 region', 'ws://y:1 global', 'ws://z:1 region'])
    expect(() => scopes({ scope: 'planet' })).toThrow('Unsupported discovery scope: planet')
  })

  it('answers list_peers with the fields of the protocol', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    a.hear(own(a), descriptor(RAW, 'c'))
    expect(a.peers.views.listPeers()).toMatchObject([{ status: 'unknown', status_timestamp: null, load: null, advertised_urls: [RAW] }])
    const peer = await raw(a.url)
    peer.status(RAW, { active_clients: 3, peer_count: 2, metrics: { messages_processed: 17 }, advertised_urls: ['ws://public:1'] })
    await env.advance(50)
    expect(encodeJson(a.peers.views.listPeers())).toBe(
      `[{"url":"${RAW}","cluster_id":"c","funs":["echo"],"locs":["cpu","gpu"],"last_seen":1000.0,"status":"ok","status_timestamp":1000.0,"scope":"zone","region":"eu","advertised_urls":["ws://public:1"],"transport_endpoints":[],"load":{"active_clients":3,"peer_count":2,"status":"ok","status_timestamp":1000.0,"messages_processed":17,"rpc_responses_skipped":0,"server_messages":0,"other_messages":0,"load_score":3.0}}]`,
    )
  })

  it('control plane check 26: the score follows the age of the status', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    a.hear(own(a), descriptor(RAW, 'c'))
    const peer = await raw(a.url)
    peer.status(RAW, { active_clients: 3 })
    await env.advance(50)
    expect(a.peers.views.loadScoreOf(RAW)).toBe(3)
    await env.advance(1_600)
    expect(a.peers.views.loadScoreOf(RAW)).toBe(503)
    peer.connection.close()
    await env.advance(1_600)
    expect(a.peers.views.loadScoreOf(RAW)).toBe(1500)
  })

  it('control plane check 21: a dead peer is listed as disconnected, then no longer, and the reason is on record', async () => {
    const { env, node, raw } = world()
    const a = await node(9001)
    a.hear(own(a), descriptor(RAW, 'c'))
    const peer = await raw(a.url)
    peer.status(RAW)
    await env.advance(60_000)
    expect(a.peers.views.listPeers()).toMatchObject([{ status: 'ok' }])
    peer.connection.close(1006)
    await env.advance(1_900)
    expect(a.peers.views.listPeers()).toMatchObject([{ status: 'disconnected' }])
    expect(a.peers.views.hiddenPeers()).toEqual([])
    await env.advance(200)
    expect(a.peers.views.listPeers()).toEqual([])
    expect(a.peers.views.hiddenPeers()).toMatchObject([{ url: RAW, reason: 'disconnected', stale_after_seconds: 2 }])
    // Others find it alive: that the own link ended says nothing about it.
    a.liveness.set(RAW, 'alive')
    expect(a.peers.views.listPeers()).toMatchObject([{ url: RAW, status: 'unknown', load: null }])
    expect(a.peers.views.loadScoreOf(RAW)).toBeUndefined()
    a.liveness.set(RAW, 'suspect')
    expect(a.peers.views.hiddenPeers()).toMatchObject([{ url: RAW, reason: 'disconnected' }])
    expect(a.diagnostics.at(-1)).toMatch(
      /^\[DIAG_PEER_SNAPSHOT] node=ws:\/\/127\.0\.0\.1:9001 action=exclude_disconnected peer=ws:\/\/127\.0\.0\.1:7777 age=2\.\d{3} stale_after=2\.000$/,
    )
  })

  it('demotes a peer at once when the loop can not dial it', async () => {
    const { node } = world()
    const a = await node(9001)
    a.hear(own(a), descriptor(RAW, 'c'))
    a.peers.dialFailed(RAW, 'startup_seed')
    expect(a.peers.views.listPeers()).toMatchObject([{ status: 'unknown' }])
    a.peers.dialFailed(RAW, 'peer_reconcile')
    expect(a.peers.views.listPeers()).toMatchObject([{ status: 'disconnected' }])
    expect(a.diagnostics).toEqual([
      `[DIAG_PEER_SNAPSHOT] node=${a.url} action=mark_disconnected_on_dial_failure peer=${RAW} context=peer_reconcile target_hint=2`,
    ])
    a.peers.dialFailed('ws://never-heard-of:1', 'peer_reconcile')
    expect(a.peers.statusOf('ws://never-heard-of:1')).toBeUndefined()
  })

  it('hides whom failure detection gave up', async () => {
    const { node } = world()
    const a = await node(9001)
    a.hear(own(a), descriptor('ws://b:1', 'c'), descriptor('ws://d:1', 'c'))
    a.liveness.set('ws://b:1', 'failed')
    a.liveness.set('ws://d:1', 'suspect')
    expect(a.peers.views.listPeers().map(({ url }) => url)).toEqual(['ws://d:1'])
    expect(a.peers.views.hiddenPeers()).toEqual([{ url: 'ws://b:1', cluster_id: 'c', reason: 'membership_failed' }])
  })

  it('maps the cluster with the own node in it, even before it is announced', async () => {
    const { node } = world()
    const a = await node(9001)
    a.clients = 2
    const map = printed(a.peers.views.clusterMap())
    expect(map).toMatchObject({ cluster_id: 'c', generated_at: 1_700_000_000 })
    expect(map.nodes).toEqual([
      {
        node_id: a.url,
        cluster_id: 'c',
        resources: ['cpu'],
        capabilities: ['rpc'],
        region: 'eu',
        scope: 'zone',
        transport_endpoints: [],
        advertised_urls: [a.url],
        advertised_at: 1000,
        load: {
          active_clients: 2,
          peer_count: 1,
          status: 'ok',
          status_timestamp: 1_700_000_000,
          messages_processed: 0,
          rpc_responses_skipped: 0,
          server_messages: 0,
          other_messages: 0,
          load_score: 2,
        },
      },
    ])
  })
})
