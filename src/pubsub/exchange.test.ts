import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import type { Message, Subscription } from '../wire/index.ts'
import type { BacklogOptions } from './backlog.ts'
import { createExchange, type Subscriber } from './exchange.ts'

function setUp(backlog: Partial<BacklogOptions> = {}) {
  const env = createVirtualEnv({ seed: 7, startWall: 1000 })
  const exchange = createExchange(env, {
    backlog: { bytesMax: 1_000_000, retentionSeconds: 3600, messagesPerTopicMax: 1000, ...backlog },
    subscriptionsPerOwnerMax: 3,
  })
  const owner = (label: string) => {
    const received: string[] = []
    const subscriber: Subscriber = {
      label,
      deliver: (message, subscription) => received.push(`${subscription.subscriptionId}:${message.messageId}`),
    }
    return { received, subscriber }
  }
  let sequence = 0
  const message = (topic: string, fields: Partial<Message> = {}): Message => {
    const messageId = `m${++sequence}`
    return { topic, timestamp: env.clock.wall(), messageId, publisher: 'p', text: `{"topic":"${topic}"}`, ...fields }
  }
  return { env, exchange, message, owner }
}

function subscription(id: string, patterns: string[], fields: Partial<Subscription> = {}): Subscription {
  return {
    subscriptionId: id,
    patterns: patterns.map((pattern) => ({ pattern, exact: false })),
    subscriber: 'someone',
    createdAt: 0,
    getBacklog: true,
    backlogSeconds: 300,
    ...fields,
  }
}

describe('delivery', () => {
  it('reaches a subscription once however many of its patterns match', () => {
    const { exchange, message, owner } = setUp()
    const { received, subscriber } = owner('a')
    exchange.subscribe(subscriber, {
      ...subscription('s', ['a.*', 'a.#', '#']),
      patterns: [...subscription('s', ['a.*', '#']).patterns, { pattern: 'a.b', exact: true }],
    })
    expect(exchange.publish(message('a.b'))).toBe(1)
    expect(received).toEqual(['s:m1'])
  })

  it('topic check 8: an exact pattern compares as plain text', () => {
    const { exchange, message, owner } = setUp()
    const { received, subscriber } = owner('a')
    exchange.subscribe(subscriber, { ...subscription('s', []), patterns: [{ pattern: 'a.*', exact: true }] })
    exchange.publish(message('a.b'))
    exchange.publish(message('a.*'))
    expect(received).toEqual(['s:m2'])
  })

  it('goes on when a delivery ends subscriptions', () => {
    const { exchange, message, owner } = setUp()
    const first = owner('a')
    const second = owner('b')
    const fragile: Subscriber = { label: 'f', deliver: () => exchange.removeOwner(fragile) }
    exchange.subscribe(fragile, subscription('f1', ['t']))
    exchange.subscribe(fragile, subscription('f2', ['t']))
    exchange.subscribe(first.subscriber, subscription('s1', ['t']))
    exchange.subscribe(second.subscriber, { ...subscription('s2', []), patterns: [{ pattern: 't', exact: true }] })
    exchange.publish(message('t'))
    expect([...first.received, ...second.received].sort()).toEqual(['s1:m1', 's2:m1'])
    expect(exchange.subscriptionCount).toBe(2)
  })
})

describe('ownership', () => {
  it('replaces an id of the same owner with all its patterns', () => {
    const { exchange, message, owner } = setUp()
    const { received, subscriber } = owner('a')
    exchange.subscribe(subscriber, subscription('s', ['old']))
    exchange.subscribe(subscriber, subscription('s', ['new']))
    exchange.publish(message('old'))
    exchange.publish(message('new'))
    expect(received).toEqual(['s:m2'])
  })

  it('refuses an id of another owner, and lets nobody but the owner end it', () => {
    const { exchange, message, owner } = setUp()
    const a = owner('a')
    const b = owner('b')
    exchange.subscribe(a.subscriber, subscription('s', ['t']))
    expect(exchange.subscribe(b.subscriber, subscription('s', ['t']))).toMatchObject({
      ok: false,
      error: expect.stringContaining('held by another'),
    })
    expect(exchange.unsubscribe(b.subscriber, 's')).toBe(false)
    exchange.publish(message('t'))
    expect(a.received).toEqual(['s:m1'])
    exchange.removeOwner(a.subscriber)
    expect(exchange.subscribe(b.subscriber, subscription('s', ['t']))).toEqual({ ok: true })
  })

  it('limits the subscriptions of one owner, and says so', () => {
    const { exchange, owner } = setUp()
    const { subscriber } = owner('a')
    for (const id of ['1', '2', '3']) expect(exchange.subscribe(subscriber, subscription(id, ['t'])).ok).toBe(true)
    expect(exchange.subscribe(subscriber, subscription('4', ['t']))).toMatchObject({
      ok: false,
      error: expect.stringContaining('overloaded'),
    })
    expect(exchange.subscribe(subscriber, subscription('3', ['u'])).ok).toBe(true)
  })

  it('leaves nothing behind when all owners are gone', () => {
    const { exchange, owner } = setUp()
    const { subscriber } = owner('a')
    const before = exchange.snapshot().trie_stats
    exchange.subscribe(subscriber, subscription('s', ['a.*.c', '#']))
    exchange.removeOwner(subscriber)
    expect(exchange.snapshot()).toMatchObject({ active_subscriptions: 0, active_subscribers: 0 })
    expect(exchange.snapshot().trie_stats.total_nodes).toBe(before.total_nodes)
  })
})

describe('backlog', () => {
  it('topic check 7: replays by age of the message, oldest first, each once', () => {
    const { env, exchange, message } = setUp()
    exchange.publish(message('t.a', { timestamp: 900 }))
    exchange.publish(message('t.c', { timestamp: 999 }))
    exchange.publish(message('t.a', { timestamp: 998 }))
    exchange.publish(message('u', { timestamp: 999 }))
    const ids = (sub: Subscription) => exchange.backlogFor(sub).map((m) => m.messageId)
    expect(ids(subscription('s', ['t.*', 't.#'], { backlogSeconds: 60 }))).toEqual(['m3', 'm2'])
    expect(ids(subscription('s', ['t.*'], { backlogSeconds: 0 }))).toEqual([])
    expect(env.clock.wall()).toBe(1000)
  })

  it('forgets expired messages and keeps its counts', async () => {
    const { env, exchange, message } = setUp({ retentionSeconds: 10 })
    for (let i = 0; i < 63; i++) exchange.publish(message('t'))
    await env.advance(11_000)
    exchange.publish(message('t'))
    expect(exchange.snapshot().backlog_stats).toMatchObject({ total_messages: 1, active_topics: 1, dropped_total: 0 })
  })

  it('holds at most so many messages a topic and so many bytes in all, dropping the oldest', () => {
    const perTopic = setUp({ messagesPerTopicMax: 2 })
    for (let i = 0; i < 5; i++) perTopic.exchange.publish(perTopic.message('t'))
    expect(perTopic.exchange.backlogFor(subscription('s', ['t'])).map((m) => m.messageId)).toEqual(['m4', 'm5'])
    expect(perTopic.exchange.snapshot().backlog_stats.dropped_total).toBe(3)

    const bytes = setUp({ bytesMax: 1000 })
    for (let i = 0; i < 50; i++) bytes.exchange.publish(bytes.message(`t${i}`, { text: 'x'.repeat(100) }))
    expect(bytes.exchange.snapshot().backlog_stats.total_size_bytes).toBeLessThanOrEqual(1000)
    expect(bytes.exchange.backlogFor(subscription('s', ['#'])).at(-1)?.messageId).toBe('m50')
  })

  it('counts exactly what it holds, whatever is published', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ topic: fc.constantFrom('a', 'b', 'c.d'), size: fc.nat(300), age: fc.nat(20) }), { maxLength: 200 }),
        (published) => {
          const { exchange, message } = setUp({ bytesMax: 2000, messagesPerTopicMax: 5, retentionSeconds: 10 })
          for (const { topic, size, age } of published) exchange.publish(message(topic, { text: 'x'.repeat(size), timestamp: 1000 - age }))
          const held = exchange.backlogFor(subscription('s', ['#'], { backlogSeconds: 10 }))
          const stats = exchange.snapshot().backlog_stats
          expect(stats.total_messages).toBeGreaterThanOrEqual(held.length)
          expect(stats.total_size_bytes).toBeLessThanOrEqual(2000)
          expect(new Set(held.map((m) => m.messageId)).size).toBe(held.length)
          expect(held.every((m) => m.timestamp >= 990)).toBe(true)
        },
      ),
    )
  })
})
