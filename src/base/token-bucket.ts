/**
 * Token buckets: a long-term rate with a burst on top (RFC 2697 calls them committed rate and burst size).
 *
 * Tokens are not added by a timer: the balance is worked out from the time passed when someone asks.
 */
import type { Clock } from './env.ts'

export interface TokenBucketOptions {
  /** Tokens that return each second. */
  readonly ratePerSecond: number
  /** The most tokens saved up, and the balance at the start. */
  readonly burst: number
}

export class TokenBucket {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #ratePerMs: number
  readonly #burst: number
  #tokens: number
  #asOfMs: number

  constructor(clock: Pick<Clock, 'monotonic'>, options: TokenBucketOptions) {
    this.#clock = clock
    this.#ratePerMs = options.ratePerSecond / 1000
    this.#burst = options.burst
    this.#tokens = options.burst
    this.#asOfMs = clock.monotonic()
  }

  /** Takes `tokens` if the balance covers them; otherwise takes nothing and returns false. */
  tryTake(tokens = 1): boolean {
    this.#refill()
    if (this.#tokens < tokens) return false
    this.#tokens -= tokens
    return true
  }

  /** Milliseconds until `tokens` will be there if nobody takes any; Infinity when they never will (more than the burst). */
  waitMs(tokens = 1): number {
    this.#refill()
    if (tokens > this.#burst) return Number.POSITIVE_INFINITY
    return Math.max(0, (tokens - this.#tokens) / this.#ratePerMs)
  }

  /** Whether the bucket is back where it started, so that forgetting it changes nothing. */
  get full(): boolean {
    this.#refill()
    return this.#tokens >= this.#burst
  }

  #refill(): void {
    const nowMs = this.#clock.monotonic()
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#asOfMs) * this.#ratePerMs)
    this.#asOfMs = nowMs
  }
}

export interface KeyedRateLimiterOptions extends TokenBucketOptions {
  /** The most keys remembered at once. */
  readonly keysMax: number
}

/**
 * One token bucket for each key (client, peer, tenant), for a bounded number of keys. When a new key finds no room, the key that
 * has asked for nothing the longest is forgotten; it starts again with a full burst, which favours callers over memory.
 */
export class KeyedRateLimiter {
  /** Keys forgotten before their bucket was full again: above 0, `keysMax` is too small for the traffic. */
  evictedEarly = 0
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #options: KeyedRateLimiterOptions
  /** In order of last use: a Map iterates in order of insertion, and a key used is inserted again. */
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(clock: Pick<Clock, 'monotonic'>, options: KeyedRateLimiterOptions) {
    this.#clock = clock
    this.#options = options
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /** Takes `tokens` from the bucket of `key`; false when that key is over its rate. */
  tryTake(key: string, tokens = 1): boolean {
    return this.#bucket(key).tryTake(tokens)
  }

  /** Milliseconds until `key` may take `tokens`: what a "retry after" says. Remembers nothing about a key not seen. */
  waitMs(key: string, tokens = 1): number {
    return (this.#buckets.get(key) ?? new TokenBucket(this.#clock, this.#options)).waitMs(tokens)
  }

  #bucket(key: string): TokenBucket {
    const known = this.#buckets.get(key)
    if (known !== undefined) {
      this.#buckets.delete(key)
      this.#buckets.set(key, known)
      return known
    }
    if (this.#buckets.size >= this.#options.keysMax) this.#evictOldest()
    const bucket = new TokenBucket(this.#clock, this.#options)
    this.#buckets.set(key, bucket)
    return bucket
  }

  #evictOldest(): void {
    for (const [key, bucket] of this.#buckets) {
      if (!bucket.full) this.evictedEarly++
      this.#buckets.delete(key)
      return
    }
  }
}
