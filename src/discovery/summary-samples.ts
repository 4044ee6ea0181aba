/** Entries and summaries for tests: valid, short to write, of `ws://n1` in cluster `moss` unless they say otherwise. */
import type { FunctionEntry, Message, NodeEntry, ServiceSummary } from '../wire/index.ts'

export const N1 = 'ws://n1:1'
export const N2 = 'ws://n2:1'

const shared = { node_id: N1, cluster_id: 'moss', scope: 'zone', tags: [], advertised_at: 100, ttl_seconds: 120 } as const

export function functionSample(name: string, more: Partial<FunctionEntry> = {}): FunctionEntry {
  return { identity: { name, function_id: name, version: '1.0.0' }, resources: [], ...shared, ...more }
}

export function nodeSample(node_id: string, more: Partial<NodeEntry> = {}): NodeEntry {
  return { resources: [], capabilities: ['rpc'], transport_endpoints: [], ...shared, node_id, ...more }
}

export function summarySample(service_id: string, more: Partial<ServiceSummary> = {}): ServiceSummary {
  return {
    namespace: service_id.slice(0, service_id.lastIndexOf('.')),
    service_id,
    regions: ['eu'],
    endpoint_count: 1,
    health_band: 'healthy',
    latency_band_ms: [0, 0],
    ttl_seconds: 120,
    generated_at: 100,
    source_cluster: 'moss',
    ...more,
  }
}

/** What is in a message. */
export function payloadOf({ text }: Message): Record<string, unknown> {
  return (JSON.parse(text) as { readonly payload: Record<string, unknown> }).payload
}
