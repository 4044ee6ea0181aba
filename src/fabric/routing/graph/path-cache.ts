/**
 * Paths found before, for as long as they are certain to be found again.
 *
 * A path, or that there is none, is kept under what was asked for (source, target, hop limit, conditions) and for one version of the graph: with the
 * first look at another version everything goes, since a change anywhere may make another path the best. Where a graph is measured all the time that
 * would be always; there path-invalidation.ts decides what goes, and the version stays. When full, the quarter used longest ago goes.
 */
import type { Clock } from '../../../base/index.ts'
import type { GraphStatistics } from '../../../wire/index.ts'
import { PATH_CACHE_ENTRIES_MAX, PATH_CACHE_TTL_MS } from './constants.ts'
import type { CheapestPath } from './shortest-path.ts'

/** `conditions`: text that tells conditions apart; empty for none. */
export interface PathCache {
  /** Null: it is known that there is no path. */
  get(source: string, target: string, hopsMax: number, conditions: string, version: number): CheapestPath | null | undefined
  set(source: string, target: string, hopsMax: number, conditions: string, version: number, found: CheapestPath | null): void
  /** Forgets what no longer holds; looks at everything kept. */
  drop(isOutdated: (found: CheapestPath | null) => boolean): number
  /** Forgets everything. */
  clear(): number
  /** The rate is 0 before the first look-up. */
  statistics(): GraphStatistics['cache_statistics']
}

export function createPathCache(clock: Clock, entriesMax = PATH_CACHE_ENTRIES_MAX): PathCache {
  /** Least recently used first. */
  const entries = new Map<string, { readonly found: CheapestPath | null; readonly expiresAtMs: number }>()
  let heldVersion = 0
  let hits = 0
  let misses = 0

  const keyOf = (source: string, target: string, hopsMax: number, conditions: string): string =>
    `${hopsMax}\0${source}\0${target}\0${conditions}`

  function follow(version: number): void {
    if (version !== heldVersion) entries.clear()
    heldVersion = version
  }

  return {
    get(source, target, hopsMax, conditions, version) {
      follow(version)
      const key = keyOf(source, target, hopsMax, conditions)
      const entry = entries.get(key)
      if (entry !== undefined) entries.delete(key)
      if (entry === undefined || clock.monotonic() >= entry.expiresAtMs) {
        misses++
        return undefined
      }
      entries.set(key, entry)
      hits++
      return entry.found
    },

    set(source, target, hopsMax, conditions, version, found) {
      follow(version)
      if (entries.size >= entriesMax) {
        let surplus = Math.max(1, Math.floor(entriesMax / 4))
        for (const key of entries.keys()) {
          if (surplus-- === 0) break
          entries.delete(key)
        }
      }
      entries.set(keyOf(source, target, hopsMax, conditions), { found, expiresAtMs: clock.monotonic() + PATH_CACHE_TTL_MS })
    },

    drop(isOutdated) {
      let dropped = 0
      for (const [key, { found }] of entries) if (isOutdated(found) && entries.delete(key)) dropped++
      return dropped
    },

    clear() {
      const { size } = entries
      entries.clear()
      return size
    },

    statistics: () => ({
      hit_rate: hits / Math.max(1, hits + misses),
      total_entries: entries.size,
      cache_hits: hits,
      cache_misses: misses,
    }),
  }
}
