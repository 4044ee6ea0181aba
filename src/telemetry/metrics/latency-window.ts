/**
 * Latencies of late, and of the whole life, from one recording.
 *
 * A mean over everything since the start never forgets one bad minute, and drowns the next. So the latest stretch of time has histograms of
 * its own, one for each slot of a ring; a slot that ends is also merged into the one of the lifetime. A record is written down, one after another
 * in memory, and sorted into the histogram with a few hundred others: each by itself would fetch what a busy node has long replaced in its caches.
 */
import { Histogram } from '../../base/index.ts'
import { RECENT_MS } from './constants.ts'

export interface LatencyWindowOptions {
  /** Into how many steps the window falls; each holds a histogram. Default 10. */
  readonly slots?: number
}

/** Latencies that wait to be sorted in. */
const WAITING_MAX = 256

export class LatencyWindow {
  readonly #slots: Histogram[]
  readonly #slotMs: number
  /** Slots that have ended. */
  readonly #ended = new Histogram()
  /** Of the current slot. */
  readonly #waiting = new Float64Array(WAITING_MAX)
  #waitingCount = 0
  #latest: number
  #endMs: number
  #current: Histogram

  constructor(nowMs: number, { slots = 10 }: LatencyWindowOptions = {}) {
    this.#slots = Array.from({ length: slots }, () => new Histogram())
    this.#slotMs = RECENT_MS / slots
    this.#latest = Math.floor(nowMs / this.#slotMs)
    this.#endMs = (this.#latest + 1) * this.#slotMs
    this.#current = this.#slots[this.#latest % slots] as Histogram
  }

  record(latencyMs: number, nowMs: number, times = 1): void {
    if (nowMs >= this.#endMs) this.#moveTo(nowMs)
    if (times > 1) {
      this.#current.record(latencyMs, times)
      return
    }
    this.#waiting[this.#waitingCount++] = latencyMs
    if (this.#waitingCount === WAITING_MAX) this.#settle()
  }

  /** @param nowMs of the last one */
  recordAll(latenciesMs: Float64Array, nowMs: number): void {
    if (nowMs >= this.#endMs) this.#moveTo(nowMs)
    for (let i = 0; i < latenciesMs.length; i++) this.#current.record(latenciesMs[i] as number)
  }

  /** The last five minutes, less at most one slot. A copy. */
  recent(nowMs: number): Histogram {
    this.#moveTo(nowMs)
    this.#settle()
    const merged = new Histogram()
    for (const slot of this.#slots) if (slot.count > 0) merged.merge(slot)
    return merged
  }

  /** Everything since the start. A copy. */
  lifetime(): Histogram {
    this.#settle()
    const merged = new Histogram()
    merged.merge(this.#ended)
    merged.merge(this.#current)
    return merged
  }

  #moveTo(nowMs: number): void {
    const slot = Math.floor(nowMs / this.#slotMs)
    if (slot <= this.#latest) return
    this.#settle()
    this.#ended.merge(this.#current)
    for (let passed = Math.max(this.#latest + 1, slot - this.#slots.length + 1); passed <= slot; passed++) {
      ;(this.#slots[passed % this.#slots.length] as Histogram).reset()
    }
    this.#latest = slot
    this.#endMs = (slot + 1) * this.#slotMs
    this.#current = this.#slots[slot % this.#slots.length] as Histogram
  }

  #settle(): void {
    for (let i = 0; i < this.#waitingCount; i++) this.#current.record(this.#waiting[i] as number)
    this.#waitingCount = 0
  }
}
