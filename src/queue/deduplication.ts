/**
 * Whether the same was sent lately. What counts is topic, payload and headers, whoever sends it, however its JSON is laid out. A message is
 * remembered once it is accepted: one that was refused may be sent again.
 */
import { blake2s, type Clock } from '../base/index.ts'
import { canonicalJson, type RawJson } from '../wire/index.ts'

export interface Deduplication {
  isDuplicate(fingerprint: string): boolean
  accepted(fingerprint: string): void
}

/** Remembered at once; of a busier queue the oldest are forgotten before their window ends. */
const FINGERPRINTS_MAX = 100_000

export function createDeduplication(clock: Pick<Clock, 'monotonic'>, windowMs: number): Deduplication {
  /** When each ends, in the order they were accepted, which is that of their ends. */
  const endsMs = new Map<string, number>()

  function prune(nowMs: number): void {
    for (const [fingerprint, endMs] of endsMs) {
      if (endMs > nowMs && endsMs.size <= FINGERPRINTS_MAX) return
      endsMs.delete(fingerprint)
    }
  }

  return {
    isDuplicate(fingerprint) {
      prune(clock.monotonic())
      return endsMs.has(fingerprint)
    },
    accepted(fingerprint) {
      endsMs.set(fingerprint, clock.monotonic() + windowMs)
    },
  }
}

export function fingerprintOf(topic: string, payload: RawJson, headers: Readonly<Record<string, string>>): string {
  return Buffer.from(blake2s(new TextEncoder().encode(canonicalJson([topic, payload, headers])))).toString('base64')
}
