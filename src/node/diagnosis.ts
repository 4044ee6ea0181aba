/** The facts of a running node that the doctor judges: read off its parts when asked, nothing kept beside them. */
import type { Env } from '../base/index.ts'
import type { DialExplanation, HiddenPeer, LinkView, ReconnectHistory } from '../fabric/index.ts'
import type { Registry } from '../rpc/index.ts'
import type {
  DestinationFacts,
  KeyFacts,
  NodeFacts,
  PeerDialFacts,
  PeerFacts,
  PeerLinkFacts,
  ProcessFacts,
  RefusalLedger,
  RouteFacts,
  SlowConsumerWatch,
  StallWatch,
} from '../telemetry/index.ts'
import type { Alert } from '../wire/index.ts'
import type { Fabric } from './fabric.ts'
import type { Settings } from './settings/index.ts'

export interface DiagnosisDeps {
  readonly env: Pick<Env, 'clock'>
  readonly settings: Settings
  readonly nodeId: string
  readonly instanceId: string
  /** Of the software. */
  readonly version: string
  readonly fabric: Fabric
  readonly registry: Pick<Registry, 'list'>
  readonly refusals: RefusalLedger
  readonly stalls: StallWatch
  readonly slowConsumers: SlowConsumerWatch
  /** Those that fire; empty where nothing is measured. */
  alerts(): readonly Alert[]
  uptimeSeconds(): number
  monitoringUrl(): string | null
  /** Of the operating system; null where several nodes share the process, as in simulation. */
  processUsage(): Pick<ProcessFacts, 'cpu_percent' | 'rss_bytes'>
}

/** Records told at once: the latest say what is wrong now. */
const REFUSALS_TOLD_MAX = 200

export function nodeFacts(deps: DiagnosisDeps): NodeFacts {
  const { env, fabric, instanceId, nodeId, refusals, registry, settings } = deps
  const { max_ms, p99_ms } = deps.stalls.delays()
  return {
    node_id: nodeId,
    cluster_id: settings.clusterId,
    instance_id: instanceId,
    version: deps.version,
    uptime_seconds: deps.uptimeSeconds(),
    wall_clock: env.clock.wall(),
    monitoring_url: deps.monitoringUrl(),
    settings: {
      federation_mode: settings.federationConfig.federationMode,
      fabric_routing_enabled: settings.fabricRoutingEnabled,
      fabric_routing_max_hops: settings.fabricRoutingMaxHops,
      gossip_interval_seconds: settings.gossipInterval,
      fabric_catalog_ttl_seconds: settings.fabricCatalogTtlSeconds,
      fabric_route_announce_interval_seconds: settings.fabricRouteAnnounceIntervalSeconds,
      fabric_route_ttl_seconds: settings.fabricRouteTtlSeconds,
      require_signatures: fabric.routing.snapshot().trust.signatures.config.requireSignatures,
      send_buffer_bytes_max: settings.sendBufferBytesMax,
    },
    process: { ...deps.processUsage(), loop_delay_p99_ms: p99_ms, loop_delay_max_ms: max_ms, stalls: deps.stalls.stalls() },
    peers: peerFacts(fabric, nodeId),
    routes: routeFacts(fabric, settings.clusterId),
    keys: keyFacts(fabric),
    refusals: refusals.list(REFUSALS_TOLD_MAX),
    slow_consumers: deps.slowConsumers.list(),
    functions: registry.list().map((fn) => ({
      name: fn.name,
      function_id: fn.functionId,
      version: fn.versionText,
      resources: [...fn.resources].sort(),
    })),
    alerts: deps.alerts().map(({ alert_id, cluster_id, current_value, message, metric_name, severity, threshold_value, timestamp }) => ({
      alert_id,
      severity,
      metric: metric_name,
      cluster_id,
      current_value,
      threshold_value,
      message,
      since: timestamp,
    })),
  }
}

/** Everybody some part of the node knows of: the directory, the links, failure detection, and those to be dialed. */
function peerFacts({ catalog, dialing, membership, peers }: Fabric, self: string): PeerFacts[] {
  const links = new Map(peers.links().map((link) => [link.node_url, link]))
  const dials = new Map(dialing.explain().map((dial) => [dial.candidate, dial]))
  const hidden = new Map(peers.views.hiddenPeers().map((peer) => [peer.url, peer]))
  const histories = new Map(peers.events.reconnects().map((history) => [history.node_url, history]))
  const members = new Map(membership.members().map((member) => [member.node_id, member]))
  const listed = new Set(peers.views.listedIds())
  const ids = new Set([...listed, ...hidden.keys(), ...links.keys(), ...members.keys(), ...dials.keys()])
  ids.delete(self)
  return [...ids].sort().map((id): PeerFacts => {
    const link = links.get(id)
    const state = members.get(id)?.state
    const liveness = state === undefined || state === 'joining' ? null : state
    // Told of one at a time, and only of those in trouble: it comes with their whole history.
    const since = liveness === null || liveness === 'alive' ? null : (membership.explain(id)?.reason.since ?? null)
    const roundTripMs = peers.sender.roundTripMs(id)
    const offset = peers.clockOffsetOf(id)
    return {
      node_id: id,
      cluster_id: link?.cluster_id ?? catalog.node(id)?.cluster_id ?? peers.statusOf(id)?.cluster_id ?? dials.get(id)?.cluster_id ?? null,
      monitoring_url: peers.statusOf(id)?.monitoring_url ?? null,
      listed: listed.has(id),
      hidden_reason: hidden.get(id)?.reason ?? null,
      linked: link !== undefined,
      link: linkFacts(link, histories.get(id), roundTripMs),
      // A status was on its way for half a round trip.
      clock_offset_seconds: offset === undefined ? null : offset + (roundTripMs ?? 0) / 2_000,
      departed: isDeparted(hidden.get(id)),
      liveness,
      liveness_since: since,
      suspected_since: liveness === 'suspect' ? since : null,
      last_seen_at: members.get(id)?.last_seen ?? null,
      dial: dialFacts(dials.get(id)),
    }
  })
}

function isDeparted(hidden: HiddenPeer | undefined): boolean {
  return hidden?.reason === 'departed' || hidden?.reason === 'membership_left'
}

function linkFacts(
  link: LinkView | undefined,
  history: ReconnectHistory | undefined,
  roundTripMs: number | undefined,
): PeerLinkFacts | null {
  if (link === undefined && history === undefined) return null
  const isBoth = link?.dialed != null && link.accepted !== null
  return {
    direction: link === undefined ? null : isBoth ? 'both' : link.dialed !== null ? 'dialed' : 'accepted',
    connected_since: link === undefined ? null : (history?.last_established_at ?? null),
    reconnects_10m: history?.reconnects_10m ?? 0,
    crash_restarts_at: history?.crash_restarts_at ?? [],
    last_disconnect_at: history?.last_lost_at ?? null,
    last_disconnect_why: history?.last_why ?? null,
    last_disconnect_reason: history?.last_reason ?? null,
    rtt_ms: roundTripMs ?? null,
  }
}

function dialFacts(dial: DialExplanation | undefined): PeerDialFacts | null {
  if (dial === undefined) return null
  return {
    url: dial.dial_url,
    source: dial.source,
    reason: dial.reason,
    failures: dial.consecutive_failures,
    successes_total: dial.successes_total,
    next_at: dial.next_attempt_at,
    last_error: dial.detail,
  }
}

function routeFacts({ catalog, routing }: Fabric, own: string): RouteFacts {
  const { statistics } = routing.snapshot().routes
  const nodes = new Map<string, number>()
  for (const { cluster_id } of catalog.nodes()) nodes.set(cluster_id, (nodes.get(cluster_id) ?? 0) + 1)
  const clusters = new Set([...nodes.keys(), ...Object.keys(statistics.routes_per_destination)])
  clusters.delete(own)
  return {
    routes_active: statistics.routes_active_total,
    rejection_reasons: statistics.rejection_reasons,
    destinations: [...clusters].sort().map((cluster): DestinationFacts => {
      const { forwarding_plan: plan } = routing.explain(cluster)
      // A guess is made where the only way known is too long: the message will end on it.
      const tooLong = plan.reason === 'fallback_neighbor' ? plan.steps.find(({ outcome }) => outcome === 'over_budget') : undefined
      return {
        cluster_id: cluster,
        nodes: nodes.get(cluster) ?? 0,
        routes: statistics.routes_per_destination[cluster] ?? 0,
        plan_reason: tooLong === undefined ? plan.reason : 'hop_budget_exhausted',
        planned_path: tooLong?.path ?? plan.planned_path,
      }
    }),
  }
}

function keyFacts({ routing }: Fabric): KeyFacts | null {
  const clusters = routing.keys()
  if (clusters === undefined) return null
  return {
    clusters: clusters.flatMap(({ cluster_id, keys, pinned, standing }) =>
      standing === 'unknown'
        ? []
        : [
            {
              cluster_id,
              standing,
              pinned,
              keys: keys.map(({ active, expires_at, key_id, primary, source }) => ({ key_id, source, primary, active, expires_at })),
            },
          ],
    ),
  }
}
