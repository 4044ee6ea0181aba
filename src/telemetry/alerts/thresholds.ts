/**
 * Which value of which metric is how bad, and when it is good again.
 *
 * A metric has three limits. A value reaches a band when it is at its limit or beyond, in the metric's direction of bad. It leaves a band only
 * some way back from the limit (hysteresis), so that a value which trembles around a limit is one alert and not fifty.
 */

/** Highest first: the order in which bands are tried. */
export const ALERT_BANDS = ['critical', 'error', 'warning'] as const
export type AlertBand = (typeof ALERT_BANDS)[number]

export type AlertLimits = Readonly<Record<AlertBand, number>>

export const ALERT_METRICS = [
  'avg_latency_ms',
  'throughput_rps',
  'error_rate_percent',
  'health_score',
  'cpu_usage_percent',
  'memory_usage_percent',
] as const
export type AlertMetric = (typeof ALERT_METRICS)[number]

export type AlertThresholds = Readonly<Record<AlertMetric, AlertLimits>>

/** How far back from its limit a value must be to leave a band, as a share of the limit. */
const HYSTERESIS = 0.1

interface MetricTraits {
  /** Which way is bad. */
  readonly bad: 'high' | 'low'
  /** The best value there can be, where the way back to good ends. */
  readonly best: number
  readonly unit: string
  readonly leads: Readonly<Record<AlertBand, string>>
}

const TRAITS: Readonly<Record<AlertMetric, MetricTraits>> = {
  avg_latency_ms: { bad: 'high', best: 0, unit: 'ms', leads: leads('latency') },
  throughput_rps: {
    bad: 'low',
    best: Number.POSITIVE_INFINITY,
    unit: ' RPS',
    leads: { critical: 'Critical low throughput', error: 'Low throughput', warning: 'Reduced throughput' },
  },
  error_rate_percent: { bad: 'high', best: 0, unit: '%', leads: leads('error rate') },
  health_score: {
    bad: 'low',
    best: 100,
    unit: '',
    leads: { critical: 'Critical health score', error: 'Low health score', warning: 'Degraded health score' },
  },
  cpu_usage_percent: { bad: 'high', best: 0, unit: '%', leads: leads('CPU usage') },
  memory_usage_percent: { bad: 'high', best: 0, unit: '%', leads: leads('memory usage') },
}

function leads(what: string): Record<AlertBand, string> {
  return { critical: `Critical ${what}`, error: `High ${what}`, warning: `Elevated ${what}` }
}

export type AlertPreset = 'default' | 'production' | 'development'

const RESOURCES = {
  cpu_usage_percent: limits(70, 85, 95),
  memory_usage_percent: limits(80, 90, 95),
} as const

/** Limits to start from. `throughput_rps` counts only where throughput is not judged by the cluster's own normal. */
export const ALERT_PRESETS: Readonly<Record<AlertPreset, AlertThresholds>> = {
  default: {
    avg_latency_ms: limits(100, 500, 1000),
    throughput_rps: limits(10, 5, 1),
    error_rate_percent: limits(1, 5, 10),
    health_score: limits(80, 60, 40),
    ...RESOURCES,
  },
  production: {
    avg_latency_ms: limits(50, 200, 500),
    throughput_rps: limits(50, 20, 5),
    error_rate_percent: limits(0.5, 2, 5),
    health_score: limits(85, 70, 50),
    ...RESOURCES,
  },
  development: {
    avg_latency_ms: limits(200, 1000, 2000),
    throughput_rps: limits(5, 2, 0.5),
    error_rate_percent: limits(5, 15, 25),
    health_score: limits(70, 50, 30),
    ...RESOURCES,
  },
}

function limits(warning: number, error: number, critical: number): AlertLimits {
  return { warning, error, critical }
}

export function reaches(metric: AlertMetric, value: number, limit: number): boolean {
  return TRAITS[metric].bad === 'high' ? value >= limit : value <= limit
}

/** Whether a value is far enough from a limit it once reached; at most half the way to the best value is asked for. */
export function hasLeft(metric: AlertMetric, value: number, limit: number): boolean {
  const { bad, best } = TRAITS[metric]
  const step = limit * HYSTERESIS
  if (bad === 'high') return value <= limit - step
  return value >= Math.min(limit + step, (limit + best) / 2)
}

/** One metric of one cluster over time: how many checks on end each band was reached. */
export interface BandStreaks extends Record<AlertBand, number> {}

export function freshStreaks(): BandStreaks {
  return { critical: 0, error: 0, warning: 0 }
}

/**
 * The band a metric is in after this check, undefined for none. Counts the check in `streaks`.
 * @param held the band it was in before
 * @param checks how many checks on end a band must be reached to be entered
 */
export function stepBand(
  metric: AlertMetric,
  value: number,
  limitsOf: AlertLimits,
  streaks: BandStreaks,
  held: AlertBand | undefined,
  checks: number,
): AlertBand | undefined {
  for (const band of ALERT_BANDS) streaks[band] = reaches(metric, value, limitsOf[band]) ? streaks[band] + 1 : 0
  return ALERT_BANDS.find(
    (band) => streaks[band] >= checks || (held !== undefined && isAtMost(band, held) && !hasLeft(metric, value, limitsOf[band])),
  )
}

function isAtMost(band: AlertBand, other: AlertBand): boolean {
  return ALERT_BANDS.indexOf(band) >= ALERT_BANDS.indexOf(other)
}

/** What an alert says: `Elevated latency in cluster eu: 123.4ms`. */
export function alertMessage(metric: AlertMetric, band: AlertBand, clusterId: string, value: number): string {
  const { leads: lead, unit } = TRAITS[metric]
  return `${lead[band]} in cluster ${clusterId}: ${value.toFixed(1)}${unit}`
}
