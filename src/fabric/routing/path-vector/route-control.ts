/**
 * Path-vector route control: clusters tell their neighbours which clusters they reach, by which path and at which cost (the principle of
 * BGP, RFC 4271, with metrics in place of attributes).
 *
 *     const control = createRouteControl({ env, neighbors, transmitter, security }, { clusterId: 'moss', nodeId, ... })
 *     control.start()
 *     control.receive(message, senderId)       // what gossip brought: an announcement or a withdrawal
 *     control.connectionLost(nodeId)
 *     control.table.select('bergen', visited)  // where a call goes
 *
 * Each node announces its own cluster periodically, and passes on the best of what it hears: see advertising.ts for what goes to whom, and
 * route-table.ts for what is kept.
 */
import type { Cancel, Env } from '../../../base/index.ts'
import { logOncePer } from '../../../telemetry/index.ts'
import type { RouteAnnouncement, RouteWithdrawal } from '../../../wire/index.ts'
import { type AdvertisingSnapshot, createAdvertising, type ExportExplanation, type OwnOutcome } from './advertising.ts'
import { PURGE_INTERVAL_MS, REFUSAL_WARN_MS, SENDERS_MAX } from './constants.ts'
import { createEpochs } from './epochs.ts'
import type { ExportRules } from './export-rules.ts'
import {
  isWithdrawal,
  type RouteChange,
  type RouteMessage,
  type RouteNeighbors,
  type RouteObserver,
  type RouteSecurity,
  type RouteTransmitter,
} from './ports.ts'
import { createRefusalLog, type RefusalRecord } from './refusal-log.ts'
import { isSoundWithdrawal, type RouteRefusal } from './route-checks.ts'
import { UNKNOWN_LINK, ZERO_METRICS } from './route-metrics.ts'
import { DEFAULT_ROUTE_POLICY, fullPolicyRefusal, type PolicyDirectory, policyFor, type RoutePolicy } from './route-policy.ts'
import type { RouteStatistics } from './route-statistics.ts'
import { createRouteTable, type RouteSender, type RouteTable, type RouteTableSnapshot } from './route-table.ts'
import { DEFAULT_ROUTE_STABILITY, type RouteStability } from './stability.ts'

export interface RouteControlDeps {
  readonly env: Env
  readonly neighbors: RouteNeighbors
  readonly transmitter: RouteTransmitter
  readonly security: RouteSecurity
  /** Told of every message that was refused. */
  onRefused?(refusal: RefusalRecord): void
}

/** What can be changed while the node runs. Null clears; what is left out stays as it is. */
export interface RoutePolicies {
  /** For all that comes in, and how routes are ranked; null = the default. */
  readonly policy?: RoutePolicy | null
  /** For all that goes out. */
  readonly exportPolicy?: RoutePolicy | null
  /** For what comes in from a neighbouring cluster. */
  readonly neighborPolicies?: PolicyDirectory | null
  /** For what goes out to a neighbouring cluster. */
  readonly exportNeighborPolicies?: PolicyDirectory | null
  readonly stability?: RouteStability | null
  /** Labels of the own announcement. */
  readonly tags?: readonly string[] | null
}

export interface RouteControlOptions extends RoutePolicies {
  readonly clusterId: string
  readonly nodeId: string
  readonly routeTtlSeconds: number
  readonly announceIntervalSeconds: number
  /** Tell the other nodes of the own cluster what this one reaches, and believe them. */
  readonly shareInside: boolean
  readonly destinationsMax?: number
}

/** `accepted`: an announcement is in the table. `applied`: a withdrawal removed something. `ignored`: nothing to do, nothing wrong. */
export type RouteOutcome = 'accepted' | 'applied' | 'ignored' | RouteRefusal

export interface RouteControlSnapshot {
  readonly statistics: RouteStatistics
  readonly table: RouteTableSnapshot
  readonly advertising: AdvertisingSnapshot
  /** Messages of nodes whose cluster is not known yet. */
  readonly unknown_senders: number
  /** Messages of the own cluster that tell nothing new. */
  readonly own_cluster_messages: number
  readonly announce_failures: number
  /** Of the last own announcement; null before the first. */
  readonly last_own_announcement: OwnOutcome | null
}

export interface RouteControl {
  readonly table: Pick<RouteTable, 'select' | 'selectOwn' | 'explainSelection' | 'statistics' | 'destinations'>
  /** A route message, and the direct neighbour whose message it is. Never throws for what is in it. */
  receive(message: RouteMessage, senderId: string): RouteOutcome
  /** A node is linked and its cluster known: it is told all routes. May be left out; then it is told with the next refresh. */
  connected(nodeId: string): void
  /** @param clusterId when it can not be found out any more */
  connectionLost(nodeId: string, clusterId?: string): void
  /** Tells the own cluster now, besides the regular times. */
  announceOwn(): OwnOutcome
  reconfigure(policies: RoutePolicies): void
  /** Calls back when the best route to a destination is another one. Returns how to end that. */
  observe(observer: RouteObserver): () => void
  /** Which neighbour is told the route to a destination, and why others are not. */
  explainExport(destination: string): ExportExplanation[]
  /** The last refused messages, newest first. */
  refusals(destination?: string): RefusalRecord[]
  start(): void
  /** @param isLastOfCluster the cluster ends with this node, and is withdrawn */
  stop(isLastOfCluster: boolean): void
  snapshot(): RouteControlSnapshot
}

export function createRouteControl(deps: RouteControlDeps, options: RouteControlOptions): RouteControl {
  const { env, neighbors, security } = deps
  const { clusterId: local, nodeId, routeTtlSeconds } = options
  const log = env.log.scope('fabric.route_control')
  const observers = new Set<RouteObserver>()
  const refusals = createRefusalLog()
  const oncePerSender = logOncePer({ clock: env.clock, intervalMs: REFUSAL_WARN_MS })
  /** Clusters of those who sent something, for when the directory has forgotten them before their link is lost. */
  const senders = new Map<string, string>()
  const cancels: Cancel[] = []
  let neighborPolicies = options.neighborPolicies ?? null
  let tags = options.tags ?? []
  let rules: ExportRules = { policy: options.exportPolicy ?? null, neighborPolicies: options.exportNeighborPolicies ?? null }
  let started = false
  let stopped = false
  let lastOwn: OwnOutcome | null = null
  const counters = { unknown_senders: 0, own_cluster_messages: 0, announce_failures: 0 }

  const table = createRouteTable(
    { clock: env.clock, log, onBest },
    {
      clusterId: local,
      routeTtlSeconds,
      policy: options.policy ?? DEFAULT_ROUTE_POLICY,
      stability: options.stability ?? DEFAULT_ROUTE_STABILITY,
      ...(options.destinationsMax === undefined ? {} : { destinationsMax: options.destinationsMax }),
    },
  )
  const advertising = createAdvertising(
    { ...deps, log, table, nextEpoch: createEpochs(env.clock.wall()) },
    { clusterId: local, nodeId, shareInside: options.shareInside, rules },
  )

  function onBest(change: RouteChange): void {
    advertising.touch(change.destination)
    for (const observer of observers) {
      try {
        observer(change)
      } catch (error) {
        log.error('an observer of routes failed', error)
      }
    }
  }

  function receive(message: RouteMessage, senderId: string): RouteOutcome {
    if (stopped) return 'ignored'
    const clusterId = neighbors.clusterOf(senderId)
    if (clusterId === undefined) {
      counters.unknown_senders++
      return 'ignored'
    }
    if (clusterId === local && (!options.shareInside || senderId === nodeId || message.destination.cluster_id === local)) {
      counters.own_cluster_messages++
      return 'ignored'
    }
    remember(senderId, clusterId)
    const from = { nodeId: senderId, clusterId, replaces: neighbors.has(senderId, 'routes/1') }
    return isWithdrawal(message) ? receiveWithdrawal(message, from) : receiveAnnouncement(message, from)
  }

  function receiveAnnouncement(announcement: RouteAnnouncement, from: RouteSender): RouteOutcome {
    const destination = announcement.destination.cluster_id
    if (announcement.advertiser !== from.clusterId) return refuse('announcement', announcement, from, 'unauthorized')
    const verdict = security.verify(announcement)
    if (verdict !== 'ok') return refuse('announcement', announcement, from, 'signature', verdict)
    if (from.clusterId !== local) {
      const policy = policyFor(neighborPolicies, from.clusterId)
      const hops = announcement.metrics.hop_count + 1
      const { advertiser, route_tags } = announcement
      const refusal = policy && fullPolicyRefusal(policy, { destination, advertiser, tags: route_tags, hops })
      if (refusal !== undefined) return refuse('announcement', announcement, from, 'neighbor_policy', refusal)
    }
    const outcome =
      from.clusterId === local
        ? table.applyShared(announcement, from.nodeId)
        : table.apply(announcement, from, neighbors.linkMetrics(from.clusterId) ?? UNKNOWN_LINK)
    if (outcome !== 'accepted') {
      note('announcement', announcement, from, outcome, '')
      return outcome
    }
    advertising.touch(destination)
    if (log.debugOn) log.debug(line('announcement accepted', announcement, from, 'ok'))
    return outcome
  }

  function receiveWithdrawal(withdrawal: RouteWithdrawal, from: RouteSender): RouteOutcome {
    if (!isSoundWithdrawal(withdrawal, from.clusterId)) return refuse('withdrawal', withdrawal, from, 'unauthorized')
    const verdict = security.verify(withdrawal)
    if (verdict !== 'ok') return refuse('withdrawal', withdrawal, from, 'signature', verdict)
    const removed = table.withdraw(withdrawal, from)
    if (removed.length > 0) advertising.touch(withdrawal.destination.cluster_id)
    const outcome = removed.length > 0 ? 'applied' : 'ignored'
    if (log.debugOn) log.debug(line(`withdrawal ${outcome}`, withdrawal, from, removed.length > 0 ? 'ok' : 'nothing_held'))
    return outcome
  }

  function refuse(
    kind: 'announcement' | 'withdrawal',
    message: RouteMessage,
    from: RouteSender,
    reason: RouteRefusal,
    detail = '',
  ): RouteRefusal {
    table.countRefusal(kind, reason)
    note(kind, message, from, reason, detail)
    if (reason === 'signature') {
      const { advertiser } = message
      oncePerSender.log(from.nodeId, (more) =>
        log.warn(`routes of cluster ${advertiser} refused sender=${from.nodeId} reason=${detail}${more}`),
      )
    }
    return reason
  }

  function note(kind: 'announcement' | 'withdrawal', message: RouteMessage, from: RouteSender, reason: RouteRefusal, detail: string): void {
    const refusal: RefusalRecord = {
      at: env.clock.wall(),
      kind,
      reason,
      detail,
      destination: message.destination.cluster_id,
      advertiser: message.advertiser,
      sender: from.nodeId,
    }
    refusals.add(refusal)
    deps.onRefused?.(refusal)
    if (log.debugOn) log.debug(line(`${kind} rejected`, message, from, detail === '' ? reason : `${reason}/${detail}`))
  }

  function remember(senderId: string, clusterId: string): void {
    if (senders.get(senderId) === clusterId) return
    senders.set(senderId, clusterId)
    if (senders.size > SENDERS_MAX) senders.delete(senders.keys().next().value as string)
  }

  function connectionLost(lost: string, given?: string): void {
    const clusterId = given ?? neighbors.clusterOf(lost) ?? senders.get(lost)
    senders.delete(lost)
    if (stopped || clusterId === undefined) return
    const isLast = clusterId === local || !neighbors.connectedPeers().some((peer) => peer.clusterId === clusterId && peer.nodeId !== lost)
    if (!isLast) {
      table.releaseSource(lost)
      return
    }
    if (clusterId !== local) advertising.forgetCluster(clusterId)
    const removed = clusterId === local ? table.loseSibling(lost) : table.loseNeighbor(clusterId)
    for (const { destination } of removed) advertising.touch(destination)
    if (log.debugOn) log.debug(`neighbour removed: cluster=${clusterId} node=${lost} routes=${removed.length} reason=connection_lost`)
  }

  function announceOwn(): OwnOutcome {
    lastOwn = advertising.announceOwn(tags, routeTtlSeconds, ZERO_METRICS)
    return lastOwn
  }

  /** The series of announcements must outlast a failure of one of them. */
  function announceRegularly(): void {
    try {
      announceOwn()
    } catch (error) {
      counters.announce_failures++
      log.error('announcing the own cluster failed; the next attempt follows at the regular time', error)
    }
  }

  function tick(): void {
    for (const destination of table.purge()) advertising.touch(destination)
    advertising.catchUp()
  }

  return {
    table,
    receive,
    connected(peer) {
      if (!stopped) advertising.greet(peer)
    },
    connectionLost,
    announceOwn,

    reconfigure(changes) {
      if (changes.stability !== undefined) table.setStability(changes.stability ?? DEFAULT_ROUTE_STABILITY)
      if (changes.neighborPolicies !== undefined) neighborPolicies = changes.neighborPolicies
      if (changes.policy !== undefined) {
        table.setPolicy(changes.policy ?? DEFAULT_ROUTE_POLICY)
      }
      if (changes.exportPolicy !== undefined) rules = { ...rules, policy: changes.exportPolicy }
      if (changes.exportNeighborPolicies !== undefined) rules = { ...rules, neighborPolicies: changes.exportNeighborPolicies }
      // Looks through everything that was told: ranks may have changed too.
      advertising.setRules(rules)
      if (changes.tags === undefined) return
      tags = changes.tags ?? []
      if (started && !stopped) announceRegularly()
    },

    observe(observer) {
      observers.add(observer)
      return () => observers.delete(observer)
    },

    explainExport: advertising.explain,
    refusals: refusals.list,

    start() {
      if (started || stopped) return
      started = true
      announceRegularly()
      cancels.push(env.timers.every(options.announceIntervalSeconds * 1000, announceRegularly), env.timers.every(PURGE_INTERVAL_MS, tick))
    },

    stop(isLastOfCluster) {
      if (stopped) return
      stopped = true
      for (const cancel of cancels) cancel()
      try {
        if (isLastOfCluster) advertising.withdrawOwn()
      } finally {
        advertising.stop()
      }
    },

    snapshot: () => ({
      statistics: table.statistics(),
      table: table.snapshot(),
      advertising: advertising.snapshot(),
      ...counters,
      last_own_announcement: lastOwn,
    }),
  }
}

function line(event: string, message: RouteMessage, from: RouteSender, reason: string): string {
  const { destination, advertiser } = message
  return `${event}: reason=${reason} destination=${destination.cluster_id} advertiser=${advertiser} sender=${from.nodeId}`
}
