/**
 * The links to peer nodes and what really became of the requests sent over them: one state for each peer, whichever side dialed.
 *
 * Health and success rates are judged by the last five minutes; lifetime counts stand beside them. Links within the own cluster are followed
 * too (the own cluster's health needs them), and whatever says cross-cluster or cross-federation counts links to other clusters only.
 */
import { type Clock, type Histogram, SlidingWindow } from '../../base/index.ts'
import { type ClusterTraffic, type CrossCluster, createClusterTraffic } from './cluster-traffic.ts'
import { HOUR_MS, LINK_ERROR_MEMORY_S, LINK_FAILURES_MAX, LINK_REQUESTS_MIN, RECENT_MS, ROUND_TRIP_WEIGHT } from './constants.ts'
import { keptText } from './kept-text.ts'
import { createSystemMeter, percent, type SystemSource } from './system-meter.ts'

export interface LinkOpened {
  readonly nodeId: string
  readonly clusterId: string
  readonly url: string
  /** The verdict it was let in with. */
  readonly authorization: string
  /** The configured bridge that admits it, where one does. */
  readonly bridge?: object
}

/** A link as it is reported. */
export interface FederationLink {
  readonly remote_cluster_id: string
  readonly remote_node_id: string
  readonly remote_url: string
  readonly connection_established_at: number
  /** Of its latest status message; at first, when it connected. */
  readonly last_health_check_at: number
  readonly authorization_result: string
  readonly bridge_config: object | null
  /** Since it connected. */
  readonly successful_requests: number
  readonly failed_requests: number
  readonly connection_errors: number
  readonly last_error_message: string | null
  readonly last_error_at: number | null
  /** Of another cluster. */
  readonly is_foreign: boolean
  readonly is_healthy: boolean
  /** 0 to 1, of the last five minutes; 1 without requests. */
  readonly success_rate: number
  readonly average_latency_ms: number | null
  /** Smoothed; null before the first. */
  readonly round_trip_ms: number | null
}

/** Where links to other clusters are allowed by configuration. */
export interface FederationPolicyView {
  readonly federationMode: string
  readonly allowedForeignClusterIds: readonly string[]
  readonly explicitBridges: readonly unknown[]
}

export interface FederationLinksSnapshot {
  readonly total_active_connections: number
  readonly healthy_connections: number
  readonly unhealthy_connections: number
  readonly total_historical_connections: number
  /** To other clusters, since the start. */
  readonly total_cross_federation_requests: number
  readonly successful_cross_federation_requests: number
  /** 0 to 1; 1 without requests. */
  readonly cross_federation_success_rate: number
  readonly active_foreign_clusters: readonly string[]
  readonly total_connection_attempts: number
  readonly authorized_connection_attempts: number
  readonly rejected_connection_attempts: number
  readonly recent_connection_attempts_last_hour: number
  readonly federation_mode: string
  readonly local_cluster_id: string
  readonly allowed_foreign_clusters: readonly string[]
  readonly explicit_bridges_configured: number
  /** Outcomes reported for nodes without a link: the link had gone meanwhile. */
  readonly outcomes_without_link: number
}

export interface FederationLinks extends SystemSource {
  readonly localClusterId: string
  readonly federationMode: string
  /** A peer became reachable over its first link. Again for the same node: it keeps its counts and takes the new url. */
  opened(link: LinkOpened): void
  /** Its last link is gone. */
  closed(nodeId: string): void
  /** A status message of the peer arrived. */
  statusSeen(nodeId: string): void
  /** A request sent over the link was answered (`ok`, whatever the answer says), or was not. */
  forwarded(nodeId: string, latencyMs: number, ok: boolean, error?: string): void
  /** A keep-alive or probe came back. */
  roundTrip(nodeId: string, ms: number): void
  /** The link itself failed. */
  failed(nodeId: string, error: string): void
  /** Somebody was not let in. */
  rejected(): void
  links(): readonly FederationLink[]
  /** Of calls to other clusters in the last five minutes. */
  crossCluster(): CrossCluster
  readonly traffic: ClusterTraffic
  /** Of requests over all links since the start, ms. A copy. */
  lifetimeLatencies(): Histogram
  snapshot(): FederationLinksSnapshot
}

export interface FederationLinksDeps {
  readonly clock: Clock
  readonly systemName: string
  readonly localClusterId: string
  readonly policy: () => FederationPolicyView
}

interface LinkState {
  readonly nodeId: string
  readonly clusterId: string
  readonly openedAt: number
  url: string
  authorization: string
  bridge: object | null
  statusAt: number
  successes: number
  failures: number
  latencyMs: number
  connectionErrors: number
  lastError: string | null
  lastErrorAt: number | null
  /** Monotonic twin of `lastErrorAt`: a step of the wall clock must not change anybody's health. */
  lastErrorMs: number
  roundTripMs: number | null
  readonly recent: SlidingWindow
  readonly recentFailures: SlidingWindow
}

export function createFederationLinks({ clock, systemName, localClusterId, policy }: FederationLinksDeps): FederationLinks {
  const states = new Map<string, LinkState>()
  const attemptsLastHour = new SlidingWindow(clock, { windowMs: HOUR_MS, buckets: 60 })
  const traffic = createClusterTraffic(clock, localClusterId)
  const meter = createSystemMeter(clock, { system: 'federation', systemName, activeConnections: () => states.size })
  const crossed = { requests: 0, successes: 0 }
  let historical = 0
  let authorized = 0
  let rejected = 0
  let withoutLink = 0

  const isForeign = (state: LinkState): boolean => state.clusterId !== localClusterId

  function noteError(state: LinkState, error: string | undefined): void {
    state.lastError = keptText(error ?? 'no answer')
    state.lastErrorAt = clock.wall()
    state.lastErrorMs = clock.monotonic()
  }

  function isHealthy(state: LinkState): boolean {
    if (clock.monotonic() - state.lastErrorMs < LINK_ERROR_MEMORY_S * 1000) return false
    const requests = state.recent.total()
    return !(requests > LINK_REQUESTS_MIN && state.recentFailures.total() / requests > LINK_FAILURES_MAX)
  }

  function report(state: LinkState): FederationLink {
    const answered = state.successes + state.failures
    return {
      remote_cluster_id: state.clusterId,
      remote_node_id: state.nodeId,
      remote_url: state.url,
      connection_established_at: state.openedAt,
      last_health_check_at: state.statusAt,
      authorization_result: state.authorization,
      bridge_config: state.bridge,
      successful_requests: state.successes,
      failed_requests: state.failures,
      connection_errors: state.connectionErrors,
      last_error_message: state.lastError,
      last_error_at: state.lastErrorAt,
      is_foreign: isForeign(state),
      is_healthy: isHealthy(state),
      success_rate: 1 - percent(state.recentFailures.total(), state.recent.total(), 0) / 100,
      average_latency_ms: answered === 0 ? null : state.latencyMs / answered,
      round_trip_ms: state.roundTripMs,
    }
  }

  return {
    localClusterId,
    get federationMode() {
      return policy().federationMode
    },
    opened({ nodeId, clusterId, url, authorization, bridge }) {
      authorized++
      attemptsLastHour.record()
      const known = states.get(nodeId)
      if (known?.clusterId === clusterId) {
        Object.assign(known, { url, authorization, bridge: bridge ?? null, statusAt: clock.wall() })
        return
      }
      historical++
      if (known !== undefined) traffic.left(known.clusterId)
      traffic.joined(clusterId)
      const window = { windowMs: RECENT_MS, buckets: 10 }
      states.set(nodeId, {
        nodeId,
        clusterId,
        openedAt: clock.wall(),
        url,
        authorization,
        bridge: bridge ?? null,
        statusAt: clock.wall(),
        successes: 0,
        failures: 0,
        latencyMs: 0,
        connectionErrors: 0,
        lastError: null,
        lastErrorAt: null,
        lastErrorMs: Number.NEGATIVE_INFINITY,
        roundTripMs: null,
        recent: new SlidingWindow(clock, window),
        recentFailures: new SlidingWindow(clock, window),
      })
    },
    closed(nodeId) {
      const state = states.get(nodeId)
      if (state === undefined) return
      states.delete(nodeId)
      traffic.left(state.clusterId)
    },
    statusSeen(nodeId) {
      const state = states.get(nodeId)
      if (state !== undefined) state.statusAt = clock.wall()
    },
    forwarded(nodeId, latencyMs, ok, error) {
      const nowMs = clock.monotonic()
      meter.record(latencyMs, ok, nowMs)
      const state = states.get(nodeId)
      if (state === undefined) {
        withoutLink++
        return
      }
      state.recent.record(1, nowMs)
      state.latencyMs += latencyMs
      traffic.record(state.clusterId, latencyMs, ok, nowMs)
      if (isForeign(state)) {
        crossed.requests++
        if (ok) crossed.successes++
      }
      if (ok) {
        state.successes++
        return
      }
      state.failures++
      state.recentFailures.record(1, nowMs)
      noteError(state, error)
    },
    roundTrip(nodeId, ms) {
      const state = states.get(nodeId)
      if (state === undefined || !(ms >= 0)) return
      state.roundTripMs = state.roundTripMs === null ? ms : state.roundTripMs + ROUND_TRIP_WEIGHT * (ms - state.roundTripMs)
    },
    failed(nodeId, error) {
      const state = states.get(nodeId)
      if (state === undefined) return
      state.connectionErrors++
      noteError(state, error)
    },
    rejected() {
      rejected++
      attemptsLastHour.record()
    },
    links: () => [...states.values()].map(report),
    crossCluster: () => traffic.crossCluster(),
    traffic,
    lifetimeLatencies: () => meter.lifetimeLatencies(),
    metrics: () => meter.metrics(),
    snapshot() {
      const all = [...states.values()]
      const healthy = all.filter(isHealthy).length
      const configured = policy()
      return {
        total_active_connections: all.length,
        healthy_connections: healthy,
        unhealthy_connections: all.length - healthy,
        total_historical_connections: historical,
        total_cross_federation_requests: crossed.requests,
        successful_cross_federation_requests: crossed.successes,
        cross_federation_success_rate: percent(crossed.successes, crossed.requests, 100) / 100,
        active_foreign_clusters: [...new Set(all.filter(isForeign).map((state) => state.clusterId))].sort(),
        total_connection_attempts: authorized + rejected,
        authorized_connection_attempts: authorized,
        rejected_connection_attempts: rejected,
        recent_connection_attempts_last_hour: attemptsLastHour.total(),
        federation_mode: configured.federationMode,
        local_cluster_id: localClusterId,
        allowed_foreign_clusters: configured.allowedForeignClusterIds,
        explicit_bridges_configured: configured.explicitBridges.length,
        outcomes_without_link: withoutLink,
      }
    },
  }
}
