/**
 * Service summaries, worked out from what the catalog holds: one for each function and cluster, without the functions nodes have by themselves.
 *
 * Regions are those of the hosting nodes. Health and latency are this node's own view of them: what failure detection and their last status
 * say, and the round trips it has measured. What it has no word of counts as healthy, since an entry whose node is gone leaves the catalog.
 */
import { compareCodePoints, type FunctionEntry, type HealthBand, namespaceOf, type Scope, type ServiceSummary } from '../wire/index.ts'

/** This node's word on another one. */
export type NodeHealth = 'up' | 'doubtful' | 'down'

export interface HostingNodes {
  /** Empty when it is not known. */
  regionOf(nodeId: string): string
  healthOf(nodeId: string): NodeHealth
  /** Undefined when none was measured. */
  roundTripMs(nodeId: string): number | undefined
}

export interface SummaryInit {
  /** Unix seconds. */
  readonly now: number
  readonly ttlSeconds: number
  readonly scope: Scope | undefined
  policyVersion(namespace: string): string | undefined
}

/** @param functions only those that may be told of */
export function summarise(functions: Iterable<FunctionEntry>, nodes: HostingNodes, init: SummaryInit): ServiceSummary[] {
  const services = new Map<string, FunctionEntry[]>()
  for (const entry of functions) {
    const key = JSON.stringify([entry.identity.name, entry.cluster_id])
    const endpoints = services.get(key)
    if (endpoints === undefined) services.set(key, [entry])
    else endpoints.push(entry)
  }
  return Array.from(services.values(), (endpoints) => summaryOf(endpoints, nodes, init))
}

function summaryOf(endpoints: readonly FunctionEntry[], nodes: HostingNodes, init: SummaryInit): ServiceSummary {
  const [{ cluster_id, identity }] = endpoints as [FunctionEntry]
  const hosts = [...new Set(endpoints.map(({ node_id }) => node_id))]
  const namespace = summaryNamespace(identity.name)
  const policyVersion = init.policyVersion(namespace)
  return {
    namespace,
    service_id: identity.name,
    regions: [...new Set(hosts.map(nodes.regionOf))].filter((region) => region !== '').sort(compareCodePoints),
    endpoint_count: endpoints.length,
    health_band: healthBand(hosts.map(nodes.healthOf)),
    latency_band_ms: latencyBand(hosts.map(nodes.roundTripMs)),
    ttl_seconds: init.ttlSeconds,
    generated_at: init.now,
    ...(init.scope !== undefined && { scope: init.scope }),
    ...(policyVersion !== undefined && { policy_version: policyVersion }),
    source_cluster: cluster_id,
  }
}

/** A name without a dot is a namespace of its own. */
export function summaryNamespace(functionName: string): string {
  return namespaceOf(functionName) || functionName
}

/** Healthy when all are up, critical when none is. */
export function healthBand(hosts: readonly NodeHealth[]): HealthBand {
  if (hosts.every((health) => health === 'up')) return 'healthy'
  return hosts.every((health) => health === 'down') ? 'critical' : 'degraded'
}

/** Bounds of the series 1, 2, 5, 10, 20 …: a band that moved with every measurement would be a change every time it is exported. */
export function latencyBand(roundTrips: readonly (number | undefined)[]): readonly [number, number] {
  const measured = roundTrips.filter((ms) => ms !== undefined)
  if (measured.length === 0) return [0, 0]
  return [stepBelow(Math.min(...measured)), stepAbove(Math.max(...measured))]
}

/** Between any two nodes of the world it takes less. */
const STEPS_MS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000]

function stepBelow(ms: number): number {
  return STEPS_MS.findLast((step) => step <= ms) ?? 0
}

function stepAbove(ms: number): number {
  return STEPS_MS.find((step) => step >= ms) ?? Math.ceil(ms)
}
