/**
 * Counts and rates over the latest stretch of time.
 *
 * The window is a ring of equal buckets; the bucket of now is still filling, the oldest falls away whole when time enters a new one. So
 * memory is fixed, a record costs an addition, and the total covers between (buckets - 1) / buckets and all of the window.
 */
import type { Clock } from './env.ts'

export interface SlidingWindowOptions {
  /** Length of the window in milliseconds. */
  readonly windowMs: number
  /** Into how many steps the window falls; more is smoother. */
  readonly buckets: number
}

/** Sums amounts (events, bytes) over the latest `windowMs` of the clock's monotonic time. */
export class SlidingWindow {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #bucketMs: number
  readonly #sums: Float64Array
  readonly #startMs: number
  /** The number of the bucket that is filling, counted from time 0 of the clock. */
  #latest: number
  /** Its place in the ring, and the time at which it ends: kept so that a record needs no division. */
  #slot: number
  #endMs: number
  #total = 0

  constructor(clock: Pick<Clock, 'monotonic'>, options: SlidingWindowOptions) {
    this.#clock = clock
    this.#bucketMs = options.windowMs / options.buckets
    this.#sums = new Float64Array(options.buckets)
    this.#startMs = clock.monotonic()
    this.#latest = Math.floor(this.#startMs / this.#bucketMs)
    this.#slot = this.#latest % options.buckets
    this.#endMs = (this.#latest + 1) * this.#bucketMs
  }

  /** Counts `amount` now. Who has just read the clock passes the reading on as `nowMs`, and saves another, which costs more than the rest. */
  record(amount = 1, nowMs = this.#clock.monotonic()): void {
    if (nowMs >= this.#endMs) this.#moveTo(nowMs)
    this.#sums[this.#slot] = (this.#sums[this.#slot] as number) + amount
    this.#total += amount
  }

  /** The sum of all amounts in the window. */
  total(): number {
    this.#moveTo(this.#clock.monotonic())
    return this.#total
  }

  /**
   * Amount per second over the time the total really covers: less than the window while the window is young, but never less than one
   * bucket, so that a single event right after the start does not look like a flood.
   */
  ratePerSecond(): number {
    const nowMs = this.#clock.monotonic()
    this.#moveTo(nowMs)
    const oldestMs = Math.max(this.#startMs, (this.#latest - this.#sums.length + 1) * this.#bucketMs)
    return (this.#total * 1000) / Math.max(this.#bucketMs, nowMs - oldestMs)
  }

  #moveTo(nowMs: number): void {
    const bucket = Math.floor(nowMs / this.#bucketMs)
    if (bucket <= this.#latest) return
    if (bucket - this.#latest >= this.#sums.length) {
      this.#sums.fill(0)
    } else {
      for (let passed = this.#latest + 1; passed <= bucket; passed++) this.#sums[passed % this.#sums.length] = 0
    }
    this.#latest = bucket
    this.#slot = bucket % this.#sums.length
    this.#endMs = (bucket + 1) * this.#bucketMs
    // Summed anew rather than subtracted: fractions would leave a residue that never decays.
    let total = 0
    for (const sum of this.#sums) total += sum
    this.#total = total
  }
}
