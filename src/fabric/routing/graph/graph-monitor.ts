/**
 * Watches over the graph of clusters while the node runs: measurements go in (metric-collector.ts), paths that no longer hold go out
 * (path-invalidation.ts), and what is weak becomes a suggestion (graph-optimizer.ts).
 */
import type { Env } from '../../../base/index.ts'
import type { ClusterGraph, ClusterLink, ClusterNode, GraphMonitorStatus, GraphSuggestion } from '../../../wire/index.ts'
import { type GraphEdge, type MeasuredMetric, nodeUtilization } from './elements.ts'
import type { FederationGraph } from './federation-graph.ts'
import { createGraphOptimizer, type KnownGraph } from './graph-optimizer.ts'
import { createMetricCollector, type MetricSource } from './metric-collector.ts'
import type { PathInvalidation } from './path-invalidation.ts'
import type { PathRouter } from './path-router.ts'

export interface GraphMonitor {
  start(): void
  stop(): void
  snapshot(): GraphMonitorSnapshot
}

export interface GraphMonitorSnapshot {
  /** The widest graph there is, with what was measured of it. */
  readonly graph: ClusterGraph
  /** For that graph, the most urgent first. */
  readonly suggestions: readonly GraphSuggestion[]
  readonly status: GraphMonitorStatus
}

/** A graph with the router that finds paths through it. */
export interface RoutedGraph extends KnownGraph {
  readonly paths: Pick<PathRouter, 'statistics'>
}

export interface GraphMonitorDeps {
  readonly env: Env
  /** What is measured. */
  readonly graph: FederationGraph
  /** Of the router over it. */
  readonly invalidation: PathInvalidation
  readonly sources: readonly MetricSource[]
  /** The most complete graph there is at present, in which weak places are looked for. */
  widest(): RoutedGraph
}

export function createGraphMonitor({ env, graph, invalidation, sources, widest }: GraphMonitorDeps): GraphMonitor {
  const { clock } = env
  const collector = createMetricCollector({ env, graph }, sources)
  const optimizer = createGraphOptimizer(env, widest)
  let startedAt: number | null = null
  let startedMs = 0
  let running = false

  function picture(): ClusterGraph {
    const { graph: shown, isWhollyKnown } = widest()
    return {
      clusters: Array.from(
        shown.nodes(),
        (node): ClusterNode => ({
          cluster_id: node.nodeId,
          healthy: shown.isHealthy(node.nodeId),
          health_score: node.healthScore,
          utilization: nodeUtilization(node),
          links_known: isWhollyKnown(node.nodeId),
        }),
      ),
      links: Array.from(shown.edges())
        // The other direction has the same samples.
        .filter(({ sourceId, targetId }) => sourceId < targetId)
        // Of its own links this node knows more than is told of them.
        .map((edge) => linkOf(graph.edge(edge.sourceId, edge.targetId) ?? edge, shown.isUsable(edge.sourceId, edge.targetId))),
    }
  }

  function status(): GraphMonitorStatus {
    return {
      monitoring_status: {
        is_monitoring: running,
        uptime_seconds: running ? (clock.monotonic() - startedMs) / 1000 : 0,
        start_time: startedAt,
      },
      metrics_collector: collector.status(),
      cache_manager: invalidation.status(),
      optimizer: optimizer.status(),
      graph_statistics: widest().paths.statistics().graph_statistics,
    }
  }

  return {
    start() {
      running = true
      startedAt = clock.wall()
      startedMs = clock.monotonic()
      collector.start()
      optimizer.start()
    },
    stop() {
      running = false
      collector.stop()
      optimizer.stop()
    },

    snapshot() {
      // First: what is suggested for the graph as it is now counts in the status.
      const suggestions = optimizer.suggestions()
      return { graph: picture(), suggestions, status: status() }
    },
  }
}

function linkOf(edge: GraphEdge, usable: boolean): ClusterLink {
  const measured = (metric: MeasuredMetric): number | null => (edge.measured.has(metric) ? edge[metric] : null)
  return {
    source: edge.sourceId,
    target: edge.targetId,
    usable,
    latency_ms: measured('latencyMs'),
    jitter_ms: measured('jitterMs'),
    packet_loss: measured('packetLossRate'),
    utilization: measured('currentUtilization'),
    samples: edge.sampleCount,
  }
}
