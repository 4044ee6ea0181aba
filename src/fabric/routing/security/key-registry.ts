/**
 * The public keys by which clusters are believed.
 *
 * Keys come from the configuration, a key provider, and gossip; and there is the key this node signs with itself. The first two are the
 * operator's word: where pinning is on, a cluster the operator has given keys for takes none from gossip, and those it had from there are
 * dropped.
 *
 * A cluster whose keys have all ended is remembered as lapsed: for one that used to sign with known keys, the key inside a message proves
 * nothing. An operator makes it forgotten by no longer listing it, and distrusted by listing it without keys.
 *
 * The size is bounded. With too many clusters, new ones that gossip tells of are refused; the operator's take the place of those. Within a
 * cluster the key of gossip that was told longest ago makes room.
 */
import type { Clock } from '../../../base/index.ts'
import { compareCodePoints, type RouteKey } from '../../../wire/index.ts'
import { CLUSTERS_MAX, KEYS_PER_CLUSTER_MAX, LAPSED_CLUSTERS_MAX, NAME_LENGTH_MAX, ROTATION_OVERLAP_SECONDS } from './constants.ts'
import { isPublicKey, routeKeyId } from './key-id.ts'
import type { RouteCrypto } from './ports.ts'

/** From the weakest to the strongest. */
const SOURCES = ['gossip', 'own', 'provider', 'configured'] as const
export type KeySource = (typeof SOURCES)[number]

/** A key as it is given; what is left out: an id derived from the key, added now, never ending. */
export interface KeyDraft {
  readonly key_id?: string | null
  /** 32 bytes in hex. */
  readonly public_key: string
  /** Unix seconds. */
  readonly added_at?: number
  /** Unix seconds; null = never. */
  readonly expires_at?: number | null
}

export interface ClusterKeys {
  readonly primary_key_id: string | null
  readonly keys: readonly KeyDraft[]
}

/** The JSON form of a registry. */
export interface KeyDocument {
  readonly clusters: Readonly<Record<string, ClusterKeys>>
}

export type KeyRefusal =
  /** The operator has given keys for this cluster, and gossip can not change those. */
  | 'pinned'
  /** A blank name, or a key that is not 32 bytes in hex. */
  | 'malformed'
  /** A name or id that is too long, or too many keys at once. */
  | 'oversized'
  | 'cluster_full'
  | 'registry_full'

export interface RefusedKey {
  readonly cluster_id: string
  /** Null when it concerns the choice of the primary key. */
  readonly key_id: string | null
  readonly reason: KeyRefusal | 'unknown_primary'
}

/** What a key provider may do. */
export interface KeyWriter {
  /** Adds a key or replaces the one of the same id. @param primary whether it becomes the key tried first; by default yes */
  register(clusterId: string, key: KeyDraft, primary?: boolean): 'registered' | KeyRefusal
  /** The key becomes primary; the primary one until now ends after the overlap. */
  rotate(clusterId: string, key: KeyDraft, overlapSeconds?: number): 'registered' | KeyRefusal
  /** Makes these the keys from this source. Other keys from it are removed, and clusters left without any are forgotten. */
  replace(document: KeyDocument): RefusedKey[]
  activeKeys(clusterId: string): readonly RouteKey[]
}

/** `active`: there are keys. `lapsed`: there were some, and all have ended. */
export type KeyStanding = 'active' | 'lapsed' | 'unknown'

export interface KeyExplanation {
  readonly cluster_id: string
  readonly standing: KeyStanding
  readonly pinned: boolean
  readonly keys: readonly (RouteKey & { readonly source: KeySource; readonly active: boolean; readonly primary: boolean })[]
}

export interface KeyRegistrySnapshot {
  /** With active keys. */
  readonly clusters: number
  readonly active_keys: number
  readonly lapsed_clusters: number
  readonly pinning: boolean
  readonly evicted_total: number
  readonly refused_total: Readonly<Record<string, number>>
}

export interface KeyRegistry {
  /** The same registry, in the name of a source. */
  as(source: KeySource): KeyWriter
  /** Primary first, then by id. */
  activeKeys(clusterId: string): readonly RouteKey[]
  standing(clusterId: string): KeyStanding
  isPinned(clusterId: string): boolean
  /** The active keys of a cluster with their primary; undefined when there are none. */
  keysOf(clusterId: string): { readonly keys: readonly RouteKey[]; readonly primary_key_id: string | null } | undefined
  /** The clusters that have active keys, and those that had some, by name. */
  clusterIds(): string[]
  /** Makes `keyId` the key tried first; false when the cluster has no such key. */
  setPrimary(clusterId: string, keyId: string): boolean
  /** A cluster is known to have had keys, although none is left. */
  noteLapsed(clusterId: string, source: KeySource): void
  setPinning(pinning: boolean): void
  /** Removes keys that have ended; returns their number. @param clusterId only of this cluster */
  purge(clusterId?: string): number
  explain(clusterId: string): KeyExplanation
  snapshot(): KeyRegistrySnapshot
}

export interface KeyRegistryDeps {
  readonly clock: Clock
  readonly crypto: Pick<RouteCrypto, 'sha256Hex'>
}

export interface KeyRegistryOptions {
  /** Gossip can not change the keys of clusters the operator has given keys for. */
  readonly pinning: boolean
  readonly clustersMax?: number
  readonly keysPerClusterMax?: number
  readonly lapsedMax?: number
}

interface HeldKey {
  readonly key: RouteKey
  readonly source: KeySource
}

interface Cluster {
  primary: string | null
  /** The strongest that has given it a key. */
  source: KeySource
  /** The one told longest ago first. */
  readonly keys: Map<string, HeldKey>
  /** All keys in the order they are tried; undefined when it must be made again. */
  order: readonly RouteKey[] | undefined
}

export function createKeyRegistry({ clock, crypto }: KeyRegistryDeps, options: KeyRegistryOptions): KeyRegistry {
  const { clustersMax = CLUSTERS_MAX, keysPerClusterMax = KEYS_PER_CLUSTER_MAX, lapsedMax = LAPSED_CLUSTERS_MAX } = options
  const clusters = new Map<string, Cluster>()
  /** Clusters without keys that had some, and from whom; the oldest first. */
  const lapsed = new Map<string, KeySource>()
  const refused: Record<string, number> = {}
  let { pinning } = options
  let evicted = 0

  const isActive = (key: RouteKey): boolean => key.expires_at === null || clock.wall() < key.expires_at

  function ordered(cluster: Cluster): readonly RouteKey[] {
    cluster.order ??= [...cluster.keys.values()]
      .map(({ key }) => key)
      .sort((a, b) => Number(b.key_id === cluster.primary) - Number(a.key_id === cluster.primary) || compareCodePoints(a.key_id, b.key_id))
    return cluster.order
  }

  function activeKeys(clusterId: string): readonly RouteKey[] {
    const cluster = clusters.get(clusterId)
    if (cluster === undefined) return []
    const order = ordered(cluster)
    return order.every(isActive) ? order : order.filter(isActive)
  }

  function standing(clusterId: string): KeyStanding {
    if (activeKeys(clusterId).length > 0) return 'active'
    return clusters.has(clusterId) || lapsed.has(clusterId) ? 'lapsed' : 'unknown'
  }

  function isPinned(clusterId: string): boolean {
    const source = clusters.get(clusterId)?.source ?? lapsed.get(clusterId)
    return pinning && source !== undefined && isOperators(source)
  }

  function refuse(reason: KeyRefusal): KeyRefusal {
    refused[reason] = (refused[reason] ?? 0) + 1
    return reason
  }

  function remove(clusterId: string, cluster: Cluster, keyId: string): void {
    const held = cluster.keys.get(keyId)
    if (held === undefined) return
    cluster.keys.delete(keyId)
    cluster.order = undefined
    if (cluster.primary === keyId) cluster.primary = null
    if (cluster.keys.size > 0) return
    clusters.delete(clusterId)
    remember(clusterId, cluster.source)
  }

  function remember(clusterId: string, source: KeySource): void {
    const known = lapsed.get(clusterId)
    lapsed.set(clusterId, known === undefined ? source : stronger(known, source))
    if (lapsed.size <= lapsedMax) return
    // The operator's clusters stay as long as there are others: nobody else may have them forgotten.
    const oldest = lapsed.entries().find(([, of]) => of === 'gossip')?.[0] ?? (lapsed.keys().next().value as string)
    lapsed.delete(oldest)
    evicted++
  }

  /** Sees to it that there is a place for a key, or says why there is none. */
  function makeRoom(source: KeySource, clusterId: string, keyId: string): KeyRefusal | undefined {
    const cluster = clusters.get(clusterId)
    if (cluster === undefined) {
      if (clusters.size < clustersMax) return undefined
      const replaceable = source !== 'gossip' ? clusters.entries().find(([, { keys }]) => keys.values().every(isHearsay)) : undefined
      if (replaceable === undefined) return 'registry_full'
      clusters.delete(replaceable[0])
      evicted++
      return undefined
    }
    if (cluster.keys.has(keyId) || cluster.keys.size < keysPerClusterMax) return undefined
    const replaceable =
      ordered(cluster).find((key) => !isActive(key))?.key_id ??
      cluster.keys.entries().find(([id, held]) => isHearsay(held) && id !== cluster.primary)?.[0]
    if (replaceable === undefined) return 'cluster_full'
    remove(clusterId, cluster, replaceable)
    evicted++
    return undefined
  }

  function register(source: KeySource, clusterId: string, draft: KeyDraft, primary = true): 'registered' | KeyRefusal {
    const publicKey = draft.public_key.toLowerCase()
    if (clusterId.trim() === '' || !isPublicKey(publicKey)) return refuse('malformed')
    const keyId = draft.key_id || routeKeyId(publicKey, crypto)
    if (clusterId.length > NAME_LENGTH_MAX || keyId.length > NAME_LENGTH_MAX) return refuse('oversized')
    if (source === 'gossip' && isPinned(clusterId)) return refuse('pinned')
    const full = makeRoom(source, clusterId, keyId)
    if (full !== undefined) return refuse(full)

    const earlier = lapsed.get(clusterId) ?? source
    const cluster: Cluster = clusters.get(clusterId) ?? { primary: null, source: earlier, keys: new Map(), order: undefined }
    cluster.source = stronger(cluster.source, source)
    clusters.set(clusterId, cluster)
    lapsed.delete(clusterId)
    const held = cluster.keys.get(keyId)
    const same = held?.key.public_key === publicKey ? held : undefined
    const { added_at = clock.wall(), expires_at: given = null } = draft
    // Nodes of a cluster hear of a rotation one after the other: those that have not yet must not bring the old key back to life.
    const expires_at = source === 'gossip' && same !== undefined ? earlierEnd(same.key.expires_at, given) : given
    cluster.keys.delete(keyId)
    const key = { key_id: keyId, public_key: publicKey, added_at, expires_at }
    cluster.keys.set(keyId, { key, source: same === undefined ? source : stronger(same.source, source) })
    if (primary) cluster.primary = keyId
    cluster.order = undefined
    if (pinning && isOperators(source)) dropHearsay(clusterId, cluster)
    return 'registered'
  }

  function dropHearsay(clusterId: string, cluster: Cluster): void {
    for (const [keyId, held] of [...cluster.keys]) if (isHearsay(held)) remove(clusterId, cluster, keyId)
  }

  function rotate(source: KeySource, clusterId: string, draft: KeyDraft, overlapSeconds: number): 'registered' | KeyRefusal {
    const before = clusters.get(clusterId)
    const old = before?.keys.get(before.primary ?? '')
    const outcome = register(source, clusterId, draft)
    const cluster = clusters.get(clusterId)
    if (outcome !== 'registered' || old === undefined || cluster === undefined || cluster.primary === old.key.key_id) return outcome
    // One that has expired may have made room for the new one, and needs no overlap.
    if (!isActive(old.key)) return outcome
    const ends = clock.wall() + Math.max(0, overlapSeconds)
    const key = { ...old.key, expires_at: Math.min(old.key.expires_at ?? ends, ends) }
    // Whoever rotates knows the old key, so it stays even where what others told of is dropped.
    cluster.keys.set(key.key_id, { key, source })
    cluster.order = undefined
    return outcome
  }

  function setPrimary(clusterId: string, keyId: string): boolean {
    const cluster = clusters.get(clusterId)
    if (cluster === undefined || !cluster.keys.has(keyId)) return false
    cluster.primary = keyId
    cluster.order = undefined
    return true
  }

  function replace(source: KeySource, document: KeyDocument): RefusedKey[] {
    const refusals: RefusedKey[] = []
    const wanted = new Map(Object.entries(document.clusters).map(([clusterId, { keys }]) => [clusterId, keys.map(idOf)]))
    for (const [clusterId, cluster] of [...clusters]) {
      const stay = wanted.get(clusterId)
      for (const [keyId, held] of [...cluster.keys]) {
        if (held.source === source && stay?.includes(keyId) !== true) remove(clusterId, cluster, keyId)
      }
      if (stay === undefined) cluster.source = [...cluster.keys.values()].map((held) => held.source).reduce(stronger, 'gossip')
    }
    for (const [clusterId, ids] of wanted) {
      const { keys, primary_key_id } = document.clusters[clusterId] as ClusterKeys
      keys.forEach((key, index) => {
        const reason = register(source, clusterId, key, false)
        if (reason !== 'registered') refusals.push({ cluster_id: clusterId, key_id: ids[index] ?? null, reason })
      })
      const primary = primary_key_id ?? (ids.length === 0 ? undefined : (clusters.get(clusterId)?.primary ?? ids[0]))
      if (primary === undefined) distrust(clusterId, source)
      else if (!setPrimary(clusterId, primary)) refusals.push({ cluster_id: clusterId, key_id: primary, reason: 'unknown_primary' })
    }
    for (const [clusterId, of] of [...lapsed]) if (of === source && !wanted.has(clusterId)) lapsed.delete(clusterId)
    return refusals
  }

  /** Listed without keys: there are none it may be believed by. */
  function distrust(clusterId: string, source: KeySource): void {
    const cluster = clusters.get(clusterId)
    if (cluster !== undefined && pinning && isOperators(source)) dropHearsay(clusterId, cluster)
    noteLapsed(clusterId, source)
  }

  function noteLapsed(clusterId: string, source: KeySource): void {
    if (!clusters.has(clusterId)) remember(clusterId, source)
  }

  const idOf = (key: KeyDraft): string =>
    key.key_id || (isPublicKey(key.public_key.toLowerCase()) ? routeKeyId(key.public_key, crypto) : '')

  return {
    as: (source) => ({
      register: (clusterId, key, primary) => register(source, clusterId, key, primary),
      rotate: (clusterId, key, overlapSeconds = ROTATION_OVERLAP_SECONDS) => rotate(source, clusterId, key, overlapSeconds),
      replace: (document) => replace(source, document),
      activeKeys,
    }),
    activeKeys,
    standing,
    isPinned,

    keysOf(clusterId) {
      const keys = activeKeys(clusterId)
      if (keys.length === 0) return undefined
      const primary = clusters.get(clusterId)?.primary ?? null
      return { keys, primary_key_id: keys.some(({ key_id }) => key_id === primary) ? primary : null }
    },

    clusterIds: () => [...new Set([...clusters.keys(), ...lapsed.keys()])].sort(compareCodePoints),
    setPrimary,

    noteLapsed,

    setPinning(next) {
      pinning = next
      if (!pinning) return
      for (const [clusterId, cluster] of [...clusters]) if (isPinned(clusterId)) dropHearsay(clusterId, cluster)
    },

    purge(only) {
      let purged = 0
      for (const clusterId of only === undefined ? [...clusters.keys()] : [only]) {
        const cluster = clusters.get(clusterId)
        if (cluster === undefined) continue
        for (const key of ordered(cluster)) {
          if (isActive(key)) continue
          remove(clusterId, cluster, key.key_id)
          purged++
        }
      }
      return purged
    },

    explain(clusterId) {
      const cluster = clusters.get(clusterId)
      const keys = cluster === undefined ? [] : ordered(cluster)
      return {
        cluster_id: clusterId,
        standing: standing(clusterId),
        pinned: isPinned(clusterId),
        keys: keys.map((key) => ({
          ...key,
          source: cluster?.keys.get(key.key_id)?.source ?? 'gossip',
          active: isActive(key),
          primary: key.key_id === cluster?.primary,
        })),
      }
    },

    snapshot() {
      let active = 0
      let keys = 0
      for (const clusterId of clusters.keys()) {
        const count = activeKeys(clusterId).length
        keys += count
        if (count > 0) active++
      }
      return {
        clusters: active,
        active_keys: keys,
        lapsed_clusters: lapsed.size + clusters.size - active,
        pinning,
        evicted_total: evicted,
        refused_total: { ...refused },
      }
    },
  }
}

function earlierEnd(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}

function isOperators(source: KeySource): boolean {
  return source === 'configured' || source === 'provider'
}

function stronger(a: KeySource, b: KeySource): KeySource {
  return SOURCES.indexOf(a) < SOURCES.indexOf(b) ? b : a
}

function isHearsay({ source }: HeldKey): boolean {
  return source === 'gossip'
}
