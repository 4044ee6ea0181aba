/** Which routes are let in, let out, and preferred: plain data and the tests on it. */

export interface RoutePolicy {
  /** Per millisecond. */
  readonly weightLatency: number
  /** Per cluster on the way. */
  readonly weightHops: number
  readonly weightCost: number
  /** For reliability 0 instead of 1. */
  readonly weightReliability: number
  /** Per Mbit/s, in favour of the route. */
  readonly weightBandwidth: number
  /** The most cluster hops; null = any number. */
  readonly maxHops: number | null
  /** Null = all; empty = none. */
  readonly allowedAdvertisers: ReadonlySet<string> | null
  readonly allowedDestinations: ReadonlySet<string> | null
  /** The route must carry one of these; null = no matter. */
  readonly allowedTags: ReadonlySet<string> | null
  /** The route must carry none of these, whatever else it carries. */
  readonly denyTags: ReadonlySet<string> | null
  /** Names of what decides between equal scores, in this order; unknown ones are skipped. */
  readonly deterministicTiebreakers: readonly string[]
}

export const DEFAULT_ROUTE_POLICY: RoutePolicy = {
  weightLatency: 1,
  weightHops: 10,
  weightCost: 1,
  weightReliability: 50,
  weightBandwidth: 0.05,
  maxHops: null,
  allowedAdvertisers: null,
  allowedDestinations: null,
  allowedTags: null,
  denyTags: null,
  deterministicTiebreakers: ['hop_count', 'latency_ms', 'reliability_score', 'advertiser'],
}

/** Policies per neighbouring cluster. */
export interface PolicyDirectory {
  /** For neighbours without one of their own; null = none. */
  readonly defaultPolicy: RoutePolicy | null
  readonly neighborPolicies: ReadonlyMap<string, RoutePolicy>
}

/** Undefined when nothing is to be filtered. */
export function policyFor(directory: PolicyDirectory | null, clusterId: string): RoutePolicy | undefined {
  if (directory === null) return undefined
  return directory.neighborPolicies.get(clusterId) ?? directory.defaultPolicy ?? undefined
}

/** What a policy looks at. */
export interface PolicySubject {
  readonly destination: string
  readonly advertiser: string
  readonly tags: readonly string[]
  readonly hops: number
}

export type RoutePolicyRefusal = 'tag_denied' | 'tag_not_allowed' | 'advertiser_not_allowed' | 'destination_not_allowed'

/** Why a policy does not want a route, its hops aside; undefined when it does. Deny beats allow. */
export function policyRefusal(policy: RoutePolicy, route: Omit<PolicySubject, 'hops'>): RoutePolicyRefusal | undefined {
  const { denyTags, allowedTags, allowedAdvertisers, allowedDestinations } = policy
  if (denyTags !== null && hasAny(route.tags, denyTags)) return 'tag_denied'
  if (allowedTags !== null && !hasAny(route.tags, allowedTags)) return 'tag_not_allowed'
  if (allowedAdvertisers !== null && !allowedAdvertisers.has(route.advertiser)) return 'advertiser_not_allowed'
  if (allowedDestinations !== null && !allowedDestinations.has(route.destination)) return 'destination_not_allowed'
  return undefined
}

export function exceedsHops({ maxHops }: RoutePolicy, hops: number): boolean {
  return maxHops !== null && hops > maxHops
}

/** Both tests in one. */
export function fullPolicyRefusal(policy: RoutePolicy, route: PolicySubject): RoutePolicyRefusal | 'too_many_hops' | undefined {
  return policyRefusal(policy, route) ?? (exceedsHops(policy, route.hops) ? 'too_many_hops' : undefined)
}

function hasAny(tags: readonly string[], set: ReadonlySet<string>): boolean {
  return tags.some((tag) => set.has(tag))
}
