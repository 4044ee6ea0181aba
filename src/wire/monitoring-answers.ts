/**
 * Which body answers which monitoring path: the contract between a node's HTTP service and whoever reads it.
 *
 *     type Body = MonitoringAnswer<'/health'>   // { status: 'ok', federation_health: {…}, timestamp }
 *
 * The service documents its routes with these schemas, clients take their types from them, and the recorded bodies of the Python
 * implementation are tested against them.
 */
import { type TSchema, Type } from 'typebox'
import {
  alert,
  bottlenecks,
  clusterHealth,
  clusterPerformance,
  collectionInfo,
  connectionMetrics,
  federationHealth,
  federationMetrics,
  federationMode,
  healthSummary,
  MONITORED_SYSTEMS,
  monitoringEvent,
  performanceSummary,
  performanceTrends,
  routingPaths,
  severityBreakdown,
  systemMetrics,
  timeseriesPoint,
  topology,
  topologyAnalysis,
  topologyEdge,
  topologyNode,
  transportCorrelation,
  transportHealthSnapshot,
  trend,
  unifiedMetrics,
} from './monitoring.ts'
import { amount, count, list, mapOf, nullable, oneOf, optional, type ReadOnly, record, text, time } from './monitoring-fields.ts'
import {
  configurationStatus,
  configurationValidation,
  discoveryLag,
  dnsGatewayStatus,
  linkStateBody,
  namespacePolicyStatus,
  persistenceStatus,
  policyStatus,
  resolverCacheStatus,
  routeTrace,
  summaryCacheStatus,
  summaryExportStatus,
  transportEndpoints,
} from './monitoring-parts.ts'
import { logLine, logStatus, monitoringEndpoint, readiness } from './monitoring-tools.ts'
import { FreeObject } from './schema.ts'

const ok = Type.Literal('ok')
const answer = <P extends Record<string, TSchema>>(members: P) => record({ status: ok, ...members, timestamp: time })

/** Anything that went wrong, with the HTTP status beside it. */
export const monitoringError = record({
  status: Type.Literal('error'),
  message: text,
  /** What would have been accepted in place of what was given. */
  valid: optional(list(text)),
})
export type MonitoringError = ReadOnly<typeof monitoringError>

const systemAnswer = answer({ system: oneOf(MONITORED_SYSTEMS), metrics: nullable(systemMetrics) })
const readinessAnswer = record({ ...readiness.properties, timestamp: time })
const livenessAnswer = record({ live: Type.Literal(true), timestamp: time })
const explanationAnswer = answer({ name: text, explanation: FreeObject })
const index = { endpoints: list(monitoringEndpoint) }

export const monitoringAnswers = {
  '/': record({
    service: Type.Literal('MPREG Federation Monitoring'),
    version: text,
    federation_mode: federationMode,
    cluster_id: text,
    monitoring_port: count,
    ...index,
    timestamp: time,
  }),
  '/endpoints': answer({ ...index, total_endpoints: count }),

  '/health': answer({ federation_health: federationHealth }),
  '/health/summary': answer({ health_summary: healthSummary }),
  '/health/clusters': answer({ clusters: mapOf(clusterHealth), total_clusters: count }),
  '/health/clusters/{cluster_id}': answer({ cluster: clusterHealth }),
  '/health/live': livenessAnswer,
  '/health/ready': readinessAnswer,
  '/livez': livenessAnswer,
  '/readyz': readinessAnswer,

  '/metrics': answer({ federation_metrics: federationMetrics, collection_info: collectionInfo }),
  '/metrics/performance': answer({
    performance: record({
      throughput: record({ requests_per_second: amount }),
      latency: record({ average_ms: amount, p95_ms: amount, p99_ms: nullable(amount) }),
      reliability: record({ error_rate_percent: amount, federation_efficiency_score: amount }),
      topology: record({
        cross_cluster_hops_average: amount,
        bottleneck_clusters: list(text),
        top_performing_clusters: list(text),
      }),
      trend,
    }),
  }),
  '/metrics/connections': answer({ connections: connectionMetrics }),
  '/metrics/unified': answer({ unified_metrics: unifiedMetrics }),
  '/metrics/rpc': systemAnswer,
  '/metrics/pubsub': systemAnswer,
  '/metrics/queue': systemAnswer,
  '/metrics/cache': systemAnswer,
  '/metrics/federation': systemAnswer,
  '/metrics/transport': answer({
    transport_health_snapshots: mapOf(transportHealthSnapshot),
    /** The latest hundred, oldest first. */
    correlation_results: list(transportCorrelation),
  }),
  '/metrics/persistence': answer({ persistence_snapshots: persistenceStatus }),
  '/metrics/timeseries': answer({
    metric: text,
    duration_hours: count,
    resolution_minutes: count,
    data_points: count,
    data: list(timeseriesPoint),
  }),
  '/transport/endpoints': answer({ transport_endpoints: transportEndpoints }),

  '/discovery/summary': answer({ summary_export: summaryExportStatus }),
  '/discovery/cache': answer({ resolver_cache: resolverCacheStatus, summary_cache: optional(summaryCacheStatus) }),
  '/discovery/policy': answer({ policy: namespacePolicyStatus }),
  '/discovery/lag': answer({ lag: discoveryLag }),
  '/dns/metrics': answer({ dns_gateway: dnsGatewayStatus }),

  '/topology': answer({ topology }),
  '/topology/graph': record({
    status: ok,
    graph_data: record({
      nodes: list(topologyNode),
      /** How many. */
      edges: count,
      edge_list: optional(list(topologyEdge)),
      timestamp: time,
    }),
    visualization_ready: Type.Boolean(),
  }),
  '/topology/paths': answer({ routing_paths: routingPaths }),
  '/topology/analysis': answer({ analysis: topologyAnalysis }),

  '/performance': answer({ performance_summary: performanceSummary }),
  '/performance/bottlenecks': answer({ bottlenecks }),
  '/performance/trends': answer({ trends: performanceTrends }),
  '/performance/clusters/{cluster_id}': answer({ cluster_id: text, performance: clusterPerformance }),

  '/alerts': answer({ active_alerts: list(alert), alert_count: count, severity_breakdown: severityBreakdown }),
  '/alerts/history': answer({ alert_history: list(alert), total_alerts: count }),
  '/alerts/acknowledge': record({ status: ok, message: text, alert_id: text, timestamp: time }),

  '/config': answer({ configuration: configurationStatus }),
  '/config/policies': answer({ policies: policyStatus }),
  '/config/validation': answer({ validation: configurationValidation }),

  '/routing/trace': answer({ destination: text, avoid_clusters: list(text), trace: routeTrace }),
  '/routing/link-state': answer({ link_state: linkStateBody }),

  '/explain/function': explanationAnswer,
  '/explain/route': explanationAnswer,
  '/explain/peer': explanationAnswer,
  '/explain/topic': explanationAnswer,
  '/explain/queue': explanationAnswer,
  /** The facts that `mpreg doctor` judges, as the telemetry room declares them. */
  '/diagnosis': answer({ diagnosis: FreeObject }),
  '/log': answer({ log: logStatus }),
  '/log/lines': answer({ lines: list(logLine) }),
  '/timelines/{id}': answer({ id: text, events: list(monitoringEvent) }),
} as const

/** A path whose answer is JSON in a declared shape. */
export type MonitoringPath = keyof typeof monitoringAnswers
export type MonitoringAnswer<P extends MonitoringPath> = ReadOnly<(typeof monitoringAnswers)[P]>
