/**
 * What happens across systems, as typed events, and the record each becomes.
 *
 * A caller says what happened in its own terms (a publication reached a subscriber, a peer was dialed); which systems that touches, and
 * what goes into the metadata, is decided here and nowhere else. `id` is the id of the request that everything of one story shares.
 */
import type { EventSystem, HealthStatus, MonitoringEventType } from '../../wire/index.ts'

interface Outcome {
  readonly latencyMs: number
  readonly ok: boolean
  readonly error?: string
}

export type CrossSystemEvent =
  /** `subject`: the command, topic or queue it is about. */
  | { readonly kind: 'request_start'; readonly id: string; readonly system: EventSystem; readonly subject?: string }
  | ({ readonly kind: 'request_complete'; readonly id: string; readonly system: EventSystem; readonly subject?: string } & Outcome)
  /** One level of a dependency graph has run. */
  | ({ readonly kind: 'dependency_resolved'; readonly id: string; readonly level: number; readonly commands: readonly string[] } & Outcome)
  /** A request went on to another node and was answered. `hopCount`: hops to where it ran, where the answer told; `foreign`: the node is of another cluster. */
  | ({
      readonly kind: 'hop'
      readonly id: string
      readonly system: EventSystem
      readonly targetNode: string
      readonly targetCluster: string
      readonly hopCount?: number
      readonly foreign: boolean
    } & Outcome)
  /** Something was published; `from` is the system that did, when it was not a client. */
  | ({
      readonly kind: 'publish'
      readonly id: string
      readonly topic: string
      readonly from?: EventSystem
      readonly subscribers: number
    } & Outcome)
  /** A message was put into a queue on behalf of another system. */
  | ({
      readonly kind: 'enqueue'
      readonly id: string
      readonly queue: string
      readonly messageId: string
      readonly from: EventSystem
    } & Outcome)
  | ({ readonly kind: 'dial'; readonly id: string; readonly url: string } & Outcome)
  | {
      readonly kind: 'route_change'
      readonly id: string
      readonly destination: string
      readonly nextHop: string | null
      readonly reason: string
    }
  | { readonly kind: 'circuit_breaker'; readonly id: string; readonly endpoint: string; readonly state: string }
  | {
      readonly kind: 'health_check'
      readonly id: string
      readonly system: EventSystem
      readonly score: number
      readonly status: HealthStatus
      readonly trackingId: string
    }
  | {
      readonly kind: 'performance_alert'
      readonly id: string
      readonly severity: string
      readonly metric: string
      readonly clusterId: string
      readonly message: string
    }
  | { readonly kind: 'system_start' | 'system_stop'; readonly id: string; readonly system: EventSystem }

/** What else is known of an event: values that JSON can hold. */
type Metadata = Readonly<Record<string, unknown>>

/** An event before it has its ids and its time. */
export interface EventInput {
  readonly correlation_id: string
  readonly event_type: MonitoringEventType
  readonly source_system: EventSystem
  readonly target_system?: EventSystem | null
  readonly latency_ms?: number
  readonly success?: boolean
  readonly metadata?: Metadata
  readonly error_message?: string | null
  readonly tracking_id?: string
  /** Unix seconds, when it was not now. */
  readonly timestamp?: number
  /** The id the object has anyway; taken as tracking id, without the blanks around it. */
  readonly existing_object_id?: string
  /**
   * The node's own upkeep rather than part of somebody's request: never counted as a correlation, and kept apart so that it can not push
   * requests out of the history.
   */
  readonly upkeep?: boolean
}

/** The record of an event; its tracking id is the id of its story. */
export function eventInput(event: CrossSystemEvent): EventInput {
  switch (event.kind) {
    case 'request_start':
    case 'request_complete':
      return request(event)
    case 'dependency_resolved':
      return { ...told(event, event.kind, 'rpc'), ...outcome(event), metadata: { level: event.level, commands: event.commands } }
    case 'hop':
      return {
        // Only what leaves the cluster is federation; a hop within it is the transport's.
        ...told(event, 'cross_system_correlation', event.system, event.foreign ? 'federation' : 'transport'),
        ...outcome(event),
        metadata: {
          kind: 'hop',
          ...(event.hopCount !== undefined && { hop_count: event.hopCount }),
          target_cluster: event.targetCluster,
          target_node: event.targetNode,
        },
      }
    case 'publish':
      return {
        ...(event.from === undefined
          ? told(event, 'cross_system_correlation', 'pubsub')
          : told(event, 'cross_system_correlation', event.from, 'pubsub')),
        ...outcome(event),
        metadata: { kind: 'publish', topic: event.topic, subscribers: event.subscribers },
      }
    case 'enqueue':
      return {
        ...told(event, 'cross_system_correlation', event.from, 'queue'),
        ...outcome(event),
        metadata: { kind: 'enqueue', queue: event.queue, message_id: event.messageId },
      }
    case 'dial':
      return { ...upkeep(event, 'cross_system_correlation', 'transport'), ...outcome(event), metadata: { kind: 'dial', url: event.url } }
    case 'route_change':
      return {
        ...upkeep(event, 'cross_system_correlation', 'federation'),
        metadata: { kind: 'route_change', destination: event.destination, next_hop: event.nextHop, reason: event.reason },
      }
    case 'circuit_breaker':
      return {
        ...upkeep(event, 'cross_system_correlation', 'transport'),
        success: event.state !== 'open',
        metadata: { circuit_breaker: event.state, endpoint: event.endpoint },
      }
    case 'health_check':
      return {
        ...upkeep(event, event.kind, event.system),
        tracking_id: event.trackingId,
        success: event.status === 'healthy' || event.status === 'degraded',
        metadata: { health_score: event.score, health_status: event.status },
      }
    case 'performance_alert':
      return {
        ...upkeep(event, event.kind, 'federation'),
        success: false,
        error_message: event.message,
        metadata: { severity: event.severity, metric: event.metric, cluster_id: event.clusterId },
      }
    case 'system_start':
    case 'system_stop':
      return upkeep(event, event.kind, event.system)
  }
}

/** Written out member by member: this one runs for every request, and spreading objects costs ten times as much. */
function request(event: Extract<CrossSystemEvent, { readonly kind: 'request_start' | 'request_complete' }>): EventInput {
  const completed = event.kind === 'request_complete' ? event : undefined
  return {
    correlation_id: event.id,
    tracking_id: event.id,
    event_type: event.kind,
    source_system: event.system,
    target_system: null,
    latency_ms: completed?.latencyMs ?? 0,
    success: completed?.ok ?? true,
    error_message: completed?.error ?? null,
    metadata: event.subject === undefined ? NOTHING : { subject: event.subject },
  }
}

const NOTHING: Metadata = {}

function told(
  { id }: { readonly id: string },
  type: MonitoringEventType,
  source: EventSystem,
  target: EventSystem | null = null,
): Omit<EventInput, 'existing_object_id'> {
  return { correlation_id: id, tracking_id: id, event_type: type, source_system: source, target_system: target }
}

function upkeep(event: { readonly id: string }, type: MonitoringEventType, source: EventSystem): Omit<EventInput, 'existing_object_id'> {
  return { ...told(event, type, source), upkeep: true }
}

function outcome({ latencyMs, ok, error }: Outcome): Pick<EventInput, 'latency_ms' | 'success' | 'error_message'> {
  return { latency_ms: latencyMs, success: ok, error_message: error ?? null }
}
