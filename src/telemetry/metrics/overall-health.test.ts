import { describe, expect, it } from 'vitest'
import { overallHealth, systemCheck, systemScore } from './overall-health.ts'

const NONE = { rpc: undefined, pubsub: undefined, queue: undefined, cache: undefined, federation: undefined, transport: undefined }
const of = (error_rate_percent: number, latency_ms = 0) => ({ error_rate_percent, latency_ms })

describe('overall health', () => {
  it('weighs errors 0.6 and latency 0.4', () => {
    expect(systemScore(of(0))).toBe(1)
    expect(systemScore(of(50))).toBeCloseTo(0.7)
    expect(systemScore(of(0, 2_500))).toBeCloseTo(0.8)
    expect(systemScore(of(100, 60_000))).toBe(0)
  })

  it('is unavailable without any system, and else the mean', () => {
    expect(overallHealth(NONE)).toMatchObject({ health_score: 0, status: 'unavailable', systems_unavailable: 6 })
    expect(overallHealth({ ...NONE, rpc: of(5), pubsub: of(15), cache: of(16) })).toMatchObject({
      status: 'healthy',
      systems_healthy: 1,
      systems_degraded: 1,
      systems_critical: 1,
      systems_unavailable: 3,
    })
  })

  it('checks one system more strictly on latency, down to unavailable', () => {
    expect(systemCheck(of(0, 1_000))).toEqual({ score: 0.6, status: 'degraded' })
    expect(systemCheck(of(100, 1_000)).status).toBe('unavailable')
  })
})
