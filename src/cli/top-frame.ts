/** One picture of `mpreg top`: pure text of given size, so that it can be looked at in a test. */
import type { NodeFacts } from '../telemetry/index.ts'
import { at, numberAt, objectAt, textAt } from './json-value.ts'
import { printable } from './table.ts'

export interface TopNode {
  readonly facts: NodeFacts
  /** The body of /metrics/unified; null when the node did not give it. */
  readonly unified: unknown
  /** The body of /health/summary; null when the node did not give it. */
  readonly health: unknown
}

export interface TopView {
  /** Unix seconds. */
  readonly takenAt: number
  readonly nodes: readonly TopNode[]
  /** What to call the nodes that did not answer. */
  readonly unreachable: readonly string[]
  /** How many nodes are known whose monitoring service is not. */
  readonly unmonitored: number
}

export interface FrameSize {
  /** Infinity: nothing is cut, and columns are as wide as what stands in them. */
  readonly width: number
  readonly height: number
}

/** Puts a colour around a text that has its final width. */
export type Paint = (style: 'title' | 'good' | 'bad' | 'dim', text: string) => string

const ABSENT = '-'
const NODE_WIDTH_MIN = 12

interface Column {
  readonly head: string
  readonly width: number
  value(node: TopNode): string
}

const columns: readonly Column[] = [
  { head: 'CLUSTER', width: 12, value: ({ facts }) => facts.cluster_id ?? ABSENT },
  { head: 'HEALTH', width: 11, value: ({ health }) => textAt(health, 'health_summary', 'overall', 'status') ?? ABSENT },
  { head: 'RPC/s', width: 8, value: ({ unified }) => fixed(metric(unified, 'rpc', 'requests_per_second'), 1) },
  { head: 'p95 ms', width: 8, value: ({ unified }) => fixed(metric(unified, 'rpc', 'p95_latency_ms'), 1) },
  { head: 'ERR %', width: 7, value: ({ unified }) => fixed(metric(unified, 'rpc', 'error_rate_percent'), 1) },
  { head: 'PUB/s', width: 8, value: ({ unified }) => fixed(metric(unified, 'pubsub', 'requests_per_second'), 1) },
  { head: 'PEERS', width: 7, value: peersText },
  { head: 'ROUTES', width: 7, value: ({ facts }) => whole(numberAt(facts.routes, 'routes_active')) },
  { head: 'LOOP ms', width: 8, value: ({ facts }) => fixed(numberAt(facts.process, 'loop_delay_p99_ms'), 1) },
  { head: 'CPU %', width: 7, value: ({ facts }) => fixed(numberAt(facts.process, 'cpu_percent'), 0) },
  { head: 'RSS MB', width: 7, value: ({ facts }) => fixed(megabytes(numberAt(facts.process, 'rss_bytes')), 0) },
]

/** Lines no longer than `width`, and no more than `height` of them; what does not fit is counted. */
export function topFrame(view: TopView, { height, width }: FrameSize, paint: Paint = (_style, text) => text): string[] {
  const isCut = Number.isFinite(width)
  const fit = isCut ? columnsThatFit(width) : columns.map((column) => wideEnough(column, view.nodes))
  const nodeWidth = isCut
    ? Math.max(NODE_WIDTH_MIN, width - fit.reduce((sum, column) => sum + column.width + 1, 0))
    : longest(NODE_WIDTH_MIN, view.nodes, ({ facts }) => facts.node_id)
  const header = cut(['NODE'.padEnd(nodeWidth), ...fit.map(({ head, width }) => head.padStart(width))].join(' '), width)
  const lines = [paint('title', cut(headline(view), width)), cut(totals(view), width), '', paint('dim', header)]
  const problems = view.unreachable.map((name) => paint('bad', cut(`${name}  does not answer`, width)))
  const rows = [...problems, ...view.nodes.map((node) => row(node, fit, nodeWidth, width, paint))]
  const space = height - lines.length
  if (rows.length <= space) return [...lines, ...rows]
  const shown = Math.max(0, space - 1)
  return [...lines, ...rows.slice(0, shown), paint('dim', cut(`… and ${rows.length - shown} more`, width))].slice(0, height)
}

function row(node: TopNode, fit: readonly Column[], nodeWidth: number, width: number, paint: Paint): string {
  const name = printable(node.facts.node_id)
  const cells = fit.map((column) => cut(printable(column.value(node)), column.width).padStart(column.width))
  const text = cut([cutInFront(name, nodeWidth).padEnd(nodeWidth), ...cells].join(' '), width)
  const status = textAt(node.health, 'health_summary', 'overall', 'status')
  if (status === undefined) return paint('dim', text)
  return status === 'healthy' ? text : paint('bad', text)
}

function headline({ nodes, takenAt, unmonitored, unreachable }: TopView): string {
  const time = new Date(takenAt * 1000).toTimeString().slice(0, 8)
  const clusters = new Set(nodes.map(({ facts }) => facts.cluster_id)).size
  const missing = [
    ...(unreachable.length > 0 ? [`not answering ${unreachable.length}`] : []),
    ...(unmonitored > 0 ? [`without known monitoring ${unmonitored}`] : []),
  ]
  return `mpreg top  ${time}  nodes ${nodes.length}  clusters ${clusters}${missing.length > 0 ? `  ${missing.join('  ')}` : ''}`
}

/** Sums over the nodes, and the worst of what can not be summed. Nodes without a figure are left out of it. */
function totals({ nodes }: TopView): string {
  const of = (system: string, field: string) =>
    nodes.map(({ unified }) => metric(unified, system, field)).filter((value) => value !== undefined)
  const sum = (values: readonly number[]) => (values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0))
  const worst = (values: readonly number[]) => (values.length === 0 ? undefined : Math.max(...values))
  const delays = nodes.map(({ facts }) => numberAt(facts.process, 'loop_delay_p99_ms')).filter((value) => value !== undefined)
  return [
    `rpc ${fixed(sum(of('rpc', 'requests_per_second')), 1)}/s`,
    `pub/sub ${fixed(sum(of('pubsub', 'requests_per_second')), 1)}/s`,
    `worst p95 ${fixed(worst(of('rpc', 'p95_latency_ms')), 1)} ms`,
    `worst errors ${fixed(worst(of('rpc', 'error_rate_percent')), 1)} %`,
    `worst loop delay ${fixed(worst(delays), 1)} ms`,
  ].join('   ')
}

/** From the left, as many as leave room for the node's name. */
function columnsThatFit(width: number): readonly Column[] {
  let used = NODE_WIDTH_MIN
  return columns.filter((column) => {
    used += column.width + 1
    return used <= width
  })
}

function wideEnough(column: Column, nodes: readonly TopNode[]): Column {
  return { ...column, width: longest(column.width, nodes, column.value) }
}

/** Characters of the longest text. */
function longest(atLeast: number, nodes: readonly TopNode[], textOf: (node: TopNode) => string): number {
  return nodes.reduce((most, node) => Math.max(most, printable(textOf(node)).length), atLeast)
}

function peersText({ facts }: TopNode): string {
  const present = facts.peers.filter(({ departed }) => !departed)
  return `${present.filter(({ linked }) => linked).length}/${present.length}`
}

function metric(unified: unknown, system: string, field: string): number | undefined {
  const found = at(objectAt(unified, 'unified_metrics', system), field)
  return typeof found === 'number' ? found : undefined
}

function megabytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1024 / 1024
}

function fixed(value: number | undefined, digits: 0 | 1): string {
  return value === undefined ? ABSENT : value.toFixed(digits)
}

function whole(value: number | undefined): string {
  return value === undefined ? ABSENT : String(value)
}

/** Of a node's URL the end tells it from the others. */
function cutInFront(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - Math.max(0, width - 1))}`
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}
