/**
 * Headers of a fabric message on its way: the nodes and clusters it has passed, and how many hops it may take.
 *
 * A node that finds itself in the path has had the message: it is not passed on. The budget is a limit on the length of the path and is
 * never decremented; the smaller of what the message and what this node allow counts.
 */
import { type FabricHeaders, RawJson } from '../../wire/index.ts'

export interface HeaderPlace {
  readonly nodeId: string
  readonly clusterId: string
  /** Most hops this node lets a message take. */
  readonly hopsMax: number
}

export type HeaderRefusal = 'loop' | 'hop_budget'

const NO_METADATA = new RawJson('{}')

/** Of a message that sets out here. */
export function originHeaders(
  { nodeId, clusterId, hopsMax }: HeaderPlace,
  correlationId: string,
  given: Partial<Pick<FabricHeaders, 'target_cluster' | 'federation_path' | 'metadata'>> = {},
): FabricHeaders {
  return {
    correlation_id: correlationId,
    source_cluster: clusterId,
    target_cluster: given.target_cluster ?? null,
    routing_path: [nodeId],
    federation_path: given.federation_path ?? [clusterId],
    hop_budget: hopsMax,
    priority: 'normal',
    metadata: given.metadata ?? NO_METADATA,
  }
}

/** Of a message that came in and goes on. */
export function nextHeaders({ nodeId, clusterId, hopsMax }: HeaderPlace, inbound: FabricHeaders): FabricHeaders | HeaderRefusal {
  if (inbound.routing_path.includes(nodeId)) return 'loop'
  const hop_budget = Math.min(inbound.hop_budget ?? hopsMax, hopsMax)
  const routing_path = [...inbound.routing_path, nodeId]
  if (routing_path.length - 1 > hop_budget) return 'hop_budget'
  const federation_path = inbound.federation_path.at(-1) === clusterId ? inbound.federation_path : [...inbound.federation_path, clusterId]
  return { ...inbound, hop_budget, routing_path, federation_path, source_cluster: inbound.source_cluster ?? clusterId }
}
