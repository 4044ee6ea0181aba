/**
 * What a node tells over HTTP about its parts: discovery, DNS, persistence, configuration, routing, and its own log.
 *
 * Members marked optional are left out when they have no value.
 */
import { Type } from 'typebox'
import { type TransportEndpoint, transportEndpoint } from './catalog.ts'
import {
  type AccessAuditEntry,
  accessAuditEntry,
  type NamespaceRule,
  namespaceRule,
  type PolicyAuditEntry,
  policyAuditEntry,
} from './discovery.ts'
import { federationMode } from './monitoring.ts'
import { amount, count, flag, list, mapOf, nullable, oneOf, optional, type ReadOnly, record, text, time } from './monitoring-fields.ts'
import { type RouteMetrics, routeMetrics } from './routes.ts'
import { FreeObject } from './schema.ts'

// ── Configuration ───────────────────────────────────────────────────────────────────────────────────────────────────────

export const policyStatus = record({
  federation_mode: federationMode,
  total_policies: count,
  active_policies: count,
  compliance_percent: amount,
})
export type PolicyStatus = ReadOnly<typeof policyStatus>

export const configurationValidation = record({
  is_valid: flag,
  errors: list(text),
  warnings: list(text),
  configuration_version: text,
})
export type ConfigurationValidation = ReadOnly<typeof configurationValidation>

export const configurationStatus = record({
  federation_mode: federationMode,
  policies: record({ total: count, active: count, compliance_percent: amount }),
  version_info: record({ configuration_version: text, last_update: time, pending_changes: count }),
  validation: record({ errors: list(text) }),
})
export type ConfigurationStatus = ReadOnly<typeof configurationStatus>

// ── Routing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const routeTraceCandidate = record({
  destination: record({ cluster_id: text }),
  next_hop: text,
  advertiser: text,
  path: record({ hops: list(text) }),
  metrics: Type.Unsafe<RouteMetrics>(routeMetrics.schema),
  score: amount,
  tiebreakers: list(record({ name: text, value: Type.Union([amount, text]) })),
  expired: flag,
  filtered_reason: nullable(text),
})
export type RouteTraceCandidate = ReadOnly<typeof routeTraceCandidate>

const linkStateHint = { mode: text, area: nullable(text), allowed_areas: nullable(list(text)), area_mismatch_rejects: count }

/** The routes to a cluster in order of preference, and the chosen one. */
export const routeTrace = record({
  destination: record({ cluster_id: text }),
  evaluated_at: time,
  avoid_clusters: list(text),
  candidates: list(routeTraceCandidate),
  selected: nullable(routeTraceCandidate),
  /** Only where link-state routing runs. */
  link_state_hint: optional(record(linkStateHint)),
  /** What is done with a message for that cluster. */
  forwarding_plan: optional(FreeObject),
})
export type RouteTraceBody = ReadOnly<typeof routeTrace>

export const linkStateBody = record({
  mode: text,
  area: nullable(text),
  area_hierarchy: mapOf(text),
  summary_filters: list(
    record({
      source_area: text,
      target_area: text,
      allowed_neighbors: nullable(list(text)),
      denied_neighbors: nullable(list(text)),
    }),
  ),
  allowed_areas: nullable(list(text)),
  entries: count,
  entry_areas: list(text),
  area_mismatch_rejects: count,
  stats: record({
    updates_received: count,
    updates_applied: count,
    updates_rejected: count,
    updates_filtered: count,
    entries_expired: count,
  }),
})
export type LinkStateBody = ReadOnly<typeof linkStateBody>

export const transportEndpoints = record({
  /** 0 before the first assignment. */
  last_updated: time,
  assignments: list(Type.Unsafe<TransportEndpoint>(transportEndpoint.schema)),
})
export type TransportEndpoints = ReadOnly<typeof transportEndpoints>

// ── Discovery ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const entryCounts = record({
  functions: count,
  topics: count,
  queues: count,
  services: count,
  caches: count,
  cache_profiles: count,
  nodes: count,
})
/** How many entries of each kind. */
export type EntryCounts = ReadOnly<typeof entryCounts>

/** A part that this node does not have. */
const absent = record({ enabled: Type.Literal(false) })

const summaryExport = record({
  enabled: flag,
  generated_at: time,
  interval_seconds: amount,
  export_scope: nullable(text),
  hold_down_seconds: amount,
  store_forward_seconds: amount,
  store_forward_max_messages: count,
  configured_namespaces: list(text),
  exports_total: count,
  summaries_exported: count,
  last_export_count: count,
  last_export_namespaces: list(text),
  hold_downs_total: count,
  store_forward_queued: count,
  per_namespace: list(
    record({
      namespace: text,
      exports_total: count,
      summaries_exported: count,
      last_export_at: optional(time),
      last_export_count: count,
    }),
  ),
  last_export_at: optional(time),
})
export const summaryExportStatus = Type.Union([summaryExport, absent])
export type SummaryExportStatus = ReadOnly<typeof summaryExportStatus>

const resolverStatistics = record({
  deltas_applied: count,
  deltas_skipped: count,
  deltas_invalid: count,
  last_delta_id: nullable(text),
  last_delta_cluster: nullable(text),
  last_delta_at: nullable(time),
  /** `<kind>_added` and `<kind>_removed`. */
  last_delta_counts: optional(mapOf(count)),
  last_seed_at: nullable(time),
  last_seed_counts: optional(entryCounts),
  last_prune_at: nullable(time),
  last_prune_counts: optional(entryCounts),
})

const resolverCache = record({
  enabled: flag,
  generated_at: time,
  namespaces: list(text),
  entry_counts: entryCounts,
  stats: optional(resolverStatistics),
  query_cache: optional(mapOf(count)),
})
export const resolverCacheStatus = Type.Union([resolverCache, absent])
export type ResolverCacheStatus = ReadOnly<typeof resolverCacheStatus>

export const summaryCacheStatus = record({
  enabled: flag,
  generated_at: time,
  namespaces: list(text),
  entry_counts: record({ summaries: count }),
  stats: optional(
    record({
      messages_applied: count,
      messages_skipped: count,
      messages_invalid: count,
      summaries_applied: count,
      summaries_expired: count,
      last_message_at: optional(time),
      last_source_cluster: optional(text),
      last_source_node: optional(text),
      last_prune_at: optional(time),
    }),
  ),
})
export type SummaryCacheStatus = ReadOnly<typeof summaryCacheStatus>

const namespacePolicy = record({
  enabled: flag,
  generated_at: time,
  default_allow: flag,
  rule_count: count,
  rules: list(Type.Unsafe<NamespaceRule>(namespaceRule.schema)),
  /** The newest twenty. */
  audit_entries: list(Type.Unsafe<PolicyAuditEntry>(policyAuditEntry.schema)),
  audit_total: count,
  access_entries: list(Type.Unsafe<AccessAuditEntry>(accessAuditEntry.schema)),
  access_total: count,
})
export const namespacePolicyStatus = Type.Union([namespacePolicy, absent])
export type NamespacePolicyStatus = ReadOnly<typeof namespacePolicyStatus>

const lag = record({
  generated_at: time,
  resolver_enabled: flag,
  summary_export_enabled: flag,
  last_delta_at: optional(time),
  delta_lag_seconds: optional(amount),
  last_seed_at: optional(time),
  last_summary_export_at: optional(time),
  summary_export_lag_seconds: optional(amount),
})
export const discoveryLag = Type.Union([lag, record({ resolver_enabled: Type.Literal(false) })])
export type DiscoveryLag = ReadOnly<typeof discoveryLag>

const dnsRunning = record({
  enabled: Type.Literal(true),
  status: Type.Literal('running'),
  udp_port: count,
  tcp_port: count,
  zones: list(text),
  metrics: record({
    total_queries: count,
    udp_queries: count,
    tcp_queries: count,
    nxdomain_responses: count,
    error_responses: count,
    last_query_at: nullable(time),
    last_error: nullable(text),
    avg_latency_ms: amount,
    max_latency_ms: amount,
  }),
})
export const dnsGatewayStatus = Type.Union([dnsRunning, record({ enabled: Type.Literal(true), status: Type.Literal('starting') }), absent])
export type DnsGatewayStatus = ReadOnly<typeof dnsGatewayStatus>

// ── Persistence ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const persistence = record({
  enabled: Type.Literal(true),
  mode: oneOf(['memory', 'sqlite'] as const),
  data_dir: text,
  /** In sqlite mode. */
  sqlite_path: optional(text),
  registry_open: optional(flag),
  fabric: record({
    /** Empty without a control plane. */
    catalog_entries: mapOf(count),
    /** Empty without a key registry. */
    route_keys: record({ clusters: optional(count), active_keys: optional(count) }),
    snapshot_last_saved_at: nullable(time),
    snapshot_last_restored_at: nullable(time),
    snapshot_saved_counts: mapOf(count),
    snapshot_restored_counts: mapOf(count),
    snapshot_saved_route_keys: nullable(count),
    snapshot_restored_route_keys: nullable(count),
  }),
})
export const persistenceStatus = Type.Union([persistence, absent])
export type PersistenceStatus = ReadOnly<typeof persistenceStatus>
