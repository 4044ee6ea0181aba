/**
 * Interleaved measurement of two contenders: A B A B …, one after the other on the otherwise idle machine.
 *
 * Absolute numbers drift with the machine; what two neighbouring runs say of each other does not. So a comparison is the median of the
 * ratios of the pairs, and its spread tells how far to trust it.
 */
import { type Summary, summarize } from './statistics.ts'

export interface PairOutcome {
  readonly ours: Summary
  readonly theirs: Summary
  /** Of ours to theirs, pair by pair. */
  readonly ratio: Summary
}

export async function measurePairs(runs: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<PairOutcome> {
  const a: number[] = []
  const b: number[] = []
  for (let i = 0; i < runs; i++) {
    a.push(await ours())
    b.push(await theirs())
  }
  return { ours: summarize(a), theirs: summarize(b), ratio: summarize(a.map((value, i) => value / (b[i] as number))) }
}
