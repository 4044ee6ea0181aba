/**
 * Looks whether a cluster is there: connects to its server and asks who belongs to it, and asks its monitoring service, if one is known,
 * how it feels. Every figure is one that was measured or received.
 */
import { type Client, connect } from '../client-node.ts'
import { objectAt, textAt } from './json-value.ts'
import { createMonitorClient, type MonitorClient } from './monitor-client.ts'
import type { RegisteredCluster } from './registry-file.ts'

export interface ClusterProbe {
  readonly status: 'healthy' | 'degraded' | 'unhealthy'
  readonly server_url: string
  readonly bridge_url: string
  readonly region: string
  readonly server: ServerProbe
  /** Null when no monitoring URL is known. */
  readonly monitoring: MonitoringProbe | null
  /** What its monitoring service answered to /health/summary; null without one. */
  readonly health_summary: unknown
}

export interface ServerProbe {
  readonly reachable: boolean
  /** Of the connection and the answer together; null without an answer. */
  readonly latency_ms: number | null
  /** The cluster the server says it belongs to. */
  readonly cluster_id: string | null
  /** Nodes of that cluster that the server knows, itself included. */
  readonly node_count: number | null
  readonly error: string | null
}

export interface MonitoringProbe {
  readonly url: string
  readonly reachable: boolean
  readonly latency_ms: number | null
  readonly status: string | null
  readonly health_score: number | null
  readonly error: string | null
}

export interface ProbeOptions {
  readonly token?: string | undefined
  readonly timeoutMs: number
}

export async function probeCluster(cluster: RegisteredCluster, options: ProbeOptions): Promise<ClusterProbe> {
  const { bridge_url, monitoring_url, region, server_url } = cluster
  const [server, { probe: monitoring, summary }] = await Promise.all([
    probeServer(server_url, options.timeoutMs),
    monitoring_url === undefined
      ? { probe: null, summary: null }
      : probeMonitoring(createMonitorClient({ url: monitoring_url, ...options })),
  ])
  const isOther = server.cluster_id !== null && server.cluster_id !== cluster.cluster_id
  const judged = isOther
    ? { ...server, error: `the server belongs to the cluster '${server.cluster_id}', not to '${cluster.cluster_id}'` }
    : server
  return { status: verdict(judged, monitoring), server_url, bridge_url, region, server: judged, monitoring, health_summary: summary }
}

/** A server that is away is unhealthy, whatever a monitoring service that still runs says of it. */
function verdict(server: ServerProbe, monitoring: MonitoringProbe | null): ClusterProbe['status'] {
  if (!server.reachable || server.error !== null) return 'unhealthy'
  if (monitoring === null) return 'healthy'
  if (!monitoring.reachable) return 'degraded'
  if (monitoring.status === 'healthy') return 'healthy'
  return monitoring.status === 'degraded' || monitoring.status === null ? 'degraded' : 'unhealthy'
}

export async function probeServer(url: string, timeoutMs: number): Promise<ServerProbe> {
  const started = performance.now()
  let client: Client | undefined
  try {
    client = await connect({ url, reconnect: false, timeoutMs, connectTimeoutMs: timeoutMs })
    const map = objectAt(await client.call('cluster_map'))
    return {
      reachable: true,
      latency_ms: performance.now() - started,
      cluster_id: textAt(map, 'cluster_id') ?? null,
      node_count: Array.isArray(map.nodes) ? map.nodes.length : null,
      error: null,
    }
  } catch (error) {
    return { reachable: client !== undefined, latency_ms: null, cluster_id: null, node_count: null, error: firstLine(error) }
  } finally {
    await client?.close()
  }
}

async function probeMonitoring(client: MonitorClient): Promise<{ probe: MonitoringProbe; summary: unknown }> {
  const { url } = client
  try {
    const { body, latencyMs, status } = await client.getJson('/health/summary')
    const { health_score, status: health } = objectAt(body, 'health_summary', 'overall')
    const isAnswer = status === 200
    return {
      summary: body.health_summary ?? null,
      probe: {
        url,
        reachable: isAnswer,
        latency_ms: latencyMs,
        status: typeof health === 'string' ? health : null,
        health_score: typeof health_score === 'number' ? health_score : null,
        error: isAnswer ? null : `answered ${status}: ${textAt(body, 'message') ?? 'no reason given'}`,
      },
    }
  } catch (error) {
    const text = firstLine(error).replace(/^Error: /, '')
    return { summary: null, probe: { url, reachable: false, latency_ms: null, status: null, health_score: null, error: text } }
  }
}

function firstLine(error: unknown): string {
  const { code, message = String(error) } = error as { code?: unknown; message?: string }
  return (message || String(code ?? error)).split('\n', 1)[0] ?? ''
}
