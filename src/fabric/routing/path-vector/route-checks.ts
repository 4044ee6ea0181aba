/** Whether a route message makes sense in itself: tests that need no table. */
import type { RouteAnnouncement, RouteWithdrawal } from '../../../wire/index.ts'
import { CLOCK_SKEW_MAX_SECONDS, PATH_HOPS_MAX, ROUTE_TAGS_MAX, ROUTE_TEXT_MAX } from './constants.ts'

export type RouteRefusal =
  | 'expired'
  | 'future_timestamp'
  | 'self'
  | 'policy'
  | 'empty_path'
  | 'advertiser_mismatch'
  | 'destination_mismatch'
  | 'loop'
  /** A name on the path is empty. */
  | 'malformed'
  /** Too many hops, tags or characters. */
  | 'oversized'
  | 'hold_down'
  | 'suppressed'
  | 'invalid_metrics'
  | 'policy_metrics'
  | 'stale'
  /** There are better routes from others, and this one's teacher has no claim to a place. */
  | 'crowded_out'
  /** A new destination, and its teacher has introduced its share of them. */
  | 'table_full'
  | 'unauthorized'
  | 'signature'
  | 'neighbor_policy'

/**
 * The sender's clock says little: how long a route lives counts from its receipt. Only what can not be explained by clocks that differ is
 * refused. @param now Unix seconds
 */
export function timeRefusal({ advertised_at, ttl_seconds }: RouteAnnouncement, now: number): RouteRefusal | undefined {
  if (!(ttl_seconds > 0) || now > advertised_at + ttl_seconds + CLOCK_SKEW_MAX_SECONDS) return 'expired'
  return advertised_at > now + CLOCK_SKEW_MAX_SECONDS ? 'future_timestamp' : undefined
}

/** Of an announcement of another cluster. @param local the cluster that must not be on the path yet */
export function pathRefusal(announcement: RouteAnnouncement, local: string): RouteRefusal | undefined {
  const { hops } = announcement.path
  const ends = endsRefusal(announcement)
  if (ends !== undefined) return ends
  if (hops.includes(local)) return 'loop'
  return sizeRefusal(announcement) ?? repeatRefusal(hops)
}

/** Of a route that a node of the own cluster shares: it begins here, and goes on. */
export function sharedPathRefusal(announcement: RouteAnnouncement, local: string): RouteRefusal | undefined {
  const { hops } = announcement.path
  const ends = endsRefusal(announcement)
  if (ends !== undefined) return ends
  if (hops[0] !== local) return 'advertiser_mismatch'
  if (hops.length < 2) return 'loop'
  return sizeRefusal(announcement) ?? repeatRefusal(hops)
}

/** Whether a withdrawal speaks for its sender, and of a path that can be. */
export function isSoundWithdrawal(withdrawal: RouteWithdrawal, senderCluster: string): boolean {
  return withdrawal.advertiser === senderCluster && endsRefusal(withdrawal) === undefined
}

function endsRefusal(route: RouteAnnouncement | RouteWithdrawal): RouteRefusal | undefined {
  const { hops } = route.path
  if (hops.length === 0) return 'empty_path'
  if (hops[0] !== route.advertiser) return 'advertiser_mismatch'
  return hops[hops.length - 1] === route.destination.cluster_id ? undefined : 'destination_mismatch'
}

function sizeRefusal({ path: { hops }, route_tags: tags }: RouteAnnouncement): RouteRefusal | undefined {
  if (hops.length > PATH_HOPS_MAX || tags.length > ROUTE_TAGS_MAX) return 'oversized'
  let characters = 0
  for (const hop of hops) {
    if (hop === '') return 'malformed'
    characters += hop.length
  }
  for (const tag of tags) characters += tag.length
  return characters > ROUTE_TEXT_MAX ? 'oversized' : undefined
}

function repeatRefusal(hops: readonly string[]): RouteRefusal | undefined {
  for (let i = 1; i < hops.length; i++) if (hops.lastIndexOf(hops[i] as string, i - 1) >= 0) return 'loop'
  return undefined
}
