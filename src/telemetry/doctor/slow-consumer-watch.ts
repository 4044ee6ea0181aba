/**
 * Connections that do not read what is sent to them: much has been waiting for them for a while.
 *
 * A large message is much too, for a moment; so it takes several looks in a row. The transport cuts such a connection off when its limit is
 * reached, which may never happen to one that is merely slow.
 */
import type { Env } from '../../base/index.ts'
import type { SlowConsumerFacts } from './node-facts.ts'

/** What is looked at of a connection. */
export interface Outlet {
  readonly remote: string
  readonly bufferedBytes: number
}

export interface SlowConsumerWatch {
  /** Those that are slow now; the most waiting first. */
  list(): SlowConsumerFacts[]
  stop(): void
}

export interface SlowConsumerWatchOptions {
  /** Bytes at which the transport cuts a connection off. */
  readonly bufferBytesMax: number
}

const LOOK_MS = 1_000
/** So many bytes wait for no healthy reader longer than a moment. */
const WAITING_BYTES = 1024 * 1024
/** Looks in a row that find as much: at 1 MiB in 3 s a reader takes less than 3 Mbit/s. */
const LOOKS = 3
const LISTED_MAX = 100

export function createSlowConsumerWatch<O extends Outlet>(
  { clock, timers }: Pick<Env, 'clock' | 'timers'>,
  outlets: () => Iterable<{ readonly outlet: O; readonly kind: 'client' | 'peer' }>,
  { bufferBytesMax }: SlowConsumerWatchOptions,
): SlowConsumerWatch {
  const bytes = Math.min(WAITING_BYTES, bufferBytesMax / 2)
  let slow = new Map<O, { readonly kind: 'client' | 'peer'; readonly looks: number; readonly since: number }>()

  const stop = timers.every(LOOK_MS, () => {
    const found: typeof slow = new Map()
    for (const { kind, outlet } of outlets()) {
      if (outlet.bufferedBytes < bytes) continue
      const known = slow.get(outlet)
      found.set(outlet, { kind, looks: (known?.looks ?? 0) + 1, since: known?.since ?? clock.wall() })
    }
    slow = found
  })

  return {
    list: () =>
      [...slow]
        .filter(([{ bufferedBytes }, { looks }]) => looks >= LOOKS && bufferedBytes >= bytes)
        .map(([{ bufferedBytes, remote }, { kind, since }]) => ({ remote, kind, buffered_bytes: bufferedBytes, since }))
        .sort((a, b) => b.buffered_bytes - a.buffered_bytes)
        .slice(0, LISTED_MAX),
    stop,
  }
}
