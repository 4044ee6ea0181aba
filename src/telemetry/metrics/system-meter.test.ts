import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createSystemMeter } from './system-meter.ts'

function setup() {
  const env = createVirtualEnv({ seed: 1 })
  return { env, meter: createSystemMeter(env.clock, { system: 'rpc', systemName: 'node-a', activeConnections: () => 2 }) }
}

describe('system meter', () => {
  it('has every member of the record that travels, and zeros before the first operation', () => {
    const { env, meter } = setup()
    expect(meter.metrics()).toMatchObject({
      system_type: 'rpc',
      system_name: 'node-a',
      requests_per_second: 0,
      average_latency_ms: 0,
      p95_latency_ms: 0,
      p99_latency_ms: 0,
      error_rate_percent: 0,
      active_connections: 2,
      total_operations_last_hour: 0,
      last_updated: env.clock.wall(),
    })
  })

  it('counts operations of the hour and failures among those of late (monitoring check 6)', () => {
    const { meter } = setup()
    for (let call = 0; call < 8; call++) meter.record(3, call >= 2)
    expect(meter.metrics()).toMatchObject({ total_operations_last_hour: 8, error_rate_percent: 25, requests_per_second: 8 / 60 })
  })

  it('forgets a bad start after five minutes, and keeps its lifetime beside', async () => {
    const { env, meter } = setup()
    for (let call = 0; call < 10; call++) meter.record(25_000, false)
    await env.advance(301_000)
    for (let call = 0; call < 10; call++) meter.record(2, true)
    expect(meter.metrics()).toMatchObject({
      error_rate_percent: 0,
      average_latency_ms: 2,
      total_operations_last_hour: 20,
      total_operations: 20,
      total_failures: 10,
      lifetime_error_rate_percent: 50,
    })
    expect(meter.metrics().lifetime_p95_latency_ms).toBeGreaterThan(24_000)
    await env.advance(3_600_000)
    expect(meter.metrics()).toMatchObject({ total_operations_last_hour: 0, total_operations: 20 })
  })

  it('shows by its median what one slow call does to the mean', () => {
    const { meter } = setup()
    for (let call = 0; call < 30; call++) meter.record(1, true)
    meter.record(25_000, true)
    const { average_latency_ms, p50_latency_ms } = meter.metrics()
    expect(average_latency_ms).toBeGreaterThan(800)
    expect(p50_latency_ms).toBeCloseTo(1, 1)
  })

  it('takes the end of the measurement instead of reading the clock', async () => {
    const { env, meter } = setup()
    await env.advance(400_000)
    meter.record(1, false, 400_000)
    expect(meter.metrics()).toMatchObject({ operations_last_5_minutes: 1, failures_last_5_minutes: 1 })
  })

  it('misses no operation, whenever it is read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 3 }), fc.boolean()), { maxLength: 40 }),
        async (steps) => {
          const { env, meter } = setup()
          const seen: { readonly atMs: number; readonly times: number }[] = []
          for (const [ms, times, isRead] of steps) {
            await env.advance(ms)
            const nowMs = env.clock.monotonic()
            meter.record(1, true, nowMs, times)
            seen.push({ atMs: nowMs, times })
            if (!isRead) continue
            const since = (fromMs: number) => seen.filter(({ atMs }) => atMs > fromMs).reduce((sum, one) => sum + one.times, 0)
            const { operations_last_5_minutes: recent, requests_per_second: rate, total_operations_last_hour: hour } = meter.metrics()
            expect(hour).toBe(since(Number.NEGATIVE_INFINITY))
            expect(recent).toBeGreaterThanOrEqual(since(nowMs - 295_000))
            expect(recent).toBeLessThanOrEqual(since(nowMs - 300_001))
            expect(rate * 60).toBeGreaterThanOrEqual(since(nowMs - 59_000) - 1e-9)
            expect(rate * 60).toBeLessThanOrEqual(since(nowMs - 60_001) + 1e-9)
          }
        },
      ),
    )
  })
})
