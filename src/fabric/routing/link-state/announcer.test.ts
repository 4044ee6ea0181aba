import { describe, expect, it } from 'vitest'
import { steadyMetrics } from './announcer.ts'
import type { LinkMetrics } from './ports.ts'

const link: LinkMetrics = { latency_ms: 10, bandwidth_mbps: 100, reliability_score: 0.9, cost_score: 1 }

describe('what is announced of a link', () => {
  it.each<[Partial<LinkMetrics>, boolean]>([
    [{}, false],
    [{ latency_ms: 12 }, false],
    [{ latency_ms: 12.1 }, true],
    [{ latency_ms: 7.9 }, true],
    [{ reliability_score: 0.85 }, false],
    [{ reliability_score: 0.75 }, true],
    [{ bandwidth_mbps: null }, true],
    [{ cost_score: 2 }, true],
  ])('with %o measured is another: %s', (given, changes) => {
    const measured = { ...link, ...given }
    expect(steadyMetrics(link, measured)).toBe(changes ? measured : link)
    expect(steadyMetrics(undefined, measured)).toBe(measured)
  })

  it('does not follow noise below a fifth of a millisecond', () => {
    const near = { ...link, latency_ms: 0.1 }
    expect(steadyMetrics(near, { ...link, latency_ms: 0.29 })).toBe(near)
  })
})
