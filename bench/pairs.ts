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

/** What was measured, the n-th of ours beside the n-th of theirs. */
export interface PairSamples {
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
}

export async function measurePairs(runs: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<PairOutcome> {
  return outcomeOf([await takePairs(runs, ours, theirs)])
}

/** The measurements alone, for who takes them in several goes. */
export async function takePairs(runs: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<PairSamples> {
  const samples = { ours: [] as number[], theirs: [] as number[] }
  for (let i = 0; i < runs; i++) {
    samples.ours.push(await ours())
    samples.theirs.push(await theirs())
  }
  return samples
}

export function outcomeOf(goes: readonly PairSamples[]): PairOutcome {
  const ours = goes.flatMap((go) => go.ours)
  const theirs = goes.flatMap((go) => go.theirs)
  return { ours: summarize(ours), theirs: summarize(theirs), ratio: summarize(ours.map((value, i) => value / (theirs[i] as number))) }
}
