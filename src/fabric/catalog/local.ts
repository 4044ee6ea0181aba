/**
 * What this node offers, as it is changed: changes are collected, and `commit` makes them one batch with the delta that tells the others.
 *
 * A changed version or resource set is another key. Replacing all entries of a kind therefore removes the keys that are no longer among
 * them in the same delta that adds the new ones, so that nobody keeps calling what is gone.
 */
import type { CatalogDelta, FunctionEntry } from '../../wire/index.ts'
import type { CatalogCounts } from './delta.ts'
import { type FunctionConflict, FunctionConflictError } from './function-conflict.ts'
import {
  type AnyEntry,
  type AnyKey,
  type CatalogEntry,
  type CatalogKind,
  type EntryOfKind,
  type KeyOfKind,
  keyOf,
  keyText,
  sameContent,
} from './kinds.ts'
import type { OwnerRecord } from './owner-record.ts'

export type LocalChange = AnyEntry | AnyKey

export interface Commit {
  readonly counts: CatalogCounts
  readonly changed: boolean
  /** The changes, for those who go by deltas. */
  readonly delta: CatalogDelta
  readonly version: number
}

export interface LocalOwner {
  readonly nodeId: string
  readonly version: number
  readonly epoch: number
  readonly beat: number
  /** Takes effect with the next commit, and only if it says something else than what is announced. @throws FunctionConflictError */
  set<K extends CatalogKind>(kind: K, entry: EntryOfKind[K]): void
  remove<K extends CatalogKind>(kind: K, key: KeyOfKind[K]): void
  /** Makes these the only entries of the kind, except functions whose name or id is taken: what stands against them is returned. */
  replace<K extends CatalogKind>(kind: K, entries: readonly EntryOfKind[K][]): FunctionConflictError[]
  /** Carries out what was collected, as one change. */
  commit(): Commit
  /** Removes everything. */
  clear(): Commit
  /** Announces that this node still lives; nothing else changes. */
  renew(): void
  entries<K extends CatalogKind>(kind: K): EntryOfKind[K][]
}

interface LocalOwnerDeps {
  readonly nodeId: string
  readonly clusterId: string
  readonly record: OwnerRecord
  conflict(name: string, functionId: string): FunctionConflict | undefined
  /** Visible functions of a name, whosever they are. */
  endpoints(name: string): Iterable<FunctionEntry>
  change(changes: readonly LocalChange[]): Omit<Commit, 'version'>
  renew(): void
}

export function createLocalOwner(deps: LocalOwnerDeps): LocalOwner {
  const { nodeId, clusterId, record, conflict, endpoints, change, renew } = deps
  /** Collected changes by key. */
  let pending = new Map<string, LocalChange>()

  function set(kind: CatalogKind, entry: CatalogEntry): void {
    if (entry.node_id !== nodeId || entry.cluster_id !== clusterId) {
      throw new TypeError(`${nodeId} of ${clusterId} can not announce an entry of ${entry.node_id} of ${entry.cluster_id}`)
    }
    if (kind === 'functions') refuseConflict(entry as FunctionEntry)
    const at = record.find(kind, entry)
    const key = keyText(kind, entry)
    if (at >= 0 && isAnnounced(kind, record.entryAt(at), entry)) pending.delete(key)
    else pending.set(key, { kind, entry } as LocalChange)
  }

  const isAnnounced = (kind: CatalogKind, known: CatalogEntry, entry: CatalogEntry): boolean =>
    known.ttl_seconds === entry.ttl_seconds && sameContent(kind, known as never, entry as never)

  /** A name or id may be held by an entry that this very batch removes, or be taken by one it adds. */
  function refuseConflict({ identity: { name, function_id } }: FunctionEntry): void {
    for (const other of pending.values()) {
      if (other.kind !== 'functions' || !('entry' in other)) continue
      const { identity } = other.entry
      if (identity.name === name && identity.function_id !== function_id) {
        throw new FunctionConflictError({ kind: 'name', taken: name, mappedTo: identity.function_id })
      }
      if (identity.function_id === function_id && identity.name !== name) {
        throw new FunctionConflictError({ kind: 'id', taken: function_id, mappedTo: identity.name })
      }
    }
    const found = conflict(name, function_id)
    if (found !== undefined && !isGivenUp(found)) throw new FunctionConflictError(found)
  }

  /** Whether the batch removes all there is of the function that stands in the way. */
  function isGivenUp({ kind, taken, mappedTo }: FunctionConflict): boolean {
    for (const entry of endpoints(kind === 'name' ? taken : mappedTo)) {
      const change = entry.node_id === nodeId ? pending.get(keyText('functions', entry)) : undefined
      if (change === undefined || 'entry' in change) return false
    }
    return true
  }

  function remove(kind: CatalogKind, key: KeyOfKind[CatalogKind]): void {
    const text = keyText(kind, key)
    if (record.find(kind, key) >= 0) pending.set(text, { kind, key } as LocalChange)
    else pending.delete(text)
  }

  function entries<K extends CatalogKind>(kind: K): EntryOfKind[K][] {
    const found: EntryOfKind[K][] = []
    for (let at = 0; at < record.size; at++) if (record.kindAt(at) === kind) found.push(record.entryAt(at) as EntryOfKind[K])
    return found
  }

  function commit(): Commit {
    const changes = [...pending.values()]
    pending = new Map()
    const { counts, changed, delta } = change(changes)
    return { counts, changed, delta, version: record.version }
  }

  return {
    nodeId,
    get version() {
      return record.version
    },
    get epoch() {
      return record.epoch
    },
    get beat() {
      return record.beat
    },
    set,
    remove,
    replace(kind, wanted) {
      const kept = new Set(wanted.map((entry) => keyText(kind, entry)))
      for (const entry of entries(kind)) if (!kept.has(keyText(kind, entry))) remove(kind, keyOf(kind, entry))
      const conflicts: FunctionConflictError[] = []
      for (const entry of wanted) {
        try {
          set(kind, entry)
        } catch (error) {
          if (!(error instanceof FunctionConflictError)) throw error
          conflicts.push(error)
        }
      }
      return conflicts
    },
    commit,
    clear() {
      pending = new Map()
      for (let at = 0; at < record.size; at++) remove(record.kindAt(at), keyOf(record.kindAt(at), record.entryAt(at) as never) as never)
      return commit()
    },
    renew,
    entries,
  }
}
