import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LinkStateNeighbor, LinkStateUpdate } from '../../../wire/index.ts'
import { adjacenciesOf, faultOf, sensibleMetrics } from './adjacency.ts'
import { NAME_LENGTH_MAX, NEIGHBORS_MAX } from './constants.ts'

const neighbor = (cluster_id: string, given: Partial<LinkStateNeighbor> = {}): LinkStateNeighbor => ({
  cluster_id,
  latency_ms: 5,
  bandwidth_mbps: null,
  reliability_score: 1,
  cost_score: 0,
  ...given,
})

describe('the neighbours of an update', () => {
  it('become edges that cost what the update says', () => {
    const edge = adjacenciesOf({ origin: 'oslo', neighbors: [neighbor('moss', { reliability_score: 0.9, cost_score: 5 })] }).get('moss')
    expect(edge?.metrics).toMatchObject({ latencyMs: 5, bandwidthMbps: 1_000, reliabilityScore: 0.9, costFactor: 1.5 })
    expect(edge?.weight).toBeCloseTo(5 + 5 + 10, 9)
  })

  it('are not the origin itself, nor the same twice, nor without a name or a number', () => {
    const neighbors = [
      neighbor('oslo'),
      neighbor('moss', { latency_ms: 1 }),
      neighbor('moss', { latency_ms: 9 }),
      neighbor(''),
      neighbor('x'.repeat(NAME_LENGTH_MAX + 1)),
      neighbor('a\0b'),
      neighbor('odd', { latency_ms: Number.NaN }),
    ]
    const edges = adjacenciesOf({ origin: 'oslo', neighbors })
    expect([...edges.keys()]).toEqual(['moss'])
    expect(edges.get('moss')?.metrics.latencyMs).toBe(1)
  })

  it('never cost less than nothing or more than can be added up, whatever they state', () => {
    fc.assert(
      fc.property(
        fc.double(),
        fc.option(fc.double()),
        fc.double(),
        fc.double(),
        (latency_ms, bandwidth_mbps, reliability_score, cost_score) => {
          const metrics = sensibleMetrics({ latency_ms, bandwidth_mbps, reliability_score, cost_score })
          if (metrics === undefined) return
          const edge = adjacenciesOf({ origin: 'a', neighbors: [{ cluster_id: 'b', ...metrics }] }).get('b')
          expect(edge?.weight).toBeGreaterThanOrEqual(0)
          expect(edge?.weight).toBeLessThan(1e7)
          expect(metrics.bandwidth_mbps === null || Number.isSafeInteger(metrics.bandwidth_mbps)).toBe(true)
        },
      ),
    )
  })
})

describe('an update as a whole', () => {
  const update: LinkStateUpdate = { origin: 'oslo', neighbors: [], advertised_at: 1, ttl_seconds: 30, sequence: 1 }

  it.each<[string, Partial<LinkStateUpdate>]>([
    ['an origin', { origin: '' }],
    ['an origin that is a name', { origin: 'o'.repeat(NAME_LENGTH_MAX + 1) }],
    ['an area that is a name', { area: 'a'.repeat(NAME_LENGTH_MAX + 1) }],
    ['a whole sequence number', { sequence: 1.5 }],
    ['some time to live', { ttl_seconds: 0 }],
    ['a time to live that is a number', { ttl_seconds: Number.NaN }],
    ['a time that is a number', { advertised_at: Number.POSITIVE_INFINITY }],
  ])('needs %s', (_, given) => {
    expect(faultOf({ ...update, ...given })).toBe('malformed')
    expect(faultOf(update)).toBeUndefined()
  })

  it('is refused with more neighbours than there may be, rather than cut', () => {
    const neighbors = Array.from({ length: NEIGHBORS_MAX + 1 }, (_, i) => neighbor(`c${i}`))
    expect(faultOf({ ...update, neighbors })).toBe('too_many_neighbors')
    expect(faultOf({ ...update, neighbors: neighbors.slice(1) })).toBeUndefined()
  })
})
