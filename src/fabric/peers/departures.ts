/**
 * Who said goodbye. For a grace period a departed process is not let in again, so that it does not flicker through the fabric while it
 * shuts down; a new process at the same url is welcome at once.
 *
 * The period starts when the goodbye is received, by this node's monotonic clock: the sender's clock decides nothing.
 */
import { type Clock, type LogScope, silentLog } from '../../base/index.ts'
import type { GoodbyeReason } from '../../wire/index.ts'
import { DEPARTURES_MAX } from './constants.ts'

export interface Departure {
  readonly node_url: string
  /** Empty when the goodbye named none. */
  readonly instance_id: string
  readonly cluster_id: string
  readonly reason: GoodbyeReason
  /** Unix seconds of the reception. */
  readonly departed_at: number
}

export interface DepartureView extends Departure {
  readonly expires_in_seconds: number
}

export interface DeparturesSnapshot {
  readonly remembered: number
  readonly recorded_total: number
  readonly expired_total: number
  /** Records dropped because a new process came to the url. */
  readonly superseded_total: number
  /** Records dropped because there were too many. */
  readonly forgotten_total: number
}

export interface Departures {
  /** False when the grace period is 0, which disables recording. */
  record(departure: Omit<Departure, 'departed_at'>): boolean
  /** Asking about another process than the departed one drops the record. An unknown instance on either side counts as the same. */
  isDeparted(nodeUrl: string, instanceId?: string): boolean
  /** Drops expired records. */
  prune(): number
  list(): DepartureView[]
  snapshot(): DeparturesSnapshot
}

export function createDepartures(clock: Clock, graceSeconds: number, log: LogScope = silentLog): Departures {
  const graceMs = graceSeconds * 1000
  /** All live equally long, so insertion order is order of expiry. */
  const records = new Map<string, Departure & { readonly expiresAtMs: number }>()
  const counters = { recorded: 0, expired: 0, superseded: 0, forgotten: 0 }

  function prune(): number {
    const now = clock.monotonic()
    let pruned = 0
    for (const [url, { expiresAtMs }] of records) {
      if (now < expiresAtMs) break
      expire(url)
      pruned++
    }
    return pruned
  }

  function expire(url: string): void {
    records.delete(url)
    counters.expired++
    if (log.debugOn) log.debug(`departure expired peer=${url}`)
  }

  return {
    record(departure) {
      if (graceMs <= 0) return false
      prune()
      records.delete(departure.node_url)
      records.set(departure.node_url, { ...departure, departed_at: clock.wall(), expiresAtMs: clock.monotonic() + graceMs })
      counters.recorded++
      if (records.size > DEPARTURES_MAX) {
        records.delete(records.keys().next().value as string)
        counters.forgotten++
      }
      return true
    },

    isDeparted(nodeUrl, instanceId = '') {
      const record = records.get(nodeUrl)
      if (record === undefined) return false
      if (clock.monotonic() >= record.expiresAtMs) {
        expire(nodeUrl)
        return false
      }
      if (instanceId !== '' && record.instance_id !== '' && instanceId !== record.instance_id) {
        records.delete(nodeUrl)
        counters.superseded++
        if (log.debugOn) log.debug(`departure dropped peer=${nodeUrl} reason=new_instance instance=${instanceId}`)
        return false
      }
      return true
    },

    prune,

    list() {
      const now = clock.monotonic()
      return [...records.values()]
        .filter(({ expiresAtMs }) => now < expiresAtMs)
        .map(({ expiresAtMs, ...departure }) => ({ ...departure, expires_in_seconds: (expiresAtMs - now) / 1000 }))
    },

    snapshot: () => ({
      remembered: records.size,
      recorded_total: counters.recorded,
      expired_total: counters.expired,
      superseded_total: counters.superseded,
      forgotten_total: counters.forgotten,
    }),
  }
}
