/** What became of all route messages, and what the table holds: the numbers a node shows in its status. */
import type { RouteRefusal } from './route-checks.ts'

export interface RouteStatistics {
  readonly announcements_accepted: number
  readonly announcements_rejected: number
  readonly withdrawals_received: number
  readonly withdrawals_applied: number
  readonly hold_down_rejects: number
  readonly suppression_rejects: number
  /** Expired records removed. */
  readonly routes_purged: number
  readonly rejection_reasons: Readonly<Partial<Record<RouteRefusal, number>>>
  /** From here on: of what is alive now. */
  readonly routes_active_total: number
  readonly destinations_tracked: number
  readonly routes_per_destination: Readonly<Record<string, number>>
  /** Seconds from when a destination was first seen until its best route last changed. */
  readonly convergence_seconds_avg: number
  readonly convergence_seconds_max: number
}

export type RouteCounters = Omit<
  { -readonly [K in keyof RouteStatistics]: RouteStatistics[K] },
  | 'rejection_reasons'
  | 'routes_active_total'
  | 'destinations_tracked'
  | 'routes_per_destination'
  | 'convergence_seconds_avg'
  | 'convergence_seconds_max'
> & { readonly rejection_reasons: Partial<Record<RouteRefusal, number>> }

export function createRouteCounters(): RouteCounters {
  return {
    announcements_accepted: 0,
    announcements_rejected: 0,
    withdrawals_received: 0,
    withdrawals_applied: 0,
    hold_down_rejects: 0,
    suppression_rejects: 0,
    routes_purged: 0,
    rejection_reasons: {},
  }
}

export function countRejection(counters: RouteCounters, reason: RouteRefusal): void {
  counters.rejection_reasons[reason] = (counters.rejection_reasons[reason] ?? 0) + 1
  if (reason === 'hold_down') counters.hold_down_rejects++
  else if (reason === 'suppressed') counters.suppression_rejects++
}

/** A destination with at least one route alive. */
export interface TrackedDestination {
  readonly clusterId: string
  readonly liveRoutes: number
  readonly convergenceMs: number
}

export function routeStatistics(counters: RouteCounters, tracked: readonly TrackedDestination[]): RouteStatistics {
  const seconds = tracked.map(({ convergenceMs }) => convergenceMs / 1000)
  return {
    ...counters,
    rejection_reasons: { ...counters.rejection_reasons },
    routes_active_total: tracked.reduce((sum, { liveRoutes }) => sum + liveRoutes, 0),
    destinations_tracked: tracked.length,
    routes_per_destination: Object.fromEntries(tracked.map(({ clusterId, liveRoutes }) => [clusterId, liveRoutes])),
    convergence_seconds_avg: seconds.length === 0 ? 0 : seconds.reduce((sum, value) => sum + value, 0) / seconds.length,
    convergence_seconds_max: seconds.reduce((most, value) => Math.max(most, value), 0),
  }
}
