/**
 * The link-state database: what every node says about the links of its cluster, for as long as it holds.
 *
 * A view is kept by (origin, area, creator). Its life is counted by this node's clock from the moment it came, so that clocks that disagree do
 * not cut it short; a copy that comes late can not prolong it, being no newer. The time its creator stamped on it only decides whether it is
 * too old to begin with.
 */
import type { Clock } from '../../../base/index.ts'
import { compareCodePoints, type LinkStateUpdate } from '../../../wire/index.ts'
import { type Adjacencies, adjacenciesOf, faultOf, type UpdateFault } from './adjacency.ts'
import type { Area } from './area-policy.ts'
import { ADJACENCIES_MAX, AREAS_MAX, CREATORS_MAX, ENTRIES_MAX, ORIGINS_MAX, TTL_FACTOR_MAX } from './constants.ts'
import type { Topology } from './topology.ts'

export interface View {
  readonly origin: string
  readonly area: Area
  readonly creator: string
  readonly sequence: number
  /** Unix seconds, by the creator's clock. */
  readonly advertisedAt: number
  /** Monotonic. */
  readonly expiresAtMs: number
  readonly adjacencies: Adjacencies
}

export type StoreRefusal = UpdateFault | 'expired' | 'stale' | 'full'

export interface Database {
  /** Keeps what `creator` says; undefined when it did, else why not. */
  store(update: LinkStateUpdate, creator: string): StoreRefusal | undefined
  /** Drops and returns what has expired. */
  purge(): readonly View[]
  /** The creators that say a link leads from `origin` to `neighbor`. */
  witnesses(origin: string, neighbor: string): string[]
  /** Distinct (origin, area). */
  readonly entries: number
  readonly views: number
  /** Named areas, in order. */
  areas(): string[]
}

export interface DatabaseDeps {
  readonly clock: Clock
  readonly topology: Topology
}

const NONE: readonly View[] = []

/** @param ttlSeconds how long this node's own updates live */
export function createDatabase({ clock, topology }: DatabaseDeps, ttlSeconds: number): Database {
  const views = new Map<string, View>()
  /** Views of each (origin, area), of each origin, of each area. */
  const ofEntry = createTally()
  const ofOrigin = createTally()
  const ofArea = createTally()
  let adjacencies = 0
  /** No view expires before; saves looking through all of them. */
  let nextExpiryMs = Number.POSITIVE_INFINITY

  function hasRoom(view: View, before: View | undefined): boolean {
    const { origin, area } = view
    if (adjacencies + view.adjacencies.size - (before?.adjacencies.size ?? 0) > ADJACENCIES_MAX) return false
    if (before !== undefined) return true
    const isAreaKnown = area === null || ofArea.of(area) > 0 || ofArea.size < AREAS_MAX
    const isOriginKnown = ofOrigin.of(origin) > 0 || ofOrigin.size < ORIGINS_MAX
    return views.size < ENTRIES_MAX && isAreaKnown && isOriginKnown && ofEntry.of(entryKey(view)) < CREATORS_MAX
  }

  function put(key: string, before: View | undefined, after: View | undefined): void {
    const view = after ?? before
    if (view === undefined) return
    const { origin, area } = view
    const change = Number(after !== undefined) - Number(before !== undefined)
    ofEntry.add(entryKey(view), change)
    ofOrigin.add(origin, change)
    if (area !== null) ofArea.add(area, change)
    adjacencies += (after?.adjacencies.size ?? 0) - (before?.adjacencies.size ?? 0)
    if (after === undefined) views.delete(key)
    else views.set(key, after)
    topology.replace(key, origin, area, before?.adjacencies, after?.adjacencies)
  }

  return {
    store(update, creator) {
      const fault = faultOf(update)
      if (fault !== undefined) return fault
      const { origin, sequence, advertised_at: advertisedAt, ttl_seconds } = update
      if (clock.wall() > advertisedAt + ttl_seconds) return 'expired'
      const area = areaOf(update)
      const key = viewKey(origin, area, creator)
      const before = views.get(key)
      if (before !== undefined) {
        if (sequence < before.sequence || (sequence === before.sequence && advertisedAt <= before.advertisedAt)) return 'stale'
      }
      const lifeMs = Math.min(ttl_seconds, TTL_FACTOR_MAX * ttlSeconds) * 1000
      const expiresAtMs = clock.monotonic() + lifeMs
      const view: View = { origin, area, creator, sequence, advertisedAt, expiresAtMs, adjacencies: adjacenciesOf(update) }
      if (!hasRoom(view, before)) return 'full'
      put(key, before, view)
      nextExpiryMs = Math.min(nextExpiryMs, expiresAtMs)
      return undefined
    },

    purge() {
      const now = clock.monotonic()
      if (now <= nextExpiryMs) return NONE
      const expired: View[] = []
      nextExpiryMs = Number.POSITIVE_INFINITY
      for (const [key, view] of views) {
        if (now <= view.expiresAtMs) {
          nextExpiryMs = Math.min(nextExpiryMs, view.expiresAtMs)
          continue
        }
        put(key, view, undefined)
        expired.push(view)
      }
      return expired
    },

    witnesses(origin, neighbor) {
      const creators = new Set<string>()
      for (const key of topology.witnesses(origin, neighbor)) {
        const view = views.get(key)
        if (view !== undefined) creators.add(view.creator)
      }
      return [...creators].sort(compareCodePoints)
    },

    get entries() {
      return ofEntry.size
    },
    get views() {
      return views.size
    },
    areas: () => [...ofArea.keys()].sort(compareCodePoints),
  }
}

/** The area of an update; an empty name is none. */
export function areaOf({ area }: Pick<LinkStateUpdate, 'area'>): Area {
  return area === undefined || area === '' ? null : area
}

function viewKey(origin: string, area: Area, creator: string): string {
  return `${entryKey({ origin, area })}\0${creator}`
}

function entryKey({ origin, area }: Pick<View, 'origin' | 'area'>): string {
  return `${origin}\0${area ?? ''}`
}

interface Tally {
  readonly size: number
  of(name: string): number
  add(name: string, change: number): void
  keys(): Iterable<string>
}

function createTally(): Tally {
  const counts = new Map<string, number>()
  return {
    get size() {
      return counts.size
    },
    of: (name) => counts.get(name) ?? 0,
    add(name, change) {
      const count = (counts.get(name) ?? 0) + change
      if (count > 0) counts.set(name, count)
      else counts.delete(name)
    },
    keys: () => counts.keys(),
  }
}
