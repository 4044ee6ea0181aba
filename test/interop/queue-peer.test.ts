/** A live node with queues, and a peer of another cluster that says what the protocol's description has it say about queues. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { NodeQueues } from '../../src/node/index.ts'
import { encodeJson, RawJson } from '../../src/wire/index.ts'
import { PEER_PORT, startBesidePeer } from './beside-peer.ts'
import type { Json } from './scripted-peer.ts'

const vector = (name: string) => readFileSync(new URL(`../vectors/queue/${name}`, import.meta.url), 'utf8')

async function setUp() {
  const { env, node, peer } = await startBesidePeer(
    {
      clusterId: 'berlin',
      peers: [`ws://127.0.0.1:${PEER_PORT}`],
      enableDefaultQueue: true,
      federationConfig: { federationMode: 'explicit_bridging', explicitBridges: [{ remoteClusterId: 'lyon' }] },
    },
    { clusterId: 'lyon' },
  )
  await env.advance(1_000)

  /** What the peer was told about queues, each with its envelope. */
  const heard = () =>
    peer.heard
      .map(({ frame, text }) => ({ text, message: frame.payload as Json | undefined }))
      .filter(({ message }) => message?.message_type === 'queue')
      .map(({ message, text }) => ({ text, message: message as Json, payload: (message as Json).payload as Json }))

  function say(topic: string, id: string, payload: string): void {
    const headers = {
      correlation_id: id,
      source_cluster: 'lyon',
      target_cluster: 'berlin',
      routing_path: [peer.url],
      federation_path: ['lyon'],
      hop_budget: 5,
      priority: 'normal',
      metadata: {},
    }
    const message = { message_id: id, topic, message_type: 'queue', delivery: 'at_least_once', headers, timestamp: env.clock.wall() }
    const text = encodeJson({ role: 'fabric-message', payload: { ...message, payload: new RawJson(payload) } })
    peer.sayText(text)
  }

  /** It has a queue of this name. */
  async function announce(queue: string): Promise<void> {
    const gossip = peer.recorded('catalog-snapshot-functions', node.url)
    const message = gossip.payload as Json
    const at = env.clock.wall()
    const entry = {
      queue_name: queue,
      cluster_id: 'lyon',
      node_id: peer.url,
      delivery_guarantees: ['at_least_once'],
      health: 'healthy',
      current_subscribers: 0,
      metadata: { queue_type: 'fifo', max_size: '10000' },
      scope: 'zone',
      tags: [],
      advertised_at: at,
      ttl_seconds: 30,
    }
    peer.say({ ...gossip, payload: { ...message, payload: { ...(message.payload as Json), functions: [], queues: [entry] } } })
    await env.advance(500)
  }

  return { env, node, peer, queues: node.queues as NodeQueues, heard, say, announce }
}

/** The payload of a message as it was sent, with what differs each time replaced. */
function shown({ message, payload, text }: { message: Json; payload: Json; text: string }): string {
  const start = text.indexOf('"payload":', text.indexOf('"delivery":')) + '"payload":'.length
  const body = text.slice(start, text.indexOf(',"headers":{"correlation_id"', start))
  const volatile: [unknown, string][] = [
    [message.message_id, '<id>'],
    [payload.kind === 'queue_request' ? payload.ack_token : null, '<token>'],
  ]
  let out = body.replace(/("(?:created_at|ack_timestamp)":)\d+\.\d+/, '$1<time>')
  for (const [value, name] of volatile) if (typeof value === 'string' && value !== '9f11') out = out.replaceAll(`"${value}"`, `"${name}"`)
  return out
}

describe('a peer without this package', () => {
  it('queue checks 24: gets a request without nulls, and its acknowledgement settles the send', async () => {
    const { announce, env, heard, node, queues, say } = await setUp()
    await announce('invoices')
    const send = () => queues.sendAnywhere('invoices', new RawJson('{"no":42.0}'), { topic: 'invoice.eu.new' })
    const first = send()
    await env.advance(100)
    const [request] = heard()
    if (request === undefined) throw new Error('nothing was sent')
    expect(shown(request)).toBe(vector('sent-request.txt'))
    expect(request.message).toMatchObject({
      topic: 'mpreg.queue.invoices',
      message_type: 'queue',
      delivery: 'at_least_once',
      headers: { source_cluster: 'berlin', target_cluster: 'lyon', routing_path: [node.url], federation_path: ['berlin'], hop_budget: 5 },
    })
    const { ack_token: token, request_id: id } = request.payload as { ack_token: string; request_id: string }
    const ack = (ackToken: string, more: object) =>
      say(
        'mpreg.queue.ack.invoices',
        ackToken,
        JSON.stringify({ kind: 'queue_ack', ack_token: ackToken, message_id: id, acknowledging_cluster: 'lyon', ...more }),
      )
    ack(token, { acknowledging_subscriber: '', success: true, error_message: null, ack_timestamp: 1712000000.25 })
    await env.advance(100)
    expect(await first).toMatchObject({ success: true, message_id: id, delivered_to: ['lyon'] })
    expect(node.snapshot().reach?.queues).toMatchObject({ sends_pending: 0, successful_deliveries: 1, failed_deliveries: 0 })

    const second = send()
    await env.advance(100)
    ack(heard()[1]?.payload.ack_token as string, { success: false, error_message: 'Queue at maximum capacity' })
    await env.advance(100)
    expect(await second).toMatchObject({ success: false, error_message: 'Queue at maximum capacity' })
    expect(node.snapshot().reach?.queues).toMatchObject({ successful_deliveries: 1, failed_deliveries: 1 })
  })

  it('has its request enqueued, nulls and all, once, and acknowledged each time', async () => {
    const { env, heard, queues, say } = await setUp()
    queues.create('bills')
    for (let i = 0; i < 2; i++) {
      say('mpreg.queue.bills', '0b6e', vector('received-request.json'))
      await env.advance(100)
    }
    const acks = heard()
    expect(acks.map(shown)).toEqual([vector('sent-ack.txt'), vector('sent-ack.txt')])
    expect(acks[0]?.message).toMatchObject({ topic: 'mpreg.queue.ack.bills', message_id: '9f11', headers: { target_cluster: 'lyon' } })
    const received = await queues.get('bills')?.receive({ subscriberId: 'w', max: 5 })
    expect(received).toMatchObject([{ payload: { text: '{"x":1.0}' }, options: { visibility_timeout_seconds: 60, max_retries: 3 } }])

    say('mpreg.queue.none', '0b6f', vector('received-request.json').replace('"bills"', '"none"').replace('0b6e', '0b6f'))
    await env.advance(100)
    expect(heard().at(-1)?.payload).toMatchObject({ success: false, error_message: 'Queue none does not exist in cluster berlin' })
    expect(queues.list()).toHaveLength(1)
  })

  it('is subscribed to and subscribes; each ends when it is said to', async () => {
    const { announce, env, heard, queues, say } = await setUp()
    await announce('invoices')
    const end = queues.subscribeAnywhere({ subscriberId: 'watcher', queuePattern: 'inv*', deliver: () => {} })
    await env.advance(100)
    end()
    await env.advance(100)
    const [subscribe, unsubscribe, ...more] = heard()
    if (subscribe === undefined || unsubscribe === undefined) throw new Error('it was not told')
    expect(more).toEqual([])
    expect(shown(subscribe)).toBe(vector('sent-subscribe.txt'))
    expect(shown(unsubscribe)).toBe(vector('sent-subscribe.txt').replace('queue_subscribe', 'queue_unsubscribe'))

    queues.create('bills')
    say('mpreg.queue.subscription', 's-1', vector('received-subscribe.json'))
    await env.advance(100)
    queues.send('bills', 'bill.new', new RawJson('{"x":1.0}'))
    await env.advance(100)
    const delivery = heard().at(-1)
    if (delivery === undefined) throw new Error('nothing was delivered')
    expect(shown(delivery)).toBe(vector('sent-delivery.txt'))
    // It does not say what becomes of a message: one that has left counts as taken.
    expect(queues.info('bills')?.statistics).toMatchObject({ messages_acknowledged: 1, current_in_flight_count: 0 })
    say('mpreg.queue.subscription', 's-1', vector('received-subscribe.json').replace('queue_subscribe', 'queue_unsubscribe'))
    await env.advance(100)
    queues.send('bills', 'bill.new', 2)
    await env.advance(100)
    expect(heard().at(-1)).toEqual(delivery)
    expect(queues.get('bills')?.statistics().current_queue_size).toBe(1)
  })
})
