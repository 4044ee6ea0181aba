/**
 * Telling others: which neighbour holds which of our routes, and what it has to hear when they change (the Adj-RIB-Out of BGP, RFC 4271
 * §3.2).
 *
 * Neighbouring clusters are told the best route to each destination, and nothing else. A neighbour that is on the path is told nothing
 * (split horizon); if it holds an older route of ours, that is withdrawn from it, since it would otherwise go on believing in a way that
 * does not exist any more. Everybody else gets a withdrawal only when no route is left. What changes within one turn of the event loop is told
 * once, as it stands at the end.
 *
 * Nodes of the own cluster are told the best route *over a link of this node* (as iBGP does, with best-external, RFC 4271 §9.2.2 and
 * draft-ietf-idr-best-external): an ordinary announcement whose advertiser is the own cluster, the very one that other clusters get. What
 * was learned so is never told inside again, so nothing can go round inside; and since all nodes of the cluster rank routes alike, no two of
 * them send traffic to each other. Nodes of other implementations ignore route messages from their own cluster.
 */
import type { Cancel, Env, LogScope } from '../../../base/index.ts'
import type { RouteAnnouncement, RouteMetrics, RouteWithdrawal } from '../../../wire/index.ts'
import { REFRESH_GAP_MS, REFRESH_GAP_TTL_MIN_SECONDS, UPDATES_PER_TURN_MAX } from './constants.ts'
import { type ExportRefusal, type ExportRules, exportPolicyRefusal, exportRefusal } from './export-rules.ts'
import type { RouteMessage, RouteNeighbors, RouteSecurity, RouteTransmitter } from './ports.ts'
import { samePath } from './route.ts'
import type { PolicySubject } from './route-policy.ts'
import type { RouteTable } from './route-table.ts'

/** What can be told: a route of the table, or the own cluster. */
export interface Offer {
  readonly path: readonly string[]
  readonly metrics: RouteMetrics
  readonly tags: readonly string[]
  readonly ttlSeconds: number
  readonly receivedMs: number
}

export interface AdvertisingDeps {
  readonly env: Env
  readonly log: LogScope
  readonly neighbors: RouteNeighbors
  readonly transmitter: RouteTransmitter
  readonly security: Pick<RouteSecurity, 'sign'>
  readonly table: Pick<RouteTable, 'select' | 'selectOwn' | 'destinations'>
  readonly nextEpoch: () => number
}

export interface AdvertisingOptions {
  readonly clusterId: string
  readonly nodeId: string
  /** Whether routes are shared with the other nodes of the cluster. */
  readonly shareInside: boolean
  readonly rules: ExportRules
}

export type OwnOutcome = 'sent' | 'no_neighbor' | ExportRefusal

export interface AdvertisingSnapshot {
  readonly announcements_sent: number
  readonly withdrawals_sent: number
  /** One message to one node each. */
  readonly copies_sent: number
  readonly destinations_told: number
  readonly pending: number
  readonly publish_failures: number
}

export interface ExportExplanation {
  readonly cluster_id: string
  readonly told: boolean
  /** Why the neighbour is not to be told; null when it is. */
  readonly refused: ExportRefusal | 'no_route' | null
}

export interface Advertising {
  /** The routes to a destination have changed; what follows is told at the end of this turn. */
  touch(destination: string): void
  /** Puts right what was told less often than it changed; to be called about once a second. */
  catchUp(): void
  /** A node was linked: it is told everything that concerns it. */
  greet(nodeId: string): void
  /** The last link to a cluster is gone, and with it what it held. */
  forgetCluster(clusterId: string): void
  /** Tells the own cluster, at once. `sent` when at least one neighbour is told. */
  announceOwn(tags: readonly string[], ttlSeconds: number, metrics: RouteMetrics): OwnOutcome
  /** Withdraws the own cluster, at once. False when nobody holds it. */
  withdrawOwn(): boolean
  setRules(rules: ExportRules): void
  explain(destination: string): ExportExplanation[]
  stop(): void
  snapshot(): AdvertisingSnapshot
}

/** What others hold of our routes to one destination. */
interface Told {
  offer: Offer | undefined
  readonly clusters: Set<string>
  toldAtMs: number
  shared: Offer | undefined
  sharedAtMs: number
}

interface Audience {
  /** Linked nodes of each neighbouring cluster. */
  readonly clusters: ReadonlyMap<string, readonly string[]>
  readonly siblings: readonly string[]
}

export function createAdvertising(deps: AdvertisingDeps, options: AdvertisingOptions): Advertising {
  const { env, log, neighbors, transmitter, security, table, nextEpoch } = deps
  const { clusterId: local, nodeId, shareInside } = options
  let { rules } = options
  let own: Offer | undefined
  const told = new Map<string, Told>()
  const pending = new Set<string>()
  /** Refreshes put off by the gap. */
  const later = new Set<string>()
  /** Nodes that have to be told what others hold already. */
  const greeted = new Set<string>()
  /** Who is to be told may have changed as well, not only what. */
  let revising = false
  let cancelFlush: Cancel | undefined
  let stopped = false
  const counters = { announcements_sent: 0, withdrawals_sent: 0, copies_sent: 0, publish_failures: 0 }

  function touch(destination: string): void {
    if (stopped) return
    pending.add(destination)
    cancelFlush ??= env.timers.after(0, flush)
  }

  /** @param withOwn false where only nodes of the own cluster are concerned: they are not told of it */
  function touchAll(withOwn: boolean): void {
    revising = true
    for (const destination of told.keys()) if (withOwn || destination !== local) touch(destination)
    for (const destination of table.destinations()) touch(destination)
    if (withOwn && own !== undefined) touch(local)
    if (pending.size === 0) settled()
  }

  function flush(): void {
    cancelFlush = undefined
    const audience = audienceNow()
    let budget = UPDATES_PER_TURN_MAX
    for (const destination of pending) {
      if (budget <= 0) break
      pending.delete(destination)
      try {
        budget -= tell(destination, audience)
      } catch (error) {
        counters.publish_failures++
        log.error(`telling the route to ${destination} failed`, error)
      }
    }
    if (pending.size > 0) cancelFlush ??= env.timers.after(0, flush)
    else settled()
  }

  function settled(): void {
    revising = false
    greeted.clear()
  }

  function audienceNow(): Audience {
    const clusters = new Map<string, string[]>()
    const siblings: string[] = []
    for (const peer of neighbors.connectedPeers()) {
      if (peer.clusterId === local) {
        if (shareInside && peer.nodeId !== nodeId && neighbors.has(peer.nodeId, 'routes/1')) siblings.push(peer.nodeId)
        continue
      }
      const nodes = clusters.get(peer.clusterId)
      if (nodes === undefined) clusters.set(peer.clusterId, [peer.nodeId])
      else nodes.push(peer.nodeId)
    }
    return { clusters, siblings }
  }

  function subjectOf(destination: string, offer: Offer): PolicySubject {
    return { destination, advertiser: local, tags: offer.tags, hops: offer.metrics.hop_count }
  }

  /** Makes others hold what they are to hold of one destination. Returns the number of messages that took. */
  function tell(destination: string, { clusters, siblings }: Audience): number {
    const offer = destination === local ? own : table.select(destination)
    const shared = destination === local || siblings.length === 0 ? undefined : table.selectOwn(destination)
    const before = told.get(destination)
    if (offer === undefined && before === undefined) return 0
    if (before !== undefined && offer === before.offer && shared === before.shared && !revising) return 0
    const state: Told = before ?? { offer: undefined, clusters: new Set(), toldAtMs: 0, shared: undefined, sharedAtMs: 0 }
    const nowMs = env.clock.monotonic()
    let messages = 0

    const wanted = new Set<string>()
    if (offer !== undefined) {
      const subject = subjectOf(destination, offer)
      if (exportPolicyRefusal(rules, subject) === undefined)
        for (const cluster of clusters.keys()) if (exportRefusal(rules, subject, offer.path, cluster) === undefined) wanted.add(cluster)
    }

    const disappointed: string[] = []
    for (const cluster of state.clusters) {
      if (wanted.has(cluster)) continue
      state.clusters.delete(cluster)
      disappointed.push(...(clusters.get(cluster) ?? []))
    }
    if (disappointed.length > 0) {
      withdraw(destination, state.offer as Offer, disappointed)
      messages++
    }

    const news = newsOf(destination, offer, state.offer, state.toldAtMs, nowMs)
    const targets: string[] = []
    for (const cluster of wanted) {
      const everyone = news || !state.clusters.has(cluster)
      for (const node of clusters.get(cluster) ?? []) if (everyone || greeted.has(node)) targets.push(node)
      state.clusters.add(cluster)
    }
    const insideNews = newsOf(destination, shared, state.shared, state.sharedAtMs, nowMs)
    const inside = shared === undefined ? [] : siblings.filter((node) => insideNews || greeted.has(node))

    if (shared === offer) targets.push(...inside)
    else if (inside.length > 0) {
      announce(destination, shared as Offer, inside, nowMs)
      messages++
    }
    if (targets.length > 0) {
      announce(destination, offer as Offer, targets, nowMs)
      messages++
    }
    if (state.shared !== undefined && shared === undefined && siblings.length > 0) {
      withdraw(destination, state.shared, siblings)
      messages++
    }

    if (news || offer === undefined) {
      state.offer = offer
      state.toldAtMs = nowMs
    }
    if (insideNews || shared === undefined) {
      state.shared = shared
      state.sharedAtMs = nowMs
    }
    if (offer === undefined) told.delete(destination)
    else if (before === undefined) told.set(destination, state)
    return messages
  }

  /** Whether an offer differs from what was told, and is to be told now. */
  function newsOf(destination: string, offer: Offer | undefined, before: Offer | undefined, beforeMs: number, nowMs: number): boolean {
    if (offer === undefined || offer === before) return false
    if (before === undefined || destination === local || !samePath(offer.path, before.path)) return true
    if (offer.ttlSeconds < REFRESH_GAP_TTL_MIN_SECONDS || nowMs - beforeMs >= REFRESH_GAP_MS) return true
    later.add(destination)
    return false
  }

  function announce(destination: string, offer: Offer, targets: readonly string[], nowMs: number): void {
    const message: RouteAnnouncement = {
      destination: { cluster_id: destination },
      path: { hops: offer.path },
      metrics: offer.metrics,
      advertiser: local,
      advertised_at: env.clock.wall(),
      ttl_seconds: remainingTtl(offer, nowMs),
      epoch: nextEpoch(),
      route_tags: offer.tags,
      signature: '',
      public_key: '',
      signature_algorithm: 'ed25519',
    }
    counters.announcements_sent++
    send(message, targets)
  }

  function withdraw(destination: string, offer: Offer, targets: readonly string[]): void {
    const message: RouteWithdrawal = {
      destination: { cluster_id: destination },
      path: { hops: offer.path },
      advertiser: local,
      withdrawn_at: env.clock.wall(),
      epoch: nextEpoch(),
      route_tags: offer.tags,
      signature: '',
      public_key: '',
      signature_algorithm: 'ed25519',
    }
    counters.withdrawals_sent++
    send(message, targets)
  }

  function send(message: RouteMessage, targets: readonly string[]): void {
    counters.copies_sent += targets.length
    transmitter.send(security.sign?.(message) ?? message, targets)
  }

  return {
    touch,

    catchUp() {
      for (const destination of later) touch(destination)
      later.clear()
    },

    greet(node) {
      greeted.add(node)
      touchAll(neighbors.clusterOf(node) !== local)
    },

    forgetCluster(clusterId) {
      for (const { clusters } of told.values()) clusters.delete(clusterId)
    },

    announceOwn(tags, ttlSeconds, metrics) {
      own = { path: [local], metrics, tags, ttlSeconds, receivedMs: env.clock.monotonic() }
      const audience = audienceNow()
      const subject = subjectOf(local, own)
      tell(local, audience)
      const refusal = exportPolicyRefusal(rules, subject)
      if (refusal !== undefined) return refusal
      const refusals = Array.from(audience.clusters.keys(), (cluster) => exportRefusal(rules, subject, [local], cluster))
      return refusals.includes(undefined) ? 'sent' : (refusals[0] ?? 'no_neighbor')
    },

    withdrawOwn() {
      own = undefined
      return tell(local, audienceNow()) > 0
    },

    setRules(next) {
      rules = next
      touchAll(true)
    },

    explain(destination) {
      const offer = destination === local ? own : table.select(destination)
      const holders = told.get(destination)?.clusters
      return Array.from(audienceNow().clusters.keys(), (cluster) => {
        const subject = offer && subjectOf(destination, offer)
        const refused =
          offer === undefined || subject === undefined
            ? 'no_route'
            : (exportPolicyRefusal(rules, subject) ?? exportRefusal(rules, subject, offer.path, cluster) ?? null)
        return { cluster_id: cluster, told: holders?.has(cluster) === true, refused }
      })
    },

    stop() {
      stopped = true
      cancelFlush?.()
      cancelFlush = undefined
      pending.clear()
    },

    snapshot: () => ({ ...counters, destinations_told: told.size, pending: pending.size }),
  }
}

/**
 * Seconds the route may live at those who are told it now: what it has left here, in steps of whole seconds so that what is passed on at
 * once keeps its number. A route nobody renews so ends everywhere at about the same time, however often it is told on.
 */
export function remainingTtl({ ttlSeconds, receivedMs }: Pick<Offer, 'ttlSeconds' | 'receivedMs'>, nowMs: number): number {
  return ttlSeconds - Math.floor((nowMs - receivedMs) / 1000)
}
