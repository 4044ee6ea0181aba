/**
 * What all hosts of a simulation share: one time line, one seed, and the list of things that must never happen.
 */
import { createSeededRandom, createVirtualTime, type Random, type VirtualTime } from '../base/index.ts'
import { ranDry } from './real-io.ts'

/** Something that must not happen, whatever the faults injected. */
export interface Fault {
  /** Stable name: `uncaught_error`, `real_io`, `codec_mismatch`, or an invariant of the explorer. */
  readonly kind: string
  readonly host: string
  readonly message: string
  readonly atMs: number
}

export interface World {
  readonly time: VirtualTime
  readonly seed: number | string
  /** In order of occurrence; bounded, the first ones are kept. */
  readonly faults: readonly Fault[]
  /** A stream of chance of its own for each name. */
  random(name: string): Random
  fault(kind: string, host: string, message: string): void
  /** One line of the run's log: `who` is a host, or what acts on hosts. */
  note(who: string, line: string): void
}

export interface WorldOptions {
  readonly seed: number | string
  /** Takes the lines of the log, without newline; the log is the same for the same seed, byte by byte. */
  readonly log?: (line: string) => void
}

/** Enough to understand what went wrong. */
const FAULTS_MAX = 100

export function createWorld({ log, seed }: WorldOptions): World {
  const time = createVirtualTime({ ranDry })
  const faults: Fault[] = []

  function note(who: string, line: string): void {
    log?.(`${(time.clock.monotonic() / 1000).toFixed(6).padStart(12)} ${who} ${line}`)
  }

  return {
    time,
    seed,
    faults,
    random: (name) => createSeededRandom(`${seed}/${name}`, () => time.clock.wall() * 1000),
    fault(kind, host, message) {
      note(host, `FAULT ${kind}: ${message}`)
      if (faults.length < FAULTS_MAX) faults.push({ kind, host, message, atMs: time.clock.monotonic() })
    },
    note,
  }
}

/** Thrown where a simulation is driven, for the first fault of it. */
export class SimulationFaultError extends Error {
  override readonly name = 'SimulationFaultError'
  readonly fault: Fault

  constructor(fault: Fault) {
    super(`${fault.kind} on ${fault.host} at ${(fault.atMs / 1000).toFixed(3)} s: ${fault.message}`)
    this.fault = fault
  }
}
