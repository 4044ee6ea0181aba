/**
 * Takes measurements into the graph: every few seconds each source is asked for what it has.
 *
 * A measurement counts once, while it is young and certain enough. Those of an edge are smoothed by the graph; the health of a node replaces
 * what was known, and so does its load, each without touching the other. A round costs as much as there are samples.
 */
import { BoundedQueue, type Cancel, type Env } from '../../../base/index.ts'
import { type CollectorStatus, errorLine, METRIC_KINDS, type MetricKind, SAMPLE_REFUSALS, type SampleRefusal } from '../../../wire/index.ts'
import { COLLECTION_INTERVAL_MS, SAMPLE_AGE_MAX_MS, SAMPLE_CONFIDENCE_MIN, SAMPLES_KEPT } from './constants.ts'
import type { EdgeSample } from './elements.ts'
import type { FederationGraph } from './federation-graph.ts'

/** Latency and jitter in ms, bandwidth in Mbps, the rest from 0 to 1. */
export interface MetricSample {
  readonly kind: MetricKind
  readonly sourceId: string
  /** The other end of the edge; null: of the node itself, which has `health` and `utilization`. */
  readonly targetId: string | null
  readonly value: number
  /** Monotonic. */
  readonly measuredAtMs: number
  /** 0 to 1. */
  readonly confidence: number
}

/** Something that measures. */
export interface MetricSource {
  readonly name: string
  /** What it knows now; what it said before may be among it. */
  samples(): Iterable<MetricSample>
}

export interface MetricCollector {
  start(): void
  stop(): void
  /** One round. */
  collect(): void
  status(): CollectorStatus
}

interface History {
  readonly samples: BoundedQueue<MetricSample>
  /** When the latest of each kind was measured. */
  readonly latestMs: Partial<Record<MetricKind, number>>
}

const EDGE_METRICS: Readonly<Partial<Record<MetricKind, keyof EdgeSample>>> = {
  latency: 'latencyMs',
  utilization: 'currentUtilization',
  packet_loss: 'packetLossRate',
  jitter: 'jitterMs',
  bandwidth: 'bandwidthMbps',
}
const UNBOUNDED: ReadonlySet<MetricKind> = new Set(['latency', 'jitter', 'bandwidth'])

export function createMetricCollector(
  { env, graph }: { readonly env: Env; readonly graph: FederationGraph },
  sources: readonly MetricSource[],
): MetricCollector {
  const { clock, timers } = env
  const log = env.log.scope('fabric.federation')
  /** By node, and by edge. */
  const histories = new Map<string, History>()
  const refused = zeros(SAMPLE_REFUSALS)
  const failing = new Set<string>()
  let cancel: Cancel | undefined
  let lastAt: number | null = null
  let collected = 0
  let taken = 0
  let errors = 0

  function collect(): void {
    lastAt = clock.wall()
    for (const source of sources) {
      try {
        for (const sample of source.samples()) take(sample)
        failing.delete(source.name)
      } catch (error) {
        errors++
        // Once for every row of failures.
        if (!failing.has(source.name)) log.warn(`Graph metrics: ${source.name} could not be read: ${errorLine(error)}`)
        failing.add(source.name)
      }
    }
    forgetTheGone()
  }

  function take(sample: MetricSample): void {
    const { kind, measuredAtMs, sourceId, targetId } = sample
    const key = keyOf(sourceId, targetId)
    const known = histories.get(key)
    if (measuredAtMs <= (known?.latestMs[kind] ?? Number.NEGATIVE_INFINITY)) return
    collected++
    const refusal = refusalOf(sample)
    if (refusal !== undefined) {
      refused[refusal]++
      return
    }
    if (!apply(sample)) {
      refused.unknown_element++
      return
    }
    taken++
    const history = known ?? { samples: new BoundedQueue({ capacity: SAMPLES_KEPT, whenFull: 'drop-oldest' }), latestMs: {} }
    if (known === undefined) histories.set(key, history)
    history.samples.push(sample)
    history.latestMs[kind] = measuredAtMs
  }

  function refusalOf({ confidence, kind, measuredAtMs, value }: MetricSample): SampleRefusal | undefined {
    if (clock.monotonic() - measuredAtMs > SAMPLE_AGE_MAX_MS) return 'too_old'
    if (!(confidence >= SAMPLE_CONFIDENCE_MIN)) return 'too_uncertain'
    const valueMax = UNBOUNDED.has(kind) ? Number.MAX_VALUE : 1
    return value >= 0 && value <= valueMax ? undefined : 'out_of_range'
  }

  function apply({ kind, sourceId, targetId, value }: MetricSample): boolean {
    if (targetId !== null) {
      const metric = EDGE_METRICS[kind]
      return metric !== undefined && graph.updateEdge(sourceId, targetId, { [metric]: value })
    }
    if (kind === 'health') return graph.updateNode(sourceId, { healthScore: value })
    const node = kind === 'utilization' ? graph.node(sourceId) : undefined
    return node !== undefined && graph.updateNode(sourceId, { currentLoad: value * node.maxCapacity })
  }

  function forgetTheGone(): void {
    for (const key of histories.keys()) {
      const [a, b] = key.split('\0') as [string, string?]
      const isThere = b === undefined ? graph.node(a) !== undefined : graph.edge(a, b) !== undefined
      if (!isThere) histories.delete(key)
    }
  }

  return {
    start() {
      cancel ??= timers.every(COLLECTION_INTERVAL_MS, collect)
    },
    stop() {
      cancel?.()
      cancel = undefined
    },
    collect,

    status() {
      const youngMs = clock.monotonic() - SAMPLE_AGE_MAX_MS
      const recent = zeros(METRIC_KINDS)
      let stored = 0
      for (const { samples } of histories.values()) {
        stored += samples.length
        for (const { kind, measuredAtMs } of samples) if (measuredAtMs >= youngMs) recent[kind]++
      }
      return {
        collection_status: {
          is_collecting: cancel !== undefined,
          last_collection: lastAt,
          collection_interval: COLLECTION_INTERVAL_MS / 1000,
          active_collectors: sources.length,
        },
        metrics_statistics: {
          total_collected: collected,
          update_successes: taken,
          collection_errors: errors,
          success_rate: taken / Math.max(1, collected),
          error_rate: errors / Math.max(1, collected + errors),
          stored_metrics: stored,
          refused_by_reason: { ...refused },
        },
        recent_metrics_by_type: recent,
      }
    },
  }
}

/** An edge has one key, whichever end is named first: the graph takes its samples into both directions. */
function keyOf(sourceId: string, targetId: string | null): string {
  if (targetId === null) return sourceId
  return sourceId < targetId ? `${sourceId}\0${targetId}` : `${targetId}\0${sourceId}`
}

function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>
}
