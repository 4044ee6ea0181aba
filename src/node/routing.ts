/**
 * Ways to other clusters: path-vector routes and who vouches for them, link-state routes, and the planner that chooses among them, put on the
 * node's links and gossip.
 */
import type { Env } from '../base/index.ts'
import {
  type Catalog,
  createFileKeyProvider,
  createLinkState,
  createPlanner,
  createRouteControl,
  createRouteTrust,
  creatorOf,
  type Gossip,
  type GraphMonitorSnapshot,
  isWithdrawal,
  type KeyExplanation,
  type KeyProvider,
  type LinkMetrics,
  type LinkState,
  type LinkStateSnapshot,
  type LinkStateStatus,
  type PathRouterStatistics,
  type Peers,
  type Plan,
  type Planner,
  type PlannerSnapshot,
  type PlanRequest,
  type PolicyDirectory,
  type ProbeRecord,
  type RouteControl,
  type RouteControlSnapshot,
  type RouteCrypto,
  type RouteExplanation,
  type RoutePolicy,
  type RouteRefusalRecord,
  type RouteTrustSnapshot,
} from '../fabric/index.ts'
import type { RefusalLedger } from '../telemetry/index.ts'
import type { LinkStateUpdate } from '../wire/index.ts'
import { createNeighborGraph } from './neighbor-graph.ts'
import { type RoutingSettings, readRouteKeys, type Settings, watchedFile } from './settings/index.ts'

export interface RoutingDeps {
  readonly env: Env
  readonly settings: Settings
  readonly nodeId: string
  readonly peers: Peers
  readonly catalog: Catalog
  readonly gossip: Gossip
  readonly crypto: RouteCrypto
  /** Where routes that are not believed and messages that can not go on are remembered. */
  readonly refusals: RefusalLedger
  /** False for a neighbour that was found dead: its link may stay open for a while, and leads nowhere. */
  isAlive(nodeId: string): boolean
  /** Accepted connections that are open. */
  activeClients(): number
}

export interface Routing {
  readonly routes: RouteControl
  /** Undefined when it is disabled. */
  readonly linkState: LinkState | undefined
  /** A probe of a linked node has ended. */
  probed(record: ProbeRecord): void
  /** By which routes of other clusters are believed; undefined without a registry. */
  keys(): readonly KeyExplanation[] | undefined
  plan(request: PlanRequest): Plan
  connected(nodeId: string, clusterId: string): void
  connectionLost(nodeId: string, clusterId: string): void
  /** Takes up other settings while the node runs; those left out stay. Known routes stay until they expire. */
  reconfigure(settings: RoutingSettings): void
  /** Why a message for a cluster would go where it would go. */
  explain(destination: string, avoid?: readonly string[]): RouteTrace
  start(): void
  /** @param inGoodOrder links are still open: if this is the last node of its cluster, the routes to it are taken back */
  stop(inGoodOrder: boolean): void
  snapshot(): RoutingSnapshot
}

/** The routes to a cluster with what was held against each, and what is done with a message for it. */
export interface RouteTrace extends RouteExplanation {
  readonly link_state_hint?: Pick<LinkStateStatus, 'mode' | 'area' | 'allowed_areas' | 'area_mismatch_rejects'>
  readonly forwarding_plan: Plan
}

export interface RoutingSnapshot {
  readonly routes: RouteControlSnapshot
  readonly planner: PlannerSnapshot
  readonly link_state: LinkStateSnapshot | undefined
  readonly trust: RouteTrustSnapshot
  readonly graph: PathRouterStatistics
  readonly monitor: GraphMonitorSnapshot
}

export function createRouting(deps: RoutingDeps): Routing {
  const { catalog, crypto, env, gossip, nodeId, peers, settings } = deps
  const { clusterId } = settings
  const links = peers.sender
  const clusterOf = (id: string): string | undefined =>
    id === nodeId ? clusterId : (links.clusterOf(id) ?? catalog.node(id)?.cluster_id ?? peers.directory.node(id)?.cluster_id)

  function* neighbors(): Generator<{ nodeId: string; clusterId: string }> {
    for (const id of links.connected()) {
      const cluster = clusterOf(id)
      if (cluster !== undefined && deps.isAlive(id)) yield { nodeId: id, clusterId: cluster }
    }
  }

  const planLog = env.log.scope('fabric.federation')
  let linkCosts = settings.fabricRouteLinkCosts

  function linkMetrics(cluster: string): LinkMetrics | undefined {
    let roundTripMs: number | undefined
    let reliability: number | undefined
    let isLinked = false
    for (const neighbor of neighbors()) {
      if (neighbor.clusterId !== cluster) continue
      isLinked = true
      reliability = Math.max(reliability ?? 0, links.deliveryRatio(neighbor.nodeId) ?? 1)
      const measured = links.roundTripMs(neighbor.nodeId)
      if (measured !== undefined && (roundTripMs === undefined || measured < roundTripMs)) roundTripMs = measured
    }
    if (!isLinked) return undefined
    const known = linkCosts[cluster]
    return {
      // One way is half of the round trip, for want of anything better.
      latency_ms: known?.latency_ms ?? coarseLatencyMs((roundTripMs ?? 0) / 2),
      bandwidth_mbps: known?.bandwidth_mbps ?? null,
      // In hundredths, for the same reason as latency goes in steps.
      reliability_score: known?.reliability_score ?? Math.round((reliability ?? 1) * 100) / 100,
      cost_score: known?.cost_score ?? 0,
    }
  }

  const provider = keyProviderOf(env, settings)
  /** A provider is of no use without a registry to fill. */
  function registryOf(configured: Settings['fabricRouteKeyRegistry']): Settings['fabricRouteKeyRegistry'] {
    return configured ?? (provider === null ? null : { clusters: {} })
  }

  const trust = createRouteTrust(
    {
      env,
      crypto,
      provider,
      store: null,
      links: {
        clusterOf,
        connected: () => links.connected(),
        tell: (announcement, ids) => gossip.tell('route_key_announcement', announcement, ids),
      },
    },
    {
      clusterId,
      config: settings.fabricRouteSecurityConfig,
      seed: settings.fabricRouteSigner?.privateKey ?? null,
      keys: registryOf(settings.fabricRouteKeyRegistry),
      pinning: settings.fabricRouteKeysPinned,
      keyTtlSeconds: settings.fabricRouteKeyTtlSeconds,
      keyAnnounceIntervalSeconds: settings.fabricRouteKeyAnnounceIntervalSeconds,
      keyRefreshIntervalSeconds: settings.fabricRouteKeyRefreshIntervalSeconds,
    },
  )

  const routes = createRouteControl(
    {
      env,
      security: trust.signatures,
      onRefused: noteRefusal,
      neighbors: {
        clusterOf,
        connectedPeers: () => [...neighbors()],
        linkMetrics,
        has: (id, extension) => links.has(id, extension),
      },
      transmitter: {
        send(message, targets) {
          if (isWithdrawal(message)) gossip.tell('route_withdrawal', message, targets)
          else gossip.tell('route_advertisement', message, targets)
        },
      },
    },
    {
      clusterId,
      nodeId,
      routeTtlSeconds: settings.fabricRouteTtlSeconds,
      announceIntervalSeconds: settings.fabricRouteAnnounceIntervalSeconds,
      shareInside: true,
      policy: policyOf(settings.fabricRoutePolicy),
      exportPolicy: policyOf(settings.fabricRouteExportPolicy),
      neighborPolicies: directoryOf(settings.fabricRouteNeighborPolicies),
      exportNeighborPolicies: directoryOf(settings.fabricRouteExportNeighborPolicies),
      stability: settings.fabricRouteStability,
      tags: settings.fabricRouteTags,
    },
  )

  function noteRefusal({ advertiser, destination, detail, reason, sender }: RouteRefusalRecord): void {
    if (ORDINARY_REFUSALS.has(reason)) return
    // A signature is its advertiser's, whatever it is a signature of.
    const subject = reason === 'signature' ? advertiser : destination
    deps.refusals.record('announcement', subject, reason, `${detail === '' ? reason : detail}, told by ${sender} of cluster ${advertiser}`)
  }

  function plan(request: PlanRequest): Plan {
    const made = planner.plan(request)
    if (planLog.debugOn) planLog.debug(planLine(made))
    if (made.next_peer_url === null && made.reason !== 'no_target_cluster' && made.reason !== 'already_local') {
      const { planned_path: path, reason, remaining_hops: left, target_cluster } = made
      deps.refusals.record(
        'route',
        target_cluster,
        reason,
        path.length > 0 ? `the way is ${path.join(' > ')}, hops left: ${left}` : `hops left: ${left}`,
      )
    }
    return made
  }

  let linkState = linkStateOf(settings.fabricLinkStateAreaPolicy)
  let started = false

  function linkStateOf(areaPolicy: Settings['fabricLinkStateAreaPolicy']): LinkState | undefined {
    const mode = settings.fabricLinkStateMode
    if (mode === 'disabled') return undefined
    const ports = {
      clusterOf,
      connectedPeers: neighbors,
      linkMetrics,
      send: (update: LinkStateUpdate, suffix: string) => gossip.publish('link_state_update', update, { id: `${nodeId}:${suffix}` }),
    }
    return createLinkState(
      { env, ports },
      {
        nodeId,
        clusterId,
        mode,
        ttlSeconds: settings.fabricLinkStateTtlSeconds,
        announceIntervalSeconds: settings.fabricLinkStateAnnounceIntervalSeconds,
        ecmpPaths: settings.fabricLinkStateEcmpPaths,
        area: settings.fabricLinkStateArea,
        areaPolicy,
      },
    )
  }

  // Each node tells its own view of routes: nobody passes on those of others.
  gossip.handle('route_advertisement', ({ payload }, from) => {
    routes.receive(payload, from)
    return 'keep'
  })
  gossip.handle('route_withdrawal', ({ payload }, from) => {
    routes.receive(payload, from)
    return 'keep'
  })
  gossip.handle('route_key_announcement', ({ payload }, from) => {
    trust.receiveKeys(payload, from)
    return 'keep'
  })
  gossip.handle('link_state_update', (message, from) => {
    if (linkState === undefined) return 'keep'
    const refusal = linkState.receive(message.payload, { senderId: from, creatorId: creatorOf(message, message.payload) })
    return refusal === undefined || refusal === 'area' ? undefined : 'keep'
  })

  const nextDoor = createNeighborGraph({
    env,
    settings,
    nodeId,
    links,
    catalog,
    statusOf: peers.statusOf,
    ownClients: deps.activeClients,
    isAlive: deps.isAlive,
    neighbors,
    linkMetrics,
    linkCost: (cluster) => linkCosts[cluster],
    map: () => linkState?.map,
  })

  function linkedSiblings(): number {
    let linked = 0
    for (const neighbor of neighbors()) if (neighbor.clusterId === clusterId) linked++
    return linked
  }

  function* connectedPeers(cluster: string) {
    for (const neighbor of neighbors()) {
      if (neighbor.clusterId !== cluster) continue
      const { nodeId: id } = neighbor
      yield { nodeId: id, loadScore: peers.views.loadScoreOf(id), rttMs: links.roundTripMs(id) }
    }
  }

  const planner: Planner = createPlanner(
    {
      get linkState() {
        return linkState
      },
      graph: nextDoor.paths,
      neighbors,
      connectedPeers,
      hasUnlinkedSiblings: () => catalog.nodes({ clusterId }).length - 1 > linkedSiblings(),
      selectRoute(destination, avoid, avoidNodes) {
        const route = routes.table.select(destination, avoid, avoidNodes)
        return (
          route && { path: route.path, nextHop: route.nextHop, hopCount: route.metrics.hop_count, viaNode: route.via, toldBy: route.source }
        )
      },
    },
    { clusterId, hopsMax: settings.fabricRoutingMaxHops, fallbackNeighbor: settings.fabricRouteFallbackNeighbor },
  )

  return {
    routes,
    get linkState() {
      return linkState
    },
    probed: nextDoor.probed,
    keys: trust.keys,
    plan,

    connected(id, cluster) {
      nextDoor.connected(cluster)
      // Keys before what is signed with them.
      trust.connected(id)
      routes.connected(id)
      linkState?.linksChanged()
    },

    connectionLost(id, cluster) {
      nextDoor.connectionLost(id, cluster)
      routes.connectionLost(id, cluster)
      linkState?.linksChanged()
    },

    reconfigure(changes) {
      if (changes.fabricRouteLinkCosts !== undefined) linkCosts = changes.fabricRouteLinkCosts
      trust.reconfigure({
        ...(changes.fabricRouteSecurityConfig !== undefined && { config: changes.fabricRouteSecurityConfig }),
        ...(changes.fabricRouteSigner !== undefined && { seed: changes.fabricRouteSigner?.privateKey ?? null }),
        ...(changes.fabricRouteKeyRegistry !== undefined && { keys: registryOf(changes.fabricRouteKeyRegistry) }),
        ...(changes.fabricRouteKeysPinned !== undefined && { pinning: changes.fabricRouteKeysPinned }),
      })
      routes.reconfigure({
        ...(changes.fabricRoutePolicy !== undefined && { policy: policyOf(changes.fabricRoutePolicy) }),
        ...(changes.fabricRouteExportPolicy !== undefined && { exportPolicy: policyOf(changes.fabricRouteExportPolicy) }),
        ...(changes.fabricRouteNeighborPolicies !== undefined && { neighborPolicies: directoryOf(changes.fabricRouteNeighborPolicies) }),
        ...(changes.fabricRouteExportNeighborPolicies !== undefined && {
          exportNeighborPolicies: directoryOf(changes.fabricRouteExportNeighborPolicies),
        }),
        ...(changes.fabricRouteStability !== undefined && { stability: changes.fabricRouteStability }),
        ...(changes.fabricRouteTags !== undefined && { tags: changes.fabricRouteTags }),
      })
      if (changes.fabricLinkStateAreaPolicy === undefined || linkState === undefined) return
      // Another area, another map: what the others said of this one is heard again within their interval.
      linkState.stop()
      linkState = linkStateOf(changes.fabricLinkStateAreaPolicy)
      if (started) linkState?.start()
    },

    explain: (destination, avoid = []) => ({
      ...routes.table.explainSelection(destination, avoid),
      ...(linkState && { link_state_hint: linkState.hint() }),
      forwarding_plan: planner.preview({ targetCluster: destination, visited: avoid }),
    }),

    start() {
      started = true
      trust.start()
      routes.start()
      linkState?.start()
      nextDoor.monitor.start()
    },

    stop(inGoodOrder) {
      routes.stop(inGoodOrder && catalog.nodes({ clusterId }).every(({ node_id: id }) => id === nodeId))
      linkState?.stop()
      nextDoor.monitor.stop()
      trust.stop()
      started = false
    },

    snapshot: () => ({
      routes: routes.snapshot(),
      planner: planner.snapshot(),
      link_state: linkState?.snapshot(),
      trust: trust.snapshot(),
      graph: nextDoor.paths.statistics(),
      monitor: nextDoor.monitor.snapshot(),
    }),
  }
}

/** Who was asked in turn, what became of each, and where the message goes. */
function planLine({ next_peer_url: next, planned_path: path, reason, remaining_hops: left, steps, target_cluster: target }: Plan): string {
  const asked = steps.map(({ outcome, step }) => `${step}:${outcome}`).join(',') || 'nobody'
  return `plan target=${target} reason=${reason} next=${next ?? '-'} path=${path.join('>') || '-'} hops_left=${left} asked=${asked}`
}

/**
 * Measurements wobble, routes must not: steps of 1 ms up to 10 ms, of 10 ms up to 100 ms, of 100 ms above. Links of about the same latency are
 * equal, so that traffic can be spread over them; keeping an old step for a while would undo just that.
 */
function coarseLatencyMs(ms: number): number {
  const step = ms < 10 ? 1 : ms < 100 ? 10 : 100
  return Math.round(ms / step) * step
}

/** How routes come to be refused where nothing is wrong: loops are cut, and better routes win. */
const ORDINARY_REFUSALS: ReadonlySet<RouteRefusalRecord['reason']> = new Set(['self', 'loop', 'stale', 'crowded_out', 'hold_down'])

/** Where keys come from besides the settings. */
function keyProviderOf(env: Env, { fabricRouteKeyFile: path, fabricRouteKeyProvider: given }: Settings): KeyProvider | null {
  if (given !== null) return given
  if (path === null) return null
  const log = env.log.scope('fabric.route_control')
  return createFileKeyProvider({ file: watchedFile(path), log, parse: (text) => readRouteKeys(text, path) })
}

type PolicySetting = Settings['fabricRoutePolicy']
type DirectorySetting = Settings['fabricRouteNeighborPolicies']

function policyOf(setting: PolicySetting): RoutePolicy | null {
  if (setting === null) return null
  const set = (names: readonly string[] | null): ReadonlySet<string> | null => (names === null ? null : new Set(names))
  return {
    ...setting,
    allowedAdvertisers: set(setting.allowedAdvertisers),
    allowedDestinations: set(setting.allowedDestinations),
    allowedTags: set(setting.allowedTags),
    denyTags: set(setting.denyTags),
  }
}

function directoryOf(setting: DirectorySetting): PolicyDirectory | null {
  if (setting === null) return null
  const policies = Object.entries(setting.neighborPolicies).map(([cluster, policy]) => [cluster, policyOf(policy) as RoutePolicy] as const)
  return { defaultPolicy: policyOf(setting.defaultPolicy), neighborPolicies: new Map(policies) }
}
