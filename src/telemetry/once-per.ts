/**
 * "Once per peer per interval": keeps one misbehaving peer from filling the log, and says what was left out.
 *
 * The first line of a key passes; the next ones within the interval are only counted; the first one after it passes again and
 * reports that count. Keys are bounded: the one heard of longest ago is forgotten, at worst letting an extra line through.
 *
 * @example
 * const oncePerPeer = logOncePer({ clock, intervalMs: 60_000 })
 * oncePerPeer.log(peerUrl, (more) => log.warn(`frame of ${peerUrl} refused: ${reason}${more}`))
 */
import type { Clock } from '../base/index.ts'

export interface OncePerOptions {
  readonly clock: Clock
  readonly intervalMs: number
  /** Keys remembered at once; default 1000. */
  readonly keysMax?: number
}

export interface OncePerSnapshot {
  readonly keys: number
  /** Calls that wrote nothing, since the start. */
  readonly suppressed: number
}

export interface OncePer {
  /** Calls `write` unless the key was written within the interval. `more` is empty, or says how many were suppressed before. */
  log(key: string, write: (more: string) => void): void
  snapshot(): OncePerSnapshot
}

export function logOncePer({ clock, intervalMs, keysMax = 1000 }: OncePerOptions): OncePer {
  const heard = new Map<string, { writtenAtMs: number; suppressed: number }>()
  let suppressedTotal = 0

  return {
    log(key, write) {
      const now = clock.monotonic()
      const last = heard.get(key)
      heard.delete(key)
      if (last !== undefined && now - last.writtenAtMs < intervalMs) {
        last.suppressed++
        suppressedTotal++
        heard.set(key, last)
        return
      }
      heard.set(key, { writtenAtMs: now, suppressed: 0 })
      if (heard.size > keysMax) forgetOldest(heard)
      write(last === undefined || last.suppressed === 0 ? '' : ` (${last.suppressed} more since the last such line)`)
    },
    snapshot: () => ({ keys: heard.size, suppressed: suppressedTotal }),
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  const oldest = map.keys().next()
  if (!oldest.done) map.delete(oldest.value)
}
