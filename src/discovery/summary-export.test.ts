import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../base/index.ts'
import type { Message, ServiceSummary } from '../wire/index.ts'
import { createStoreForward } from './store-forward.ts'
import { createSummaryExport, type SummaryExportOptions } from './summary-export.ts'
import { payloadOf, summarySample } from './summary-samples.ts'

function setUp(options: Partial<SummaryExportOptions> = {}) {
  const warnings: string[] = []
  const log: LogScope = { ...silentLog, scope: () => ({ ...silentLog, warn: (text) => warnings.push(text) }) }
  const env = createVirtualEnv({ seed: 1, startWall: 1000, log })
  const sent: Message[] = []
  let services: string[] = ['svc.a']
  const exporter = createSummaryExport(
    {
      env,
      nodeId: () => 'ws://n1:1',
      clusterId: 'moss',
      publisher: 'one',
      storeForward: createStoreForward(env.clock, { windowSeconds: options.storeForwardSeconds ?? 0, messagesMax: 100 }),
      summaries: () => services.map((name) => summarySample(name, { generated_at: env.clock.wall(), scope: 'global' })),
      publish: (message) => sent.push(message),
    },
    {
      intervalSeconds: 10,
      scope: 'global',
      includeUnscoped: true,
      namespaces: [],
      holdDownSeconds: 0,
      ttlSeconds: 120,
      storeForwardSeconds: 0,
      ...options,
    },
  )
  return {
    env,
    exporter,
    warnings,
    /** What was sent since the last look. */
    taken: () => sent.splice(0),
    set: (names: string[]) => {
      services = names
    },
  }
}

const topicsOf = (messages: readonly Message[]) => messages.map(({ topic }) => topic.replace('mpreg.discovery.summary', '…'))

/** Endpoints by service, as the message for everybody tells them. */
function told(messages: readonly Message[]): Record<string, number> {
  const everything = messages.find(({ topic }) => topic === 'mpreg.discovery.summary') as Message
  const { summaries } = payloadOf(everything) as { summaries: ServiceSummary[] }
  return Object.fromEntries(summaries.map(({ endpoint_count, service_id }) => [service_id, endpoint_count]))
}

describe('summary export', () => {
  it('begins with a round: a message for each namespace and one for all, with and without the scope', () => {
    const { exporter, set, taken } = setUp()
    set(['svc.a', 'svc.b', 'press.x'])
    exporter.start()
    const messages = taken()
    expect(topicsOf(messages)).toEqual(['….global.svc', '….svc', '….global.press', '….press', '….global', '…'])
    const last = messages.at(-1) as Message
    expect(JSON.parse(last.text)).toMatchObject({
      publisher: 'one',
      timestamp: 1000,
      headers: { event: 'discovery.summary_export', cluster_id: 'moss' },
      payload: {
        namespaces: ['press', 'svc'],
        source_node: 'ws://n1:1',
        source_cluster: 'moss',
        published_at: 1000,
        scope: 'global',
      },
    })
    expect(last.text).toContain('"published_at":1000.0')
    expect(told(messages)).toEqual({ 'press.x': 1, 'svc.a': 1, 'svc.b': 1 })
  })

  it('goes on in its interval: all in one, and namespaces by themselves when they change or their summaries age', async () => {
    const { env, exporter, set, taken } = setUp({ includeUnscoped: false })
    exporter.start()
    taken()
    await env.advance(10_000)
    expect(topicsOf(taken())).toEqual(['….global'])
    set(['svc.a', 'press.x'])
    await env.advance(10_000)
    expect(topicsOf(taken())).toEqual(['….global.press', '….global'])
    await env.advance(40_000)
    expect(topicsOf(taken()).filter((topic) => topic === '….global.svc')).toHaveLength(1)
    exporter.stop()
    await env.advance(60_000)
    expect(taken()).toEqual([])
  })

  it('has one round without an interval, and no scope in its topics without a scope', async () => {
    const { env, exporter, taken } = setUp({ intervalSeconds: 0, scope: null, includeUnscoped: false })
    exporter.start()
    await env.advance(100_000)
    const messages = taken()
    expect(topicsOf(messages)).toEqual(['….svc', '…'])
    expect(payloadOf(messages[0] as Message)).not.toHaveProperty('scope')
  })

  it('exports the namespaces it is asked to, with all below them', () => {
    const { exporter, set, taken } = setUp({ namespaces: ['svc'] })
    set(['svc.a', 'svc.eu.b', 'svc2.c'])
    exporter.round()
    expect(told(taken())).toEqual({ 'svc.a': 1, 'svc.eu.b': 1 })
  })

  it('takes back what is gone with a summary without endpoints that ends at once', () => {
    const { env, exporter, set, taken } = setUp()
    set(['svc.a', 'svc.b', 'press.x'])
    exporter.round()
    taken()
    set(['svc.a'])
    exporter.round()
    const messages = taken()
    expect(told(messages)).toEqual({ 'press.x': 0, 'svc.a': 1, 'svc.b': 0 })
    expect(topicsOf(messages)).toEqual(['….global.press', '….press', '….global.svc', '….svc', '….global', '…'])
    const [withdrawn] = payloadOf(messages[0] as Message).summaries as ServiceSummary[]
    expect(withdrawn).toMatchObject({ health_band: 'critical', ttl_seconds: 0.001, generated_at: env.clock.wall() })
    exporter.round()
    expect(told(taken())).toEqual({ 'svc.a': 1 })
    set([])
    exporter.round()
    taken()
    exporter.round()
    expect(taken()).toEqual([])
  })

  it('holds a change back for as long as it is told to, and counts that (rpc check 29)', async () => {
    const { env, exporter, set, taken } = setUp({ intervalSeconds: 0.4, holdDownSeconds: 1 })
    exporter.start()
    set(['svc.a', 'svc.b'])
    await env.advance(800)
    expect(told(taken().slice(-2))).toEqual({ 'svc.a': 1 })
    expect(exporter.snapshot().hold_downs_total).toBe(2)
    await env.advance(400)
    expect(told(taken())).toEqual({ 'svc.a': 1, 'svc.b': 1 })
  })

  it('tells a namespace again while late subscribers should still find it', async () => {
    const { env, exporter, taken } = setUp({ storeForwardSeconds: 40 })
    exporter.start()
    taken()
    await env.advance(20_000)
    expect(topicsOf(taken())).toEqual(['….global', '…', '….global.svc', '….svc', '….global', '…'])
    expect(exporter.snapshot().store_forward_queued).toBe(10)
  })

  it('counts rounds and summaries, in all and by namespace', async () => {
    const { env, exporter, set } = setUp()
    expect(exporter.snapshot()).toEqual({
      exports_total: 0,
      summaries_exported: 0,
      last_export_count: 0,
      last_export_namespaces: [],
      hold_downs_total: 0,
      store_forward_queued: 0,
      per_namespace: [],
    })
    set(['svc.a', 'svc.eu.b'])
    exporter.start()
    set(['svc.a', 'svc.c'])
    await env.advance(10_000)
    expect(exporter.snapshot()).toMatchObject({
      exports_total: 2,
      summaries_exported: 4,
      last_export_count: 2,
      last_export_namespaces: ['svc'],
      last_export_at: 1010,
      per_namespace: [
        { namespace: 'svc', exports_total: 2, summaries_exported: 3, last_export_at: 1010, last_export_count: 2 },
        { namespace: 'svc.eu', exports_total: 1, summaries_exported: 1, last_export_at: 1000, last_export_count: 1 },
      ],
    })
    expect(exporter.exportedOf('svc')).toEqual({ summaries_exported: 4, last_export_at: 1010 })
    expect(exporter.exportedOf('sv')).toBeUndefined()
  })

  it('spreads many summaries over several messages', () => {
    const { exporter, set, taken } = setUp({ includeUnscoped: false })
    set(Array.from({ length: 2_500 }, (_, at) => `svc.f${at}`))
    exporter.round()
    const sizes = taken().map((message) => (payloadOf(message).summaries as unknown[]).length)
    expect(sizes).toEqual([1_000, 1_000, 500, 1_000, 1_000, 500])
  })

  it('keeps figures for so many namespaces', () => {
    const { exporter, set } = setUp()
    for (let round = 0; round < 3; round++) {
      set(Array.from({ length: 500 }, (_, at) => `ns${round}-${at}.f`))
      exporter.round()
    }
    const { per_namespace: kept } = exporter.snapshot()
    expect(kept).toHaveLength(1000)
    expect(kept.some(({ namespace }) => namespace.startsWith('ns0-'))).toBe(false)
  })

  it('keeps counting the same ones when there are more, and says so once', () => {
    const { exporter, set, warnings } = setUp()
    set(Array.from({ length: 1_500 }, (_, at) => `ns${at}.f`))
    for (let round = 0; round < 3; round++) exporter.round()
    const { per_namespace: kept } = exporter.snapshot()
    expect(kept).toHaveLength(1000)
    expect(kept.every(({ exports_total }) => exports_total === 3)).toBe(true)
    expect(warnings).toEqual(['500 exported namespaces have no figures: only 1000 have'])
  })

  it('tells a namespace again after the clock was put back', async () => {
    const { env, exporter, taken } = setUp({ scope: null })
    exporter.round()
    await env.advance(1_000)
    env.shiftWall(-600)
    taken()
    exporter.round()
    expect(topicsOf(taken())).toEqual(['….svc', '…'])
    exporter.round()
    expect(topicsOf(taken())).toEqual(['…'])
  })
})
