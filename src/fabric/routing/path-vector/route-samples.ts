/** Route messages for tests. */
import type { RouteAnnouncement, RouteMetrics, RouteWithdrawal } from '../../../wire/index.ts'
import { type LinkMetrics, UNKNOWN_LINK, ZERO_METRICS } from './route-metrics.ts'

const UNSIGNED = { signature: '', public_key: '', signature_algorithm: 'ed25519' }

export interface AnnouncementSample {
  readonly at?: number
  readonly ttl?: number
  readonly epoch?: number
  readonly tags?: readonly string[]
  readonly metrics?: Partial<RouteMetrics>
}

/** @param path from the advertiser to the destination, as `'oslo bergen'` */
export function sampleAnnouncement(path: string, { at = 100, ttl = 30, epoch = 1, tags = [], metrics = {} }: AnnouncementSample = {}) {
  const hops = path.split(' ')
  return {
    destination: { cluster_id: hops.at(-1) ?? '' },
    path: { hops },
    metrics: { ...ZERO_METRICS, hop_count: hops.length - 1, ...metrics },
    advertiser: hops[0] ?? '',
    advertised_at: at,
    ttl_seconds: ttl,
    epoch,
    route_tags: tags,
    ...UNSIGNED,
  } satisfies RouteAnnouncement
}

export function sampleWithdrawal(path: string, { at = 100, epoch = 1, tags = [] }: Omit<AnnouncementSample, 'ttl' | 'metrics'> = {}) {
  const hops = path.split(' ')
  return {
    destination: { cluster_id: hops.at(-1) ?? '' },
    path: { hops },
    advertiser: hops[0] ?? '',
    withdrawn_at: at,
    epoch,
    route_tags: tags,
    ...UNSIGNED,
  } satisfies RouteWithdrawal
}

export function sampleLink(latency_ms: number, more: Partial<LinkMetrics> = {}): LinkMetrics {
  return { ...UNKNOWN_LINK, latency_ms, ...more }
}
