/** What becomes of something the catalog is told: where it came from, what was taken, and why the rest was not. */
import type { CatalogDelta } from '../../wire/index.ts'
import type { CatalogCounts } from './delta.ts'
import type { CatalogEntry, CatalogKey, CatalogKind } from './kinds.ts'
import type { PolicyRefusal } from './policy.ts'

/** Where a change comes from; `from` is the peer at the other end of the link, whoever said it first. */
export type ChangeSource =
  | { readonly kind: 'local' }
  | { readonly kind: 'gossip'; readonly from: string }
  | { readonly kind: 'sync'; readonly from: string }
  | { readonly kind: 'departure' }
  | { readonly kind: 'expiry' }
  | { readonly kind: 'restore' }
  /** What may be in the catalog changed. */
  | { readonly kind: 'policy' }

/** Why an entry, a removal or a whole record was not taken. */
export type CatalogRefusal =
  | PolicyRefusal
  /** It speaks for this node, and this node did not say it. */
  | 'own_node'
  /** The node versions what it offers; others' word about it does not count. */
  | 'versioned_owner'
  /** An entry in another node's record. */
  | 'foreign_owner'
  /** A subscription of another cluster or, being older, of another node. */
  | 'subscription_taken'
  /** A removal of a subscription by a cluster that does not hold it. */
  | 'foreign_cluster'
  /** Name or id of the function belong to another function. */
  | 'function_conflict'
  /** Announced before what is known. */
  | 'older'
  /** Announced when what is known was. */
  | 'known'
  | 'expired'
  /** Announced before the node departed, its lease ended, or the entry was removed. */
  | 'departed'
  | 'removed'
  /** An older epoch or version of a record. */
  | 'stale'
  /** Changes of a record that start from a version which is not the one held. */
  | 'gap'
  /** Somebody held a later record of this node than this node itself; its epoch was raised. */
  | 'refuted'
  | 'owner_entries_max'
  | 'entries_max'
  | 'owners_max'

export interface Refused {
  readonly reason: CatalogRefusal
  readonly kind: CatalogKind | 'owner'
  /** Entry, removal key or node id. */
  readonly subject: CatalogEntry | CatalogKey
}

export interface Applied {
  readonly counts: CatalogCounts
  /** Whether anything was added, removed or refreshed, or a record's version rose. */
  readonly changed: boolean
  /** What was left after policy, ownership and age were checked; with additions that tell nothing new. */
  readonly delta: CatalogDelta
  /** The first of them; all are counted. */
  readonly refused: readonly Refused[]
}
