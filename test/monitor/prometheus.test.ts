import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from '../../src/base/index.ts'
import { metricCatalogue } from '../../src/monitor/prometheus/catalogue.ts'
import { counterBy, gauge, gaugeBy, histogramBy, type Metric, type MetricSources } from '../../src/monitor/prometheus/metric.ts'
import { type ExpositionFormat, OVERFLOW_LABEL, renderMetrics, SERIES_MAX } from '../../src/monitor/prometheus/render.ts'
import { parseExposition } from './exposition-parser.ts'
import { fakeAlert, fakeFigures, fakeUnified, fakeViews } from './fake-views.ts'

const root = join(import.meta.dirname, '..', '..')
const formats: readonly ExpositionFormat[] = ['prometheus', 'openmetrics']

/** For metrics of a test's own, which read nothing. */
const nothing = undefined as unknown as MetricSources

function sources(): MetricSources {
  const views = fakeViews()
  const durations = new Histogram()
  for (const ms of [0.2, 3, 3, 40, 40_000]) durations.record(ms)
  return {
    figures: {
      ...fakeFigures(),
      process: { cpu_seconds_total: 1.5, resident_memory_bytes: 1e8, heap_used_bytes: null },
      durations: { rpc: durations },
      log: { lines: { INFO: 3 }, dropped: 0 },
    },
    unified: fakeUnified(),
    clusters: views.clusters(),
    connections: views.connections(),
    transport: {},
    alerts: [fakeAlert],
    readiness: views.readiness(),
    identity: views.identity(),
    requests: new Map([['/health', durations]]),
  }
}

describe.each(formats)('exposition as %s', (format) => {
  it('is what its grammar allows, and says what was measured', () => {
    const families = parseExposition(renderMetrics(metricCatalogue, sources(), format), format)
    const value = (sample: string, labels = {}) => {
      const all = families.flatMap(({ samples }) => samples)
      return all.find(({ labels: own, name }) => name === sample && JSON.stringify(own) === JSON.stringify(labels))?.value
    }
    expect(value('mpreg_rpc_requests_total')).toBe(8)
    expect(value('mpreg_health_score_ratio')).toBe(0.97)
    expect(value('mpreg_frames_received_total', { role: 'server' })).toBe(2)
    expect(value('mpreg_alerts_active', { severity: 'warning' })).toBe(1)
    expect(value('mpreg_process_cpu_seconds_total')).toBe(1.5)
    expect(families.every(({ help, type }) => help !== '' && type !== '')).toBe(true)
  })

  it('leaves out what this node has no source for', () => {
    const text = renderMetrics(metricCatalogue, sources(), format)
    for (const absent of ['mpreg_peers', 'mpreg_process_heap_used_bytes', 'mpreg_transport_sent_bytes', '{system="queue"}']) {
      expect(text).not.toContain(absent)
    }
  })

  it('counts a histogram up to +Inf, in seconds', () => {
    const families = parseExposition(renderMetrics(metricCatalogue, sources(), format), format)
    const samples = families.find(({ name }) => name === 'mpreg_operation_duration_seconds')?.samples ?? []
    const buckets = samples.filter(({ name }) => name.endsWith('_bucket'))
    expect(buckets.map(({ value }) => value)).toEqual([...buckets.map(({ value }) => value)].sort((a, b) => a - b))
    expect(buckets.at(-1)).toMatchObject({ labels: { system: 'rpc', le: '+Inf' }, value: 5 })
    expect(buckets.find(({ labels }) => labels.le === '30.0')?.value).toBe(4)
    expect(samples.find(({ name }) => name.endsWith('_sum'))?.value).toBeCloseTo(40.0462, 6)
    expect(samples.find(({ name }) => name.endsWith('_count'))?.value).toBe(5)
  })

  it('brings every label value, help text and number back', () => {
    const number = fc.oneof(fc.double(), fc.integer())
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), number), { selector: ([label]) => label, maxLength: 8 }),
        (help, series) => {
          const metric = gaugeBy('name', 'anything', help, () => series)
          const text = renderMetrics([metric], nothing, format)
          const [family] = parseExposition(text, format)
          expect(family?.help).toBe(series.length === 0 ? undefined : help)
          expect((family?.samples ?? []).map(({ labels, value }) => [labels.name, value])).toEqual(
            series.map(([label, value]) => [label, value === 0 ? 0 : value]),
          )
        },
      ),
    )
  })

  it('keeps no more than its bound of series, and loses nothing of a sum', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 * SERIES_MAX }), (size) => {
        const series = Array.from({ length: size }, (_, at) => [`peer-${at}`, at] as const)
        const metric = counterBy('peer', 'things', 'Things.', () => series)
        const samples = parseExposition(renderMetrics([metric], nothing, format), format).flatMap((family) => family.samples)
        expect(samples.length).toBe(Math.min(size, SERIES_MAX))
        expect(samples.reduce((sum, { value }) => sum + value, 0)).toBe(size === 0 ? 0 : (size * (size - 1)) / 2)
        expect(samples.some(({ labels }) => labels.peer === OVERFLOW_LABEL)).toBe(size > SERIES_MAX)
      }),
    )
  })

  it('shows the worst score of those beyond the bound, and the whole of their histograms', () => {
    const many = Array.from({ length: SERIES_MAX + 50 }, (_, at) => `c${at}`)
    const scores = gaugeBy('c', 'score_ratio', 'Score.', () => many.map((name, at) => [name, at === 120 ? 0.25 : 1] as const), {
      overflow: 'lowest',
    })
    const one = new Histogram()
    one.record(1)
    const times = histogramBy('c', 'time_seconds', 'Time.', () => many.map((name) => [name, one] as const))
    const samples = parseExposition(renderMetrics([scores, times], nothing, format), format).flatMap((family) => family.samples)
    const ofOthers = (name: string) => samples.find((sample) => sample.name === name && sample.labels.c === OVERFLOW_LABEL)?.value
    expect(ofOthers('mpreg_score_ratio')).toBe(0.25)
    expect(ofOthers('mpreg_time_seconds_count')).toBe(51)
  })

  it('never shows a series twice, even when two sources share a label', () => {
    const metric = gaugeBy('a', 'shared', 'Shared.', () => [['x', 1] as const, ['x', 2] as const])
    const samples = parseExposition(renderMetrics([metric], nothing, format), format).flatMap((family) => family.samples)
    expect(samples.map(({ value }) => value)).toEqual([3])
  })
})

describe('metric catalogue', () => {
  it('names each metric once, in words Prometheus accepts', () => {
    const names = metricCatalogue.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) {
      expect(name).toMatch(/^mpreg_[a-z][a-z0-9_]*$/)
      expect(name).not.toMatch(/_(?:total|count|sum|bucket|ms|milliseconds|percent|kb|mb)$/)
    }
  })

  it('says what each means, and has the unit of times and sizes at the end', () => {
    for (const { help, labels, name, type, unit } of metricCatalogue) {
      expect(help, name).toMatch(/^[A-Z0-9].*\.$/)
      expect(labels.length, name).toBeLessThanOrEqual(3)
      if (type === 'histogram') expect(unit, name).toBe('seconds')
    }
  })

  it('takes no null for a number', () => {
    const metric: Metric = gauge('x', 'X.', () => null)
    expect(metric.read(nothing)).toEqual([])
  })
})

describe('what is shipped for Prometheus and Grafana', () => {
  const known = new Set(
    metricCatalogue.flatMap(({ name, type }) =>
      type === 'counter' ? [`${name}_total`] : type === 'gauge' ? [name] : [`${name}_bucket`, `${name}_sum`, `${name}_count`],
    ),
  )
  const files = ['grafana', 'prometheus'].flatMap((folder) =>
    readdirSync(join(root, 'ops', folder)).map((file) => join('ops', folder, file)),
  )

  it.each(files)('%s asks only for metrics that exist', (file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const asked = [...text.matchAll(/\bmpreg_[a-z0-9_]+/g)].map(([name]) => name)
    expect(asked.filter((name) => !known.has(name))).toEqual([])
  })

  it('the dashboard is JSON whose panels do not overlap', () => {
    const { panels } = JSON.parse(readFileSync(join(root, 'ops', 'grafana', 'mpreg.json'), 'utf8')) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[]
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    for (const [at, { gridPos: a }] of panels.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24)
      for (const { gridPos: b } of panels.slice(at + 1)) {
        const overlap = a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
        expect(overlap).toBe(false)
      }
    }
  })
})
