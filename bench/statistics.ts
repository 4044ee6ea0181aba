/** Summaries of a few dozen measurements. Medians, because a run that a neighbour disturbed must not move the result. */

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  /** Interquartile range: the middle half of the measurements lies between these. */
  readonly lower: number
  readonly upper: number
  /** Where the median of everything that could be measured lies, with a confidence of at least 95 %. */
  readonly medianInterval: readonly [lower: number, upper: number]
  readonly count: number
}

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    median: quantile(sorted, 0.5),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
    lower: quantile(sorted, 0.25),
    upper: quantile(sorted, 0.75),
    medianInterval: medianInterval(sorted),
    count: sorted.length,
  }
}

/**
 * The order statistics that a fair coin leaves out with at most 2.5 % on either side: nothing is assumed of the distribution. Of fewer than six
 * values it is their whole span.
 */
function medianInterval(sorted: readonly number[]): readonly [lower: number, upper: number] {
  const count = sorted.length
  let leftOut = 0
  let probability = 0.5 ** count
  for (let tail = probability; tail <= 0.025; tail += probability) {
    leftOut++
    probability *= (count - leftOut + 1) / leftOut
  }
  const rank = Math.max(0, leftOut - 1)
  return [sorted[rank] ?? Number.NaN, sorted[count - 1 - rank] ?? Number.NaN]
}

/** Linear interpolation between the two nearest ranks; NaN of nothing. */
export function quantile(sorted: ArrayLike<number>, fraction: number): number {
  const at = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}
