/**
 * Shapes of the cache: keys, metadata and entries as they travel between nodes, and the `cache-request` family that clients speak.
 *
 * Values are carried, never looked into.
 */
import {
  bool,
  clock,
  defaulted,
  type Field,
  float,
  id,
  int,
  list,
  literal,
  mapOf,
  natural,
  nullable,
  omittable,
  oneOf,
  type Reading,
  type RecordOf,
  raw,
  rawArray,
  rawObject,
  record,
  text,
  textOrNull,
  textSet,
  texts,
  time,
} from './fields.ts'

export const CACHE_KEY_VERSION_DEFAULT = 'v1.0.0'

export const cacheKey = record({ namespace: text(''), identifier: text(''), version: text(CACHE_KEY_VERSION_DEFAULT), tags: textSet })
export type CacheKey = RecordOf<typeof cacheKey>

export const REPLICATION_POLICIES = ['none', 'geographic', 'proximity', 'load_based', 'hybrid'] as const
export type ReplicationPolicy = (typeof REPLICATION_POLICIES)[number]
export const CONSISTENCY_LEVELS = ['eventual', 'strong', 'weak'] as const
export type ConsistencyLevel = (typeof CONSISTENCY_LEVELS)[number]
export const CACHE_LEVELS = ['L1', 'L2', 'L3', 'L4'] as const
export type CacheLevel = (typeof CACHE_LEVELS)[number]

/** An unknown policy is read as the default one. */
const replicationPolicy: Field<ReplicationPolicy> = {
  ...oneOf(REPLICATION_POLICIES),
  read: (value) => REPLICATION_POLICIES.find((known) => known === value) ?? 'geographic',
}

export const cacheMetadata = record({
  computation_cost_ms: float(0),
  dependencies: list(cacheKey),
  /** Null lives for ever. */
  ttl_seconds: nullable(float()),
  replication_policy: replicationPolicy,
  access_patterns: rawObject,
  /** Region names. */
  geographic_hints: texts,
  quality_score: float(1),
  created_by: text(''),
  size_estimate_bytes: int(0),
})
export type CacheMetadata = RecordOf<typeof cacheMetadata>

export const CACHE_OPERATION_TYPES = ['put', 'delete', 'invalidate', 'query', 'anti_entropy'] as const
export type CacheOperationType = (typeof CACHE_OPERATION_TYPES)[number]

/** A change of one cache that others repeat. */
export const cacheOperation = record({
  operation_type: oneOf(CACHE_OPERATION_TYPES),
  operation_id: id,
  key: cacheKey,
  timestamp: time(),
  source_node: text(''),
  vector_clock: clock,
  ttl_hops: int(5),
  value: raw('null'),
  metadata: nullable(cacheMetadata),
  /** First 16 hex digits of SHA-256 over the canonical text of the value; empty when the sender can not tell. */
  value_hash: text(''),
  invalidation_pattern: text(''),
  consistency_level: oneOf(CONSISTENCY_LEVELS, 'eventual'),
})
export type CacheOperation = RecordOf<typeof cacheOperation>

export const cacheDigestEntry = record({
  key: cacheKey,
  /** Largest counter of the entry's vector clock. */
  version: int(0),
  timestamp: time(),
  value_hash: text(''),
  size_bytes: int(0),
  node_id: text(''),
})
export type CacheDigestEntry = RecordOf<typeof cacheDigestEntry>

/** What a node holds, by text key. */
export const cacheDigest = record({
  node_id: text(''),
  timestamp: time(),
  entries: mapOf(cacheDigestEntry),
  total_entries: natural(0),
  total_size_bytes: natural(0),
  /** Opaque to receivers. */
  digest_hash: text(''),
})
export type CacheDigest = RecordOf<typeof cacheDigest>

export const cacheEntry = record({
  key: cacheKey,
  value: raw('null'),
  metadata: defaulted(cacheMetadata),
  creation_time: time(),
  last_access_time: time(),
  access_count: natural(0),
  replication_sites: textSet,
  vector_clock: clock,
  checksum: text(''),
})
export type CacheEntry = RecordOf<typeof cacheEntry>

export const CACHE_PROTOCOL_VERSION = '2.0'

const cacheOptions = record({
  include_metadata: bool(true),
  consistency_level: oneOf(CONSISTENCY_LEVELS, 'eventual'),
  timeout_ms: int(5000),
  cache_levels: { ...list(oneOf(CACHE_LEVELS)), read: readLevels },
  replication_factor: int(2),
  prefer_local: bool(true),
  max_staleness_seconds: float(300),
})
export type CacheOptions = RecordOf<typeof cacheOptions>

/** All levels unless told otherwise; unknown ones are left out. */
function readLevels(value: unknown): readonly CacheLevel[] {
  return Array.isArray(value) ? CACHE_LEVELS.filter((level) => value.includes(level)) : CACHE_LEVELS
}

export const atomicOperation = record({
  operation_type: text(),
  expected_value: raw('null'),
  new_value: raw('null'),
  increment_by: float(0),
  ttl_seconds: nullable(float()),
  conditions: rawObject,
  /** Absent and false differ: only an explicit false refuses a missing key. */
  create_if_missing: omittable(bool()),
  initial_value: raw('null'),
})
export type AtomicOperation = RecordOf<typeof atomicOperation>

export const structureOperation = record({
  structure_type: text(),
  operation: text(),
  values: rawArray,
  fields: texts,
  field_updates: rawObject,
  scored_values: list(record({ value: raw('null'), score: float(0) })),
  index: nullable(int()),
  range_spec: raw('null'),
  limit: nullable(int()),
  options: rawObject,
})
export type StructureOperation = RecordOf<typeof structureOperation>

export const namespaceOperation = record({
  operation_type: text(),
  namespace: text(''),
  pattern: text('*'),
  conditions: rawObject,
  max_entries: nullable(int()),
  dry_run: bool(false),
  include_detailed_breakdown: bool(false),
  sample_size: nullable(int()),
  backup_format: text('json'),
  compression: bool(false),
  data: raw('null'),
  merge_strategy: text('overwrite'),
})
export type NamespaceOperation = RecordOf<typeof namespaceOperation>

export const cacheRequest = record({
  role: literal('cache-request'),
  u: text(),
  timestamp: time(),
  version: text(CACHE_PROTOCOL_VERSION),
  /** Not an enumeration: an unknown operation is answered, not refused. */
  operation: text(),
  key: omittable(cacheKey),
  options: defaulted(cacheOptions),
  value: omittable(raw('null')),
  metadata: omittable(cacheMetadata),
  invalidation_pattern: omittable(text()),
  atomic_operation: omittable(atomicOperation),
  structure_operation: omittable(structureOperation),
  namespace_operation: omittable(namespaceOperation),
})
export type CacheRequest = RecordOf<typeof cacheRequest>

export const CACHE_STATUSES = ['hit', 'miss', 'error', 'partial', 'timeout', 'conflict'] as const
export type CacheStatus = (typeof CACHE_STATUSES)[number]

/** An entry as clients see it: metadata flattened into it, dependencies as `namespace:identifier:version`. */
const cacheResponseEntry = record({
  key: cacheKey,
  value: raw('null'),
  creation_time: time(),
  access_count: natural(0),
  last_access_time: time(),
  computation_cost_ms: float(0),
  size_bytes: natural(0),
  dependencies: texts,
  ttl_seconds: nullable(float()),
})
export type CacheResponseEntry = RecordOf<typeof cacheResponseEntry>

export const cacheResponse = record({
  role: literal('cache-response'),
  u: text(),
  timestamp: time(),
  version: text(CACHE_PROTOCOL_VERSION),
  status: oneOf(CACHE_STATUSES),
  operation_id: text(''),
  cache_level: omittable(oneOf(CACHE_LEVELS)),
  entry: omittable(cacheResponseEntry),
  performance: omittable(record({ lookup_time_ms: float(0), network_hops: int(0), cache_efficiency: float(0) })),
  error_message: omittable(text()),
})
export type CacheResponse = RecordOf<typeof cacheResponse>

/** One-way. */
export const cacheAnalytics = record({
  role: literal('cache-analytics'),
  u: text(),
  timestamp: time(),
  version: text(CACHE_PROTOCOL_VERSION),
  period: defaulted(record({ start: float(0), end: float(0), duration_seconds: float(0) })),
  statistics: defaulted(record({ operations: rawObject, performance: rawObject, cost_savings: rawObject })),
})
export type CacheAnalytics = RecordOf<typeof cacheAnalytics>

/** `pattern` is another word for `invalidation_pattern`. @throws FrameError */
export function decodeCacheRequest(parsed: Readonly<Record<string, unknown>>, frameText: string, now: number): CacheRequest {
  const request = cacheRequest.read(parsed, frameReading(frameText, now), 0)
  if (request.invalidation_pattern !== undefined) return request
  const alias = textOrNull.read(parsed.pattern, frameReading(frameText, now), -1)
  return alias === null ? request : { ...request, invalidation_pattern: alias }
}

export function encodeCacheRequest(request: CacheRequest): string {
  return cacheRequest.write(request)
}

/** @throws FrameError */
export function decodeCacheResponse(parsed: unknown, frameText: string, now: number): CacheResponse {
  return cacheResponse.read(parsed, frameReading(frameText, now), 0)
}

export function encodeCacheResponse(response: CacheResponse): string {
  return cacheResponse.write(response)
}

/** @throws FrameError */
export function decodeCacheAnalytics(parsed: unknown, frameText: string, now: number): CacheAnalytics {
  return cacheAnalytics.read(parsed, frameReading(frameText, now), 0)
}

export function encodeCacheAnalytics(frame: CacheAnalytics): string {
  return cacheAnalytics.write(frame)
}

function frameReading(frameText: string, now: number): Reading {
  return { text: frameText, now, dropped: [] }
}
