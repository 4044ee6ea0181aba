/** How a metric of the catalogue is declared, and what reading it gives. */
import type { Histogram } from '../../base/index.ts'
import type { Alert, ClusterHealth, ConnectionMetrics, Readiness, TransportHealthSnapshot, UnifiedMetrics } from '../../wire/index.ts'
import type { NodeFigures } from './figures.ts'

/** Everything a metric may be read from, each taken once for a whole exposition. */
export interface MetricSources {
  readonly figures: NodeFigures
  readonly unified: UnifiedMetrics
  readonly clusters: Readonly<Record<string, ClusterHealth>>
  readonly connections: ConnectionMetrics
  readonly transport: Readonly<Record<string, TransportHealthSnapshot>>
  readonly alerts: readonly Alert[]
  readonly readiness: Readiness
  readonly identity: { readonly node_id: string; readonly cluster_id: string; readonly version: string }
  /** Durations of this service's answers in milliseconds, by route pattern. */
  readonly requests: ReadonlyMap<string, Histogram>
}

export type MetricValue = number | Histogram
export interface Sample {
  /** One for each of the metric's labels, in their order. */
  readonly labels: readonly string[]
  readonly value: MetricValue
}

/** What becomes of the series beyond the bound: the sum of them, or the one that matters most. */
export type Overflow = 'sum' | 'lowest' | 'highest'

export interface Metric {
  /** Of a counter without `_total`, which the exposition adds. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** Base unit, with which the name ends; undefined for plain numbers. */
  readonly unit: 'seconds' | 'bytes' | 'ratio' | undefined
  readonly labels: readonly string[]
  readonly overflow: Overflow
  /** Undefined or empty: this node has no such thing, and the metric is left out. */
  read(sources: MetricSources): readonly Sample[]
}

export interface MetricSection {
  readonly title: string
  readonly metrics: readonly Metric[]
}

/** What a source may give instead of a number when it has none. */
type Figure = MetricValue | null | undefined
type Plain = (sources: MetricSources) => Figure
type Labelled = (sources: MetricSources) => Iterable<readonly [label: string, value: Figure]> | undefined

interface Shape {
  readonly overflow?: Overflow
}

export const counter = (name: string, help: string, read: Plain): Metric => metric('counter', name, help, [], plain(read))
export const gauge = (name: string, help: string, read: Plain): Metric => metric('gauge', name, help, [], plain(read))

export function counterBy(label: string, name: string, help: string, read: Labelled): Metric {
  return metric('counter', name, help, [label], labelled(read))
}

export function gaugeBy(label: string, name: string, help: string, read: Labelled, shape: Shape = {}): Metric {
  return metric('gauge', name, help, [label], labelled(read), shape)
}

/** The histograms record milliseconds; the exposition shows seconds. */
export function histogramBy(label: string, name: string, help: string, read: Labelled): Metric {
  return metric('histogram', name, help, [label], labelled(read))
}

/** A gauge of value 1 whose labels are the information. */
export function info(name: string, help: string, labels: readonly string[], read: (sources: MetricSources) => readonly string[]): Metric {
  return metric('gauge', name, help, labels, (sources) => [{ labels: read(sources), value: 1 }])
}

/** The members of an object of counts, with what is absent left out. */
export function entriesOf(counts: Readonly<Partial<Record<string, Figure>>> | undefined): [string, Figure][] | undefined {
  return counts === undefined ? undefined : Object.entries(counts)
}

const UNITS = ['seconds', 'bytes', 'ratio'] as const

function metric(
  type: Metric['type'],
  name: string,
  help: string,
  labels: readonly string[],
  read: Metric['read'],
  { overflow = 'sum' }: Shape = {},
): Metric {
  return { name: `mpreg_${name}`, type, help, unit: UNITS.find((unit) => name.endsWith(`_${unit}`)), labels, overflow, read }
}

function plain(read: Plain): Metric['read'] {
  return (sources) => {
    const value = read(sources)
    return value === undefined || value === null ? [] : [{ labels: [], value }]
  }
}

function labelled(read: Labelled): Metric['read'] {
  return (sources) => {
    const samples: Sample[] = []
    for (const [label, value] of read(sources) ?? []) {
      if (value !== undefined && value !== null) samples.push({ labels: [label], value })
    }
    return samples
  }
}
