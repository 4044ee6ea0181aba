import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createExchange } from '../pubsub/index.ts'
import { encodeMessage, type Message } from '../wire/index.ts'
import { QUEUES_PRESETS, type QueuesConfig } from './config.ts'
import { createQueues } from './queues.ts'

function setUp(config: QueuesConfig = QUEUES_PRESETS.reliable) {
  const env = createVirtualEnv({ seed: 1 })
  const exchange = createExchange(env, {
    backlog: { bytesMax: 1_000, retentionSeconds: 10, messagesPerTopicMax: 10 },
    subscriptionsPerOwnerMax: 2,
  })
  const queues = createQueues({ env, exchange }, config)
  function publish(topic: string): void {
    const fields = { topic, timestamp: 1, messageId: 'm', publisher: 'p' }
    exchange.publish({ ...fields, text: encodeMessage({ ...fields, payload: 1, headers: { kept: 'yes', dropped: 1 } }) } satisfies Message)
  }
  return { env, exchange, queues, publish }
}

describe('the queues of a node', () => {
  it('are made only when asked with the reliable preset, and by the first message with the others', () => {
    const reliable = setUp().queues
    expect(reliable.send('x', 't', 1)).toMatchObject({ success: false, error_message: 'Queue x does not exist' })
    expect(reliable.create('x')).toBe(true)
    expect(reliable.create('x')).toBe(false)
    expect(reliable.get('x')?.config).toMatchObject({
      default_visibility_timeout_seconds: 60,
      default_acknowledgment_timeout_seconds: 600,
    })
    const standard = setUp(QUEUES_PRESETS.standard).queues
    expect(standard.send('x', 't', 1).success).toBe(true)
    expect(standard.get('x')?.statistics().current_queue_size).toBe(1)
    const fast = setUp(QUEUES_PRESETS['high-throughput']).queues
    fast.send('x', 't', 1)
    expect(fast.get('x')?.config).toMatchObject({ max_size: 50_000, default_visibility_timeout_seconds: 10 })
  })

  it('are no more than there may be, with names as long as there may be', () => {
    const { queues } = setUp({ ...QUEUES_PRESETS.standard, queuesMax: 1 })
    expect(queues.create('one')).toBe(true)
    expect(queues.create('two')).toBe(false)
    expect(queues.send('two', 't', 1)).toMatchObject({ success: false, error_message: 'Queue two does not exist' })
    expect(() => queues.create('x'.repeat(256))).toThrow("a queue's name has at most 255 characters, this one has 256")
    for (const blank of ['', ' ', '\t']) expect(() => queues.create(blank)).toThrow("a queue's name is not blank")
    for (const name of ['a\nb', 'a\u0000', '\u0085x']) expect(() => queues.create(name)).toThrow('no control characters')
    expect(() => queues.send('a\nb', 't', 1)).toThrow('no control characters')
  })

  it('count together, those that have ended included', async () => {
    const { env, queues } = setUp()
    for (const name of ['a', 'b']) {
      queues.create(name, { max_retries: 0 })
      queues.get(name)?.subscribe({
        subscriberId: 's',
        topicPattern: '#',
        deliver() {
          if (name === 'b') throw new Error('no')
        },
      })
      queues.send(name, 't', 1)
    }
    await env.advance(0)
    const counted = { total_messages_sent: 2, total_messages_received: 1, total_messages_acknowledged: 1, total_messages_failed: 1 }
    expect(queues.totals()).toEqual({ ...counted, total_queues: 2, active_subscriptions: 2, success_rate: 0.5 })
    expect(queues.remove('b')).toBe(true)
    expect(queues.remove('b')).toBe(false)
    expect(queues.totals()).toEqual({ ...counted, total_queues: 1, active_subscriptions: 1, success_rate: 0.5 })
  })

  it('take nothing when the node stops', () => {
    const { queues } = setUp(QUEUES_PRESETS.standard)
    queues.create('x')
    queues.close()
    expect(queues.get('x')).toBeUndefined()
    expect(queues.send('x', 't', 1)).toMatchObject({ success: false, error_message: 'the node is stopping' })
  })
})

describe('a topic that is routed', () => {
  it('has each publication enqueued once for each queue, with the guarantee of the route and the headers that are texts', () => {
    const { publish, queues } = setUp()
    for (const name of ['a', 'b']) queues.create(name)
    expect(queues.routeTopic('user.*', 'a', 'broadcast')).toBe(true)
    queues.routeTopic('user.#', 'a', 'broadcast')
    queues.routeTopic('#', 'b')
    publish('user.new')
    publish('other')
    expect(['a', 'b'].map((name) => queues.get(name)?.statistics().current_queue_size)).toEqual([1, 2])
    return expect(queues.get('a')?.receive({ subscriberId: 'w' })).resolves.toMatchObject([
      { topic: 'user.new', payload: { text: '1' }, delivery_guarantee: 'broadcast', options: { headers: { kept: 'yes' } } },
    ])
  })

  it('ends with its queue, or when it is said to', () => {
    const { exchange, publish, queues } = setUp()
    queues.create('a')
    queues.routeTopic('x', 'a')
    queues.routeTopic('y', 'a')
    expect(queues.unrouteTopic('x', 'a')).toBe(true)
    expect(queues.unrouteTopic('x', 'a')).toBe(false)
    publish('x')
    publish('y')
    expect(queues.info('a')).toMatchObject({ topic_routes: ['y'], statistics: { current_queue_size: 1 } })
    queues.remove('a')
    expect(exchange.subscriptionCount).toBe(0)
  })

  it('needs a queue, a pattern that is one, and room', () => {
    const { queues } = setUp()
    expect(queues.routeTopic('x', 'none')).toBe(false)
    for (const name of ['a', 'b', 'c']) queues.create(name)
    expect(() => queues.routeTopic('user.a*.b', 'a')).toThrow('Invalid topic pattern: * wildcard must be its own segment')
    queues.routeTopic('x', 'a')
    queues.routeTopic('x', 'b')
    expect(() => queues.routeTopic('x', 'c')).toThrow(/^queue c: /)
    expect(queues.info('c')?.topic_routes).toEqual([])
  })
})
