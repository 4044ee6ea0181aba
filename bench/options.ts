/** How thoroughly to measure; every benchmark takes these. */
export interface BenchOptions {
  /** Runs of each contender. */
  readonly runs: number
  /** Length of a run. */
  readonly seconds: number
}
