/** What all routes answer from: the node's views, the service's own figures, and what may stand for a moment. */
import type { Clock, Histogram } from '../base/index.ts'
import type { MonitoringEndpoint } from '../wire/index.ts'
import { type MeasuredGraph, measured } from './topology.ts'
import type { MonitorViews } from './views.ts'

export interface MonitorContext {
  readonly views: MonitorViews
  readonly clock: Clock
  /** The port really bound. */
  port(): number
  /** All routes, in the order of the index. */
  index(): readonly MonitoringEndpoint[]
  graph(): MeasuredGraph
  /** Durations of answers in milliseconds, by route pattern: as many as there are routes. */
  readonly requests: ReadonlyMap<string, Histogram>
  /** The OpenAPI document as JSON text. */
  openapi(): string
}

/** How long the measures of the graph stand. Dashboards ask four topology paths at once. */
const GRAPH_STANDS_MS = 1_000

/** Measures the graph at most once a second, however often it is asked for. */
export function graphOf(views: MonitorViews, clock: Clock): () => MeasuredGraph {
  let standing: MeasuredGraph | undefined
  let untilMs = 0
  return () => {
    const nowMs = clock.monotonic()
    if (standing === undefined || nowMs >= untilMs) {
      standing = measured(views.graph(), clock.wall(), views.federation?.())
      untilMs = nowMs + GRAPH_STANDS_MS
    }
    return standing
  }
}
