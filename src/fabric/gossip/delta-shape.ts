/**
 * Deltas cut to measure: small enough for a frame, without what a receiver learns another way, and with the time stamps it expects.
 *
 * Entries are never changed: a delta shares them with the catalog and with every frame they travel in.
 */
import {
  type CatalogDelta,
  cacheProfileEntry,
  cacheRoleEntry,
  catalogDelta,
  encodeJson,
  functionEntry,
  nodeEntry,
  queueEntry,
  serviceEntry,
  textBytes,
  topicEntry,
} from '../../wire/index.ts'
import { type DeltaHeader, deltaSize, draftDelta } from '../catalog/delta.ts'
import { CATALOG_KINDS, type CatalogEntry, type CatalogKey, type CatalogKind, REMOVALS_OF } from '../catalog/kinds.ts'

/** Nodes first: who receives only the first pieces of a catalog can at least find the rest. */
const TELLING_ORDER: readonly CatalogKind[] = ['nodes', 'functions', 'topics', 'services', 'queues', 'caches', 'cache_profiles']

const writers = {
  functions: functionEntry,
  topics: topicEntry,
  queues: queueEntry,
  services: serviceEntry,
  caches: cacheRoleEntry,
  cache_profiles: cacheProfileEntry,
  nodes: nodeEntry,
}

/** Entries live long and are told often; their size is found out once. */
const sizes = new WeakMap<object, number>()

function entryBytes(kind: CatalogKind, entry: CatalogEntry): number {
  let bytes = sizes.get(entry)
  if (bytes === undefined) {
    bytes = textBytes((writers[kind] as { write(entry: CatalogEntry): string }).write(entry)) + 1
    sizes.set(entry, bytes)
  }
  return bytes
}

export interface SplitDelta {
  readonly parts: readonly CatalogDelta[]
  /** Entries that no part could hold. */
  readonly oversized: readonly { readonly kind: CatalogKind; readonly entry: CatalogEntry; readonly bytes: number }[]
}

/**
 * Parts that print in at most `bytesMax` bytes each, all removals before all additions. One that fits stays as it is; the first part of
 * several keeps the update id, the others append their number to it.
 */
export function splitDelta(delta: CatalogDelta, bytesMax: number): SplitDelta {
  const empty = textBytes(catalogDelta.write(draftDelta().finish(delta))) + PART_NUMBER_BYTES
  const room = bytesMax - empty
  const parts: CatalogDelta[] = []
  const oversized: { kind: CatalogKind; entry: CatalogEntry; bytes: number }[] = []
  let draft = draftDelta()
  let used = 0

  function close(): void {
    if (draft.isEmpty) return
    const update_id = parts.length === 0 ? delta.update_id : `${delta.update_id}:${parts.length + 1}`
    parts.push(draft.finish({ ...header(delta), update_id }))
    draft = draftDelta()
    used = 0
  }
  function makeRoom(bytes: number): void {
    if (used + bytes > room) close()
    used += bytes
  }

  for (const kind of TELLING_ORDER) {
    for (const key of delta[REMOVALS_OF[kind]] as readonly CatalogKey[]) {
      makeRoom(textBytes(encodeJson(key)) + 1)
      draft.remove(kind, key)
    }
  }
  for (const kind of TELLING_ORDER) {
    for (const entry of delta[kind] as readonly CatalogEntry[]) {
      const bytes = entryBytes(kind, entry)
      if (bytes > room) {
        oversized.push({ kind, entry, bytes })
        continue
      }
      makeRoom(bytes)
      draft.add(kind, entry)
    }
  }
  if (parts.length === 0 && oversized.length === 0) return { parts: [delta], oversized }
  close()
  return { parts, oversized }
}

/** `:` and the number of a part. */
const PART_NUMBER_BYTES = 12

/**
 * What a delta says about owners for which `keep` is true; undefined when that is nothing. Removals of subscriptions stay: they do not name
 * their owner.
 */
export function ownersPart(delta: CatalogDelta, keep: (nodeId: string) => boolean): CatalogDelta | undefined {
  const draft = draftDelta()
  for (const kind of CATALOG_KINDS) {
    for (const key of delta[REMOVALS_OF[kind]] as readonly CatalogKey[]) {
      if (typeof key === 'string' || keep(key.node_id)) draft.remove(kind, key)
    }
    for (const entry of delta[kind] as readonly CatalogEntry[]) if (keep(entry.node_id)) draft.add(kind, entry)
  }
  if (draft.isEmpty) return undefined
  const part = draft.finish(header(delta))
  return deltaSize(part) === deltaSize(delta) ? delta : part
}

/**
 * Entries as nodes that know no beats need them: announced no earlier than their owner's last sign of life, so that they do not expire while
 * the owner lives. `aliveSince` gives that time in Unix seconds; undefined leaves an entry as it is.
 */
export function withRefreshedTimes(delta: CatalogDelta, aliveSince: (nodeId: string) => number | undefined): CatalogDelta {
  const draft = draftDelta()
  for (const kind of CATALOG_KINDS) {
    for (const key of delta[REMOVALS_OF[kind]] as readonly CatalogKey[]) draft.remove(kind, key)
    for (const entry of delta[kind] as readonly CatalogEntry[]) {
      const since = aliveSince(entry.node_id)
      draft.add(kind, since !== undefined && since > entry.advertised_at ? { ...entry, advertised_at: since } : entry)
    }
  }
  return draft.finish(header(delta))
}

function header({ update_id, cluster_id, sent_at }: CatalogDelta): DeltaHeader {
  return { update_id, cluster_id, sent_at }
}
