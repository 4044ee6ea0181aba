/**
 * What nodes tell each other about routes: path-vector announcements and withdrawals, link-state updates, and the keys that vouch for them.
 *
 * Reading is tolerant (numbers may be spelled as strings, fractions of integers are cut off, bad hex counts as none); writing is exact.
 */
import { canonicalFloat, canonicalJson, compareCodePoints } from './canonical.ts'
import { FrameError } from './errors.ts'
import {
  defaulted,
  type Field,
  float,
  int,
  isNumeric,
  list,
  nullable,
  omittable,
  type RecordOf,
  record,
  text,
  textOrNull,
  time,
} from './fields.ts'
import { RawJson } from './json.ts'

/** Seconds a route lives that does not say how long. */
export const ROUTE_TTL_DEFAULT_SECONDS = 30

/** What does not spell a number counts as absent. */
function tolerant(field: Field<number>): Field<number> {
  return { ...field, read: (value, reading, at) => field.read(isNumeric(value) ? value : undefined, reading, at) }
}

const count = (otherwise: number) => tolerant(int(otherwise))
const amount = (otherwise: number) => tolerant(float(otherwise))
const moment = tolerant(time())

/** An identifier: empty when absent, a number becomes text; null is no identifier. */
const label: Field<string> = { ...text(''), read: (value) => (value === undefined ? '' : readLabel(value)) }

const labels: Field<readonly string[]> = {
  ...list(label),
  read: (value) => (Array.isArray(value) ? value.map(readLabel) : []),
}

function readLabel(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new FrameError('', 'must be a string')
}

/** Bytes as lower-case hex; what is no hex counts as empty. */
const hex: Field<string> = {
  ...text(''),
  read: (value) => (typeof value === 'string' && /^(?:[0-9a-f]{2})*$/i.test(value) ? value.toLowerCase() : ''),
}

export const routeMetrics = record({
  /** Cluster hops so far. */
  hop_count: count(0),
  latency_ms: amount(0),
  /** Smallest along the path; 0 is unknown. */
  bandwidth_mbps: count(0),
  /** Smallest along the path. */
  reliability_score: amount(1),
  cost_score: amount(0),
})
export type RouteMetrics = RecordOf<typeof routeMetrics>

const route = {
  destination: defaulted(record({ cluster_id: label })),
  /** From the advertiser to the destination, both included. */
  path: defaulted(record({ hops: labels })),
}

const proof = {
  /** Policy labels, carried unchanged along the path. */
  route_tags: labels,
  /** Empty when unsigned. */
  signature: hex,
  public_key: hex,
  signature_algorithm: text('ed25519'),
}

export const routeAnnouncement = record({
  ...route,
  metrics: defaulted(routeMetrics),
  advertiser: label,
  advertised_at: moment,
  ttl_seconds: amount(ROUTE_TTL_DEFAULT_SECONDS),
  /** Grows with every announcement of this advertiser. */
  epoch: count(0),
  ...proof,
})
export type RouteAnnouncement = RecordOf<typeof routeAnnouncement>

export const routeWithdrawal = record({ ...route, advertiser: label, withdrawn_at: moment, epoch: count(0), ...proof })
export type RouteWithdrawal = RecordOf<typeof routeWithdrawal>

export const linkStateNeighbor = record({
  cluster_id: label,
  latency_ms: amount(0),
  bandwidth_mbps: nullable(count(0)),
  reliability_score: amount(1),
  cost_score: amount(0),
})
export type LinkStateNeighbor = RecordOf<typeof linkStateNeighbor>

export const linkStateUpdate = record({
  origin: label,
  neighbors: list(linkStateNeighbor),
  advertised_at: moment,
  ttl_seconds: amount(ROUTE_TTL_DEFAULT_SECONDS),
  /** Grows per origin and area. */
  sequence: count(0),
  area: omittable(label),
})
export type LinkStateUpdate = RecordOf<typeof linkStateUpdate>

/** An Ed25519 public key: 32 bytes. */
const publicKey: Field<string> = {
  ...hex,
  read(value, reading, at) {
    const key = hex.read(value, reading, at)
    if (key.length !== 64) throw new FrameError('', 'must be 32 bytes in hex')
    return key
  },
}

export const routeKey = record({ key_id: text(), public_key: publicKey, added_at: moment, expires_at: nullable(moment) })
export type RouteKey = RecordOf<typeof routeKey>

export const routeKeyAnnouncement = record({
  cluster_id: label,
  keys: list(routeKey),
  primary_key_id: textOrNull,
  advertised_at: moment,
  ttl_seconds: amount(ROUTE_TTL_DEFAULT_SECONDS),
})
export type RouteKeyAnnouncement = RecordOf<typeof routeKeyAnnouncement>

/** What the advertiser's signature of an announcement covers: ASCII text. @throws TypeError for numbers that are not finite */
export function announcementSigningText(route: RouteAnnouncement): string {
  const { metrics } = route
  return canonicalJson({
    destination: { cluster_id: route.destination.cluster_id },
    path: { hops: route.path.hops },
    metrics: {
      hop_count: metrics.hop_count,
      latency_ms: exact(metrics.latency_ms),
      bandwidth_mbps: metrics.bandwidth_mbps,
      reliability_score: exact(metrics.reliability_score),
      cost_score: exact(metrics.cost_score),
    },
    advertiser: route.advertiser,
    advertised_at: exact(route.advertised_at),
    ttl_seconds: exact(route.ttl_seconds),
    epoch: route.epoch,
    route_tags: route.route_tags.toSorted(compareCodePoints),
  })
}

/** The same for a withdrawal. */
export function withdrawalSigningText(route: RouteWithdrawal): string {
  return canonicalJson({
    destination: { cluster_id: route.destination.cluster_id },
    path: { hops: route.path.hops },
    advertiser: route.advertiser,
    withdrawn_at: exact(route.withdrawn_at),
    epoch: route.epoch,
    route_tags: route.route_tags.toSorted(compareCodePoints),
  })
}

function exact(value: number): RawJson {
  return new RawJson(canonicalFloat(value))
}
