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
  /** Undefined without a registry, as the parts below are. */
  readonly keys: KeyRegistrySnapshot | undefined
  readonly gossip: KeyGossipSnapshot | undefined
  readonly provider: KeyRefresherSnapshot | undefined
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
  /** Takes over what an earlier run saved; a failure is logged. Returns the number of keys. */
  restore(): Promise<number>
  /** Saves the keys; a failure is logged. Returns their number. */
  save(): Promise<number>
  start(): void
  stop(): void
  snapshot(): RouteTrustSnapshot
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
          { env, log, provider, keys: registry.as('provider'), onRefreshed },
          { intervalSeconds: options.keyRefreshIntervalSeconds },
        )
  let hasRegistry = options.keys !== null
  let configured = options.keys
  let seed = options.seed
  const signatures = createRouteSignatures({ crypto, keys: hasRegistry ? registry : null }, { config: options.config, seed })
  let started = false
  let restored = 0
  let saved = 0
  let cancelPurge: Cancel | undefined

  takeConfigured(0)

  /** The configured keys, and among them the one that belongs to the seed. */
  function takeConfigured(overlapSeconds: number): void {
    const writer = registry.as('configured')
    const known = new Set(registry.activeKeys(clusterId).map(({ public_key }) => public_key))
    const previous = registry.keysOf(clusterId)
    for (const { cluster_id, key_id, reason } of writer.replace(withRetired(configured ?? { clusters: {} }, previous))) {
      log.warn(`configured route key ${key_id} of cluster ${cluster_id} was not taken: ${reason}`)
    }
    void known
    void overlapSeconds
  }

  function withRetired(document: KeyDocument, _previous: unknown): KeyDocument {
    return document
  }

  function onRefreshed(): void {
    if (started) gossip.announceChange()
  }

  return undefined as never
}
