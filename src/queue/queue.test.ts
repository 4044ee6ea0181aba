import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type VirtualEnv } from '../base/index.ts'
import { type QueueConfig, type QueueMessageGuarantee, RawJson, type ReceivedQueueMessage } from '../wire/index.ts'
import { QUEUES_PRESETS, queueConfig } from './config.ts'
import { createQueue, type Queue } from './queue.ts'

const body = new RawJson('{"n":1.0}')

function make(given: Partial<QueueConfig> = {}): { env: VirtualEnv; queue: Queue; send: (topic?: string, options?: object) => string } {
  const env = createVirtualEnv({ seed: 1 })
  const queue = createQueue({ env, name: 'q', config: queueConfig('q', given, QUEUES_PRESETS.standard.queue) })
  const send = (topic = 't', options = {}) => queue.send(topic, body, 'at_least_once', options).message_id
  return { env, queue, send }
}

/** A consumer that notes what it gets. */
function collect(queue: Queue, init: Partial<Parameters<Queue['subscribe']>[0]> = {}): ReceivedQueueMessage[] {
  const got: ReceivedQueueMessage[] = []
  queue.subscribe({ subscriberId: 'a', topicPattern: '#', deliver: (message) => void got.push(message), ...init })
  return got
}

const topics = (got: readonly ReceivedQueueMessage[]) => got.map(({ topic }) => topic)

describe('a queue delivers', () => {
  it('fire_and_forget within the send, and stores nothing', async () => {
    const { env, queue } = make()
    expect(queue.send('t', body, 'fire_and_forget')).toMatchObject({ success: true, delivered_to: [] })
    const got = collect(queue)
    queue.subscribe({
      subscriberId: 'broken',
      topicPattern: '#',
      deliver() {
        throw new Error('no')
      },
    })
    const result = queue.send('t', body, 'fire_and_forget')
    expect(got).toHaveLength(1)
    expect(result).toMatchObject({ success: true, delivered_to: ['a'], failed_deliveries: ['broken: Error: no'] })
    await env.advance(1)
    expect(queue.statistics()).toMatchObject({
      messages_sent: 0,
      messages_received: 1,
      messages_acknowledged: 1,
      current_queue_size: 0,
      current_in_flight_count: 0,
    })
  })

  it('payloads as they were written', async () => {
    const { env, queue, send } = make()
    const got = collect(queue)
    send()
    await env.advance(0)
    expect(got[0]?.payload.text).toBe('{"n":1.0}')
  })

  it('a message nobody acknowledges again and again, then gives it up', async () => {
    const { env, queue, send } = make({ max_retries: 2, default_acknowledgment_timeout_seconds: 0.5 })
    const got = collect(queue, { autoAcknowledge: false })
    const id = send()
    await env.advance(5_000)
    expect(got.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(queue.statistics()).toMatchObject({ messages_requeued: 2, messages_failed: 1, dead_letters: 1, success_rate: 0 })
    expect(queue.deadLetters()).toMatchObject([
      { message: { message_id: id }, reason: 'Max retries exceeded', attempts: 3, last_delivered_to: ['a'] },
    ])
  })

  it('by quorum and broadcast until enough have acknowledged', async () => {
    const { env, queue } = make()
    const names = ['s1', 's2', 's3', 's4', 's5']
    const ids = names.map((subscriberId) => queue.subscribe({ subscriberId, topicPattern: '#' }))
    const quorum = queue.send('t', body, 'quorum', { required_acknowledgments: 3 }).message_id
    await env.advance(0)
    expect(queue.acknowledge(quorum, 's1')).toBe(true)
    expect(queue.acknowledge(quorum, 's1')).toBe(true)
    expect(queue.acknowledge(quorum, 's2')).toBe(true)
    expect(queue.acknowledge(quorum, 'stranger')).toBe(false)
    expect(queue.statistics()).toMatchObject({ current_in_flight_count: 1, messages_acknowledged: 0 })
    expect(queue.acknowledge(quorum, 's3')).toBe(true)
    expect(queue.statistics()).toMatchObject({ current_in_flight_count: 0, messages_acknowledged: 1 })
    expect(queue.acknowledge(quorum, 's4')).toBe(false)

    for (const id of ids.slice(3)) queue.unsubscribe(id)
    const broadcast = queue.send('t', body, 'broadcast').message_id
    await env.advance(0)
    for (const name of ['s1', 's2']) queue.acknowledge(broadcast, name)
    expect(queue.statistics().current_in_flight_count).toBe(1)
    queue.acknowledge(broadcast, 's3')
    expect(queue.statistics()).toMatchObject({ current_in_flight_count: 0, messages_acknowledged: 2 })
  })

  it('by priority, and in the order of sending among equals', async () => {
    const { env, queue, send } = make({ queue_type: 'priority' })
    const got = collect(queue)
    for (const priority of [1, 10, 5, 15]) send(`p${priority}`, { priority })
    for (const name of ['x', 'y', 'z']) send(name, { priority: 3 })
    await env.advance(0)
    expect(topics(got)).toEqual(['p15', 'p10', 'p5', 'x', 'y', 'z', 'p1'])
  })

  it('after their delay, shortest first; whoever has none overtakes', async () => {
    const { env, queue, send } = make({ queue_type: 'delay' })
    const got = collect(queue)
    for (const delay_seconds of [2, 1, 0.5]) send(`d${delay_seconds}`, { delay_seconds })
    send('now')
    await env.advance(10)
    expect(topics(got)).toEqual(['now'])
    await env.advance(2_000)
    expect(topics(got)).toEqual(['now', 'd0.5', 'd1', 'd2'])
  })

  it('to one of a group, and to each that stands alone', async () => {
    const { env, queue, send } = make()
    const alone = collect(queue, { subscriberId: 'alone' })
    const first = collect(queue, { subscriberId: 'g1', group: 'g' })
    const second = collect(queue, { subscriberId: 'g2', group: 'g' })
    for (let i = 0; i < 10; i++) send(`m${i}`)
    await env.advance(0)
    expect(alone).toHaveLength(10)
    expect([first.length, second.length]).toEqual([5, 5])
    expect(new Set([...topics(first), ...topics(second)]).size).toBe(10)
  })

  it('in a group to whoever has the least to do', async () => {
    const { env, queue, send } = make()
    const slow = collect(queue, { subscriberId: 'slow', group: 'g', autoAcknowledge: false })
    const quick = collect(queue, { subscriberId: 'quick', group: 'g' })
    for (let i = 0; i < 10; i++) send(`m${i}`)
    await env.advance(0)
    expect(slow).toHaveLength(1)
    expect(quick).toHaveLength(9)
  })

  it('when a subscriber comes: until then a message waits, and holds up no other', async () => {
    const { env, queue, send } = make()
    const got = collect(queue, { topicPattern: 'want.*' })
    send('other')
    send('want.this')
    await env.advance(0)
    expect(topics(got)).toEqual(['want.this'])
    expect(queue.statistics().current_queue_size).toBe(1)
    const late = collect(queue, { subscriberId: 'late', topicPattern: 'other' })
    await env.advance(0)
    expect(topics(late)).toEqual(['other'])
  })

  it('nothing without a subscriber if it is not to hold messages', async () => {
    const { env, queue, send } = make({ hold_without_subscribers: false })
    send()
    await env.advance(0)
    expect(queue.deadLetters()).toMatchObject([{ reason: 'No subscribers', attempts: 0 }])
    expect(queue.statistics().messages_failed).toBe(1)
  })

  it('again after a subscriber failed, with growing waits if it is told so', async () => {
    const { env, queue, send } = make({ max_retries: 2, retry_backoff_seconds: 10 })
    const atSeconds: number[] = []
    queue.subscribe({
      subscriberId: 'a',
      topicPattern: '#',
      async deliver() {
        atSeconds.push(env.clock.monotonic() / 1000)
        throw new Error('not today')
      },
    })
    const start = env.clock.monotonic() / 1000
    send()
    await env.advance(60_000)
    const [, second = 0, third = 0] = atSeconds.map((at) => at - start)
    expect(second).toBeGreaterThanOrEqual(5)
    expect(second).toBeLessThanOrEqual(10)
    expect(third - second).toBeGreaterThanOrEqual(10)
    expect(third - second).toBeLessThanOrEqual(20)
    expect(queue.deadLetters()).toMatchObject([{ reason: 'All deliveries failed', detail: 'Error: not today', attempts: 3 }])
  })

  it('as often as dead_letter_max_receives says, where it says something', async () => {
    const { env, queue, send } = make({ dead_letter_max_receives: 5, default_acknowledgment_timeout_seconds: 1 })
    const got = collect(queue, { autoAcknowledge: false })
    send()
    await env.advance(20_000)
    expect(got).toHaveLength(5)
  })

  it('nothing while too much waits for acknowledgement', async () => {
    const { env, queue, send } = make({ max_in_flight: 2 })
    const got = collect(queue, { autoAcknowledge: false })
    for (let i = 0; i < 3; i++) send(`m${i}`)
    await env.advance(0)
    expect(got).toHaveLength(2)
    expect(queue.statistics().in_flight_pauses).toBe(1)
    queue.acknowledge(got[0]?.message_id ?? '', 'a')
    await env.advance(0)
    expect(topics(got)).toEqual(['m0', 'm1', 'm2'])
  })
})

describe('a subscriber', () => {
  it('that leaves may still acknowledge what it has; of one that is gone it comes back at once', async () => {
    const { env, queue, send } = make()
    const subscribe = (subscriberId: string) => queue.subscribe({ subscriberId, topicPattern: '#' })
    const leaving = subscribe('leaving')
    const first = send()
    await env.advance(0)
    queue.unsubscribe(leaving)
    expect(queue.acknowledge(first, 'leaving')).toBe(true)

    const dying = subscribe('dying')
    const second = send()
    await env.advance(0)
    queue.unsubscribe(dying, true)
    const got = collect(queue)
    await env.advance(0)
    expect(got).toMatchObject([{ message_id: second, attempt: 2 }])
  })

  it('that ends its queue while it is called leaves no timer behind', async () => {
    const { env, queue, send } = make({ message_ttl_seconds: 10 })
    queue.subscribe({
      subscriberId: 'a',
      topicPattern: '#',
      deliver() {
        queue.close()
        throw new Error('closed it')
      },
    })
    send()
    await env.advance(0)
    expect(env.pendingTimers).toBe(0)
    expect(queue.send('t', body, 'at_least_once')).toMatchObject({ success: false, error_message: 'Queue is closed' })
  })
})

describe('a consumer that receives', () => {
  it('gets a message back unless it acknowledges it within the visibility timeout', async () => {
    const { env, queue, send } = make({ default_visibility_timeout_seconds: 30 })
    const id = send()
    const receive = () => queue.receive({ subscriberId: 'w', max: 10 })
    expect(await receive()).toMatchObject([{ message_id: id, attempt: 1 }])
    expect(await receive()).toEqual([])
    await env.advance(30_000)
    expect(await receive()).toMatchObject([{ message_id: id, attempt: 2 }])
    expect(queue.acknowledge(id, 'w', 1)).toBe(false)
    expect(queue.acknowledge(id, 'w', 2)).toBe(true)
    await env.advance(60_000)
    expect(await receive()).toEqual([])
    expect(queue.statistics()).toMatchObject({ messages_acknowledged: 1, messages_requeued: 1, current_in_flight_count: 0 })
  })

  it('waits for the first message, or until its time is over', async () => {
    const { env, queue, send } = make()
    const answers: unknown[] = []
    void queue.receive({ subscriberId: 'w', waitSeconds: 5 }).then((messages) => answers.push(messages.length))
    await env.advance(4_000)
    expect(answers).toEqual([])
    expect(queue.statistics().waiting_receivers).toBe(1)
    send()
    await env.advance(0)
    expect(answers).toEqual([1])
    void queue.receive({ subscriberId: 'w', waitSeconds: 5 }).then((messages) => answers.push(messages.length))
    await env.advance(5_000)
    expect(answers).toEqual([1, 0])
  })

  it('takes nothing when it left before the message came', async () => {
    const { env, queue, send } = make()
    const gone = new AbortController()
    const answer = queue.receive({ subscriberId: 'w', waitSeconds: 5, signal: gone.signal })
    gone.abort()
    send()
    await env.advance(0)
    expect(await answer).toEqual([])
    expect(queue.statistics()).toMatchObject({ current_queue_size: 1, current_in_flight_count: 0, waiting_receivers: 0 })
  })

  it('may give a message back at once, later, or for good', async () => {
    const { env, queue, send } = make({ max_retries: 5 })
    const id = send()
    const receive = async () => (await queue.receive({ subscriberId: 'w' })).map(({ attempt }) => attempt)
    expect(await receive()).toEqual([1])
    expect(queue.reject(id, 'w', {})).toBe(true)
    expect(await receive()).toEqual([2])
    queue.reject(id, 'w', { delaySeconds: 3 })
    expect(await receive()).toEqual([])
    await env.advance(3_000)
    expect(await receive()).toEqual([3])
    queue.reject(id, 'w', { requeue: false, detail: 'bad address' })
    expect(queue.deadLetters()).toMatchObject([{ reason: 'Rejected by consumer', detail: 'bad address', attempts: 3 }])
  })
})

describe('a queue keeps to its bounds', () => {
  it('refuses what it has no room for, and takes it when there is', async () => {
    const { queue, send } = make({ max_size: 2, enable_deduplication: true })
    send('a')
    send('b')
    const refused = queue.send('c', body, 'at_least_once')
    expect(refused).toMatchObject({ success: false, error_message: 'Queue at maximum capacity' })
    await queue.receive({ subscriberId: 'w' })
    expect(queue.send('c', body, 'at_least_once').success).toBe(true)
    expect(queue.statistics()).toMatchObject({ messages_refused: 1, messages_sent: 3 })
  })

  it('refuses the same message within the deduplication window, however it is written', async () => {
    const { env, queue } = make({ enable_deduplication: true, deduplication_window_seconds: 2 })
    const send = (text: string) => queue.send('t', new RawJson(text), 'at_least_once').error_message
    expect(send('{"a":1,"b":2}')).toBeNull()
    expect(send('{"b": 2, "a": 1}')).toBe('Duplicate message within deduplication window')
    expect(send('{"a":1.0,"b":2}')).toBeNull()
    await env.advance(2_000)
    expect(send('{"a":1,"b":2}')).toBeNull()
    expect(queue.statistics().messages_duplicate).toBe(1)
  })

  it('never delivers what has expired', async () => {
    const { env, queue, send } = make({ message_ttl_seconds: 1 })
    const got = collect(queue)
    send('late', { delay_seconds: 2 })
    await env.advance(5_000)
    expect(got).toEqual([])
    expect(queue.statistics()).toMatchObject({ messages_expired: 1, messages_failed: 0, current_queue_size: 0 })
  })

  it('keeps the newest dead letters and brings them back when asked', async () => {
    const { env, queue, send } = make({ max_retries: 0, dead_letters_max: 2 })
    const ids = ['a', 'b', 'c'].map((topic) => send(topic))
    for (const { message_id } of await queue.receive({ subscriberId: 'w', max: 3 })) queue.reject(message_id, 'w', {})
    expect(queue.deadLetters().map(({ message }) => message.topic)).toEqual(['b', 'c'])
    expect(queue.statistics()).toMatchObject({ dead_letters: 2, dead_letters_dropped: 1 })
    expect(queue.redrive(ids[0])).toBe(0)
    expect(queue.redrive(ids[2])).toBe(1)
    const got = collect(queue)
    await env.advance(0)
    expect(got).toMatchObject([{ topic: 'c', attempt: 1 }])
    expect(queue.redrive()).toBe(1)
    expect(queue.deadLetters()).toEqual([])
  })

  it.each([
    [{ max_retries: -1 }, /max_retries must be a whole number from 0/],
    [{ max_retires: 1 }, /queue q: unknown option max_retires; the options are queue_type/],
    [{ queue_type: 'lifo' }, /queue_type must be one of fifo, priority, delay, got "lifo"/],
  ])('refuses a configuration that makes no sense: %j', (given, message) => {
    expect(() => queueConfig('q', given, QUEUES_PRESETS.standard.queue)).toThrow(message)
  })

  it('takes a null for the default', async () => {
    const { env, queue } = make({ max_retries: 0, default_acknowledgment_timeout_seconds: 1 })
    const unknown = { max_retries: null, acknowledgment_timeout_seconds: null, visibility_timeout_seconds: null, headers: null }
    collect(queue, { autoAcknowledge: false })
    queue.send('t', body, 'at_least_once', unknown)
    await env.advance(1_000)
    expect(queue.deadLetters()).toHaveLength(1)
    expect(() => queue.send('t', body, 'at_least_once', { delay_seconds: -1 })).toThrow('delay_seconds must be a number of seconds')
  })

  it('leaves no timer behind', async () => {
    const { env, queue, send } = make({ message_ttl_seconds: 100 })
    send('later', { delay_seconds: 50 })
    void queue.receive({ subscriberId: 'w', waitSeconds: 10 })
    expect(queue.close()).toBe(1)
    expect(env.pendingTimers).toBe(0)
  })

  it('leaves no timer behind when it is closed in the middle of many deliveries', async () => {
    const { env, queue, send } = make()
    for (let n = 0; n < 1_001; n++) send()
    let delivered = 0
    queue.subscribe({ subscriberId: 'a', topicPattern: '#', deliver: () => void delivered++ })
    await Promise.resolve()
    expect(delivered).toBe(1_000)
    queue.close()
    expect(env.pendingTimers).toBe(0)
  })
})

/** One thing that may happen to a queue. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      topic: fc.constantFrom('a', 'b'),
      guarantee: fc.constantFrom<QueueMessageGuarantee>('at_least_once', 'broadcast', 'quorum'),
      priority: fc.nat(2),
      delay: fc.constantFrom(0, 0, 0.5, 3),
      required: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('receive' as const), who: fc.constantFrom('x', 'y'), max: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), pick: fc.nat(), who: fc.constantFrom('x', 'y', 'p', 'q') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reject' as const),
      pick: fc.nat(),
      who: fc.constantFrom('x', 'y', 'p', 'q'),
      requeue: fc.boolean(),
      delay: fc.constantFrom(undefined, 0, 1),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(0, 100, 900, 2_500) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('subscribe' as const),
      who: fc.constantFrom('p', 'q'),
      pattern: fc.constantFrom('a', 'b', '#'),
      manner: fc.constantFrom('returns', 'throws', 'rejects', 'keeps'),
      group: fc.constantFrom(undefined, 'g'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unsubscribe' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('redrive' as const) }) },
)

const settings = fc.record({
  queue_type: fc.constantFrom('fifo', 'priority', 'delay'),
  max_size: fc.constantFrom(3, 100),
  max_in_flight: fc.constantFrom(2, 100),
  message_ttl_seconds: fc.constantFrom(null, 2),
  default_visibility_timeout_seconds: fc.constant(1),
  default_acknowledgment_timeout_seconds: fc.constant(1.5),
  max_retries: fc.nat(2),
  dead_letters_max: fc.constantFrom(2, 100),
  retry_backoff_seconds: fc.constantFrom(0, 0.5),
  hold_without_subscribers: fc.boolean(),
})

describe('a stored message', () => {
  it('is acknowledged, waiting, in flight, expired or dead: one of these, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(step, { maxLength: 60 }), async (config, steps) => {
        const env = createVirtualEnv({ seed: 3 })
        const stored: string[] = []
        const subscriptions: string[] = []
        const ends = new Map<string, string>()
        const end = (id: string, how: string) => {
          expect(ends.get(id), `${id} had come to an end before`).toBeUndefined()
          ends.set(id, how)
        }
        const queue = createQueue({
          env,
          name: 'q',
          config: queueConfig('q', config, QUEUES_PRESETS.standard.queue),
          observer: {
            sent: () => {},
            acknowledged: (_queue, { message_id }) => end(message_id, 'acknowledged'),
            failed: (_queue, { message_id }) => end(message_id, 'dead'),
            routed: () => {},
          },
        })
        for (const one of steps) {
          switch (one.kind) {
            case 'send': {
              const options = { priority: one.priority, delay_seconds: one.delay, required_acknowledgments: one.required }
              const { message_id, success } = queue.send(one.topic, body, one.guarantee, options)
              if (success) stored.push(message_id)
              break
            }
            case 'receive':
              for (const { message_id } of await queue.receive({ subscriberId: one.who, max: one.max })) {
                expect(ends.has(message_id), `${message_id} was delivered after its end`).toBe(false)
              }
              break
            case 'acknowledge':
              queue.acknowledge(stored[one.pick % stored.length] ?? '', one.who)
              break
            case 'reject':
              queue.reject(stored[one.pick % stored.length] ?? '', one.who, { requeue: one.requeue, delaySeconds: one.delay })
              break
            case 'advance':
              await env.advance(one.ms)
              break
            case 'subscribe': {
              const deliver = ({ message_id }: ReceivedQueueMessage): void | Promise<void> => {
                expect(ends.has(message_id), `${message_id} was delivered after its end`).toBe(false)
                if (one.manner === 'throws') throw new Error('thrown')
                return one.manner === 'rejects' ? Promise.reject(new Error('rejected')) : undefined
              }
              const autoAcknowledge = one.manner !== 'keeps'
              subscriptions.push(
                queue.subscribe({ subscriberId: one.who, topicPattern: one.pattern, deliver, autoAcknowledge, group: one.group }),
              )
              break
            }
            case 'unsubscribe':
              queue.unsubscribe(subscriptions[one.pick % subscriptions.length] ?? '', one.pick % 2 === 0)
              break
            case 'redrive': {
              const letters = queue.deadLetters()
              const redriven = queue.redrive()
              for (const { message } of letters.slice(0, redriven)) ends.delete(message.message_id)
            }
          }
          const now = queue.statistics()
          const count = (how: string) => [...ends.values()].filter((each) => each === how).length
          expect(now.messages_sent).toBe(stored.length)
          expect(count('acknowledged') + count('dead') + now.messages_expired + now.current_queue_size + now.current_in_flight_count).toBe(
            stored.length,
          )
          expect(now.messages_acknowledged).toBe(count('acknowledged'))
          expect(now.messages_failed - now.messages_redriven).toBe(count('dead'))
          expect(now.dead_letters + now.dead_letters_dropped).toBe(count('dead'))
          expect(now.current_in_flight_count).toBeLessThanOrEqual(config.max_in_flight)
        }
      }),
      { numRuns: 300 },
    )
  })
})
