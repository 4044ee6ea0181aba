/**
 * Link-state routing: every node tells all others about its links, and each computes paths over the whole.
 *
 *     const linkState = createLinkState({ env, ports }, { nodeId, clusterId, mode: 'prefer', ... })
 *     linkState.start()
 *     // gossip: receive; links: linksChanged; the planner: findPath
 *
 * database.ts holds what each node says, topology.ts the graph that follows from it, area-policy.ts who is told what, announcer.ts what this
 * node says, and path-rotation.ts which of several equal paths is taken.
 *
 * An update is believed as far as it is plausible: whoever passes it on must be a known node, nobody but the nodes of a cluster speaks for the
 * cluster, and numbers must make sense.
 */
import type { Env } from '../../../base/index.ts'
import { compareCodePoints, type LinkStateUpdate } from '../../../wire/index.ts'
import type { RoutedGraph } from '../graph/graph-monitor.ts'
import type { PathConditions } from '../graph/path-conditions.ts'
import { createPathRouter, type Path, type PathRouterStatistics } from '../graph/path-router.ts'
import { createAnnouncer } from './announcer.ts'
import { type Area, type AreaPolicyOptions, createAreaPolicy } from './area-policy.ts'
import { messageIdSuffix } from './creator.ts'
import { areaOf, createDatabase, type StoreRefusal } from './database.ts'
import { createPathRotation } from './path-rotation.ts'
import type { LinkStatePorts } from './ports.ts'
import { createTopology } from './topology.ts'

export type LinkStateMode = 'prefer' | 'only'

/** Why an update changed nothing. */
export type LinkStateRefusal =
  | StoreRefusal
  /** Of an area this node does not take part in. */
  | 'area'
  /** Passed on by a node that is not known. */
  | 'unknown_sender'
  /** An own update that came back. */
  | 'own_echo'
  /** Its creator belongs to another cluster than the one it speaks for, or claims to speak for this node's cluster without belonging to it. */
  | 'foreign_creator'

export interface LinkStateChange {
  readonly kind: 'updated' | 'expired'
  readonly origin: string
  readonly area: Area
  readonly creator: string
}

/** How the update came. */
export interface UpdateSource {
  /** The node that passed it on. */
  readonly senderId: string
  /** The node that made it; see `creatorOf`. */
  readonly creatorId: string
}

export interface LinkStateCounters {
  readonly updates_received: number
  readonly updates_applied: number
  readonly updates_rejected: number
  /** Of other areas; not counted as received. */
  readonly updates_filtered: number
  readonly entries_expired: number
}

/** As it is shown to operators. */
export interface LinkStateStatus {
  readonly mode: LinkStateMode
  readonly area: Area
  readonly area_hierarchy: Readonly<Record<string, string>>
  readonly summary_filters: readonly {
    readonly source_area: string
    readonly target_area: string
    readonly allowed_neighbors: readonly string[] | null
    readonly denied_neighbors: readonly string[] | null
  }[]
  readonly allowed_areas: readonly string[] | null
  /** Distinct (origin, area). */
  readonly entries: number
  readonly entry_areas: readonly string[]
  readonly area_mismatch_rejects: number
  readonly stats: LinkStateCounters
}

export interface LinkStateSnapshot {
  readonly views: number
  readonly announced_total: number
  readonly neighbors_cut: number
  readonly refusals: Readonly<Partial<Record<LinkStateRefusal, number>>>
  /** Nodes and edges the graph had no room for. */
  readonly graph_refused_total: number
  readonly graph_version: number
  readonly paths: PathRouterStatistics
}

export interface LinkState {
  readonly mode: LinkStateMode
  /** Grows with every change that may make another path the best. */
  readonly version: number
  /** Announces the own links, and again every interval. */
  start(): void
  stop(): void
  /** A link to another node was made or lost: announces soon. */
  linksChanged(): void
  /** Takes an update from gossip; undefined when it was news, else why not. */
  receive(update: LinkStateUpdate, source: UpdateSource): LinkStateRefusal | undefined
  /** The cheapest path from the own cluster; of several equal ones, the one whose turn it is. */
  findPath(target: string, hopsMax: number, conditions: PathConditions, takesTurn?: boolean): Path | undefined
  /** Other nodes of the own cluster that say they have a link to `clusterId`. */
  siblingsLinkedTo(clusterId: string): readonly string[]
  /** Clusters said to be neighbours of the own one, in order: nodes of these are worth a link of one's own. */
  neighborClusters(): readonly string[]
  /** The map of all clusters that is drawn from what they say. */
  readonly map: RoutedGraph
  /** Called after each change of the graph. */
  observe(listener: (change: LinkStateChange) => void): void
  status(): LinkStateStatus
  /** What a trace of path-vector routes says about link-state. */
  hint(): Pick<LinkStateStatus, 'mode' | 'area' | 'allowed_areas' | 'area_mismatch_rejects'>
  snapshot(): LinkStateSnapshot
}

export interface LinkStateDeps {
  readonly env: Env
  readonly ports: LinkStatePorts
}

export interface LinkStateOptions {
  readonly nodeId: string
  readonly clusterId: string
  readonly mode: LinkStateMode
  readonly ttlSeconds: number
  readonly announceIntervalSeconds: number
  /** Equally cheap paths that take turns; 1 for none. */
  readonly ecmpPaths: number
  readonly area: Area
  readonly areaPolicy: AreaPolicyOptions | null
}

export function createLinkState({ env, ports }: LinkStateDeps, options: LinkStateOptions): LinkState {
  const { nodeId, clusterId, mode, ttlSeconds, announceIntervalSeconds, ecmpPaths, area, areaPolicy } = options
  const { clock, timers } = env
  const log = env.log.scope('fabric.link_state')
  const policy = createAreaPolicy(areaPolicy, area)
  const topology = createTopology(clock)
  const { graph } = topology
  const database = createDatabase({ clock, topology }, ttlSeconds)
  const router = createPathRouter({ clock, graph })
  const rotation = createPathRotation({ graph, router }, clusterId, ecmpPaths)
  const announcer = createAnnouncer(
    { clock, timers, policy, ports, publish },
    { clusterId, ttlSeconds, intervalSeconds: announceIntervalSeconds },
  )
  const listeners: ((change: LinkStateChange) => void)[] = []
  const refusals: Partial<Record<LinkStateRefusal, number>> = {}
  const counters = { received: 0, applied: 0, rejected: 0, filtered: 0, expired: 0 }
  const allowedAreas = policy.accepted === null ? null : sorted(policy.accepted)

  function purge(): void {
    const before = graph.version
    for (const { origin, area: of, creator } of database.purge()) {
      counters.expired++
      if (log.debugOn) log.debug(`expired: origin=${origin} area=${of} creator=${creator}`)
      if (graph.version !== before) tell({ kind: 'expired', origin, area: of, creator })
    }
  }

  function tell(change: LinkStateChange): void {
    for (const listener of listeners) listener(change)
  }

  /** Stores an update, and says so if the graph is another one after it. */
  function store(update: LinkStateUpdate, creator: string): StoreRefusal | undefined {
    const before = graph.version
    const refusal = database.store(update, creator)
    if (graph.version !== before) tell({ kind: 'updated', origin: update.origin, area: areaOf(update), creator })
    return refusal
  }

  function publish(update: LinkStateUpdate): void {
    purge()
    if (policy.accepts(areaOf(update))) store(update, nodeId)
    try {
      ports.send(update, messageIdSuffix(update))
    } catch (error) {
      log.error(`The update of area ${areaOf(update)} could not be sent`, error)
    }
  }

  function implausibility(origin: string, { senderId, creatorId }: UpdateSource): LinkStateRefusal | undefined {
    if (ports.clusterOf(senderId) === undefined) return 'unknown_sender'
    if (creatorId === nodeId) return 'own_echo'
    // The creator is what the sender says it is: of the own cluster only its own nodes are believed to pass on.
    if (origin === clusterId && ports.clusterOf(senderId) !== clusterId) return 'foreign_creator'
    const creatorCluster = ports.clusterOf(creatorId)
    if (creatorCluster === undefined) return origin === clusterId ? 'foreign_creator' : undefined
    return creatorCluster === origin ? undefined : 'foreign_creator'
  }

  function refuse(
    refusal: LinkStateRefusal,
    { origin, sequence }: LinkStateUpdate,
    { senderId, creatorId }: UpdateSource,
  ): LinkStateRefusal {
    refusals[refusal] = (refusals[refusal] ?? 0) + 1
    if (refusal === 'area') counters.filtered++
    else counters.rejected++
    if (log.debugOn) log.debug(`refused: ${refusal} origin=${origin} sequence=${sequence} creator=${creatorId} sender=${senderId}`)
    return refusal
  }

  return {
    mode,
    get version() {
      purge()
      return graph.version
    },

    start: announcer.start,
    stop: announcer.stop,
    linksChanged: announcer.linksChanged,

    receive(update, source) {
      purge()
      if (!policy.accepts(areaOf(update))) return refuse('area', update, source)
      counters.received++
      const refusal = implausibility(update.origin, source) ?? store(update, source.creatorId)
      if (refusal !== undefined) return refuse(refusal, update, source)
      counters.applied++
      if (log.debugOn) log.debug(`applied: origin=${update.origin} sequence=${update.sequence} creator=${source.creatorId}`)
      return undefined
    },

    findPath(target, hopsMax, conditions, takesTurn = true) {
      purge()
      return rotation.next(target, hopsMax, conditions, takesTurn)
    },

    siblingsLinkedTo: (neighbor) => database.witnesses(clusterId, neighbor).filter((creator) => creator !== nodeId),
    neighborClusters: () => sorted(topology.neighborsOf(clusterId)),
    map: { graph, paths: router, isWhollyKnown: topology.speaksForItself },
    observe: (listener) => void listeners.push(listener),

    status: () => ({
      mode,
      area,
      area_hierarchy: areaPolicy?.areaHierarchy ?? {},
      summary_filters: (areaPolicy?.summaryFilters ?? []).map((filter) => ({
        source_area: filter.sourceArea,
        target_area: filter.targetArea,
        allowed_neighbors: filter.allowedNeighbors && sorted(filter.allowedNeighbors),
        denied_neighbors: filter.deniedNeighbors && sorted(filter.deniedNeighbors),
      })),
      allowed_areas: allowedAreas,
      entries: database.entries,
      entry_areas: database.areas(),
      area_mismatch_rejects: counters.filtered,
      stats: {
        updates_received: counters.received,
        updates_applied: counters.applied,
        updates_rejected: counters.rejected,
        updates_filtered: counters.filtered,
        entries_expired: counters.expired,
      },
    }),

    hint: () => ({ mode, area, allowed_areas: allowedAreas, area_mismatch_rejects: counters.filtered }),

    snapshot: () => ({
      views: database.views,
      announced_total: announcer.announcedTotal,
      neighbors_cut: announcer.neighborsCut,
      refusals: { ...refusals },
      graph_refused_total: graph.refusedTotal,
      graph_version: graph.version,
      paths: router.statistics(),
    }),
  }
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort(compareCodePoints)
}
