/** How many dials run at once, how many a round may make, and when the next round comes. */
import { dialPressure, type Mesh } from './mesh-size.ts'

export interface Parallelism {
  /** What pressure allows. */
  readonly cap: number
  readonly dials: number
}

/** Dials at once. Pressure lowers it, since each dial costs the whole fabric something; a node almost without links dials nevertheless. */
export function dialParallelism(mesh: Mesh): Parallelism {
  const { targets: n, connectedRatio: c } = mesh
  const cap = parallelismCap(dialPressure(mesh))
  return { cap, dials: Math.max(1, Math.min(cap, Math.floor(Math.sqrt(n))), recoveryFloor(n, c)) }
}

function parallelismCap(pressure: number): number {
  if (pressure >= 1.2) return 1
  if (pressure >= 0.8) return 2
  return pressure >= 0.4 ? 3 : 4
}

function recoveryFloor(n: number, c: number): number {
  if (n >= 24 && c < 0.2) return 3
  if (n >= 20 && c < 0.15) return n >= 36 ? 3 : 2
  return 1
}

export interface BudgetFacts {
  readonly parallelism: number
  /** Candidates that may be dialed now. */
  readonly due: number
  /** Links missing to the wanted number. */
  readonly missing: number
}

/** Dials a round may make: one to two batches, never more than there are links missing. */
export function dialBudget(mesh: Mesh, { parallelism, due, missing }: BudgetFacts): number {
  const pressure = dialPressure(mesh)
  const strained = Math.min(pressure, 1)
  const relaxed = parallelism + Math.floor(parallelism * (1 - strained))
  let budget = Math.min(relaxed, Math.max(due, parallelism))
  if (mesh.connectedRatio < 0.35 && pressure > 0.5) {
    budget = Math.max(budget, parallelism + Math.max(1, Math.floor(parallelism * strained)))
  }
  return Math.max(0, Math.min(budget, missing))
}

/**
 * Pause between two rounds, s.
 * @param candidates how many there really are: 0 makes a difference
 */
export function reconcileIntervalSeconds(candidates: number, connectedRatio: number, gossipIntervalSeconds: number): number {
  const g = gossipIntervalSeconds
  if (candidates === 0) return Math.max(g, 0.2)
  const pressure = dialPressure({ targets: candidates, connectedRatio })
  const calm = Math.max(Math.min(0.75, 0.2 + candidates / 200), g / Math.max(Math.sqrt(candidates), 1))
  return Math.min(Math.max(4 * g, 1.5), calm * (1 + 1.25 * Math.min(pressure, 2)))
}
