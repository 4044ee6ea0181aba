/**
 * A set that forgets: a key is remembered for at least the window, unless more keys than half the bound come in meanwhile.
 *
 * Two generations hold the keys: the younger one takes new keys, and when it is full or old enough it becomes the elder one, whose keys are let
 * go all at once. So forgetting costs nothing per key.
 */
import type { Clock } from './env.ts'

export interface RecentSetOptions {
  /** A key is remembered at least this long while the bound allows it, ms. */
  readonly windowMs: number
  /** Keys of both generations together. */
  readonly keysMax: number
}

export class RecentSet {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #windowMs: number
  readonly #generationMax: number
  #younger = new Set<string>()
  #elder = new Set<string>()
  #bornMs: number

  constructor(clock: Pick<Clock, 'monotonic'>, { keysMax, windowMs }: RecentSetOptions) {
    this.#clock = clock
    this.#windowMs = windowMs
    this.#generationMax = Math.max(1, keysMax >> 1)
    this.#bornMs = clock.monotonic()
  }

  get size(): number {
    return this.#younger.size + this.#elder.size
  }

  has(key: string): boolean {
    return this.#younger.has(key) || this.#elder.has(key)
  }

  /** True when it is news, which it then no longer is. */
  add(key: string): boolean {
    if (this.has(key)) return false
    const nowMs = this.#clock.monotonic()
    if (this.#younger.size >= this.#generationMax || nowMs - this.#bornMs >= this.#windowMs) {
      // After a long silence the younger one is as old as the elder one should be.
      this.#elder = nowMs - this.#bornMs >= 2 * this.#windowMs ? new Set() : this.#younger
      this.#younger = new Set()
      this.#bornMs = nowMs
    }
    this.#younger.add(key)
    return true
  }
}
