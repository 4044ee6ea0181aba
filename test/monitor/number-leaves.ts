/**
 * Every number a node shows over HTTP, by where it stands: `/metrics/rpc metrics.p95_latency_ms`. Indices of lists become `[]` and keys that data
 * names (clusters, urls, ids) become `*`, so that one name stands for all numbers of a kind.
 */
import { parseExposition } from './exposition-parser.ts'
import type { MonitoredNode } from './real-fabric.ts'

/** The numbers that stand under one name, in their order. */
export type Numbers = ReadonlyMap<string, readonly number[]>

/** What to ask on a path that needs to be asked something: one or several questions. */
export type Questions = Readonly<Record<string, readonly string[]>>

/** Answers that are not numbers to look at: pictures of the process, the contract, and the index, whose only numbers are elsewhere too. */
const NOT_ASKED = new Set(['/debug/profile', '/debug/heap', '/openapi.json'])

/**
 * @param questions a path's own paths with query, for those that can not be asked as they are
 * @throws Error naming a path that answers neither 200 nor what its question is known to give
 */
export async function numbersOf(node: MonitoredNode, questions: Questions): Promise<Numbers> {
  const { body: index } = await node.json('/endpoints')
  const numbers = new Map<string, number[]>()
  for (const { method, path } of index.endpoints as { readonly method: string; readonly path: string }[]) {
    if (method !== 'GET' || NOT_ASKED.has(path)) continue
    for (const asked of questions[path] ?? [path]) {
      const response = await node.get(asked)
      if (!response.ok && response.status !== 404 && response.status !== 503) throw new Error(`GET ${asked}: ${response.status}`)
      const text = await response.text()
      if (path === '/metrics/prometheus') readExposition(text, (name, value) => add(`${path} ${name}`, value))
      else walk(JSON.parse(text), '', (name, value) => add(`${path} ${name}`, value))
    }
  }
  return numbers

  function add(name: string, value: number): void {
    const known = numbers.get(name)
    if (known === undefined) numbers.set(name, [value])
    else known.push(value)
  }
}

/** The names whose numbers differ between two looks, those that only one of them has included. */
export function movedBetween(before: Numbers, after: Numbers): Set<string> {
  const names = new Set([...before.keys(), ...after.keys()])
  return new Set([...names].filter((name) => String(before.get(name)) !== String(after.get(name))))
}

function walk(value: unknown, path: string, found: (name: string, value: number) => void): void {
  if (typeof value === 'number') return found(path, value)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const element of value) walk(element, `${path}[]`, found)
    return
  }
  for (const [key, member] of Object.entries(value)) {
    const step = KEYED_BY_DATA.some((pattern) => pattern.test(path)) || !/^[a-z]\w*$/i.test(key) ? '*' : key
    walk(member, path === '' ? step : `${path}.${step}`, found)
  }
}

/** Members of these are named by data whose names look like any other. */
const KEYED_BY_DATA = [
  /^clusters$/,
  /cluster_details$/,
  /^topology\.clusters$/,
  /connections_by_cluster$/,
  /rejection_reasons$/,
  /snapshot_(?:saved|restored)_counts$/,
]

function readExposition(text: string, found: (name: string, value: number) => void): void {
  for (const { samples } of parseExposition(text, 'prometheus')) {
    for (const { labels, name, value } of samples) {
      const named = Object.entries(labels).map(([label, text]) => `${label}=${NAMED_LABELS.has(label) ? text : '*'}`)
      found(named.length === 0 ? name : `${name}{${named.join()}}`, value)
    }
  }
}

/** Labels whose values the code names, so that each is a number of its own. */
const NAMED_LABELS = new Set(['system', 'state', 'role', 'severity', 'kind', 'status', 'reason', 'level', 'outcome', 'store'])
