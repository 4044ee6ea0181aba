/**
 * Every metric a node exposes to Prometheus, in the order of the exposition. docs/metrics.md is generated from this list.
 *
 * Names say the unit, counters end in `_total` (added when printed), and a metric without a source in some node is absent there. The
 * numbers are those of the JSON endpoints: a metric reads the same snapshots and keeps no count of its own.
 */
import { discoveryMetrics } from './discovery-metrics.ts'
import { fabricMetrics } from './fabric-metrics.ts'
import type { Metric, MetricSection } from './metric.ts'
import { nodeMetrics } from './node-metrics.ts'
import { queueMetrics } from './queue-metrics.ts'
import { systemMetrics } from './system-metrics.ts'

export const metricSections: readonly MetricSection[] = [
  ...nodeMetrics,
  ...systemMetrics,
  ...queueMetrics,
  ...discoveryMetrics,
  ...fabricMetrics,
]

export const metricCatalogue: readonly Metric[] = metricSections.flatMap(({ metrics }) => metrics)
