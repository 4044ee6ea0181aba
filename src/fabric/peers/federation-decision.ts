/**
 * Which clusters and nodes this node talks to: one decision with its reason, taken before a stranger becomes a peer and before a foreign
 * node is dialed.
 */

export type FederationMode = 'strict_isolation' | 'explicit_bridging' | 'permissive_bridging'

/** What the operator configured; the settings' federation structure fits. */
export interface FederationPolicy {
  readonly federationMode: FederationMode
  /** Clusters admitted under `explicit_bridging` without a bridge of their own. */
  readonly allowedForeignClusterIds: readonly string[]
  readonly explicitBridges: readonly FederationBridge[]
  /** Log rejected connections at WARNING; default true. */
  readonly logConnectionRejections?: boolean
  /** Log accepted foreign connections at INFO; default true. */
  readonly logCrossFederationAttempts?: boolean
  /** Under `permissive_bridging`, log them at WARNING instead; default false. */
  readonly logCrossFederationWarnings?: boolean
}

export interface FederationBridge {
  readonly remoteClusterId: string
  /** Node ids admitted over the bridge; empty: every node of the cluster. */
  readonly allowedRemoteNodes: readonly string[]
}

export const STRICT_ISOLATION: FederationPolicy = {
  federationMode: 'strict_isolation',
  allowedForeignClusterIds: [],
  explicitBridges: [],
}

export type FederationVerdict = 'authorized' | 'authorized_with_warning' | 'rejected_cluster_mismatch' | 'rejected_not_allowed'

export type FederationReason =
  | 'same_cluster'
  | 'strict_isolation'
  | 'permissive_mode'
  | 'bridge_admits_cluster'
  | 'bridge_lists_node'
  | 'bridge_lists_other_nodes'
  | 'cluster_listed'
  | 'cluster_not_listed'

export interface FederationDecision {
  readonly verdict: FederationVerdict
  readonly allowed: boolean
  /** What settled it. */
  readonly reason: FederationReason
  /** What a refused peer is told, word for word; empty when it is allowed. */
  readonly message: string
}

/**
 * @param remoteNode node id of the peer; without one a bridge that lists nodes admits the cluster
 */
export function decideFederation(
  policy: FederationPolicy,
  localCluster: string,
  remoteCluster: string,
  remoteNode?: string,
): FederationDecision {
  if (remoteCluster === localCluster) return authorized('same_cluster')
  switch (policy.federationMode) {
    case 'strict_isolation':
      return {
        verdict: 'rejected_cluster_mismatch',
        allowed: false,
        reason: 'strict_isolation',
        message: `Connection rejected: cluster_id mismatch. Local: ${localCluster}, Remote: ${remoteCluster}. Cross-federation connections not allowed in current federation mode.`,
      }
    case 'permissive_bridging':
      return { verdict: 'authorized_with_warning', allowed: true, reason: 'permissive_mode', message: '' }
    case 'explicit_bridging': {
      const bridge = policy.explicitBridges.find((each) => each.remoteClusterId === remoteCluster)
      if (bridge === undefined) {
        return policy.allowedForeignClusterIds.includes(remoteCluster)
          ? authorized('cluster_listed')
          : notAllowed(remoteCluster, 'cluster_not_listed')
      }
      if (bridge.allowedRemoteNodes.length === 0 || remoteNode === undefined) return authorized('bridge_admits_cluster')
      return bridge.allowedRemoteNodes.includes(remoteNode)
        ? authorized('bridge_lists_node')
        : notAllowed(remoteCluster, 'bridge_lists_other_nodes')
    }
  }
}

function authorized(reason: FederationReason): FederationDecision {
  return { verdict: 'authorized', allowed: true, reason, message: '' }
}

function notAllowed(remoteCluster: string, reason: FederationReason): FederationDecision {
  const message = `Connection rejected: cluster '${remoteCluster}' not in allowed foreign clusters list.`
  return { verdict: 'rejected_not_allowed', allowed: false, reason, message }
}
