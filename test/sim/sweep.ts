/** Many seeds of the explorer, side by side in processes of their own, as a user runs them. */
import { availableParallelism } from 'node:os'
import { type Finished, startMpreg } from '../cli/run-mpreg.ts'

export interface SweepOptions {
  readonly nodes: number
  readonly clusters?: number
  /** Length of each storm. */
  readonly storm?: number
}

export interface Sweep {
  /** Processes that ended with a violation or in another bad way. */
  readonly failures: readonly Finished[]
  /** What each seed that ended well did. */
  readonly seeds: readonly SweptSeed[]
}

export interface SweptSeed {
  readonly seed: number
  readonly values: number
  readonly delivered: number
}

const SEED_LINE = /^seed (\d+): ok, .* (\d+) values, \d+ errors, \d+ published, (\d+) delivered$/

/** Runs seeds `first` to `first + count - 1`. */
export async function sweep(first: number, count: number, options: SweepOptions): Promise<Sweep> {
  const processes = Math.min(count, availableParallelism())
  const share = Math.ceil(count / processes)
  const ended = await Promise.all(
    Array.from({ length: processes }, (_, i) => {
      const runs = Math.min(share, count - i * share)
      const words = Object.entries({ seed: first + i * share, runs, ...options }).flatMap(([name, value]) => [`--${name}`, String(value)])
      return startMpreg(['sim', 'explore', ...words, '--no-minimise']).finished
    }),
  )
  const seeds = ended.flatMap(({ stdout }) =>
    stdout.split('\n').flatMap((line) => {
      const [, seed, values, delivered] = SEED_LINE.exec(line) ?? []
      return seed === undefined ? [] : [{ seed: Number(seed), values: Number(values), delivered: Number(delivered) }]
    }),
  )
  return { failures: ended.filter(({ code, stderr }) => code !== 0 || stderr !== ''), seeds }
}
