/**
 * When peers came and went, and why: `connection_established` with the first usable link to a node, `connection_lost` once, when its last
 * one goes. The last events are kept, and per peer how often it reconnected, so that "who keeps reconnecting?" has an answer.
 */
import { BoundedQueue, type Clock, type LogScope } from '../../base/index.ts'
import { errorLine, type GoodbyeReason } from '../../wire/index.ts'
import { EVENTS_KEPT, FLAP_WINDOW_MS, FLAPS_KEPT, RECONNECT_HISTORIES_MAX } from './constants.ts'

/** Why the last link went. */
export type LostWhy =
  /** The connection ended by itself; code and reason say how. */
  | 'closed'
  /** The peer said goodbye. */
  | 'goodbye'
  /** Another process answers for the url. */
  | 'restarted'
  /** A status came from a peer that is marked departed. */
  | 'departed'
  /** This node is shutting down. */
  | 'stopping'
  /** Somebody of this node asked for it. */
  | 'dropped'

export interface ConnectionEstablished {
  readonly type: 'connection_established'
  readonly node_url: string
  readonly local_node_url: string
  /** Unix seconds. */
  readonly timestamp: number
  readonly cluster_id: string
  readonly instance_id: string
  readonly link: 'dialed' | 'accepted'
}

export interface ConnectionLost {
  readonly type: 'connection_lost'
  readonly node_url: string
  readonly local_node_url: string
  readonly timestamp: number
  readonly cluster_id: string
  readonly link: 'dialed' | 'accepted'
  readonly why: LostWhy
  /** Close code and reason of the last link; code 1000 and the cause when this node closed it. */
  readonly code: number
  readonly reason: string
  /** Of the goodbye that ended it. */
  readonly goodbye?: GoodbyeReason
}

export interface InstanceRestarted {
  readonly type: 'instance_restarted'
  readonly node_url: string
  readonly local_node_url: string
  readonly timestamp: number
  readonly instance_id: string
  readonly previous_instance_id: string
}

export type ConnectionEvent = ConnectionEstablished | ConnectionLost | InstanceRestarted

/** How often one peer came and went. */
export interface ReconnectHistory {
  readonly node_url: string
  readonly established: number
  readonly lost: number
  /** Times it was established again after a loss. */
  readonly reconnects: number
  readonly restarts: number
  /** Times in the last 10 minutes that a link to the same process broke without a word and was made again; counted up to 32. */
  readonly reconnects_10m: number
  /** When another process was linked after one that ended without a word, Unix seconds, the latest last: the last 32 since a goodbye. */
  readonly crash_restarts_at: readonly number[]
  /** Unix seconds. */
  readonly last_established_at: number | null
  readonly last_lost_at: number | null
  readonly last_why: LostWhy | null
  readonly last_code: number | null
  readonly last_reason: string | null
}

type WithoutStamp<E> = E extends ConnectionEvent ? Omit<E, 'timestamp' | 'local_node_url'> : never

export interface ConnectionEventsSnapshot {
  readonly established_total: number
  readonly lost_total: number
  readonly restarted_total: number
  readonly kept: number
  readonly listener_failures: number
}

export interface ConnectionEvents {
  publish(event: WithoutStamp<ConnectionEvent>): void
  /** Calls `listener` with every further event until the returned function is called. A listener that throws disturbs no other. */
  observe(listener: (event: ConnectionEvent) => void): () => void
  /** The last events, oldest first. */
  recent(): readonly ConnectionEvent[]
  /** Most reconnects first. */
  reconnects(): ReconnectHistory[]
  snapshot(): ConnectionEventsSnapshot
}

export interface ConnectionEventsDeps {
  readonly clock: Clock
  readonly log: LogScope
  readonly nodeId: string
}

export function createConnectionEvents({ clock, log, nodeId }: ConnectionEventsDeps): ConnectionEvents {
  const listeners = new Set<(event: ConnectionEvent) => void>()
  const kept = new BoundedQueue<ConnectionEvent>({ capacity: EVENTS_KEPT, whenFull: 'drop-oldest' })
  const histories = new Map<string, WritableHistory>()
  const counters = { established: 0, lost: 0, restarted: 0, failures: 0 }

  function remember(event: ConnectionEvent): void {
    const { node_url: url, timestamp } = event
    const history = histories.get(url) ?? blankHistory(url)
    histories.delete(url)
    histories.set(url, history)
    if (histories.size > RECONNECT_HISTORIES_MAX) histories.delete(histories.keys().next().value as string)
    switch (event.type) {
      case 'connection_established':
        counters.established++
        if (history.lost > 0) history.reconnects++
        if (history.instanceId !== event.instance_id) {
          history.flapsMs.length = 0
          noteProcess(history, event)
        } else if (history.last_why === 'closed') noteFlap(history)
        history.instanceId = event.instance_id
        history.established++
        history.last_established_at = timestamp
        break
      case 'connection_lost':
        counters.lost++
        history.lost++
        history.last_lost_at = timestamp
        history.last_why = event.why
        history.last_code = event.code
        history.last_reason = event.reason
        break
      case 'instance_restarted':
        counters.restarted++
        history.restarts++
    }
  }

  /** A goodbye ends a row of crashes. A peer that does not tell its processes apart has empty ids. */
  function noteProcess(history: WritableHistory, { instance_id: now, timestamp }: ConnectionEstablished): void {
    const { instanceId: before, last_why: why } = history
    if (why === 'goodbye' || why === 'departed') history.crash_restarts_at = []
    else if (before !== '' && now !== '' && (why === 'closed' || why === 'restarted')) {
      history.crash_restarts_at = [...history.crash_restarts_at, timestamp].slice(-FLAPS_KEPT)
    }
  }

  function noteFlap({ flapsMs }: WritableHistory): void {
    flapsMs.push(clock.monotonic())
    if (flapsMs.length > FLAPS_KEPT) flapsMs.shift()
  }

  function recentFlaps({ flapsMs }: WritableHistory): number {
    const sinceMs = clock.monotonic() - FLAP_WINDOW_MS
    return flapsMs.filter((ms) => ms >= sinceMs).length
  }

  return {
    publish(unstamped) {
      const event = { ...unstamped, timestamp: clock.wall(), local_node_url: nodeId } as ConnectionEvent
      kept.push(event)
      remember(event)
      if (log.debugOn) log.debug(eventLine(event))
      for (const listener of [...listeners]) {
        try {
          listener(event)
        } catch (error) {
          counters.failures++
          log.error(`listener of ${event.type} node=${event.node_url} failed: ${errorLine(error)}`, error)
        }
      }
    },
    observe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    recent: () => [...kept],
    reconnects: () =>
      [...histories.values()]
        .map((history) => {
          const { flapsMs: _flapsMs, instanceId: _instanceId, ...told } = history
          return { ...told, reconnects_10m: recentFlaps(history) }
        })
        .sort((a, b) => b.reconnects - a.reconnects),
    snapshot: () => ({
      established_total: counters.established,
      lost_total: counters.lost,
      restarted_total: counters.restarted,
      kept: kept.length,
      listener_failures: counters.failures,
    }),
  }
}

type WritableHistory = { -readonly [K in Exclude<keyof ReconnectHistory, 'reconnects_10m'>]: ReconnectHistory[K] } & {
  /** The process linked last. */
  instanceId: string
  /** When the link to it was made again after breaking without a word, monotonic ms. */
  readonly flapsMs: number[]
}

function blankHistory(url: string): WritableHistory {
  return {
    node_url: url,
    established: 0,
    lost: 0,
    reconnects: 0,
    restarts: 0,
    crash_restarts_at: [],
    last_established_at: null,
    last_lost_at: null,
    last_why: null,
    last_code: null,
    last_reason: null,
    instanceId: '',
    flapsMs: [],
  }
}

function eventLine(event: ConnectionEvent): string {
  const { node_url: node } = event
  switch (event.type) {
    case 'connection_established':
      return `established node=${node} cluster=${event.cluster_id} link=${event.link} instance=${event.instance_id || '-'}`
    case 'connection_lost':
      return `lost node=${node} cluster=${event.cluster_id} link=${event.link} why=${event.why} code=${event.code} reason=${event.reason || '-'}`
    case 'instance_restarted':
      return `restarted node=${node} instance=${event.instance_id} before=${event.previous_instance_id || '-'}`
  }
}
