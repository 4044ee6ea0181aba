/** `cluster_map_v2`: nodes by scope, place and what they offer, page by page. */
import type { ClusterMap, MappedNode } from '../fabric/index.ts'
import { compareCodePoints, float, type NodeEntry, pageOf, queryList } from '../wire/index.ts'
import { type CatalogQueryDeps, isNodeNamed } from './catalog-query.ts'
import { areaOf, type Command, hasAll, isInArea, openQuestion, reaches } from './question.ts'

export interface ClusterMapDeps extends Omit<CatalogQueryDeps, 'policy'> {
  /** A node with what is known of its load; undefined when it is gone for good. */
  mapped(entry: NodeEntry): MappedNode | undefined
}

/** @throws QueryError for an unknown scope, RpcError 429 */
export function createClusterMapQuery(deps: ClusterMapDeps): Command {
  const { recall, source } = deps

  /** This node as it is now: what it last announced may be a moment old. */
  function nodes(): readonly NodeEntry[] {
    const listed = source.list('nodes')
    return source.includesSelf ? [...listed.filter(({ node_id }) => node_id !== deps.nodeId()), deps.ownNode()] : listed
  }

  return (request, caller): ClusterMap => {
    const counted = { command: 'cluster_map_v2', budget: 'cluster_map_v2', namespaceField: 'namespace_filter' }
    const { isOpen, namespace, viewer } = openQuestion(deps, counted, request, caller)
    const area = areaOf({ scope: request.scope, cluster_id: request.cluster_id })
    const resources = queryList(request.resources)
    const capabilities = queryList(request.capabilities)
    const key = JSON.stringify([area, namespace, resources, capabilities, viewer])
    const { generatedAt, items } = recall('cluster_map', key, () =>
      isOpen
        ? nodes()
            .filter(
              (entry) =>
                isInArea(area, entry, deps) &&
                reaches(entry.scope, area) &&
                hasAll(resources, entry.resources) &&
                hasAll(capabilities, entry.capabilities) &&
                isNodeNamed(namespace, entry) &&
                deps.mapped(entry) !== undefined,
            )
            .sort((a, b) => compareCodePoints(a.cluster_id, b.cluster_id) || compareCodePoints(a.node_id, b.node_id))
        : [],
    )
    const page = pageOf(items, request)
    return {
      cluster_id: deps.clusterId,
      generated_at: float(generatedAt),
      nodes: page.items.map((entry) => deps.mapped(source.announced(entry))).filter((node) => node !== undefined),
      ...(page.nextPageToken !== undefined && { next_page_token: page.nextPageToken }),
    }
  }
}
