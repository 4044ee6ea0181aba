import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createEventLog, type EventLogOptions } from './event-log.ts'
import { systemTrackingId } from './tracking-id.ts'

function setup(options?: EventLogOptions) {
  const env = createVirtualEnv({ seed: 1 })
  return { env, events: createEventLog(env, options) }
}

const ULID = '[0-9A-HJKMNP-TV-Z]{26}'
const raw = { correlation_id: 'c', event_type: 'request_start', source_system: 'rpc' } as const

describe('tracking ids', () => {
  it('take the id an object has, without blanks, else a new one (monitoring check 19)', () => {
    const { env, events } = setup()
    expect(events.record({ ...raw, existing_object_id: ' abc ' })).toBe('abc')
    expect(events.record(raw)).toMatch(new RegExp(`^mon-${ULID}$`))
    expect(events.record({ ...raw, existing_object_id: '   ' })).toMatch(/^mon-/)
    expect(events.record({ ...raw, tracking_id: 'given', existing_object_id: 'abc' })).toBe('given')
    expect(systemTrackingId(env.random, 'rpc')).toMatch(new RegExp(`^rpc-${ULID}$`))
    expect(systemTrackingId(env.random, 'pubsub')).toMatch(/^ps-/)
    expect(systemTrackingId(env.random, 'elsewhere')).toMatch(/^sys-/)
  })
})

describe('event log', () => {
  it('follows a request from start to completion (monitoring check 20)', () => {
    const { events } = setup()
    events.tell({ kind: 'request_start', id: 'u1', system: 'rpc', subject: 'echo' })
    expect(events.activeTrackingIds()).toEqual(['u1'])
    expect(events.activeCorrelations).toBe(1)
    events.tell({ kind: 'request_complete', id: 'u1', system: 'rpc', subject: 'echo', latencyMs: 3, ok: true })
    expect(events.activeTrackingIds()).toEqual([])
    expect(events.activeCorrelations).toBe(0)
    for (const timeline of [events.timeline('u1'), events.trackingTimeline('u1'), events.story('u1')]) {
      expect(timeline.map((event) => event.event_type)).toEqual(['request_start', 'request_complete'])
    }
    expect(events.timeline('unknown')).toEqual([])
  })

  it('measures the latency from one system to another (monitoring check 20)', () => {
    const { events } = setup()
    for (const latencyMs of [10, 15, 20, 25, 30]) {
      events.record({ ...raw, event_type: 'cross_system_correlation', target_system: 'pubsub', latency_ms: latencyMs })
    }
    expect(events.pairs.of('rpc', 'pubsub')).toEqual({ average_latency_ms: 20, p50: 20, p95: 30, p99: 30, total_interactions: 5 })
    expect(events.pairs.of('rpc', 'queue')).toBeUndefined()
  })

  it('counts what crosses between systems, hops, breakers and broken stories as they happen', () => {
    const { events } = setup()
    events.tell({ kind: 'publish', id: 'u1', topic: 't', from: 'rpc', subscribers: 1, latencyMs: 2, ok: true })
    events.tell({
      kind: 'hop',
      id: 'u1',
      system: 'rpc',
      targetNode: 'ws://b',
      targetCluster: 'b',
      hopCount: 2,
      foreign: true,
      latencyMs: 9,
      ok: false,
    })
    events.tell({ kind: 'request_complete', id: 'u2', system: 'rpc', latencyMs: 1, ok: true })
    events.tell({ kind: 'circuit_breaker', id: 'b1', endpoint: 'ws://b', state: 'open' })
    expect(events.counts.metrics()).toMatchObject({
      rpc_to_pubsub_events: 1,
      federation_message_hops: [2],
      circuit_breaker_events: 1,
      total_cross_system_correlations: 2,
      correlation_success_rate_percent: 50,
      correlation_tracking_success_rate: 50,
    })
  })

  it('does not call upkeep a correlation, nor let it push requests out', () => {
    const { events } = setup({ upkeepEventsMax: 10 })
    events.tell({ kind: 'request_start', id: 'u1', system: 'rpc' })
    for (let i = 0; i < 100; i++) {
      events.tell({ kind: 'dial', id: `d${i % 20}`, url: 'ws://p', latencyMs: 0, ok: true })
      events.tell({ kind: 'health_check', id: `h${i}`, system: 'rpc', score: 1, status: 'healthy', trackingId: `rpc-${i}` })
    }
    expect(events.counts.metrics()).toMatchObject({ total_cross_system_correlations: 1, correlation_success_rate_percent: 100 })
    expect(events.timeline('u1')).toHaveLength(1)
    expect(events.snapshot()).toMatchObject({ events: 1, upkeep_events: 10 })
  })

  it('keeps within its limits whatever comes, and chains hold exactly the events that are kept', () => {
    const kinds = ['request_start', 'request_complete', 'cross_system_correlation', 'health_check'] as const
    const event = fc.record({
      correlation_id: fc.constantFrom('a', 'b', 'c', 'd'),
      tracking_id: fc.constantFrom('a', 'b', 'x', 'y'),
      event_type: fc.constantFrom(...kinds),
      success: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120 }), (list) => {
        const { events } = setup({ eventsMax: 7, upkeepEventsMax: 3, activeMax: 2 })
        for (const each of list) events.record({ ...each, source_system: 'rpc' })
        const inChains = ['a', 'b', 'c', 'd'].flatMap((id) => [...events.timeline(id)])
        const inTimelines = ['a', 'b', 'x', 'y'].flatMap((id) => [...events.trackingTimeline(id)])
        const snapshot = events.snapshot()
        expect(new Set(inTimelines)).toEqual(new Set(inChains))
        expect(inChains).toHaveLength(snapshot.events + snapshot.upkeep_events)
        expect(snapshot.events).toBeLessThanOrEqual(7)
        expect(snapshot.upkeep_events).toBeLessThanOrEqual(3)
        expect(snapshot.active_tracking_ids).toBeLessThanOrEqual(2)
        expect(snapshot.events_total).toBe(snapshot.events + snapshot.upkeep_events + snapshot.events_dropped + snapshot.events_left_out)
        const rate = events.counts.metrics().correlation_success_rate_percent
        expect(rate >= 0 && rate <= 100).toBe(true)
      }),
    )
  })

  it('under load keeps whole stories of some requests, and counts all', () => {
    const { events } = setup({ chainsPerSecondMax: 5 })
    for (let i = 0; i < 100; i++) {
      events.tell({ kind: 'request_start', id: `u${i}`, system: 'rpc' })
      events.tell({ kind: 'request_complete', id: `u${i}`, system: 'rpc', latencyMs: 1, ok: true })
    }
    expect(events.timeline('u4')).toHaveLength(2)
    expect(events.timeline('u5')).toHaveLength(0)
    expect(events.counts.metrics().total_cross_system_correlations).toBe(100)
    expect(events.activeCorrelations).toBe(0)
    expect(events.snapshot()).toMatchObject({ events: 10, events_left_out: 190 })
  })

  it('gives a story that has begun its end, while no new ones are kept', () => {
    const { events } = setup({ chainsPerSecondMax: 1, eventsMax: 3 })
    const hop = {
      kind: 'hop',
      system: 'rpc',
      targetNode: 'ws://b',
      targetCluster: 'b',
      hopCount: 1,
      foreign: true,
      latencyMs: 1,
      ok: true,
    } as const
    events.tell({ ...hop, id: 'begun' })
    events.answered('left-out', 'rpc', 'echo', 1, 0)
    events.answered('begun', 'rpc', 'echo', 2, 0)
    events.answered('left-out-too', 'rpc', 'echo', 1, 0)
    expect(events.timeline('begun').map(({ event_type }) => event_type)).toEqual([
      'cross_system_correlation',
      'request_start',
      'request_complete',
    ])
    // Told of at its end, it began before what happened on its way.
    expect(events.story('begun').map(({ event_type }) => event_type)).toEqual([
      'request_start',
      'cross_system_correlation',
      'request_complete',
    ])
    expect([events.isKept('begun'), events.isKept('left-out'), events.isKept('left-out-too')]).toEqual([true, false, false])
    expect(events.counts.metrics().total_cross_system_correlations).toBe(3)
  })

  it('does not keep the end of a story whose start was left out', async () => {
    const { env, events } = setup({ chainsPerSecondMax: 1 })
    for (const id of ['kept', 'left-out']) events.tell({ kind: 'request_start', id, system: 'rpc' })
    await env.advance(2_000)
    for (const id of ['kept', 'left-out']) events.tell({ kind: 'request_complete', id, system: 'rpc', latencyMs: 2_000, ok: true })
    expect(events.timeline('kept')).toHaveLength(2)
    expect(events.timeline('left-out')).toEqual([])
    await env.advance(60_000)
    events.tell({ kind: 'request_complete', id: 'later', system: 'rpc', latencyMs: 1, ok: true })
    expect(events.timeline('later')).toHaveLength(1)
  })

  it('keeps no more of a text than is of use, and finds a story by an id that was too long', () => {
    const { events } = setup()
    const long = 'x'.repeat(1_000_000)
    const commands = Array.from({ length: 1_000 }, (_, i) => `command-${i}`)
    events.answered(long, 'rpc', long, 3, 0, long)
    events.tell({ kind: 'dependency_resolved', id: long, level: 0, commands, latencyMs: 1, ok: true })
    events.tell({ kind: 'publish', id: long, topic: long, from: 'rpc', subscribers: 1, latencyMs: 1, ok: true })
    const story = events.story(long)
    expect(story).toHaveLength(4)
    for (const event of story) expect(JSON.stringify(event).length).toBeLessThan(2_000)
    expect(story[1]?.error_message).toBe(`${'x'.repeat(499)}…`)
    expect(story[2]?.metadata.commands).toEqual([...commands.slice(0, 46), '…'])
    expect([events.isKept(long), events.timeline(long).length, events.trackingTimeline(long).length]).toEqual([true, 4, 4])
    expect(events.activeTrackingIds()).toEqual([])
  })

  it('stops calling a request running that never completes', async () => {
    const { env, events } = setup()
    events.tell({ kind: 'request_start', id: 'lost', system: 'rpc' })
    await env.advance(299_000)
    events.tell({ kind: 'request_start', id: 'young', system: 'rpc' })
    await env.advance(2_000)
    events.sweep()
    expect(events.activeTrackingIds()).toEqual(['young'])
    expect(events.timeline('lost')).toHaveLength(1)
    expect(events.snapshot().active_dropped).toBe(1)
  })
})
