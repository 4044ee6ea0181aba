import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import { COLLECTION_INTERVAL_MS, SAMPLE_AGE_MAX_MS, SAMPLES_KEPT } from './constants.ts'
import { createFederationGraph } from './federation-graph.ts'
import { createMetricCollector, type MetricSample } from './metric-collector.ts'

function collecting() {
  const env = createVirtualEnv({ seed: 1 })
  const graph = createFederationGraph(env.clock, { livenessMs: Number.POSITIVE_INFINITY })
  graph.addNode({ nodeId: 'a' })
  graph.addNode({ nodeId: 'b', currentLoad: 100, processingLatencyMs: 7 })
  graph.addEdge('a', 'b', { latencyMs: 5, bandwidthMbps: 1_000, reliabilityScore: 1 })
  let said: readonly Partial<MetricSample>[] = []
  let fails = false
  const source = {
    name: 'test',
    samples() {
      if (fails) throw new Error('the instrument is broken')
      const now = { kind: 'latency', sourceId: 'a', targetId: 'b', value: 10, measuredAtMs: env.clock.monotonic(), confidence: 1 } as const
      return said.map((sample): MetricSample => ({ ...now, ...sample }))
    },
  }
  const collector = createMetricCollector({ env, graph }, [source])
  return {
    env,
    graph,
    collector,
    say(...samples: readonly Partial<MetricSample>[]) {
      said = samples
      collector.collect()
    },
    fail() {
      fails = true
      collector.collect()
      fails = false
    },
    counts: () => collector.status().metrics_statistics,
  }
}

describe('measurements', () => {
  it('of an edge replace what was assumed, and are smoothed after that, in both directions', async () => {
    const { env, graph, say } = collecting()
    say({ value: 10 })
    expect(graph.edge('b', 'a')).toMatchObject({ latencyMs: 10 })
    await env.advance(1)
    say({ value: 20 }, { kind: 'packet_loss', value: 0.05 }, { kind: 'jitter', value: 2 }, { kind: 'bandwidth', value: 300 })
    expect(graph.edge('a', 'b')).toMatchObject({ latencyMs: 13, packetLossRate: 0.05, jitterMs: 2, bandwidthMbps: 300 })
  })

  it('of the health of a node leave its load and its latency as they were, and the other way round', () => {
    const { graph, say } = collecting()
    say({ kind: 'health', sourceId: 'b', targetId: null, value: 0.7 })
    expect(graph.node('b')).toMatchObject({ healthScore: 0.7, currentLoad: 100, processingLatencyMs: 7 })
    say({ kind: 'utilization', sourceId: 'b', targetId: null, value: 0.95 })
    expect(graph.node('b')).toMatchObject({ healthScore: 0.7, currentLoad: 950 })
  })

  it('count once, however often they are told', async () => {
    const { collector, counts, env, graph, say } = collecting()
    say({ value: 10, measuredAtMs: 0 })
    await env.advance(1)
    say({ value: 99, measuredAtMs: 0 })
    expect(counts()).toMatchObject({ total_collected: 1, update_successes: 1, stored_metrics: 1, success_rate: 1 })
    expect(graph.edge('a', 'b')?.sampleCount).toBe(1)
    expect(collector.status().recent_metrics_by_type).toMatchObject({ latency: 1, health: 0 })
  })

  it('are refused, and counted by the reason, when they are old, uncertain, senseless or of nothing that is known', async () => {
    const { counts, env, graph, say } = collecting()
    await env.advance(SAMPLE_AGE_MAX_MS + 1)
    say({ measuredAtMs: 0 })
    say({ confidence: 0.69 }, { kind: 'jitter', value: Number.NaN }, { kind: 'packet_loss', value: 1.1 }, { targetId: 'z' })
    say({ kind: 'jitter', targetId: null }, { kind: 'health', value: 1 })
    expect(counts().refused_by_reason).toEqual({ too_old: 1, too_uncertain: 1, out_of_range: 2, unknown_element: 3 })
    expect(counts()).toMatchObject({ total_collected: 7, update_successes: 0, success_rate: 0 })
    expect(graph.edge('a', 'b')).toMatchObject({ latencyMs: 5, sampleCount: 0 })
    say({ measuredAtMs: 1 }, { confidence: 0.7, kind: 'jitter' })
    expect(counts().update_successes).toBe(2)
  })

  it('are kept to a number for each edge, and as long as the edge is there', async () => {
    const { collector, counts, env, graph, say } = collecting()
    for (let round = 0; round <= SAMPLES_KEPT; round++) {
      await env.advance(1)
      say({})
    }
    expect(counts()).toMatchObject({ stored_metrics: SAMPLES_KEPT, total_collected: SAMPLES_KEPT + 1 })
    await env.advance(SAMPLE_AGE_MAX_MS + 1)
    expect(collector.status().recent_metrics_by_type.latency).toBe(0)
    graph.removeEdge('a', 'b')
    say()
    expect(counts().stored_metrics).toBe(0)
  })

  it('are asked for every five seconds, and a source that fails costs nothing but its own round', async () => {
    const { collector, counts, env, fail, say } = collecting()
    fail()
    expect(counts()).toMatchObject({ collection_errors: 1, error_rate: 1 })
    say({})
    expect(counts()).toMatchObject({ update_successes: 1, error_rate: 0.5 })
    expect(collector.status().collection_status).toMatchObject({ is_collecting: false, collection_interval: 5, active_collectors: 1 })
    collector.start()
    await env.advance(2 * COLLECTION_INTERVAL_MS)
    expect(counts().update_successes).toBe(3)
    collector.stop()
    await env.advance(COLLECTION_INTERVAL_MS)
    expect(counts().update_successes).toBe(3)
  })
})
