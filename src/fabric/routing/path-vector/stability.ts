/**
 * Patience with routes that come and go: hold-down (a route just lost is not believed again at once) and flap dampening (one lost often is
 * not believed for a while; after RFC 2439, with a plain count in place of a decaying penalty).
 *
 * Both are kept per destination and advertiser. The number of pairs is bounded; when there are too many, the advertiser with the most of them
 * loses its oldest, so that nobody can have others' forgotten.
 */
import { STABILITY_PAIRS_MAX } from './constants.ts'

/** All off by default. */
export interface RouteStability {
  readonly holdDownSeconds: number
  /** Losses that make a route suspect; 0 = off. */
  readonly flapThreshold: number
  /** Losses further apart do not add up, and a suspect route is refused for this long; 0 = off. */
  readonly suppressionWindowSeconds: number
}

export const DEFAULT_ROUTE_STABILITY: RouteStability = { holdDownSeconds: 0, flapThreshold: 0, suppressionWindowSeconds: 0 }

interface Pair {
  heldUntilMs: number
  suppressedUntilMs: number
  flaps: number
  lastFlapMs: number
}

export interface StabilitySnapshot {
  readonly pairs: number
  /** Pairs forgotten early for want of room. */
  readonly evicted_total: number
}

export interface StabilityWatch {
  /** Why an announcement is not to be believed now. */
  blocks(destination: string, advertiser: string, nowMs: number): 'hold_down' | 'suppressed' | undefined
  /** A route was lost. @param hold false when it merely expired. @returns what that started */
  lost(destination: string, advertiser: string, hold: boolean, nowMs: number): 'hold_down' | 'suppressed' | undefined
  /** Takes effect on what is lost from now on. */
  configure(stability: RouteStability): void
  /** Forgets pairs that mean nothing any more. */
  sweep(nowMs: number): void
  snapshot(): StabilitySnapshot
}

export function createStabilityWatch(initial: RouteStability, pairsMax = STABILITY_PAIRS_MAX): StabilityWatch {
  let stability = initial
  /** By advertiser and destination, each advertiser's least recently touched first. */
  const byAdvertiser = new Map<string, Map<string, Pair>>()
  let size = 0
  let evicted = 0

  function forget(advertiser: string, destination: string): void {
    const pairs = byAdvertiser.get(advertiser)
    if (pairs?.delete(destination) !== true) return
    size--
    if (pairs.size === 0) byAdvertiser.delete(advertiser)
  }

  function makeRoom(): void {
    let largest = ''
    let most: Map<string, Pair> | undefined
    for (const [advertiser, pairs] of byAdvertiser) {
      if (most !== undefined && pairs.size <= most.size) continue
      largest = advertiser
      most = pairs
    }
    if (most === undefined) return
    forget(largest, most.keys().next().value as string)
    evicted++
  }

  function touch(destination: string, advertiser: string): Pair {
    let pair = byAdvertiser.get(advertiser)?.get(destination)
    if (pair === undefined) {
      if (size >= pairsMax) makeRoom()
      pair = { heldUntilMs: 0, suppressedUntilMs: 0, flaps: 0, lastFlapMs: Number.NEGATIVE_INFINITY }
    } else forget(advertiser, destination)
    const pairs = byAdvertiser.get(advertiser)
    if (pairs === undefined) byAdvertiser.set(advertiser, new Map([[destination, pair]]))
    else pairs.set(destination, pair)
    size++
    return pair
  }

  /** A suppression that has ended leaves nothing behind. */
  function endSuppression(pair: Pair, nowMs: number): void {
    if (pair.suppressedUntilMs === 0 || nowMs < pair.suppressedUntilMs) return
    pair.suppressedUntilMs = 0
    pair.flaps = 0
  }

  return {
    blocks(destination, advertiser, nowMs) {
      const pair = byAdvertiser.get(advertiser)?.get(destination)
      if (pair === undefined) return undefined
      endSuppression(pair, nowMs)
      if (nowMs < pair.heldUntilMs) return 'hold_down'
      return nowMs < pair.suppressedUntilMs ? 'suppressed' : undefined
    },

    lost(destination, advertiser, hold, nowMs) {
      const { holdDownSeconds, flapThreshold, suppressionWindowSeconds } = stability
      const holds = hold && holdDownSeconds > 0
      const dampens = flapThreshold > 0 && suppressionWindowSeconds > 0
      if (!holds && !dampens) return undefined
      const pair = touch(destination, advertiser)
      if (holds) pair.heldUntilMs = nowMs + holdDownSeconds * 1000
      if (dampens) {
        endSuppression(pair, nowMs)
        const windowMs = suppressionWindowSeconds * 1000
        pair.flaps = nowMs - pair.lastFlapMs > windowMs ? 1 : pair.flaps + 1
        pair.lastFlapMs = nowMs
        if (pair.flaps >= flapThreshold) {
          pair.suppressedUntilMs = nowMs + windowMs
          return 'suppressed'
        }
      }
      return holds ? 'hold_down' : undefined
    },

    configure(next) {
      stability = next
    },

    sweep(nowMs) {
      const windowMs = stability.suppressionWindowSeconds * 1000
      for (const [advertiser, pairs] of byAdvertiser) {
        for (const [destination, pair] of pairs) {
          endSuppression(pair, nowMs)
          const counts = pair.flaps > 0 && nowMs - pair.lastFlapMs <= windowMs
          if (nowMs >= pair.heldUntilMs && pair.suppressedUntilMs === 0 && !counts) forget(advertiser, destination)
        }
      }
    },

    snapshot: () => ({ pairs: size, evicted_total: evicted }),
  }
}
