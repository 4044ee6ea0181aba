/**
 * The text formats Prometheus reads: its own (version 0.0.4) and OpenMetrics 1.0.
 *
 * They differ in little: OpenMetrics names a counter's family without `_total`, has UNIT lines, escapes quotes in help texts, and ends
 * with `# EOF`, by which a reader sees that nothing was cut off.
 * https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics specification, section "Text format".
 */
import { Histogram } from '../../base/index.ts'
import type { Metric, MetricSources, MetricValue, Overflow, Sample } from './metric.ts'

export type ExpositionFormat = 'prometheus' | 'openmetrics'

export const EXPOSITION_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Series of one metric. Beyond it they are one with the label value `other`, so that no peer can make a scrape grow without end. */
export const SERIES_MAX = 100
export const OVERFLOW_LABEL = 'other'

/** Upper bounds of the buckets of every histogram, seconds: from a local call to one that waits for a slow remote. */
export const BUCKET_BOUNDS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const
const BUCKET_BOUNDS_MS = BUCKET_BOUNDS_SECONDS.map((bound) => bound * 1000)

export function renderMetrics(catalogue: readonly Metric[], sources: MetricSources, format: ExpositionFormat): string {
  const lines: string[] = []
  for (const metric of catalogue) {
    const samples = bounded(metric.read(sources), metric.overflow)
    if (samples.length === 0) continue
    const total = metric.type === 'counter' ? '_total' : ''
    const family = format === 'openmetrics' ? metric.name : metric.name + total
    lines.push(`# HELP ${family} ${escapeHelp(metric.help, format)}`, `# TYPE ${family} ${metric.type}`)
    if (format === 'openmetrics' && metric.unit !== undefined) lines.push(`# UNIT ${family} ${metric.unit}`)
    for (const sample of samples) {
      const labels = metric.labels.map((name, at) => labelPair(name, sample.labels[at] ?? ''))
      if (sample.value instanceof Histogram) pushHistogram(lines, metric.name, labels, sample.value)
      else lines.push(`${metric.name}${total}${braced(labels)} ${numberText(sample.value)}`)
    }
  }
  if (format === 'openmetrics') lines.push('# EOF')
  return lines.map((line) => `${line}\n`).join('')
}

function pushHistogram(lines: string[], name: string, labels: readonly string[], histogram: Histogram): void {
  const counts = histogram.cumulative(BUCKET_BOUNDS_MS)
  for (const [at, bound] of BUCKET_BOUNDS_SECONDS.entries()) {
    lines.push(`${name}_bucket${braced([...labels, labelPair('le', boundText(bound))])} ${counts[at]}`)
  }
  lines.push(
    `${name}_bucket${braced([...labels, labelPair('le', '+Inf')])} ${histogram.count}`,
    `${name}_sum${braced(labels)} ${numberText(histogram.sum / 1000)}`,
    `${name}_count${braced(labels)} ${histogram.count}`,
  )
}

/** Series with equal labels become one as well: a duplicate would void the whole exposition. */
function bounded(samples: readonly Sample[], overflow: Overflow): readonly Sample[] {
  const kept = new Map<string, Sample>()
  for (const sample of samples) {
    const key = JSON.stringify(sample.labels)
    const fits = kept.has(key) || kept.size < SERIES_MAX - 1 || samples.length <= SERIES_MAX
    const labels = fits ? sample.labels : sample.labels.map(() => OVERFLOW_LABEL)
    const slot = fits ? key : JSON.stringify(labels)
    const known = kept.get(slot)
    kept.set(slot, { labels, value: known === undefined ? sample.value : combined(known.value, sample.value, overflow) })
  }
  return [...kept.values()]
}

function combined(a: MetricValue, b: MetricValue, overflow: Overflow): MetricValue {
  if (a instanceof Histogram || b instanceof Histogram) {
    const sum = new Histogram()
    for (const part of [a, b]) if (part instanceof Histogram) sum.merge(part)
    return sum
  }
  return overflow === 'sum' ? a + b : overflow === 'lowest' ? Math.min(a, b) : Math.max(a, b)
}

function labelPair(name: string, value: string): string {
  return `${name}="${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}"`
}

function braced(labels: readonly string[]): string {
  return labels.length === 0 ? '' : `{${labels.join(',')}}`
}

function escapeHelp(text: string, format: ExpositionFormat): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped
}

/** Bounds always have a fraction, as OpenMetrics asks: `1.0`. */
function boundText(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}
