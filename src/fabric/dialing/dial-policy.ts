/**
 * How hard one dial tries: attempts, pauses between them, and how long each may take. In a small fabric a dial is patient; in a large
 * one, where many dials wait for their turn, it gives up early and comes back.
 */
import { FULL_MESH_CANDIDATES_MAX } from './constants.ts'
import type { Mesh } from './mesh-size.ts'

/** What a dial is for; appears in diagnostic lines. */
export type DialContext =
  | 'startup_connect'
  | 'startup_seed'
  | 'bootstrap_seed'
  | 'peer_reconcile'
  | 'cluster_get_or_open'
  | 'rpc_remote_execute'
  | 'rpc_response_reply_to'

export interface DialPolicy {
  /** Attempts after the first. */
  readonly retries: number
  /** Pause after the first attempt; it doubles with each further one. */
  readonly baseDelaySeconds: number
  /** Of the first attempt; later ones get more. */
  readonly timeoutSeconds: number
}

export type DialMode = 'fast' | 'steady'

/** @param failures failed dials of the peer in a row */
export function dialPolicy(mode: DialMode, { targets: n, connectedRatio: c }: Mesh, failures: number): DialPolicy {
  const t = Math.sqrt(n)
  const fast = mode === 'fast'
  const large = n >= FULL_MESH_CANDIDATES_MAX
  const bonus = Math.min(4, Math.floor(failures / 2))
  const wanted = fast ? Math.min(6, Math.max(1, 1 + Math.floor(t / 2)) + bonus) : Math.min(8, Math.max(2, 1 + Math.floor(t)) + bonus)
  const baseDelaySeconds = fast
    ? Math.min(1.5, 0.08 + 0.035 * t + 0.04 * Math.min(failures, 6))
    : Math.min(2.2, 0.3 + 0.05 * t + 0.07 * Math.min(failures, 6))
  const timeout = fast
    ? Math.min(8, 1.1 + 0.16 * t + 0.18 * Math.min(failures, 8))
    : Math.min(10, 2.4 + 0.1 * t + 0.22 * Math.min(failures, 10))
  return {
    retries: Math.min(wanted, large ? largeFabricRetries(c) : smallFabricRetries(mode, t, c, failures)),
    baseDelaySeconds,
    timeoutSeconds: Math.max(timeout, timeoutFloorSeconds(mode, large, c)),
  }
}

function largeFabricRetries(c: number): number {
  if (c < 0.15) return 0
  return c < 0.45 ? 1 : 2
}

function smallFabricRetries(mode: DialMode, t: number, c: number, failures: number): number {
  if (mode === 'steady') return Math.max(2, Math.floor(8 / t)) + Math.min(2, Math.floor(failures / 5))
  return Math.max(2, Math.floor(6 / t)) + (c < 0.5 ? 1 : 0) + Math.min(1, Math.floor(failures / 5))
}

/** A node with few links is likely to be busy, as are those around it: it waits longer for an answer. */
function timeoutFloorSeconds(mode: DialMode, large: boolean, c: number): number {
  const lack = Math.max(0, 0.45 - c) / 0.45
  if (mode === 'fast') return large ? 1.8 + 1.2 * lack : 1.4 + 1.4 * lack
  return large ? 2.4 + 1.6 * lack : 2 + 1.8 * lack
}

const STARTING: ReadonlySet<DialContext> = new Set<DialContext>(['startup_connect', 'startup_seed', 'bootstrap_seed'])

/** Dials of a starting node are worth more patience: those it dials may be starting themselves. */
export function policyFor(context: DialContext, policy: DialPolicy, connectedRatio: number, gossipIntervalSeconds: number): DialPolicy {
  if (!STARTING.has(context)) return policy
  return {
    ...policy,
    retries: Math.max(policy.retries, connectedRatio < 0.5 ? 3 : 2),
    timeoutSeconds: Math.max(policy.timeoutSeconds, 3, 3 * gossipIntervalSeconds),
  }
}

/** Timeout of attempt `attempt` (from 0): grows evenly to three times that of the first one. */
export function attemptTimeoutSeconds(policy: Pick<DialPolicy, 'retries' | 'timeoutSeconds'>, attempt: number): number {
  const { retries, timeoutSeconds } = policy
  if (attempt === 0 || retries === 0) return timeoutSeconds
  return Math.min(4 * timeoutSeconds, timeoutSeconds * (1 + 2 * Math.min(attempt / retries, 1)))
}

/** Pause after attempt `attempt` (from 0). */
export function attemptPauseSeconds(policy: Pick<DialPolicy, 'baseDelaySeconds'>, attempt: number): number {
  return policy.baseDelaySeconds * 2 ** attempt
}
