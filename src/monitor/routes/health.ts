/** `/health…`: how the node, and each cluster it knows, is doing. */
import { type ClusterHealth, type FederationHealth, type HealthStatus, type HealthSummary, monitoringAnswers } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { RequestRefusal } from '../errors.ts'
import { type MonitorRoute, pathParameter } from '../route.ts'
import { answer } from './answer.ts'

export function healthRoutes(context: MonitorContext): MonitorRoute[] {
  const { views } = context
  return [
    {
      method: 'GET',
      path: '/health',
      description: 'Overall health, connections and cross-cluster latency',
      answer: monitoringAnswers['/health'],
      reply: () => answer(context, { federation_health: federationHealth(context) }),
    },
    {
      method: 'GET',
      path: '/health/summary',
      description: 'Overall health with the details of every cluster',
      answer: monitoringAnswers['/health/summary'],
      reply: () => answer(context, { health_summary: healthSummary(context) }),
    },
    {
      method: 'GET',
      path: '/health/clusters',
      description: 'Health of every known cluster',
      answer: monitoringAnswers['/health/clusters'],
      reply() {
        const clusters = views.clusters()
        return answer(context, { clusters, total_clusters: Object.keys(clusters).length })
      },
    },
    {
      method: 'GET',
      path: '/health/clusters/{cluster_id}',
      description: 'Health of one cluster',
      answer: monitoringAnswers['/health/clusters/{cluster_id}'],
      reply(request) {
        const id = pathParameter(request, 'cluster_id')
        const clusters = views.clusters()
        const cluster = Object.hasOwn(clusters, id) ? clusters[id] : undefined
        if (cluster === undefined) throw unknownCluster(context, id)
        return answer(context, { cluster })
      },
    },
  ]
}

/** Clusters named to somebody who asked for an unknown one. */
const CLUSTERS_NAMED_MAX = 50

export function unknownCluster({ views }: MonitorContext, id: string): RequestRefusal {
  return new RequestRefusal(404, `Cluster ${id} not found`, Object.keys(views.clusters()).slice(0, CLUSTERS_NAMED_MAX))
}

function federationHealth({ clock, views }: MonitorContext): FederationHealth {
  const { correlation_metrics: correlation, overall_health: overall } = views.unified()
  const counts = clusterCounts(views.clusters())
  const connections = views.connections()
  return {
    overall_status: overall.status,
    health_score: overall.health_score,
    total_clusters: counts.total,
    healthy_clusters: counts.healthy,
    degraded_clusters: counts.degraded,
    critical_clusters: counts.critical,
    unavailable_clusters: counts.unavailable,
    connection_health: {
      total_connections: connections.total_connections,
      active_connections: connections.active_connections,
      success_rate_percent: connections.connection_success_rate,
    },
    performance: {
      cross_cluster_latency_p95_ms: correlation.cross_cluster_latency_p95_ms,
      federation_mode: views.identity().federation_mode,
    },
    last_updated: clock.wall(),
  }
}

function healthSummary({ views }: MonitorContext): HealthSummary {
  const { overall_health: overall } = views.unified()
  const clusters = views.clusters()
  const connections = views.connections()
  return {
    overall: { health_score: overall.health_score, status: overall.status, federation_mode: views.identity().federation_mode },
    cluster_counts: clusterCounts(clusters),
    connections: {
      total: connections.total_connections,
      active: connections.active_connections,
      success_rate_percent: connections.connection_success_rate,
    },
    cluster_details: clusters,
  }
}

function clusterCounts(clusters: Readonly<Record<string, ClusterHealth>>): { total: number } & Record<HealthStatus, number> {
  const counts = { total: 0, healthy: 0, degraded: 0, critical: 0, unavailable: 0 }
  for (const { status } of Object.values(clusters)) {
    counts.total++
    counts[status]++
  }
  return counts
}
