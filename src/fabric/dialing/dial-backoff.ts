/**
 * How long a peer is left alone after failed dials. The delay doubles with each failure up to a ceiling; what spreads the dials of many nodes
 * apart is taken from the url, so that the same fabric behaves the same way twice.
 */
import { LOST_BACKOFF_SECONDS_MIN, REFUSAL_BACKOFF_FACTOR, REFUSAL_BACKOFF_SECONDS_MAX, REFUSAL_BACKOFF_SECONDS_MIN } from './constants.ts'
import { dialPressure, type Mesh } from './mesh-size.ts'

export interface BackoffBounds {
  /** Delay after the first failure. */
  readonly baseSeconds: number
  readonly capSeconds: number
}

export function backoffBounds(mesh: Mesh, gossipIntervalSeconds: number): BackoffBounds {
  const { targets: n } = mesh
  const g = gossipIntervalSeconds
  const t = Math.sqrt(n)
  return {
    baseSeconds: Math.max(0.2, g / Math.max(t, 1), g * Math.min(n / 100, 0.5)) * (1 + 1.5 * Math.min(dialPressure(mesh), 2.5)),
    capSeconds: Math.max(g, g * t),
  }
}

/** Of a configured peer that was never reached: without it a node may be alone. */
export function unreachedSeedBounds(bounds: BackoffBounds, gossipIntervalSeconds: number): BackoffBounds {
  return {
    baseSeconds: Math.min(bounds.baseSeconds, Math.max(0.2, gossipIntervalSeconds / 2)),
    capSeconds: Math.min(bounds.capSeconds, Math.max(2 * gossipIntervalSeconds, 1)),
  }
}

/** @param failures failed dials in a row, at least 1 */
export function failureDelaySeconds(failures: number, { baseSeconds, capSeconds }: BackoffBounds, spread: number): number {
  return Math.min(capSeconds, baseSeconds * 2 ** (failures - 1)) * (1 + Math.min(spread, 0.25))
}

/** After a refusal: somebody has to change a setting, or restart a process, before another dial is of use. */
export function refusalDelaySeconds(refusals: number, { baseSeconds }: BackoffBounds, spread: number): number {
  const base = Math.max(REFUSAL_BACKOFF_SECONDS_MIN, baseSeconds * REFUSAL_BACKOFF_FACTOR)
  return failureDelaySeconds(refusals, { baseSeconds: base, capSeconds: Math.max(base, REFUSAL_BACKOFF_SECONDS_MAX) }, spread)
}

/** Of a node that vanished; nothing but a healed network brings it back. */
export function lostDelaySeconds(delaySeconds: number, spread: number): number {
  return Math.max(delaySeconds, LOST_BACKOFF_SECONDS_MIN * (1 + Math.min(spread, 0.25)))
}

/** From 0 to just below 0.25. */
export function urlSpread(url: string): number {
  let sum = 0
  for (const character of url) sum += character.codePointAt(0) as number
  return (sum % 1000) / 4000
}
