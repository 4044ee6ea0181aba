/**
 * The announcer keeps what this node tells the fabric in step with what it offers, and tells it again before it expires.
 *
 * The facts belong to others (function registry, exchange, queues): they hand in how to read them and say when they may have changed. All
 * that is said within one turn becomes one change and one delta. Nodes that know this one by its versioned record only need a sign of life
 * now and then; those that go by time stamps get everything again, newly stamped.
 */
import type { Cancel, Env } from '../../base/index.ts'
import {
  type CacheProfileEntry,
  type CacheRoleEntry,
  type CatalogDelta,
  compareCodePoints,
  type FunctionEntry,
  type NodeEntry,
  type QueueEntry,
  type ServiceEntry,
  type TopicEntry,
} from '../../wire/index.ts'
import { catalogIntervalSeconds, jitterFraction, nodeIntervalSeconds, type Pace, refreshAgeSeconds } from './announcement-pace.ts'
import type { Catalog } from './catalog.ts'
import { draftDelta } from './delta.ts'
import type { FunctionConflictError } from './function-conflict.ts'
import { CATALOG_KINDS, type CatalogEntry, type CatalogKind, type EntryOfKind } from './kinds.ts'

/** An entry before it is announced: owner and time are the announcer's. The catalog's TTL holds unless it names its own. */
export type Offer<E extends CatalogEntry> = Omit<E, 'node_id' | 'cluster_id' | 'advertised_at' | 'ttl_seconds'> & {
  readonly ttl_seconds?: number
}

/** What this node offers right now, read when it is announced. */
export interface Offers {
  functions(): readonly Offer<FunctionEntry>[]
  node(): Offer<NodeEntry>
  topics(): readonly Offer<TopicEntry>[]
  queues(): readonly Offer<QueueEntry>[]
  services(): readonly Offer<ServiceEntry>[]
  /** With cache federation. */
  cacheRole?(): Offer<CacheRoleEntry> | undefined
  /** With a cache. */
  cacheProfile?(): Offer<CacheProfileEntry> | undefined
}

export interface AnnouncerDeps {
  readonly env: Env
  readonly catalog: Pick<Catalog, 'local'>
  readonly offers: Offers
  /** Tells the nodes that go by time stamps. */
  publish(delta: CatalogDelta): void
  /** Nodes the fabric is believed to have, this one included. */
  targetHint(): number
  /** Catalog messages waiting to be gossiped. */
  queuedMessages(): number
}

export interface AnnouncerOptions {
  readonly nodeId: string
  readonly clusterId: string
  readonly ttlSeconds: number
  readonly gossipIntervalSeconds: number
}

export interface AnnouncerSnapshot {
  readonly running: boolean
  readonly changes_published: number
  readonly refreshes_published: number
  readonly entries_refreshed: number
  readonly beats: number
  /** Local functions that can not be announced because the fabric maps their name or id differently. */
  readonly functions_in_conflict: number
}

export interface Announcer {
  /** Announces everything this node offers, and from then on what changes. */
  start(): void
  /** Says that what is offered of a kind may have changed; looked at before the turn ends. Nothing before the start. */
  changed(kind: CatalogKind): void
  /** Looks at what was said to have changed now, not at the end of the turn. */
  flush(): void
  /** Ends announcing without telling anybody. */
  stop(): void
  /** Ends announcing and takes everything back. */
  depart(): void
  snapshot(): AnnouncerSnapshot
}

export function createAnnouncer(deps: AnnouncerDeps, options: AnnouncerOptions): Announcer {
  const { env, catalog, offers } = deps
  const { local } = catalog
  const { nodeId, clusterId, ttlSeconds, gossipIntervalSeconds } = options
  const jitter = 1 + jitterFraction(nodeId)

  const timers = new Map<string, Cancel>()
  const touched = new Set<CatalogKind>()
  /** Monotonic milliseconds at which all entries of a kind were last told. */
  const toldAtMs = new Map<CatalogKind, number>()
  let isRunning = false
  let cancelFlush: Cancel | undefined
  let conflicts = new Set<string>()
  const counters = { changes_published: 0, refreshes_published: 0, entries_refreshed: 0, beats: 0 }

  function start(): void {
    if (isRunning) return
    isRunning = true
    beat()
    tellChanges(CATALOG_KINDS)
    for (const kind of CATALOG_KINDS) toldAtMs.set(kind, env.clock.monotonic())
    repeat('catalog', () => catalogIntervalSeconds(pace()), refreshOffers)
    repeat(
      'node',
      () => nodeIntervalSeconds(pace()),
      () => lookAgain('nodes'),
    )
    repeat(
      'topics',
      () => Math.max(1, ttlSeconds / 2),
      () => lookAgain('topics'),
    )
    repeat('beat', quarterTtl, beat)
    if (offers.cacheProfile !== undefined) repeat('cache_profiles', quarterTtl, () => lookAgain('cache_profiles'))
  }

  /** An interval that is worked out anew each time. */
  function repeat(name: string, intervalSeconds: () => number, run: () => void): void {
    const arm = (): void => {
      timers.set(
        name,
        env.timers.after(intervalSeconds() * jitter * 1000, () => {
          run()
          if (isRunning) arm()
        }),
      )
    }
    arm()
  }

  function pace(): Pace {
    return { ttlSeconds, gossipIntervalSeconds, hint: Math.max(1, deps.targetHint()), queued: deps.queuedMessages() }
  }

  /** Three beats in a row may get lost before a lease ends. */
  const quarterTtl = (): number => Math.max(1, ttlSeconds / 4)

  function beat(): void {
    local.renew()
    counters.beats++
  }

  // --- changes ---

  function changed(kind: CatalogKind): void {
    if (!isRunning) return
    touched.add(kind)
    cancelFlush ??= env.timers.after(0, flush)
  }

  function flush(): void {
    cancelFlush?.()
    cancelFlush = undefined
    if (!isRunning || touched.size === 0) return
    const kinds = [...touched]
    touched.clear()
    tellChanges(kinds)
  }

  /** Makes the own record say what is offered, and tells the difference, if any, together with who says it. */
  function tellChanges(kinds: readonly CatalogKind[]): boolean {
    for (const kind of kinds) offer(kind)
    const { changed: isChanged, delta } = local.commit()
    if (!isChanged) return false
    const node = delta.nodes.length > 0 ? delta.nodes : stamped('nodes')
    deps.publish({ ...delta, nodes: node })
    counters.changes_published++
    return true
  }

  function offer(kind: CatalogKind): void {
    switch (kind) {
      case 'functions':
        return noteConflicts(
          local.replace(
            'functions',
            offers.functions().map((item) => own<FunctionEntry>({ ...item, resources: [...item.resources].sort(compareCodePoints) })),
          ),
        )
      case 'topics':
        local.replace(
          'topics',
          offers.topics().map((item) => own<TopicEntry>(item)),
        )
        return
      case 'queues':
        local.replace(
          'queues',
          offers.queues().map((item) => own<QueueEntry>(item)),
        )
        return
      case 'services':
        local.replace(
          'services',
          offers.services().map((item) => own<ServiceEntry>(item)),
        )
        return
      case 'caches': {
        const role = offers.cacheRole?.()
        local.replace('caches', role === undefined ? [] : [own<CacheRoleEntry>(role)])
        return
      }
      case 'cache_profiles': {
        const profile = offers.cacheProfile?.()
        local.replace('cache_profiles', profile === undefined ? [] : [own<CacheProfileEntry>(profile)])
        return
      }
      case 'nodes':
        local.replace('nodes', [own<NodeEntry>(offers.node())])
        return
    }
  }

  function own<E extends CatalogEntry>(item: Offer<E>): E {
    const at = env.clock.wall()
    return {
      ...item,
      node_id: nodeId,
      cluster_id: clusterId,
      advertised_at: at,
      ttl_seconds: item.ttl_seconds ?? ttlSeconds,
    } as unknown as E
  }

  /** A function that another node holds the name of stays local until the name is free; each look at the functions tries again. */
  function noteConflicts(found: readonly FunctionConflictError[]): void {
    const before = conflicts
    conflicts = new Set(found.map(({ message }) => message))
    for (const message of conflicts)
      if (!before.has(message)) env.log.scope('fabric.router').warn(`a local function is not announced: ${message}`)
  }

  // --- refreshing ---

  function refreshOffers(): void {
    tellChanges(REFRESHED)
    const dueMs = refreshAgeSeconds(ttlSeconds, pace().hint) * 1000
    const nowMs = env.clock.monotonic()
    refresh(REFRESHED.filter((kind) => nowMs - (toldAtMs.get(kind) ?? 0) >= dueMs))
  }

  /** Tells all entries of these kinds again, newly stamped. */
  function refresh(kinds: readonly CatalogKind[]): void {
    const draft = draftDelta()
    for (const kind of kinds) {
      toldAtMs.set(kind, env.clock.monotonic())
      for (const entry of stamped(kind)) {
        draft.add(kind, entry)
        counters.entries_refreshed++
      }
    }
    if (draft.isEmpty) return
    if (!kinds.includes('nodes')) for (const entry of stamped('nodes')) draft.add('nodes', entry)
    deps.publish(draft.finish({ update_id: env.random.ulid(), cluster_id: clusterId, sent_at: env.clock.wall() }))
    counters.refreshes_published++
  }

  /** What is announced of a kind, as of now. The record keeps its entries: for those who follow it nothing has changed. */
  function stamped<K extends CatalogKind>(kind: K): EntryOfKind[K][] {
    const advertised_at = env.clock.wall()
    return local.entries(kind).map((entry) => ({ ...entry, advertised_at }))
  }

  /** Looks at what may have changed unnoticed, and refreshes if nothing has. */
  function lookAgain(kind: CatalogKind): void {
    if (!tellChanges([kind])) refresh([kind])
  }

  function stop(): void {
    isRunning = false
    for (const cancel of timers.values()) cancel()
    timers.clear()
    cancelFlush?.()
    cancelFlush = undefined
    touched.clear()
  }

  return {
    start,
    changed,
    flush,
    stop,
    depart() {
      stop()
      const { changed: isChanged, delta } = local.clear()
      if (isChanged) deps.publish(delta)
    },
    snapshot: () => ({ running: isRunning, ...counters, functions_in_conflict: conflicts.size }),
  }
}

/** What the catalog loop looks after. Topics, the node and the cache's profile have a rhythm of their own. */
const REFRESHED: readonly CatalogKind[] = ['functions', 'services', 'queues', 'caches']
