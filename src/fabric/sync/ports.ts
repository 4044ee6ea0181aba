/** What the synchronisation of records needs of the node around it. */
import type { OutboundObject } from '../../transport/index.ts'
import type { CatalogChange, StampVerdict } from '../catalog/catalog.ts'
import type { Applied } from '../catalog/changes.ts'
import type { OwnerStamp, OwnerUpdate } from '../catalog/owner-record.ts'

/** The links to other nodes. */
export interface SyncLinks {
  /** Node ids with an open link that announced the extension, sorted; never this node's own. */
  connectedWith(extension: 'sync/1'): readonly string[]
  isConnected(nodeId: string): boolean
  /** False when the frame did not leave; never throws. */
  send(nodeId: string, frame: OutboundObject): boolean
  has(nodeId: string, extension: 'sync/1'): boolean
  frameBytesMax(nodeId: string): number
  clusterOf(nodeId: string): string | undefined
}

/** The records of the catalog. */
export interface SyncCatalog {
  /** Shows all stamps; one is good for the time of the visit only. */
  eachStamp(visit: (stamp: OwnerStamp) => void): void
  ownerStamp(nodeId: string): OwnerStamp | undefined
  /** The own record. */
  readonly local: { readonly epoch: number }
  ownerState(nodeId: string, since: { readonly epoch: number; readonly version: number } | undefined): OwnerUpdate | undefined
  /** What a stamp means here; one of this node that it did not write makes it raise its epoch. */
  judge(stamp: OwnerStamp, ageMs: number): StampVerdict
  /** What is held here (or ended here) of the owner of a stamp, to answer whoever holds another. */
  counterStamp(stamp: OwnerStamp): OwnerStamp | undefined
  applyOwner(update: OwnerUpdate, source: { readonly kind: 'sync'; readonly from: string }): Pick<Applied, 'refused'>
  heardBeat(nodeId: string, epoch: number, beat: number, ageMs: number): boolean
  beatAgeMs(nodeId: string): number | undefined
  observe(observer: (change: Pick<CatalogChange, 'source'>) => void): () => void
}
