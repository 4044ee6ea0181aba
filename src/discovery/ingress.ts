/** Ingress: by which nodes a request gets into a cluster. */
import { compareCodePoints, type NodeEntry, type Scope, scopeRank } from '../wire/index.ts'

export interface IngressQuery {
  /** Nodes that are visible that far go first; all others only where they are not asked for strictly. */
  readonly scope: Scope | undefined
  /** No node at all rather than one that is not visible so far. */
  readonly isStrict: boolean
  /** All of them must be offered. */
  readonly capabilities: readonly string[]
  readonly tags: readonly string[]
  /** URLs. */
  readonly limit: number
}

export interface Ingress {
  readonly urls: readonly string[]
  /** Nodes they are of. */
  readonly nodeCount: number
  readonly result: 'ok' | 'limited' | 'empty'
  /** Why there are none. */
  readonly reason?: 'strict_scope_no_match' | 'no_nodes_after_filters'
}

/** @param nodes of the cluster. @param urlsOf by which a node can be reached; none for one that is gone */
export function ingressOf(nodes: readonly NodeEntry[], urlsOf: (nodeId: string) => readonly string[], query: IngressQuery): Ingress {
  const { capabilities, isStrict, limit, scope, tags } = query
  const preferred = scope === undefined ? nodes : nodes.filter((node) => scopeRank(node.scope) >= scopeRank(scope))
  if (preferred.length === 0 && isStrict) return { urls: [], nodeCount: 0, result: 'empty', reason: 'strict_scope_no_match' }
  const fitting = (preferred.length > 0 ? preferred : nodes)
    .filter(
      (node) => capabilities.every((capability) => node.capabilities.includes(capability)) && tags.every((tag) => node.tags.includes(tag)),
    )
    .sort((a, b) => compareCodePoints(a.node_id, b.node_id))
  const urls = [...new Set(fitting.flatMap(({ node_id }) => urlsOf(node_id)))]
  if (urls.length === 0) return { urls, nodeCount: 0, result: 'empty', reason: 'no_nodes_after_filters' }
  return { urls: urls.slice(0, limit), nodeCount: fitting.length, result: urls.length > limit ? 'limited' : 'ok' }
}
