/**
 * A resolver's catalog: a copy of the fabric's that follows its changes, narrowed to the namespaces the operator wants.
 *
 * Entries live as long as they do in the fabric: those of a node known by its beats while it beats, the others by their own time stamps.
 * What has no namespace (nodes, caches) is always followed. The copy holds at most what the fabric's catalog holds, which has a bound.
 */
import type { Clock } from '../base/index.ts'
import {
  type AnyEntry,
  CATALOG_KINDS,
  type Catalog,
  type CatalogChange,
  type CatalogCounts,
  type CatalogEntry,
  type CatalogKey,
  type CatalogKind,
  type EntryOfKind,
  keyText,
  REMOVALS_OF,
} from '../fabric/index.ts'
import { type CatalogDelta, type EntryCounts, type NodeEntry, namespaceMatches, namespaceOf } from '../wire/index.ts'
import type { CatalogSource } from './catalog-source.ts'
import { literalPrefix, toldOf } from './entry-names.ts'

export interface CatalogCopySnapshot {
  readonly entry_counts: EntryCounts
  readonly stats: {
    readonly deltas_applied: number
    /** None of their namespaces is followed. */
    readonly deltas_skipped: number
    readonly last_delta_id: string | null
    readonly last_delta_cluster: string | null
    readonly last_delta_at: number | null
    readonly last_delta_counts?: CatalogCounts
    readonly last_seed_at: number | null
    readonly last_seed_counts?: EntryCounts
    readonly last_prune_at: number | null
    readonly last_prune_counts?: EntryCounts
  }
}

export interface CatalogCopy extends CatalogSource {
  /** False when nothing in the change is followed. */
  apply(change: Pick<CatalogChange, 'delta' | 'counts'>): boolean
  /** Begins anew with what the fabric's catalog holds. */
  seed(): void
  /** Drops what has expired. */
  prune(): void
  snapshot(): CatalogCopySnapshot
}

export interface CatalogCopyDeps {
  readonly clock: Pick<Clock, 'wall'>
  readonly nodeId: string
  readonly fabric: Pick<Catalog, 'announced' | 'each' | 'isVersioned'>
}

/** When something last happened, Unix seconds, and what it came to. */
interface Happened<C> {
  readonly at: number | null
  readonly counts?: C
}

const NEVER = { at: null } as const

export function createCatalogCopy(deps: CatalogCopyDeps, namespaces: readonly string[]): CatalogCopy {
  const { clock, fabric, nodeId } = deps
  const tables = Object.fromEntries(CATALOG_KINDS.map((kind) => [kind, new Map<string, CatalogEntry>()])) as Readonly<
    Record<CatalogKind, Map<string, CatalogEntry>>
  >
  let applied = 0
  let skipped = 0
  let lastDelta: Happened<CatalogCounts> & Partial<Pick<CatalogDelta, 'update_id' | 'cluster_id'>> = NEVER
  let lastSeed: Happened<EntryCounts> = NEVER
  let lastPrune: Happened<EntryCounts> = NEVER

  const isFollowed = (listed: AnyEntry): boolean => namespaces.length === 0 || namespacesOf(listed)?.some(isWanted) !== false
  const isWanted = (namespace: string): boolean => namespaces.some((followed) => namespaceMatches(followed, namespace))

  function isLive(entry: CatalogEntry, now: number): boolean {
    return entry.node_id === nodeId || fabric.isVersioned(entry.node_id) || now <= entry.advertised_at + entry.ttl_seconds
  }

  function counted(count: (kind: CatalogKind) => number): EntryCounts {
    return Object.fromEntries(CATALOG_KINDS.map((kind) => [kind, count(kind)])) as unknown as EntryCounts
  }

  return {
    includesSelf: false,

    apply({ counts, delta }) {
      let touched = 0
      for (const kind of CATALOG_KINDS) {
        const table = tables[kind]
        for (const key of delta[REMOVALS_OF[kind]]) {
          const at = placeOf(kind, key)
          const known = table.get(at)
          // A node's place does not tell its cluster.
          if (known === undefined || (typeof key !== 'string' && known.cluster_id !== key.cluster_id)) continue
          table.delete(at)
          touched++
        }
        for (const entry of delta[kind]) {
          const at = placeOf(kind, entry)
          if (isFollowed({ kind, entry } as AnyEntry)) table.set(at, entry)
          // It may have been followed until it turned to other namespaces.
          else if (!table.delete(at)) continue
          touched++
        }
      }
      if (touched === 0) {
        skipped++
        return false
      }
      applied++
      lastDelta = { at: clock.wall(), counts, update_id: delta.update_id, cluster_id: delta.cluster_id }
      return true
    },

    seed() {
      for (const table of Object.values(tables)) table.clear()
      fabric.each((listed) => {
        if (isFollowed(listed)) tables[listed.kind].set(placeOf(listed.kind, listed.entry), listed.entry)
      })
      lastSeed = { at: clock.wall(), counts: counted((kind) => tables[kind].size) }
    },

    prune() {
      const now = clock.wall()
      const counts = counted((kind) => {
        const table = tables[kind]
        const before = table.size
        for (const [at, entry] of table) if (!isLive(entry, now)) table.delete(at)
        return before - table.size
      })
      lastPrune = { at: now, counts }
    },

    list<K extends CatalogKind>(kind: K) {
      const now = clock.wall()
      return [...tables[kind].values()].filter((entry) => isLive(entry, now)) as EntryOfKind[K][]
    },

    node(id) {
      const entry = tables.nodes.get(id)
      return entry !== undefined && isLive(entry, clock.wall()) ? (entry as NodeEntry) : undefined
    },

    announced: fabric.announced,

    snapshot: () => ({
      entry_counts: counted((kind) => tables[kind].size),
      stats: {
        deltas_applied: applied,
        deltas_skipped: skipped,
        last_delta_id: lastDelta.update_id ?? null,
        last_delta_cluster: lastDelta.cluster_id ?? null,
        last_delta_at: lastDelta.at,
        ...(lastDelta.counts && { last_delta_counts: lastDelta.counts }),
        last_seed_at: lastSeed.at,
        ...(lastSeed.counts && { last_seed_counts: lastSeed.counts }),
        last_prune_at: lastPrune.at,
        ...(lastPrune.counts && { last_prune_counts: lastPrune.counts }),
      },
    }),
  }
}

/** Undefined for what has none. */
function namespacesOf({ entry, kind }: AnyEntry): readonly string[] | undefined {
  switch (kind) {
    case 'functions':
      return [toldOf(entry).namespace, namespaceOf(entry.identity.name) || entry.identity.name]
    case 'queues':
      return [namespaceOf(entry.queue_name) || entry.queue_name]
    case 'services':
      return [entry.namespace || entry.name]
    case 'topics':
      return entry.patterns.map(literalPrefix)
    default:
      return undefined
  }
}

/** Where an entry stands in its table. Nodes are looked up by their id alone; subscriptions have ids of their own. */
function placeOf(kind: CatalogKind, key: CatalogKey | CatalogEntry): string {
  if (typeof key === 'string') return key
  if (kind === 'topics') return (key as { readonly subscription_id: string }).subscription_id
  return kind === 'nodes' ? key.node_id : `${key.node_id} ${keyText(kind, key)}`
}
