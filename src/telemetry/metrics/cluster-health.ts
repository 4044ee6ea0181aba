/**
 * How every known cluster does, as this node sees it.
 *
 * A foreign cluster is judged by the links to its nodes. The own cluster is this node and its peers: it is there as long as this node is,
 * and losing the last peer makes it smaller, not unavailable.
 */
import type { ClusterHealth, ConnectionMetrics, HealthStatus } from '../../wire/index.ts'
import { CLUSTER_CRITICAL, CLUSTER_DEGRADED } from './constants.ts'
import type { FederationLink } from './federation-links.ts'

/** @param nowS Unix seconds: this node's own heartbeat */
export function clusterHealthMap(
  links: readonly FederationLink[],
  localClusterId: string,
  nowS: number,
): Readonly<Record<string, ClusterHealth>> {
  const byCluster = Map.groupBy(links, (link) => link.remote_cluster_id)
  const own = byCluster.get(localClusterId) ?? []
  const map: Record<string, ClusterHealth> = { [localClusterId]: clusterHealth(localClusterId, own, nowS) }
  for (const [clusterId, list] of byCluster) if (clusterId !== localClusterId) map[clusterId] = clusterHealth(clusterId, list)
  return map
}

/** @param selfHeardAt given for the own cluster: this node counts as one more that answers */
function clusterHealth(clusterId: string, links: readonly FederationLink[], selfHeardAt?: number): ClusterHealth {
  const rates = links.map((link) => link.success_rate)
  if (selfHeardAt !== undefined) rates.push(1)
  const score = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  return {
    cluster_id: clusterId,
    status: statusOfRate(score),
    health_score: score,
    node_count: rates.length,
    active_connections: links.filter((link) => link.is_healthy).length,
    last_heartbeat: Math.max(selfHeardAt ?? 0, ...links.map((link) => link.last_health_check_at)),
  }
}

export function statusOfRate(rate: number): HealthStatus {
  return rate >= CLUSTER_DEGRADED ? 'healthy' : rate >= CLUSTER_CRITICAL ? 'degraded' : 'critical'
}

/** Mean success rate of links in percent; 100 without any. */
export function successRatePercent(links: readonly FederationLink[]): number {
  return links.length === 0 ? 100 : (100 * links.reduce((sum, link) => sum + link.success_rate, 0)) / links.length
}

export function connectionMetrics(links: readonly FederationLink[]): ConnectionMetrics {
  const roundTrips = links.map((link) => link.round_trip_ms).filter((ms) => ms !== null)
  const byCluster: Record<string, number> = {}
  for (const link of links) byCluster[link.remote_cluster_id] = (byCluster[link.remote_cluster_id] ?? 0) + 1
  return {
    total_connections: links.length,
    active_connections: links.filter((link) => link.is_healthy).length,
    connection_success_rate: successRatePercent(links),
    average_connection_latency_ms: roundTrips.length === 0 ? null : roundTrips.reduce((sum, ms) => sum + ms, 0) / roundTrips.length,
    connections_by_cluster: byCluster,
  }
}
