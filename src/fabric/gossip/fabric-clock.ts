/**
 * The vector clock of this node: the greatest counter heard of every node, for a bounded number of nodes.
 *
 * Every message carries it, so the counters of nodes that are gone are forgotten, and nodes beyond the limit are not taken up.
 */
import { emptyClock, incrementClock, mergeClocks, type VectorClock } from '../../base/index.ts'
import { CLOCK_ENTRIES_MAX } from './constants.ts'

export interface FabricClock {
  readonly current: VectorClock
  merge(clock: VectorClock): void
  increment(): void
  forget(nodeId: string): void
  /** Forgets every node for which `isKnown` is false; this node stays. */
  prune(isKnown: (nodeId: string) => boolean): void
}

export function createFabricClock(self: string, entriesMax = CLOCK_ENTRIES_MAX): FabricClock {
  let current = emptyClock

  function keep(wanted: (nodeId: string) => boolean): void {
    const entries = Object.entries(current)
    const kept = entries.filter(([nodeId]) => nodeId === self || wanted(nodeId))
    if (kept.length < entries.length) current = Object.fromEntries(kept)
  }

  return {
    get current() {
      return current
    },
    merge(clock) {
      const merged = mergeClocks(current, clock)
      if (merged === current) return
      const known = current
      current = merged
      if (Object.keys(merged).length <= entriesMax) return
      let room = entriesMax - Object.keys(known).length
      keep((nodeId) => Object.hasOwn(known, nodeId) || room-- > 0)
    },
    increment() {
      current = incrementClock(current, self)
    },
    forget: (nodeId) => keep((known) => known !== nodeId),
    prune: keep,
  }
}
