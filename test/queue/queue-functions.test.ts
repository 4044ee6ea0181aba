import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, connect, RawJson } from '../../src/client-node.ts'
import { createNode, type Node } from '../../src/node/index.ts'

describe('a client without a library for queues', () => {
  let node: Node
  let client: Client
  const call = <T = Record<string, unknown>>(fun: string, kwargs: Record<string, unknown>) => client.callWith({ kwargs }, fun) as Promise<T>
  type Received = { message_id: string; attempt: number; payload: unknown }[]

  beforeAll(async () => {
    node = await createNode({ host: '127.0.0.1', port: 0, name: 'q', enableDefaultQueue: true, logLevel: 'ERROR' })
    await node.start()
    client = await connect(node.url)
  })
  afterAll(async () => {
    await client.close()
    await node.stop()
  })

  it('makes a queue, sends, receives and acknowledges, and no digit is lost', async () => {
    expect(await call('queue_create', { queue_name: 'orders', config: { max_retries: 1 } })).toMatchObject({
      created: true,
      node_id: node.url,
    })
    expect(await call('queue_create', { queue_name: 'orders' })).toMatchObject({
      created: false,
      error_message: 'there is a queue of that name',
    })
    const payload = new RawJson('{"amount":1.0,"id":18446744073709551615}')
    expect(await call('queue_send', { queue_name: 'orders', payload })).toMatchObject({
      success: true,
      error_message: null,
      delivered_to: ['default-cluster'],
    })
    const text = (await client.callRaw({ kwargs: { queue_name: 'orders', subscriber_id: 'w' } }, 'queue_receive')).text
    expect(text).toContain('"payload":{"amount":1.0,"id":18446744073709551615}')
    const [{ attempt, message_id } = { attempt: 0, message_id: '' }] = JSON.parse(text) as Received
    expect(await call('queue_ack', { queue_name: 'orders', message_id, subscriber_id: 'w', attempt })).toEqual({ acknowledged: true })
    expect(await call('queue_ack', { queue_name: 'orders', message_id, subscriber_id: 'w' })).toEqual({ acknowledged: false })
  })

  it('may write numbers of options with a fraction, as Python does', async () => {
    await call('queue_create', { queue_name: 'ranked', config: new RawJson('{"queue_type":"priority","message_ttl_seconds":60.0}') })
    const options = new RawJson(
      '{"delay_seconds":0.0,"visibility_timeout_seconds":5.0,"priority":2,"max_retries":null,"headers":{"a":"b"}}',
    )
    expect(await call('queue_send', { queue_name: 'ranked', payload: 1, options })).toMatchObject({ success: true })
    expect(await call('queue_receive', { queue_name: 'ranked' })).toMatchObject([
      { options: { visibility_timeout_seconds: 5, priority: 2, max_retries: 3, headers: { a: 'b' } } },
    ])
  })

  it('waits for a message that comes later', async () => {
    const waiting = call<Received>('queue_receive', { queue_name: 'orders', wait_seconds: 10 })
    await call('queue_send', { queue_name: 'orders', payload: 'late' })
    expect(await waiting).toMatchObject([{ payload: 'late', attempt: 1 }])
  })

  it('gives messages up, and brings them back', async () => {
    await call('queue_create', { queue_name: 'letters', config: { max_retries: 0 } })
    await call('queue_send', { queue_name: 'letters', payload: 1 })
    const [{ message_id } = { message_id: '' }] = await call<Received>('queue_receive', { queue_name: 'letters' })
    await call('queue_nack', { queue_name: 'letters', message_id, requeue: false, detail: 'no such address' })
    expect(await call('queue_dead_letters', { queue_name: 'letters' })).toMatchObject([
      { reason: 'Rejected by consumer', detail: 'no such address', attempts: 1 },
    ])
    expect(await call('queue_redrive', { queue_name: 'letters' })).toEqual({
      redriven: 1,
      node_id: node.url,
      cluster_id: 'default-cluster',
    })
    expect(await call('queue_info', { queue_name: 'letters' })).toMatchObject({
      name: 'letters',
      statistics: { current_queue_size: 1, messages_failed: 1, dead_letters: 0 },
    })
    expect(await call('queue_delete', { queue_name: 'letters' })).toEqual({
      deleted: true,
      node_id: node.url,
      cluster_id: 'default-cluster',
    })
  })

  it('has publications enqueued, once for each queue', async () => {
    await call('queue_create', { queue_name: 'audit' })
    for (const topic_pattern of ['user.*', 'user.#']) {
      expect(await call('queue_route_topic', { topic_pattern, queue_name: 'audit' })).toEqual({ routed: true })
    }
    await client.publish('user.created', { id: new RawJson('1.0') })
    await client.publish('other.created', {})
    expect(await call('queue_receive', { queue_name: 'audit', max_messages: 10, wait_seconds: 5 })).toMatchObject([
      { topic: 'user.created', payload: { id: 1 } },
    ])
    expect(await call('queue_info', { queue_name: 'audit' })).toMatchObject({ topic_routes: ['user.*', 'user.#'] })
    expect(await call('queue_unroute_topic', { topic_pattern: 'user.*', queue_name: 'audit' })).toEqual({ unrouted: true })
  })

  it('is told what is wrong', async () => {
    await expect(call('queue_info', { queue_name: 'none' })).rejects.toMatchObject({
      details: expect.stringContaining('QueueNotFoundError: Queue none does not exist; queue_list names those that do'),
    })
    expect(await call('queue_send', { queue_name: 'none', payload: 1 })).toMatchObject({
      success: false,
      error_message: 'Queue none not found in fabric catalog',
    })
    await expect(call('queue_create', { queue_name: 'x', config: { max_size: 0 } })).rejects.toMatchObject({
      details: expect.stringContaining('QueueOptionError: queue x: max_size must be a whole number from 1'),
    })
    await expect(call('queue_send', { queue_name: 'orders', payload: 1, delivery_guarantee: 'exactly_once' })).rejects.toMatchObject({
      details: expect.stringContaining('delivery_guarantee must be one of fire_and_forget, at_least_once, broadcast, quorum'),
    })
    expect(await call('queue_list', { pattern: 'ord*' })).toMatchObject([
      { queue_name: 'orders', node_id: node.url, health: 'healthy', metadata: { queue_type: 'fifo', max_size: '10000' } },
    ])
  })
})
