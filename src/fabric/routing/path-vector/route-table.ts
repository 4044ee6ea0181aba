/**
 * The routes this node knows: per destination cluster a few, in the order of preference.
 *
 *     const table = createRouteTable({ clock, log, onBest }, { clusterId: 'moss', routeTtlSeconds: 30, ... })
 *     table.apply(announcement, { nodeId, clusterId: 'oslo' }, link)     // 'accepted', or why not
 *     table.select('bergen', ['trondheim'])?.nextHop                     // 'oslo'
 *
 * Routes are kept sorted, so that selecting is a look at the first. A route lives from its receipt, by this node's monotonic clock. Nothing
 * is decided by who came first: a neighbour that floods the table loses its own routes, not those of others.
 */
import type { Clock, LogScope } from '../../../base/index.ts'
import type { RouteAnnouncement, RouteMetrics, RouteWithdrawal } from '../../../wire/index.ts'
import { DESTINATIONS_MAX, LIFETIME_TTLS_MAX, ROUTES_PER_DESTINATION_MAX } from './constants.ts'
import { createDestinationQuota } from './destination-quota.ts'
import type { RouteChange, RouteChangeReason } from './ports.ts'
import { crosses, isExpired, type Route, samePath, sameWay, teacherOf } from './route.ts'
import { isSoundWithdrawal, pathRefusal, type RouteRefusal, sharedPathRefusal, timeRefusal } from './route-checks.ts'
import { explainSelection, type RouteExplanation } from './route-explanation.ts'
import { boundMetrics, extendMetrics, isSane, type LinkMetrics } from './route-metrics.ts'
import { exceedsHops, policyRefusal, type RoutePolicy } from './route-policy.ts'
import { createRouteOrder, routeScore } from './route-score.ts'
import { countRejection, createRouteCounters, type RouteStatistics, routeStatistics, type TrackedDestination } from './route-statistics.ts'
import { createStabilityWatch, type RouteStability, type StabilitySnapshot } from './stability.ts'

export interface RouteTableDeps {
  readonly clock: Clock
  readonly log: LogScope
  /** Told when the best route to a destination becomes another one. */
  readonly onBest?: (change: RouteChange) => void
}

export interface RouteTableOptions {
  readonly clusterId: string
  /** Lifetime of the own announcements, s: what the lifetime of others' is measured by. */
  readonly routeTtlSeconds: number
  readonly policy: RoutePolicy
  readonly stability: RouteStability
  readonly destinationsMax?: number
}

/** The direct neighbour that sent a message. */
export interface RouteSender {
  readonly nodeId: string
  readonly clusterId: string
  /** What it tells of a destination replaces what it told before, whatever the path. Without that, two paths are two routes. */
  readonly replaces: boolean
}

export interface RouteTableSnapshot {
  readonly destinations: number
  readonly destinations_max: number
  /** Worse routes that made room for better ones. */
  readonly routes_displaced: number
  readonly stability: StabilitySnapshot
}

export interface RouteTable {
  /** What a neighbouring cluster offers. */
  apply(announcement: RouteAnnouncement, from: RouteSender, link: LinkMetrics): 'accepted' | RouteRefusal
  /** What a node of the own cluster can reach by its own links. */
  applyShared(announcement: RouteAnnouncement, nodeId: string): 'accepted' | RouteRefusal
  /** Removes every route to the destination that the sender has told; returns them. */
  withdraw(withdrawal: RouteWithdrawal, from: RouteSender): readonly Route[]
  /** The last link to a neighbouring cluster is gone. */
  loseNeighbor(clusterId: string): readonly Route[]
  loseSibling(nodeId: string): readonly Route[]
  /** A node is gone, its cluster is not: what it told stays until it expires, and any other node of the cluster may renew it at once. */
  releaseSource(nodeId: string): void
  /** Removes what has expired. Returns the destinations concerned. */
  purge(): readonly string[]
  /** A message was refused before it came to the table. */
  countRefusal(kind: 'announcement' | 'withdrawal', reason: RouteRefusal): void

  /**
   * The best route that crosses none of the clusters in `avoid` and does not leave through one of the sibling nodes in `avoidNodes`. Does not
   * allocate.
   */
  select(destination: string, avoid?: readonly string[], avoidNodes?: readonly string[]): Route | undefined
  /** The best route over a link of this node itself. */
  selectOwn(destination: string): Route | undefined
  explainSelection(destination: string, avoid?: readonly string[]): RouteExplanation
  destinations(): IterableIterator<string>

  /** Routes stay, whatever the new policy thinks of them; their order follows it at once. */
  setPolicy(policy: RoutePolicy): void
  setStability(stability: RouteStability): void
  statistics(): RouteStatistics
  snapshot(): RouteTableSnapshot
}

type StoredRoute = { -readonly [K in keyof Route]: Route[K] }

interface Entry {
  readonly destination: string
  /** Best first, expired ones included until the next change or purge. */
  readonly routes: StoredRoute[]
  earliestExpiryMs: number
  best: Route | undefined
  /** Whose quota it counts against. */
  introducedBy: string
  readonly firstSeenMs: number
  bestChangedMs: number
}

const NONE: readonly string[] = []

export function createRouteTable(deps: RouteTableDeps, options: RouteTableOptions): RouteTable {
  const { clock, log, onBest } = deps
  const { clusterId: local, destinationsMax = DESTINATIONS_MAX } = options
  const ttlMax = options.routeTtlSeconds * LIFETIME_TTLS_MAX
  let policy = options.policy
  let order = createRouteOrder(policy)
  const entries = new Map<string, Entry>()
  const quota = createDestinationQuota(destinationsMax)
  const stability = createStabilityWatch(options.stability)
  const counters = createRouteCounters()
  let displaced = 0

  function reject(reason: RouteRefusal): RouteRefusal {
    counters.announcements_rejected++
    countRejection(counters, reason)
    return reason
  }

  function routeOf(
    announcement: RouteAnnouncement,
    path: readonly string[],
    metrics: RouteMetrics,
    via: string | undefined,
    source: string,
    nowMs: number,
  ): StoredRoute {
    const nextHop = path[1] as string
    const ttlSeconds = Math.min(announcement.ttl_seconds, ttlMax)
    return {
      destination: announcement.destination.cluster_id,
      path,
      nextHop,
      metrics,
      advertiser: nextHop,
      learnedFrom: via === undefined ? nextHop : local,
      via,
      source,
      advertisedAt: announcement.advertised_at,
      ttlSeconds,
      epoch: announcement.epoch,
      tags: announcement.route_tags.length === 0 ? NONE : announcement.route_tags,
      receivedMs: nowMs,
      expiresMs: nowMs + ttlSeconds * 1000,
      score: routeScore(metrics, policy),
    }
  }

  function insert(route: StoredRoute, replaces: boolean, nowMs: number): 'accepted' | RouteRefusal {
    const teacher = teacherOf(route)
    let entry = entries.get(route.destination)
    if (entry === undefined) {
      if (!quota.admits(teacher)) return reject('table_full')
      entry = {
        destination: route.destination,
        routes: [],
        earliestExpiryMs: Number.POSITIVE_INFINITY,
        best: undefined,
        introducedBy: teacher,
        firstSeenMs: nowMs,
        bestChangedMs: nowMs,
      }
      entries.set(route.destination, entry)
      quota.add(teacher)
    } else {
      const { routes } = entry
      const before = routes.filter((held) => !isExpired(held, nowMs) && isBefore(held, route, replaces))
      if (before.some((held) => isStale(route, held, nowMs))) return reject('stale')
      for (const held of before) routes.splice(routes.indexOf(held), 1)
    }
    removeExpired(entry, nowMs)
    place(entry.routes, route)
    const victim = entry.routes.length > ROUTES_PER_DESTINATION_MAX ? dropOne(entry.routes) : undefined
    settle(entry, 'announcement', nowMs)
    if (victim === route) return reject('crowded_out')
    if (victim !== undefined) displaced++
    counters.announcements_accepted++
    return 'accepted'
  }

  function place(routes: StoredRoute[], route: StoredRoute): void {
    let at = routes.length
    while (at > 0 && order(route, routes[at - 1] as Route) < 0) at--
    routes.splice(at, 0, route)
  }

  function removeExpired(entry: Entry, nowMs: number): void {
    if (nowMs <= entry.earliestExpiryMs) return
    const { routes } = entry
    let kept = 0
    for (const route of routes) {
      if (!isExpired(route, nowMs)) routes[kept++] = route
      else {
        counters.routes_purged++
        lose(route, false, nowMs)
        if (log.debugOn) log.debug(`route purged: destination=${route.destination} advertiser=${route.advertiser} reason=expired`)
      }
    }
    routes.length = kept
  }

  /** Routes over siblings are watched by the sibling that has them. */
  function lose(route: Route, hold: boolean, nowMs: number): void {
    if (route.via !== undefined) return
    const consequence = stability.lost(route.destination, route.advertiser, hold, nowMs)
    if (consequence === undefined || !log.debugOn) return
    const what = consequence === 'hold_down' ? 'hold-down' : 'suppression'
    log.debug(`route ${what}: destination=${route.destination} advertiser=${route.advertiser} reason=${hold ? 'lost' : 'expired'}`)
  }

  /** After every change of an entry: brings what is derived from its routes up to date, and tells when the best is another one. */
  function settle(entry: Entry, reason: RouteChangeReason, nowMs: number): void {
    removeExpired(entry, nowMs)
    const { routes, best: previous, destination } = entry
    const best = routes[0]
    if (best === undefined) {
      entries.delete(destination)
      quota.remove(entry.introducedBy)
      if (previous !== undefined) onBest?.({ kind: 'lost', destination, reason, best, previous })
      return
    }
    let earliest = Number.POSITIVE_INFINITY
    let introducerStays = false
    for (const route of routes) {
      if (route.expiresMs < earliest) earliest = route.expiresMs
      if (teacherOf(route) === entry.introducedBy) introducerStays = true
    }
    entry.earliestExpiryMs = earliest
    if (!introducerStays) {
      quota.transfer(entry.introducedBy, teacherOf(best))
      entry.introducedBy = teacherOf(best)
    }
    if (best === previous) return
    entry.best = best
    if (previous === undefined) onBest?.({ kind: 'gained', destination, reason, best, previous })
    else if (!sameWay(previous, best)) {
      entry.bestChangedMs = nowMs
      onBest?.({ kind: 'changed', destination, reason, best, previous })
    }
  }

  function removeWhere(entry: Entry, leaves: (route: Route) => boolean, reason: RouteChangeReason, nowMs: number): Route[] {
    const removed: Route[] = entry.routes.filter(leaves)
    if (removed.length === 0) return removed
    let kept = 0
    for (const route of entry.routes) if (!removed.includes(route)) entry.routes[kept++] = route
    entry.routes.length = kept
    for (const route of removed) lose(route, true, nowMs)
    settle(entry, reason, nowMs)
    return removed
  }

  function removeEverywhere(leaves: (route: Route) => boolean, reason: RouteChangeReason): Route[] {
    const nowMs = clock.monotonic()
    const removed: Route[] = []
    for (const entry of entries.values()) removed.push(...removeWhere(entry, leaves, reason, nowMs))
    counters.withdrawals_applied += removed.length
    return removed
  }

  return {
    apply(announcement, from, link) {
      const nowMs = clock.monotonic()
      const destination = announcement.destination.cluster_id
      const { advertiser } = announcement
      const refusal =
        timeRefusal(announcement, clock.wall()) ??
        (from.clusterId === local ? 'self' : undefined) ??
        (policyRefusal(policy, { destination, advertiser, tags: announcement.route_tags }) === undefined ? undefined : 'policy') ??
        pathRefusal(announcement, local) ??
        (advertiser === from.clusterId ? undefined : 'advertiser_mismatch') ??
        stability.blocks(destination, advertiser, nowMs) ??
        (isSane(announcement.metrics) ? undefined : 'invalid_metrics')
      if (refusal !== undefined) return reject(refusal)
      const metrics = extendMetrics(announcement.metrics, link)
      if (exceedsHops(policy, metrics.hop_count)) return reject('policy_metrics')
      const path = [local, ...announcement.path.hops]
      return insert(routeOf(announcement, path, metrics, undefined, from.nodeId, nowMs), from.replaces, nowMs)
    },

    applyShared(announcement, nodeId) {
      const nowMs = clock.monotonic()
      const { hops } = announcement.path
      const subject = { destination: announcement.destination.cluster_id, advertiser: hops[1] ?? '', tags: announcement.route_tags }
      const refusal =
        timeRefusal(announcement, clock.wall()) ??
        sharedPathRefusal(announcement, local) ??
        (policyRefusal(policy, subject) === undefined ? undefined : 'policy') ??
        (isSane(announcement.metrics) ? undefined : 'invalid_metrics') ??
        (exceedsHops(policy, announcement.metrics.hop_count) ? 'policy_metrics' : undefined)
      if (refusal !== undefined) return reject(refusal)
      return insert(routeOf(announcement, hops, boundMetrics(announcement.metrics), nodeId, nodeId, nowMs), true, nowMs)
    },

    withdraw(withdrawal, from) {
      counters.withdrawals_received++
      const entry = entries.get(withdrawal.destination.cluster_id)
      if (entry === undefined || !isSoundWithdrawal(withdrawal, from.clusterId)) return []
      const teacher = from.clusterId === local ? from.nodeId : from.clusterId
      // A late copy from before the node announced the route again. Clocks of different nodes are not compared.
      const isLate = (route: Route): boolean => route.source === from.nodeId && withdrawal.withdrawn_at < route.advertisedAt
      const removed = removeWhere(entry, (route) => teacherOf(route) === teacher && !isLate(route), 'withdrawal', clock.monotonic())
      if (removed.length > 0) counters.withdrawals_applied++
      return removed
    },

    loseNeighbor: (clusterId) => removeEverywhere((route) => route.learnedFrom === clusterId && route.via === undefined, 'neighbor_lost'),
    loseSibling: (nodeId) => removeEverywhere((route) => route.via === nodeId, 'sibling_lost'),

    releaseSource(nodeId) {
      for (const { routes } of entries.values()) for (const route of routes) if (route.source === nodeId) route.source = ''
    },

    purge() {
      const nowMs = clock.monotonic()
      const concerned: string[] = []
      for (const entry of entries.values()) {
        if (nowMs <= entry.earliestExpiryMs) continue
        concerned.push(entry.destination)
        settle(entry, 'expired', nowMs)
      }
      stability.sweep(nowMs)
      return concerned
    },

    countRefusal(kind, reason) {
      if (kind === 'announcement') counters.announcements_rejected++
      else counters.withdrawals_received++
      countRejection(counters, reason)
    },

    select(destination, avoid = NONE, avoidNodes = NONE) {
      const routes = entries.get(destination)?.routes
      if (routes === undefined) return undefined
      const nowMs = clock.monotonic()
      for (let i = 0; i < routes.length; i++) {
        const route = routes[i] as Route
        if (isExpired(route, nowMs) || (avoid.length > 0 && crosses(route.path, avoid))) continue
        if (avoidNodes.length > 0 && route.via !== undefined && avoidNodes.includes(route.via)) continue
        return route
      }
      return undefined
    },

    selectOwn(destination) {
      const nowMs = clock.monotonic()
      return entries.get(destination)?.routes.find((route) => route.via === undefined && !isExpired(route, nowMs))
    },

    explainSelection: (destination, avoid = NONE) =>
      explainSelection({
        destination,
        avoid,
        routes: entries.get(destination)?.routes ?? [],
        policy,
        nowMs: clock.monotonic(),
        now: clock.wall(),
      }),

    destinations: () => entries.keys(),

    setPolicy(next) {
      policy = next
      order = createRouteOrder(policy)
      const nowMs = clock.monotonic()
      for (const entry of entries.values()) {
        for (const route of entry.routes) route.score = routeScore(route.metrics, policy)
        entry.routes.sort(order)
        settle(entry, 'policy', nowMs)
      }
    },

    setStability: (next) => stability.configure(next),

    statistics() {
      const nowMs = clock.monotonic()
      const tracked: TrackedDestination[] = []
      for (const { destination, routes, firstSeenMs, bestChangedMs } of entries.values()) {
        const liveRoutes = routes.filter((route) => !isExpired(route, nowMs)).length
        if (liveRoutes > 0) tracked.push({ clusterId: destination, liveRoutes, convergenceMs: bestChangedMs - firstSeenMs })
      }
      return routeStatistics(counters, tracked)
    },

    snapshot: () => ({
      destinations: entries.size,
      destinations_max: destinationsMax,
      routes_displaced: displaced,
      stability: stability.snapshot(),
    }),
  }
}

/**
 * Whether one announcement takes the place of another to the same destination. That a new path voids the old one (the implicit withdrawal of
 * BGP, RFC 4271 §3.1) is more than tidiness: three clusters that each go on believing what the next one used to do would send in circles
 * until the last of the old routes has expired.
 */
function isBefore(held: Route, route: Route, replaces: boolean): boolean {
  if (teacherOf(held) !== teacherOf(route)) return false
  return (replaces && (held.source === route.source || held.source === '')) || samePath(held.path, route.path)
}

/**
 * Whether the table holds something newer along the same path. Another node of the same cluster, whose epochs count separately, takes over
 * when the one that told the route has gone, or has been silent for half of its lifetime: so the route outlives the node.
 */
function isStale(route: Route, held: Route, nowMs: number): boolean {
  const isOthers = route.source !== held.source
  if (isOthers && (held.source === '' || nowMs - held.receivedMs > (held.ttlSeconds * 1000) / 2)) return false
  return route.epoch < held.epoch || (route.epoch === held.epoch && route.advertisedAt <= held.advertisedAt)
}

/** Takes out the worst route of the teacher with the most, so that ways through different neighbours remain. */
function dropOne(routes: StoredRoute[]): StoredRoute {
  let victimAt = routes.length - 1
  let most = 0
  for (let at = routes.length - 1; at >= 0; at--) {
    const teacher = teacherOf(routes[at] as Route)
    let count = 0
    for (const other of routes) if (teacherOf(other) === teacher) count++
    if (count > most) {
      most = count
      victimAt = at
    }
  }
  return routes.splice(victimAt, 1)[0] as StoredRoute
}
