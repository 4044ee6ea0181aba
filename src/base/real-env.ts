/**
 * The real world as an {@link Env}: the system's clock, timers and entropy. The only file of this room that touches them.
 *
 * Uses only what Node.js and browsers share (`Date`, `performance`, `setTimeout`, `crypto.getRandomValues`). Pending timers keep a
 * Node.js process alive, as is the platform's default: whoever owns a timer cancels it when it closes.
 */
import type { Cancel, Clock, Env, LogScope, Random, Timers } from './env.ts'
import { createRandom } from './random.ts'

export interface RealEnvOptions {
  /** Where log lines go; errors thrown by periodic callbacks are reported here. */
  readonly log: LogScope
}

/** An Env over the system. `wall()` follows every change of the system's clock; `monotonic()` never does. */
export function createRealEnv(options: RealEnvOptions): Env {
  return { clock: realClock, timers: createTimers(options.log), random: createSystemRandom(), log: options.log }
}

/**
 * Resolves after every promise continuation that is ready now, and those they make ready, have run. The virtual clock awaits one
 * between two events: awaiting a mere promise tick would let continuations lag behind virtual time.
 */
export function macroTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
}

/** Randomness from the platform's cryptographic generator, fetched in blocks so that one word costs a few nanoseconds. */
export function createSystemRandom(): Random {
  const block = new Uint32Array(1024)
  let used = block.length
  const next32 = (): number => {
    if (used === block.length) {
      crypto.getRandomValues(block)
      used = 0
    }
    const word = block[used] as number
    // A word handed out may become part of a secret: do not keep it around.
    block[used++] = 0
    return word
  }
  return createRandom(next32, () => Date.now())
}

export const realClock: Clock = {
  wall: () => Date.now() / 1000,
  monotonic: () => performance.now(),
}

/** setTimeout takes a 32-bit delay and fires at once beyond it. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

function createTimers(log: LogScope): Timers {
  const after = (ms: number, fn: () => void): Cancel => {
    let rest = ms
    // Delays are cut to whole milliseconds by the platform: rounding up keeps the promise "not before".
    const arm = () => setTimeout(onTimeout, Math.ceil(Math.min(rest, TIMEOUT_MS_MAX)))
    const onTimeout = (): void => {
      rest -= TIMEOUT_MS_MAX
      if (rest > 0) handle = arm()
      else fn()
    }
    let handle = arm()
    return () => clearTimeout(handle)
  }

  const every = (ms: number, fn: () => void): Cancel => {
    const handle = setInterval(
      () => {
        try {
          fn()
        } catch (error) {
          log.scope('tasks').error('A periodic callback failed; it stays scheduled', error)
        }
      },
      Math.ceil(Math.min(ms, TIMEOUT_MS_MAX)),
    )
    return () => clearInterval(handle)
  }

  return { after, every }
}
