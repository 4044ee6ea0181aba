/**
 * A cluster's own normal throughput, against which a drop is judged.
 *
 * "5 requests a second" is nothing to worry about on an idle cluster and an outage on a busy one. So the limits are shares of the median of what
 * the cluster did lately, and there are none while that is unknown (too few samples) or small (a cluster that idles).
 *
 * What is measured during a drop must not become the normal by which the drop is measured: it is held out, for up to an hour. A change that
 * lasts longer than that is the new normal.
 */
import { BoundedQueue, type Clock } from '../../base/index.ts'
import type { AlertLimits } from './thresholds.ts'

export interface BaselineOptions {
  /** Samples before a cluster is judged. */
  readonly samplesMin: number
  /** A cluster whose normal is below this is not judged, requests a second. */
  readonly baselineMinRps: number
  /** Shares of the normal at which the bands begin. */
  readonly dropRatios: AlertLimits
}

export const DEFAULT_BASELINE: BaselineOptions = {
  samplesMin: 5,
  baselineMinRps: 5,
  dropRatios: { warning: 0.5, error: 0.2, critical: 0.05 },
}

/** Samples the normal is taken from. */
const SAMPLES_MAX = 100
const HOLD_OUT_MS = 3_600_000

/** Whether throughput is judged, by what, and if not, why not. */
export type Arming =
  | { readonly armed: true; readonly samples: number; readonly baseline_rps: number; readonly limits: AlertLimits }
  | { readonly armed: false; readonly samples: number; readonly baseline_rps: number | null; readonly reason: string }

export interface ThroughputBaseline {
  arming(): Arming
  /** Takes a sample; zero is none. `dropping`: it is part of a drop and held out. */
  record(rps: number, dropping: boolean): void
}

export function createThroughputBaseline(clock: Pick<Clock, 'monotonic'>, options: BaselineOptions): ThroughputBaseline {
  const { samplesMin, baselineMinRps, dropRatios } = options
  const samples = new BoundedQueue<number>({ capacity: SAMPLES_MAX, whenFull: 'drop-oldest' })
  let droppingSinceMs: number | undefined
  let known: Arming | undefined

  function judge(): Arming {
    const count = samples.length
    if (count < samplesMin) {
      return { armed: false, samples: count, baseline_rps: null, reason: `${count} of ${samplesMin} samples with traffic so far` }
    }
    const baseline = upperMedian([...samples])
    if (baseline < baselineMinRps) {
      const reason = `the cluster's normal is ${baseline.toFixed(1)} requests a second, below ${baselineMinRps}`
      return { armed: false, samples: count, baseline_rps: baseline, reason }
    }
    return { armed: true, samples: count, baseline_rps: baseline, limits: dropLimits(baseline, dropRatios) }
  }

  return {
    arming() {
      known ??= judge()
      return known
    },
    record(rps, dropping) {
      if (dropping) droppingSinceMs ??= clock.monotonic()
      else droppingSinceMs = undefined
      const isHeldOut = droppingSinceMs !== undefined && clock.monotonic() - droppingSinceMs < HOLD_OUT_MS
      if (!(rps > 0) || isHeldOut) return
      samples.push(rps)
      known = undefined
    },
  }
}

/** Limits for a normal; ratios in the wrong order are mended by raising the milder limit. */
export function dropLimits(baselineRps: number, ratios: AlertLimits): AlertLimits {
  const critical = ratios.critical * baselineRps
  const error = Math.max(ratios.error * baselineRps, critical)
  return { critical, error, warning: Math.max(ratios.warning * baselineRps, error) }
}

export function upperMedian(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}
