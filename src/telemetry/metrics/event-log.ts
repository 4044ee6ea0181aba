/**
 * The history of events across systems: a chain for each correlation id, a timeline for each tracking id, and what is running now.
 *
 * Everything is bounded by the ring of events and the size of each: chains and timelines only point at events in it, and lose those that fall out. Upkeep
 * (gossip, dials, health checks) has a smaller ring of its own. Under load only so many new chains a second are kept in detail; what is left
 * out is still counted. All counters are kept as events arrive; reading them scans nothing.
 *
 * @example
 * const events = createEventLog(env)
 * events.tell({ kind: 'request_start', id: u, system: 'rpc', subject: 'echo' })
 * events.tell({ kind: 'request_complete', id: u, system: 'rpc', latencyMs: 3, ok: true })
 * events.timeline(u)
 */
import { BoundedQueue, type Env } from '../../base/index.ts'
import type { EventSystem, MonitoringEvent, MonitoringEventType } from '../../wire/index.ts'
import {
  ACTIVE_CLEANUPS_MAX,
  ACTIVE_MAX,
  CHAINS_PER_SECOND_MAX,
  CLEANUP_INTERVAL_MS,
  EVENTS_MAX,
  EVENTS_PER_CHAIN_MAX,
  LEFT_OUT_MEMORY_MS,
  UPKEEP_CHAINS_PER_SECOND_MAX,
  UPKEEP_EVENTS_MAX,
} from './constants.ts'
import { type CorrelationCounts, createCorrelationCounts } from './correlation-counts.ts'
import { type CrossSystemEvent, type EventInput, eventInput } from './cross-system-event.ts'
import { keptId, keptMetadata, keptText, shortId } from './kept-text.ts'
import { createPairLatencies, type PairLatencies } from './pair-latencies.ts'
import { trackingId } from './tracking-id.ts'

/** Bounds, where others than those of a node are wanted. */
export interface EventLogOptions {
  readonly eventsMax?: number
  readonly upkeepEventsMax?: number
  readonly chainsPerSecondMax?: number
  readonly activeMax?: number
  /** Called before anything is counted up: who still has requests to tell of does it then. */
  readonly settle?: () => void
}

export interface EventLogSnapshot {
  readonly events: number
  readonly events_max: number
  readonly upkeep_events: number
  readonly upkeep_events_max: number
  readonly chains: number
  readonly timelines: number
  readonly active_correlations: number
  readonly active_tracking_ids: number
  readonly active_max: number
  readonly events_total: number
  /** Fell out of a ring, or of a chain that had grown too long. */
  readonly events_dropped: number
  /** Counted but never kept, because too many new chains came within a second. */
  readonly events_left_out: number
  /** Started, and forgotten before they completed: too many, or too old. */
  readonly active_dropped: number
}

export interface EventLog {
  /** Records what happened; returns the tracking id. */
  tell(event: CrossSystemEvent): string
  /**
   * A request that has ended: its start and its completion at once, as two {@link tell}s, but for next to nothing while new
   * stories are left out.
   */
  answered(id: string, system: EventSystem, subject: string, latencyMs: number, nowMs: number, error?: string): void
  /** Whether a request that succeeded now, and began nothing else, is only counted: as one of {@link leftOut}, which may come later. */
  leavesOut(nowMs: number): boolean
  /** Requests that were {@link leavesOut left out}, by how long they took. */
  leftOut(latenciesMs: Float64Array, nowMs: number): void
  /** Whether events of a correlation id are kept. */
  isKept(correlationId: string): boolean
  /** Whether a new story would be kept now. */
  hasRoom(): boolean
  /** Records a ready-made event; returns the tracking id. */
  record(event: EventInput): string
  /** Events of a correlation id in the order they were recorded; empty when it is unknown. */
  timeline(correlationId: string): readonly MonitoringEvent[]
  trackingTimeline(id: string): readonly MonitoringEvent[]
  /** The events of a correlation id, or else of a tracking id, in the order of time. */
  story(id: string): readonly MonitoringEvent[]
  activeTrackingIds(): readonly string[]
  readonly activeCorrelations: number
  readonly counts: CorrelationCounts
  readonly pairs: PairLatencies
  /** Stops counting what runs for longer than five minutes as running. */
  sweep(): void
  snapshot(): EventLogSnapshot
}

interface Chain {
  readonly events: MonitoringEvent[]
  /** Part of somebody's request: it counts as a correlation. */
  counted: boolean
  failed: boolean
  /** Part of somebody's request that has not completed. */
  open: boolean
}

const UPKEEP_TYPES: ReadonlySet<MonitoringEventType> = new Set<MonitoringEventType>([
  'health_check',
  'performance_alert',
  'system_start',
  'system_stop',
])

export function createEventLog({ clock, random }: Pick<Env, 'clock' | 'random'>, options: EventLogOptions = {}): EventLog {
  const eventsMax = options.eventsMax ?? EVENTS_MAX
  const upkeepEventsMax = options.upkeepEventsMax ?? UPKEEP_EVENTS_MAX
  const activeMax = options.activeMax ?? ACTIVE_MAX
  const counts = createCorrelationCounts(clock, options.settle)
  const pairs = createPairLatencies()
  const chains = new Map<string, Chain>()
  const timelines = new Map<string, MonitoringEvent[]>()
  const activeCorrelations = new Map<string, number>()
  const activeTracking = new Map<string, number>()
  const events = new BoundedQueue<MonitoringEvent>({ capacity: eventsMax, whenFull: 'drop-oldest', onDrop: forget })
  const upkeepEvents = new BoundedQueue<MonitoringEvent>({ capacity: upkeepEventsMax, whenFull: 'drop-oldest', onDrop: forget })
  const admission = createAdmission(options.chainsPerSecondMax ?? CHAINS_PER_SECOND_MAX)
  const upkeepAdmission = createAdmission(UPKEEP_CHAINS_PER_SECOND_MAX)
  /** While there are none, nobody needs to look up whether the request that ends has a story: hashing its id costs more than all else. */
  let openChains = 0
  const one = new Float64Array(1)
  let total = 0
  let dropped = 0
  let leftOut = 0
  let activeDropped = 0

  function record(input: EventInput): string {
    const nowMs = clock.monotonic()
    const id = shortId(trackingId(random, input.tracking_id, input.existing_object_id))
    const correlationId = shortId(input.correlation_id)
    const latencyMs = input.latency_ms ?? 0
    const target = input.target_system ?? null
    const upkeep = input.upkeep === true || UPKEEP_TYPES.has(input.event_type)
    total++
    counts.count(input, upkeep, nowMs)
    if (target !== null && latencyMs > 0) pairs.record(input.source_system, target, latencyMs)
    if (input.event_type === 'request_start') start(correlationId, id, nowMs)
    else if (input.event_type === 'request_complete') {
      activeCorrelations.delete(correlationId)
      activeTracking.delete(id)
    }

    const chain = chains.get(correlationId)
    if (chain === undefined) {
      const isCompletion = input.event_type === 'request_complete'
      if (!(upkeep ? upkeepAdmission : admission).admits(nowMs, isCompletion)) {
        leftOut++
        // A correlation that is left out is counted once: when it starts.
        if (!upkeep && input.event_type === 'request_start') counts.correlationSeen()
        return id
      }
    }
    keep(
      {
        tracking_id: keptId(id),
        correlation_id: keptId(correlationId),
        event_type: input.event_type,
        source_system: input.source_system,
        target_system: target,
        timestamp: input.timestamp ?? clock.wall(),
        latency_ms: latencyMs,
        success: input.success ?? true,
        metadata: keptMetadata(input.metadata ?? {}) as MonitoringEvent['metadata'],
        error_message: input.error_message ? keptText(input.error_message) : null,
      },
      chain,
      upkeep,
    )
    return id
  }

  function keep(event: MonitoringEvent, known: Chain | undefined, upkeep: boolean): void {
    let chain = known
    if (chain === undefined) {
      chain = { events: [], counted: false, failed: false, open: !upkeep }
      chains.set(event.correlation_id, chain)
      if (!upkeep) openChains++
    }
    if (chain.open && event.event_type === 'request_complete') {
      chain.open = false
      openChains--
    }
    if (!upkeep && !chain.counted) {
      chain.counted = true
      counts.correlationSeen()
      counts.chainKept(1)
      if (chain.failed) counts.chainFailed(1)
    }
    if (!event.success && !chain.failed) {
      chain.failed = true
      if (chain.counted) counts.chainFailed(1)
    }
    append(chain.events, event)
    let timeline = timelines.get(event.tracking_id)
    if (timeline === undefined) {
      timeline = []
      timelines.set(event.tracking_id, timeline)
    }
    append(timeline, event)
    ;(upkeep ? upkeepEvents : events).push(event)
  }

  function append(list: MonitoringEvent[], event: MonitoringEvent): void {
    list.push(event)
    if (list.length > EVENTS_PER_CHAIN_MAX) list.shift()
  }

  /** An event fell out of its ring: chain and timeline, where it is the oldest as a rule, let go of it too. */
  function forget(event: MonitoringEvent): void {
    dropped++
    const chain = chains.get(event.correlation_id)
    if (chain !== undefined) {
      remove(chain.events, event)
      if (chain.events.length === 0) {
        chains.delete(event.correlation_id)
        if (chain.open) openChains--
        if (chain.counted) {
          counts.chainKept(-1)
          if (chain.failed) counts.chainFailed(-1)
        }
      }
    }
    const timeline = timelines.get(event.tracking_id)
    if (timeline !== undefined) {
      remove(timeline, event)
      if (timeline.length === 0) timelines.delete(event.tracking_id)
    }
  }

  function start(correlationId: string, id: string, nowMs: number): void {
    activeCorrelations.set(keptId(correlationId), nowMs)
    activeTracking.set(keptId(id), nowMs)
    if (activeCorrelations.size > activeMax) dropOldest(activeCorrelations)
    if (activeTracking.size > activeMax) {
      dropOldest(activeTracking)
      activeDropped++
    }
  }

  function leavesOut(nowMs: number): boolean {
    if (openChains > 0 || admission.hasRoom(nowMs)) return false
    admission.leftOut()
    return true
  }

  function countLeftOut(latenciesMs: Float64Array, nowMs: number): void {
    // The start and the completion of each.
    total += 2 * latenciesMs.length
    leftOut += 2 * latenciesMs.length
    counts.requestsSeen(latenciesMs, nowMs)
  }

  function answered(id: string, system: EventSystem, subject: string, latencyMs: number, nowMs: number, error?: string): void {
    if (!admission.hasRoom(nowMs) && (openChains === 0 || !chains.has(shortId(id)))) {
      admission.leftOut()
      one[0] = latencyMs
      countLeftOut(one, nowMs)
      return
    }
    const timestamp = clock.wall() - latencyMs / 1000
    record({ ...eventInput({ kind: 'request_start', id, system, subject }), timestamp })
    const failed = error === undefined ? {} : { error }
    record(eventInput({ kind: 'request_complete', id, system, subject, latencyMs, ok: error === undefined, ...failed }))
  }

  return {
    answered,
    leavesOut,
    leftOut: countLeftOut,
    tell: (event) => record(eventInput(event)),
    record,
    isKept: (correlationId) => chains.has(shortId(correlationId)),
    hasRoom: () => admission.hasRoom(clock.monotonic()),
    timeline: (correlationId) => [...(chains.get(shortId(correlationId))?.events ?? [])],
    trackingTimeline: (id) => [...(timelines.get(shortId(id)) ?? [])],
    // A request is told of when it has ended, after what happened on its way.
    story(id) {
      const known = shortId(id)
      return [...(chains.get(known)?.events ?? timelines.get(known) ?? [])].sort((a, b) => a.timestamp - b.timestamp)
    },
    activeTrackingIds: () => [...activeTracking.keys()],
    get activeCorrelations() {
      return activeCorrelations.size
    },
    counts,
    pairs,
    sweep() {
      const sinceMs = clock.monotonic() - ACTIVE_CLEANUPS_MAX * CLEANUP_INTERVAL_MS
      dropBefore(activeCorrelations, sinceMs)
      activeDropped += dropBefore(activeTracking, sinceMs)
    },
    snapshot() {
      options.settle?.()
      return {
        events: events.length,
        events_max: eventsMax,
        upkeep_events: upkeepEvents.length,
        upkeep_events_max: upkeepEventsMax,
        chains: chains.size,
        timelines: timelines.size,
        active_correlations: activeCorrelations.size,
        active_tracking_ids: activeTracking.size,
        active_max: activeMax,
        events_total: total,
        events_dropped: dropped,
        events_left_out: leftOut,
        active_dropped: activeDropped,
      }
    },
  }
}

/** How many new chains a second may still be kept. */
function createAdmission(perSecondMax: number) {
  let second = Number.NEGATIVE_INFINITY
  let admitted = 0
  let leftOutAtMs = Number.NEGATIVE_INFINITY
  let fullUntilMs = Number.NEGATIVE_INFINITY
  return {
    hasRoom: (nowMs: number): boolean => nowMs >= fullUntilMs,
    /** A story was left out since there is no room, which there will be at the end of the second. */
    leftOut(): void {
      leftOutAtMs = fullUntilMs
    },
    /** A completion whose start was left out would make half a story, and take the place of a whole one. */
    admits(nowMs: number, isCompletion: boolean): boolean {
      if (isCompletion && nowMs - leftOutAtMs < LEFT_OUT_MEMORY_MS) return false
      const current = Math.floor(nowMs / 1000)
      if (current !== second) {
        second = current
        admitted = 0
      }
      if (admitted >= perSecondMax) {
        leftOutAtMs = nowMs
        return false
      }
      admitted++
      if (admitted === perSecondMax) fullUntilMs = (second + 1) * 1000
      return true
    },
  }
}

function remove(list: MonitoringEvent[], event: MonitoringEvent): void {
  if (list[0] === event) list.shift()
  else {
    const at = list.indexOf(event)
    if (at >= 0) list.splice(at, 1)
  }
}

function dropOldest(map: Map<string, number>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}

/** Entries stand in the order they were set: the scan ends at the first that is young enough. */
function dropBefore(map: Map<string, number>, sinceMs: number): number {
  let count = 0
  for (const [key, atMs] of map) {
    if (atMs >= sinceMs) break
    map.delete(key)
    count++
  }
  return count
}
