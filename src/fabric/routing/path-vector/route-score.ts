/**
 * The order of preference between routes.
 *
 * It is total and depends on nothing but the routes and the policy, so that all nodes of a cluster, which share what they know, prefer the
 * same way out and never send traffic back and forth between each other.
 */
import { compareCodePoints, type RouteMetrics } from '../../../wire/index.ts'
import type { Route } from './route.ts'
import type { RoutePolicy } from './route-policy.ts'

/** Lower is better. */
export function routeScore(metrics: RouteMetrics, policy: RoutePolicy): number {
  return (
    metrics.latency_ms * policy.weightLatency +
    metrics.hop_count * policy.weightHops +
    metrics.cost_score * policy.weightCost +
    (1 - metrics.reliability_score) * policy.weightReliability -
    metrics.bandwidth_mbps * policy.weightBandwidth
  )
}

type Ranked = Pick<Route, 'metrics' | 'advertiser'>

/** What a rule compares, smaller first. */
const TIEBREAKERS: ReadonlyMap<string, (route: Ranked) => number | string> = new Map<string, (route: Ranked) => number | string>([
  ['hop_count', ({ metrics }) => metrics.hop_count],
  ['latency_ms', ({ metrics }) => metrics.latency_ms],
  ['reliability_score', ({ metrics }) => -metrics.reliability_score],
  ['advertiser', ({ advertiser }) => advertiser],
])

export interface TiebreakerValue {
  readonly name: string
  readonly value: number | string
}

/** What the tie-breakers of a policy see in a route, in their order. */
export function tiebreakersOf(route: Ranked, policy: RoutePolicy): TiebreakerValue[] {
  return policy.deterministicTiebreakers.flatMap((name) => {
    const value = TIEBREAKERS.get(name)?.(route)
    return value === undefined ? [] : [{ name, value }]
  })
}

export type RouteOrder = (a: Route, b: Route) => number

/** Negative when the first is preferred: by score, the policy's tie-breakers, path, and the own link before a sibling's. */
export function createRouteOrder(policy: RoutePolicy): RouteOrder {
  const rules = policy.deterministicTiebreakers.flatMap((name) => TIEBREAKERS.get(name) ?? [])
  return (a, b) => {
    if (a.score !== b.score) return a.score - b.score
    for (const rule of rules) {
      const order = compareValues(rule(a), rule(b))
      if (order !== 0) return order
    }
    return comparePaths(a.path, b.path) || compareCodePoints(a.via ?? '', b.via ?? '')
  }
}

function compareValues(a: number | string, b: number | string): number {
  return typeof a === 'string' ? compareCodePoints(a, b as string) : a - (b as number)
}

function comparePaths(a: readonly string[], b: readonly string[]): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const order = compareCodePoints(a[i] as string, b[i] as string)
    if (order !== 0) return order
  }
  return a.length - b.length
}
