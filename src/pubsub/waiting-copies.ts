/**
 * Copies for nodes without a link, while one is made: the first message to such a node costs a dial, the following ones find the link.
 *
 * One promise per node, not per message. What does not fit in goes another way at once.
 */

/** Copies that wait at once, for one node and for all. */
const PER_NODE_MAX = 256
const TOTAL_MAX = 4_096

export interface WaitingCopiesDeps<C> {
  /** Makes a link to the node; false: there is none to be had now. Never rejects. */
  connect(nodeId: string): Promise<boolean>
  /** Takes the copies back in the order they came. */
  release(nodeId: string, copies: readonly C[], isLinked: boolean): void
}

export interface WaitingCopies<C> {
  /** Whether copies for the node wait: then later ones must, to stay behind them. */
  has(nodeId: string): boolean
  hasRoom(nodeId: string): boolean
  /** Only where {@link hasRoom}. */
  add(nodeId: string, copy: C): void
  readonly size: number
}

export function createWaitingCopies<C>({ connect, release }: WaitingCopiesDeps<C>): WaitingCopies<C> {
  const waiting = new Map<string, C[]>()
  let size = 0

  return {
    has: (nodeId) => waiting.has(nodeId),
    hasRoom: (nodeId) => size < TOTAL_MAX && (waiting.get(nodeId)?.length ?? 0) < PER_NODE_MAX,
    add(nodeId, copy) {
      size++
      const started = waiting.get(nodeId)
      if (started !== undefined) {
        started.push(copy)
        return
      }
      const copies = [copy]
      waiting.set(nodeId, copies)
      void connect(nodeId).then((isLinked) => {
        waiting.delete(nodeId)
        size -= copies.length
        release(nodeId, copies, isLinked)
      })
    },
    get size() {
      return size
    },
  }
}
