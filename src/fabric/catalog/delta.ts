/** Deltas in the making, and the counts that tell what applying one did. */
import type { CatalogDelta } from '../../wire/index.ts'
import { CATALOG_KINDS, type CatalogEntry, type CatalogKey, type CatalogKind, REMOVALS_OF } from './kinds.ts'

/** Entries of each kind that were added (or took the place of an older announcement) and removed. */
export type CatalogCounts = { [K in `${CatalogKind}_added` | `${CatalogKind}_removed`]: number }

const NO_COUNTS = Object.fromEntries(
  CATALOG_KINDS.flatMap((kind) => [
    [`${kind}_added`, 0],
    [`${kind}_removed`, 0],
  ]),
) as CatalogCounts

export function emptyCounts(): CatalogCounts {
  return { ...NO_COUNTS }
}

export function isAnyCounted(counts: CatalogCounts): boolean {
  for (const kind of CATALOG_KINDS) if (counts[`${kind}_added`] > 0 || counts[`${kind}_removed`] > 0) return true
  return false
}

export interface DeltaHeader {
  readonly update_id: string
  readonly cluster_id: string
  /** Unix seconds. */
  readonly sent_at: number
}

/** A delta that grows; removals of it are meant to be done before its additions. */
export interface DeltaDraft {
  readonly isEmpty: boolean
  add(kind: CatalogKind, entry: CatalogEntry): void
  remove(kind: CatalogKind, key: CatalogKey): void
  /** The draft must not be touched afterwards. */
  finish(header: DeltaHeader): CatalogDelta
}

const NONE: readonly never[] = Object.freeze([])
const NO_LISTS = Object.fromEntries(
  CATALOG_KINDS.flatMap((kind) => [
    [kind, NONE],
    [REMOVALS_OF[kind], NONE],
  ]),
)

export function draftDelta(): DeltaDraft {
  const lists: Record<string, unknown[]> = {}
  let isEmpty = true
  const append = (list: string, item: unknown): void => {
    isEmpty = false
    const items = lists[list]
    if (items === undefined) lists[list] = [item]
    else items.push(item)
  }
  return {
    get isEmpty() {
      return isEmpty
    },
    add: (kind, entry) => append(kind, entry),
    remove: (kind, key) => append(REMOVALS_OF[kind], key),
    finish: ({ update_id, cluster_id, sent_at }) => ({ update_id, cluster_id, sent_at, ...NO_LISTS, ...lists }) as unknown as CatalogDelta,
  }
}

/** Number of additions and removals in a delta. */
export function deltaSize(delta: CatalogDelta): number {
  let size = 0
  for (const kind of CATALOG_KINDS) size += delta[kind].length + delta[REMOVALS_OF[kind]].length
  return size
}
