/**
 * The health of transport endpoints as it is reported, and what all of them together say of the transport as a system.
 */
import type { EndpointHealthSnapshot } from '../../transport/index.ts'
import type { TransportHealthSnapshot } from '../../wire/index.ts'
import type { SystemFacts } from './overall-health.ts'

export function transportHealthSnapshot(health: EndpointHealthSnapshot): TransportHealthSnapshot {
  return {
    endpoint: health.endpoint,
    overall_health_score: health.health_score,
    active_connections: health.active_connections,
    total_connections: health.total_connections,
    healthy_connections: health.healthy_connections,
    degraded_connections: health.degraded_connections,
    failed_connections: health.failed_connections,
    average_response_time_ms: health.average_latency_ms,
    total_operations_last_hour: health.total_operations_last_hour,
    error_rate_percent: health.error_rate_percent,
    last_health_check: health.last_health_check,
  }
}

/** Weighted by operations of the last hour. Endpoints without operations have nothing to say, but they are there. */
export function transportFacts(snapshots: Readonly<Record<string, TransportHealthSnapshot>>): SystemFacts {
  let operations = 0
  let errors = 0
  let latency = 0
  for (const each of Object.values(snapshots)) {
    operations += each.total_operations_last_hour
    errors += each.error_rate_percent * each.total_operations_last_hour
    latency += each.average_response_time_ms * each.total_operations_last_hour
  }
  return operations === 0
    ? { error_rate_percent: 0, latency_ms: 0 }
    : { error_rate_percent: errors / operations, latency_ms: latency / operations }
}
