/**
 * What a running node measures: one meter for each system, the events of requests, the links to peers and what became of calls over them, and
 * the alerts that follow. The parts of the node report here; monitoring/views.ts shows it.
 */
import type { Cancel, Env } from '../../base/index.ts'
import { createAlertBackends } from '../../monitor/index.ts'
import type { Queues } from '../../queue/index.ts'
import type { CallOutcome, RequestObserver } from '../../rpc/index.ts'
import {
  ALERT_PRESETS,
  type Alerts,
  type ClusterPerformanceRecord,
  createAlerts,
  createEventLog,
  createFederationLinks,
  createNotifier,
  createPerformanceService,
  createRequestTally,
  createSystemMeter,
  createUnifiedMonitor,
  type EventLog,
  type FederationLinks,
  type Notifier,
  type PerformanceService,
  type ProcessProbe,
  type SystemMeter,
  type UnifiedMonitor,
} from '../../telemetry/index.ts'
import type { CircuitState } from '../../transport/index.ts'
import { errorLine, type QueueSendResult } from '../../wire/index.ts'
import type { Fabric } from '../fabric.ts'
import type { Settings } from '../settings/index.ts'
import { createLinkHealth, type LinkHealth } from './link-health.ts'
import { createQueueMeter, type QueueMeter } from './queue-meter.ts'

export interface NodeTelemetryDeps {
  readonly env: Env
  readonly settings: Settings
  readonly nodeId: string
  readonly probe: ProcessProbe
  readonly fabric: Fabric
  connections(): number
  subscribers(): number
  requestsInFlight(): number
  /** Undefined: the node has none. */
  readonly queues: Pick<Queues, 'depth' | 'totals'> | undefined
  /** Where the console channel of alerts writes. */
  print(text: string): void
}

export interface NodeTelemetry {
  readonly events: EventLog
  readonly links: FederationLinks
  readonly linkHealth: LinkHealth
  readonly monitor: UnifiedMonitor
  readonly performance: PerformanceService
  readonly alerts: Alerts
  readonly notifier: Notifier
  readonly rpc: SystemMeter
  readonly pubsub: SystemMeter
  /** Undefined without queues. */
  readonly queue: QueueMeter | undefined
  readonly requests: RequestObserver
  callEnded(outcome: CallOutcome): void
  /** A message was published here: to so many subscribers of this node. @param nowMs monotonic, when that was done */
  published(topic: string, messageId: string, deliveries: number, durationMs: number, nowMs: number): void
  /** A request published a message, told of by {@link published} too. */
  publishedByRequest(requestId: string, topic: string, subscribers: number, durationMs: number): void
  /** A request put a message into a queue, or tried to. */
  enqueuedByRequest(requestId: string, queue: string, result: QueueSendResult, durationMs: number): void
  /** The circuit breaker of a link to a peer changed. */
  breakerChanged(peer: string, state: CircuitState): void
  /** Somebody was not let in as a peer. */
  peerRefused(): void
  /** A subscription was made or ended, or was not. */
  subscribed(ok: boolean): void
  start(): void
  /** The node begins to stop, and can be asked for a moment yet. */
  stopping(): void
  stop(): void
}

/** How often the links to peers are looked at for news of their status and round trip. */
const LINK_LOOK_MS = 5_000

/** Operations in five minutes below which the share that failed says nothing: one mistyped call on a quiet node must not wake anybody. */
const JUDGED_OPERATIONS_MIN = 20

/**
 * Records of five seconds until there is a normal throughput to fall below: each looks back a minute, so that the first five of them would be five
 * views of one burst.
 */
const THROUGHPUT_SAMPLES_MIN = 60

/** The same for failed operations: two of twenty-two are ten percent, and still two. */
const JUDGED_FAILURES_MIN = 5

/** Whether there was enough to say that a share of it is too large. */
function hasEnoughToJudge(monitor: UnifiedMonitor): boolean {
  let operations = 0
  let failures = 0
  const { cache, federation, pubsub, queue, rpc } = monitor.metrics()
  for (const system of [cache, federation, pubsub, queue, rpc]) {
    operations += system?.outcomes_last_5_minutes ?? 0
    failures += system?.failures_last_5_minutes ?? 0
  }
  return operations >= JUDGED_OPERATIONS_MIN && failures >= JUDGED_FAILURES_MIN
}

/** The record as if nothing had failed: what fires on shares ends. */
function withoutShares(record: ClusterPerformanceRecord): ClusterPerformanceRecord {
  return { ...record, error_rate_percent: 0, health_score: 100 }
}

export function createNodeTelemetry(deps: NodeTelemetryDeps): NodeTelemetry {
  const { env, fabric, nodeId, settings } = deps
  const { clock } = env
  const { clusterId, federationConfig, name } = settings
  const settle = (): void => tally.settle()
  const events = createEventLog(env, { settle })
  const links = createFederationLinks({
    clock,
    systemName: name,
    localClusterId: clusterId,
    policy: () => federationConfig,
  })
  const rpc = createSystemMeter(clock, { system: 'rpc', systemName: name, activeConnections: deps.connections, settle })
  const tally = createRequestTally(rpc, events)
  const pubsub = createSystemMeter(clock, { system: 'pubsub', systemName: name, activeConnections: deps.subscribers })
  const { queues } = deps
  const queue = queues && createQueueMeter({ clock, events, systemName: name, subscriptions: () => queues.totals().active_subscriptions })
  const linkHealth = createLinkHealth(clock)
  const monitor = createUnifiedMonitor({ env, events, links, runningRequests: deps.requestsInFlight })
  monitor.attach('rpc', rpc)
  monitor.attach('pubsub', pubsub)
  if (queue !== undefined) monitor.attach('queue', queue)
  monitor.attachTransport(linkHealth.snapshots)
  const performance = createPerformanceService({
    env,
    monitor,
    own: { clusterId, name, region: settings.cacheRegion, ...(queues && { queueDepth: queues.depth }) },
    probe: deps.probe,
  })
  for (const [gauge, read] of Object.entries(performance.gauges())) monitor.addGauge(gauge, read)
  const alerts = createAlerts(env, { thresholds: ALERT_PRESETS[settings.alertPreset], throughput: { samplesMin: THROUGHPUT_SAMPLES_MIN } })
  const notifier = createNotifier(env, createAlertBackends(deps.print), settings.alerting ?? { enabled: false })
  const stops: Cancel[] = []

  /** Links that were there before anybody listened, and from now on those that come and go. */
  function followLinks(): void {
    const { events: connections, sender } = fabric.peers
    const opened = (id: string, cluster: string): void => {
      const bridge = federationConfig.explicitBridges.find(({ remoteClusterId }) => remoteClusterId === cluster)
      links.opened({
        nodeId: id,
        clusterId: cluster,
        url: id,
        authorization: fabric.peers.federationAllows(cluster, id).verdict,
        ...(bridge && { bridge }),
      })
      linkHealth.opened(id)
    }
    for (const id of sender.connected()) opened(id, sender.clusterOf(id) ?? clusterId)
    stops.push(
      connections.observe((event) => {
        if (event.type === 'connection_established') {
          opened(event.node_url, event.cluster_id)
          events.tell({ kind: 'dial', id: event.node_url, url: event.node_url, latencyMs: 0, ok: true })
        } else if (event.type === 'connection_lost') {
          const isFault = event.why !== 'goodbye' && event.why !== 'stopping'
          if (isFault) links.failed(event.node_url, `link lost: ${event.why} ${event.code} ${event.reason}`.trim())
          links.closed(event.node_url)
          linkHealth.closed(event.node_url)
          if (isFault) events.tell({ kind: 'dial', id: event.node_url, url: event.node_url, latencyMs: 0, ok: false, error: event.why })
        }
      }),
    )
    const statusAt = new Map<string, number>()
    stops.push(
      env.timers.every(LINK_LOOK_MS, () => {
        const linked = sender.connected()
        for (const id of linked) {
          const told = fabric.peers.statusOf(id)?.timestamp
          if (told !== undefined && told !== statusAt.get(id)) {
            statusAt.set(id, told)
            links.statusSeen(id)
          }
          const ms = sender.roundTripMs(id)
          if (ms !== undefined) links.roundTrip(id, ms)
        }
        for (const id of statusAt.keys()) if (!linked.includes(id)) statusAt.delete(id)
      }),
    )
  }

  /** The way to another cluster is a new one, or is gone. */
  function followRoutes(): void {
    stops.push(
      fabric.routing.routes.observe(({ best, destination, reason }) =>
        events.tell({ kind: 'route_change', id: `route ${destination}`, destination, nextHop: best?.nextHop ?? null, reason }),
      ),
    )
  }

  return {
    events,
    links,
    linkHealth,
    monitor,
    performance,
    alerts,
    notifier,
    rpc,
    pubsub,
    queue,
    requests: {
      level(request, index, level, durationMs) {
        const commands = level.map((cmd) => cmd.fun)
        events.tell({ kind: 'dependency_resolved', id: request.u, level: index, commands, latencyMs: durationMs, ok: true })
      },
      ended({ cmds, u }, durationMs, nowMs, error) {
        if (error === undefined && events.leavesOut(nowMs)) {
          tally.add(durationMs, nowMs)
          return
        }
        tally.settle()
        rpc.record(durationMs, error === undefined, nowMs)
        const subject = cmds[0]?.fun ?? ''
        events.answered(u, 'rpc', subject, durationMs, nowMs, error === undefined ? undefined : errorLine(error))
      },
    },
    callEnded({ cluster, durationMs, error, hop, hopCount, requestId, target }) {
      links.forwarded(hop, durationMs, error === undefined, error?.message)
      linkHealth.used(hop, durationMs, error === undefined)
      const isForeign = cluster !== clusterId
      // A story that is not kept need not be told.
      if (!isForeign && !events.hasRoom() && !events.isKept(requestId)) return
      events.tell({
        kind: 'hop',
        id: requestId,
        system: 'rpc',
        targetNode: target,
        targetCluster: cluster,
        foreign: isForeign,
        latencyMs: durationMs,
        ok: error === undefined,
        ...(hopCount !== undefined && { hopCount }),
        ...(error !== undefined && { error: error.message }),
      })
    },
    published(topic, messageId, deliveries, durationMs, nowMs) {
      // The publication and each of its deliveries.
      pubsub.record(durationMs, true, nowMs, 1 + deliveries)
      events.answered(messageId, 'pubsub', topic, durationMs, nowMs)
    },
    publishedByRequest(requestId, topic, subscribers, durationMs) {
      events.tell({ kind: 'publish', id: requestId, topic, from: 'rpc', subscribers, latencyMs: durationMs, ok: true })
    },
    enqueuedByRequest(id, queue, { error_message: error, message_id: messageId, success: ok }, latencyMs) {
      events.tell({ kind: 'enqueue', id, queue, messageId, from: 'rpc', latencyMs, ok, ...(error !== null && { error }) })
    },
    breakerChanged(peer, state) {
      events.tell({ kind: 'circuit_breaker', id: `breaker ${peer}`, endpoint: peer, state })
    },
    peerRefused: links.rejected,
    subscribed(ok) {
      pubsub.record(null, ok)
    },
    start() {
      followLinks()
      followRoutes()
      performance.onRecord((record) => alerts.check(hasEnoughToJudge(monitor) ? record : withoutShares(record)))
      alerts.subscribe('notifier', notifier.handle)
      alerts.subscribe('events', ({ alert, type }) => {
        if (type !== 'fired') return
        const { alert_id: id, cluster_id: cluster, message, metric_name: metric, severity } = alert
        events.tell({ kind: 'performance_alert', id, severity, metric, clusterId: cluster, message })
      })
      monitor.start()
      performance.start()
      events.tell({ kind: 'system_start', id: nodeId, system: 'rpc' })
    },
    stopping() {
      events.tell({ kind: 'system_stop', id: nodeId, system: 'rpc' })
    },
    stop() {
      for (const stop of stops.splice(0)) stop()
      performance.stop()
      monitor.stop()
      alerts.stop()
      notifier.stop()
    },
  }
}
