/**
 * The routing catalog: which node offers which functions, subscriptions, queues, services and caches, as far as this node knows.
 *
 * Knowledge comes in two ways. Deltas (plane R) are what every node of the fabric speaks: entries with time stamps, of which the fresher
 * counts, and removals. Owner updates (plane S) are spoken among nodes that version what they offer: a record with an epoch, a version and a
 * lease, of which the later counts and whose lifetime is measured by this node's own monotonic clock. A node known by its record is no longer
 * believed by hearsay: deltas about it count only when it sends them itself.
 *
 * Whatever is refused is refused for a typed reason, listed in the result and counted. Nothing here sends anything: observers do.
 */
import { type Env, parseVersion, satisfies, type Version, type VersionConstraint } from '../../base/index.ts'
import type {
  CacheProfileEntry,
  CacheRole,
  CacheRoleEntry,
  CatalogDelta,
  CatalogSnapshot,
  FunctionEntry,
  NodeEntry,
  QueueEntry,
  ServiceEntry,
  TopicEntry,
} from '../../wire/index.ts'
import { createChangeLines } from './change-lines.ts'
import type { Applied, CatalogRefusal, ChangeSource, Refused } from './changes.ts'
import { CATALOG_TTL_SECONDS, ENTRIES_MAX, ENTRIES_PER_OWNER_MAX, OWNERS_MAX, REFUSALS_LISTED_MAX } from './constants.ts'
import { type CatalogCounts, type DeltaDraft, draftDelta, emptyCounts, isAnyCounted } from './delta.ts'
import { EntryIndex } from './entry-index.ts'
import { compareFreshness, isExpired } from './freshness.ts'
import { type FunctionConflict, FunctionConflictError } from './function-conflict.ts'
import {
  type AnyEntry,
  CATALOG_KINDS,
  type CatalogEntry,
  type CatalogKey,
  type CatalogKind,
  type EntryOfKind,
  keyOf,
  keyText,
  REMOVALS_OF,
  sameContent,
} from './kinds.ts'
import { createLocalOwner, type LocalChange, type LocalOwner } from './local.ts'
import { OwnerRecord, type OwnerStamp, type OwnerUpdate, versionOfChange } from './owner-record.ts'
import { type CatalogPolicy, createCatalogPolicy } from './policy.ts'
import { covers, createTombstones, type Tombstone } from './tombstones.ts'

export interface CatalogChange {
  readonly delta: CatalogDelta
  readonly counts: CatalogCounts
  readonly source: ChangeSource
  /** Unix seconds the change is judged at. */
  readonly now: number
  /** Whether a query could notice: false when it only renews lifetimes. */
  readonly isNoticeable: boolean
}

export interface FunctionQuery {
  readonly name?: string | undefined
  readonly functionId?: string | undefined
  readonly constraint?: VersionConstraint | null | undefined
  /** All of them must be offered. */
  readonly resources?: readonly string[] | undefined
  readonly clusterId?: string | undefined
  readonly nodeId?: string | undefined
}

export interface NodeQuery {
  readonly clusterId?: string | undefined
  readonly nodeId?: string | undefined
  readonly resources?: readonly string[] | undefined
  readonly capabilities?: readonly string[] | undefined
}

export interface ServiceQuery {
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  readonly protocol?: string | undefined
  readonly port?: number | undefined
  readonly clusterId?: string | undefined
  readonly nodeId?: string | undefined
}

/** What somebody else's stamp of a record means here. */
export type StampVerdict =
  /** A record, or a version of it, that this node lacks. */
  | 'content'
  /** A beat this node has not heard. */
  | 'beat'
  /** What this node has. */
  | 'known'
  /** Older than what this node has; telling the owner makes it raise its epoch. */
  | 'stale'
  /** A record that ended, was refused, or is too old to take. */
  | 'unwanted'

export interface CatalogDeps {
  readonly env: Env
  readonly nodeId: string
  readonly clusterId: string
  readonly instanceId: string
  /** Default: the own cluster only. */
  readonly policy?: CatalogPolicy
  /** Told of every entry, removal or record that was not taken. */
  onRefused?(reason: CatalogRefusal, kind: CatalogKind | 'owner', subject: CatalogEntry | CatalogKey): void
}

export interface CatalogOptions {
  /** Default {@link CATALOG_TTL_SECONDS}. */
  readonly ttlSeconds?: number
  readonly entriesMax?: number
  readonly entriesPerOwnerMax?: number
  readonly ownersMax?: number
}

export interface Catalog {
  /** What this node itself offers. */
  readonly local: LocalOwner
  /**
   * Removals first, then additions. Observers are called even when nothing changed.
   * @param now Unix seconds at which expiry is judged; for a delta from the network its `sent_at`, so that moderate clock skew voids nothing
   * @throws FunctionConflictError for a local function whose name or id is taken
   */
  applyDelta(delta: CatalogDelta, now: number, source: ChangeSource): Applied
  applyOwner(update: OwnerUpdate, source: ChangeSource): Applied
  /** Whether the node is known by a versioned record with a lease. */
  isVersioned(nodeId: string): boolean
  /** The process behind a versioned record. */
  instanceOf(nodeId: string): string | undefined
  /** Of all versioned records, the own one included once it has content. What is shown is good for the time of the visit only. */
  eachStamp(visit: (stamp: OwnerStamp) => void): void
  ownerStamp(nodeId: string): OwnerStamp | undefined
  /** What changed after `since`, or the whole record; undefined when that is nothing or the record is not known. */
  ownerState(nodeId: string, since: { readonly epoch: number; readonly version: number } | undefined): OwnerUpdate | undefined
  /** What to do about a stamp heard from somebody. */
  judge(stamp: OwnerStamp, ageMs: number): StampVerdict
  /**
   * What is held here (or ended here) of the owner of a stamp, to answer whoever holds another. Shown to an owner that is taken for gone, it
   * makes it raise its epoch.
   */
  counterStamp(stamp: OwnerStamp): OwnerStamp | undefined
  /** True when the beat was news and renewed the lease. */
  heardBeat(nodeId: string, epoch: number, beat: number, ageMs: number): boolean
  /** Milliseconds since the beat was first heard anywhere. */
  beatAgeMs(nodeId: string): number | undefined

  findFunctions(query: FunctionQuery): FunctionEntry[]
  /** Every live endpoint of a name. */
  functionsNamed(name: string): FunctionEntry[]
  functionNames(): Iterable<string>
  /** What stands against a function of this name and id. */
  functionConflict(name: string, functionId: string): FunctionConflict | undefined
  matchTopics(topic: string): TopicEntry[]
  topic(subscriptionId: string): TopicEntry | undefined
  queues(name: string, clusterId?: string): QueueEntry[]
  services(query?: ServiceQuery): ServiceEntry[]
  cacheRoles(role: CacheRole, clusterId?: string): CacheRoleEntry[]
  cacheProfiles(query?: { readonly clusterId?: string | undefined; readonly nodeId?: string | undefined }): CacheProfileEntry[]
  nodes(query?: NodeQuery): NodeEntry[]
  node(nodeId: string): NodeEntry | undefined
  /** Whether a node has a live function. */
  offersFunctions(nodeId: string): boolean
  /** Live entries of a node. */
  entriesOf(nodeId: string): AnyEntry[]
  list<K extends CatalogKind>(kind: K): EntryOfKind[K][]
  /** Live entries of all kinds, without copying. */
  each(visit: (entry: AnyEntry) => void, isWanted?: (nodeId: string) => boolean): void
  /** The entry as it is told to nodes that go by time stamps: stamped with the latest sign of life of its owner. */
  announced<E extends CatalogEntry>(entry: E): E
  /** Rises with each change that a query could notice, expiry between two prunings excepted. */
  readonly generation: number

  /**
   * Removes a node that said goodbye and keeps its older announcements out for one catalog TTL.
   * @param clusterIds clusters whose descriptor of the node is removed even where none is known here
   * @returns the removals, for the others; undefined for the own node
   */
  departNode(nodeId: string, clusterIds: readonly string[], now: number): CatalogDelta | undefined
  /** Lets a departed node in again, when a new process of it was met. */
  welcome(nodeId: string): void
  /** Deletes what has expired. Meant for a timer. @param now Unix seconds */
  prune(now: number): CatalogCounts
  /** Puts what the policy says now into effect: what it no longer allows is dropped, or hidden where its record must stay whole. */
  reviewPolicy(): CatalogCounts
  /** Live entries, as they are stored or told to a new neighbour. */
  snapshotDocument(now: number): CatalogSnapshot
  /** Number of entries taken from each table. Entries of this node are left out. */
  restore(document: CatalogSnapshot, now: number): Record<CatalogKind, number>
  /** Called in order of registration after every change. Returns how to stop. */
  observe(observer: (change: CatalogChange) => void): () => void
  snapshot(): CatalogCountersSnapshot
}

export type CatalogCountersSnapshot = Readonly<Record<CatalogKind, number>> & {
  readonly owners: number
  readonly versioned_owners: number
  readonly hidden_entries: number
  readonly tombstones: number
  readonly generation: number
  readonly deltas_applied: number
  readonly owner_updates_applied: number
  readonly refutations: number
  readonly refused: Readonly<Partial<Record<CatalogRefusal, number>>>
}

/** One change in the making. */
interface Batch {
  readonly source: ChangeSource
  readonly now: number
  readonly draft: DeltaDraft
  readonly counts: CatalogCounts
  readonly refused: Refused[]
  /** Whether a query could notice. */
  isNoticeable: boolean
  /** Functions or subscriptions whose place became free. */
  readonly released: AnyEntry[]
}

export function createCatalog(deps: CatalogDeps, options: CatalogOptions = {}): Catalog {
  const { env, nodeId: self, clusterId, instanceId } = deps
  const policy = deps.policy ?? createCatalogPolicy({ clusterId, allowedClusters: new Set() })
  const ttlSeconds = options.ttlSeconds ?? CATALOG_TTL_SECONDS
  const entriesMax = options.entriesMax ?? ENTRIES_MAX
  const entriesPerOwnerMax = options.entriesPerOwnerMax ?? ENTRIES_PER_OWNER_MAX
  const ownersMax = options.ownersMax ?? OWNERS_MAX

  const owners = new Map<string, OwnerRecord>()
  const index = new EntryIndex()
  /** Entries that are kept but hidden, with their kind. */
  const hidden = new Map<CatalogEntry, CatalogKind>()
  const tombstones = createTombstones()
  const lines = createChangeLines(env.log)
  const observers: ((change: CatalogChange) => void)[] = []
  const refusals: Partial<Record<CatalogRefusal, number>> = {}
  let entriesTotal = 0
  let generation = 0
  let deltasApplied = 0
  let ownerUpdatesApplied = 0
  let refutations = 0

  const own = new OwnerRecord(self)
  own.cluster_id = clusterId
  own.instance_id = instanceId
  own.epoch = Math.floor(env.clock.wall() * 1000)
  own.heardAtMs = env.clock.monotonic()
  owners.set(self, own)

  // --- one entry at a time ---

  function begin(source: ChangeSource, now: number): Batch {
    return { source, now, draft: draftDelta(), counts: emptyCounts(), refused: [], isNoticeable: false, released: [] }
  }

  function refuse(batch: Batch, reason: CatalogRefusal, kind: CatalogKind | 'owner', subject: CatalogEntry | CatalogKey): void {
    refusals[reason] = (refusals[reason] ?? 0) + 1
    deps.onRefused?.(reason, kind, subject)
    if (batch.refused.length < REFUSALS_LISTED_MAX) batch.refused.push({ reason, kind, subject })
  }

  /** Why an entry can not be visible, being welcome as such: somebody else holds its name. An older holder of a subscription yields. */
  function claim(kind: CatalogKind, entry: CatalogEntry): CatalogRefusal | undefined {
    if (kind === 'functions') {
      const { name, function_id } = (entry as FunctionEntry).identity
      return index.conflict(name, function_id) === undefined ? undefined : 'function_conflict'
    }
    if (kind !== 'topics') return undefined
    const holder = index.topic((entry as TopicEntry).subscription_id)
    if (holder === undefined || holder.node_id === entry.node_id) return undefined
    const order = compareFreshness(entry, holder) || (entry.node_id < holder.node_id ? 1 : -1)
    const isWeaker = holder.cluster_id !== entry.cluster_id || holder.node_id === self || order < 0
    if (isWeaker && entry.node_id !== self) return 'subscription_taken'
    const record = owners.get(holder.node_id) as OwnerRecord
    const at = record.find('topics', holder)
    index.remove('topics', holder)
    if (record.epoch > 0) {
      record.setHiddenAt(at, true)
      hidden.set(holder, 'topics')
    } else {
      record.removeAt(at)
      entriesTotal--
    }
    return undefined
  }

  function hasRoom(record: OwnerRecord): CatalogRefusal | undefined {
    if (record === own) return undefined
    if (record.size >= entriesPerOwnerMax) return 'owner_entries_max'
    return entriesTotal >= entriesMax ? 'entries_max' : undefined
  }

  /**
   * Puts an entry into a record, in the place of one with its key. A record with versions keeps what may not be visible, hidden: it must stay
   * whole to be passed on.
   */
  function put(batch: Batch, record: OwnerRecord, kind: CatalogKind, entry: CatalogEntry, version: number): boolean {
    const at = record.find(kind, entry)
    if (at < 0) {
      const full = hasRoom(record)
      if (full !== undefined) {
        refuse(batch, full, kind, entry)
        return false
      }
    }
    const refused = (record === own ? undefined : policy.refusal(kind, entry)) ?? claim(kind, entry)
    if (refused !== undefined) refuse(batch, refused, kind, entry)
    if (refused !== undefined && version === 0) return false
    const known = at < 0 ? undefined : record.entryAt(at)
    const wasVisible = known !== undefined && !record.isHiddenAt(at)
    const isVisible = refused === undefined
    if (known === undefined) {
      record.append(kind, entry, version, !isVisible)
      entriesTotal++
    } else {
      hidden.delete(known)
      record.replaceAt(at, entry, version, !isVisible)
    }
    if (!isVisible) hidden.set(entry, kind)
    if (isVisible && wasVisible) {
      index.replace(kind, known, entry)
      if (!batch.isNoticeable) batch.isNoticeable = !sameContent(kind, known, entry)
    } else if (isVisible) index.add(kind, entry)
    else if (wasVisible) conceal(batch, kind, known)
    if (isVisible !== wasVisible) batch.isNoticeable = true
    if (isVisible) {
      if (kind === 'nodes') record.descriptor = entry as NodeEntry
      batch.draft.add(kind, entry)
      batch.counts[`${kind}_added`]++
    }
    return true
  }

  /** What is seen no more, removed or not, is a removal for observers. */
  function conceal(batch: Batch, kind: CatalogKind, entry: CatalogEntry): void {
    index.remove(kind, entry)
    batch.draft.remove(kind, keyOf(kind, entry))
    batch.counts[`${kind}_removed`]++
    batch.isNoticeable = true
    if (kind === 'functions' || kind === 'topics') batch.released.push({ kind, entry } as AnyEntry)
  }

  /** Removes the entry at a position of a record. */
  function take(batch: Batch, record: OwnerRecord, at: number): void {
    const kind = record.kindAt(at)
    const entry = record.entryAt(at)
    const wasHidden = record.isHiddenAt(at)
    record.removeAt(at)
    entriesTotal--
    if (wasHidden) {
      hidden.delete(entry)
      return
    }
    conceal(batch, kind, entry)
    if (record.descriptor === entry) record.descriptor = undefined
  }

  /** Keeps an entry of a versioned record out of sight. */
  function hide(batch: Batch, record: OwnerRecord, at: number): void {
    const kind = record.kindAt(at)
    const entry = record.entryAt(at)
    record.setHiddenAt(at, true)
    hidden.set(entry, kind)
    conceal(batch, kind, entry)
  }

  function takeAll(batch: Batch, record: OwnerRecord): void {
    for (let at = record.size - 1; at >= 0; at--) take(batch, record, at)
    owners.delete(record.node_id)
  }

  /** Shows hidden entries whose name or subscription id became free in this batch. */
  function revealFreed(batch: Batch): void {
    if (hidden.size === 0) return
    const freed = new Set(batch.released.flatMap(({ kind, entry }) => claimsOf(kind, entry)))
    reveal(batch, (kind, entry) => claimsOf(kind, entry).some((claimed) => freed.has(claimed)))
  }

  /** Shows those hidden entries of the given ones that may be seen. */
  function reveal(batch: Batch, isGiven: (kind: CatalogKind, entry: CatalogEntry) => boolean): void {
    for (const [entry, kind] of [...hidden]) {
      if (!isGiven(kind, entry)) continue
      const record = owners.get(entry.node_id) as OwnerRecord
      if (policy.refusal(kind, entry) !== undefined || claim(kind, entry) !== undefined) continue
      hidden.delete(entry)
      record.setHiddenAt(record.find(kind, entry), false)
      index.add(kind, entry)
      batch.draft.add(kind, entry)
      batch.counts[`${kind}_added`]++
      batch.isNoticeable = true
    }
  }

  /** Ends a batch. @param isTold whether observers hear of it even when nothing changed */
  function finish(batch: Batch, isTold: boolean, isChanged: boolean, delta: CatalogDelta | undefined): Applied {
    if (batch.released.length > 0) revealFreed(batch)
    if (batch.isNoticeable) generation++
    const header = delta ?? { update_id: env.random.ulid(), cluster_id: clusterId, sent_at: batch.now }
    const filtered = batch.draft.finish(header)
    const { counts, isNoticeable, now, refused, source } = batch
    const changed = isChanged || isAnyCounted(counts)
    const applied = { counts, changed, delta: filtered, refused }
    lines.changed(applied, source)
    if (isTold || changed) tell({ delta: filtered, counts, source, now, isNoticeable })
    return applied
  }

  function tell(change: CatalogChange): void {
    for (const observer of [...observers]) {
      try {
        observer(change)
      } catch (error) {
        env.log.scope('fabric.router').error('an observer of the catalog failed', error)
      }
    }
  }

  // --- lifetimes ---

  const ageMs = (record: OwnerRecord): number => env.clock.monotonic() - record.heardAtMs

  /** The lease of the longest-lived entry; an empty record's is that of the catalog. */
  const leaseMs = (record: OwnerRecord): number => (record.ttlMax > 0 ? record.ttlMax : ttlSeconds) * 1000

  const isLapsed = (record: OwnerRecord): boolean => record !== own && ageMs(record) > leaseMs(record)

  function isLive(entry: CatalogEntry, now: number): boolean {
    return isLiveIn(owners.get(entry.node_id) as OwnerRecord, entry, now)
  }

  function isLiveIn(record: OwnerRecord, entry: CatalogEntry, now: number): boolean {
    if (record === own) return true
    if (record.epoch === 0) return !isExpired(entry, now)
    // One beat renews all; an entry with a short life of its own does not flicker between two beats of a node that lives.
    return ageMs(record) <= Math.max(entry.ttl_seconds, record.descriptor?.ttl_seconds ?? 0) * 1000
  }

  /** Ends a versioned record whose lease is over. */
  function lapse(batch: Batch, record: OwnerRecord): void {
    const { node_id: nodeId, epoch, version, beat } = record
    const lease = leaseMs(record)
    takeAll(batch, record)
    const departedAt = env.clock.wall() - ageMs(record) / 1000
    tombstones.set(nodeId, { reason: 'expired', departedAt, epoch, version, beat, untilMs: env.clock.monotonic() + 2 * lease })
  }

  // --- plane R ---

  function applyDelta(delta: CatalogDelta, now: number, source: ChangeSource): Applied {
    if (source.kind === 'local') refuseConflicts(delta.functions)
    const batch = begin(source, now)
    deltasApplied++
    const ownBefore = own.version
    const ownChanges = { count: 0 }
    const dropped: [OwnerRecord, string][] = []
    for (const kind of CATALOG_KINDS) {
      for (const key of delta[REMOVALS_OF[kind]]) removeByDelta(batch, kind, key, delta, ownChanges, dropped)
    }
    for (const kind of CATALOG_KINDS) for (const entry of delta[kind]) addByDelta(batch, kind, entry, ownChanges)
    for (const [record, key] of dropped) noteRemovedKey(record, key, now)
    if (ownChanges.count > 0) own.version = versionOfChange(ownBefore, ownChanges.count - 1)
    return finish(batch, true, false, delta)
  }

  function refuseConflicts(functions: readonly FunctionEntry[]): void {
    for (const { node_id, identity } of functions) {
      const conflict = node_id === self ? index.conflict(identity.name, identity.function_id) : undefined
      if (conflict !== undefined) throw new FunctionConflictError(conflict)
    }
  }

  /** Why a delta's word about a node does not count. */
  function hearsay(batch: Batch, nodeId: string): CatalogRefusal | undefined {
    const { source } = batch
    if (nodeId === self) return source.kind === 'local' ? undefined : 'own_node'
    const record = owners.get(nodeId)
    if (record === undefined || record.epoch === 0) return undefined
    if (isLapsed(record)) {
      lapse(batch, record)
      return undefined
    }
    return source.kind === 'gossip' && source.from === nodeId ? undefined : 'versioned_owner'
  }

  function removeByDelta(
    batch: Batch,
    kind: CatalogKind,
    key: CatalogKey,
    delta: CatalogDelta,
    ownChanges: { count: number },
    dropped: [OwnerRecord, string][],
  ): void {
    // A subscription's key does not tell its owner: the subscription that is known under it does.
    const owned = typeof key === 'string' ? index.topic(key) : key
    if (owned === undefined) {
      batch.draft.remove(kind, key)
      return
    }
    const { node_id: nodeId, cluster_id: owner } = owned
    if (!policy.allowsCluster(owner)) return refuse(batch, 'cluster_not_allowed', kind, key)
    if (typeof key === 'string' && delta.cluster_id !== owner) return refuse(batch, 'foreign_cluster', kind, key)
    const refused = hearsay(batch, nodeId)
    if (refused !== undefined) return refuse(batch, refused, kind, key)
    const record = owners.get(nodeId)
    const at = record?.find(kind, key) ?? -1
    if (record === undefined || at < 0) {
      batch.draft.remove(kind, key)
      return
    }
    if (record !== own && record.entryAt(at).advertised_at > batch.now) return refuse(batch, 'older', kind, key)
    take(batch, record, at)
    if (record === own) record.noteRemoval(kind, key, versionOfChange(record.version, ownChanges.count++))
    else if (record.epoch === 0) dropped.push([record, keyText(kind, key)])
  }

  function addByDelta(batch: Batch, kind: CatalogKind, entry: CatalogEntry, ownChanges: { count: number }): void {
    const { node_id: nodeId } = entry
    const unwelcome = nodeId === self ? undefined : policy.refusal(kind, entry)
    if (unwelcome !== undefined) return refuse(batch, unwelcome, kind, entry)
    const refused = hearsay(batch, nodeId) ?? buried(nodeId, entry)
    if (refused !== undefined) return refuse(batch, refused, kind, entry)
    if (isExpired(entry, batch.now)) return refuse(batch, 'expired', kind, entry)
    let record = owners.get(nodeId)
    const at = record?.find(kind, entry) ?? -1
    const removed = at < 0 ? record?.removedAt?.get(keyText(kind, entry)) : undefined
    if (removed !== undefined && entry.advertised_at < removed) return refuse(batch, 'removed', kind, entry)
    if (record !== undefined && at >= 0) {
      const order = compareFreshness(entry, record.entryAt(at))
      if (order < 0) return refuse(batch, 'older', kind, entry)
      if (order === 0) {
        batch.draft.add(kind, entry)
        return refuse(batch, 'known', kind, entry)
      }
    }
    if (record === undefined) {
      if (owners.size >= ownersMax) return refuse(batch, 'owners_max', kind, entry)
      record = new OwnerRecord(nodeId)
      record.cluster_id = entry.cluster_id
      owners.set(nodeId, record)
    }
    const version = record === own ? versionOfChange(own.version, ownChanges.count) : at < 0 ? 0 : record.versionAt(at)
    if (put(batch, record, kind, entry, version)) {
      if (record === own) ownChanges.count++
    } else if (record.size === 0 && record.epoch === 0 && record.removedAt === undefined) owners.delete(nodeId)
  }

  /** Whether an announcement is one of those a tombstone stands for. */
  function buried(nodeId: string, entry: CatalogEntry): CatalogRefusal | undefined {
    const stone = nodeId === self ? undefined : tombstones.get(nodeId, env.clock.monotonic())
    if (stone === undefined || stone.reason === 'refused' || entry.advertised_at > stone.departedAt) return undefined
    return 'departed'
  }

  function noteRemovedKey(record: OwnerRecord, key: string, now: number): void {
    if (owners.get(record.node_id) !== record || record.epoch > 0) return
    record.removedAt ??= new Map()
    record.removedAt.delete(key)
    if (record.removedAt.size >= entriesPerOwnerMax) record.removedAt.delete(record.removedAt.keys().next().value as string)
    record.removedAt.set(key, now)
  }

  // --- plane S ---

  function applyOwner(update: OwnerUpdate, source: ChangeSource): Applied {
    const now = env.clock.wall()
    const batch = begin(source, now)
    const nowMs = env.clock.monotonic()
    const unchanged = (reason: CatalogRefusal): Applied => {
      refuse(batch, reason, 'owner', update.node_id)
      return finish(batch, false, false, undefined)
    }
    if (update.node_id === self) return unchanged(refuteUpdate(update) ? 'refuted' : 'own_node')
    let record = owners.get(update.node_id)
    if (record !== undefined && record.epoch > 0 && isLapsed(record)) {
      lapse(batch, record)
      record = undefined
    }
    const stone = tombstones.get(update.node_id, nowMs)
    if (stone !== undefined && covers(stone, update)) return unchanged(stone.reason === 'refused' ? 'stale' : 'departed')
    const unwelcome = policy.nodeRefusal(update.node_id, update.cluster_id, update.instance_id)
    if (unwelcome !== undefined) return buryRefused(update, unchanged(unwelcome))
    if (update.age_ms > leaseOf(update)) return unchanged('expired')
    const known = record?.epoch ?? 0
    if (update.epoch < Math.max(known, 1)) return unchanged('stale')
    const isFirst = update.epoch > known
    const whole = update.whole ?? (update.since === 0 ? update.version : undefined)
    const held = isFirst ? 0 : (record as OwnerRecord).version
    const isReset = update.since === 0 && (isFirst || (whole ?? 0) > held)
    if (!isFirst) heardBeat(update.node_id, update.epoch, update.beat, update.age_ms)
    if (!isReset) {
      if (isFirst) return unchanged('gap')
      if ((whole ?? update.version) <= held || update.version <= held) return unchanged(update.version === held ? 'known' : 'stale')
      if (whole === undefined ? update.since > held : update.since !== held) return unchanged('gap')
    }
    if (record === undefined) {
      if (owners.size >= ownersMax) return buryRefused(update, unchanged('owners_max'))
      record = new OwnerRecord(update.node_id)
      owners.set(update.node_id, record)
    }
    ownerUpdatesApplied++
    tombstones.delete(update.node_id)
    if (isReset) keepOnly(batch, record, update)
    for (const removal of update.removals) {
      if (!isReset && removal.version <= held) continue
      const at = record.find(removal.kind, removal.key)
      if (at >= 0 && record.versionAt(at) < removal.version) take(batch, record, at)
      record.noteRemoval(removal.kind, removal.key, removal.version)
    }
    if (isFirst) {
      record.epoch = update.epoch
      record.beat = update.beat
      record.heardAtMs = nowMs - update.age_ms
      record.removedAt = undefined
    }
    record.cluster_id = update.cluster_id
    record.instance_id = update.instance_id
    record.version = update.version
    if (isReset) record.forgetHistory(update.version)
    for (const { kind, version, entry } of update.entries) {
      if (entry.node_id !== update.node_id) {
        refuse(batch, 'foreign_owner', kind, entry)
        continue
      }
      const at = record.find(kind, entry)
      // Unchanged since the version that is here: the very same entry.
      if (at >= 0 && !isFirst && record.versionAt(at) === version) continue
      put(batch, record, kind, entry, version)
    }
    if (isReset) {
      record.measureLifetimes()
      record.compact()
    }
    return finish(batch, false, true, undefined)
  }

  const leaseOf = (update: OwnerUpdate): number =>
    update.entries.reduce((longest, { entry }) => Math.max(longest, entry.ttl_seconds), ttlSeconds) * 1000

  /** Not asking for it again until it changes or a while has passed. */
  function buryRefused({ node_id, epoch, version, beat }: OwnerUpdate, applied: Applied): Applied {
    const untilMs = env.clock.monotonic() + ttlSeconds * 1000
    tombstones.set(node_id, { reason: 'refused', departedAt: Number.NEGATIVE_INFINITY, epoch, version, beat, untilMs })
    return applied
  }

  /** Takes away what a record told whole does not contain; all of it when it is of another process. */
  function keepOnly(batch: Batch, record: OwnerRecord, update: OwnerUpdate): void {
    if (record.size === 0) return
    const kept = new Set<string>()
    for (const { kind, entry } of update.entries) if (entry.node_id === update.node_id) kept.add(keyText(kind, entry))
    for (let at = record.size - 1; at >= 0; at--) if (!kept.has(keyText(record.kindAt(at), record.entryAt(at)))) take(batch, record, at)
  }

  function heardBeat(nodeId: string, epoch: number, beat: number, heardAgeMs: number): boolean {
    const record = owners.get(nodeId)
    if (record === undefined || record === own || record.epoch !== epoch || record.epoch === 0 || beat <= record.beat) return false
    if (heardAgeMs > leaseMs(record)) return false
    record.beat = beat
    record.heardAtMs = Math.max(record.heardAtMs, env.clock.monotonic() - heardAgeMs)
    return true
  }

  /** Raises the own epoch when somebody holds a record of this node that this node did not write. */
  function refuteUpdate(update: OwnerUpdate): boolean {
    if (refute(update)) return true
    if (update.epoch !== own.epoch || update.version !== own.version || isOwnContent(update)) return false
    raiseEpoch(update.epoch)
    return true
  }

  function refute(stamp: OwnerStamp): boolean {
    const isLater = stamp.epoch > own.epoch || (stamp.epoch === own.epoch && (stamp.version > own.version || stamp.beat > own.beat))
    if (isLater) raiseEpoch(stamp.epoch)
    return isLater
  }

  function isOwnContent({ since, entries }: OwnerUpdate): boolean {
    for (const { kind, version, entry } of entries) {
      const at = own.find(kind, entry)
      if (at < 0 || own.versionAt(at) !== version || !sameContent(kind, own.entryAt(at) as never, entry as never)) return false
    }
    return since > 0 || entries.length === own.size
  }

  function raiseEpoch(above: number): void {
    refutations++
    own.epoch = Math.max(own.epoch, above) + 1
    own.forgetHistory(own.version)
    const now = env.clock.wall()
    finish(begin({ kind: 'local' }, now), true, false, undefined)
  }

  function judge(stamp: OwnerStamp, stampAgeMs: number): StampVerdict {
    const { node_id: nodeId, epoch, version, beat } = stamp
    if (nodeId === self) return refute(stamp) ? 'stale' : 'known'
    const record = owners.get(nodeId)
    if (record !== undefined && record.epoch > 0) {
      const isOver = stampAgeMs > leaseMs(record) || (isLapsed(record) && epoch === record.epoch && beat <= record.beat)
      if (isOver) return 'unwanted'
      if (epoch !== record.epoch) return epoch > record.epoch ? 'content' : 'stale'
      if (version !== record.version) return version > record.version ? 'content' : 'stale'
      return beat > record.beat ? 'beat' : beat < record.beat ? 'stale' : 'known'
    }
    if (stoneOver(stamp) !== undefined) return 'unwanted'
    return stampAgeMs > ttlSeconds * 1000 ? 'unwanted' : 'content'
  }

  function counterStamp(stamp: OwnerStamp): OwnerStamp | undefined {
    const record = owners.get(stamp.node_id)
    if (record !== undefined && record.epoch > 0) return record.stamp()
    const stone = stoneOver(stamp)
    if (stone === undefined || stone.reason === 'refused') return undefined
    return { node_id: stamp.node_id, epoch: stone.epoch, version: stone.version + 1, beat: stone.beat }
  }

  function stoneOver(stamp: OwnerStamp): Tombstone | undefined {
    const stone = tombstones.get(stamp.node_id, env.clock.monotonic())
    return stone !== undefined && covers(stone, stamp) ? stone : undefined
  }

  // --- the own record ---

  function changeOwn(changes: readonly LocalChange[]): Applied {
    const batch = begin({ kind: 'local' }, env.clock.wall())
    const before = own.version
    let count = 0
    // Removals first: a name given up may be taken again in the same batch.
    for (const change of changes) {
      const at = 'entry' in change ? -1 : own.find(change.kind, change.key)
      if (at < 0 || 'entry' in change) continue
      take(batch, own, at)
      own.noteRemoval(change.kind, change.key, versionOfChange(before, count++))
    }
    for (const change of changes) {
      if (!('entry' in change)) continue
      if (put(batch, own, change.kind, change.entry, versionOfChange(before, count))) count++
    }
    if (count === 0) return { counts: batch.counts, changed: false, delta: batch.draft.finish(headerNow()), refused: [] }
    own.version = versionOfChange(before, count - 1)
    return finish(batch, true, true, undefined)
  }

  const headerNow = () => ({ update_id: env.random.ulid(), cluster_id: clusterId, sent_at: env.clock.wall() })

  const local = createLocalOwner({
    nodeId: self,
    clusterId,
    record: own,
    conflict: (name, functionId) => index.conflict(name, functionId),
    endpoints: (name) => index.functions.all(name),
    change: changeOwn,
    renew() {
      own.beat++
      own.heardAtMs = env.clock.monotonic()
    },
  })

  // --- queries ---

  function live<E extends CatalogEntry>(entries: Iterable<E>, wanted: (entry: E) => boolean): E[] {
    const now = env.clock.wall()
    const found: E[] = []
    for (const entry of entries) if (wanted(entry) && isLive(entry, now)) found.push(entry)
    return found
  }

  function findFunctions(query: FunctionQuery): FunctionEntry[] {
    const { functionId, constraint, resources, clusterId: cluster, nodeId } = query
    const name = query.name ?? (functionId === undefined ? undefined : index.nameOf(functionId))
    const wanted = (entry: FunctionEntry): boolean =>
      (functionId === undefined || entry.identity.function_id === functionId) &&
      (cluster === undefined || entry.cluster_id === cluster) &&
      (nodeId === undefined || entry.node_id === nodeId) &&
      (constraint === undefined || constraint === null || satisfies(versionOf(entry.identity.version), constraint)) &&
      (resources === undefined || isSubset(resources, entry.resources))
    if (name !== undefined) return live(index.functions.all(name), wanted)
    return functionId === undefined ? list('functions').filter(wanted) : []
  }

  function list<K extends CatalogKind>(kind: K): EntryOfKind[K][] {
    const now = env.clock.wall()
    const found: EntryOfKind[K][] = []
    for (const record of owners.values()) {
      for (let at = 0; at < record.size; at++) {
        if (record.kindAt(at) !== kind || record.isHiddenAt(at)) continue
        const entry = record.entryAt(at)
        if (isLiveIn(record, entry, now)) found.push(entry as EntryOfKind[K])
      }
    }
    return found
  }

  function each(visit: (entry: AnyEntry) => void, isWanted?: (nodeId: string) => boolean): void {
    const now = env.clock.wall()
    for (const record of owners.values()) if (isWanted?.(record.node_id) !== false) visitLive(record, now, visit)
  }

  function visitLive(record: OwnerRecord, now: number, visit: (entry: AnyEntry) => void): void {
    for (let at = 0; at < record.size; at++) {
      const entry = record.entryAt(at)
      if (!record.isHiddenAt(at) && isLiveIn(record, entry, now)) visit({ kind: record.kindAt(at), entry } as AnyEntry)
    }
  }

  function nodes(query: NodeQuery = {}): NodeEntry[] {
    const { clusterId: cluster, nodeId, resources, capabilities } = query
    const now = env.clock.wall()
    const found: NodeEntry[] = []
    const look = (record: OwnerRecord | undefined): void => {
      const entry = record?.descriptor
      if (
        record !== undefined &&
        entry !== undefined &&
        (cluster === undefined || entry.cluster_id === cluster) &&
        (resources === undefined || isSubset(resources, entry.resources)) &&
        (capabilities === undefined || isSubset(capabilities, entry.capabilities)) &&
        isLiveIn(record, entry, now)
      ) {
        found.push(entry)
      }
    }
    if (nodeId !== undefined) look(owners.get(nodeId))
    else for (const record of owners.values()) look(record)
    return found
  }

  function announced<E extends CatalogEntry>(entry: E): E {
    const record = owners.get(entry.node_id)
    if (record === undefined || record.epoch === 0) return entry
    const seenAt = env.clock.wall() - ageMs(record) / 1000
    return seenAt > entry.advertised_at ? { ...entry, advertised_at: seenAt } : entry
  }

  // --- coming and going ---

  function departNode(nodeId: string, clusterIds: readonly string[], now: number): CatalogDelta | undefined {
    if (nodeId === self) return undefined
    const batch = begin({ kind: 'departure' }, now)
    const record = owners.get(nodeId)
    const { epoch, version, beat } = record ?? { epoch: 0, version: 0, beat: 0 }
    const untilMs = env.clock.monotonic() + (epoch > 0 ? 2 : 1) * ttlSeconds * 1000
    const described = record?.descriptor?.cluster_id
    if (record !== undefined) takeAll(batch, record)
    for (const cluster of new Set(clusterIds)) {
      if (cluster !== described) batch.draft.remove('nodes', { cluster_id: cluster, node_id: nodeId })
    }
    tombstones.set(nodeId, { reason: 'departed', departedAt: now, epoch, version, beat, untilMs })
    return finish(batch, true, false, undefined).delta
  }

  function prune(now: number): CatalogCounts {
    const batch = begin({ kind: 'expiry' }, now)
    tombstones.prune(env.clock.monotonic())
    for (const record of [...owners.values()]) {
      if (record === own) continue
      if (record.epoch > 0) {
        if (isLapsed(record)) lapse(batch, record)
        continue
      }
      if (now > record.expiresFrom) {
        for (let at = record.size - 1; at >= 0; at--) if (isExpired(record.entryAt(at), now)) take(batch, record, at)
        record.measureLifetimes()
        record.compact()
      }
      forgetRemovedKeys(record, now)
      if (record.size === 0 && record.removedAt === undefined) owners.delete(record.node_id)
    }
    return finish(batch, false, false, undefined).counts
  }

  function forgetRemovedKeys(record: OwnerRecord, now: number): void {
    if (record.removedAt === undefined) return
    for (const [key, removed] of record.removedAt) if (now > removed + ttlSeconds) record.removedAt.delete(key)
    if (record.removedAt.size === 0) record.removedAt = undefined
  }

  function reviewPolicy(): CatalogCounts {
    const batch = begin({ kind: 'policy' }, env.clock.wall())
    for (const record of [...owners.values()]) {
      if (record === own) continue
      for (let at = record.size - 1; at >= 0; at--) {
        const kind = record.kindAt(at)
        const entry = record.entryAt(at)
        const refused = record.isHiddenAt(at) ? undefined : policy.refusal(kind, entry)
        if (refused === undefined) continue
        refuse(batch, refused, kind, entry)
        if (record.epoch === 0) take(batch, record, at)
        else hide(batch, record, at)
      }
      if (record.size === 0 && record.epoch === 0 && record.removedAt === undefined) owners.delete(record.node_id)
    }
    reveal(batch, () => true)
    return finish(batch, false, false, undefined).counts
  }

  function snapshotDocument(now: number): CatalogSnapshot {
    const tables = Object.fromEntries(CATALOG_KINDS.map((kind) => [kind, [] as CatalogEntry[]])) as Record<CatalogKind, CatalogEntry[]>
    each(({ kind, entry }) => tables[kind].push(announced(entry)))
    return { generated_at: now, ...tables } as unknown as CatalogSnapshot
  }

  function restore(document: CatalogSnapshot, now: number): Record<CatalogKind, number> {
    const draft = draftDelta()
    for (const kind of CATALOG_KINDS) for (const entry of document[kind]) if (entry.node_id !== self) draft.add(kind, entry)
    const header = { update_id: env.random.ulid(), cluster_id: clusterId, sent_at: now }
    const { counts } = applyDelta(draft.finish(header), now, { kind: 'restore' })
    return Object.fromEntries(CATALOG_KINDS.map((kind) => [kind, counts[`${kind}_added`]])) as Record<CatalogKind, number>
  }

  return {
    local,
    applyDelta,
    applyOwner,
    isVersioned(nodeId) {
      const record = owners.get(nodeId)
      return record !== undefined && record.epoch > 0 && !isLapsed(record)
    },
    eachStamp(visit) {
      // The records themselves: a digest looks at thousands, several times a second.
      for (const record of owners.values()) if (isTellable(record)) visit(record)
    },
    ownerStamp(nodeId) {
      const record = owners.get(nodeId)
      return record !== undefined && isTellable(record) ? record.stamp() : undefined
    },
    ownerState(nodeId, since) {
      const record = owners.get(nodeId)
      return record !== undefined && isTellable(record) ? record.updateSince(since, ageMs(record)) : undefined
    },
    judge,
    counterStamp,
    heardBeat,
    instanceOf: (nodeId) => owners.get(nodeId)?.instance_id || undefined,
    offersFunctions(nodeId) {
      const record = owners.get(nodeId)
      if (record === undefined) return false
      const now = env.clock.wall()
      for (let at = 0; at < record.size; at++) {
        if (record.kindAt(at) === 'functions' && !record.isHiddenAt(at) && isLiveIn(record, record.entryAt(at), now)) return true
      }
      return false
    },
    beatAgeMs(nodeId) {
      const record = owners.get(nodeId)
      return record === undefined || record.epoch === 0 ? undefined : ageMs(record)
    },

    findFunctions,
    functionsNamed: (name) => live(index.functions.all(name), () => true),
    functionNames: () => index.functions.names,
    functionConflict: (name, functionId) => index.conflict(name, functionId),
    matchTopics(topic) {
      const now = env.clock.wall()
      return index.matchTopics(topic).filter((entry) => isLive(entry, now))
    },
    topic(subscriptionId) {
      const entry = index.topic(subscriptionId)
      return entry !== undefined && isLive(entry, env.clock.wall()) ? entry : undefined
    },
    queues: (name, cluster) => live(index.queues.all(name), (entry) => cluster === undefined || entry.cluster_id === cluster),
    services(query = {}) {
      const { namespace, name, protocol, port, clusterId: cluster, nodeId } = query
      const wanted = (entry: ServiceEntry): boolean =>
        (namespace === undefined || entry.namespace === namespace) &&
        (protocol === undefined || entry.protocol === protocol) &&
        (port === undefined || entry.port === port) &&
        (cluster === undefined || entry.cluster_id === cluster) &&
        (nodeId === undefined || entry.node_id === nodeId)
      return name === undefined ? list('services').filter(wanted) : live(index.services.all(name), wanted)
    },
    cacheRoles: (role, cluster) => live(index.caches.all(role), (entry) => cluster === undefined || entry.cluster_id === cluster),
    cacheProfiles(query = {}) {
      const { clusterId: cluster, nodeId } = query
      const wanted = (entry: CacheProfileEntry): boolean => nodeId === undefined || entry.node_id === nodeId
      return cluster === undefined ? list('cache_profiles').filter(wanted) : live(index.profiles.all(cluster), wanted)
    },
    nodes,
    node: (nodeId) => nodes({ nodeId })[0],
    entriesOf(nodeId) {
      const found: AnyEntry[] = []
      const record = owners.get(nodeId)
      if (record !== undefined) visitLive(record, env.clock.wall(), (entry) => found.push(entry))
      return found
    },
    list,
    each,
    announced,
    get generation() {
      return generation
    },

    departNode,
    welcome: (nodeId) => tombstones.delete(nodeId),
    prune,
    reviewPolicy,
    snapshotDocument,
    restore,
    observe(observer) {
      observers.push(observer)
      return () => {
        const at = observers.indexOf(observer)
        if (at >= 0) observers.splice(at, 1)
      }
    },
    snapshot() {
      const stored = Object.fromEntries(CATALOG_KINDS.map((kind) => [kind, 0])) as Record<CatalogKind, number>
      let versioned = 0
      for (const record of owners.values()) {
        if (record.epoch > 0) versioned++
        for (let at = 0; at < record.size; at++) stored[record.kindAt(at)]++
      }
      return {
        ...stored,
        owners: owners.size,
        versioned_owners: versioned,
        hidden_entries: hidden.size,
        tombstones: tombstones.size,
        generation,
        deltas_applied: deltasApplied,
        owner_updates_applied: ownerUpdatesApplied,
        refutations,
        refused: { ...refusals },
      }
    },
  }

  /** A record to pass on: alive, and the own one not before it says something. */
  function isTellable(record: OwnerRecord): boolean {
    return record.epoch > 0 && (record === own ? record.version > 0 : !isLapsed(record))
  }
}

/** What only one holder may have. */
function claimsOf(kind: CatalogKind, entry: CatalogEntry): readonly string[] {
  if (kind === 'topics') return [`topic ${(entry as TopicEntry).subscription_id}`]
  if (kind !== 'functions') return []
  const { name, function_id } = (entry as FunctionEntry).identity
  return [`name ${name}`, `id ${function_id}`]
}

function isSubset(wanted: readonly string[], offered: readonly string[]): boolean {
  for (const item of wanted) if (!offered.includes(item)) return false
  return true
}

/** Versions in use are few and every call compares some. */
const VERSIONS_CACHED_MAX = 4096
const versions = new Map<string, Version>()

function versionOf(text: string): Version {
  const known = versions.get(text)
  if (known !== undefined) return known
  const version = parseVersion(text)
  if (versions.size >= VERSIONS_CACHED_MAX) versions.clear()
  versions.set(text, version)
  return version
}
