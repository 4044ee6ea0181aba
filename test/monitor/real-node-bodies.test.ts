import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MONITORING_MAPS, MONITORING_UNMEASURED, shapeDifferences } from './body-shape.ts'
import { type MonitoredNode, startMonitored, until } from './real-fabric.ts'

const vectors = join(import.meta.dirname, '..', 'vectors', 'monitoring')

/** Answers that are meant to differ: plain text, and wrong questions that got an answer. */
const BETTER = new Set([
  'err_404.json',
  'err_405.json',
  'options_health.json',
  'head_health.json',
  'metrics_timeseries_q.json',
  'performance_clusters_unknown.json',
  'alerts_acknowledge_badjson.json',
])

/** What a node answers of parts it does not have, in the protocol's own words for that. */
const ABSENT: Readonly<Record<string, object>> = {
  'metrics_cache.json': { system: 'cache', metrics: null },
  'metrics_persistence.json': { persistence_snapshots: { enabled: false } },
  'discovery_summary.json': { summary_export: { enabled: false } },
  'discovery_cache.json': { resolver_cache: { enabled: false }, summary_cache: { enabled: false } },
  'discovery_policy.json': { policy: { enabled: false, rule_count: 0, rules: [], access_total: 0, audit_total: 0 } },
  'discovery_lag.json': { lag: { resolver_enabled: false, summary_export_enabled: false } },
  'dns_metrics.json': { dns_gateway: { enabled: false } },
}

describe.each([
  { recorded: 'node-a', settings: { fabricLinkStateMode: 'prefer' } },
  { recorded: 'node-b', settings: {} },
] as const)('a real node beside $recorded of the Python implementation', ({ recorded, settings }) => {
  let node: MonitoredNode
  let peers: readonly MonitoredNode[]

  beforeAll(async () => {
    node = await startMonitored({ name: recorded, clusterId: 'golden', enableDefaultQueue: true, ...settings })
    const seeded = { clusterId: 'golden', peers: [node.node.url], ...settings }
    peers = await Promise.all(
      ['c', 'd'].map((name) => startMonitored({ name, ...seeded }, (each) => each.register(`at.${name}`, () => name))),
    )
    await until('both peers are linked', async () => (await node.json('/metrics/connections')).body.connections.total_connections === 2)
    for (const fun of ['at.c', 'at.d'])
      await until(`${fun} is known`, () =>
        node.node.call(fun).then(
          () => true,
          () => false,
        ),
      )
    await node.node.call('echo', 1)
    await expect(node.node.call('nobody.has.this')).rejects.toThrow()
    node.node.publish('a.b', 1)
    await until('the calls are counted', async () => (await node.json('/metrics/rpc')).body.metrics.total_operations >= 4)
  })
  afterAll(async () => {
    await Promise.all([node, ...(peers ?? [])].map((each) => each?.stop()))
  })

  it('has every key it has, with the same kind of value, on every path', async () => {
    const differences: Record<string, readonly string[]> = {}
    for (const { file, method, path, status } of recordings(recorded)) {
      if (file in ABSENT) continue
      const sent = file === 'alerts_acknowledge_unknown.json' ? { alert_id: 'nope' } : {}
      const reply = await node.json(path, method === 'POST' ? { method, body: JSON.stringify(sent) } : { method })
      const lines = shapeDifferences(JSON.parse(readFileSync(join(vectors, recorded, file), 'utf8')), reply.body, {
        maps: MONITORING_MAPS,
        unmeasured: MONITORING_UNMEASURED,
      })
      if (reply.status !== status) lines.push(`status ${status} expected, ${reply.status} found`)
      if (lines.length > 0) differences[`${method} ${path}`] = lines
    }
    expect(differences).toEqual({})
  })

  it('says of what it does not have that it does not have it', async () => {
    for (const { file, path } of recordings(recorded)) {
      const absent = ABSENT[file]
      if (absent !== undefined) expect((await node.json(path)).body, path).toMatchObject({ status: 'ok', ...absent })
    }
  })

  it('leaves nothing null that it has measured', async () => {
    const nulls: string[] = []
    for (const { file, method, path, status } of recordings(recorded)) {
      if (status !== 200 || method !== 'GET') continue
      nulls.push(...numbersLost(path, JSON.parse(readFileSync(join(vectors, recorded, file), 'utf8')), (await node.json(path)).body))
    }
    // Who dialled a link measures it, and here that is the peers; of links among the peers a node knows nothing.
    const unknown = [
      '/metrics/connections.connections.average_connection_latency_ms',
      '/topology.topology.summary.graph_diameter',
      '/topology.topology.summary.clustering_coefficient',
      '/topology/paths.routing_paths.average_path_length',
      '/topology/paths.routing_paths.path_efficiency',
      '/topology/paths.routing_paths.redundant_paths',
      '/topology/analysis.analysis.topology_score',
      ...(await lateOnes(node)),
    ]
    expect(nulls.filter((name) => !unknown.includes(name) && !/\.(queue|cache|metrics)$/.test(name))).toEqual([])
  })
})

/** Cross-cluster figures of a node that has never called another cluster. */
async function lateOnes({ json }: MonitoredNode): Promise<string[]> {
  const { p99_latency_ms: p99 } = (await json('/performance')).body.performance_summary
  return p99 === null ? ['/performance.performance_summary.p99_latency_ms', '/metrics/performance.performance.latency.p99_ms'] : []
}

/** Where the recording has a number and we have null. */
function numbersLost(path: string, expected: unknown, actual: unknown): string[] {
  if (actual === null && expected !== null) return [path]
  if (typeof expected !== 'object' || expected === null || typeof actual !== 'object' || actual === null) return []
  return Object.entries(expected).flatMap(([key, value]) =>
    Object.hasOwn(actual, key) ? numbersLost(`${path}.${key}`, value, (actual as Record<string, unknown>)[key]) : [],
  )
}

interface Recording {
  readonly file: string
  readonly method: string
  readonly path: string
  readonly status: number
}

function recordings(node: string): Recording[] {
  return readFileSync(join(vectors, node, 'INDEX.tsv'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [file = '', method = '', path = '', status = ''] = line.split('\t')
      return { file, method, path, status: Number(status) }
    })
    .filter(({ file }) => !BETTER.has(file))
}
