/**
 * What one node offers: its entries of all kinds and, for a node that versions them, at which version each last changed.
 *
 * A process may hold a million of these (a thousand simulated nodes that each know a thousand), so a record is two arrays of equal length:
 * the entries, shared with whoever else knows them, and one number for each. Few entries are found by looking at each; many by a map.
 */

import { CHANGES_PER_VERSION_MAX, REMOVALS_REMEMBERED_MAX } from './constants.ts'
import {
  CATALOG_KINDS,
  type CatalogEntry,
  type CatalogKey,
  type CatalogKind,
  type EntryOfKind,
  hasKey,
  type KeyOfKind,
  keyText,
} from './kinds.ts'

/** Names one state of a versioned record. */
export interface OwnerStamp {
  readonly node_id: string
  /** Unix milliseconds of the process start; higher when somebody held a later record of an earlier process. */
  readonly epoch: number
  /** Rises with each change of the content. */
  readonly version: number
  /** Rises with each renewal of the lease; says nothing of the content. */
  readonly beat: number
}

/** An entry and the version at which it last changed. */
export type OwnerChange = {
  [K in CatalogKind]: { readonly kind: K; readonly version: number; readonly entry: EntryOfKind[K] }
}[CatalogKind]
/** A key that is gone and the version at which it went. */
export type OwnerRemoval = { [K in CatalogKind]: { readonly kind: K; readonly version: number; readonly key: KeyOfKind[K] } }[CatalogKind]

/** A versioned record, or what changed in it after `since`. */
export interface OwnerUpdate extends OwnerStamp {
  readonly cluster_id: string
  readonly instance_id: string
  /** Milliseconds since the beat was first heard, summed up over all the nodes it passed. */
  readonly age_ms: number
  /** The version these changes start from; 0 = from nothing. */
  readonly since: number
  /** On every piece of a record that is told whole: the version of the whole. Whoever has an older one starts again with the first piece. */
  readonly whole?: number
  readonly entries: readonly OwnerChange[]
  readonly removals: readonly OwnerRemoval[]
}

/** More entries than this are found by a map. */
const SCANNED_MAX = 16

// A stamp number is version * 16 + hidden * 8 + kind.
const KIND_BITS = 7
const HIDDEN_BIT = 8
const VERSION_UNIT = 16

const KIND_CODES: { readonly [K in CatalogKind]: number } = Object.fromEntries(CATALOG_KINDS.map((kind, code) => [kind, code])) as Record<
  CatalogKind,
  number
>

export class OwnerRecord {
  readonly node_id: string
  cluster_id = ''
  instance_id = ''
  /** 0: the node does not version its entries; each lives by its own time stamp. */
  epoch = 0
  version = 0
  beat = 0
  /** Monotonic milliseconds at which the beat was first heard by anybody, as far as known. */
  heardAtMs = 0
  /** Seconds of the longest-lived entry. */
  ttlMax = 0
  /** No entry without version expires before this, in Unix seconds. */
  expiresFrom = Number.POSITIVE_INFINITY
  /** The visible node descriptor. */
  descriptor: EntryOfKind['nodes'] | undefined
  /** Changes are known from this version on. */
  historyFrom = 0
  /** By rising version; only for a versioned record. */
  removals: OwnerRemoval[] | undefined
  /** Key texts removed from an unversioned record, with the Unix seconds of their removal. */
  removedAt: Map<string, number> | undefined

  #entries: CatalogEntry[] = []
  #stamps: number[] = []
  #positions: Map<string, number> | undefined

  constructor(nodeId: string) {
    this.node_id = nodeId
  }

  get size(): number {
    return this.#entries.length
  }

  entryAt(at: number): CatalogEntry {
    return this.#entries[at] as CatalogEntry
  }

  kindAt(at: number): CatalogKind {
    return CATALOG_KINDS[(this.#stamps[at] as number) & KIND_BITS] as CatalogKind
  }

  /** An entry that is kept for others but not offered here: a policy or another owner's claim is against it. */
  isHiddenAt(at: number): boolean {
    return ((this.#stamps[at] as number) & HIDDEN_BIT) !== 0
  }

  versionAt(at: number): number {
    return Math.floor((this.#stamps[at] as number) / VERSION_UNIT)
  }

  /** Position of the entry with this key; -1 = none. */
  find(kind: CatalogKind, key: CatalogKey | CatalogEntry): number {
    if (this.#positions !== undefined) return this.#positions.get(keyText(kind, key)) ?? -1
    const code = KIND_CODES[kind]
    for (let at = 0; at < this.#entries.length; at++) {
      if (((this.#stamps[at] as number) & KIND_BITS) === code && hasKey(kind, this.#entries[at] as CatalogEntry, key)) return at
    }
    return -1
  }

  /** Adds an entry whose key is not there. */
  append(kind: CatalogKind, entry: CatalogEntry, version: number, hidden: boolean): void {
    const at = this.#entries.length
    this.#entries.push(entry)
    this.#stamps.push(stampOf(kind, version, hidden))
    if (this.#positions !== undefined) this.#positions.set(keyText(kind, entry), at)
    else if (at >= SCANNED_MAX) this.#positions = new Map(this.#entries.map((known, i) => [keyText(this.kindAt(i), known), i]))
    this.#noteLifetime(entry)
  }

  /** Puts an entry in the place of one with the same key. */
  replaceAt(at: number, entry: CatalogEntry, version: number, hidden: boolean): void {
    this.#stamps[at] = stampOf(this.kindAt(at), version, hidden)
    this.#entries[at] = entry
    this.#noteLifetime(entry)
  }

  setHiddenAt(at: number, hidden: boolean): void {
    this.#stamps[at] = stampOf(this.kindAt(at), this.versionAt(at), hidden)
  }

  /** The last entry takes the place of the removed one: walk backwards when removing while walking. */
  removeAt(at: number): void {
    this.#positions?.delete(keyText(this.kindAt(at), this.entryAt(at)))
    const entry = this.#entries.pop() as CatalogEntry
    const stamp = this.#stamps.pop() as number
    if (at < this.#entries.length) {
      this.#entries[at] = entry
      this.#stamps[at] = stamp
      this.#positions?.set(keyText(this.kindAt(at), entry), at)
    }
  }

  /** Gives back the room arrays keep for growing. */
  compact(): void {
    this.#entries = this.#entries.slice()
    this.#stamps = this.#stamps.slice()
  }

  /** Works out the bounds on lifetimes again, which only widen otherwise. */
  measureLifetimes(): void {
    this.ttlMax = 0
    this.expiresFrom = Number.POSITIVE_INFINITY
    for (const entry of this.#entries) this.#noteLifetime(entry)
  }

  noteRemoval(kind: CatalogKind, key: CatalogKey, version: number): void {
    this.removals ??= []
    this.removals.push({ kind, key, version } as OwnerRemoval)
    if (this.removals.length > REMOVALS_REMEMBERED_MAX) {
      // They come grouped by kind, so the latest of those forgotten need not be the last.
      for (const gone of this.removals.splice(0, REMOVALS_REMEMBERED_MAX / 4)) this.historyFrom = Math.max(this.historyFrom, gone.version)
    }
  }

  forgetHistory(from: number): void {
    this.removals = undefined
    this.historyFrom = from
  }

  stamp(): OwnerStamp {
    return { node_id: this.node_id, epoch: this.epoch, version: this.version, beat: this.beat }
  }

  /** What somebody lacks who has the record as of `since`; undefined when that is nothing. */
  updateSince(since: { readonly epoch: number; readonly version: number } | undefined, ageMs: number): OwnerUpdate | undefined {
    const { node_id, cluster_id, instance_id, epoch, version, beat } = this
    const isContinued = since !== undefined && since.epoch === epoch && since.version >= this.historyFrom && since.version > 0
    if (since !== undefined && (since.epoch > epoch || (since.epoch === epoch && since.version >= version))) return undefined
    const from = isContinued ? since.version : 0
    const entries: OwnerChange[] = []
    for (let at = 0; at < this.#entries.length; at++) {
      const changed = this.versionAt(at)
      if (changed > from) entries.push({ kind: this.kindAt(at), version: changed, entry: this.entryAt(at) } as OwnerChange)
    }
    const removals = from === 0 ? [] : (this.removals ?? []).filter((removal) => removal.version > from)
    const update = { node_id, cluster_id, instance_id, epoch, version, beat, age_ms: Math.round(ageMs), since: from, entries, removals }
    return from === 0 ? { ...update, whole: version } : update
  }

  #noteLifetime({ advertised_at, ttl_seconds }: CatalogEntry): void {
    if (ttl_seconds > this.ttlMax) this.ttlMax = ttl_seconds
    if (advertised_at + ttl_seconds < this.expiresFrom) this.expiresFrom = advertised_at + ttl_seconds
  }
}

function stampOf(kind: CatalogKind, version: number, hidden: boolean): number {
  return version * VERSION_UNIT + (hidden ? HIDDEN_BIT : 0) + KIND_CODES[kind]
}

/** The version number of the `index`-th change of a batch that starts after `version`. */
export function versionOfChange(version: number, index: number): number {
  return version + 1 + Math.floor(index / CHANGES_PER_VERSION_MAX)
}

/**
 * Cuts an update into a row of updates that each fit and each stand on the one before: every piece ends at a version, so a receiver that
 * got only the first ones has an earlier state of the record and asks for the rest. A version that does not fit alone is not cut.
 *
 * @param sizeOf size of one change or removal in any unit
 * @param sizeMax of one piece, in that unit
 */
export function splitOwnerUpdate(
  update: OwnerUpdate,
  sizeOf: (change: OwnerChange | OwnerRemoval) => number,
  sizeMax: number,
): OwnerUpdate[] {
  const changes = [...update.entries, ...update.removals].sort((a, b) => a.version - b.version)
  const pieces: OwnerUpdate[] = []
  let since = update.since
  let entries: OwnerChange[] = []
  let removals: OwnerRemoval[] = []
  let size = 0
  for (let from = 0; from < changes.length; ) {
    const { version } = changes[from] as OwnerChange | OwnerRemoval
    let to = from
    let added = 0
    for (; to < changes.length && changes[to]?.version === version; to++) added += sizeOf(changes[to] as OwnerChange | OwnerRemoval)
    if (size > 0 && size + added > sizeMax) {
      const end = (changes[from - 1] as OwnerChange | OwnerRemoval).version
      pieces.push({ ...update, since, version: end, entries, removals })
      since = end
      entries = []
      removals = []
      size = 0
    }
    for (const change of changes.slice(from, to)) {
      if ('entry' in change) entries.push(change)
      else removals.push(change)
    }
    size += added
    from = to
  }
  pieces.push({ ...update, since, entries, removals })
  return pieces
}
