import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { routeAnnouncement } from '../../../wire/index.ts'
import { BANDWIDTH_MAX_MBPS, COST_MAX, LATENCY_MAX_MS } from './constants.ts'
import { boundMetrics, extendMetrics, isSane, UNKNOWN_LINK, ZERO_METRICS } from './route-metrics.ts'
import { sampleAnnouncement, sampleLink } from './route-samples.ts'

const metrics = { hop_count: 0, latency_ms: 1, bandwidth_mbps: 100, reliability_score: 1, cost_score: 0 }

describe('routing check 1: announcements and metrics', () => {
  it('an announcement survives the wire unchanged, metrics, tags and hex fields included', () => {
    const announcement = {
      ...sampleAnnouncement('oslo bergen', { at: 1767225600.5, epoch: 41, tags: ['metro', 'gold'] }),
      metrics: { hop_count: 1, latency_ms: 7.25, bandwidth_mbps: 800, reliability_score: 0.98, cost_score: 0.00001 },
      signature: 'ab'.repeat(64),
      public_key: '01'.repeat(32),
    }
    const text = routeAnnouncement.write(announcement)
    expect(routeAnnouncement.read(JSON.parse(text), { text, now: 0, dropped: [] }, 0)).toEqual(announcement)
  })

  it('metrics grow by one link', () => {
    const link = { latency_ms: 5, bandwidth_mbps: 50, reliability_score: 0.9, cost_score: 2 }
    expect(extendMetrics(metrics, link)).toEqual({
      hop_count: 1,
      latency_ms: 6,
      bandwidth_mbps: 50,
      reliability_score: 0.9,
      cost_score: 2,
    })
  })
})

describe('metrics', () => {
  it.each<[soFar: number, link: number | null, together: number]>([
    [100, null, 100],
    [100, 0, 100],
    [100, -1, 100],
    [0, 50, 50],
    [-3, 50, 50],
    [-3, null, 0],
    [0, null, 0],
    [100, 50, 50],
    [50, 100, 50],
  ])('bandwidth %d over a link of %d is %d', (soFar, link, together) => {
    expect(extendMetrics({ ...metrics, bandwidth_mbps: soFar }, sampleLink(0, { bandwidth_mbps: link })).bandwidth_mbps).toBe(together)
  })

  it('stay within bounds, whatever is claimed', () => {
    const number = fc.oneof(fc.double({ noNaN: true, min: 0 }), fc.constantFrom(0, 1e308, 1e15))
    fc.assert(
      fc.property(
        number,
        fc.double({ noNaN: true }),
        fc.double({ noNaN: true }),
        number,
        (latency_ms, bandwidth, reliability, cost_score) => {
          const claimed = { hop_count: 3, latency_ms, bandwidth_mbps: bandwidth, reliability_score: reliability, cost_score }
          for (const kept of [extendMetrics(claimed, UNKNOWN_LINK), boundMetrics(claimed)]) {
            expect(kept.latency_ms).toBeLessThanOrEqual(LATENCY_MAX_MS)
            expect(kept.cost_score).toBeLessThanOrEqual(COST_MAX)
            expect(kept.bandwidth_mbps).toBeGreaterThanOrEqual(0)
            expect(kept.bandwidth_mbps).toBeLessThanOrEqual(BANDWIDTH_MAX_MBPS)
            expect(kept.reliability_score).toBeGreaterThanOrEqual(0)
            expect(kept.reliability_score).toBeLessThanOrEqual(1)
            expect(isSane(kept)).toBe(true)
          }
        },
      ),
    )
  })

  it('that no route can have are recognised', () => {
    expect(isSane(ZERO_METRICS)).toBe(true)
    expect(isSane({ ...metrics, latency_ms: -1 })).toBe(false)
    expect(isSane({ ...metrics, latency_ms: Number.NaN })).toBe(false)
    expect(isSane({ ...metrics, cost_score: -0.5 })).toBe(false)
    expect(isSane({ ...metrics, hop_count: -1 })).toBe(false)
    expect(isSane({ ...metrics, hop_count: 2 ** 53 - 1 })).toBe(false)
    expect(isSane({ ...metrics, bandwidth_mbps: Number.NaN })).toBe(false)
    expect(isSane({ ...metrics, reliability_score: Number.NaN })).toBe(false)
  })
})
