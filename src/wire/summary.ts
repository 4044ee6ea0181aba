/**
 * What discovery publishes: service summaries on `mpreg.discovery.summary…`, changes of the catalog on `mpreg.discovery.delta…`.
 *
 * A summary says of one function in one cluster how many nodes serve it, where, and how well, without naming them.
 */
import { catalogDelta, normalizeScope, SCOPES, type Scope } from './catalog.ts'
import { FrameError } from './errors.ts'
import {
  type Field,
  float,
  id,
  list,
  mapOf,
  natural,
  omittable,
  oneOf,
  type RecordOf,
  readMember,
  record,
  text,
  textSet,
  texts,
  time,
} from './fields.ts'
import type { Message } from './pubsub.ts'

/** Topic of the changes of a node's catalog; those of a namespace are also below it. */
export const DELTA_TOPIC = 'mpreg.discovery.delta'
/** Topic of the summaries; those of a scope, and of a namespace, are also below it. */
export const SUMMARY_TOPIC = 'mpreg.discovery.summary'
/** Of all topics that discovery publishes on. */
export const DISCOVERY_PREFIX = 'mpreg.discovery.'

export function deltaTopic(namespace = ''): string {
  return namespace === '' ? DELTA_TOPIC : `${DELTA_TOPIC}.${namespace}`
}

export function summaryTopic(scope: Scope | null, namespace = ''): string {
  return [SUMMARY_TOPIC, scope, namespace].filter((part) => part !== null && part !== '').join('.')
}

export const HEALTH_BANDS = ['healthy', 'degraded', 'critical'] as const
export type HealthBand = (typeof HEALTH_BANDS)[number]

/** Shortest and longest round trip, ms; `[0, 0]` when none was measured. */
const latencyBand: Field<readonly [number, number]> = {
  ...list(natural()),
  read(value) {
    const [low, high] = Array.isArray(value) ? value.map(Number) : [0, 0]
    if (!isBound(low) || !isBound(high)) throw new FrameError('', 'must be two numbers of milliseconds')
    return [Math.trunc(low), Math.trunc(high)]
  },
  write: ([low, high]) => `[${low},${high}]`,
}

function isBound(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0
}

/** Left out when there is none. */
const scope: Field<Scope | undefined> = {
  ...omittable(oneOf(SCOPES)),
  read: (value) => (typeof value === 'string' && value.trim() !== '' ? normalizeScope(value) : undefined),
}

export const serviceSummary = record({
  namespace: text(''),
  /** Name of the function. */
  service_id: id,
  regions: textSet,
  endpoint_count: natural(0),
  health_band: oneOf(HEALTH_BANDS, 'healthy'),
  latency_band_ms: latencyBand,
  ttl_seconds: float(0),
  generated_at: time(),
  scope,
  /** Of the rule that covers the namespace. */
  policy_version: omittable(text()),
  /** Cluster whose nodes serve it. */
  source_cluster: omittable(text()),
})
export type ServiceSummary = RecordOf<typeof serviceSummary>

/** Payload on the summary topics. */
export const summaryMessage = record({
  summaries: list(serviceSummary),
  namespaces: texts,
  source_node: text(''),
  /** Cluster of the node that exports them. */
  source_cluster: text(''),
  published_at: time(),
  scope,
})
export type SummaryMessage = RecordOf<typeof summaryMessage>

/** Payload on the delta topics. */
export const catalogDeltaMessage = record({
  delta: catalogDelta,
  /** `<kind>_added` and `<kind>_removed`. */
  counts: mapOf(natural()),
  namespaces: texts,
  source_node: text(''),
  source_cluster: text(''),
  published_at: time(),
})
export type CatalogDeltaMessage = RecordOf<typeof catalogDeltaMessage>

/** @param now Unix seconds. @throws FrameError */
export function readSummaries(message: Message, now: number): SummaryMessage {
  return payloadOf(summaryMessage, message, now)
}

/** @param now Unix seconds. @throws FrameError */
export function readCatalogDelta(message: Message, now: number): CatalogDeltaMessage {
  return payloadOf(catalogDeltaMessage, message, now)
}

function payloadOf<T>(payload: Field<T>, { text: whole }: Message, now: number): T {
  return readMember(payload, JSON.parse(whole), 'payload', { text: whole, now, dropped: [] })
}
