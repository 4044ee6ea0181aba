/** How busy and how fresh a peer is: the formulae that answers of `list_peers` and `cluster_map` and the hiding of stale peers rest on. */
import { float, type RawJson } from '../../wire/index.ts'
import { STATUS_QUIET_MAX_SECONDS } from './constants.ts'

/** Up to this many target peers every peer is expected to be linked, so that silence says something. */
export const FULL_MESH_MAX = 20

/** How many peers there ought to be. `directorySize` counts the own node, as it always has. */
export function targetHint(directorySize: number, configuredPeers: number): number {
  return Math.max(directorySize, configuredPeers, 1)
}

/** Age at which a disconnected peer is no longer listed, seconds. */
export function disconnectedStaleSeconds(gossipIntervalSeconds: number, hint: number): number {
  return Math.max(1, gossipIntervalSeconds * Math.max(4, Math.sqrt(hint)))
}

/** Age at which a peer without a link is no longer listed whatever its last status said, seconds. Only up to {@link FULL_MESH_MAX} peers. */
export function silentStaleSeconds(gossipIntervalSeconds: number, hint: number): number {
  return Math.max(3 * disconnectedStaleSeconds(gossipIntervalSeconds, hint), 6 * gossipIntervalSeconds, 2)
}

/**
 * Age at which a status says little about the load, seconds.
 * @param speaksOnChange a node that tells its status when it changes, and otherwise only now and then
 */
export function loadStaleSeconds(gossipIntervalSeconds: number, speaksOnChange: boolean): number {
  const stale = Math.max(3 * gossipIntervalSeconds, 1)
  return speaksOnChange ? Math.max(stale, STATUS_QUIET_MAX_SECONDS) : stale
}

/** Lower is better: clients, with weights on what should not be chosen. */
export function loadScore(activeClients: number, status: string, stale: boolean): number {
  return activeClients + (status === 'ok' ? 0 : 1000) + (stale ? 500 : 0)
}

/** The `load` member of a peer, as it is answered. */
export interface LoadObject {
  readonly active_clients: number
  readonly peer_count: number
  readonly status: string
  readonly status_timestamp: RawJson
  readonly messages_processed: number
  readonly rpc_responses_skipped: number
  readonly server_messages: number
  readonly other_messages: number
  readonly load_score: RawJson
}

export interface LoadFacts {
  readonly status: string
  /** Unix seconds, by the clock of whoever sent it. */
  readonly timestamp: number
  readonly active_clients: number
  readonly peer_count: number
  readonly metrics: Readonly<Record<string, unknown>>
}

export function loadObject(facts: LoadFacts, stale: boolean): LoadObject {
  const { active_clients, peer_count, status, metrics, timestamp } = facts
  return {
    active_clients,
    peer_count,
    status,
    status_timestamp: float(timestamp),
    messages_processed: count(metrics.messages_processed),
    rpc_responses_skipped: count(metrics.rpc_responses_skipped),
    server_messages: count(metrics.server_messages),
    other_messages: count(metrics.other_messages),
    load_score: float(loadScore(active_clients, status, stale)),
  }
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}
