/** Which functions publish their whole specification to other nodes; the summary always travels. */
import { canonicalJson, namespaceMatches } from '../wire/index.ts'
import type { RpcSpec } from './spec.ts'

export interface SharePolicy {
  /** `full` lets specifications travel; anything else means summaries only. */
  readonly mode: string
  /** Namespaces or names whose specifications travel, each with everything below it; empty: all. */
  readonly namespaces: readonly string[]
  /** Largest specification that travels, bytes of its canonical text; null: any. */
  readonly bytesMax: number | null
}

export function sharesSpec(policy: SharePolicy, spec: RpcSpec): boolean {
  if (policy.mode !== 'full') return false
  const { namespaces, bytesMax } = policy
  const covered = (name: string) => namespaces.some((prefix) => namespaceMatches(prefix, name))
  if (namespaces.length > 0 && !covered(spec.namespace) && !covered(spec.identity.name)) return false
  return bytesMax === null || canonicalJson(spec).length <= bytesMax
}
