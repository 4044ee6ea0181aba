/**
 * Answers to queries, kept for a while: fresh ones are given out as they are, stale ones too while a new one is worked out behind them
 * (stale-while-revalidate, RFC 5861), and an empty answer counts as one.
 *
 * A change of what is queried makes every answer stale at once. The key must name all that an answer depends on, the viewer included.
 */
import type { Env } from '../base/index.ts'
import { KEPT_ITEMS_MAX } from './constants.ts'
import type { Recall, Recalled } from './recall.ts'

export interface QueryCacheOptions {
  readonly ttlSeconds: number
  /** How long an answer may still be served after that. */
  readonly staleSeconds: number
  /** Lifetime of an empty answer. */
  readonly negativeTtlSeconds: number
  /** Over all kinds; 0: nothing is kept. */
  readonly entriesMax: number
  /** In all answers together: an answer is the whole list that pages are cut from. */
  readonly itemsMax?: number
}

type CachedQuery = Parameters<Recall>[0]

/** In the words of the protocol: entries and the five counters of each kind. */
export type QueryCacheSnapshot = Readonly<
  Record<`${CachedQuery}_${'entries' | 'hits' | 'misses' | 'stale_serves' | 'negative_hits' | 'refreshes'}`, number>
>

export interface QueryCache {
  /** Works an answer out now, or later too: what computes it must not hold on to the time of the question. */
  readonly recall: Recall
  /** What is queried has changed. */
  outdate(): void
  /** Forgets all answers: they may not even be served while new ones are worked out. */
  clear(): void
  /** Drops what may not be served any more. */
  prune(): void
  snapshot(): QueryCacheSnapshot
}

interface Entry {
  readonly kind: CachedQuery
  readonly items: readonly unknown[]
  /** Unix seconds; the other times are monotonic: a clock that is put back makes no answer last. */
  readonly generatedAt: number
  readonly expiresAtMs: number
  readonly staleUntilMs: number
  readonly generation: number
  isRefreshing: boolean
}

export function createQueryCache({ clock, log, timers }: Pick<Env, 'clock' | 'timers' | 'log'>, options: QueryCacheOptions): QueryCache {
  const { entriesMax, itemsMax = KEPT_ITEMS_MAX, negativeTtlSeconds, staleSeconds, ttlSeconds } = options
  /** In the order in which they were worked out. */
  const entries = new Map<string, Entry>()
  /** Items in all of them. */
  let kept = 0
  let generation = 0
  const counters = {
    catalog: { hits: 0, misses: 0, stale_serves: 0, negative_hits: 0, refreshes: 0 },
    cluster_map: { hits: 0, misses: 0, stale_serves: 0, negative_hits: 0, refreshes: 0 },
  }

  function store<T>(kind: CachedQuery, key: string, items: readonly T[]): Recalled<T> {
    const generatedAt = clock.wall()
    drop(key)
    if (entriesMax > 0 && items.length <= itemsMax) {
      while (entries.size >= entriesMax || kept + items.length > itemsMax) drop(entries.keys().next().value as string)
      const expiresAtMs = clock.monotonic() + (items.length === 0 ? negativeTtlSeconds : ttlSeconds) * 1000
      const staleUntilMs = expiresAtMs + staleSeconds * 1000
      entries.set(key, { kind, items, generatedAt, expiresAtMs, staleUntilMs, generation, isRefreshing: false })
      kept += items.length
    }
    return { items, generatedAt }
  }

  function drop(key: string): void {
    kept -= entries.get(key)?.items.length ?? 0
    entries.delete(key)
  }

  function refresh(key: string, entry: Entry, evaluate: () => readonly unknown[]): void {
    if (entry.isRefreshing) return
    entry.isRefreshing = true
    timers.after(0, () => {
      // Dropped, or worked out anew, in the meantime.
      if (entries.get(key) !== entry) return
      try {
        store(entry.kind, key, evaluate())
        counters[entry.kind].refreshes++
      } catch (error) {
        drop(key)
        log.scope('cluster').error('a kept answer could not be refreshed', error)
      }
    })
  }

  return {
    recall<T>(kind: CachedQuery, query: string, evaluate: () => readonly T[]): Recalled<T> {
      const counter = counters[kind]
      const key = `${kind} ${query}`
      const entry = entries.get(key)
      const now = clock.monotonic()
      if (entry === undefined || now > entry.staleUntilMs) {
        counter.misses++
        return store(kind, key, evaluate())
      }
      if (entry.items.length === 0) counter.negative_hits++
      if (entry.generation === generation && now <= entry.expiresAtMs) counter.hits++
      else {
        counter.stale_serves++
        refresh(key, entry, evaluate)
      }
      return { items: entry.items as readonly T[], generatedAt: entry.generatedAt }
    },
    outdate() {
      generation++
    },
    clear() {
      entries.clear()
      kept = 0
    },
    prune() {
      const now = clock.monotonic()
      for (const [key, { staleUntilMs }] of entries) if (now > staleUntilMs) drop(key)
    },
    snapshot() {
      const count = { catalog: 0, cluster_map: 0 }
      for (const { kind } of entries.values()) count[kind]++
      const counted = (kind: CachedQuery) => Object.entries(counters[kind]).map(([name, value]) => [`${kind}_${name}`, value])
      return {
        catalog_entries: count.catalog,
        cluster_map_entries: count.cluster_map,
        ...Object.fromEntries([...counted('catalog'), ...counted('cluster_map')]),
      } as QueryCacheSnapshot
    },
  }
}
