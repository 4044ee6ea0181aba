/** Ingress: by which nodes a request gets into a cluster. */
import {
  compareCodePoints,
  encodeJson,
  type NodeEntry,
  type QueryFields,
  queryList,
  queryScope,
  queryText,
  type Scope,
  scopeRank,
} from '../wire/index.ts'
import { hasAll } from './question.ts'

export interface IngressQuery {
  /** Nodes that are visible that far go first; all others only where they are not asked for strictly. */
  readonly scope: Scope | undefined
  /** No node at all rather than one that is not visible so far. */
  readonly isStrict: boolean
  /** All of them must be offered. */
  readonly capabilities: readonly string[]
  readonly tags: readonly string[]
  /** URLs; infinite: all. */
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

/** @param scope of the query the ways in go with: a preference, where the request names no scope for them. @throws QueryError */
export function ingressQuery(request: QueryFields, scope: Scope | undefined): IngressQuery {
  const explicit = queryScope(request.ingress_scope)
  const limit = queryText(request.ingress_limit) === '' ? Number.NaN : Number(request.ingress_limit)
  return {
    scope: explicit ?? (scope === 'region' || scope === 'global' ? scope : undefined),
    isStrict: explicit !== undefined,
    capabilities: queryList(request.ingress_capabilities),
    tags: queryList(request.ingress_tags),
    limit: Number.isFinite(limit) ? Math.max(1, Math.trunc(limit)) : Number.POSITIVE_INFINITY,
  }
}

/** @param nodes of the cluster. @param urlsOf by which a node can be reached; none for one that is gone */
export function ingressOf(nodes: readonly NodeEntry[], urlsOf: (nodeId: string) => readonly string[], query: IngressQuery): Ingress {
  const { capabilities, isStrict, limit, scope, tags } = query
  const preferred = scope === undefined ? nodes : nodes.filter((node) => scopeRank(node.scope) >= scopeRank(scope))
  if (preferred.length === 0 && isStrict) return { urls: [], nodeCount: 0, result: 'empty', reason: 'strict_scope_no_match' }
  const fitting = (preferred.length > 0 ? preferred : nodes)
    .filter((node) => hasAll(capabilities, node.capabilities) && hasAll(tags, node.tags))
    .sort((a, b) => compareCodePoints(a.node_id, b.node_id))
  const urls = [...new Set(fitting.flatMap(({ node_id }) => urlsOf(node_id)))]
  if (urls.length === 0) return { urls, nodeCount: 0, result: 'empty', reason: 'no_nodes_after_filters' }
  return { urls: urls.slice(0, limit), nodeCount: fitting.length, result: urls.length > limit ? 'limited' : 'ok' }
}

/** What the lines of MPREG_DEBUG_SUMMARY_INGRESS tell of a look-up, before and after it. */
export function lookupStart(cluster: string, { capabilities, isStrict, limit, scope, tags }: IngressQuery): string {
  const asked = `scope=${scope ?? 'None'} scope_strict=${isStrict ? 'True' : 'False'} capabilities=${encodeJson(capabilities)} tags=${encodeJson(tags)}`
  return `action=ingress_lookup_start cluster=${cluster} ${asked} limit=${Number.isFinite(limit) ? limit : 'None'}`
}

export function lookupEnd(cluster: string, { nodeCount, reason, result, urls }: Ingress): string {
  const outcome = `action=ingress_lookup_end cluster=${cluster} result=${result}`
  if (result === 'empty') return `${outcome} reason=${reason}`
  return `${outcome} urls=${encodeJson(urls)}${result === 'ok' ? ` node_count=${nodeCount}` : ''}`
}
