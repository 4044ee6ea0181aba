/**
 * The way of a peer's messages into a part of the control plane: limited in rate before anything is spent on them, read, and what could not
 * be read counted and named once in a while. Nothing here throws, and no message costs the link.
 */
import { type Env, KeyedRateLimiter, type LogScope } from '../base/index.ts'
import { logOncePer } from '../telemetry/index.ts'
import type { FrameError } from '../wire/index.ts'

/** Messages a peer may send on average and at once. */
const PEER_MESSAGES_PER_SECOND = 500
const PEER_MESSAGES_BURST = 2_000
const PEERS_MAX = 10_000
const COMPLAINT_INTERVAL_MS = 60_000

type DecodeResult<M> = { readonly message: M; readonly dropped: readonly FrameError[] } | { readonly rejected: string }

export interface IntakeDeps<M> {
  readonly env: Pick<Env, 'clock'>
  readonly log: LogScope
  /** What the messages are called in the log. */
  readonly noun: string
  decode(frame: { readonly payload?: unknown }, text: string, now: number): DecodeResult<M>
  accept(from: string, message: M): void
}

export interface Intake<M> {
  /** A message that was handed over as it is. */
  receive(from: string, message: M): void
  /** One that is still to be read. */
  receiveFrame(from: string, frame: { readonly payload?: unknown }, text: string): void
  /** Logs a complaint about a peer, at most once a minute for each `kind` and peer. */
  complain(kind: string, from: string, line: string, cause?: unknown): void
  readonly counts: { readonly rate_limited: number; readonly unreadable_messages: number; readonly unreadable_entries: number }
}

export function createIntake<M>({ accept, decode, env, log, noun }: IntakeDeps<M>): Intake<M> {
  const { clock } = env
  const complaints = logOncePer({ clock, intervalMs: COMPLAINT_INTERVAL_MS })
  const rates = new KeyedRateLimiter(clock, { ratePerSecond: PEER_MESSAGES_PER_SECOND, burst: PEER_MESSAGES_BURST, keysMax: PEERS_MAX })
  const counts = { rate_limited: 0, unreadable_messages: 0, unreadable_entries: 0 }

  function complain(kind: string, from: string, line: string, cause?: unknown): void {
    complaints.log(`${kind} ${from}`, (more) => (cause === undefined ? log.warn(`${line}${more}`) : log.error(`${line}${more}`, cause)))
  }

  function withinRate(from: string): boolean {
    if (rates.tryTake(from)) return true
    counts.rate_limited++
    complain('rate', from, `${from} sends more than ${PEER_MESSAGES_PER_SECOND} ${noun} messages per second: those above are dropped`)
    return false
  }

  return {
    receive(from, message) {
      if (withinRate(from)) accept(from, message)
    },
    receiveFrame(from, frame, text) {
      if (!withinRate(from)) return
      const result = decode(frame, text, clock.wall())
      if ('rejected' in result) {
        counts.unreadable_messages++
        complain('frame', from, `a ${noun} message of ${from} is skipped: ${result.rejected}`)
        return
      }
      const { dropped, message } = result
      if (dropped.length > 0) {
        counts.unreadable_entries += dropped.length
        complain('entries', from, `${dropped.length} parts of a ${noun} message of ${from} left out: ${dropped[0]?.message}`)
      }
      accept(from, message)
    },
    complain,
    counts,
  }
}
