/**
 * What became of the dials of each peer, and when it may be dialed again.
 *
 * A failed dial, a refusal and a success each set the time of the next one. Times are monotonic milliseconds; who shows them converts. The
 * table is bounded: states of peers that are no candidates any more are dropped each round.
 */
import type { Clock } from '../../base/index.ts'
import { DIAL_STATES_MAX } from './constants.ts'
import {
  backoffBounds,
  failureDelaySeconds,
  lostDelaySeconds,
  refusalDelaySeconds,
  unreachedSeedBounds,
  urlSpread,
} from './dial-backoff.ts'
import type { Mesh } from './mesh-size.ts'

export interface DialState {
  readonly failures: number
  /** Refusals in a row, of the process that refused. */
  readonly refusals: number
  /** -Infinity: never. */
  readonly lastAttemptMs: number
  readonly lastSuccessMs: number
  readonly nextAttemptMs: number
  readonly attemptsTotal: number
  readonly successesTotal: number
  /** Why the last dial failed; empty after a success. */
  readonly lastError: string
  /** The process that refused, as far as it was known; undefined: no refusal stands. */
  readonly refusedBy: string | undefined
}

export interface DialFailure {
  readonly error: string
  readonly mesh: Mesh
  /** Configured by the operator. */
  readonly seed: boolean
  /** Vanished without a goodbye. */
  readonly lost: boolean
  /** The peer, or this node's own rules, do not want the link. */
  readonly refused?: { readonly instanceId: string }
}

export interface DialStates {
  get(nodeId: string): DialState | undefined
  attempted(nodeId: string): void
  succeeded(nodeId: string): void
  /** @returns false when it is the same refusal, by the same process, as before */
  failed(nodeId: string, failure: DialFailure): boolean
  /** No dial before `delaySeconds` from now. */
  hold(nodeId: string, delaySeconds: number): void
  /** Another process than the one that refused may think differently: its predecessor's refusals are forgotten. */
  seenInstance(nodeId: string, instanceId: string): void
  /** Moves the state of a url to the node id it turned out to be. */
  rename(url: string, nodeId: string): void
  forget(nodeId: string): void
  /** Drops all but these. */
  retain(isKept: (nodeId: string) => boolean): void
  snapshot(): DialStatesSnapshot
}

export interface DialStatesSnapshot {
  readonly peers: number
  readonly failing: number
  readonly refused: number
  /** States dropped for want of room. */
  readonly evicted_total: number
}

type Mutable = { -readonly [Key in keyof DialState]: DialState[Key] }

export function createDialStates(clock: Clock, gossipIntervalSeconds: number): DialStates {
  const states = new Map<string, Mutable>()
  let evicted = 0

  function of(nodeId: string): Mutable {
    let state = states.get(nodeId)
    if (state === undefined) {
      state = { ...FRESH }
      states.set(nodeId, state)
      if (states.size > DIAL_STATES_MAX) {
        states.delete(states.keys().next().value as string)
        evicted++
      }
    }
    return state
  }

  function delaySeconds(nodeId: string, state: DialState, { mesh, seed, lost }: DialFailure): number {
    const spread = urlSpread(nodeId)
    let bounds = backoffBounds(mesh, gossipIntervalSeconds)
    if (seed && state.successesTotal === 0) bounds = unreachedSeedBounds(bounds, gossipIntervalSeconds)
    const delay =
      state.refusals > 0 ? refusalDelaySeconds(state.refusals, bounds, spread) : failureDelaySeconds(state.failures, bounds, spread)
    return lost ? lostDelaySeconds(delay, spread) : delay
  }

  return {
    get: (nodeId) => states.get(nodeId),

    attempted(nodeId) {
      const state = of(nodeId)
      state.lastAttemptMs = clock.monotonic()
      state.attemptsTotal++
    },

    succeeded(nodeId) {
      const state = of(nodeId)
      const now = clock.monotonic()
      Object.assign(state, { ...SUCCESS, lastSuccessMs: now, nextAttemptMs: now, successesTotal: state.successesTotal + 1 })
    },

    failed(nodeId, failure) {
      const state = of(nodeId)
      const news = state.refusedBy !== failure.refused?.instanceId || state.lastError !== failure.error
      state.failures++
      state.refusals = failure.refused === undefined ? 0 : state.refusals + 1
      state.refusedBy = failure.refused?.instanceId
      state.lastError = failure.error
      state.nextAttemptMs = clock.monotonic() + 1000 * delaySeconds(nodeId, state, failure)
      return news
    },

    hold(nodeId, seconds) {
      const state = of(nodeId)
      state.nextAttemptMs = Math.max(state.nextAttemptMs, clock.monotonic() + 1000 * seconds)
    },

    seenInstance(nodeId, instanceId) {
      const state = states.get(nodeId)
      if (state?.refusedBy === undefined || instanceId === '' || state.refusedBy === instanceId) return
      if (state.refusedBy === '') state.refusedBy = instanceId
      else Object.assign(state, { ...SUCCESS, nextAttemptMs: clock.monotonic() })
    },

    rename(url, nodeId) {
      const state = states.get(url)
      if (state === undefined || url === nodeId) return
      states.delete(url)
      if (!states.has(nodeId)) states.set(nodeId, state)
    },

    forget: (nodeId) => void states.delete(nodeId),

    retain(isKept) {
      for (const nodeId of states.keys()) if (!isKept(nodeId)) states.delete(nodeId)
    },

    snapshot() {
      let failing = 0
      let refused = 0
      for (const state of states.values()) {
        if (state.failures > 0) failing++
        if (state.refusedBy !== undefined) refused++
      }
      return { peers: states.size, failing, refused, evicted_total: evicted }
    },
  }
}

/** What a success, or a new process, wipes out. */
const SUCCESS = { failures: 0, refusals: 0, lastError: '', refusedBy: undefined } as const

const FRESH: DialState = {
  ...SUCCESS,
  lastAttemptMs: Number.NEGATIVE_INFINITY,
  lastSuccessMs: Number.NEGATIVE_INFINITY,
  nextAttemptMs: Number.NEGATIVE_INFINITY,
  attemptsTotal: 0,
  successesTotal: 0,
}
