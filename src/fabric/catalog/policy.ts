/**
 * What this node lets into its catalog.
 *
 * Clusters are the trust boundary: an entry of a cluster that is not allowed never gets in, and removals of its keys are not carried out.
 * Function lists concern foreign clusters only; what the own cluster offers is not the business of a federation policy.
 */
import type { FunctionEntry } from '../../wire/index.ts'
import type { CatalogEntry, CatalogKind } from './kinds.ts'

export type PolicyRefusal =
  | 'cluster_not_allowed'
  | 'node_not_allowed'
  | 'function_blocked'
  | 'function_not_allowed'
  /** The cluster may not announce in that namespace. */
  | 'namespace_denied'

export interface CatalogPolicy {
  allowsCluster(clusterId: string): boolean
  /** Why nothing of a node is wanted; undefined when it is welcome. */
  nodeRefusal(nodeId: string, clusterId: string, instanceId?: string): PolicyRefusal | undefined
  /** Why an entry is not wanted; undefined when it is welcome. */
  refusal(kind: CatalogKind, entry: CatalogEntry): PolicyRefusal | undefined
}

export interface CatalogPolicyOptions {
  readonly clusterId: string
  /** Besides the own cluster. */
  readonly allowedClusters: ReadonlySet<string> | 'any'
  /** Names of foreign functions; empty = all. */
  readonly allowedFunctions?: ReadonlySet<string>
  readonly blockedFunctions?: ReadonlySet<string>
  /** False for an entry of a foreign cluster in a namespace of others. When what is allowed changes: `Catalog.reviewPolicy`. */
  readonly allowsNamespace?: (kind: CatalogKind, entry: CatalogEntry) => boolean
  /** False for a node that is recorded as departed; another process of it, if that is known, is not. */
  readonly allowsNode?: (nodeId: string, clusterId: string, instanceId: string | undefined) => boolean
}

export function createCatalogPolicy(options: CatalogPolicyOptions): CatalogPolicy {
  const { clusterId: own, allowedClusters, allowedFunctions, allowsNamespace, blockedFunctions, allowsNode } = options

  const allowsCluster = (clusterId: string): boolean => clusterId === own || allowedClusters === 'any' || allowedClusters.has(clusterId)

  function nodeRefusal(nodeId: string, clusterId: string, instanceId?: string): PolicyRefusal | undefined {
    if (!allowsCluster(clusterId)) return 'cluster_not_allowed'
    if (allowsNode !== undefined && !allowsNode(nodeId, clusterId, instanceId)) return 'node_not_allowed'
    return undefined
  }

  return {
    allowsCluster,
    nodeRefusal,
    refusal(kind, entry) {
      const refused = nodeRefusal(entry.node_id, entry.cluster_id)
      if (refused !== undefined || entry.cluster_id === own) return refused
      if (allowsNamespace?.(kind, entry) === false) return 'namespace_denied'
      if (kind !== 'functions') return undefined
      const { name } = (entry as FunctionEntry).identity
      if (blockedFunctions?.has(name) === true) return 'function_blocked'
      if (allowedFunctions !== undefined && allowedFunctions.size > 0 && !allowedFunctions.has(name)) return 'function_not_allowed'
      return undefined
    },
  }
}
