import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createConnectionHealth, createEndpointHealth, healthScore, healthTrend, latencyShare, steadiness } from './health.ts'

const INIT = { connectionId: 'ws-1', endpoint: 'ws://a:1' }

describe('health score', () => {
  it('wire check 36: 8 successes at 10 ms and 2 failures at 100 ms score between 0.5 and 1, at 80 % success', () => {
    const health = createConnectionHealth(createVirtualEnv({ seed: 1 }).clock, INIT)
    for (let i = 0; i < 8; i++) health.record(true, 10)
    for (let i = 0; i < 2; i++) health.record(false, 100)
    const { health_score, success_rate_percent, average_latency_ms } = health.snapshot()
    expect(health_score).toBeGreaterThan(0.5)
    expect(health_score).toBeLessThan(1)
    expect(health_score).toBeCloseTo(0.4 * 0.8 + 0.25 + 0.2 * 0.8 + 0)
    expect(success_rate_percent).toBe(80)
    expect(average_latency_ms).toBe(28)
  })

  it('is 1 for a connection nobody has used', () => {
    const health = createConnectionHealth(createVirtualEnv({ seed: 1 }).clock, INIT)
    expect(health.snapshot()).toMatchObject({ health_score: 1, success_rate_percent: 100, total_operations: 0, health_trend: 'stable' })
  })

  it.each([
    [[], 0.3],
    [[9.9], 0.3],
    [[10], 0.25],
    [[49], 0.25],
    [[50], 0.15],
    [[199], 0.15],
    [[200], 0.05],
  ])('gives latencies %j the share %f', (latencies, share) => {
    expect(latencyShare(latencies)).toBe(share)
  })

  it.each([
    ['few samples', [1, 100], 1],
    ['zero mean', Array(10).fill(0), 1],
    ['steady', [10, 10, 10, 10, 10, 10, 10, 10, 10, 11], 1],
    ['wild', [1, 1, 1, 1, 1, 1, 1, 1, 1, 1000], 0],
    ['uneven', [5, 15, 5, 15, 5, 15, 5, 15, 5, 15], 0.5],
  ])('rates steadiness: %s', (_name, latencies, expected) => {
    expect(steadiness(latencies)).toBeCloseTo(expected)
  })

  it('stays within 0 and 1', () => {
    expect(healthScore({ lifetimeSuccess: 1, recentSuccess: 1, latenciesMs: [] })).toBeCloseTo(1)
    expect(healthScore({ lifetimeSuccess: 0, recentSuccess: 0, latenciesMs: [1000] })).toBeCloseTo(0.15)
  })

  it('forgives old failures after five minutes, and caches for five seconds', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const health = createConnectionHealth(env.clock, INIT)
    for (let i = 0; i < 5; i++) health.record(true, 1)
    for (let i = 0; i < 5; i++) health.record(false, 1)
    const early = health.score()
    health.record(true, 1)
    expect(health.score()).toBe(early)
    await env.advance(300_001)
    expect(health.score()).toBeGreaterThan(early)
    expect(health.snapshot().recent_failures).toBe(0)
  })
})

describe('health trend', () => {
  it.each([
    [0, 0, 0, 0.9, 'stable'],
    [0, 0, 0, 0.5, 'improving'],
    [4, 4, 4, 0.5, 'critical'],
    [3, 1, 3, 0.5, 'improving'],
    [2, 1, 3, 0.5, 'degrading'],
    [0, 0, 3, 0.5, 'stable'],
  ] as const)('with %i failures in a minute, %i in 15 s, %i ever and score %f is %s', (minute, quarter, ever, score, trend) => {
    expect(healthTrend(minute, quarter, ever, score)).toBe(trend)
  })
})

describe('endpoint health', () => {
  it('sums up its connections and forgets those that are gone', () => {
    const env = createVirtualEnv({ seed: 1 })
    const endpoint = createEndpointHealth(env.clock, 'ws://a:1')
    expect(endpoint.snapshot()).toMatchObject({ health_score: 1, active_connections: 0, total_connections: 0, error_rate_percent: 0 })
    const good = endpoint.open({ connectionId: 'good', circuitState: () => 'half_open' })
    const bad = endpoint.open({ connectionId: 'bad' })
    for (let i = 0; i < 30; i++) good.record(true, 5)
    for (let i = 0; i < 10; i++) bad.record(false, 500)
    expect(good.snapshot().circuit_breaker_state).toBe('half_open')
    expect(endpoint.snapshot()).toMatchObject({
      healthy_connections: 1,
      degraded_connections: 0,
      failed_connections: 1,
      error_rate_percent: 25,
      average_latency_ms: (30 * 5 + 10 * 500) / 40,
      total_operations_last_hour: 40,
      active_connections: 2,
      total_connections: 2,
    })
    endpoint.close('bad')
    expect(endpoint.snapshot()).toMatchObject({ failed_connections: 0, error_rate_percent: 0, active_connections: 1, total_connections: 2 })
  })
})
