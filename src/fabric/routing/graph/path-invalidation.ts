/**
 * Which of the paths kept have to go when the graph changes a little all the time.
 *
 * A change counts when it is significant against what the paths were found with, not against the measurement before: many small steps come to
 * a large one. Of what got worse, only the paths that use it go (conservative). What got better may also help others: those that cost more than
 * it does, and those that did not exist. An aggressive cache drops everything; an adaptive one is conservative until changes come in crowds.
 *
 * A conservative look costs O(paths kept · hops). What is not significant stays wrong by that much until the path's time in the cache is over.
 */
import type { Clock } from '../../../base/index.ts'
import { type CacheManagerStatus, INVALIDATION_REASONS, type InvalidationReason, type InvalidationStrategy } from '../../../wire/index.ts'
import { CACHE_LOOKS_MAX, COLLECTION_INTERVAL_MS, SIGNIFICANT_CHANGE } from './constants.ts'
import type { EdgeState, FederationGraph, GraphChange, NodeState } from './federation-graph.ts'
import type { PathCache } from './path-cache.ts'
import type { CheapestPath } from './shortest-path.ts'

export interface PathInvalidation {
  status(): CacheManagerStatus
}

/** A change that matters, with its size where it has one. */
export interface SignificantChange {
  readonly reason: InvalidationReason
  readonly size: number | undefined
}

/** Undefined: nobody needs to look again. */
function significantEdgeChange(before: EdgeState | undefined, after: EdgeState | undefined): SignificantChange | undefined {
  if (before === undefined) return { reason: 'edge_added', size: undefined }
  if (after === undefined) return { reason: 'edge_removed', size: undefined }
  if (!before.usable && !after.usable) return undefined
  const { edge: old } = before
  const { edge: now } = after
  const latency = Math.abs(now.latencyMs - old.latencyMs) / Math.max(1, old.latencyMs)
  if (latency > SIGNIFICANT_CHANGE.latency) return { reason: 'edge_latency_change', size: latency }
  const utilization = Math.abs(now.currentUtilization - old.currentUtilization)
  if (utilization > SIGNIFICANT_CHANGE.utilization) return { reason: 'edge_utilization_change', size: utilization }
  const reliability = Math.abs(now.reliabilityScore - old.reliabilityScore)
  if (reliability > SIGNIFICANT_CHANGE.reliability) return { reason: 'edge_reliability_change', size: reliability }
  return before.usable === after.usable ? undefined : { reason: 'edge_usability_change', size: undefined }
}

function significantNodeChange(before: NodeState, after: NodeState): SignificantChange | undefined {
  if (!before.usable && !after.usable) return undefined
  const health = Math.abs(after.node.healthScore - before.node.healthScore)
  if (health > SIGNIFICANT_CHANGE.health) return { reason: 'node_health_change', size: health }
  if (before.usable !== after.usable) return { reason: 'node_healthiness_change', size: undefined }
  const load = Math.abs(after.node.currentLoad - before.node.currentLoad) / Math.max(1, before.node.maxCapacity)
  return load > SIGNIFICANT_CHANGE.load ? { reason: 'node_load_change', size: load } : undefined
}

export function createPathInvalidation(
  { cache, clock, graph }: { readonly cache: PathCache; readonly clock: Clock; readonly graph: FederationGraph },
  strategy: InvalidationStrategy,
): PathInvalidation {
  /** What the paths were found with, of all that has changed since. As many as the graph has nodes and edges. */
  const nodesThen = new Map<string, NodeState>()
  const edgesThen = new Map<string, EdgeState>()
  const byReason = Object.fromEntries(INVALIDATION_REASONS.map((reason) => [reason, 0])) as Record<InvalidationReason, number>
  let triggered = 0
  let dropped = 0
  let lastReason: string | null = null
  let looks = 0
  let looksSinceMs = Number.NEGATIVE_INFINITY

  graph.observe((change) => {
    if (change.kind === 'node') nodeChanged(change)
    else edgeChanged(change)
  })

  function nodeChanged({ before: last, after }: GraphChange & { readonly kind: 'node' }): void {
    const { nodeId } = last.node
    if (after === undefined) {
      nodesThen.delete(nodeId)
      return
    }
    const before = nodesThen.get(nodeId) ?? last
    const significant = significantNodeChange(before, after)
    nodesThen.set(nodeId, significant === undefined ? before : after)
    if (significant === undefined) return
    note(significant)
    const isWorse = hasWorsened(before, after)
    invalidate((found) => (found === null ? !isWorse : !isWorse || found.path.includes(nodeId)))
  }

  function edgeChanged({ before: last, after }: GraphChange & { readonly kind: 'edge' }): void {
    const edge = (after ?? last)?.edge
    if (edge === undefined) return
    const { sourceId, targetId } = edge
    const key = `${sourceId}\0${targetId}`
    const before = edgesThen.get(key) ?? last
    const significant = significantEdgeChange(before, after)
    if (after === undefined) edgesThen.delete(key)
    else edgesThen.set(key, significant === undefined ? (before as EdgeState) : after)
    if (significant === undefined) return
    note(significant)
    // A node's weight comes on top: no path over the edge costs less than the edge.
    const helpsAbove = hasWorsened(before, after) ? Number.POSITIVE_INFINITY : (after?.weight ?? 0)
    invalidate((found) => (found === null ? Number.isFinite(helpsAbove) : found.cost > helpsAbove || leadsOver(found, sourceId, targetId)))
  }

  function note({ reason, size }: SignificantChange): void {
    triggered++
    byReason[reason]++
    lastReason = size === undefined ? reason : `${reason}_${size.toFixed(2)}`
  }

  function invalidate(isOutdated: (found: CheapestPath | null) => boolean): void {
    dropped += isCrowded() ? cache.clear() : cache.drop(isOutdated)
  }

  function isCrowded(): boolean {
    if (strategy !== 'adaptive') return strategy === 'aggressive'
    const now = clock.monotonic()
    if (now - looksSinceMs >= COLLECTION_INTERVAL_MS) {
      looksSinceMs = now
      looks = 0
    }
    return ++looks > CACHE_LOOKS_MAX
  }

  return {
    status: () => ({
      invalidation_strategy: strategy,
      invalidations_triggered: triggered,
      invalidations_by_reason: { ...byReason },
      last_reason: lastReason,
      paths_dropped: dropped,
      thresholds: {
        latency_change: SIGNIFICANT_CHANGE.latency,
        utilization_change: SIGNIFICANT_CHANGE.utilization,
        reliability_change: SIGNIFICANT_CHANGE.reliability,
        health_change: SIGNIFICANT_CHANGE.health,
        load_change: SIGNIFICANT_CHANGE.load,
      },
    }),
  }
}

type State = Pick<NodeState, 'usable' | 'weight'>

function hasWorsened(before: State | undefined, after: State | undefined): boolean {
  if (after === undefined) return true
  if (before === undefined) return false
  return before.usable === after.usable ? after.weight > before.weight : before.usable
}

function leadsOver({ path }: CheapestPath, sourceId: string, targetId: string): boolean {
  const at = path.indexOf(sourceId)
  return at !== -1 && path[at + 1] === targetId
}
