/**
 * The load of a client: so many requests in flight, or one after another. Shared by all contenders; what differs is only how a request
 * is made, which each role supplies in the style of its library, promises or callbacks.
 */
import { quantile } from './statistics.ts'

export interface ThroughputInput {
  readonly seconds: number
  readonly inFlight: number
}

export interface LatencyInput {
  readonly seconds: number
}

export interface LoadOperations {
  readonly [operation: string]: (input: never) => Promise<number>
  /** Completed requests a second. */
  readonly throughput: (input: ThroughputInput) => Promise<number>
  /** Median duration of a request, microseconds. */
  readonly latency: (input: LatencyInput) => Promise<number>
}

/** For a library whose calls return promises. */
export function promiseLoad(call: () => Promise<unknown>): LoadOperations {
  return {
    async throughput({ seconds, inFlight }) {
      const window = new Window(seconds)
      async function chain(): Promise<void> {
        do await call()
        while (window.count())
      }
      await Promise.all(Array.from({ length: inFlight }, chain))
      return window.rate
    },

    async latency({ seconds }) {
      const durations: number[] = []
      const end = performance.now() + seconds * 1000
      for (let now = performance.now(); now < end; ) {
        const began = now
        await call()
        now = performance.now()
        durations.push((now - began) * 1000)
      }
      return median(durations)
    },
  }
}

/** For a bare socket: `send` sends one request, and `onReply` is told whom to call for each reply. */
export function callbackLoad(send: () => void, onReply: (receive: () => void) => void): LoadOperations {
  let receive = (): void => {}
  onReply(() => receive())
  return {
    throughput({ seconds, inFlight }) {
      const window = new Window(seconds)
      return new Promise((resolve) => {
        let waiting = inFlight
        receive = () => {
          if (window.count()) send()
          else if (--waiting === 0) resolve(window.rate)
        }
        for (let i = 0; i < inFlight; i++) send()
      })
    },

    latency({ seconds }) {
      const durations: number[] = []
      const end = performance.now() + seconds * 1000
      return new Promise((resolve) => {
        let began = performance.now()
        receive = () => {
          const now = performance.now()
          durations.push((now - began) * 1000)
          if (now >= end) return resolve(median(durations))
          began = now
          send()
        }
        send()
      })
    },
  }
}

/** Looking at the clock costs as much as some requests do, so it is done once in so many. */
const COUNT_BETWEEN_LOOKS = 16

/** Counts completions until the time is over; the rate is over the time really taken up to the last look. */
class Window {
  readonly #startedMs = performance.now()
  readonly #endMs: number
  #count = 0
  #rate: number | undefined

  constructor(seconds: number) {
    this.#endMs = this.#startedMs + seconds * 1000
  }

  /** One more; false once the time is over. */
  count(): boolean {
    if (this.#rate !== undefined) return false
    this.#count++
    if (this.#count % COUNT_BETWEEN_LOOKS !== 0) return true
    const now = performance.now()
    if (now < this.#endMs) return true
    this.#rate = (this.#count * 1000) / (now - this.#startedMs)
    return false
  }

  /** Completions a second; known when {@link count} has said false. */
  get rate(): number {
    return this.#rate ?? Number.NaN
  }
}

function median(durations: readonly number[]): number {
  return quantile(Float64Array.from(durations).sort(), 0.5)
}
