/**
 * Entries of the routing catalog and the delta that spreads them.
 *
 * Seven tables, each of entries with an owner, a scope, tags and a lifetime. Reading normalises: scopes, versions, sets. An entry that can
 * not be read is left out and reported; the rest of its delta holds.
 */
import { formatVersion, InvalidVersionError, parseVersion } from '../base/index.ts'
import { compareCodePoints } from './canonical.ts'
import { FrameError } from './errors.ts'
import {
  defaulted,
  type Field,
  float,
  id,
  int,
  list,
  omittable,
  oneOf,
  type RecordOf,
  rawObject,
  record,
  scalars,
  text,
  textSet,
  texts,
  time,
} from './fields.ts'

/** From narrow to wide. */
export const SCOPES = ['local', 'zone', 'region', 'global'] as const
export type Scope = (typeof SCOPES)[number]

/** `cluster` is another word for `zone`; what is no scope is `zone` too. */
export function normalizeScope(value: unknown): Scope {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : ''
  return SCOPES.find((known) => known === word) ?? 'zone'
}

const scope: Field<Scope> = { ...oneOf(SCOPES), read: normalizeScope }

/** `[v]1[.2[.3]]` on input, always three numbers on output. */
const version: Field<string> = {
  ...id,
  read(value, reading, at) {
    try {
      return formatVersion(parseVersion(id.read(value, reading, at)))
    } catch (error) {
      throw error instanceof InvalidVersionError ? new FrameError('', `must be a version (${error.message})`) : error
    }
  },
}

/** Seconds an entry lives that does not say how long. */
export const CATALOG_TTL_DEFAULT_SECONDS = 30

const owner = { node_id: text(''), cluster_id: text('') }
const lifetime = { advertised_at: time(), ttl_seconds: float(CATALOG_TTL_DEFAULT_SECONDS) }
const labels = { scope, tags: textSet }

export const functionIdentity = record({ name: id, function_id: id, version })
export type FunctionIdentity = RecordOf<typeof functionIdentity>

export const functionEntry = record({
  identity: functionIdentity,
  resources: textSet,
  ...owner,
  ...labels,
  ...lifetime,
  rpc_summary: omittable(rawObject),
  rpc_spec: omittable(rawObject),
  spec_digest: omittable(text()),
})
export type FunctionEntry = RecordOf<typeof functionEntry>

export const topicEntry = record({ subscription_id: id, ...owner, patterns: texts, ...labels, ...lifetime })
export type TopicEntry = RecordOf<typeof topicEntry>

export const DELIVERY_GUARANTEES = ['fire_and_forget', 'at_least_once', 'exactly_once', 'broadcast', 'quorum'] as const
export type DeliveryGuarantee = (typeof DELIVERY_GUARANTEES)[number]
export const QUEUE_HEALTHS = ['healthy', 'degraded', 'unavailable'] as const
export type QueueHealth = (typeof QUEUE_HEALTHS)[number]

export const queueEntry = record({
  queue_name: text(''),
  cluster_id: text(''),
  node_id: text(''),
  delivery_guarantees: list(oneOf(DELIVERY_GUARANTEES)),
  health: oneOf(QUEUE_HEALTHS, 'healthy'),
  current_subscribers: int(0),
  metadata: scalars,
  ...labels,
  ...lifetime,
})
export type QueueEntry = RecordOf<typeof queueEntry>

export const serviceEntry = record({
  name: text(''),
  namespace: text(''),
  protocol: text(''),
  port: int(0),
  targets: textSet,
  ...labels,
  capabilities: textSet,
  metadata: scalars,
  priority: int(0),
  weight: int(0),
  ...owner,
  ...lifetime,
})
export type ServiceEntry = RecordOf<typeof serviceEntry>

export const CACHE_ROLES = ['coordinator', 'invalidator', 'replica', 'sync', 'monitor'] as const
export type CacheRole = (typeof CACHE_ROLES)[number]

export const cacheRoleEntry = record({ role: oneOf(CACHE_ROLES, 'coordinator'), ...owner, ...labels, ...lifetime })
export type CacheRoleEntry = RecordOf<typeof cacheRoleEntry>

const coordinates = defaulted(record({ latitude: float(0), longitude: float(0) }))

export const cacheProfileEntry = record({
  ...owner,
  region: text(''),
  coordinates,
  capacity_mb: int(0),
  utilization_percent: float(0),
  avg_latency_ms: float(0),
  reliability_score: float(1),
  ...labels,
  ...lifetime,
})
export type CacheProfileEntry = RecordOf<typeof cacheProfileEntry>

export const CONNECTION_TYPES = ['internal', 'client'] as const

const plainEndpoint = record({
  connection_type: oneOf(CONNECTION_TYPES, 'internal'),
  protocol: id,
  host: id,
  port: int(),
  endpoint: id,
})
export type TransportEndpoint = RecordOf<typeof plainEndpoint>

/** Protocol, host and port fill in for a missing `endpoint`, and the other way round. */
export const transportEndpoint: Field<TransportEndpoint> = {
  ...plainEndpoint,
  read(value, reading, at) {
    if (typeof value !== 'object' || value === null) return plainEndpoint.read(value, reading, at)
    const given = value as Partial<TransportEndpoint>
    const [, protocol, host, port] = typeof given.endpoint === 'string' ? (ENDPOINT.exec(given.endpoint) ?? []) : []
    const whole = { ...given, protocol: given.protocol || protocol, host: given.host || host, port: given.port || port }
    return plainEndpoint.read({ ...whole, endpoint: `${whole.protocol}://${whole.host}:${whole.port}` }, reading, at)
  },
}

const ENDPOINT = /^([^:/]+):\/\/([^/]+):(\d+)/

const endpoints = list(transportEndpoint)
const transportEndpoints: Field<readonly TransportEndpoint[]> = {
  ...endpoints,
  read: (value, reading, at) => [...endpoints.read(value, reading, at)].sort(compareEndpoints),
}

function compareEndpoints(a: TransportEndpoint, b: TransportEndpoint): number {
  return (
    compareCodePoints(a.connection_type, b.connection_type) ||
    compareCodePoints(a.protocol, b.protocol) ||
    compareCodePoints(a.host, b.host) ||
    a.port - b.port
  )
}

export const nodeEntry = record({
  ...owner,
  scope,
  resources: textSet,
  capabilities: textSet,
  transport_endpoints: transportEndpoints,
  tags: textSet,
  ...lifetime,
  region: omittable(text()),
})
export type NodeEntry = RecordOf<typeof nodeEntry>

/** How entries are read and printed, by the name of their table. */
export const catalogRecords = {
  functions: functionEntry,
  topics: topicEntry,
  queues: queueEntry,
  services: serviceEntry,
  caches: cacheRoleEntry,
  cache_profiles: cacheProfileEntry,
  nodes: nodeEntry,
} as const

export const functionRemoval = record({ cluster_id: text(''), node_id: text(''), identity: functionIdentity, resources: textSet })
export type FunctionRemoval = RecordOf<typeof functionRemoval>
export const queueRemoval = record({ cluster_id: text(''), node_id: text(''), queue_name: text('') })
export type QueueRemoval = RecordOf<typeof queueRemoval>
export const serviceRemoval = record({
  cluster_id: text(''),
  node_id: text(''),
  namespace: text(''),
  name: text(''),
  protocol: text(''),
  port: int(0),
})
export type ServiceRemoval = RecordOf<typeof serviceRemoval>
export const cacheRoleRemoval = record({ cluster_id: text(''), node_id: text(''), role: oneOf(CACHE_ROLES, 'coordinator') })
export type CacheRoleRemoval = RecordOf<typeof cacheRoleRemoval>
/** Key of a cache profile and of a node. */
export const nodeRemoval = record({ cluster_id: text(''), node_id: text('') })
export type NodeRemoval = RecordOf<typeof nodeRemoval>

/** Changes of one node's view of the catalog. Removals are meant to be done before additions. */
export const catalogDelta = record({
  update_id: text(''),
  cluster_id: text(''),
  sent_at: time(),
  functions: list(functionEntry),
  function_removals: list(functionRemoval),
  topics: list(topicEntry),
  /** Subscription ids. */
  topic_removals: texts,
  queues: list(queueEntry),
  queue_removals: list(queueRemoval),
  services: list(serviceEntry),
  service_removals: list(serviceRemoval),
  caches: list(cacheRoleEntry),
  cache_removals: list(cacheRoleRemoval),
  cache_profiles: list(cacheProfileEntry),
  cache_profile_removals: list(nodeRemoval),
  nodes: list(nodeEntry),
  node_removals: list(nodeRemoval),
})
export type CatalogDelta = RecordOf<typeof catalogDelta>

/** All live entries of a catalog, as they are stored. */
export const catalogSnapshot = record({
  generated_at: time(),
  functions: list(functionEntry),
  topics: list(topicEntry),
  queues: list(queueEntry),
  services: list(serviceEntry),
  caches: list(cacheRoleEntry),
  cache_profiles: list(cacheProfileEntry),
  nodes: list(nodeEntry),
})
export type CatalogSnapshot = RecordOf<typeof catalogSnapshot>
