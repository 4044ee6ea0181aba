/** Entries and summaries for tests: valid, short to write, of `ws://n1` in cluster `moss` unless they say otherwise. */
import type { FunctionEntry, Message, NodeEntry, ServiceSummary } from '../wire/index.ts'
import { entry, functionEntry } from './sample-world.ts'

export const N1 = 'ws://n1:1'
export const N2 = 'ws://n2:1'

/** When samples were announced, Unix seconds. */
const ANNOUNCED_AT = 100

export function functionSample(name: string, more: Partial<FunctionEntry> = {}): FunctionEntry {
  return functionEntry(name, { advertised_at: ANNOUNCED_AT, ...more })
}

export function nodeSample(node_id: string, more: Partial<NodeEntry> = {}): NodeEntry {
  return entry('nodes', { node_id, capabilities: ['rpc'], advertised_at: ANNOUNCED_AT, ...more })
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
    generated_at: ANNOUNCED_AT,
    source_cluster: 'moss',
    ...more,
  }
}

/** What is in a message. */
export function payloadOf({ text }: Message): Record<string, unknown> {
  return (JSON.parse(text) as { readonly payload: Record<string, unknown> }).payload
}
