/**
 * Which route messages are believed: signatures, the keys of other clusters, and how those keys are learned, put together.
 *
 *     const trust = createRouteTrust({ env, crypto, links, provider, store }, { clusterId, config, seed, keys, ... })
 *     await trust.restore()            // before gossip begins
 *     trust.start()
 *     createRouteControl({ ..., security: trust.signatures }, ...)
 *     trust.receiveKeys(announcement, senderId)
 *
 * Without a registry (`keys: null`) nothing is learned or told about keys, and only the key inside a message can verify it.
 */
import type { Cancel, Env } from '../../../base/index.ts'
import type { RouteKeyAnnouncement } from '../../../wire/index.ts'
import { PURGE_INTERVAL_MS, ROTATION_OVERLAP_SECONDS } from './constants.ts'
import { createKeyGossip, type KeyAnnouncementOutcome, type KeyGossipSnapshot } from './key-gossip.ts'
import { routeKeyId } from './key-id.ts'
import { createKeyRefresher, type KeyProvider, type KeyRefresh, type KeyRefresherSnapshot } from './key-provider.ts'
import { createKeyRegistry, type KeyDocument, type KeyExplanation, type KeyRegistrySnapshot } from './key-registry.ts'
import { restoreRouteKeys, saveRouteKeys } from './key-snapshot.ts'
import type { KeyLinks, KeySnapshotStore, RouteCrypto } from './ports.ts'
import { createRouteSignatures, type RouteSignatures, type RouteSignaturesSnapshot } from './route-signatures.ts'
import type { RouteSecurityConfig } from './security-config.ts'

export interface RouteTrustDeps {
  readonly env: Env
  readonly crypto: RouteCrypto
  readonly links: KeyLinks
  readonly provider: KeyProvider | KeyRefresh | null
  /** Where keys outlive the process; null: nowhere. */
  readonly store: KeySnapshotStore | null
}

/** What can be changed while the node runs. Null clears; what is left out stays as it is. */
export interface RouteTrustChanges {
  readonly config?: RouteSecurityConfig | null
  /** Ed25519 seed that signs, 32 bytes in hex. With a registry, its public key becomes the primary one of the own cluster. */
  readonly seed?: string | null
  /** The configured keys. Null: no registry. */
  readonly keys?: KeyDocument | null
  readonly pinning?: boolean
}

export interface RouteTrustOptions extends Required<RouteTrustChanges> {
  readonly clusterId: string
  readonly keyTtlSeconds: number
  readonly keyAnnounceIntervalSeconds: number
  readonly keyRefreshIntervalSeconds: number
}

export interface RouteTrustSnapshot {
  readonly signatures: RouteSignaturesSnapshot
  /** Absent without a registry, as the next two are. */
  readonly keys?: KeyRegistrySnapshot
  readonly gossip?: KeyGossipSnapshot
  readonly provider?: KeyRefresherSnapshot
  readonly snapshot_restored_route_keys: number
  readonly snapshot_saved_route_keys: number
}

export interface RouteTrust {
  readonly signatures: Pick<RouteSignatures, 'sign' | 'verify'>
  receiveKeys(announcement: RouteKeyAnnouncement, senderId: string): KeyAnnouncementOutcome | 'no_registry'
  /** A new neighbour is told the keys of this cluster, which must be before it is told routes. */
  connected(nodeId: string): void
  /** @param overlapSeconds how long the own key until now stays valid when another one takes over */
  reconfigure(changes: RouteTrustChanges, overlapSeconds?: number): void
  explain(clusterId: string): KeyExplanation | undefined
  /** The keys of every cluster that has some, or had; undefined without a registry. */
  keys(): KeyExplanation[] | undefined
  /** Takes over what an earlier run saved; a failure is logged. Returns the number of keys. */
  restore(): Promise<number>
  /** Saves the keys; a failure is logged. Returns their number. */
  save(): Promise<number>
  start(): void
  stop(): void
  snapshot(): RouteTrustSnapshot
}

/** Rotations within one overlap that are remembered. */
const RETIRED_KEYS_MAX = 4

interface OwnKey {
  readonly public_key: string
  readonly added_at: number
  readonly expires_at: number | null
}

export function createRouteTrust(deps: RouteTrustDeps, options: RouteTrustOptions): RouteTrust {
  const { crypto, env, links, provider, store } = deps
  const { clusterId } = options
  const log = env.log.scope('fabric.route_control')
  const registry = createKeyRegistry({ clock: env.clock, crypto }, { pinning: options.pinning })
  const gossip = createKeyGossip(
    { clock: env.clock, timers: env.timers, log, registry, links },
    { clusterId, ttlSeconds: options.keyTtlSeconds, announceIntervalSeconds: options.keyAnnounceIntervalSeconds },
  )
  const refresher =
    provider === null
      ? undefined
      : createKeyRefresher(
          { env, log, provider, keys: registry.as('provider'), onRefreshed: tellChange },
          { intervalSeconds: options.keyRefreshIntervalSeconds },
        )
  const signatures = createRouteSignatures(
    { crypto, keys: options.keys === null ? null : registry },
    { config: options.config, seed: options.seed },
  )
  let configured = options.keys
  let ownKey = ownKeyOf(options.seed)
  /** Keys this node signed with before, until their overlap has passed. */
  let retired: OwnKey[] = []
  let started = false
  let restored = 0
  let saved = 0
  let cancelPurge: Cancel | undefined

  takeConfigured()

  function ownKeyOf(seed: string | null): OwnKey | undefined {
    return seed === null ? undefined : { public_key: crypto.ed25519PublicKey(seed), added_at: env.clock.wall(), expires_at: null }
  }

  function takeConfigured(): void {
    for (const { cluster_id, key_id, reason } of registry.as('configured').replace(configured ?? { clusters: {} })) {
      log.warn(`configured route key ${key_id} of cluster ${cluster_id} was not taken: ${reason}`)
    }
    takeOwn()
  }

  /** The key that signs is one of the own cluster, whether the configuration lists it or not. One it lists stays as it says. */
  function takeOwn(): void {
    const now = env.clock.wall()
    retired = retired.filter(({ expires_at, public_key }) => public_key !== ownKey?.public_key && now < (expires_at ?? now))
    const own = ownKey === undefined ? retired : [ownKey, ...retired]
    const listed = new Map(configured?.clusters[clusterId]?.keys.map((key) => [key.public_key.toLowerCase(), key.key_id]))
    const keys = configured === null ? [] : own.filter(({ public_key }) => !listed.has(public_key))
    registry.as('own').replace({ clusters: keys.length === 0 ? {} : { [clusterId]: { primary_key_id: null, keys } } })
    if (ownKey !== undefined) registry.setPrimary(clusterId, listed.get(ownKey.public_key) || routeKeyId(ownKey.public_key, crypto))
  }

  function tellChange(): void {
    if (configured !== null) gossip.announceChange()
  }

  function takeSeed(seed: string | null, overlapSeconds: number): void {
    const next = ownKeyOf(seed)
    if (next?.public_key === ownKey?.public_key) return
    if (ownKey !== undefined) {
      retired = [{ ...ownKey, expires_at: env.clock.wall() + Math.max(0, overlapSeconds) }, ...retired].slice(0, RETIRED_KEYS_MAX)
    }
    ownKey = next
  }

  function run(): void {
    if (!started) return
    if (configured === null) {
      gossip.stop()
      refresher?.stop()
      return
    }
    // The provider first: what it knows can be told at once.
    refresher?.start()
    gossip.start()
  }

  return {
    signatures,
    receiveKeys: (announcement, senderId) => (configured === null ? 'no_registry' : gossip.receive(announcement, senderId)),

    connected(nodeId) {
      if (started && configured !== null) gossip.connected(nodeId)
    },

    reconfigure({ config, keys, pinning, seed }, overlapSeconds = ROTATION_OVERLAP_SECONDS) {
      if (seed !== undefined) takeSeed(seed, overlapSeconds)
      if (config !== undefined) signatures.setConfig(config)
      if (pinning !== undefined) registry.setPinning(pinning)
      if (keys !== undefined) configured = keys
      if (keys !== undefined) takeConfigured()
      else if (seed !== undefined) takeOwn()
      signatures.setKeys(configured === null ? null : registry)
      run()
      // Neighbours hear of a key before they hear something signed with it.
      tellChange()
      if (seed !== undefined) signatures.setSeed(seed)
    },

    explain: (cluster) => (configured === null ? undefined : registry.explain(cluster)),
    keys: () => (configured === null ? undefined : registry.clusterIds().map(registry.explain)),

    async restore() {
      if (store === null || configured === null) return 0
      try {
        restored = await restoreRouteKeys(registry, store, { hasProvider: provider !== null, now: env.clock.wall() })
      } catch (error) {
        log.error('the saved route keys could not be restored; they have to be learned again', error)
      }
      return restored
    },

    async save() {
      if (store === null || configured === null) return 0
      try {
        saved = await saveRouteKeys(registry, store, env.clock.wall())
      } catch (error) {
        log.error('the route keys could not be saved; they have to be learned again after the next start', error)
      }
      return saved
    },

    start() {
      if (started) return
      started = true
      cancelPurge = env.timers.every(PURGE_INTERVAL_MS, () => void registry.purge())
      run()
    },

    stop() {
      started = false
      cancelPurge?.()
      gossip.stop()
      refresher?.stop()
    },

    snapshot: () => ({
      signatures: signatures.snapshot(),
      ...(configured !== null && { keys: registry.snapshot(), gossip: gossip.snapshot() }),
      ...(configured !== null && refresher !== undefined && { provider: refresher.snapshot() }),
      snapshot_restored_route_keys: restored,
      snapshot_saved_route_keys: saved,
    }),
  }
}
