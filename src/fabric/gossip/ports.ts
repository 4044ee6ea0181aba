/** What gossip needs of the node around it. */
import type { OutboundObject } from '../../transport/index.ts'
import type { CatalogDelta, CatalogSnapshot, GossipMessage, GossipType, NodeEntry } from '../../wire/index.ts'
import type { CatalogCounts } from '../catalog/delta.ts'
import type { AnyEntry } from '../catalog/kinds.ts'

/** The links to other nodes. */
export interface GossipLinks {
  /** Node ids with an open link, sorted. */
  connected(): readonly string[]
  /** Those of them that announced the extension. */
  connectedWith(extension: 'sync/1'): readonly string[]
  isConnected(nodeId: string): boolean
  /** False when the frame did not leave; never throws. */
  send(nodeId: string, frame: OutboundObject): boolean
  has(nodeId: string, extension: 'sync/1'): boolean
  frameBytesMax(nodeId: string): number
  roundTripMs(nodeId: string): number | undefined
}

/** Where a change of the catalog came from. */
export type GossipChangeSource =
  | { readonly kind: 'gossip'; readonly from: string }
  | { readonly kind: 'local' | 'departure' | 'expiry' | 'restore' | 'policy' }
  | { readonly kind: 'sync'; readonly from: string }

/** The part of the catalog that gossip feeds and tells. */
export interface GossipCatalog {
  applyDelta(delta: CatalogDelta, now: number, source: { readonly kind: 'gossip'; readonly from: string }): { readonly changed: boolean }
  /** Whether the entries of this node spread as versioned records. */
  isVersioned(nodeId: string): boolean
  /** Milliseconds since the node last gave a sign of life; undefined when it has no versioned record. */
  beatAgeMs(nodeId: string): number | undefined
  node(nodeId: string): NodeEntry | undefined
  snapshotDocument(now: number): CatalogSnapshot
  /** All live entries, as their owners announced them. */
  each(visit: (entry: AnyEntry) => void, isWanted?: (nodeId: string) => boolean): void
  observe(
    observer: (change: { readonly delta: CatalogDelta; readonly counts: CatalogCounts; readonly source: GossipChangeSource }) => void,
  ): () => void
}

/** Lines for the diagnosis of a live fabric; nothing is printed while the channel is off. */
export interface GossipDiagnostics {
  enabled(channel: 'gossip_sched' | 'catalog_snapshot'): boolean
  line(channel: 'gossip_sched' | 'catalog_snapshot', text: string): void
}

/** Told of every new message of a type. `from` is the peer whose link brought it, which need not be its creator. */
/** `keep`: the message ends here; else it is passed on. */
export type GossipHandler<T extends GossipType = GossipType> = (
  message: Extract<GossipMessage, { message_type: T }>,
  from: string,
) => 'keep' | undefined
