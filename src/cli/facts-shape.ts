/**
 * Whether what a node tells of itself has the shape the rules of the doctor rely on, down to the last text. A node of another version, or one
 * that lies, is then a node with a bad answer, and not the end of the walk.
 *
 *     const facts = shapedFacts(body.diagnosis)
 *     if ('missing' in facts) …   // 'peers[2].dial.failures'
 *
 * Fields this version does not know are left alone. Words out of a short list are taken as any text: a rule that does not know one passes it by.
 */
import { parseConstraint, parseVersion } from '../base/index.ts'
import type { NodeFacts } from '../telemetry/index.ts'
import { isObject } from './json-value.ts'

/** Where a value is not what it should be: '' for the value itself; undefined where all is well. */
type Check = (value: unknown) => string | undefined

export function shapedFacts(value: unknown): { readonly facts: NodeFacts } | { readonly missing: string } {
  const wrong = nodeFacts(value)
  return wrong === undefined ? { facts: value as NodeFacts } : { missing: wrong.replace(/^\./, '') }
}

function when(isRight: (value: unknown) => boolean): Check {
  return (value) => (isRight(value) ? undefined : '')
}

function orNull(check: Check): Check {
  return (value) => (value === null ? undefined : check(value))
}

function optional(check: Check): Check {
  return (value) => (value === undefined ? undefined : check(value))
}

function listOf(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return ''
    for (const [index, item] of value.entries()) {
      const wrong = check(item)
      if (wrong !== undefined) return `[${index}]${wrong}`
    }
    return undefined
  }
}

/** Every field has to have a check: one that is added to the facts and forgotten here does not compile. */
function record<T>(checks: { readonly [K in keyof Required<T>]: Check }): Check {
  const fields = Object.entries<Check>(checks)
  return (value) => {
    if (!isObject(value)) return ''
    for (const [name, check] of fields) {
      const wrong = check(value[name])
      if (wrong !== undefined) return `.${name}${wrong}`
    }
    return undefined
  }
}

/** The last second a date can name. */
const TIME_MAX = 8_640_000_000_000

const text = when((value) => typeof value === 'string')
const flag = when((value) => typeof value === 'boolean')
const number = when(Number.isFinite)
const time = when((value) => typeof value === 'number' && Math.abs(value) <= TIME_MAX)
const version = when((value) => typeof value === 'string' && isParsed(() => parseVersion(value)))
const constraint = when((value) => typeof value === 'string' && isParsed(() => parseConstraint(value)))

function isParsed(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

type Item<T> = T extends readonly (infer E)[] ? E : never
type Present<T> = NonNullable<T>
type Peer = Item<NodeFacts['peers']>
type Refusal = Item<NodeFacts['refusals']>
type ClusterKeys = Item<Present<NodeFacts['keys']>['clusters']>

const settings = record<NodeFacts['settings']>({
  federation_mode: text,
  fabric_routing_enabled: flag,
  fabric_routing_max_hops: number,
  gossip_interval_seconds: number,
  fabric_catalog_ttl_seconds: number,
  fabric_route_announce_interval_seconds: number,
  fabric_route_ttl_seconds: number,
  require_signatures: flag,
  send_buffer_bytes_max: number,
})

const processFacts = record<NodeFacts['process']>({
  cpu_percent: orNull(number),
  rss_bytes: orNull(number),
  loop_delay_p99_ms: orNull(number),
  loop_delay_max_ms: orNull(number),
  stalls: listOf(record<Item<NodeFacts['process']['stalls']>>({ at: time, ms: number })),
})

const peer = record<Peer>({
  node_id: text,
  cluster_id: orNull(text),
  monitoring_url: orNull(text),
  listed: flag,
  hidden_reason: orNull(text),
  linked: flag,
  link: orNull(
    record<Present<Peer['link']>>({
      direction: orNull(text),
      connected_since: orNull(time),
      reconnects_10m: number,
      crash_restarts_at: optional(listOf(time)),
      last_disconnect_at: orNull(time),
      last_disconnect_why: orNull(text),
      last_disconnect_reason: orNull(text),
      rtt_ms: orNull(number),
    }),
  ),
  clock_offset_seconds: orNull(time),
  departed: flag,
  liveness: orNull(text),
  liveness_since: orNull(time),
  suspected_since: orNull(time),
  last_seen_at: optional(orNull(time)),
  dial: orNull(
    record<Present<Peer['dial']>>({
      url: text,
      source: text,
      reason: text,
      failures: number,
      successes_total: number,
      next_at: orNull(time),
      last_error: text,
    }),
  ),
})

const routes = record<NodeFacts['routes']>({
  routes_active: number,
  rejection_reasons: when(isObject),
  destinations: listOf(
    record<Item<NodeFacts['routes']['destinations']>>({
      cluster_id: text,
      nodes: number,
      routes: number,
      plan_reason: text,
      planned_path: listOf(text),
    }),
  ),
})

const keys = record<Present<NodeFacts['keys']>>({
  clusters: listOf(
    record<ClusterKeys>({
      cluster_id: text,
      standing: text,
      pinned: flag,
      keys: listOf(
        record<Item<ClusterKeys['keys']>>({ key_id: text, source: text, primary: flag, active: flag, expires_at: orNull(time) }),
      ),
    }),
  ),
})

const refusal = record<Refusal>({
  kind: text,
  subject: text,
  reason: text,
  count: number,
  first_at: time,
  last_at: time,
  latest_at: optional(listOf(time)),
  detail: text,
  wanted: optional(
    record<Present<Refusal['wanted']>>({
      version_constraint: orNull(constraint),
      resources: listOf(text),
      function_id: orNull(text),
      target_cluster: orNull(text),
    }),
  ),
  wanted_since: optional(time),
})

const nodeFacts = record<NodeFacts>({
  node_id: text,
  cluster_id: text,
  instance_id: text,
  version: text,
  uptime_seconds: number,
  wall_clock: time,
  monitoring_url: orNull(text),
  settings,
  process: processFacts,
  peers: listOf(peer),
  routes,
  keys: orNull(keys),
  refusals: listOf(refusal),
  slow_consumers: listOf(record<Item<NodeFacts['slow_consumers']>>({ remote: text, kind: text, buffered_bytes: number, since: time })),
  functions: listOf(record<Item<NodeFacts['functions']>>({ name: text, function_id: text, version, resources: listOf(text) })),
  alerts: optional(
    listOf(
      record<Item<Present<NodeFacts['alerts']>>>({
        alert_id: text,
        severity: text,
        metric: text,
        cluster_id: text,
        current_value: number,
        threshold_value: number,
        message: text,
        since: time,
      }),
    ),
  ),
})
