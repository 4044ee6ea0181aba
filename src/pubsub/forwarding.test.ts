import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog, TopicTrie } from '../base/index.ts'
import {
  decodeFabricMessage,
  encodeMessage,
  type FabricHeaders,
  type FabricMessage,
  type Message,
  type OutboundFrame,
  parseFrame,
  RawJson,
  type TopicEntry,
} from '../wire/index.ts'
import { createExchange, type Subscriber } from './exchange.ts'
import { createPubsubForwarding, type PubsubForwarding, type PubsubForwardingOptions } from './forwarding.ts'
import { createSubscriptionEntries } from './subscription-entries.ts'

const MAX_HOPS = 5
const url = (name: string) => `ws://${name}:1`

interface NodeInit {
  readonly cluster?: string
  /** How nodes of the Python implementation behave: no suppression, and all links when a target has none. */
  readonly reference?: boolean
  readonly allows?: (clusterId: string) => boolean
  readonly options?: PubsubForwardingOptions
  /** Makes links on demand, in the way of {@link PubsubForwardingDeps.connect}. */
  readonly connect?: (nodeId: string) => Promise<boolean>
}

interface TestNode {
  readonly id: string
  readonly cluster: string
  readonly isReference: boolean
  /** Notifications, as `subscription:payload`. */
  readonly notified: string[]
  readonly inbox: FabricMessage[]
  readonly forwarding: PubsubForwarding
  readonly links: Set<string>
  /** The connection of its client ends. */
  loseClient(): void
  /** Towards a node or, failing that, a cluster. */
  readonly routes: Map<string, string>
  receive(from: string, message: FabricMessage): void
  subscribe(id: string, ...patterns: string[]): void
  unsubscribe(id: string): void
  publish(topic: string, payload: unknown, headers?: Record<string, unknown>): Message
}

/** Nodes on a bus: frames cross it as text, one after the other, in the order they were sent. */
function fabric(seed = 1) {
  const warnings: string[] = []
  const log: LogScope = { ...silentLog, warn: (line) => void warnings.push(line), scope: () => log }
  const env = createVirtualEnv({ seed, log })
  const nodes = new Map<string, TestNode>()
  /** What every node knows, unless `blind` to the entries of another. */
  const trie = new TopicTrie<TopicEntry>()
  const entries = new Map<string, TopicEntry>()
  const blind = new Set<string>()
  const wire: { from: string; to: string; text: string }[] = []
  let generation = 0
  let copies = 0

  function nextHeaders(node: { id: string; cluster: string }, inbound: FabricHeaders | undefined, id: string): FabricHeaders | undefined {
    if (inbound === undefined) {
      return {
        correlation_id: id,
        source_cluster: node.cluster,
        target_cluster: null,
        routing_path: [node.id],
        federation_path: [node.cluster],
        hop_budget: MAX_HOPS,
        priority: 'normal',
        metadata: new RawJson('{}'),
      }
    }
    if (inbound.routing_path.includes(node.id)) return undefined
    const routing_path = [...inbound.routing_path, node.id]
    const hop_budget = Math.min(inbound.hop_budget ?? MAX_HOPS, MAX_HOPS)
    if (routing_path.length - 1 > hop_budget) return undefined
    const federation_path =
      inbound.federation_path.at(-1) === node.cluster ? inbound.federation_path : [...inbound.federation_path, node.cluster]
    return { ...inbound, routing_path, federation_path, hop_budget, source_cluster: inbound.source_cluster ?? node.cluster }
  }

  function publishEntry(node: TestNode, subscription_id: string, patterns: readonly string[]): void {
    const entry: TopicEntry = {
      subscription_id,
      node_id: node.id,
      cluster_id: node.cluster,
      patterns: [...patterns],
      scope: 'zone',
      tags: [],
      advertised_at: env.clock.wall(),
      ttl_seconds: 120,
    }
    withdraw(subscription_id)
    entries.set(subscription_id, entry)
    for (const pattern of patterns) trie.add(pattern, entry)
    generation++
  }

  function withdraw(subscriptionId: string): void {
    const entry = entries.get(subscriptionId)
    if (entry === undefined) return
    for (const pattern of entry.patterns) trie.remove(pattern, entry)
    entries.delete(subscriptionId)
    generation++
  }

  function node(name: string, init: NodeInit = {}): TestNode {
    const id = url(name)
    const cluster = init.cluster ?? 'c'
    const isReference = init.reference === true
    const notified: string[] = []
    const inbox: FabricMessage[] = []
    const links = new Set<string>()
    const routes = new Map<string, string>()
    const exchange = createExchange(env, {
      backlog: { bytesMax: 1_000_000, retentionSeconds: 3600, messagesPerTopicMax: 1000 },
      subscriptionsPerOwnerMax: 100,
    })
    const owner: Subscriber = {
      label: name,
      deliver: (message, { subscriptionId }) =>
        void notified.push(`${subscriptionId}:${JSON.stringify((JSON.parse(message.text) as { payload: unknown }).payload)}`),
    }
    const send = (to: string, frame: OutboundFrame): boolean => {
      if (!links.has(to)) return false
      copies++
      wire.push({ from: id, to, text: frame.text })
      return true
    }
    const matchTopics = (topic: string) => trie.match(topic).filter((entry) => !blind.has(`${id} ${entry.node_id}`))
    const forwarding = createPubsubForwarding(
      {
        env,
        nodeId: id,
        catalog: {
          matchTopics,
          get generation() {
            return generation
          },
          nodes: () => Array.from(nodes.values(), (other) => ({ node_id: other.id, cluster_id: other.cluster })),
        },
        links: { isConnected: (peer) => links.has(peer), send, has: (peer) => nodes.get(peer)?.isReference === false },
        deliver: (message) => exchange.publish(message),
        nextHeaders: (inbound, correlationId) => nextHeaders({ id, cluster }, inbound, correlationId),
        nextHop: (target) => routes.get(target.nodeId) ?? routes.get(target.clusterId),
        ...(init.allows && { allowsCluster: init.allows }),
        ...(init.connect && { connect: init.connect }),
      },
      init.options,
    )
    const self: TestNode = {
      id,
      cluster,
      isReference,
      notified,
      inbox,
      forwarding,
      links,
      routes,
      receive(from, message) {
        inbox.push(message)
        if (!isReference) forwarding.receive(from, message)
        else referenceReceive(from, message)
      },
      subscribe(subscriptionId, ...patterns) {
        exchange.subscribe(owner, {
          subscriptionId,
          patterns: patterns.map((pattern) => ({ pattern, exact: false })),
          subscriber: name,
          createdAt: 0,
          getBacklog: false,
          backlogSeconds: 0,
        })
      },
      loseClient: () => void exchange.removeOwner(owner),
      unsubscribe: (subscriptionId) => void exchange.unsubscribe(owner, subscriptionId),
      publish(topic, payload, headers = {}) {
        const init = { topic, payload, headers, timestamp: env.clock.wall(), messageId: env.random.ulid(), publisher: `client of ${name}` }
        const message: Message = { ...init, text: encodeMessage(init) }
        exchange.publish(message)
        if (!isReference) forwarding.published(message)
        else referenceForward(message.topic, message, nextHeaders(self, undefined, message.messageId), undefined)
        return message
      },
    }
    createSubscriptionEntries(exchange).observe({
      added: ({ subscription_id, patterns }) => publishEntry(self, subscription_id, patterns),
      removed: withdraw,
    })

    function referenceReceive(from: string, message: FabricMessage): void {
      const fields = message.payload.parse() as { topic: string; message_id: string; timestamp: number; publisher: string }
      const { topic, timestamp, publisher } = fields
      const local: Message = { topic, timestamp, messageId: fields.message_id, publisher, text: message.payload.text }
      exchange.publish(local)
      referenceForward(topic, local, nextHeaders(self, message.headers, message.message_id), from)
    }

    function referenceForward(topic: string, message: Message, headers: FabricHeaders | undefined, from: string | undefined): void {
      if (headers === undefined) return
      const wanted = new Set(matchTopics(topic).map((entry) => entry.node_id))
      wanted.delete(id)
      if (wanted.size === 0) return
      const lacksLink = [...wanted].some((target) => !links.has(target))
      for (const peer of lacksLink ? links : wanted) {
        if (peer === from || headers.routing_path.includes(peer)) continue
        const envelope: FabricMessage = {
          message_id: message.messageId,
          topic,
          message_type: 'pubsub',
          delivery: 'broadcast',
          payload: new RawJson(message.text),
          headers,
          timestamp: message.timestamp,
        }
        copies++
        wire.push({ from: id, to: peer, text: framed(envelope) })
      }
    }

    nodes.set(id, self)
    return self
  }

  return {
    env,
    warnings,
    node,
    link(a: TestNode, b: TestNode) {
      a.links.add(b.id)
      b.links.add(a.id)
    },
    mesh(list: readonly TestNode[]) {
      for (const a of list) for (const b of list) if (a !== b) a.links.add(b.id)
    },
    /** `node` does not hear of the subscriptions of `other`. */
    hide: (node: TestNode, other: TestNode) => void blind.add(`${node.id} ${other.id}`),
    reveal(node: TestNode, other: TestNode) {
      blind.delete(`${node.id} ${other.id}`)
      generation++
    },
    /** Lets all frames arrive; how many there were. */
    settle(): number {
      let arrived = 0
      for (let frame = wire.shift(); frame !== undefined; frame = wire.shift()) {
        arrived++
        const read = decodeFabricMessage(parseFrame(frame.text) as { payload?: unknown }, frame.text, env.clock.wall())
        if ('rejected' in read) throw new Error(read.rejected)
        const { headers } = read.message
        // Nobody may send a message back along its way.
        expect(headers.routing_path).not.toContain(frame.to)
        nodes.get(frame.to)?.receive(frame.from, read.message)
      }
      return arrived
    },
    get copies() {
      return copies
    },
  }
}

function framed(message: FabricMessage): string {
  const { headers } = message
  return JSON.stringify({
    role: 'fabric-message',
    payload: { ...message, payload: message.payload.parse(), headers: { ...headers, metadata: headers.metadata.parse() } },
  })
}

function envelope(headers: Partial<FabricHeaders>, payload: unknown = {}): FabricMessage {
  const message = {
    topic: 't',
    payload: 1,
    timestamp: 5.5,
    message_id: 'm1',
    publisher: 'p',
    headers: {},
    routing_path: null,
    current_hop: null,
    ...(payload as object),
  }
  return {
    message_id: 'm1',
    topic: 't',
    message_type: 'pubsub',
    delivery: 'broadcast',
    payload: new RawJson(JSON.stringify(message)),
    headers: {
      correlation_id: 'm1',
      source_cluster: 'c',
      target_cluster: null,
      routing_path: [url('a')],
      federation_path: ['c'],
      hop_budget: 5,
      priority: 'normal',
      metadata: new RawJson('{}'),
      ...headers,
    },
    timestamp: 5.5,
  }
}

describe('fabric publish/subscribe', () => {
  it('topic check 11: what a lost client subscribed to is withdrawn from the other nodes at once', () => {
    const bus = fabric()
    const [a, b] = [bus.node('a'), bus.node('b')]
    bus.link(a, b)
    b.subscribe('s1', 'orders.*')
    b.subscribe('s2', '#')
    expect(a.forwarding.explainTopic('orders.eu').nodes[0]).toMatchObject({ node_id: b.id, subscriptions_total: 2 })
    b.loseClient()
    expect(a.forwarding.explainTopic('orders.eu').reason).toBe('no_subscribers')
    a.publish('orders.eu', 1)
    expect(bus.settle()).toBe(0)
  })

  it.each(['ours', 'reference'])('topic check 12: in a full mesh of four every subscriber is notified once (the others: %s)', (others) => {
    const bus = fabric()
    const reference = others === 'reference'
    const first = bus.node('n1')
    const rest = ['n2', 'n3', 'n4'].map((name) => bus.node(name, { reference }))
    bus.mesh([first, ...rest])
    for (const [index, node] of [first, ...rest].entries()) node.subscribe(`s${index + 1}`, 'orders.#')
    const origin = reference ? (rest[0] as TestNode) : first
    origin.publish('orders.eu', { n: 1 })
    bus.settle()
    expect(first.notified).toEqual(['s1:{"n":1}'])
    if (reference) {
      // What a node of the Python implementation gets there is the yardstick: five copies.
      expect(first.inbox).toHaveLength(5)
      expect(first.forwarding.snapshot().received).toEqual({ delivered: 1, duplicate: 4, loop: 0, malformed: 0 })
    } else {
      for (const [index, node] of rest.entries()) expect(node.notified).toEqual([`s${index + 2}:{"n":1}`])
      expect(bus.copies).toBe(3)
    }
  })

  it('topic check 13: along a line of three clusters a message arrives once, by way of the one in the middle', () => {
    const bus = fabric()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => bus.node(name, { cluster: name })) as [TestNode, TestNode, TestNode]
    bus.link(a, b)
    bus.link(b, c)
    a.routes.set('c', b.id)
    c.subscribe('s', 'orders.*')
    a.publish('orders.eu', 1)
    bus.settle()
    expect(c.notified).toEqual(['s:1'])
    expect(c.inbox.map(({ headers }) => headers)).toEqual([
      {
        correlation_id: c.inbox[0]?.message_id,
        source_cluster: 'a',
        target_cluster: null,
        routing_path: [a.id, b.id],
        federation_path: ['a', 'b'],
        hop_budget: 5,
        priority: 'normal',
        metadata: new RawJson('{}'),
      },
    ])
    expect(b.forwarding.snapshot()).toMatchObject({ relayed: 1, transits: 1, deliveries: 0 })
    expect(bus.copies).toBe(2)
  })

  it('topic check 14: a subscription made after a message nobody wanted gets the next one', async () => {
    const bus = fabric()
    const [a, b] = [bus.node('a'), bus.node('b')]
    bus.link(a, b)
    a.publish('orders.eu', 1)
    bus.settle()
    b.subscribe('s', 'orders.*')
    a.publish('orders.eu', 2)
    bus.settle()
    expect(b.notified).toEqual(['s:2'])
    b.unsubscribe('s')
    a.publish('orders.eu', 3)
    expect(bus.settle()).toBe(0)
    expect(a.forwarding.snapshot().published).toMatchObject({ no_subscribers: 2, remote_only: 1 })
  })

  it('topic check 15: a message that was here goes nowhere, one whose hops are used up goes no further', () => {
    const bus = fabric()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => bus.node(name)) as [TestNode, TestNode, TestNode]
    bus.mesh([a, b, c])
    b.subscribe('sb', 't')
    c.subscribe('sc', 't')
    expect(b.forwarding.receive(a.id, envelope({ routing_path: [a.id, b.id, a.id] }))).toBe('loop')
    expect(b.notified).toEqual([])
    expect(b.forwarding.receive(a.id, envelope({ routing_path: [url('z'), a.id], hop_budget: 1 }))).toBe('delivered')
    bus.settle()
    expect([b.notified, c.notified]).toEqual([['sb:1'], []])
    expect(b.forwarding.snapshot()).toMatchObject({ hop_budget_exhausted: 1, copies_sent: 0 })
  })
})

describe('copies', () => {
  it.each([4, 20, 60])('in a full mesh of %d nodes with subscribers are one for each of the others', (count) => {
    const bus = fabric()
    const nodes = Array.from({ length: count }, (_, index) => bus.node(`n${index}`))
    bus.mesh(nodes)
    for (const [index, node] of nodes.entries()) node.subscribe(`s${index}`, '#')
    nodes[0]?.publish('t', 1)
    bus.settle()
    expect(bus.copies).toBe(count - 1)
    for (const [index, node] of nodes.entries()) expect(node.notified).toEqual([`s${index}:1`])
  })

  it('for a subscriber the sender has not heard of are few, though everybody else has', () => {
    const bus = fabric()
    const nodes = Array.from({ length: 30 }, (_, index) => bus.node(`n${index}`))
    const newcomer = bus.node('newcomer')
    bus.mesh([...nodes, newcomer])
    for (const [index, node] of nodes.entries()) node.subscribe(`s${index}`, '#')
    newcomer.subscribe('late', '#')
    bus.hide(nodes[0] as TestNode, newcomer)
    nodes[0]?.publish('t', 1)
    bus.settle()
    expect(newcomer.notified).toEqual(['late:1'])
    expect(newcomer.inbox).toHaveLength(3)
    expect(bus.copies).toBe(29 + 3)
  })

  it('never go back to where the message came from, nor twice to a node, whatever the links', () => {
    const bus = fabric(3)
    const nodes = Array.from({ length: 12 }, (_, index) => bus.node(`n${index}`, { cluster: `c${index % 3}` }))
    const at = (index: number) => nodes[(index + 12) % 12] as TestNode
    // A ring with chords; everybody else is reached by the neighbour that is nearer.
    for (let i = 0; i < 12; i++) for (const step of [1, 3]) bus.link(at(i), at(i + step))
    for (let i = 0; i < 12; i++) {
      for (let distance = 1; distance < 12; distance++) {
        const forward = distance <= 6
        const step = forward ? Math.min(distance, distance >= 3 ? 3 : 1) : -Math.min(12 - distance, 12 - distance >= 3 ? 3 : 1)
        at(i).routes.set(at(i + distance).id, at(i + step).id)
      }
    }
    for (const [index, node] of nodes.entries()) node.subscribe(`s${index}`, 't')
    for (let i = 0; i < 12; i++) at(i).publish('t', i)
    bus.settle()
    for (const [index, node] of nodes.entries()) {
      expect(node.notified).toHaveLength(12)
      expect(new Set(node.notified)).toEqual(new Set(Array.from({ length: 12 }, (_, i) => `s${index}:${i}`)))
    }
    // A tree for each message, and hardly a copy more.
    expect(bus.copies).toBeLessThanOrEqual(12 * 11 * 1.3)
  })

  it('share one printed frame', () => {
    const bus = fabric()
    const nodes = ['a', 'b', 'c', 'd'].map((name) => bus.node(name))
    bus.mesh(nodes)
    for (const node of nodes) node.subscribe(`s ${node.id}`, 't')
    nodes[0]?.publish('t', 1)
    bus.settle()
    const metadata = nodes.slice(1).map(({ inbox }) => inbox[0]?.headers.metadata.text)
    expect(new Set(metadata).size).toBe(1)
    expect(metadata[0]).toMatch(/^\{"pubsub_served":"[\w-]{32}"\}$/)
  })

  it('reach a subscriber that only the receiver knows of', () => {
    const bus = fabric()
    const nodes = ['a', 'b', 'c', 'd'].map((name) => bus.node(name)) as [TestNode, TestNode, TestNode, TestNode]
    const [a, b, c, d] = nodes
    bus.mesh(nodes)
    bus.hide(a, d)
    for (const node of nodes) node.subscribe(`s ${node.id}`, 't')
    a.publish('t', 1)
    bus.settle()
    expect(d.notified).toHaveLength(1)
    expect([b.inbox.length, c.inbox.length, d.inbox.length]).toEqual([1, 1, 2])
  })

  it('reach a subscriber whose link only another has', () => {
    const bus = fabric()
    const nodes = ['a', 'b', 'c'].map((name) => bus.node(name)) as [TestNode, TestNode, TestNode]
    const [a, b, c] = nodes
    bus.link(a, b)
    bus.link(b, c)
    for (const node of nodes) node.subscribe(`s ${node.id}`, 't')
    a.publish('t', 1)
    bus.settle()
    expect(c.notified).toHaveLength(1)
    expect(a.forwarding.snapshot()).toMatchObject({ unreachable: 1, copies_sent: 1 })
  })

  it('to nodes of the Python implementation carry no member they do not know', () => {
    const bus = fabric()
    const nodes = [bus.node('a'), bus.node('b', { reference: true }), bus.node('c'), bus.node('d')]
    bus.mesh(nodes)
    for (const node of nodes) node.subscribe(`s ${node.id}`, 't')
    nodes[0]?.publish('t', 1)
    bus.settle()
    expect(nodes[1]?.inbox.find(({ headers }) => headers.routing_path.length === 1)?.headers.metadata.text).toBe('{}')
    for (const node of [nodes[0], nodes[2], nodes[3]]) expect(node?.notified).toHaveLength(1)
  })

  it('that flooding brings are suppressed where there is no subscriber, too', () => {
    const bus = fabric()
    const [r1, r2] = [bus.node('r1', { reference: true }), bus.node('r2', { reference: true })]
    const [ours, far] = [bus.node('ours'), bus.node('far')]
    bus.mesh([r1, r2, ours])
    bus.link(ours, far)
    far.subscribe('s', 't')
    r1.publish('t', 1)
    bus.settle()
    expect(far.notified).toEqual(['s:1'])
    expect(ours.inbox.length).toBeGreaterThan(1)
    expect(ours.forwarding.snapshot()).toMatchObject({ relayed: 1, transits: 1, received: { delivered: 1 } })
  })

  it('keep what is foreign in the metadata', () => {
    const bus = fabric()
    const nodes = ['b', 'c', 'd'].map((name) => bus.node(name)) as [TestNode, TestNode, TestNode]
    bus.mesh(nodes)
    for (const node of nodes) node.subscribe(`s ${node.id}`, 't')
    nodes[0].receive(url('a'), envelope({ metadata: new RawJson('{"weight":1.0,"pubsub_served":7}') }))
    bus.settle()
    expect(nodes[1].inbox[0]?.headers.metadata.text).toMatch(/^\{"weight":1\.0,"pubsub_served":"[\w-]{24}"\}$/)
    expect(nodes[2].notified).toHaveLength(1)
  })
})

describe('suppression of copies', () => {
  const setUp = (options: PubsubForwardingOptions = {}) => {
    const bus = fabric()
    const node = bus.node('b', { options })
    node.subscribe('s', 't')
    return { ...bus, bus, node, receive: (payload: object, headers = {}) => node.forwarding.receive(url('a'), envelope(headers, payload)) }
  }

  it('lasts five minutes', async () => {
    const { env, receive } = setUp()
    expect(receive({})).toBe('delivered')
    await env.advance(299_000)
    expect(receive({})).toBe('duplicate')
    for (let minute = 0; minute < 11; minute++) {
      await env.advance(60_000)
      receive({ message_id: `other ${minute}` })
    }
    expect(receive({})).toBe('delivered')
  })

  it.each([
    ['publisher', { publisher: 'q' }, {}],
    ['topic', { topic: 't.x' }, {}],
    ['timestamp', { timestamp: 6 }, {}],
    ['message id', { message_id: 'm2' }, {}],
    ['source cluster', {}, { source_cluster: 'other' }],
  ])('takes another %s for another message', (_what, payload, headers) => {
    const { receive } = setUp()
    expect(receive({})).toBe('delivered')
    expect(receive(payload, headers)).toBe('delivered')
    expect(receive(payload, headers)).toBe('duplicate')
  })

  it('remembers no more than it may, and the latest of it', () => {
    const { node, receive } = setUp({ seenMax: 100 })
    for (let i = 0; i < 1000; i++) receive({ message_id: `m${i}` })
    expect(node.forwarding.snapshot().messages_remembered).toBeLessThanOrEqual(100)
    for (let i = 960; i < 1000; i++) expect(receive({ message_id: `m${i}` })).toBe('duplicate')
  })

  it('tells long ids apart', () => {
    const { receive } = setUp()
    const long = 'x'.repeat(100_000)
    expect(receive({ message_id: `${long}1` })).toBe('delivered')
    expect(receive({ message_id: `${long}2` })).toBe('delivered')
    expect(receive({ message_id: `${long}1` })).toBe('duplicate')
  })

  it('does not concern what is published here', () => {
    const { node, receive } = setUp()
    receive({})
    node.publish('t', 1)
    node.publish('t', 1)
    expect(node.notified).toHaveLength(3)
  })
})

describe('a payload that is no message', () => {
  it.each(['{}', '[]', 'null', '{"topic":"t","payload":1,"timestamp":1,"message_id":"m"}', `{"topic":"${'x'.repeat(2000)}"}`])(
    'is counted and skipped: %s',
    (text) => {
      const { node, warnings } = fabric()
      const b = node('b')
      b.subscribe('s', '#')
      const message = { ...envelope({}), payload: new RawJson(text) }
      expect(b.forwarding.receive(url('a'), message)).toBe('malformed')
      expect(b.forwarding.receive(url('a'), message)).toBe('malformed')
      expect(b.notified).toEqual([])
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toContain('message skipped from=ws://a:1 reason=')
    },
  )

  it('is completed when it lacks what may be absent', () => {
    const bus = fabric()
    const [b, c] = [bus.node('b'), bus.node('c')]
    bus.link(b, c)
    c.subscribe('s', 't')
    const text = '{"topic":"t","payload":{"x":1.0},"timestamp":1,"message_id":"m","publisher":"p"}'
    b.receive(url('a'), { ...envelope({}), payload: new RawJson(text) })
    bus.settle()
    expect(c.inbox[0]?.payload.text).toBe(
      '{"topic":"t","payload":{"x":1.0},"timestamp":1.0,"message_id":"m","publisher":"p","headers":{},"routing_path":null,"current_hop":null}',
    )
  })
})

describe('a message without an id', () => {
  it('stays on its node', () => {
    const bus = fabric()
    const [a, b] = [bus.node('a'), bus.node('b')]
    bus.link(a, b)
    b.subscribe('s', '#')
    const fields = { topic: 't', payload: 1, timestamp: 1, messageId: '', publisher: 'p' }
    expect(a.forwarding.published({ ...fields, text: encodeMessage(fields) })).toBe('remote_only')
    expect(bus.settle()).toBe(0)
    expect(a.forwarding.snapshot().unaddressable).toBe(1)
  })
})

describe('replies', () => {
  /** A subscriber that answers on `reply_to`. */
  const answer = (bus: ReturnType<typeof fabric>, request: FabricMessage | undefined, node: TestNode) => {
    const { headers } = (request as FabricMessage).payload.parse() as { headers: { reply_to: string } }
    node.publish(headers.reply_to, 'pong')
    bus.settle()
  }

  it('find their way before the news of the subscription that awaits them', () => {
    const bus = fabric()
    const [a, b] = [bus.node('a'), bus.node('b')]
    bus.link(a, b)
    b.subscribe('ping', 'ping')
    bus.hide(b, a)
    a.subscribe('reply', 'reply.1')
    a.publish('ping', 1, { reply_to: 'reply.1' })
    bus.settle()
    answer(bus, b.inbox[0], b)
    expect(a.notified).toEqual(['reply:"pong"'])
  })

  it('take the way the request came', () => {
    const bus = fabric()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => bus.node(name, { cluster: name })) as [TestNode, TestNode, TestNode]
    bus.link(a, b)
    bus.link(b, c)
    a.routes.set('c', b.id)
    c.subscribe('ping', 'ping')
    bus.hide(b, a)
    bus.hide(c, a)
    a.subscribe('reply', 'reply.1')
    a.publish('ping', 1, { reply_to: 'reply.1' })
    bus.settle()
    expect(c.forwarding.explainTopic('reply.1').nodes[0]).toMatchObject({ node_id: a.id, reason: 'reply_route', via: b.id, served: true })
    answer(bus, c.inbox[0], c)
    expect(a.notified).toEqual(['reply:"pong"'])
    // With the news there is no second copy.
    bus.reveal(c, a)
    c.routes.set('a', b.id)
    answer(bus, c.inbox[0], c)
    expect(a.notified).toHaveLength(2)
  })

  it('are no longer expected after a minute', async () => {
    const bus = fabric()
    const [a, b] = [bus.node('a'), bus.node('b')]
    bus.link(a, b)
    b.subscribe('ping', 'ping')
    bus.hide(b, a)
    a.publish('ping', 1, { reply_to: 'reply.1' })
    bus.settle()
    await bus.env.advance(60_001)
    expect(b.forwarding.explainTopic('reply.1').reason).toBe('no_subscribers')
    const before = bus.copies
    b.publish('reply.1', 1)
    expect(bus.copies).toBe(before)
  })

  it('on topics with subscribers of their own need no way back', () => {
    const bus = fabric()
    const nodes = ['a', 'b', 'c'].map((name) => bus.node(name)) as [TestNode, TestNode, TestNode]
    bus.mesh(nodes)
    nodes[1].subscribe('work', 'work')
    nodes[2].subscribe('done', 'done')
    nodes[0].publish('work', 1, { reply_to: 'done' })
    bus.settle()
    nodes[1].publish('done', 1)
    bus.settle()
    expect(nodes.map(({ inbox }) => inbox.length)).toEqual([0, 1, 1])
    expect(nodes[1].forwarding.snapshot().reply_routes).toBe(0)
  })
})

describe('explainTopic', () => {
  it('says who gets a message, by which way, and why others do not', () => {
    const bus = fabric()
    const a = bus.node('a', { cluster: 'a', allows: (cluster) => cluster !== 'closed' })
    const near = bus.node('near', { cluster: 'a' })
    const far = bus.node('far', { cluster: 'far' })
    const lost = bus.node('lost', { cluster: 'lost' })
    const gone = bus.node('gone', { cluster: 'gone' })
    const closed = bus.node('closed', { cluster: 'closed' })
    bus.node('idle', { cluster: 'a' })
    bus.mesh([a, near, closed])
    a.routes.set('far', near.id)
    a.routes.set('gone', url('not linked'))
    for (const node of [a, near, far, lost, gone, closed]) node.subscribe(`s ${node.id}`, 't.#')
    near.subscribe('second', 't.*')
    const { nodes, ...rest } = a.forwarding.explainTopic('t.x')
    expect(rest).toEqual({ topic: 't.x', reason: 'local_and_remote', nodes_total: 7 })
    expect(nodes.map(({ node_id, reason, via, served }) => [node_id.slice(5, -2), reason, via, served])).toEqual([
      ['a', 'local', null, true],
      ['far', 'next_hop', near.id, true],
      ['near', 'direct', near.id, true],
      ['closed', 'cluster_not_allowed', null, false],
      ['gone', 'next_hop_not_connected', null, false],
      ['idle', 'no_matching_subscription', null, false],
      ['lost', 'no_route', null, false],
    ])
    expect(nodes[2]).toMatchObject({ subscriptions_total: 2 })
    a.publish('t.x', 1)
    expect(a.forwarding.snapshot()).toMatchObject({ copies_sent: 1, unreachable: 2, published: { local_and_remote: 1 } })
  })
})

describe('subscription entries', () => {
  it('tell of every subscription as it comes, is replaced and goes', () => {
    const { env } = fabric()
    const exchange = createExchange(env, {
      backlog: { bytesMax: 0, retentionSeconds: 1, messagesPerTopicMax: 1 },
      subscriptionsPerOwnerMax: 10,
    })
    const entries = createSubscriptionEntries(exchange)
    const told: unknown[] = []
    const stop = entries.observe({ added: (entry) => told.push(entry), removed: (id) => told.push(id) })
    const owner: Subscriber = { label: 'o', deliver: () => {} }
    const subscribe = (subscriptionId: string, ...patterns: string[]) =>
      exchange.subscribe(owner, {
        subscriptionId,
        patterns: patterns.map((pattern) => ({ pattern, exact: pattern === 'a' })),
        subscriber: 's',
        createdAt: 0,
        getBacklog: false,
        backlogSeconds: 0,
      })
    subscribe('1', 'a', 'a', 'b.*')
    subscribe('1', 'c')
    subscribe('2', '#')
    expect(entries.list()).toEqual([
      { subscription_id: '1', patterns: ['c'] },
      { subscription_id: '2', patterns: ['#'] },
    ])
    exchange.unsubscribe(owner, '2')
    exchange.unsubscribe(owner, '2')
    exchange.removeOwner(owner)
    stop()
    subscribe('3', '#')
    expect(told).toEqual([
      { subscription_id: '1', patterns: ['a', 'b.*'] },
      { subscription_id: '1', patterns: ['c'] },
      { subscription_id: '2', patterns: ['#'] },
      '2',
      '1',
    ])
  })
})

describe('a subscriber without a link', () => {
  /** `a` publishes; `b` has a link to it, `c` only to `b`. The dials of `a` end when the test says so. */
  function withoutLink() {
    const bus = fabric()
    const dials: ((isLinked: boolean) => void)[] = []
    const a = bus.node('a', { connect: () => new Promise((end) => void dials.push(end)) })
    const [b, c] = [bus.node('b'), bus.node('c')]
    bus.link(a, b)
    bus.link(b, c)
    c.subscribe('s', 'orders.#')
    return { bus, a, b, c, dials }
  }

  it('gets its messages over the link that is made for the first, in order', async () => {
    const { bus, a, c, dials } = withoutLink()
    expect(a.forwarding.explainTopic('orders.eu').nodes[0]).toMatchObject({ node_id: c.id, reason: 'dial_on_demand' })
    a.publish('orders.eu', 1)
    a.publish('orders.eu', 2)
    expect(dials).toHaveLength(1)
    expect(a.forwarding.snapshot()).toMatchObject({ copies_delayed: 2, copies_waiting: 2, copies_sent: 0 })
    bus.link(a, c)
    // The link is there, but the two have not left yet: they must not be overtaken.
    a.publish('orders.eu', 3)
    dials[0]?.(true)
    await Promise.resolve()
    a.publish('orders.eu', 4)
    bus.settle()
    expect(c.notified).toEqual(['s:1', 's:2', 's:3', 's:4'])
    expect(a.forwarding.snapshot()).toMatchObject({ copies_waiting: 0, copies_sent: 4, unreachable: 0 })
  })

  it('gets them through a neighbour when no link can be made, once', async () => {
    const { bus, a, b, c, dials } = withoutLink()
    b.subscribe('t', 'orders.#')
    a.routes.set(c.id, b.id)
    a.publish('orders.eu', 1)
    dials[0]?.(false)
    await Promise.resolve()
    bus.settle()
    // The neighbour has had a copy of its own: the second one tells it what is left to do.
    expect(c.notified).toEqual(['s:1'])
    expect(b.notified).toEqual(['t:1'])
    expect(b.inbox).toHaveLength(2)
    expect(c.inbox).toHaveLength(1)
  })

  it('that nothing leads to is counted', async () => {
    const { a, dials } = withoutLink()
    a.publish('orders.eu', 1)
    dials[0]?.(false)
    await Promise.resolve()
    expect(a.forwarding.snapshot()).toMatchObject({ unreachable: 1, copies_waiting: 0, copies_sent: 0 })
  })
})
