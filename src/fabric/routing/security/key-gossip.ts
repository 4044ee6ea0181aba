/**
 * Route keys by gossip: a cluster tells its neighbours by which keys its messages are to be believed.
 *
 * The announcement itself is not signed. It is believed from nodes of the cluster it speaks of and from nobody else, so it is only as
 * good as the knowledge of who is at the other end of a link. What is learned so ends when the keys do, not with the announcement.
 */
import type { Cancel, Clock, LogScope, Timers } from '../../../base/index.ts'
import type { RouteKeyAnnouncement } from '../../../wire/index.ts'
import { KEYS_PER_CLUSTER_MAX } from './constants.ts'
import type { KeyRefusal, KeyRegistry } from './key-registry.ts'
import type { KeyLinks } from './ports.ts'

export type KeyAnnouncementRefusal =
  /** The sender's cluster is not known yet. */
  | 'unknown_sender'
  /** The keys are of a cluster the sender does not belong to. */
  | 'foreign_cluster'
  | 'expired'
  /** It lists no keys. */
  | 'no_keys'
  | KeyRefusal

/** `applied`: at least one key was taken. */
export type KeyAnnouncementOutcome = 'applied' | KeyAnnouncementRefusal

export interface KeyGossipDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: LogScope
  readonly registry: KeyRegistry
  readonly links: KeyLinks
}

export interface KeyGossipOptions {
  readonly clusterId: string
  readonly ttlSeconds: number
  readonly announceIntervalSeconds: number
}

export interface KeyGossipSnapshot {
  readonly announced_total: number
  readonly announce_failures: number
  readonly applied_total: number
  readonly refused_total: Readonly<Record<string, number>>
}

export interface KeyGossip {
  /** What a neighbour announced. Never throws. */
  receive(announcement: RouteKeyAnnouncement, senderId: string): KeyAnnouncementOutcome
  /** A new neighbour is told at once, so that it can believe the routes that follow. */
  connected(nodeId: string): void
  /** Tells all neighbours, if this cluster has keys. */
  announce(): void
  /** Tells them if the keys are others than last told; nothing while it is not started. */
  announceChange(): void
  start(): void
  stop(): void
  snapshot(): KeyGossipSnapshot
}

export function createKeyGossip({ clock, timers, log, registry, links }: KeyGossipDeps, options: KeyGossipOptions): KeyGossip {
  const { announceIntervalSeconds, clusterId: local, ttlSeconds } = options
  const refused: Record<string, number> = {}
  let announced = 0
  let failures = 0
  let applied = 0
  let lastTold = ''
  let cancelInterval: Cancel | undefined

  function ownAnnouncement(): RouteKeyAnnouncement | undefined {
    const own = registry.keysOf(local)
    return own && { cluster_id: local, ...own, advertised_at: clock.wall(), ttl_seconds: ttlSeconds }
  }

  /** A failure must end neither the series of announcements nor what the caller was about to do. */
  function tell(nodeIds: readonly string[], announcement = ownAnnouncement()): void {
    if (announcement === undefined || nodeIds.length === 0) return
    try {
      links.tell(announcement, nodeIds)
      announced++
    } catch (error) {
      failures++
      log.error('announcing the route keys failed; the next attempt follows at the regular time', error)
    }
  }

  function announce(): void {
    lastTold = told()
    tell(links.connected())
  }

  function told(): string {
    return JSON.stringify(registry.keysOf(local) ?? null)
  }

  function decide(announcement: RouteKeyAnnouncement, senderId: string): KeyAnnouncementOutcome {
    const { cluster_id: clusterId, keys } = announcement
    const sender = links.clusterOf(senderId)
    if (sender === undefined) return 'unknown_sender'
    if (sender !== clusterId) return 'foreign_cluster'
    if (clock.wall() > announcement.advertised_at + announcement.ttl_seconds) return 'expired'
    if (keys.length === 0) return 'no_keys'
    if (keys.length > KEYS_PER_CLUSTER_MAX) return 'oversized'
    const writer = registry.as('gossip')
    let refusal: KeyRefusal | undefined
    let taken = 0
    for (const key of keys) {
      const outcome = writer.register(clusterId, key, false)
      if (outcome === 'registered') taken++
      else refusal = outcome
    }
    if (taken === 0) return refusal ?? 'no_keys'
    if (announcement.primary_key_id !== null) registry.setPrimary(clusterId, announcement.primary_key_id)
    registry.purge(clusterId)
    return 'applied'
  }

  return {
    receive(announcement, senderId) {
      const outcome = decide(announcement, senderId)
      if (outcome === 'applied') applied++
      else refused[outcome] = (refused[outcome] ?? 0) + 1
      if (log.debugOn) {
        log.debug(
          `route keys ${outcome === 'applied' ? 'learned' : 'refused'}: reason=${outcome} cluster=${announcement.cluster_id} sender=${senderId}`,
        )
      }
      return outcome
    },

    connected: (nodeId) => tell([nodeId]),
    announce,
    announceChange() {
      if (cancelInterval !== undefined && told() !== lastTold) announce()
    },

    start() {
      if (cancelInterval !== undefined) return
      cancelInterval = timers.every(announceIntervalSeconds * 1000, announce)
      announce()
    },
    stop() {
      cancelInterval?.()
      cancelInterval = undefined
    },

    snapshot: () => ({ announced_total: announced, announce_failures: failures, applied_total: applied, refused_total: { ...refused } }),
  }
}
