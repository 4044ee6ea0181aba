import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { encodeMessage, type Message, RawJson, type ServiceSummary, type SummaryMessage, summaryMessage } from '../wire/index.ts'
import { summarySample } from './summary-samples.ts'
import { createSummaryStore, type SummaryStoreOptions } from './summary-store.ts'

function setUp(options: Partial<SummaryStoreOptions> = {}) {
  const { advance, clock } = createVirtualEnv({ seed: 1, startWall: 100 })
  const full: ServiceSummary[] = []
  const store = createSummaryStore({ clock, onFull: (summary) => full.push(summary) }, { namespaces: [], scopes: [], ...options })
  const receive = (summaries: readonly ServiceSummary[], more: Partial<SummaryMessage> = {}) =>
    store.receive(
      published(
        new RawJson(
          summaryMessage.write({
            summaries,
            namespaces: [...new Set(summaries.map(({ namespace }) => namespace))],
            source_node: 'ws://n1:1',
            source_cluster: 'moss',
            published_at: clock.wall(),
            scope: 'global',
            ...more,
          }),
        ),
      ),
    )
  return { advance, full, receive, store, names: () => store.list('global').map(({ service_id }) => service_id) }
}

function published(payload: unknown): Message {
  const fields = { topic: 'mpreg.discovery.summary', timestamp: 100, messageId: 'm', publisher: 'p' }
  return { ...fields, text: encodeMessage({ ...fields, payload }) }
}

describe('summaries of other clusters', () => {
  it('are kept by service, cluster and scope, with what the message says of all of them', () => {
    const { receive, store } = setUp()
    const { source_cluster: _, ...anonymous } = summarySample('svc.a')
    receive([anonymous, summarySample('svc.a', { source_cluster: 'fern', scope: 'region' })])
    expect(store.list('global')).toEqual([summarySample('svc.a', { scope: 'global', source_cluster: 'moss' })])
    expect(store.list('region')).toEqual([summarySample('svc.a', { scope: 'region', source_cluster: 'fern' })])
    expect(store.snapshot()).toEqual({
      entry_counts: { summaries: 2 },
      stats: {
        messages_applied: 1,
        messages_skipped: 0,
        messages_invalid: 0,
        summaries_applied: 2,
        summaries_expired: 0,
        last_message_at: 100,
        last_source_cluster: 'moss',
        last_source_node: 'ws://n1:1',
      },
    })
  })

  it('that have no scope answer questions for any', () => {
    const { receive, store } = setUp()
    receive([summarySample('svc.a')], { scope: undefined as never })
    expect([store.list('global'), store.list('region')].map((found) => found.length)).toEqual([1, 1])
  })

  it('give way to newer ones only', () => {
    const { receive, store } = setUp()
    receive([summarySample('svc.a', { endpoint_count: 1 })])
    receive([summarySample('svc.a', { endpoint_count: 2 })])
    receive([summarySample('svc.a', { endpoint_count: 3, generated_at: 99 })])
    expect(store.list('global')[0]?.endpoint_count).toBe(1)
    receive([summarySample('svc.a', { endpoint_count: 4, generated_at: 100.5 })])
    expect(store.list('global')[0]?.endpoint_count).toBe(4)
  })

  it('end with their lifetime; what was taken back keeps older copies out until it is dropped', async () => {
    const { advance, names, receive, store } = setUp()
    receive([summarySample('svc.a'), summarySample('svc.b')])
    await advance(1_000)
    receive([summarySample('svc.a', { endpoint_count: 0, ttl_seconds: 0.001, generated_at: 101 })])
    await advance(1_000)
    receive([summarySample('svc.a', { generated_at: 100.5 })])
    expect(names()).toEqual(['svc.b'])
    expect(store.snapshot().entry_counts).toEqual({ summaries: 1 })
    store.prune()
    expect(store.snapshot().stats).toMatchObject({ summaries_expired: 1, last_prune_at: 102 })
    await advance(119_000)
    expect(names()).toEqual([])
  })

  it.each([
    ['an hour behind', -3600],
    ['an hour ahead', 3600],
  ])('of a cluster whose clock is %s live as long as any', async (_, skew) => {
    const { advance, names, receive, store } = setUp()
    const at = 100 + skew
    receive([summarySample('svc.a', { generated_at: at }), summarySample('svc.b', { generated_at: at - 100 })], { published_at: at })
    expect(names()).toEqual(['svc.a', 'svc.b'])
    await advance(21_000)
    expect(names()).toEqual(['svc.a'])
    await advance(100_000)
    expect(names()).toEqual([])
    store.prune()
    // The clock was put right.
    receive([summarySample('svc.a', { generated_at: 221 })])
    expect(names()).toEqual(['svc.a'])
  })

  it('of a node whose clock is ahead make way for those of others once it tells no more', async () => {
    const { advance, receive, store } = setUp()
    receive([summarySample('svc.a', { generated_at: 3700, endpoint_count: 1 })], { published_at: 3700 })
    await advance(60_000)
    receive([summarySample('svc.a', { generated_at: 160, endpoint_count: 2 })])
    expect(store.list('global')[0]?.endpoint_count).toBe(1)
    await advance(61_000)
    receive([summarySample('svc.a', { generated_at: 221, endpoint_count: 2 })])
    expect(store.list('global')[0]?.endpoint_count).toBe(2)
  })

  it('are taken from the namespaces and scopes that are followed', () => {
    const { names, receive, store } = setUp({ namespaces: ['svc'], scopes: ['global'] })
    receive([summarySample('svc2.a')])
    receive([summarySample('svc.b')], { scope: 'region' })
    receive([summarySample('svc.b')], { scope: undefined as never })
    expect(store.snapshot().stats).toMatchObject({ messages_skipped: 3, messages_applied: 0 })
    receive([summarySample('svc.eu.a'), summarySample('svc2.a')])
    expect(names()).toEqual(['svc.eu.a'])
  })

  it('that can not be read are counted, one bad one does not void the others', () => {
    const { names, store } = setUp()
    for (const payload of [null, 7, []]) store.receive(published(payload))
    expect(store.snapshot().stats.messages_invalid).toBe(3)
    const good = { namespace: 'svc', service_id: 'svc.a', ttl_seconds: 5, generated_at: 100, latency_band_ms: ['1', 2.5] }
    const summaries = [good, { ...good, service_id: '' }, { ...good, service_id: 'svc.b', latency_band_ms: [-1, 2] }]
    store.receive(published({ summaries, namespaces: ['svc'], scope: 'global' }))
    expect(names()).toEqual(['svc.a'])
  })

  it('find no room beyond a bound, and that is told', () => {
    const { full, names, receive } = setUp({ entriesMax: 2 })
    receive(['svc.a', 'svc.b', 'svc.c'].map((name) => summarySample(name)))
    expect(names()).toEqual(['svc.a', 'svc.b'])
    expect(full.map(({ service_id }) => service_id)).toEqual(['svc.c'])
  })
})
