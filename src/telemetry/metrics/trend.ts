/**
 * Where a series of values is heading: its last third against its first, read for what the metric means.
 *
 * More latency is worse, more throughput is not. And a change too small to matter in absolute terms is none: from 0 to 0.1 ms is any number of
 * percent.
 */
import type { Trend } from '../../wire/index.ts'

export interface TrendRule {
  readonly better: 'lower' | 'higher'
  /** Changes smaller than this, in the metric's unit, are no change. */
  readonly floor: number
}

export const TREND_RULES = {
  latency: { better: 'lower', floor: 1 },
  throughput: { better: 'higher', floor: 1 },
  error_rate: { better: 'lower', floor: 0.5 },
  resource_utilization: { better: 'lower', floor: 5 },
} as const satisfies Readonly<Record<string, TrendRule>>

const VALUES_MIN = 6
const CHANGE_MIN = 0.1

export function trendOf(values: readonly number[], { better, floor }: TrendRule): Trend {
  if (values.length < VALUES_MIN) return 'insufficient_data'
  const third = Math.max(1, Math.floor(values.length / 3))
  const first = mean(values.slice(0, third))
  const last = mean(values.slice(-third))
  const change = last - first
  if (Math.abs(change) < floor || Math.abs(change) <= CHANGE_MIN * Math.abs(first)) return 'stable'
  return change < 0 === (better === 'lower') ? 'improving' : 'degrading'
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
