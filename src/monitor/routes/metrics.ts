/** `/metrics…`: what the systems of the node do, and how fast. */
import {
  type FederationMetrics,
  MONITORED_SYSTEMS,
  type MonitoredSystem,
  monitoringAnswers,
  type UnifiedMetrics,
} from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { metricCatalogue } from '../prometheus/catalogue.ts'
import type { MetricSources } from '../prometheus/metric.ts'
import { EXPOSITION_TYPES, type ExpositionFormat, renderMetrics } from '../prometheus/render.ts'
import { type MonitorRoute, TextAnswer } from '../route.ts'
import { answer } from './answer.ts'

/** Results of requests over connections that one answer holds. */
const CORRELATIONS_MAX = 100

export function metricsRoutes(context: MonitorContext): MonitorRoute[] {
  const { views } = context
  return [
    {
      method: 'GET',
      path: '/metrics',
      description: 'Federation metrics; as Prometheus text when the Accept header asks for it',
      answer: monitoringAnswers['/metrics'],
      reply({ accept }) {
        const format = expositionAsked(accept)
        if (format !== undefined) return exposition(context, format)
        const unified = views.unified()
        return answer(context, { federation_metrics: federationMetrics(unified), collection_info: unified.collection_info })
      },
    },
    {
      method: 'GET',
      path: '/metrics/performance',
      description: 'Throughput, latency, reliability and hops',
      answer: monitoringAnswers['/metrics/performance'],
      reply: () => answer(context, { performance: performance(context) }),
    },
    {
      method: 'GET',
      path: '/metrics/connections',
      description: 'Links to other nodes, by cluster',
      answer: monitoringAnswers['/metrics/connections'],
      reply: () => answer(context, { connections: views.connections() }),
    },
    {
      method: 'GET',
      path: '/metrics/unified',
      description: 'Metrics of all systems in one body',
      answer: monitoringAnswers['/metrics/unified'],
      reply: () => answer(context, { unified_metrics: views.unified() }),
    },
    ...MONITORED_SYSTEMS.filter((system) => system !== 'federation').map((system) => systemRoute(context, system)),
    {
      method: 'GET',
      path: '/metrics/transport',
      description: 'Health of the endpoints and the latest requests over them',
      answer: monitoringAnswers['/metrics/transport'],
      reply() {
        const { correlations, snapshots } = views.transport()
        return answer(context, { transport_health_snapshots: snapshots, correlation_results: correlations.slice(-CORRELATIONS_MAX) })
      },
    },
    {
      method: 'GET',
      path: '/metrics/persistence',
      description: 'What is stored, and when it was last saved and restored',
      answer: monitoringAnswers['/metrics/persistence'],
      reply: () => answer(context, { persistence_snapshots: views.persistence?.() ?? { enabled: false } }),
    },
    {
      method: 'GET',
      path: '/transport/endpoints',
      description: 'Listeners and the ports they were given',
      answer: monitoringAnswers['/transport/endpoints'],
      reply: () => answer(context, { transport_endpoints: views.endpoints() }),
    },
  ]
}

/** Paths that the protocol of the Python implementation does not have; they come last in the index. */
export function furtherMetricsRoutes(context: MonitorContext): MonitorRoute[] {
  return [
    systemRoute(context, 'federation'),
    {
      method: 'GET',
      path: '/metrics/prometheus',
      description: 'All metrics as Prometheus text, or as OpenMetrics when the Accept header asks for it',
      reply: ({ accept }) => exposition(context, expositionAsked(accept) ?? 'prometheus'),
    },
  ]
}

const SYSTEM_TITLES: Readonly<Record<MonitoredSystem, string>> = {
  rpc: 'RPC',
  pubsub: 'Publish/subscribe',
  queue: 'Queue',
  cache: 'Cache',
  federation: 'Federation',
}

function systemRoute(context: MonitorContext, system: MonitoredSystem): MonitorRoute {
  return {
    method: 'GET',
    path: `/metrics/${system}`,
    description: `${SYSTEM_TITLES[system]} metrics; null where the node has no such system`,
    answer: monitoringAnswers[`/metrics/${system}`],
    reply: () => answer(context, { system, metrics: context.views.unified()[system] }),
  }
}

function federationMetrics({ correlation_metrics: correlation, federation, overall_health: overall }: UnifiedMetrics): FederationMetrics {
  return {
    federation_system: {
      requests_per_second: federation?.requests_per_second ?? 0,
      average_latency_ms: federation?.average_latency_ms ?? 0,
      p95_latency_ms: federation?.p95_latency_ms ?? 0,
      error_rate_percent: federation?.error_rate_percent ?? 0,
      active_connections: federation?.active_connections ?? 0,
    },
    correlation_metrics: {
      total_cross_system_correlations: correlation.total_cross_system_correlations,
      federation_success_rate_percent: correlation.federation_success_rate_percent,
      cross_cluster_latency_p95_ms: correlation.cross_cluster_latency_p95_ms,
      federation_message_hops: correlation.federation_message_hops,
    },
    overall_health: {
      health_score: overall.health_score,
      status: overall.status,
      systems_healthy: overall.systems_healthy,
      systems_degraded: overall.systems_degraded,
      systems_critical: overall.systems_critical,
    },
  }
}

function performance({ views }: MonitorContext): object {
  const summary = views.performance()
  return {
    throughput: { requests_per_second: summary.requests_per_second },
    latency: { average_ms: summary.average_latency_ms, p95_ms: summary.p95_latency_ms, p99_ms: summary.p99_latency_ms },
    reliability: {
      error_rate_percent: summary.error_rate_percent,
      federation_efficiency_score: summary.federation_efficiency_score,
    },
    topology: {
      cross_cluster_hops_average: summary.cross_cluster_hops_average,
      bottleneck_clusters: summary.bottleneck_clusters,
      top_performing_clusters: summary.top_performing_clusters,
    },
    trend: summary.recent_performance_trend,
  }
}

/** The format an `Accept` header prefers to JSON; undefined when it prefers none. A scraper names its versions; a browser does not. */
function expositionAsked(accept: string): ExpositionFormat | undefined {
  if (/\bapplication\/openmetrics-text\b/i.test(accept)) return 'openmetrics'
  return /\btext\/plain\s*;[^,]*\bversion\s*=\s*"?0\.0\.4\b/i.test(accept) ? 'prometheus' : undefined
}

function exposition({ requests, views }: MonitorContext, format: ExpositionFormat): TextAnswer {
  const sources: MetricSources = {
    figures: views.figures(),
    unified: views.unified(),
    clusters: views.clusters(),
    connections: views.connections(),
    transport: views.transport().snapshots,
    alerts: views.alerts?.active() ?? [],
    readiness: views.readiness(),
    identity: views.identity(),
    requests,
  }
  return new TextAnswer(200, EXPOSITION_TYPES[format], renderMetrics(metricCatalogue, sources, format))
}
