import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createCorrelationTracker } from './correlation.ts'

const DONE = { endpoint: 'ws://a:1', connectionId: 'ws-1', success: true }

describe('correlation tracker', () => {
  it('measures from start to completion and keeps what was said', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const tracker = createCorrelationTracker(env)
    const id = tracker.start()
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    await env.advance(12)
    const result = tracker.complete(id, { ...DONE, responseData: 'pong', metadata: { hop: 1 } })
    expect(result).toEqual({
      correlation_id: id,
      response_data: 'pong',
      latency_ms: 12,
      endpoint_used: 'ws://a:1',
      connection_id: 'ws-1',
      success: true,
      error_message: null,
      metadata: { hop: 1 },
    })
    expect(tracker.history()).toEqual([result])
    expect(tracker.complete(id, DONE)).toBeUndefined()
  })

  it('forgets what nobody completes, by itself, and rests when nothing is open', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const tracker = createCorrelationTracker(env)
    tracker.start('old')
    await env.advance(29_999)
    expect(tracker.sweep()).toBe(0)
    await env.advance(1)
    tracker.start('young')
    expect(tracker.sweep()).toBe(1)
    expect(tracker.complete('old', DONE)).toBeUndefined()
    await env.advance(120_000)
    expect(tracker.statistics()).toMatchObject({ active_correlations: 0, expired_total: 2 })
    expect(env.pendingTimers).toBe(0)
  })

  it('draws statistics from the last hundred operations', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const tracker = createCorrelationTracker(env)
    expect(tracker.statistics()).toMatchObject({ average_latency_ms: 0, success_rate_percent: 100, recent_operations: 0 })
    for (let i = 0; i < 150; i++) {
      const id = tracker.start()
      await env.advance(i < 50 ? 1000 : 10)
      tracker.complete(id, { ...DONE, success: i % 4 !== 0 })
    }
    expect(tracker.statistics()).toEqual({
      active_correlations: 0,
      total_correlation_history: 150,
      average_latency_ms: 10,
      success_rate_percent: 75,
      recent_operations: 100,
      expired_total: 0,
    })
  })

  it('bounds history and open requests', () => {
    const tracker = createCorrelationTracker(createVirtualEnv({ seed: 1 }), { historyMax: 3 })
    const ids = Array.from({ length: 5 }, () => tracker.start())
    expect(tracker.statistics().active_correlations).toBe(3)
    expect(tracker.complete(ids[0] as string, DONE)).toBeUndefined()
    for (let i = 0; i < 10; i++) tracker.complete(tracker.start(), DONE)
    expect(tracker.history()).toHaveLength(3)
  })
})
