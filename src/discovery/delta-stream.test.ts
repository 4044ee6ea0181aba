import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { type AnyEntry, createCatalog, draftDelta } from '../fabric/index.ts'
import type { Message, TopicEntry } from '../wire/index.ts'
import { startDeltaStream } from './delta-stream.ts'
import { functionSample, N1, nodeSample, payloadOf } from './summary-samples.ts'

const SELF = 'ws://self:1'

function setUp(wanted: (topic: string) => boolean = () => true) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const catalog = createCatalog({ env, nodeId: SELF, clusterId: 'moss', instanceId: 'i' })
  const sent: Message[] = []
  const asked: string[] = []
  const stop = startDeltaStream({
    env,
    nodeId: SELF,
    clusterId: 'moss',
    publisher: 'one',
    catalog,
    isWanted(topic) {
      asked.push(topic)
      return wanted(topic)
    },
    publish: (message) => sent.push(message),
  })
  let updates = 0
  return {
    asked,
    catalog,
    env,
    stop,
    taken: () => sent.splice(0),
    /** Gossip brings additions. */
    add(...entries: AnyEntry[]) {
      const draft = draftDelta()
      for (const { entry, kind } of entries) draft.add(kind, entry)
      const delta = draft.finish({ update_id: `u${++updates}`, cluster_id: 'moss', sent_at: env.clock.wall() })
      catalog.applyDelta(delta, env.clock.wall(), { kind: 'gossip', from: N1 })
    },
    remove(subscriptionId: string) {
      const draft = draftDelta()
      draft.remove('topics', subscriptionId)
      const delta = draft.finish({ update_id: `u${++updates}`, cluster_id: 'moss', sent_at: env.clock.wall() })
      catalog.applyDelta(delta, env.clock.wall(), { kind: 'gossip', from: N1 })
    },
  }
}

const fn = (...asked: Parameters<typeof functionSample>): AnyEntry => ({ kind: 'functions', entry: functionSample(...asked) })

function topic(subscription_id: string, ...patterns: string[]): AnyEntry {
  const entry: TopicEntry = { ...nodeSample(N1), subscription_id, patterns }
  return { kind: 'topics', entry }
}

describe('the stream of deltas', () => {
  it('tells a change as a whole and under each namespace it concerns', () => {
    const { add, taken } = setUp()
    add(fn('svc.a'), fn('press.eu.b'), fn('plain'))
    const messages = taken()
    expect(messages.map((message) => message.topic)).toEqual([
      'mpreg.discovery.delta',
      'mpreg.discovery.delta.plain',
      'mpreg.discovery.delta.press.eu',
      'mpreg.discovery.delta.svc',
    ])
    expect(messages[0]?.messageId).toBe('u1')
    expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(4)
    const whole = JSON.parse((messages[0] as Message).text)
    expect(whole).toMatchObject({
      publisher: 'one',
      headers: { event: 'discovery.catalog_delta', cluster_id: 'moss' },
      payload: {
        delta: { update_id: 'u1', function_removals: [], node_removals: [] },
        counts: { functions_added: 3, functions_removed: 0, nodes_added: 0 },
        namespaces: ['plain', 'press.eu', 'svc'],
        source_node: SELF,
        source_cluster: 'moss',
        published_at: 100,
      },
    })
    expect(Object.keys(whole.payload.counts)).toHaveLength(14)
    expect(Object.values(payloadOf(messages[3] as Message).delta as object)).toHaveLength(17)
  })

  it('tells each namespace its own part, so that a large change stays as large as it is', () => {
    const { add, taken } = setUp()
    add(...Array.from({ length: 500 }, (_, at) => fn(`ns${at}.f`)), topic('s1', 'ns1.#', 'ns2.x'))
    const [whole, ...parts] = taken()
    expect(parts).toHaveLength(501)
    const ofOne = parts.find((message) => message.topic === 'mpreg.discovery.delta.ns1') as Message
    expect(payloadOf(ofOne)).toMatchObject({
      delta: { functions: [{ identity: { name: 'ns1.f' } }], topics: [{ subscription_id: 's1' }] },
      counts: { functions_added: 1, topics_added: 1, nodes_added: 0 },
      namespaces: ['ns1'],
    })
    const bytes = parts.reduce((sum, { text }) => sum + text.length, 0)
    expect(bytes).toBeLessThan(10 * (whole as Message).text.length)
  })

  it('names the cluster when no namespace is concerned, and tells of what expires', async () => {
    const { add, catalog, env, taken } = setUp()
    add({ kind: 'nodes', entry: nodeSample(N1) })
    expect(taken().map((message) => message.topic)).toEqual(['mpreg.discovery.delta', 'mpreg.discovery.delta.moss'])
    add(fn('svc.a', { ttl_seconds: 5 }))
    taken()
    await env.advance(6_000)
    catalog.prune(env.clock.wall())
    const [message] = taken()
    expect(payloadOf(message as Message)).toMatchObject({ counts: { functions_removed: 1 }, namespaces: ['svc'] })
  })

  it('is silent about what only renews a lifetime', async () => {
    const { add, env, taken } = setUp()
    add(fn('svc.a'))
    taken()
    await env.advance(1_000)
    add(fn('svc.a', { advertised_at: 101 }))
    add(fn('svc.a', { advertised_at: 101 }))
    expect(taken()).toEqual([])
    add(fn('svc.a', { advertised_at: 102, tags: ['new'] }))
    expect(taken()).not.toEqual([])
  })

  it('makes nothing for topics nobody subscribes to', () => {
    const { add, asked, taken } = setUp((name) => name.endsWith('.svc'))
    add(fn('svc.a'), fn('press.b'))
    expect(taken().map((message) => message.topic)).toEqual(['mpreg.discovery.delta.svc'])
    expect(asked).toEqual(['mpreg.discovery.delta', 'mpreg.discovery.delta.press', 'mpreg.discovery.delta.svc'])
  })

  it('does not tell of those who subscribe to discovery itself, coming or going', async () => {
    const { add, env, remove, taken } = setUp()
    add(topic('s1', 'mpreg.discovery.delta'), topic('s2', 'mpreg.discovery.#', 'mpreg.discovery.summary'))
    await env.advance(1_000)
    remove('s1')
    expect(taken()).toEqual([])
    add(topic('s3', 'mpreg.discovery.delta', 'news.#'), topic('s4', 'mpreg.discovery.delta'))
    const [message] = taken()
    expect(payloadOf(message as Message)).toMatchObject({
      delta: { topics: [{ subscription_id: 's3' }] },
      counts: { topics_added: 1 },
      namespaces: ['mpreg.discovery.delta', 'news'],
    })
    await env.advance(1_000)
    remove('s3')
    expect(payloadOf(taken()[0] as Message)).toMatchObject({ delta: { topic_removals: ['s3'] }, counts: { topics_removed: 1 } })
  })

  it('follows a subscription that turns to other topics', async () => {
    const { add, env, remove, taken } = setUp()
    add(topic('s1', 'mpreg.discovery.delta'))
    await env.advance(1_000)
    const renewed = topic('s1', 'news')
    add({ kind: 'topics', entry: { ...(renewed.entry as TopicEntry), advertised_at: 101 } })
    expect(payloadOf(taken()[0] as Message)).toMatchObject({ counts: { topics_added: 1 } })
    await env.advance(1_000)
    remove('s1')
    expect(payloadOf(taken()[0] as Message)).toMatchObject({ counts: { topics_removed: 1 } })
  })

  it('ends when it is told to', () => {
    const { add, stop, taken } = setUp()
    stop()
    add(fn('svc.a'))
    expect(taken()).toEqual([])
  })
})
