/**
 * The timeline of a call, from what everybody on its way reported.
 *
 * Each node times its own work by its own clock, and clocks of two nodes are never subtracted. What is known for certain is how long each took, from
 * the request's arrival to the answer's departure; the difference between one and the next is what the network between them took, both ways
 * together. Where on a common axis a node's work began follows only if the way there took as long as the way back: such an offset is an estimate.
 */
import type { TraceHop } from '../client/index.ts'

export interface TimelineRow {
  /** Nodes passed up to here. */
  readonly hop: number
  readonly node: string
  /** `no report` for a node that was passed and told nothing. */
  readonly event: string
  readonly subject: string | null
  /** After the client's call. Null: not known. */
  readonly offset_ms: number | null
  readonly offset_estimated: boolean
  /** By the clock of `node`; for what is passed on, until the answer has passed back. Null: not known. */
  readonly took_ms: number | null
  /** Between this node and the last one that reported, there and back. Null: none, or not known. */
  readonly network_ms: number | null
  readonly error: string | null
  readonly attributes: Readonly<Record<string, unknown>>
}

export function timelineOf(call: TraceHop): TimelineRow[] {
  return withinNode(call, 0, 0, false)
}

/** A piece of work and everything in it. */
function withinNode(
  hop: TraceHop,
  depth: number,
  offsetMs: number | null,
  isEstimated: boolean,
  networkMs: number | null = null,
): TimelineRow[] {
  const { at, attributes, error, event, hops, node, subject, took_ms } = hop
  const own = { hop: depth, node, event, subject, offset_ms: rounded(offsetMs), offset_estimated: isEstimated, took_ms, error, attributes }
  const rows: TimelineRow[] = [{ ...own, network_ms: rounded(networkMs) }]
  if (event === 'call') return [...rows, ...onTheWay(hop, depth, offsetMs, isEstimated)]
  for (const part of hops) {
    // The same clock.
    const start = offsetMs === null ? null : offsetMs + (part.at - at) * 1000
    rows.push(...withinNode(part, depth, start, isEstimated))
  }
  return rows
}

/** Who was on the way of a call, in order. */
interface Station {
  readonly node: string
  /** What it reported first; undefined: it reported nothing. */
  readonly work: TraceHop | undefined
  /** From the arrival of the request to the departure of the answer; undefined: not known. */
  readonly elapsedMs: number | undefined
}

function stationsOf({ attributes, hops, node: caller }: TraceHop): Station[] {
  const reported = new Map<string, Station>()
  for (const hop of hops) {
    if (hop.node === caller) continue
    const before = reported.get(hop.node)
    if (hop.event === 'return') {
      if (before?.work !== undefined) reported.set(hop.node, { ...before, elapsedMs: (hop.at - before.work.at) * 1000 })
    } else if (before === undefined) {
      const isLast = hop.event !== 'forward'
      reported.set(hop.node, { node: hop.node, work: hop, elapsedMs: isLast ? hop.took_ms : undefined })
    }
  }
  const silent = (node: string): Station => ({ node, work: undefined, elapsedMs: undefined })
  const path = textList(attributes['mpreg.path']).filter((node) => node !== caller)
  const passed = path.length > 0 ? path : [...reported.keys()]
  const target = attributes['mpreg.target_node']
  if (passed.length === 0 && typeof target === 'string') return [silent(target)]
  return passed.map((node) => reported.get(node) ?? silent(node))
}

function onTheWay(call: TraceHop, depth: number, offsetMs: number | null, isEstimated: boolean): TimelineRow[] {
  // Before it could be sent.
  const dials = call.hops.filter(({ event, node }) => node === call.node && event === 'dial')
  const rows = dials.flatMap((dial) =>
    withinNode(dial, depth, offsetMs === null ? null : offsetMs + (dial.at - call.at) * 1000, isEstimated),
  )
  const waitedMs = dials.reduce((sum, dial) => sum + dial.took_ms, 0)
  let before: { readonly offsetMs: number | null; readonly elapsedMs: number } = {
    offsetMs: offsetMs === null ? null : offsetMs + waitedMs,
    elapsedMs: call.took_ms - waitedMs,
  }
  for (const [index, { elapsedMs, node, work }] of stationsOf(call).entries()) {
    const hop = depth + index + 1
    if (work === undefined) {
      const nothing = { offset_ms: null, offset_estimated: false, took_ms: null, network_ms: null, error: null, attributes: {} }
      rows.push({ hop, node, event: 'no report', subject: null, ...nothing })
      continue
    }
    const between = elapsedMs === undefined ? null : before.elapsedMs - elapsedMs
    const start = between === null || before.offsetMs === null ? null : before.offsetMs + between / 2
    const shown = elapsedMs === undefined ? work : { ...work, took_ms: rounded(elapsedMs) as number }
    rows.push(...withinNode(shown, hop, start, true, between))
    if (elapsedMs !== undefined) before = { offsetMs: start, elapsedMs }
  }
  return rows
}

function textList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

/** To microseconds. */
function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1000
}
