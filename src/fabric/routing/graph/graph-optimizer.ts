/**
 * What would make the graph of clusters stronger: suggestions for an operator. Nothing here carries one out.
 *
 * Of a cluster whose links are not all known nothing is said that one more link would refute. Articulation points are found by Tarjan's
 * algorithm; a look costs O(nodes + edges), some milliseconds for a thousand clusters.
 */
import { adjacencyLists, articulation, type Cancel, type Env } from '../../../base/index.ts'
import {
  compareCodePoints,
  type GraphSuggestion,
  type OptimizerStatus,
  SUGGESTION_TYPES,
  type SuggestionType,
} from '../../../wire/index.ts'
import { EDGE_CROWDED, NODE_CROWDED, OPTIMIZATION_INTERVAL_MS, SUGGESTIONS_MAX } from './constants.ts'
import { nodeUtilization } from './elements.ts'
import type { FederationGraph } from './federation-graph.ts'

/** A graph as far as this node knows it. */
export interface KnownGraph {
  readonly graph: FederationGraph
  /** Whether no link of the node can be missing from the graph. */
  isWhollyKnown(nodeId: string): boolean
}

export interface GraphOptimizer {
  start(): void
  stop(): void
  /** For the graph as it is now, the most urgent first. */
  suggestions(): readonly GraphSuggestion[]
  status(): OptimizerStatus
}

/** How urgent suggestions of a kind are, what they bring and what they cost: the protocol's grades. */
const GRADES: Readonly<Record<SuggestionType, Pick<GraphSuggestion, 'priority' | 'estimated_improvement' | 'implementation_cost'>>> = {
  add_redundant_connection: { priority: 1, estimated_improvement: 0.3, implementation_cost: 0.1 },
  add_parallel_connection: { priority: 2, estimated_improvement: 0.2, implementation_cost: 0.2 },
  load_balancing: { priority: 1, estimated_improvement: 0.4, implementation_cost: 0.3 },
  add_redundancy: { priority: 1, estimated_improvement: 0.5, implementation_cost: 0.4 },
}

/** Every suggestion for the graph, by priority and then in the order of names. */
export function suggestionsFor({ graph, isWhollyKnown }: KnownGraph): GraphSuggestion[] {
  const suggestions: GraphSuggestion[] = []
  const suggest = (optimization_type: SuggestionType, description: string, ...affected_nodes: readonly string[]): void => {
    suggestions.push({ optimization_type, ...GRADES[optimization_type], description, affected_nodes })
  }
  const nodes = [...graph.nodes()].sort((a, b) => compareCodePoints(a.nodeId, b.nodeId))
  // Two clusters can not be joined by more than one edge.
  const neighborsWanted = Math.min(2, nodes.length - 1)
  for (const node of nodes) {
    const { nodeId } = node
    const neighbors = [...graph.neighborsOf(nodeId)]
    if (neighbors.length < neighborsWanted && isWhollyKnown(nodeId)) {
      const only = neighbors[0] === undefined ? 'has no link to any other cluster' : `has a link to ${neighbors[0]} and to no other cluster`
      suggest('add_redundant_connection', `${nodeId} ${only}: link it to another one.`, nodeId)
    }
    const load = nodeUtilization(node)
    if (load > NODE_CROWDED)
      suggest('load_balancing', `${nodeId} is at ${percent(load)} of its capacity: move or add work elsewhere.`, nodeId)
    for (const neighbor of neighbors) {
      const use = nodeId < neighbor ? useOf(graph, nodeId, neighbor) : 0
      if (use > EDGE_CROWDED) {
        suggest(
          'add_parallel_connection',
          `The link between ${nodeId} and ${neighbor} is at ${percent(use)} of its capacity: link more of their nodes.`,
          nodeId,
          neighbor,
        )
      }
    }
  }
  const ids = nodes.map(({ nodeId }) => nodeId)
  // While links may be missing, any of them could lead around.
  const splitting = ids.every(isWhollyKnown) ? singlePointsOfFailure(graph, ids) : []
  for (const nodeId of splitting) {
    suggest('add_redundancy', `Losing ${nodeId} would cut clusters off from each other: add a link around it.`, nodeId)
  }
  return suggestions.sort((a, b) => a.priority - b.priority)
}

function singlePointsOfFailure(graph: FederationGraph, ids: readonly string[]): string[] {
  const { points } = articulation(adjacencyLists(ids, edgesOf(graph, ids)).neighbors)
  return ids.filter((_, at) => points.has(at))
}

function* edgesOf(graph: FederationGraph, ids: readonly string[]): Generator<readonly [string, string]> {
  for (const id of ids) for (const neighbor of graph.neighborsOf(id)) if (id < neighbor) yield [id, neighbor]
}

/** Of the direction that is used more. */
function useOf(graph: FederationGraph, a: string, b: string): number {
  return Math.max(graph.edge(a, b)?.currentUtilization ?? 0, graph.edge(b, a)?.currentUtilization ?? 0)
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`
}

/** @param known the graph to look at; may be another one each time */
export function createGraphOptimizer({ clock, log, timers }: Env, known: () => KnownGraph): GraphOptimizer {
  const scope = log.scope('fabric.federation')
  const byType = Object.fromEntries(SUGGESTION_TYPES.map((type) => [type, 0])) as Record<SuggestionType, number>
  let cancel: Cancel | undefined
  let lastAt: number | null = null
  let current: readonly GraphSuggestion[] = []
  let total = 0
  let seen: { readonly graph: FederationGraph; readonly version: number } | undefined

  /** Looks again if the graph has changed; a suggestion is counted when it was not made the time before. */
  function look(): void {
    const { graph, isWhollyKnown } = known()
    lastAt = clock.wall()
    seen = { graph, version: graph.version }
    const before = new Set(current.map(identityOf))
    const found = suggestionsFor({ graph, isWhollyKnown })
    for (const suggestion of found) {
      if (before.has(identityOf(suggestion))) continue
      total++
      byType[suggestion.optimization_type]++
      if (scope.debugOn) scope.debug(`suggestion ${suggestion.optimization_type}: ${suggestion.description}`)
    }
    if (found.length > SUGGESTIONS_MAX) scope.warn(`${found.length} suggestions for the graph of clusters; ${SUGGESTIONS_MAX} are kept`)
    current = found.slice(0, SUGGESTIONS_MAX)
  }

  return {
    start() {
      cancel ??= timers.every(OPTIMIZATION_INTERVAL_MS, look)
    },
    stop() {
      cancel?.()
      cancel = undefined
    },

    suggestions() {
      const { graph } = known()
      if (seen?.graph !== graph || seen.version !== graph.version) look()
      return current
    },

    status: () => ({
      optimization_status: {
        is_optimizing: cancel !== undefined,
        last_optimization: lastAt,
        optimization_interval: OPTIMIZATION_INTERVAL_MS / 1000,
      },
      optimization_history: { total_optimizations: total, optimizations_by_type: { ...byType } },
      current_suggestions: current.length,
      suggestions_by_priority: Object.fromEntries(
        [1, 2, 3].map((priority) => [priority, current.filter((suggestion) => suggestion.priority === priority).length]),
      ),
    }),
  }
}

function identityOf({ affected_nodes, optimization_type }: GraphSuggestion): string {
  return [optimization_type, ...affected_nodes].join('\0')
}
