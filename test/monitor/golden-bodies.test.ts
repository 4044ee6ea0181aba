import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Compile } from 'typebox/compile'
import { beforeAll, describe, expect, it } from 'vitest'
import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { createMonitorService, type MonitorService } from '../../src/monitor/index.ts'
import { type MonitoringPath, monitoringAnswers } from '../../src/wire/index.ts'
import { MONITORING_MAPS, MONITORING_UNMEASURED, shapeDifferences } from './body-shape.ts'
import { fakeViews } from './fake-views.ts'

const vectors = join(import.meta.dirname, '..', 'vectors', 'monitoring')

interface Recording {
  readonly node: string
  readonly file: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly text: string
}

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

const recordings = ['node-a', 'node-b'].flatMap((node) =>
  readFileSync(join(vectors, node, 'INDEX.tsv'), 'utf8')
    .trim()
    .split('\n')
    .map((line): Recording => {
      const [file = '', method = '', path = '', status = ''] = line.split('\t')
      return { node, file, method, path, status: Number(status), text: readFileSync(join(vectors, node, file), 'utf8') }
    })
    .filter(({ file }) => !BETTER.has(file)),
)

/** Views with every optional part filled in from what node-a recorded, and a node without any of them, as node-b. */
function viewsOf(node: string) {
  if (node === 'node-b') return fakeViews()
  const body = (file: string) => recordedBody(node, `${file}.json`)
  return fakeViews({
    persistence: () => body('metrics_persistence').persistence_snapshots,
    discoverySummary: () => body('discovery_summary').summary_export,
    discoveryCache: () => {
      const { resolver_cache, summary_cache } = body('discovery_cache')
      return { resolver_cache, summary_cache }
    },
    discoveryPolicy: () => body('discovery_policy').policy,
    discoveryLag: () => body('discovery_lag').lag,
    dns: () => body('dns_metrics').dns_gateway,
    linkState: () => body('routing_link-state').link_state,
    routeTrace: () => body('routing_trace').trace,
  })
}

// biome-ignore lint/suspicious/noExplicitAny: recorded JSON stands in for whatever a view returns
function recordedBody(node: string, file: string): any {
  return JSON.parse(readFileSync(join(vectors, node, file), 'utf8'))
}

/** What a node-b without discovery answers in its own words: the short form, where the Python node gives the long one. */
const SHORT_FORMS = new Set(['discovery_summary.json', 'discovery_cache.json', 'discovery_policy.json', 'discovery_lag.json'])

describe('bodies of the Python implementation', () => {
  const services = new Map<string, MonitorService>()

  beforeAll(async () => {
    for (const node of ['node-a', 'node-b']) {
      const options = { host: '127.0.0.1', port: 0, cors: true, token: null, tokenRequired: false, allowedOrigins: [] }
      const service = createMonitorService(viewsOf(node), { env: createRealEnv({ log: silentLog }), ...options })
      await service.start()
      services.set(node, service)
    }
    return () => Promise.all([...services.values()].map((service) => service.stop()))
  })

  it.each(recordings.filter(({ file, node }) => node === 'node-a' || !SHORT_FORMS.has(file)))(
    'have nothing that ours lack: $node $method $path',
    async ({ file, method, node, path, status, text }) => {
      const url = `http://127.0.0.1:${services.get(node)?.port}${path}`
      const sent = file === 'alerts_acknowledge_unknown.json' ? { alert_id: 'nope' } : {}
      const response = await fetch(url, method === 'POST' ? { method, body: JSON.stringify(sent) } : { method })
      const ours: unknown = await response.json()

      expect(response.status).toBe(status)
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
      expect(shapeDifferences(JSON.parse(text), ours, { maps: MONITORING_MAPS, unmeasured: MONITORING_UNMEASURED })).toEqual([])
    },
  )

  it.each(recordings.filter(({ status }) => status === 200))('fit the declared records: $node $path', ({ path, text }) => {
    const declared = monitoringAnswers[patternOf(path)]
    const body: unknown = JSON.parse(text)
    expect([...Compile(declared).Errors(body)].map(({ instancePath, message }) => `${instancePath} ${message}`)).toEqual([])
  })

  it('carry the same headers as ours', async () => {
    const recorded = headersOf(readFileSync(join(vectors, 'node-a', 'health.headers.txt'), 'utf8'))
    const response = await fetch(`http://127.0.0.1:${services.get('node-a')?.port}/health`)
    for (const [name, value] of recorded) {
      if (['date', 'server', 'content-length'].includes(name)) continue
      const ours = response.headers.get(name)
      if (name === 'x-response-time-ms') expect(Number(ours)).toBeGreaterThan(0)
      else expect(ours, name).toBe(value)
    }
  })
})

function patternOf(path: string): MonitoringPath {
  const plain = path.split('?')[0] as string
  const pattern = plain.replace(/\/clusters\/.+$/, '/clusters/{cluster_id}')
  return pattern as MonitoringPath
}

function headersOf(text: string): Map<string, string> {
  const lines = text.trim().split(/\r?\n/).slice(1)
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
}
