/** News that waits to be told: of which records, and which peers need not hear it because they told it, or have it by now. */
import { RUMORS_MAX } from './constants.ts'

export interface Rumors {
  readonly size: number
  readonly hasUrgent: boolean
  /** @param isUrgent content changed, not only a beat */
  note(nodeId: string, knownTo: string | undefined, isUrgent: boolean): void
  /** A peer turned out to have it; nothing happens when the record is not waiting. */
  knownTo(nodeId: string, peer: string): void
  /** All that waits, with the peers that know; nothing waits afterwards. */
  take(): Map<string, ReadonlySet<string>>
  clear(): void
}

export function createRumors(): Rumors {
  let waiting = new Map<string, Set<string>>()
  let hasUrgent = false

  return {
    get size() {
      return waiting.size
    },
    get hasUrgent() {
      return hasUrgent
    },
    note(nodeId, peer, isUrgent) {
      // Newer than what was waiting: whoever had that does not have this.
      const knownTo = new Set(peer === undefined ? [] : [peer])
      if (!waiting.has(nodeId) && waiting.size >= RUMORS_MAX) return
      waiting.set(nodeId, knownTo)
      hasUrgent ||= isUrgent
    },
    knownTo: (nodeId, peer) => void waiting.get(nodeId)?.add(peer),
    take() {
      const taken = waiting
      waiting = new Map()
      hasUrgent = false
      return taken
    },
    clear() {
      waiting = new Map()
      hasUrgent = false
    },
  }
}
