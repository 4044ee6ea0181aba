/**
 * How many links a node wants. Few candidates: all of them. Many: about the square root of their number, and more for as long as links or
 * knowledge of the fabric are missing, so that a young fabric grows together quickly and a settled one stays sparse.
 */
import { FULL_MESH_CANDIDATES_MAX } from './constants.ts'

/** Where a node stands among the candidates for its links. */
export interface Mesh {
  /** Candidates, at least 1. */
  readonly targets: number
  /** Share of the candidates that is linked, 0 to 1. */
  readonly connectedRatio: number
}

/** `part` of `whole` as a share from 0 to 1; `whole` counts as at least 1. */
export function share(part: number, whole: number): number {
  return Math.min(1, Math.max(0, part / Math.max(1, whole)))
}

/**
 * How much of the fabric this node knows, 0 to 1: the lesser of the share of candidates in the directory and the share that owns functions
 * in the catalog. Both count candidates only: foreign and stale nodes would hide a gap.
 */
export function discoveryRatio(targets: number, inDirectory: number, owningFunctions: number): number {
  return Math.min(share(inDirectory, targets), share(owningFunctions, targets))
}

/** How strained dialing is: grows with the number of candidates and the share of them without a link. 0 up to 4 candidates. */
export function dialPressure({ targets, connectedRatio }: Mesh): number {
  return ((1 - connectedRatio) * Math.max(Math.sqrt(targets) - 2, 0)) / 2
}

/** Links wanted. */
export function desiredConnections({ targets: n, connectedRatio: c }: Mesh, discovery: number): number {
  if (n <= FULL_MESH_CANDIDATES_MAX) return n
  const root = Math.floor(Math.sqrt(n))
  if (discovery >= 0.9) {
    const settled = Math.max(6, root + 2)
    return Math.min(n, c < 0.3 ? settled + 1 : settled)
  }
  return Math.min(n, Math.max(6, root + 4) + Math.max(deficitBonus(n, c), discoveryBonus(n, discovery)))
}

function deficitBonus(n: number, c: number): number {
  if (c < 0.3) return Math.max(6, Math.floor(Math.sqrt(n)))
  if (c < 0.5) return Math.max(4, Math.floor(n ** 0.4))
  return c < 0.7 ? 2 : 0
}

function discoveryBonus(n: number, discovery: number): number {
  if (n < 24) return 0
  if (discovery < 0.5) return Math.floor(n * 0.35)
  if (discovery < 0.7) return Math.floor(n * 0.25)
  if (discovery < 0.85) return Math.floor(n * 0.15)
  return discovery < 0.95 ? Math.floor(n * 0.08) : 0
}

/** Links beyond the wanted number that a node may try while it knows too little of the fabric: its links may all lead into one corner. */
export function explorationSlots({ targets: n, connectedRatio: c }: Mesh, discovery: number): number {
  if (n < FULL_MESH_CANDIDATES_MAX || discovery >= 0.95) return 0
  const root = Math.floor(Math.sqrt(n))
  if (c < 0.3) return Math.max(2, root)
  return Math.max(c < 0.5 ? 2 : 1, Math.floor(root / 2))
}
