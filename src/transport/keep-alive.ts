/**
 * Keep-alive of thousands of connections with one timer.
 *
 * Each connection knows when its next ping is due and since when it waits for a pong; a single periodic sweep asks all of them. The
 * first ping of a connection falls at a random point of the interval, so that connections opened together are not pinged together.
 *
 * Time is counted in sweeps, not on the wall: when this process itself stood still (a long computation, a suspended machine), the pongs
 * are waiting unread in the kernel, and no peer may be blamed for them.
 */

import type { Cancel, Env } from '../base/index.ts'

export interface KeepAliveSubject {
  readonly pingIntervalMs: number
  readonly pongTimeoutMs: number
  /** Acts on what is due at `nowMs`, in the time {@link KeepAlive.nowMs} counts. */
  sweep(nowMs: number): void
}

/** Longest time between two sweeps, ms: how late a ping or a timeout may come. */
const SWEEP_MS_MAX = 1_000
/** Sweeps per shortest period of any subject. */
const SWEEPS_PER_PERIOD = 4

export class KeepAlive {
  readonly #env: Env
  readonly #subjects = new Set<KeepAliveSubject>()
  #periodMs = Number.POSITIVE_INFINITY
  #cancel: Cancel | undefined
  #nowMs = 0
  #sweptAtMs = 0

  constructor(env: Env) {
    this.#env = env
  }

  get size(): number {
    return this.#subjects.size
  }

  /** Milliseconds this process has been awake and watching. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Starts watching and returns when the first ping is due. */
  add(subject: KeepAliveSubject): number {
    this.#subjects.add(subject)
    const wanted = Math.min(SWEEP_MS_MAX, Math.max(1, Math.min(subject.pingIntervalMs, subject.pongTimeoutMs) / SWEEPS_PER_PERIOD))
    if (this.#cancel === undefined || wanted < this.#periodMs) {
      this.#cancel?.()
      this.#periodMs = wanted
      this.#sweptAtMs = this.#env.clock.monotonic()
      this.#cancel = this.#env.timers.every(wanted, () => this.#sweep())
    }
    return this.#nowMs + subject.pingIntervalMs * (0.5 + this.#env.random.next() / 2)
  }

  delete(subject: KeepAliveSubject): void {
    this.#subjects.delete(subject)
    if (this.#subjects.size > 0) return
    this.#cancel?.()
    this.#cancel = undefined
    this.#periodMs = Number.POSITIVE_INFINITY
  }

  #sweep(): void {
    const atMs = this.#env.clock.monotonic()
    this.#nowMs += Math.min(atMs - this.#sweptAtMs, this.#periodMs * 2)
    this.#sweptAtMs = atMs
    for (const subject of this.#subjects) subject.sweep(this.#nowMs)
  }
}
