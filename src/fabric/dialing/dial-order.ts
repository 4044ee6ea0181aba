/**
 * Whom to dial first. Configured peers come before others and strangers before old acquaintances; among equals each node has an order of its
 * own, or else all nodes of a fabric would knock at the same door at once.
 */
import { blake2s } from '../../base/index.ts'
import { compareCodePoints } from '../../wire/index.ts'

export interface DialRank {
  readonly nodeId: string
  readonly seed: boolean
  readonly everReached: boolean
  /** Failed dials in a row. */
  readonly failures: number
  /** Monotonic ms; -Infinity: never. */
  readonly lastAttemptMs: number
  /** Of {@link peerSpread}. */
  readonly spread: number
}

/** Orders due candidates, first the one to dial first. */
export function byDialPriority(connectedRatio: number): (a: DialRank, b: DialRank) => number {
  const newcomersFirst = connectedRatio < 0.7
  return (a, b) =>
    standing(a) - standing(b) ||
    (newcomersFirst ? Number(a.everReached) - Number(b.everReached) : 0) ||
    a.failures - b.failures ||
    order(a.lastAttemptMs, b.lastAttemptMs) ||
    a.spread - b.spread ||
    compareCodePoints(a.nodeId, b.nodeId)
}

function standing({ seed, everReached }: DialRank): number {
  if (!seed) return 2
  return everReached ? 1 : 0
}

/** Not a difference: infinities have none. */
function order(a: number, b: number): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** Where a peer stands among equals in the eyes of this node, 0 to 1: a BLAKE2s hash of both ids. */
export function peerSpread(localNodeId: string, peerNodeId: string): number {
  const digest = blake2s(new TextEncoder().encode(`${localNodeId}|${peerNodeId}`), 8)
  return Number(new DataView(digest.buffer, digest.byteOffset, 8).getBigUint64(0)) / (2 ** 64 - 1)
}
