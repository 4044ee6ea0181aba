/** The links to other nodes, as far as calls need them. */
import type { OutboundFrame } from '../wire/index.ts'

export interface ForwarderLinks {
  isConnected(nodeId: string): boolean
  send(nodeId: string, frame: OutboundFrame): boolean
  has(nodeId: string, extension: 'roles/1' | 'bundles/1'): boolean
  /** Bytes a frame towards the node should stay below. */
  frameBytesMax(nodeId: string): number
}
