import { describe, expect, it, onTestFinished } from 'vitest'
import { metricCatalogue } from '../../src/monitor/prometheus/catalogue.ts'
import { renderMetrics } from '../../src/monitor/prometheus/render.ts'
import { createNode } from '../../src/node/index.ts'
import type { RouteTraceBody } from '../../src/wire/index.ts'
import { parseExposition } from './exposition-parser.ts'
import { fakeFigures, fakeUnified, fakeViews } from './fake-views.ts'

describe('a running node', () => {
  it('is a source of metrics as it is, and of route traces', async () => {
    const node = await createNode({ host: '127.0.0.1', port: 0, clusterId: 'fir', monitoringEnabled: false })
    await node.start()
    onTestFinished(() => node.stop())
    const views = fakeViews()
    const text = renderMetrics(
      metricCatalogue,
      {
        figures: { ...fakeFigures(), node: node.snapshot() },
        unified: fakeUnified(),
        clusters: views.clusters(),
        connections: views.connections(),
        transport: {},
        alerts: [],
        readiness: views.readiness(),
        identity: views.identity(),
        requests: new Map(),
      },
      'openmetrics',
    )

    const families = parseExposition(text, 'openmetrics')
    const names = families.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['mpreg_members', 'mpreg_catalog_entries', 'mpreg_routes', 'mpreg_rpc_relayed']))
    const trace: RouteTraceBody = node.explainRoute('elsewhere')
    expect(trace).toMatchObject({ destination: { cluster_id: 'elsewhere' }, candidates: [], selected: null })
  })
})
