/** What the monitoring service sees of a node: every number read off the part that has it, when somebody asks. */
import type { Clock, LogLevel } from '../../base/index.ts'
import type { MemberState } from '../../fabric/index.ts'
import type { EvidenceViews, GraphView, MonitorViews } from '../../monitor/index.ts'
import {
  AlertNotFoundError,
  bottlenecksView,
  clusterHealthMap,
  clusterPerformanceView,
  connectionMetrics,
  type Log,
  logComponents,
  type NodeFacts,
  performanceSummaryView,
  unknownScopeWarnings,
} from '../../telemetry/index.ts'
import type { EndpointDetails, NetworkSnapshot } from '../../transport/index.ts'
import type { HealthStatus, LogStatus, TopologyEdge, TopologyNode } from '../../wire/index.ts'
import type { Discovery } from '../discovery.ts'
import type { DiscoveryStatus } from '../discovery-status.ts'
import type { Explainer } from '../explain.ts'
import type { Fabric } from '../fabric.ts'
import type { NodeSnapshot } from '../node-snapshot.ts'
import type { Settings } from '../settings/index.ts'
import type { WorkerPool } from '../worker-pool.ts'
import { configurationView } from './configuration.ts'
import { telemetryStores } from './stores.ts'
import type { NodeTelemetry } from './telemetry.ts'

export interface ViewsDeps {
  readonly clock: Clock
  readonly settings: Settings
  readonly nodeId: string
  /** Of the software. */
  readonly version: string
  readonly fabric: Fabric
  readonly telemetry: NodeTelemetry
  readonly log: Log
  readonly explain: Explainer
  readonly evidence: EvidenceViews
  /** The settings of the start with what was taken up since. */
  settingsInForce(): Settings
  /** Unix seconds of the last change; undefined: none since the start. */
  settingsChangedAt(): number | undefined
  isRunning(): boolean
  readonly discovery: Discovery
  readonly discoveryStatus: DiscoveryStatus
  readonly workers: Pick<WorkerPool, 'hasRoom' | 'snapshot'>
  snapshot(): NodeSnapshot
  diagnosis(): NodeFacts
  network(): NetworkSnapshot | undefined
  /** Of this node's listeners. */
  endpoints(): EndpointDetails
}

export function nodeViews(deps: ViewsDeps): MonitorViews {
  const { clock, discovery, discoveryStatus, explain, fabric, log, nodeId, settings, telemetry } = deps
  const { alerts, events, linkHealth, links, monitor, notifier, performance } = telemetry
  const { clusterId, name, federationConfig } = settings
  const startedAt = clock.wall()

  return {
    identity: () => ({
      name,
      node_id: nodeId,
      cluster_id: clusterId,
      federation_mode: federationConfig.federationMode,
      version: deps.version,
    }),
    readiness() {
      const running = deps.isRunning()
      const { hasRoom } = deps.workers
      const { threads, waiting } = deps.workers.snapshot()
      const refusing = hasRoom ? '' : '; no more are taken'
      return {
        ready: running && hasRoom,
        checks: [
          { name: 'accepting', ok: running, detail: running ? `listening as ${nodeId}` : 'starting or stopping' },
          { name: 'workers', ok: hasRoom, detail: `${threads} threads, ${waiting} calls waiting${refusing}` },
        ],
      }
    },
    unified: monitor.metrics,
    clusters: () => clusterHealthMap(links.links(), clusterId, clock.wall()),
    connections: () => connectionMetrics(links.links()),
    // Requests over links are tracked in figures, not one by one.
    transport: () => ({ snapshots: linkHealth.snapshots(), correlations: [] }),
    endpoints() {
      const { assignments, last_updated } = deps.endpoints()
      return { last_updated: last_updated ?? 0, assignments }
    },
    graph: () => graphOf(deps),
    federation: () => fabric.routing.snapshot().monitor,

    performance: () => performanceSummaryView(monitor, performance),
    performanceTrends: performance.trends,
    bottlenecks: () => bottlenecksView(monitor, performance),
    clusterPerformance: (id) => clusterPerformanceView(monitor, performance, id),
    timeseries: (metric, hours) => monitor.timeseries(metric, hours, 0),
    timeline: events.story,
    alerts: {
      active: alerts.active,
      history: () => alerts.history(),
      acknowledge(id) {
        try {
          alerts.acknowledge(id, 'http')
          return true
        } catch (error) {
          if (error instanceof AlertNotFoundError) return false
          throw error
        }
      },
    },

    configuration: () =>
      configurationView(
        deps.settingsInForce(),
        Math.max(deps.settingsChangedAt() ?? startedAt, deps.discovery.appliedAt() ?? 0),
        deps.discovery.policy,
      ),
    persistence: () => ({ enabled: false }),
    discoverySummary: discoveryStatus.summaryExport,
    discoveryCache: () => ({ resolver_cache: discoveryStatus.resolver(), summary_cache: discoveryStatus.summaryCache() }),
    discoveryPolicy: discovery.namespaces.report,
    discoveryLag: discoveryStatus.lag,
    dns: () => ({ enabled: false }),

    routeTrace: fabric.routing.explain,
    linkState: () => fabric.routing.linkState?.status(),
    explain,
    diagnosis: deps.diagnosis,
    log: { status: () => logStatus(log), change: (change) => changeLog(log, change), lines: log.lines },
    evidence: deps.evidence,
    figures() {
      const node = deps.snapshot()
      const { process } = performance.snapshot()
      const { dropped, lines } = log.snapshot()
      const { delivery_stats: sent } = notifier.statistics()
      return {
        node,
        process:
          process === null
            ? undefined
            : {
                cpu_seconds_total: process.cpu_seconds_total,
                resident_memory_bytes: process.rss_bytes,
                heap_used_bytes: process.heap_used_bytes,
                event_loop_delay_p99_seconds: process.event_loop_delay_ms && process.event_loop_delay_ms.p99 / 1000,
                start_time_seconds: startedAt,
              },
        durations: {
          rpc: telemetry.rpc.lifetimeLatencies(),
          pubsub: telemetry.pubsub.lifetimeLatencies(),
          ...(telemetry.queue && { queue: telemetry.queue.lifetimeLatencies() }),
          federation: links.lifetimeLatencies(),
        },
        transport: deps.network(),
        log: { lines, dropped },
        stores: telemetryStores(telemetry),
        notifications: { sent: sent.successful_deliveries, failed: sent.failed_deliveries, rate_limited: sent.rate_limited },
      }
    },
  }
}

/** This node, its peers, and who of them is linked to it; of links among others it is told nothing, which matters from two others on. */
function graphOf({ clock, fabric, nodeId, settings, telemetry }: ViewsDeps): GraphView {
  const now = clock.wall()
  const { overall_health: own } = telemetry.monitor.metrics()
  const byId = new Map(telemetry.links.links().map((link) => [link.remote_node_id, link]))
  const nodes: TopologyNode[] = [
    { ...placed(nodeId, settings.clusterId), health_score: own.health_score, status: own.status, last_seen: now },
  ]
  const members = new Map(fabric.membership.members().map((member) => [member.node_id, member]))
  for (const { cluster_id, url } of fabric.peers.views.listPeers()) {
    const link = byId.get(url)
    const member = members.get(url)
    nodes.push({
      ...placed(url, cluster_id),
      health_score: link?.success_rate ?? null,
      status: link === undefined ? STATUS_OF_UNLINKED[member?.state ?? 'failed'] : statusOf(link.success_rate),
      last_seen: link?.last_health_check_at ?? fabric.peers.statusOf(url)?.timestamp ?? member?.last_seen ?? 0,
    })
  }
  const edges: TopologyEdge[] = [...byId.values()].map((link) => ({
    source: nodeId,
    target: link.remote_node_id,
    status: link.is_healthy ? 'healthy' : 'degraded',
    latency_ms: link.round_trip_ms,
  }))
  return { nodes, edges, partial: nodes.length > 2 }
}

function statusOf(successRate: number): HealthStatus {
  return successRate >= 0.9 ? 'healthy' : successRate > 0 ? 'degraded' : 'unavailable'
}

/** Of a node to which there is no link nothing is measured: what failure detection holds of it. */
const STATUS_OF_UNLINKED: Readonly<Record<MemberState | 'joining', HealthStatus>> = {
  joining: 'healthy',
  alive: 'healthy',
  suspect: 'degraded',
  failed: 'unavailable',
  left: 'unavailable',
}

function placed(url: string, clusterId: string): Pick<TopologyNode, 'node_id' | 'cluster_id' | 'host' | 'port'> {
  const { hostname, port } = new URL(url)
  return { node_id: url, cluster_id: clusterId, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function logStatus(log: Log): LogStatus {
  const { debugScopes, level } = log.snapshot()
  return { level, debug_scopes: debugScopes, known_scopes: Object.keys(logComponents).sort(), warnings: unknownScopeWarnings(debugScopes) }
}

function changeLog(
  log: Log,
  { debug_scopes: scopes, level }: { readonly level?: string; readonly debug_scopes?: readonly string[] },
): LogStatus {
  if (level !== undefined) log.setLevel(level as LogLevel)
  if (scopes !== undefined) log.setDebugScopes(scopes)
  return logStatus(log)
}
