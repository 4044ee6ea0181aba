/**
 * What a path between two machines does to what is sent over it: latency, loss, duplication, reordering, bandwidth.
 *
 * Connections are streams, so a program never sees a lost, doubled or reordered segment: TCP repairs them and the repair costs time. Loss
 * shows as retransmission delay, and as a reset once the kernel gives up; reordering as waiting for the segment that is missing;
 * duplication only as bytes. That is what is modelled here, and why a message is never delivered twice by the network.
 */
import type { Random } from '../base/index.ts'

/** One-way delay, ms: always the same, uniform between two bounds, or lognormal (most are near the median, a few far above). */
export type Latency =
  | number
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: 'lognormal'; readonly medianMs: number; readonly sigma: number }

export interface Conditions {
  readonly latency: Latency
  /** Part of the segments that are lost once, 0 to 1; each retransmission is lost with the same probability. */
  readonly loss: number
  /** Part of the segments that cross twice: the receiver's kernel drops the second, its bytes have been carried. */
  readonly duplication: number
  /** Part of the segments that are overtaken and arrive late by up to one more latency. */
  readonly reordering: number
  /** Bytes per second of one direction of a connection; infinite by default. */
  readonly bytesPerSecond: number
}

export const GOOD_CONDITIONS: Conditions = {
  latency: { kind: 'uniform', minMs: 0.2, maxMs: 1 },
  loss: 0,
  duplication: 0,
  reordering: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
}

/** First retransmission timeout, ms, doubling from there: Linux's TCP_RTO_MIN. */
const RETRANSMIT_MS = 200
/** Retransmissions after which the kernel gives up: Linux's tcp_retries2. */
const RETRANSMISSIONS_MAX = 15

function latencyMs(latency: Latency, random: Random): number {
  if (typeof latency === 'number') return latency
  if (latency.kind === 'uniform') return latency.minMs + random.next() * (latency.maxMs - latency.minMs)
  return latency.medianMs * Math.exp(latency.sigma * standardNormal(random))
}

/**
 * Time one segment takes to arrive for good, ms. Infinite when every retransmission was lost: the connection is dead.
 */
export function crossingMs(conditions: Conditions, random: Random): number {
  const { latency, loss, reordering } = conditions
  let ms = latencyMs(latency, random)
  if (loss > 0) {
    let timeoutMs = RETRANSMIT_MS
    for (let lost = 0; random.next() < loss; lost++) {
      if (lost === RETRANSMISSIONS_MAX) return Number.POSITIVE_INFINITY
      ms += timeoutMs
      timeoutMs *= 2
    }
  }
  if (reordering > 0 && random.next() < reordering) ms += latencyMs(latency, random) * random.next()
  return ms
}

/** Box and Muller, 1958: one of the two values. */
function standardNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}
