/** Summaries of a few dozen measurements. Medians, because a run that a neighbour disturbed must not move the result. */

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  /** Interquartile range: the middle half of the measurements lies between these. */
  readonly lower: number
  readonly upper: number
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
    count: sorted.length,
  }
}

/** Linear interpolation between the two nearest ranks; NaN of nothing. */
export function quantile(sorted: ArrayLike<number>, fraction: number): number {
  const at = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}
