/** Queues across nodes and clusters, in virtual time. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { NodeQueues } from '../../src/node/index.ts'
import { RawJson, type ReceivedQueueMessage } from '../../src/wire/index.ts'
import { type ClusterPlan, createFederation } from '../fabric/clusters.ts'

async function setUp(nodes: ClusterPlan['nodes'], bridges: ClusterPlan['bridges'] = [], more: Partial<ClusterPlan> = {}) {
  const federation = await createFederation({ nodes, bridges, settings: { enableDefaultQueue: true }, ...more })
  const { fabric } = federation
  onTestFinished(() => fabric.close())
  const queues = (index: number) => fabric.node(index).queues as NodeQueues
  const federated = (index: number) => {
    const snapshot = fabric.node(index).snapshot().reach?.queues
    if (snapshot === undefined) throw new Error(`node ${index} is not started`)
    return snapshot
  }
  const waiting = (index: number, name: string) => queues(index).get(name)?.statistics().current_queue_size
  /** Until the node has heard of so many queues elsewhere. */
  const heard = (index: number, count: number) => fabric.until(() => federated(index).known_remote_queues === count, 30_000)
  expect(await fabric.until(() => federation.routed() && fabric.converged(), 60_000)).toBe(true)
  return { ...federation, queues, federated, waiting, heard }
}

describe('a message for a queue elsewhere', () => {
  it('is enqueued once in the cluster of the queue, past a cluster in between, as it was written', async () => {
    const { fabric, federated, heard, queues, waiting } = await setUp({ east: 1, middle: 1, west: 2 }, [
      ['east', 'middle'],
      ['middle', 'west'],
    ])
    queues(3).create('invoices')
    await heard(0, 1)
    const result = await fabric.settle(queues(0).sendAnywhere('invoices', new RawJson('{"no":42.0}'), { topic: 'invoice.new' }))
    expect(result).toMatchObject({ success: true, delivered_to: ['west'], error_message: null })
    expect(waiting(3, 'invoices')).toBe(1)
    const [message] = (await queues(3).get('invoices')?.receive({ subscriberId: 'w' })) ?? []
    expect(message).toMatchObject({
      message_id: result.message_id,
      topic: 'invoice.new',
      payload: { text: '{"no":42.0}' },
      options: { max_retries: 3, required_acknowledgments: 1 },
    })
    expect(federated(1).passed_on).toBeGreaterThanOrEqual(2)
    expect(federated(0)).toMatchObject({
      total_federated_messages: 1,
      successful_deliveries: 1,
      acknowledgments_received: 1,
      sends_pending: 0,
    })
    // Nobody made a queue because a message came by.
    expect([0, 1, 2].map((index) => queues(index).list().length)).toEqual([0, 0, 0])
  })

  it('reaches another node of the own cluster', async () => {
    const { fabric, heard, queues, waiting } = await setUp({ east: 3 })
    queues(2).create('jobs')
    await heard(1, 1)
    expect(await fabric.settle(queues(1).sendAnywhere('jobs', 1))).toMatchObject({ success: true, delivered_to: ['east'] })
    expect(waiting(2, 'jobs')).toBe(1)
  })

  it('is refused by the queue itself, and that counts as a failure', async () => {
    const { fabric, federated, heard, queues } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    queues(1).create('small', { max_size: 1 })
    await heard(0, 1)
    await fabric.settle(queues(0).sendAnywhere('small', 1))
    const refused = await fabric.settle(queues(0).sendAnywhere('small', 2))
    expect(refused).toMatchObject({ success: false, error_message: 'Queue at maximum capacity', failed_deliveries: ['west'] })
    expect(federated(0)).toMatchObject({ successful_deliveries: 1, failed_deliveries: 1 })
  })

  it('fails with a reason where it can not go', async () => {
    const { fabric, queues } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    expect(await queues(0).sendAnywhere('nowhere', 1)).toMatchObject({
      success: false,
      error_message: 'Queue nowhere not found in fabric catalog',
    })
    expect(await queues(0).sendAnywhere('q', 1, { targetCluster: 'mars' })).toMatchObject({
      error_message: 'Target cluster mars is not known here',
    })
    expect(await fabric.settle(queues(0).sendAnywhere('q', 1, { targetCluster: 'west' }))).toMatchObject({
      success: false,
      error_message: 'Queue q does not exist in cluster west',
    })
    expect(queues(1).list()).toEqual([])
  })

  it('is sent again when the acknowledgement is lost, and enqueued no second time', async () => {
    const { fabric, federated, heard, queues, waiting } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    queues(1).create('jobs')
    await heard(0, 1)
    fabric.cut(1, 0)
    const sending = queues(0).sendAnywhere('jobs', 'once')
    await fabric.until(() => waiting(1, 'jobs') === 1, 1_000)
    expect(federated(0).sends_pending).toBe(1)
    fabric.heal()
    fabric.flap(0, 1)
    expect(await fabric.settle(sending)).toMatchObject({ success: true, delivered_to: ['west'] })
    expect(federated(0).sends_repeated).toBeGreaterThanOrEqual(1)
    expect(federated(1)).toMatchObject({ requests_enqueued: 1 })
    expect(federated(1).requests_duplicate).toBeGreaterThanOrEqual(1)
    expect(waiting(1, 'jobs')).toBe(1)
  })

  it('goes to another node with the queue when the first one dies under it', async () => {
    const { fabric, federated, heard, queues, waiting } = await setUp({ east: 1, west: 2 }, [['east', 'west']])
    for (const index of [1, 2]) queues(index).create('jobs')
    await heard(0, 2)
    fabric.cut(1, 0)
    const sending = queues(0).sendAnywhere('jobs', 'must live')
    await fabric.until(() => waiting(1, 'jobs') === 1, 1_000)
    fabric.crash(1)
    fabric.heal()
    // Only it has a bridge; it comes back without its queue.
    await fabric.restart(1)
    expect(await fabric.settle(sending)).toMatchObject({ success: true })
    expect(federated(0).sends_repeated).toBeGreaterThanOrEqual(1)
    expect(waiting(2, 'jobs')).toBe(1)
  })

  it('is given up after its retries', async () => {
    const { fabric, heard, queues } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    queues(1).create('jobs')
    await heard(0, 1)
    fabric.partition([0], [1])
    const result = await fabric.settle(queues(0).sendAnywhere('jobs', 1, { options: { max_retries: 1 } }), 300_000)
    expect(result).toMatchObject({ success: false, failed_deliveries: ['west'] })
  })
})

describe('a node whose preset makes queues by itself', () => {
  it('does so for a message of its own that nobody else has a queue for, and for no message of others', async () => {
    const { fabric, queues } = await setUp({ east: 1, west: 1 }, [['east', 'west']], {
      settings: { enableDefaultQueue: true, queuePreset: 'standard' },
    })
    expect(await fabric.call(0, 'queue_send', 'fresh', 1)).toMatchObject({ success: true })
    expect(queues(0).get('fresh')?.statistics().current_queue_size).toBe(1)
    const refused = await fabric.settle(queues(0).sendAnywhere('strange', 1, { targetCluster: 'west' }))
    expect(refused).toMatchObject({ success: false, error_message: 'Queue strange does not exist in cluster west' })
    expect(queues(1).list()).toEqual([])
  })
})

describe('an announced queue', () => {
  it('is known everywhere after five minutes, and gone at once when it is', async () => {
    const { fabric, heard, queues } = await setUp({ east: 1, west: 2 }, [['east', 'west']])
    queues(2).create('lasting', { queue_type: 'priority', max_size: 7 })
    await heard(0, 1)
    await fabric.advance(5 * 60_000)
    expect(queues(0).discover('last*')).toMatchObject([
      {
        queue_name: 'lasting',
        cluster_id: 'west',
        node_id: fabric.url(2),
        health: 'healthy',
        current_subscribers: 0,
        metadata: { queue_type: 'priority', max_size: '7', max_retries: '3', default_visibility_timeout_seconds: '60' },
      },
    ])
    queues(2).remove('lasting')
    expect(await fabric.until(() => queues(0).discover().length === 0, 2_000)).toBe(true)
  })

  it('says how it is', async () => {
    const { fabric, heard, queues } = await setUp({ east: 2 })
    queues(1).create('filling', { max_size: 10 })
    await heard(0, 1)
    for (let i = 0; i < 8; i++) queues(1).send('filling', 't', i)
    queues(1).get('filling')?.subscribe({ subscriberId: 's', topicPattern: 'other' })
    const filling = () => queues(0).discover('filling')[0]
    expect(await fabric.until(() => filling()?.health === 'degraded' && filling()?.current_subscribers === 1, 60_000)).toBe(true)
  })
})

describe('a subscription to queues wherever they are', () => {
  it('is told to a node once, and hands over each message once, until it ends', async () => {
    const { fabric, federated, heard, queues } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    for (const name of ['ev1', 'ev2', 'other']) queues(1).create(name)
    await heard(0, 3)
    const got: ReceivedQueueMessage[] = []
    const end = queues(0).subscribeAnywhere({ subscriberId: 's', queuePattern: 'ev*', deliver: (message) => void got.push(message) })
    await fabric.advance(1_000)
    expect(federated(1).remote_subscriptions).toBe(1)
    expect(queues(1).totals().active_subscriptions).toBe(2)
    queues(1).send('ev1', 'order.new', new RawJson('1.0'), 'at_least_once', { priority: 3, headers: { from: 'shop' } })
    queues(1).send('other', 'order.new', 2)
    await fabric.advance(1_000)
    expect(got).toMatchObject([
      { topic: 'order.new', payload: { text: '1.0' }, attempt: 1, options: { priority: 3, headers: { from: 'shop' } } },
    ])
    expect(queues(1).info('ev1')?.statistics).toMatchObject({ messages_acknowledged: 1, current_in_flight_count: 0 })

    // A queue that comes later is part of it.
    queues(1).create('ev3')
    queues(1).send('ev3', 'late', 3)
    await fabric.advance(1_000)
    expect(got).toHaveLength(2)

    end()
    await fabric.advance(1_000)
    expect(federated(1).remote_subscriptions).toBe(0)
    queues(1).send('ev1', 'order.new', 4)
    await fabric.advance(1_000)
    expect(got).toHaveLength(2)
    expect(queues(1).get('ev1')?.statistics().current_queue_size).toBe(1)
  })

  it('gets a message again that its subscriber failed on', async () => {
    const { fabric, heard, queues } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    queues(1).create('ev')
    await heard(0, 1)
    const attempts: number[] = []
    queues(0).subscribeAnywhere({
      subscriberId: 's',
      queuePattern: 'ev',
      async deliver({ attempt }) {
        attempts.push(attempt)
        if (attempt < 3) throw new Error('not yet')
      },
    })
    await fabric.advance(1_000)
    queues(1).send('ev', 't', 1)
    await fabric.advance(5_000)
    expect(attempts).toEqual([1, 2, 3])
    expect(queues(1).info('ev')?.statistics).toMatchObject({ messages_acknowledged: 1, messages_requeued: 2 })
  })

  it('ends with its node: messages wait for others', async () => {
    const { fabric, federated, heard, queues, waiting } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    queues(1).create('ev')
    await heard(0, 1)
    queues(0).subscribeAnywhere({ subscriberId: 's', queuePattern: 'ev', deliver: () => {} })
    await fabric.advance(1_000)
    expect(federated(1).remote_subscriptions).toBe(1)
    await fabric.stop(0)
    await fabric.until(() => federated(1).remote_subscriptions === 0, 10_000)
    queues(1).send('ev', 't', 1)
    await fabric.advance(1_000)
    expect(waiting(1, 'ev')).toBe(1)
  })

  it('that dies with a message in hand loses none', async () => {
    const { fabric, heard, queues, waiting } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    queues(1).create('ev')
    await heard(0, 1)
    queues(0).subscribeAnywhere({ subscriberId: 's', queuePattern: 'ev', deliver: () => new Promise(() => {}) })
    await fabric.advance(1_000)
    queues(1).send('ev', 't', 1)
    await fabric.advance(1_000)
    expect(queues(1).get('ev')?.statistics().current_in_flight_count).toBe(1)
    fabric.crash(0, { silent: true })
    expect(await fabric.until(() => waiting(1, 'ev') === 1, 180_000)).toBe(true)
  })

  it('is told again to a node that comes back without it', async () => {
    const { fabric, federated, heard, queues } = await setUp({ east: 1, west: 1 }, [['east', 'west']])
    queues(1).create('ev')
    await heard(0, 1)
    const got: string[] = []
    queues(0).subscribeAnywhere({ subscriberId: 's', queuePattern: 'ev', deliver: ({ topic }) => void got.push(topic) })
    await fabric.advance(1_000)
    await fabric.restart(1)
    queues(1).create('ev')
    expect(await fabric.until(() => federated(1).remote_subscriptions === 1, 60_000)).toBe(true)
    queues(1).send('ev', 'again', 1)
    await fabric.advance(1_000)
    expect(got).toEqual(['again'])
  })
})

describe('the functions of a node', () => {
  it('work on queues of other nodes and clusters', async () => {
    const { fabric, heard, queues } = await setUp({ east: 2, west: 1 }, [['east', 'west']])
    queues(1).create('near')
    queues(2).create('far')
    await heard(0, 2)
    for (const name of ['near', 'far']) {
      expect(await fabric.call(0, 'queue_send', name, { n: 1 })).toMatchObject({ success: true })
      const [{ message_id } = { message_id: '' }] = (await fabric.call(0, 'queue_receive', name, 5)) as { message_id: string }[]
      expect(await fabric.call(0, 'queue_nack', name, message_id, 'client', null, false)).toEqual({ rejected: true })
      expect(await fabric.call(0, 'queue_dead_letters', name)).toMatchObject([{ message: { message_id }, reason: 'Rejected by consumer' }])
      expect(await fabric.call(0, 'queue_redrive', name, null, name === 'far' ? 'west' : null)).toMatchObject({ redriven: 1 })
      await fabric.call(0, 'queue_receive', name)
      expect(await fabric.call(0, 'queue_ack', name, message_id)).toEqual({ acknowledged: true })
      expect(await fabric.call(0, 'queue_info', name)).toMatchObject({
        name,
        statistics: { messages_acknowledged: 1, messages_redriven: 1 },
      })
    }
    expect(await fabric.call(0, 'queue_list')).toMatchObject([
      { queue_name: 'near', cluster_id: 'east', node_id: fabric.url(1) },
      { queue_name: 'far', cluster_id: 'west', node_id: fabric.url(2) },
    ])
  })

  it('have publications of other nodes enqueued', async () => {
    const { fabric, queues, waiting } = await setUp({ east: 2 })
    queues(1).create('audit')
    queues(1).routeTopic('user.#', 'audit')
    await fabric.until(() => fabric.node(0).explainTopic('user.created').reason === 'remote_only', 10_000)
    fabric.node(0).publish('user.created', 1)
    await fabric.advance(1_000)
    expect(waiting(1, 'audit')).toBe(1)
  })
})
