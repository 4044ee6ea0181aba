/** A route as the table keeps it. */
import type { RouteMetrics } from '../../../wire/index.ts'

export interface Route {
  /** Cluster that is reached. */
  readonly destination: string
  /** Clusters from the local one to the destination, both included. */
  readonly path: readonly string[]
  /** The neighbouring cluster it leaves through: the second of the path. */
  readonly nextHop: string
  /** From here to the destination. */
  readonly metrics: RouteMetrics
  /** The neighbouring cluster that offers it. */
  readonly advertiser: string
  /** The cluster that told it: the advertiser, or the local cluster when a sibling node did. */
  readonly learnedFrom: string
  /** The sibling node it leaves through; undefined when this node has a link to the next hop itself. */
  readonly via: string | undefined
  /** The node whose message it is; empty once its link is gone while others to its cluster remain. */
  readonly source: string
  /** Unix seconds by the advertiser's clock: orders its messages, decides no lifetime. */
  readonly advertisedAt: number
  /** How long it lives from its receipt, capped. */
  readonly ttlSeconds: number
  readonly epoch: number
  readonly tags: readonly string[]
  /** Monotonic milliseconds. */
  readonly receivedMs: number
  readonly expiresMs: number
  /** By the table's policy; lower is better. */
  readonly score: number
}

export function isExpired(route: Pick<Route, 'expiresMs'>, nowMs: number): boolean {
  return nowMs > route.expiresMs
}

/** Who answers for it being here: the neighbouring cluster, or the sibling node. */
export function teacherOf(route: Pick<Route, 'learnedFrom' | 'via'>): string {
  return route.via ?? route.learnedFrom
}

export function samePath(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false
  return true
}

/** Traffic takes the same way, whatever the age and the metrics of the two. */
export function sameWay(a: Route, b: Route): boolean {
  return a.advertiser === b.advertiser && a.nextHop === b.nextHop && a.via === b.via && samePath(a.path, b.path)
}

export function crosses(path: readonly string[], clusters: readonly string[]): boolean {
  for (let i = 0; i < clusters.length; i++) if (path.includes(clusters[i] as string)) return true
  return false
}
