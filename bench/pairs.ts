/**
 * Interleaved measurement of two contenders: A B B A A B …, one after the other on the otherwise idle machine.
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

/** A contender that runs. */
export interface Contender {
  warmUp(): Promise<unknown>
  measure(): Promise<number>
  stop(): Promise<void>
}

/** Pairs until both contenders are started anew. */
const PAIRS_OF_A_START = 2
/** Runs of each contender in such a pair, in turns: a machine that others use too changes its pace several times a second. */
const SLICES = 4
/** Turns of warming up. */
const WARM_UP_TURNS = 4

export async function measurePairs(runs: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<PairOutcome> {
  return outcomeOf(await takePairs(runs, ours, theirs))
}

/**
 * The same for contenders that differ by a few percent: each of a pair runs {@link SLICES} times, and they are started anew every few pairs. One
 * process of a program is a few percent faster than the next, for as long as it runs, since what its compiler chose first stays. One that is
 * started and warmed up before another is slower by as much (measured with two of a kind), so they take turns in that too.
 */
export async function measureFreshPairs(
  runs: number,
  startOurs: () => Promise<Contender>,
  startTheirs: () => Promise<Contender>,
): Promise<PairOutcome> {
  const samples = { ours: [] as number[], theirs: [] as number[] }
  for (let done = 0; done < runs; done += PAIRS_OF_A_START) {
    const oursFirst = (done / PAIRS_OF_A_START) % 2 === 0
    const first = await (oursFirst ? startOurs() : startTheirs())
    const second = await (oursFirst ? startTheirs() : startOurs())
    for (let turn = 0; turn < WARM_UP_TURNS; turn++) for (const contender of [first, second]) await contender.warmUp()
    const [ours, theirs] = oursFirst ? [first, second] : [second, first]
    for (let pair = 0; pair < Math.min(runs - done, PAIRS_OF_A_START); pair++) {
      const slices = await takePairs(SLICES, ours.measure, theirs.measure)
      samples.ours.push(mean(slices.ours))
      samples.theirs.push(mean(slices.theirs))
    }
    await ours.stop()
    await theirs.stop()
  }
  return outcomeOf(samples)
}

/** What was measured, the n-th of ours beside the n-th of theirs. */
interface PairSamples {
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
}

async function takePairs(runs: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<PairSamples> {
  const samples = { ours: [] as number[], theirs: [] as number[] }
  for (let i = 0; i < runs; i++) {
    if (i % 2 === 0) samples.ours.push(await ours())
    samples.theirs.push(await theirs())
    if (i % 2 === 1) samples.ours.push(await ours())
  }
  return samples
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Of pairs that were measured one by one. */
export function outcomeOf({ ours, theirs }: PairSamples): PairOutcome {
  return { ours: summarize(ours), theirs: summarize(theirs), ratio: summarize(ours.map((value, i) => value / (theirs[i] as number))) }
}
