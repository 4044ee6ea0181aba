import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RouteMetrics } from '../../../wire/index.ts'
import type { Route } from './route.ts'
import { DEFAULT_ROUTE_POLICY } from './route-policy.ts'
import { createRouteOrder, routeScore, tiebreakersOf } from './route-score.ts'

const weightless = { ...DEFAULT_ROUTE_POLICY, weightLatency: 0, weightHops: 0, weightCost: 0, weightReliability: 0, weightBandwidth: 0 }

function route(advertiser: string, metrics: Partial<RouteMetrics>, more: Partial<Route> = {}): Route {
  const whole = { hop_count: 1, latency_ms: 1, bandwidth_mbps: 0, reliability_score: 1, cost_score: 0, ...metrics }
  return {
    destination: 'd',
    path: ['local', advertiser, 'd'],
    nextHop: advertiser,
    metrics: whole,
    advertiser,
    learnedFrom: advertiser,
    via: undefined,
    source: '',
    advertisedAt: 0,
    ttlSeconds: 30,
    epoch: 1,
    tags: [],
    receivedMs: 0,
    expiresMs: 30_000,
    score: routeScore(whole, weightless),
    ...more,
  }
}

describe('routing check 4: score and ties', () => {
  it('a route of 2 hops, 12 ms, 200 Mbit/s, reliability 0.9 and cost 3 scores 30', () => {
    const metrics = { hop_count: 2, latency_ms: 12, bandwidth_mbps: 200, reliability_score: 0.9, cost_score: 3 }
    expect(routeScore(metrics, DEFAULT_ROUTE_POLICY)).toBeCloseTo(30, 10)
  })

  it('without weights fewer hops win, then less latency, then more reliability, then the smaller name', () => {
    const order = createRouteOrder(weightless)
    expect(order(route('z', { hop_count: 1, latency_ms: 9 }), route('a', { hop_count: 2 }))).toBeLessThan(0)
    expect(order(route('z', { latency_ms: 1, reliability_score: 0.1 }), route('a', { latency_ms: 2 }))).toBeLessThan(0)
    expect(order(route('z', { reliability_score: 0.9 }), route('a', { reliability_score: 0.8 }))).toBeLessThan(0)
    expect(order(route('a', {}), route('z', {}))).toBeLessThan(0)
    expect(order(route('\uffff', {}), route('😀', {}))).toBeLessThan(0)
  })
})

describe('the order of routes', () => {
  it('skips tie-breakers it does not know, and leaves the others their names', () => {
    const policy = { ...weightless, deterministicTiebreakers: ['constructor', 'latency_ms', 'colour', 'hop_count'] }
    expect(tiebreakersOf(route('a', { latency_ms: 4, hop_count: 2 }), policy)).toEqual([
      { name: 'latency_ms', value: 4 },
      { name: 'hop_count', value: 2 },
    ])
    expect(createRouteOrder(policy)(route('z', { latency_ms: 1, hop_count: 9 }), route('a', { latency_ms: 2 }))).toBeLessThan(0)
  })

  it('falls back to the path, and prefers the own link to that of a sibling', () => {
    const order = createRouteOrder(weightless)
    const short = route('a', {}, { path: ['local', 'a', 'd'] })
    const long = route('a', {}, { path: ['local', 'a', 'b', 'd'] })
    expect(order(long, short)).toBeLessThan(0)
    expect(order(short, route('a', {}, { via: 'ws://sibling' }))).toBeLessThan(0)
    expect(order(route('a', {}, { via: 'ws://1' }), route('a', {}, { via: 'ws://2' }))).toBeLessThan(0)
  })

  it('is total: antisymmetric, transitive, and equal only for the same way', () => {
    const order = createRouteOrder(DEFAULT_ROUTE_POLICY)
    const anyRoute = fc
      .record({
        advertiser: fc.constantFrom('a', 'b'),
        hops: fc.nat(2),
        latency: fc.nat(2),
        tail: fc.constantFrom('x', 'y'),
        via: fc.nat(2),
      })
      .map(({ advertiser, hops, latency, tail, via }) => {
        const made = route(advertiser, { hop_count: hops, latency_ms: latency })
        const score = routeScore(made.metrics, DEFAULT_ROUTE_POLICY)
        return { ...made, score, path: ['local', advertiser, tail, 'd'], via: via === 0 ? undefined : `n${via}` }
      })
    fc.assert(
      fc.property(anyRoute, anyRoute, anyRoute, (a, b, c) => {
        expect(Math.sign(order(a, b)) + Math.sign(order(b, a))).toBe(0)
        if (order(a, b) <= 0 && order(b, c) <= 0) expect(order(a, c)).toBeLessThanOrEqual(0)
        if (order(a, b) === 0) expect([a.path, a.via, a.metrics]).toEqual([b.path, b.via, b.metrics])
      }),
    )
  })
})
