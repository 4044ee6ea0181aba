import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import type { Message, Subscription } from '../wire/index.ts'
import { type BacklogOptions, createBacklog } from './backlog.ts'
import { createExchange, type RuledTopics, type Subscriber, topicProblem } from './exchange.ts'

function setUp(backlog: Partial<BacklogOptions> = {}, ruled?: RuledTopics) {
  const env = createVirtualEnv({ seed: 7, startWall: 1000 })
  const exchange = createExchange(env, {
    backlog: { bytesMax: 1_000_000, retentionSeconds: 3600, messagesPerTopicMax: 1000, ...backlog },
    subscriptionsPerOwnerMax: 3,
    ...(ruled && { ruled }),
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

/** Who asks what a subscription missed. */
const nobody: Subscriber = { label: 'nobody', deliver() {} }

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

describe('limits', () => {
  const refusal = (patterns: string[], exact = false) => {
    const { exchange, owner } = setUp()
    const outcome = exchange.subscribe(owner('a').subscriber, {
      ...subscription('s', []),
      patterns: patterns.map((pattern) => ({ pattern, exact })),
    })
    expect(exchange.subscriptionCount).toBe(outcome.ok ? 1 : 0)
    return outcome.ok ? undefined : outcome.error
  }
  const segments = (n: number) => Array(n).fill('*').join('.')

  it('refuses more than 100 patterns, saying what to do', () => {
    const patterns = Array.from({ length: 101 }, (_, i) => `t.${i}`)
    expect(refusal(patterns.slice(1))).toBeUndefined()
    expect(refusal(patterns)).toBe('the subscription has 101 patterns and at most 100 are allowed; spread them over several subscriptions')
  })

  it('refuses a pattern of more than 64 segments or 1024 characters, exact ones too', () => {
    for (const exact of [false, true]) {
      expect(refusal([segments(64), 'x'.repeat(1024)], exact)).toBeUndefined()
      expect(refusal(['t', segments(65)], exact)).toBe(
        'the pattern has 65 segments and at most 64 are allowed; use a pattern with fewer dots',
      )
      expect(refusal(['t', 'x'.repeat(1025)], exact)).toBe(
        'the pattern has 1025 characters and at most 1024 are allowed; use a shorter pattern',
      )
    }
  })

  it('leaves the subscription as it was when its replacement is refused', () => {
    const { exchange, message, owner } = setUp()
    const { received, subscriber } = owner('a')
    exchange.subscribe(subscriber, subscription('s', ['t']))
    expect(exchange.subscribe(subscriber, subscription('s', [segments(65)])).ok).toBe(false)
    exchange.publish(message('t'))
    expect(received).toEqual(['s:m1'])
  })

  it('can be set otherwise', () => {
    const exchange = createExchange(createVirtualEnv({ seed: 7 }), {
      backlog: { bytesMax: 0, retentionSeconds: 0, messagesPerTopicMax: 0 },
      subscriptionsPerOwnerMax: 10,
      patternsPerSubscriptionMax: 2,
      segmentsMax: 3,
      topicCharactersMax: 5,
    })
    const subscriber: Subscriber = { label: 'a', deliver: () => {} }
    const accepted = (patterns: string[]) => exchange.subscribe(subscriber, subscription('s', patterns)).ok
    expect(accepted(['a.b.c', 'abcde'])).toBe(true)
    expect(accepted(['a', 'b', 'c'])).toBe(false)
    expect(accepted(['a..b.'])).toBe(false)
    expect(accepted(['abcdef'])).toBe(false)
  })

  it('tells the publisher what is wrong with a topic', () => {
    expect(topicProblem('')).toBeUndefined()
    expect(topicProblem(segments(64))).toBeUndefined()
    expect(topicProblem('x'.repeat(1024))).toBeUndefined()
    expect(topicProblem(segments(65))).toBe('the topic has 65 segments and at most 64 are allowed; use a topic with fewer dots')
    expect(topicProblem('x'.repeat(1025))).toBe('the topic has 1025 characters and at most 1024 are allowed; use a shorter topic')
  })
})

describe('backlog', () => {
  it('topic check 7: replays by age of the message, oldest first, each once', () => {
    const { env, exchange, message } = setUp()
    exchange.publish(message('t.a', { timestamp: 900 }))
    exchange.publish(message('t.c', { timestamp: 999 }))
    exchange.publish(message('t.a', { timestamp: 998 }))
    exchange.publish(message('u', { timestamp: 999 }))
    const ids = (sub: Subscription) => exchange.backlogFor(nobody, sub).map((m) => m.messageId)
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
    expect(perTopic.exchange.backlogFor(nobody, subscription('s', ['t'])).map((m) => m.messageId)).toEqual(['m4', 'm5'])
    expect(perTopic.exchange.snapshot().backlog_stats.dropped_total).toBe(3)

    const bytes = setUp({ bytesMax: 1000 })
    for (let i = 0; i < 50; i++) bytes.exchange.publish(bytes.message(`t${i}`, { text: 'x'.repeat(100) }))
    expect(bytes.exchange.snapshot().backlog_stats.total_size_bytes).toBeLessThanOrEqual(1000)
    expect(bytes.exchange.backlogFor(nobody, subscription('s', ['#'])).at(-1)?.messageId).toBe('m50')
  })

  it('counts exactly what it holds, whatever is published', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ topic: fc.constantFrom('a', 'b', 'c.d'), size: fc.nat(300), age: fc.nat(20) }), { maxLength: 200 }),
        (published) => {
          const { exchange, message } = setUp({ bytesMax: 2000, messagesPerTopicMax: 5, retentionSeconds: 10 })
          for (const { topic, size, age } of published) exchange.publish(message(topic, { text: 'x'.repeat(size), timestamp: 1000 - age }))
          const held = exchange.backlogFor(nobody, subscription('s', ['#'], { backlogSeconds: 10 }))
          const stats = exchange.snapshot().backlog_stats
          expect(stats.total_messages).toBeGreaterThanOrEqual(held.length)
          expect(stats.total_size_bytes).toBeLessThanOrEqual(2000)
          expect(new Set(held.map((m) => m.messageId)).size).toBe(held.length)
          expect(held.every((m) => m.timestamp >= 990)).toBe(true)
        },
      ),
    )
  })

  const kept = (options: Partial<BacklogOptions> = {}) => {
    const { env, message } = setUp()
    const backlog = createBacklog(env.clock, { bytesMax: 100_000_000, retentionSeconds: 10, messagesPerTopicMax: 100, ...options })
    return { env, backlog, message, ids: () => [...backlog.held()].map((m) => m.messageId) }
  }
  const everything = [{ pattern: '#', exact: false }]

  it('lets go of what a busy topic drops behind a live message of another', () => {
    const { backlog, message, ids } = kept()
    backlog.add(message('a'))
    for (let i = 0; i < 60_000; i++) backlog.add(message('b'))
    expect(backlog.snapshot()).toMatchObject({ total_messages: 101, active_topics: 2, dropped_total: 59_900 })
    expect(ids()).toHaveLength(101)
    expect([ids().at(0), ids().at(1), ids().at(-1)]).toEqual(['m1', 'm59902', 'm60001'])
  })

  it('finds expired messages behind a live one, however many are live', async () => {
    const { env, backlog, message } = kept({ messagesPerTopicMax: 10_000 })
    for (let i = 0; i < 2000; i++) backlog.add(message(i % 2 === 0 ? 'live' : 'old', i % 2 === 0 ? {} : { timestamp: 991 }))
    await env.advance(5000)
    expect(backlog.snapshot().total_messages).toBe(2000)
    for (let i = 0; i < 1000; i++) backlog.add(message('new'))
    expect(backlog.snapshot()).toMatchObject({ total_messages: 2000, active_topics: 2, dropped_total: 0 })
    expect([...backlog.held()].some((m) => m.topic === 'old')).toBe(false)
  })

  it('goes on looking with the next entry when the one it stopped at is dropped', async () => {
    const { env, backlog, message, ids } = kept({ messagesPerTopicMax: 64 })
    for (const topic of ['a', 'b', 'c', 'd']) for (let i = 0; i < 64; i++) backlog.add(message(topic))
    for (let i = 0; i < 64; i++) backlog.add(message('old', { timestamp: 991 }))
    // The purge at the 320th addition looked at 256 entries; it stopped at the first on 'old', which the next on that topic drops.
    backlog.add(message('old', { timestamp: 991 }))
    await env.advance(5000)
    for (let i = 0; i < 63; i++) backlog.add(message('new'))
    expect(ids()).toHaveLength(4 * 64 + 63)
    expect(backlog.snapshot()).toMatchObject({ total_messages: 4 * 64 + 63, active_topics: 5, dropped_total: 1 })
  })

  it('keeps a message from the future no longer than one from now', async () => {
    const { env, backlog, message, ids } = kept()
    backlog.add(message('t', { timestamp: 1e12 }))
    await env.advance(9000)
    expect(backlog.replay(everything, 10)).toHaveLength(1)
    expect(backlog.replay(everything, 5)).toHaveLength(0)
    await env.advance(2000)
    expect(backlog.replay(everything, 10)).toHaveLength(0)
    for (let i = 0; i < 63; i++) backlog.add(message('t'))
    expect(ids()).toHaveLength(63)
    expect(ids()).not.toContain('m1')
  })

  it('keeps what a list without any cleverness keeps', async () => {
    const step = fc.record({
      topic: fc.constantFrom('a', 'b', 'c'),
      size: fc.nat(300),
      age: fc.integer({ min: -5, max: 12 }),
      wait: fc.nat(1),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200, size: 'max' }), async (steps) => {
        const limits = { bytesMax: 8000, messagesPerTopicMax: 9, retentionSeconds: 10 }
        const { env, backlog, message, ids } = kept(limits)
        const cost = (m: Message) => m.text.length + 160
        const sum = (entries: { m: Message }[]) => entries.reduce((total, { m }) => total + cost(m), 0)
        let model: { m: Message; since: number }[] = []
        let additions = 0
        let dropped = 0
        for (const { topic, size, age, wait } of steps) {
          await env.advance(wait * 200)
          const now = env.clock.wall()
          const m = message(topic, { text: 'x'.repeat(size), timestamp: now - age })
          backlog.add(m)
          model.push({ m, since: Math.min(m.timestamp, now) })
          const sameTopic = model.filter((entry) => entry.m.topic === topic)
          if (sameTopic.length > 9) {
            model = model.filter((entry) => entry !== sameTopic[0])
            dropped++
          }
          for (; sum(model) > 8000; dropped++) model.shift()
          if (++additions % 64 === 0) model = model.filter(({ since }) => since >= now - 10)
          expect(ids()).toEqual(model.map((entry) => entry.m.messageId))
          expect(backlog.snapshot()).toMatchObject({
            total_messages: model.length,
            total_size_bytes: sum(model),
            active_topics: new Set(model.map((entry) => entry.m.topic)).size,
            dropped_total: dropped,
          })
          const fresh = model.filter(({ since }) => since >= now - 10).map((entry) => entry.m.messageId)
          expect(
            backlog
              .replay(everything, 10)
              .map((r) => r.messageId)
              .sort(),
          ).toEqual(fresh.sort())
        }
      }),
    )
  })
})

describe('topics with rules of their own', () => {
  const ruled = (fields: Partial<RuledTopics> = {}): RuledTopics => ({
    prefix: 'own.',
    isKept: (topic) => topic !== 'own.unkept',
    replay: () => [],
    shownTo: (message) => message,
    ...fields,
  })

  it('show each subscriber what is for it, live and afterwards', () => {
    const { exchange, message, owner } = setUp({}, ruled({ shownTo: (sent, { label }) => (label === 'a' ? sent : undefined) }))
    const [a, b] = [owner('a'), owner('b')]
    exchange.subscribe(a.subscriber, subscription('of-a', ['#']))
    exchange.subscribe(b.subscriber, subscription('of-b', ['#']))
    expect(exchange.publish(message('own.thing'))).toBe(1)
    expect(exchange.publish(message('other.thing'))).toBe(2)
    expect([a.received, b.received]).toEqual([['of-a:m1', 'of-a:m2'], ['of-b:m2']])
    const missed = (subscriber: Subscriber) => exchange.backlogFor(subscriber, subscription('late', ['#'])).map((m) => m.messageId)
    expect([missed(a.subscriber), missed(b.subscriber)]).toEqual([['m1', 'm2'], ['m2']])
  })

  it('replace the backlog where they say so', () => {
    const kept: Message[] = []
    const { exchange, message } = setUp({}, ruled({ replay: () => kept }))
    exchange.publish(message('own.unkept', { timestamp: 990 }))
    exchange.publish(message('own.thing', { timestamp: 995 }))
    kept.push(message('own.unkept', { timestamp: 992 }))
    expect(exchange.backlogFor(nobody, subscription('late', ['#'])).map((m) => m.messageId)).toEqual(['m3', 'm2'])
  })
})

describe('who would get a message', () => {
  it('is known by exact and by wildcard patterns', () => {
    const { exchange, owner } = setUp()
    const { subscriber } = owner('a')
    expect(exchange.isWanted('t.a')).toBe(false)
    exchange.subscribe(subscriber, subscription('wild', ['t.*']))
    exchange.subscribe(subscriber, { ...subscription('exact', []), patterns: [{ pattern: 'u', exact: true }] })
    expect(['t.a', 'u', 't', 'u.a'].map(exchange.isWanted)).toEqual([true, true, false, false])
  })
})
