/**
 * What this node tells the fabric about its links: one update for each area, at the start, every interval, and soon after a change.
 *
 * One counter numbers the updates of all areas. It starts from the clock, so that a restarted node is ahead of what is still remembered of it,
 * and being common to all areas it makes every update distinct.
 */
import type { Cancel, Clock, Timers } from '../../../base/index.ts'
import { compareCodePoints, type LinkStateNeighbor, type LinkStateUpdate } from '../../../wire/index.ts'
import { sensibleMetrics } from './adjacency.ts'
import { type Area, type AreaPolicy, compareAreas } from './area-policy.ts'
import { CHANGE_DELAY_MS, NEIGHBORS_MAX } from './constants.ts'
import type { LinkedPeer, LinkMetrics, LinkStatePorts } from './ports.ts'

export interface Announcer {
  /** Announces at once, and then every interval. */
  start(): void
  stop(): void
  /** Builds the updates of all areas and hands them out. */
  announce(): void
  /** Links have changed: announces soon, once for all that changes meanwhile. */
  linksChanged(): void
  readonly announcedTotal: number
  /** Neighbouring clusters left out because there are too many, in the latest updates. */
  readonly neighborsCut: number
}

export interface AnnouncerDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly policy: AreaPolicy
  readonly ports: Pick<LinkStatePorts, 'connectedPeers' | 'linkMetrics'>
  /** Takes an update. Must not throw, lest one area keep back the others. */
  publish(update: LinkStateUpdate): void
}

export interface AnnouncerOptions {
  readonly clusterId: string
  readonly ttlSeconds: number
  readonly intervalSeconds: number
}

/** Of a link nothing is known about. */
const UNKNOWN_LINK: LinkMetrics = { latency_ms: 0, bandwidth_mbps: null, reliability_score: 1, cost_score: 0 }

export function createAnnouncer({ clock, timers, policy, ports, publish }: AnnouncerDeps, options: AnnouncerOptions): Announcer {
  const { clusterId, ttlSeconds, intervalSeconds } = options
  let sequence = Math.floor(clock.wall() * 1000)
  /** When an area was last announced with neighbours, monotonic. Until what was said then has expired, it is announced as empty. */
  const filledAtMs = new Map<Area, number>()
  let announced = 0
  let cut = 0
  let cancelInterval: Cancel | undefined
  let cancelSoon: Cancel | undefined

  function announce(): void {
    cancelSoon?.()
    cancelSoon = undefined
    const groups = policy.group(ports.connectedPeers())
    const now = clock.monotonic()
    for (const [area, atMs] of filledAtMs) {
      if (now - atMs > ttlSeconds * 1000) filledAtMs.delete(area)
      else if (!groups.has(area)) groups.set(area, [])
    }
    cut = 0
    for (const [area, peers] of [...groups].sort(([a], [b]) => compareAreas(a, b))) {
      const neighbors = neighborsOf(peers)
      if (neighbors.length > 0) filledAtMs.set(area, now)
      announced++
      publish({
        origin: clusterId,
        neighbors,
        advertised_at: clock.wall(),
        ttl_seconds: ttlSeconds,
        sequence: ++sequence,
        ...(area !== null && { area }),
      })
    }
  }

  /** One entry for each foreign cluster, in order of names. */
  function neighborsOf(peers: readonly LinkedPeer[]): LinkStateNeighbor[] {
    const clusters = new Set<string>()
    for (const peer of peers) if (peer.clusterId !== clusterId && peer.clusterId !== '') clusters.add(peer.clusterId)
    const sorted = [...clusters].sort(compareCodePoints)
    cut += Math.max(0, sorted.length - NEIGHBORS_MAX)
    return sorted.slice(0, NEIGHBORS_MAX).map((neighbor) => ({
      cluster_id: neighbor,
      ...(sensibleMetrics(ports.linkMetrics(neighbor) ?? UNKNOWN_LINK) ?? UNKNOWN_LINK),
    }))
  }

  return {
    start() {
      if (cancelInterval !== undefined) return
      cancelInterval = timers.every(intervalSeconds * 1000, announce)
      announce()
    },

    stop() {
      cancelInterval?.()
      cancelSoon?.()
      cancelInterval = undefined
      cancelSoon = undefined
    },

    announce,

    linksChanged() {
      if (cancelInterval !== undefined && cancelSoon === undefined) cancelSoon = timers.after(CHANGE_DELAY_MS, announce)
    },

    get announcedTotal() {
      return announced
    },
    get neighborsCut() {
      return cut
    },
  }
}
