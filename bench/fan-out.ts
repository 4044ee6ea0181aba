/**
 * The load of one publisher with its subscribers: so many publications await their acknowledgement at any time. The clock stops when the
 * last delivery is in, so that nobody gains by piling up work.
 */
export interface FanOutInput {
  readonly seconds: number
  readonly inFlight: number
}

export interface FanOutOperations {
  readonly [operation: string]: (input: never) => Promise<number>
  /** Deliveries a second, over all subscribers. */
  readonly deliveries: (input: FanOutInput) => Promise<number>
}

export interface FanOut {
  /** To be called for each message that reaches a subscriber. */
  readonly delivered: () => void
  readonly operations: FanOutOperations
}

/** @param publish publishes once and calls back when that is acknowledged */
export function fanOut(subscribers: number, publish: (acknowledged: () => void) => void): FanOut {
  let count = 0
  let expected = Number.POSITIVE_INFINITY
  let complete = (): void => {}

  return {
    delivered() {
      if (++count === expected) complete()
    },

    operations: {
      deliveries({ seconds, inFlight }) {
        count = 0
        expected = Number.POSITIVE_INFINITY
        const began = performance.now()
        const end = began + seconds * 1000
        let published = inFlight
        let waiting = inFlight
        return new Promise((resolve) => {
          complete = () => resolve((count * 1000) / (performance.now() - began))
          function acknowledged(): void {
            if (performance.now() < end) {
              published++
              publish(acknowledged)
            } else if (--waiting === 0) {
              expected = published * subscribers
              if (count === expected) complete()
            }
          }
          for (let i = 0; i < inFlight; i++) publish(acknowledged)
        })
      },
    },
  }
}
