import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createExchange } from '../pubsub/index.ts'
import {
  encodeFabricPayload,
  type FabricMessage,
  type OutboundFrame,
  type QueueAck,
  type QueueEntry,
  type QueueRequest,
  type QueueSubscribe,
  RawJson,
} from '../wire/index.ts'
import { QUEUES_PRESETS } from './config.ts'
import { createQueueFederation } from './federation.ts'
import { createQueues } from './queues.ts'

const SELF = 'ws://self:1'
const NEAR = 'ws://near:1'
const FAR = 'ws://far:1'

/** A node of the cluster `home` with links to NEAR, of its own cluster, and FAR, of `away`. */
function setUp(entries: QueueEntry[] = []) {
  const env = createVirtualEnv({ seed: 1 })
  const exchange = createExchange(env, {
    backlog: { bytesMax: 0, retentionSeconds: 0, messagesPerTopicMax: 0 },
    subscriptionsPerOwnerMax: 10,
  })
  const queues = createQueues({ clusterId: 'home', env, exchange }, QUEUES_PRESETS.reliable)
  const sent: { to: string; message: FabricMessage }[] = []
  const linked = new Set([NEAR, FAR])
  const federation = createQueueFederation({
    env,
    nodeId: SELF,
    clusterId: 'home',
    hopsMax: 5,
    queues,
    catalog: {
      queues: (name, cluster) =>
        entries.filter(({ cluster_id, queue_name }) => queue_name === name && (cluster === undefined || cluster_id === cluster)),
      list: () => entries,
      node: () => undefined,
      isVersioned: (id) => id === FAR,
      observe: () => () => {},
    },
    nodeProblem: () => undefined,
    knowsCluster: (id) => id === 'shut',
    links: {
      isConnected: (id) => linked.has(id),
      send(to, frame: OutboundFrame) {
        sent.push({ to, message: (frame.value as { payload: FabricMessage }).payload })
        return linked.has(to)
      },
      has: () => true,
    },
    nextHop: (_target, visited, cluster) => (cluster === 'away' && linked.has(FAR) && !visited.includes(FAR) ? FAR : undefined),
    allowsCluster: (cluster) => cluster === 'away',
  })
  const hear = (from: string, payload: Parameters<typeof encodeFabricPayload>[0] | RawJson, more: Partial<FabricMessage['headers']> = {}) =>
    federation.receive(
      from,
      {
        message_id: 'm',
        topic: 't',
        message_type: 'queue',
        delivery: 'at_least_once',
        payload: payload instanceof RawJson ? payload : encodeFabricPayload(payload),
        timestamp: 0,
        headers: {
          correlation_id: 'm',
          source_cluster: 'away',
          target_cluster: 'home',
          routing_path: [from],
          federation_path: ['away'],
          hop_budget: 5,
          priority: 'normal',
          metadata: new RawJson('{}'),
          ...more,
        },
      },
      undefined,
    )
  return { env, federation, queues, sent, linked, hear }
}

const request: QueueRequest = {
  kind: 'queue_request',
  request_id: 'r1',
  queue_name: 'jobs',
  topic: 't',
  payload: new RawJson('1.0'),
  delivery_guarantee: 'at_least_once',
  source_cluster: 'away',
  target_cluster: 'home',
  subscription_id: null,
  subscriber_id: null,
  ack_token: 'token',
  required_cluster_acks: 1,
  options: {
    priority: 0,
    delay_seconds: 0,
    visibility_timeout_seconds: null,
    max_retries: null,
    acknowledgment_timeout_seconds: null,
    required_acknowledgments: null,
    headers: {},
  },
  created_at: 0,
}
const subscribe: QueueSubscribe = {
  kind: 'queue_subscribe',
  subscription_id: 's1',
  subscriber_id: 's',
  queue_pattern: '*',
  topic_pattern: '#',
  delivery_guarantee: 'at_least_once',
  auto_acknowledge: true,
  source_cluster: 'away',
  target_cluster: 'home',
  created_at: 0,
}
const ackOf = (token: string): QueueAck => ({
  kind: 'queue_ack',
  ack_token: token,
  message_id: 'r',
  acknowledging_cluster: 'away',
  acknowledging_subscriber: '',
  success: true,
  error_message: null,
  ack_timestamp: 0,
})
const entry = (queue_name: string, node_id: string, cluster_id: string, health: QueueEntry['health'] = 'healthy'): QueueEntry => ({
  queue_name,
  node_id,
  cluster_id,
  delivery_guarantees: [],
  health,
  current_subscribers: 0,
  metadata: {},
  scope: 'zone',
  tags: [],
  advertised_at: 0,
  ttl_seconds: 30,
})

describe('what comes in about queues', () => {
  it('is skipped and counted when nobody can read it, waits for it, or it has been here', () => {
    const { federation, hear, queues } = setUp()
    queues.create('jobs')
    hear(FAR, new RawJson('{"kind":"queue_gossip"}'))
    hear(FAR, new RawJson('7'))
    hear(FAR, new RawJson('{"kind":nonsense}'))
    hear(FAR, ackOf('unknown'))
    hear(FAR, request, { routing_path: [SELF, FAR] })
    expect(federation.snapshot()).toMatchObject({ malformed: 3, late_acknowledgments: 1, returned: 1, requests_enqueued: 0 })
  })

  it('stops here when no way leads on', () => {
    const { federation, hear, linked, sent } = setUp()
    hear(NEAR, request, { target_cluster: 'away', source_cluster: 'home' })
    expect(sent).toMatchObject([{ to: FAR, message: { headers: { routing_path: [NEAR, SELF], federation_path: ['away', 'home'] } } }])
    linked.delete(FAR)
    hear(NEAR, request, { target_cluster: 'away', source_cluster: 'home' })
    hear(NEAR, request, { target_cluster: 'mars' })
    hear(NEAR, request, { target_cluster: 'away', routing_path: ['a', 'b', 'c', 'd', 'e', NEAR] })
    expect(federation.snapshot()).toMatchObject({ passed_on: 1, stopped: 3 })
  })

  it('goes on to the node of this cluster that has the queue, by name of the node', () => {
    const { hear, sent } = setUp([entry('jobs', NEAR, 'home')])
    hear(FAR, request)
    expect(sent).toMatchObject([{ to: NEAR, message: { headers: { metadata: { text: `{"target_node":"${NEAR}"}` } } } }])
  })

  it('is refused for a guarantee or options that make no sense, by an answer', () => {
    const { hear, queues, sent } = setUp()
    queues.create('jobs')
    hear(FAR, { ...request, options: { ...request.options, delay_seconds: -1 } })
    const answer = JSON.parse(sent[0]?.message.payload.text ?? '') as QueueAck
    expect(answer).toMatchObject({ success: false, ack_token: 'token', error_message: expect.stringContaining('delay_seconds') })
  })

  it('is told to every node of this cluster with a matching queue when it is for the cluster as a whole', () => {
    const { hear, sent } = setUp([entry('jobs', NEAR, 'home'), entry('jobs2', NEAR, 'home'), entry('far', FAR, 'away')])
    hear(FAR, subscribe)
    expect(sent.map(({ to }) => to)).toEqual([NEAR])
    hear(FAR, { ...subscribe, subscription_id: 's2' }, { metadata: new RawJson(`{"target_node":"${SELF}","acknowledges":true}`) })
    expect(sent).toHaveLength(1)
  })

  it('does not let another node take over a subscription, or end it', () => {
    const { federation, hear, queues } = setUp()
    queues.create('jobs')
    hear(FAR, subscribe)
    hear(FAR, subscribe)
    hear(NEAR, subscribe)
    hear(NEAR, { ...subscribe, kind: 'queue_unsubscribe' })
    expect(federation.snapshot()).toMatchObject({ remote_subscriptions: 1, subscriptions_refused: 1 })
    expect(queues.get('jobs')?.subscriptionCount).toBe(1)
    hear(FAR, { ...subscribe, kind: 'queue_unsubscribe' })
    expect(queues.get('jobs')?.subscriptionCount).toBe(0)
  })
})

describe('a subscription', () => {
  it('that a queue of this node does not take is none, and leaves nothing behind', () => {
    const { env, federation, queues, sent } = setUp([entry('jobs', FAR, 'away')])
    queues.create('first')
    queues.create('full')
    for (let n = 0; n < 10_000; n++) queues.get('full')?.subscribe({ subscriberId: 's', topicPattern: 'x' })
    const init = { subscriberId: 's', queuePattern: '*', deliver: () => {} }
    expect(() => federation.subscribe(init)).toThrow('queue full has 10000 subscriptions already')
    expect(federation.snapshot().active_subscriptions).toBe(0)
    expect(queues.get('first')?.subscriptionCount).toBe(0)
    expect(sent).toEqual([])
    expect(env.pendingTimers).toBe(0)
  })

  it('is told again now and then, to nodes that take it for what it is, until it ends', async () => {
    const { env, federation, sent } = setUp([entry('jobs', FAR, 'away'), entry('jobs', NEAR, 'home')])
    const id = federation.subscribe({ subscriberId: 's', queuePattern: 'jobs', deliver: () => {} })
    expect(sent.map(({ to }) => to)).toEqual([FAR, NEAR])
    await env.advance(60_000)
    expect(sent.map(({ to }) => to)).toEqual([FAR, NEAR, FAR])
    expect(federation.unsubscribe(id)).toBe(true)
    expect(sent.slice(3).map(({ message }) => JSON.parse(message.payload.text).kind)).toEqual(['queue_unsubscribe', 'queue_unsubscribe'])
    expect(env.pendingTimers).toBe(0)
  })
})

describe('a message', () => {
  it('has the id in the queue that its sender was told, and is taken once under it, whoever repeats it', async () => {
    const { federation, hear, queues, sent } = setUp()
    queues.create('jobs')
    queues.create('other')
    hear(FAR, request)
    hear(FAR, request)
    expect(queues.get('jobs')?.statistics()).toMatchObject({ current_queue_size: 1 })
    expect(await queues.get('jobs')?.receive({ subscriberId: 'w' })).toMatchObject([{ message_id: 'r1' }])
    hear(FAR, { ...request, queue_name: 'other' })
    expect(await queues.get('other')?.receive({ subscriberId: 'w' })).toMatchObject([{ message_id: 'r1' }])

    expect(await federation.send('jobs', 1, { messageId: 'mine' })).toMatchObject({ success: true, message_id: 'mine' })
    expect(await federation.send('jobs', 1, { messageId: 'mine' })).toMatchObject({
      success: true,
      message_id: 'mine',
      delivered_to: ['home'],
    })
    hear(NEAR, { ...request, request_id: 'mine', source_cluster: 'home' })
    expect(federation.snapshot()).toMatchObject({ requests_enqueued: 2, requests_duplicate: 3 })
    expect(queues.get('jobs')?.statistics()).toMatchObject({ messages_sent: 2, current_queue_size: 1 })
    await expect(federation.send('jobs', 1, { messageId: 'a b' })).rejects.toThrow('message_id must be 1 to 128 visible ASCII characters')
    sent.length = 0
    hear(FAR, { ...request, request_id: 'x'.repeat(1_000) })
    expect(JSON.parse(sent[0]?.message.payload.text ?? '')).toMatchObject({
      success: false,
      error_message: expect.stringContaining('request_id'),
    })
  })

  it('does not take the place of another of its id', async () => {
    const { hear, queues } = setUp()
    queues.create('jobs')
    hear(FAR, request)
    hear(FAR, { ...request, source_cluster: 'elsewhere' })
    const got = (await queues.get('jobs')?.receive({ subscriberId: 'w', max: 5 })) ?? []
    expect(new Set(got.map(({ message_id }) => message_id)).size).toBe(2)
    for (const { message_id } of got) expect(queues.get('jobs')?.acknowledge(message_id, 'w')).toBe(true)
  })
})

describe('a send', () => {
  it('prefers this cluster, then the healthy, then goes by cluster and node', () => {
    const { federation } = setUp([
      entry('a', FAR, 'away'),
      entry('a', NEAR, 'home', 'degraded'),
      entry('b', 'ws://z:1', 'away'),
      entry('b', FAR, 'away', 'degraded'),
      entry('b', 'ws://y:1', 'away'),
      entry('c', 'ws://m:1', 'mars'),
    ])
    expect([federation.find('a')?.node_id, federation.find('b')?.node_id, federation.find('c')]).toEqual([NEAR, 'ws://y:1', undefined])
  })

  it('is refused while too many wait for their acknowledgement', async () => {
    const { federation } = setUp([entry('jobs', FAR, 'away')])
    for (let i = 0; i < 10_000; i++) void federation.send('jobs', i)
    expect(await federation.send('jobs', 'one more')).toMatchObject({
      success: false,
      error_message: expect.stringContaining('10000 sends wait'),
    })
    expect(federation.snapshot()).toMatchObject({ sends_refused: 1, sends_pending: 10_000 })
    federation.close()
    expect(federation.snapshot()).toMatchObject({ sends_pending: 0 })
  })

  it('is given up at once when it must not be repeated, and after its retries otherwise', async () => {
    const { env, federation, linked } = setUp([entry('jobs', FAR, 'away')])
    linked.clear()
    const once = federation.send('jobs', 1, { guarantee: 'fire_and_forget' })
    const often = federation.send('jobs', 2, { options: { max_retries: 2 } })
    await env.advance(1_000)
    expect(await once).toMatchObject({ success: false, error_message: 'fabric_queue_send_failed' })
    expect(federation.snapshot()).toMatchObject({ sends_pending: 1, sends_repeated: 1 })
    await env.advance(10_000)
    expect(await often).toMatchObject({ success: false, error_message: 'fabric_queue_send_failed' })
    expect(federation.snapshot()).toMatchObject({ sends_pending: 0, sends_repeated: 2, failed_deliveries: 2 })
  })

  it('is repeated under the same id when nobody answers', async () => {
    const { env, federation, hear, sent } = setUp([entry('jobs', FAR, 'away')])
    const sending = federation.send('jobs', 1)
    await env.advance(60_000)
    expect(sent).toHaveLength(2)
    expect(new Set(sent.map(({ message }) => message.message_id)).size).toBe(1)
    const { ack_token } = JSON.parse(sent[1]?.message.payload.text ?? '') as { ack_token: string }
    hear(FAR, ackOf(ack_token))
    expect(await sending).toMatchObject({ success: true, delivered_to: ['away'] })
    federation.close()
    expect(env.pendingTimers).toBe(0)
  })
})
