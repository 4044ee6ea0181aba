import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createEventLog } from './event-log.ts'
import { createRequestTally, type RequestTally } from './request-tally.ts'
import { createSystemMeter } from './system-meter.ts'

const INIT = { system: 'rpc', systemName: 'n', activeConnections: () => 1 } as const

/** A meter and a log beside a tally, or told of each request by itself. */
function measured(env: ReturnType<typeof createVirtualEnv>, isTallied: boolean) {
  let tally: RequestTally | undefined
  const settle = () => tally?.settle()
  const events = createEventLog(env, { chainsPerSecondMax: 1, settle })
  const meter = createSystemMeter(env.clock, { ...INIT, settle })
  if (isTallied) tally = createRequestTally(meter, events)
  return {
    events,
    meter,
    ended(durationMs: number) {
      const nowMs = env.clock.monotonic()
      if (tally !== undefined && events.leavesOut(nowMs)) tally.add(durationMs, nowMs)
      else {
        settle()
        meter.record(durationMs, true, nowMs)
        events.answered(`id ${env.random.ulid()}`, 'rpc', 'echo', durationMs, nowMs)
      }
    },
  }
}

describe('a tally of requests', () => {
  it('comes to what each request by itself would, whenever that is read', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const one = measured(env, false)
    const other = measured(env, true)
    for (let round = 0; round < 40; round++) {
      const requests = env.random.int(700)
      for (let i = 0; i < requests; i++) {
        const durationMs = 0.001 + env.random.next()
        one.ended(durationMs)
        other.ended(durationMs)
      }
      // Sometimes within the second, sometimes minutes later.
      await env.advance(env.random.pick([1, 250, 1_000, 40_000]) as number)
      if (env.random.int(3) === 0) {
        const { average_latency_ms, lifetime_average_latency_ms, ...exact } = one.meter.metrics()
        expect(other.meter.metrics()).toMatchObject(exact)
        expect(other.meter.metrics().average_latency_ms).toBeCloseTo(average_latency_ms, 9)
        expect(other.meter.metrics().lifetime_average_latency_ms).toBeCloseTo(lifetime_average_latency_ms, 9)
        expect(other.events.counts.metrics()).toEqual(one.events.counts.metrics())
        expect(other.events.snapshot()).toEqual(one.events.snapshot())
        expect(other.meter.lifetimeLatencies().count).toBe(one.meter.lifetimeLatencies().count)
      }
    }
    expect(other.events.snapshot().events_left_out).toBeGreaterThan(5_000)
  })

  it('leaves nothing out while a request is under way that is told of', () => {
    const env = createVirtualEnv({ seed: 1 })
    const events = createEventLog(env, { chainsPerSecondMax: 1 })
    events.tell({ kind: 'dependency_resolved', id: 'graph', level: 0, commands: ['a'], latencyMs: 1, ok: true })
    expect(events.leavesOut(env.clock.monotonic())).toBe(false)
    events.answered('graph', 'rpc', 'a', 1, env.clock.monotonic())
    expect(events.leavesOut(env.clock.monotonic())).toBe(true)
  })
})
