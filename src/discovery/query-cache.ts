/**
 * Answers to queries, kept for a while: fresh ones are given out as they are, stale ones too while a new one is worked out behind them
 * (stale-while-revalidate, RFC 5861), and an empty answer counts as one.
 *
 * A change of what is queried makes every answer stale at once. The key must name all that an answer depends on, the viewer included.
 */
import type { Env } from '../base/index.ts'
import type { Recall, Recalled } from './recall.ts'

export interface QueryCacheOptions {
  readonly ttlSeconds: number
  /** How long an answer may still be served after that. */
  readonly staleSeconds: number
  /** Lifetime of an empty answer. */
  readonly negativeTtlSeconds: number
  /** Over all kinds; 0: nothing is kept. */
  readonly entriesMax: number
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
  readonly generatedAt: number
  readonly expiresAt: number
  readonly staleUntil: number
  readonly generation: number
  isRefreshing: boolean
}

export function createQueryCache({ clock, log, timers }: Pick<Env, 'clock' | 'timers' | 'log'>, options: QueryCacheOptions): QueryCache {
  const { entriesMax, negativeTtlSeconds, staleSeconds, ttlSeconds } = options
  /** In the order in which they were worked out. */
  const entries = new Map<string, Entry>()
  let generation = 0
  const counters = {
    catalog: { hits: 0, misses: 0, stale_serves: 0, negative_hits: 0, refreshes: 0 },
    cluster_map: { hits: 0, misses: 0, stale_serves: 0, negative_hits: 0, refreshes: 0 },
  }

  function store<T>(kind: CachedQuery, key: string, items: readonly T[]): Recalled<T> {
    const generatedAt = clock.wall()
    entries.delete(key)
    if (entriesMax > 0) {
      if (entries.size >= entriesMax) entries.delete(entries.keys().next().value as string)
      const expiresAt = generatedAt + (items.length === 0 ? negativeTtlSeconds : ttlSeconds)
      const staleUntil = expiresAt + staleSeconds
      entries.set(key, { kind, items, generatedAt, expiresAt, staleUntil, generation, isRefreshing: false })
    }
    return { items, generatedAt }
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
        entries.delete(key)
        log.scope('cluster').error('a kept answer could not be refreshed', error)
      }
    })
  }

  return {
    recall<T>(kind: CachedQuery, query: string, evaluate: () => readonly T[]): Recalled<T> {
      const counter = counters[kind]
      const key = `${kind} ${query}`
      const entry = entries.get(key)
      const now = clock.wall()
      if (entry === undefined || now > entry.staleUntil) {
        counter.misses++
        return store(kind, key, evaluate())
      }
      if (entry.items.length === 0) counter.negative_hits++
      if (entry.generation === generation && now <= entry.expiresAt) counter.hits++
      else {
        counter.stale_serves++
        refresh(key, entry, evaluate)
      }
      return { items: entry.items as readonly T[], generatedAt: entry.generatedAt }
    },
    outdate() {
      generation++
    },
    clear: () => entries.clear(),
    prune() {
      const now = clock.wall()
      for (const [key, { staleUntil }] of entries) if (now > staleUntil) entries.delete(key)
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
