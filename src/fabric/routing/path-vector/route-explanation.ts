/** Why a route is taken: every route known to a destination, what speaks for each, and why the others were passed over. */
import type { RouteMetrics } from '../../../wire/index.ts'
import { crosses, isExpired, type Route } from './route.ts'
import type { RoutePolicy } from './route-policy.ts'
import { type TiebreakerValue, tiebreakersOf } from './route-score.ts'

export interface RouteCandidate {
  readonly destination: { readonly cluster_id: string }
  readonly next_hop: string
  readonly advertiser: string
  readonly path: { readonly hops: readonly string[] }
  readonly metrics: RouteMetrics
  /** Lower is better. */
  readonly score: number
  readonly tiebreakers: readonly TiebreakerValue[]
  readonly expired: boolean
  readonly filtered_reason: 'expired' | 'avoid_clusters' | null
  /** The node of the own cluster it leaves through; absent when this node has a link of its own. */
  readonly via_node?: string
}

export interface RouteExplanation {
  readonly destination: { readonly cluster_id: string }
  /** Unix seconds. */
  readonly evaluated_at: number
  readonly avoid_clusters: readonly string[]
  /** In the order of preference. */
  readonly candidates: readonly RouteCandidate[]
  readonly selected: RouteCandidate | null
}

export interface ExplanationInput {
  readonly destination: string
  readonly avoid: readonly string[]
  /** In the order of preference, expired ones included. */
  readonly routes: readonly Route[]
  readonly policy: RoutePolicy
  readonly nowMs: number
  /** Unix seconds. */
  readonly now: number
}

export function explainSelection({ destination, avoid, routes, policy, nowMs, now }: ExplanationInput): RouteExplanation {
  const candidates = routes.map((route): RouteCandidate => {
    const expired = isExpired(route, nowMs)
    return {
      destination: { cluster_id: route.destination },
      next_hop: route.nextHop,
      advertiser: route.advertiser,
      path: { hops: route.path },
      metrics: route.metrics,
      score: route.score,
      tiebreakers: tiebreakersOf(route, policy),
      expired,
      filtered_reason: expired ? 'expired' : crosses(route.path, avoid) ? 'avoid_clusters' : null,
      ...(route.via === undefined ? {} : { via_node: route.via }),
    }
  })
  return {
    destination: { cluster_id: destination },
    evaluated_at: now,
    avoid_clusters: avoid,
    candidates,
    selected: candidates.find(({ filtered_reason }) => filtered_reason === null) ?? null,
  }
}
