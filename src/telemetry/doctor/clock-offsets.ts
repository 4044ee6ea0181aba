/**
 * Whose clock is off, by what several nodes say of their own clock and of those they are linked to.
 *
 * No clock is right by itself: what most agree on is the time (the median, as NTP's selection does), and a clock far from it is off. Clocks
 * read one after another differ by the time that took, so this tells seconds, not milliseconds.
 */
import type { NodeFacts } from './node-facts.ts'

export interface ClockOffset {
  readonly node_id: string
  /** Its clock minus that of the others. */
  readonly seconds: number
  /** Clocks it was compared with; with one alone nobody can tell which of the two is wrong. */
  readonly compared: number
  /** Who says so, in words. */
  readonly evidence: readonly string[]
}

/** Of every node whose clock is known. @param observedAt Unix seconds by the clock of whoever asks */
export function clockOffsets(nodes: readonly NodeFacts[], observedAt?: number): ClockOffset[] {
  const [reference] = nodes
  if (reference === undefined) return []
  /** Clock minus the reference's, as each who knows says. */
  const claims = new Map<string, { seconds: number; line: string }[]>()
  const claim = (nodeId: string, seconds: number, line: string): void => {
    const known = claims.get(nodeId)
    if (known === undefined) claims.set(nodeId, [{ seconds, line }])
    else known.push({ seconds, line })
  }
  for (const { node_id, wall_clock } of nodes) {
    claim(node_id, wall_clock - reference.wall_clock, `${node_id}: its own clock says ${new Date(wall_clock * 1000).toISOString()}`)
  }
  const told = new Set(nodes.map(({ node_id }) => node_id))
  for (const { node_id: by, peers, wall_clock } of nodes) {
    for (const { clock_offset_seconds: offset, node_id } of peers) {
      if (offset === null) continue
      const line = `${by}: measures ${signed(offset)} s`
      // Of a node that answered, its own word is the best there is; others' are shown with it.
      if (told.has(node_id)) claims.get(node_id)?.push({ seconds: wall_clock - reference.wall_clock + offset, line })
      else claim(node_id, wall_clock - reference.wall_clock + offset, line)
    }
  }
  const clocks = [...claims].map(([node_id, said]) => ({
    node_id,
    seconds: told.has(node_id) ? (said[0]?.seconds ?? 0) : median(said.map(({ seconds }) => seconds)),
    lines: said.map(({ line }) => line),
  }))
  const opinions = clocks.map(({ seconds }) => seconds)
  if (observedAt !== undefined) opinions.push(observedAt - reference.wall_clock)
  const time = median(opinions)
  return clocks.map(({ lines, node_id, seconds }) => ({
    node_id,
    seconds: seconds - time,
    compared: opinions.length - 1,
    evidence: lines,
  }))
}

/** The middle one; of an even number the lower of the two, so that it is some clock's and not between two. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? 0
}

function signed(seconds: number): string {
  return `${seconds >= 0 ? '+' : ''}${seconds.toFixed(1)}`
}
