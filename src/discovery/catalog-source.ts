/** Where queries read: the catalog of the fabric, or a resolver's own. */
import type { CatalogEntry, CatalogKind, EntryOfKind } from '../fabric/index.ts'
import type { NodeEntry } from '../wire/index.ts'

export interface CatalogSource {
  /** Whether the node answering belongs to the answer even where its entries are not listed (yet). A resolver tells what it followed only. */
  readonly includesSelf: boolean
  /** Live entries of a kind, in no particular order. */
  list<K extends CatalogKind>(kind: K): readonly EntryOfKind[K][]
  node(nodeId: string): NodeEntry | undefined
  /** An entry as others are told of it: stamped with the latest sign of life of its node. */
  announced<E extends CatalogEntry>(entry: E): E
}
