/**
 * Repeats a question until Ctrl-C, or so many times. A poll that fails is told and the watch goes on: a node that is away for a moment is
 * what one watches for.
 */
import { type Command, Option } from 'commander'
import { notice } from './body-output.ts'
import { positiveInteger, positiveSeconds } from './option-values.ts'
import { CommandFailure, isDecorated } from './outcome.ts'

export interface WatchFlags {
  readonly interval: number
  readonly count?: number
}

export function watchOptions(command: Command, intervalSeconds: number): Command {
  return command
    .addOption(new Option('-i, --interval <seconds>', 'time between looks').argParser(positiveSeconds).default(intervalSeconds))
    .addOption(new Option('--count <n>', 'end after so many looks').argParser(positiveInteger))
}

export interface Watch {
  /** Heads each look on a terminal, with the second it was taken in; elsewhere only the first. */
  readonly title?: string
  /** Stands before the title where somebody looks at a terminal. */
  readonly sign?: string
  /** Start each look on an empty screen, where there is one. */
  readonly clears: boolean
  look(signal: AbortSignal): Promise<void>
}

/** Resolves after `count` looks or Ctrl-C. Headings go to standard error, so that what is printed stays readable by programs. */
export async function watch(
  { count = Number.POSITIVE_INFINITY, interval }: WatchFlags,
  { clears, look, sign, title }: Watch,
): Promise<void> {
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  const isSeen = process.stdout.isTTY === true
  const heading = sign !== undefined && isDecorated(process.stdout) && isDecorated(process.stderr) ? `${sign} ${title}` : title
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    for (let looks = 0; looks < count && !stopping.signal.aborted; looks++) {
      if (looks > 0 && !(await pause(interval * 1000, stopping.signal))) break
      if (clears && isSeen) process.stdout.write('\x1b[2J\x1b[H')
      if (heading !== undefined && (isSeen || looks === 0)) notice(`${heading} - ${Math.floor(Date.now() / 1000)}`)
      await attempt(look, stopping.signal)
    }
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
  if (stopping.signal.aborted) notice('Watch ended.')
}

async function attempt(look: Watch['look'], signal: AbortSignal): Promise<void> {
  try {
    await look(signal)
  } catch (error) {
    if (signal.aborted) return
    if (!(error instanceof CommandFailure)) throw error
    notice(error.message)
  }
}

/** Resolves to false when it was cut short. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false)
    const end = (whole: boolean) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cut)
      resolve(whole)
    }
    const cut = () => end(false)
    const timer = setTimeout(end, ms, true)
    signal.addEventListener('abort', cut)
  })
}
