/** What this node does for nodes of other clusters: the operator's rules, applied to every request and message that comes in. */
import { type Clock, KeyedRateLimiter } from '../base/index.ts'
import type { Settings } from './settings/index.ts'

export type AdmissionRefusal = 'cluster_not_admitted' | 'function_blocked' | 'function_not_allowed' | 'rate_limited'

export interface Admission {
  /** Why a request of a cluster is not served; undefined when it is. Null is a request that does not say where it comes from. */
  requestRefusal(sourceCluster: string | null, command: string): AdmissionRefusal | undefined
  admits(sourceCluster: string | null): boolean
  snapshot(): Readonly<Record<AdmissionRefusal, number>>
}

/** Clusters whose rate is kept track of. */
const CLUSTERS_MAX = 10_000

export function createAdmission(
  clock: Clock,
  { clusterId, federationConfig }: Pick<Settings, 'clusterId' | 'federationConfig'>,
  allowsCluster: (clusterId: string) => boolean,
  /** @param command empty for a message that is no request */
  onRefused: (reason: AdmissionRefusal, cluster: string, command: string) => void = () => {},
): Admission {
  const { allowedFunctionsCrossFederation, blockedFunctionsCrossFederation, maxCrossFederationRequestsPerMinute } =
    federationConfig.securityPolicy
  const blocked = new Set(blockedFunctionsCrossFederation)
  const allowed = new Set(allowedFunctionsCrossFederation)
  const perMinute = maxCrossFederationRequestsPerMinute
  const rates =
    perMinute === null ? undefined : new KeyedRateLimiter(clock, { ratePerSecond: perMinute / 60, burst: perMinute, keysMax: CLUSTERS_MAX })
  const refused: Record<AdmissionRefusal, number> = {
    cluster_not_admitted: 0,
    function_blocked: 0,
    function_not_allowed: 0,
    rate_limited: 0,
  }

  const isOwn = (cluster: string | null): cluster is null => cluster === null || cluster === clusterId

  function decide(cluster: string, command: string): AdmissionRefusal | undefined {
    if (!allowsCluster(cluster)) return 'cluster_not_admitted'
    if (blocked.has(command)) return 'function_blocked'
    if (allowed.size > 0 && !allowed.has(command)) return 'function_not_allowed'
    return rates?.tryTake(cluster) === false ? 'rate_limited' : undefined
  }

  return {
    requestRefusal(cluster, command) {
      if (isOwn(cluster)) return undefined
      const refusal = decide(cluster, command)
      if (refusal === undefined) return undefined
      refused[refusal]++
      onRefused(refusal, cluster, command)
      return refusal
    },
    admits(cluster) {
      if (isOwn(cluster) || allowsCluster(cluster)) return true
      refused.cluster_not_admitted++
      onRefused('cluster_not_admitted', cluster, '')
      return false
    },
    snapshot: () => ({ ...refused }),
  }
}
