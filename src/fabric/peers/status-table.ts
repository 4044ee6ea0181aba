/**
 * The last status of every peer, and which process runs behind each url.
 *
 * Ages are counted from reception by the monotonic clock; the time stamp a peer sent is only shown. When the last link to a peer goes, its
 * status becomes a synthetic `disconnected` one that keeps what was last known of functions and resources. Statuses of peers that are
 * neither linked nor in the directory are kept in small number, whatever names a stranger may invent.
 */
import type { Clock } from '../../base/index.ts'
import type { StatusBody } from '../../wire/index.ts'
import { ID_LENGTH_MAX, STATUS_NAMES_MAX, STATUSES_UNLISTED_MAX } from './constants.ts'

export interface PeerStatus {
  readonly server_url: string
  readonly cluster_id: string
  readonly instance_id: string
  /** `ok`, what else the peer says, or `disconnected` when this node says it. */
  readonly status: string
  /** Unix seconds: the peer's clock, or this node's when `disconnected`. */
  readonly timestamp: number
  readonly active_clients: number
  readonly peer_count: number
  readonly funs: readonly string[]
  readonly locs: readonly string[]
  readonly advertised_urls: readonly string[]
  readonly metrics: Readonly<Record<string, unknown>>
  /** Where the peer can be asked about itself over HTTP; null: it has not told. Outlives its links: one that is gone is asked too. */
  readonly monitoring_url: string | null
  /** The peer told the time, so that its clock can be compared. */
  readonly tellsTime: boolean
  /** What the peer can do beyond the common protocol; empty: a reference node. */
  readonly extensions: readonly string[]
  /** Monotonic ms of the reception, or of the moment it was found disconnected. */
  readonly sinceMs: number
}

export interface StatusTableSnapshot {
  readonly peers: number
  readonly disconnected: number
  /** Peers neither linked nor in the directory. */
  readonly unlisted: number
  readonly restarts_total: number
  /** Statuses dropped to keep the number of unlisted peers bounded. */
  readonly forgotten_total: number
}

export interface StatusTable {
  get(nodeId: string): PeerStatus | undefined
  instanceOf(nodeId: string): string | undefined
  /** Seconds since the status was received, or since the peer was found disconnected. */
  ageSeconds(status: PeerStatus): number
  /** The peer's clock minus this node's, now, but for the time the status took to arrive; undefined when the peer has not told the time. */
  clockOffsetSeconds(status: PeerStatus): number | undefined
  /** Takes a status in; `restarted` when another process than before answers for the url. */
  heard(body: StatusBody): { readonly status: PeerStatus; readonly restarted: boolean }
  markDisconnected(nodeId: string, clusterId: string): void
  /** The peer is listed no longer: its status goes when others need the room. */
  release(nodeId: string): void
  snapshot(): StatusTableSnapshot
}

export interface StatusTableDeps {
  readonly clock: Clock
  /** Linked, or in the directory. */
  isListed(nodeId: string): boolean
}

const DISCONNECTED_METRICS = { disconnected: true } as const

export function createStatusTable({ clock, isListed }: StatusTableDeps): StatusTable {
  const statuses = new Map<string, PeerStatus>()
  const unlisted = new Set<string>()
  let restartsTotal = 0
  let forgottenTotal = 0

  function forget(nodeId: string): void {
    statuses.delete(nodeId)
    unlisted.delete(nodeId)
  }

  function release(nodeId: string): void {
    if (!statuses.has(nodeId) || isListed(nodeId)) return
    unlisted.delete(nodeId)
    unlisted.add(nodeId)
    for (const oldest of unlisted) {
      if (unlisted.size <= STATUSES_UNLISTED_MAX) break
      // Listed again meanwhile: no longer ours to drop.
      if (isListed(oldest)) unlisted.delete(oldest)
      else {
        forget(oldest)
        forgottenTotal++
      }
    }
  }

  return {
    get: (nodeId) => statuses.get(nodeId),
    instanceOf: (nodeId) => statuses.get(nodeId)?.instance_id || undefined,
    ageSeconds: ({ sinceMs }) => Math.max(0, clock.monotonic() - sinceMs) / 1000,

    // What its clock says now, by this node's monotonic time: both wall clocks may have been set since.
    clockOffsetSeconds: ({ sinceMs, tellsTime, timestamp }) =>
      tellsTime ? timestamp + (clock.monotonic() - sinceMs) / 1000 - clock.wall() : undefined,

    heard(body) {
      const { server_url: nodeId } = body
      const before = statuses.get(nodeId)
      const instanceId = body.instance_id ?? ''
      const known = before?.instance_id ?? ''
      const restarted = instanceId !== '' && known !== '' && instanceId !== known
      const status: PeerStatus = {
        server_url: nodeId,
        cluster_id: body.cluster_id,
        instance_id: instanceId || known,
        status: body.status ?? 'ok',
        timestamp: body.timestamp ?? clock.wall(),
        active_clients: body.active_clients ?? 0,
        peer_count: body.peer_count ?? 0,
        funs: names(body.funs),
        locs: names(body.locs),
        advertised_urls: names(body.advertised_urls),
        metrics: knownMetrics(body.metrics),
        monitoring_url: monitoringUrl(body),
        tellsTime: body.timestamp !== undefined,
        extensions: names(body.extensions),
        sinceMs: clock.monotonic(),
      }
      statuses.set(nodeId, status)
      if (restarted) restartsTotal++
      if (isListed(nodeId)) unlisted.delete(nodeId)
      else release(nodeId)
      return { status, restarted }
    },

    markDisconnected(nodeId, clusterId) {
      const before = statuses.get(nodeId)
      if (before?.status === 'disconnected') return
      statuses.set(nodeId, {
        server_url: nodeId,
        cluster_id: before?.cluster_id ?? clusterId,
        instance_id: before?.instance_id ?? '',
        status: 'disconnected',
        timestamp: clock.wall(),
        active_clients: 0,
        peer_count: 0,
        funs: before?.funs ?? [],
        locs: before?.locs ?? [],
        advertised_urls: [],
        metrics: DISCONNECTED_METRICS,
        monitoring_url: before?.monitoring_url ?? null,
        tellsTime: false,
        extensions: before?.extensions ?? [],
        sinceMs: clock.monotonic(),
      })
      release(nodeId)
    },

    release,

    snapshot() {
      let disconnected = 0
      for (const { status } of statuses.values()) if (status === 'disconnected') disconnected++
      return {
        peers: statuses.size,
        disconnected,
        unlisted: unlisted.size,
        restarts_total: restartsTotal,
        forgotten_total: forgottenTotal,
      }
    },
  }
}

/** A peer could say anything: only what is a URL of bounded length is kept. */
function monitoringUrl({ monitoring_url: url }: StatusBody): string | null {
  return url !== undefined && url.length <= ID_LENGTH_MAX && /^https?:\/\/[^\s/]/.test(url) ? url : null
}

function names(list: readonly string[] = []): readonly string[] {
  return list.length > STATUS_NAMES_MAX ? list.slice(0, STATUS_NAMES_MAX) : list
}

const METRICS = [
  'messages_processed',
  'rpc_responses_skipped',
  'server_messages',
  'other_messages',
  'cache_metrics',
  'queue_metrics',
  'route_metrics',
] as const

/** What the protocol knows; whatever else a peer sends is not kept. */
function knownMetrics(metrics: object | undefined): Readonly<Record<string, unknown>> {
  const given = (metrics ?? {}) as Readonly<Record<string, unknown>>
  return Object.fromEntries(METRICS.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]))
}
