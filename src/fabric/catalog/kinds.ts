/**
 * The seven kinds of catalog entries: their keys, and the names of their lists in a delta.
 *
 * An entry's key within the catalog is its owner (`cluster_id`, `node_id`) and what tells it from the owner's other entries of that kind.
 * Only subscriptions have a global key, their id. Removals carry the members of the key and nothing else.
 */
import {
  type CacheProfileEntry,
  type CacheRoleEntry,
  type CacheRoleRemoval,
  type CatalogDelta,
  catalogRecords,
  type FunctionEntry,
  type FunctionRemoval,
  type NodeEntry,
  type NodeRemoval,
  type QueueEntry,
  type QueueRemoval,
  type ServiceEntry,
  type ServiceRemoval,
  type TopicEntry,
} from '../../wire/index.ts'

export interface EntryOfKind {
  functions: FunctionEntry
  topics: TopicEntry
  queues: QueueEntry
  services: ServiceEntry
  caches: CacheRoleEntry
  cache_profiles: CacheProfileEntry
  nodes: NodeEntry
}

export interface KeyOfKind {
  functions: FunctionRemoval
  /** Subscription id. */
  topics: string
  queues: QueueRemoval
  services: ServiceRemoval
  caches: CacheRoleRemoval
  cache_profiles: NodeRemoval
  nodes: NodeRemoval
}

/** Names of the tables, in the order in which deltas list them. */
export const CATALOG_KINDS = ['functions', 'topics', 'queues', 'services', 'caches', 'cache_profiles', 'nodes'] as const
export type CatalogKind = (typeof CATALOG_KINDS)[number]
export type CatalogEntry = EntryOfKind[CatalogKind]
export type CatalogKey = KeyOfKind[CatalogKind]
/** An entry with its kind, as one value. */
export type AnyEntry = { [K in CatalogKind]: { readonly kind: K; readonly entry: EntryOfKind[K] } }[CatalogKind]
export type AnyKey = { [K in CatalogKind]: { readonly kind: K; readonly key: KeyOfKind[K] } }[CatalogKind]

type RemovalList = Extract<keyof CatalogDelta, `${string}_removals`>

/** Name of the list of a kind's removals in a delta. */
export const REMOVALS_OF: { readonly [K in CatalogKind]: RemovalList } = {
  functions: 'function_removals',
  topics: 'topic_removals',
  queues: 'queue_removals',
  services: 'service_removals',
  caches: 'cache_removals',
  cache_profiles: 'cache_profile_removals',
  nodes: 'node_removals',
}

/** The key of an entry, in the form a removal has on the wire. */
export function keyOf<K extends CatalogKind>(kind: K, entry: EntryOfKind[K]): KeyOfKind[K]
export function keyOf(kind: CatalogKind, entry: CatalogEntry): CatalogKey {
  const { cluster_id, node_id } = entry
  switch (kind) {
    case 'functions': {
      const { identity, resources } = entry as FunctionEntry
      return { cluster_id, node_id, identity, resources }
    }
    case 'topics':
      return (entry as TopicEntry).subscription_id
    case 'queues':
      return { cluster_id, node_id, queue_name: (entry as QueueEntry).queue_name }
    case 'services': {
      const { namespace, name, protocol, port } = entry as ServiceEntry
      return { cluster_id, node_id, namespace, name, protocol, port }
    }
    case 'caches':
      return { cluster_id, node_id, role: (entry as CacheRoleEntry).role }
    default:
      return { cluster_id, node_id }
  }
}

/** The key as text, different for different keys of all kinds of one node. Accepts an entry in place of its key. */
export function keyText(kind: CatalogKind, key: CatalogKey | CatalogEntry): string {
  return JSON.stringify([kind, ...keyParts(kind, key)])
}

function keyParts(kind: CatalogKind, key: CatalogKey | CatalogEntry): readonly unknown[] {
  if (typeof key === 'string') return [key]
  switch (kind) {
    case 'functions': {
      const { cluster_id, identity, resources } = key as FunctionRemoval
      return [cluster_id, identity.name, identity.function_id, identity.version, ...resources]
    }
    case 'topics':
      return [(key as TopicEntry).subscription_id]
    case 'queues':
      return [key.cluster_id, (key as QueueRemoval).queue_name]
    case 'services': {
      const { cluster_id, namespace, name, protocol, port } = key as ServiceRemoval
      return [cluster_id, namespace, name, protocol, port]
    }
    case 'caches':
      return [key.cluster_id, (key as CacheRoleRemoval).role]
    default:
      return [key.cluster_id]
  }
}

/** Whether an entry has this key, both being of one kind and one node. The same answer as comparing texts, without building them. */
export function hasKey(kind: CatalogKind, entry: CatalogEntry, key: CatalogKey | CatalogEntry): boolean {
  if (kind === 'topics') {
    return (entry as TopicEntry).subscription_id === (typeof key === 'string' ? key : (key as TopicEntry).subscription_id)
  }
  if (typeof key === 'string' || entry.cluster_id !== key.cluster_id) return false
  switch (kind) {
    case 'functions': {
      const a = entry as FunctionEntry
      const b = key as FunctionRemoval
      return (
        a.identity.name === b.identity.name &&
        a.identity.version === b.identity.version &&
        a.identity.function_id === b.identity.function_id &&
        sameTexts(a.resources, b.resources)
      )
    }
    case 'queues':
      return (entry as QueueEntry).queue_name === (key as QueueRemoval).queue_name
    case 'services': {
      const a = entry as ServiceEntry
      const b = key as ServiceRemoval
      return a.name === b.name && a.namespace === b.namespace && a.protocol === b.protocol && a.port === b.port
    }
    case 'caches':
      return (entry as CacheRoleEntry).role === (key as CacheRoleRemoval).role
    default:
      return true
  }
}

export function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether two entries with the same key say the same, whenever they were announced. */
export function sameContent<K extends CatalogKind>(kind: K, a: EntryOfKind[K], b: EntryOfKind[K]): boolean {
  if (a === b) return true
  const { write } = catalogRecords[kind] as { write(entry: EntryOfKind[K]): string }
  return write(a) === write({ ...b, advertised_at: a.advertised_at, ttl_seconds: a.ttl_seconds })
}
