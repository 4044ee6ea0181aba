/** Entries for tests: valid, short to write, each of `ws://n1` in cluster `moss` unless it says otherwise. */
import { createVirtualEnv, type VirtualEnv } from '../../base/index.ts'
import type {
  CacheProfileEntry,
  CacheRoleEntry,
  CatalogDelta,
  FunctionEntry,
  NodeEntry,
  QueueEntry,
  ServiceEntry,
  TopicEntry,
} from '../../wire/index.ts'
import { type Catalog, type CatalogDeps, type CatalogOptions, createCatalog } from './catalog.ts'
import { CATALOG_KINDS, REMOVALS_OF } from './kinds.ts'

export const SELF = 'ws://self:1'
export const N1 = 'ws://n1:1'
export const N2 = 'ws://n2:1'

const shared = { node_id: N1, cluster_id: 'moss', scope: 'zone', tags: [], advertised_at: 100, ttl_seconds: 120 } as const

/** @param id function id, default the name */
export function functionSample(name: string, more: Partial<FunctionEntry> & { id?: string; version?: string } = {}): FunctionEntry {
  const { id = name, version = '1.0.0', ...members } = more
  return { identity: { name, function_id: id, version }, resources: [], ...shared, ...members }
}

export function topicSample(subscription_id: string, patterns: readonly string[], more: Partial<TopicEntry> = {}): TopicEntry {
  return { subscription_id, patterns, ...shared, ...more }
}

export function queueSample(queue_name: string, more: Partial<QueueEntry> = {}): QueueEntry {
  return { queue_name, delivery_guarantees: [], health: 'healthy', current_subscribers: 0, metadata: {}, ...shared, ...more }
}

export function serviceSample(name: string, more: Partial<ServiceEntry> = {}): ServiceEntry {
  return {
    name,
    namespace: 'press',
    protocol: 'tcp',
    port: 80,
    targets: [],
    capabilities: [],
    metadata: {},
    priority: 0,
    weight: 0,
    ...shared,
    ...more,
  }
}

export function cacheRoleSample(role: CacheRoleEntry['role'], more: Partial<CacheRoleEntry> = {}): CacheRoleEntry {
  return { role, ...shared, ...more }
}

export function profileSample(more: Partial<CacheProfileEntry> = {}): CacheProfileEntry {
  return {
    region: 'local',
    coordinates: { latitude: 0, longitude: 0 },
    capacity_mb: 64,
    utilization_percent: 0,
    avg_latency_ms: 0,
    reliability_score: 1,
    ...shared,
    ...more,
  }
}

export function nodeSample(node_id: string = N1, more: Partial<NodeEntry> = {}): NodeEntry {
  return { resources: [], capabilities: ['rpc'], transport_endpoints: [], ...shared, node_id, ...more }
}

export function deltaSample(parts: Partial<CatalogDelta> = {}): CatalogDelta {
  const lists = Object.fromEntries(
    CATALOG_KINDS.flatMap((kind) => [
      [kind, []],
      [REMOVALS_OF[kind], []],
    ]),
  )
  return { update_id: 'u', cluster_id: 'moss', sent_at: 100, ...lists, ...parts } as CatalogDelta
}

/** A catalog of `ws://self:1` in cluster `moss` at 100 s. */
export function catalogSample(
  deps: Partial<CatalogDeps> = {},
  options: CatalogOptions = {},
): { readonly env: VirtualEnv; readonly catalog: Catalog } {
  const env = (deps.env as VirtualEnv | undefined) ?? createVirtualEnv({ seed: 1, startWall: 100 })
  return { env, catalog: createCatalog({ env, nodeId: SELF, clusterId: 'moss', instanceId: 'i-self', ...deps }, options) }
}
