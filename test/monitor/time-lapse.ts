/**
 * Time-lapse: the real world, with every second taking a fraction of one. A node lives in it as it does anywhere, on real sockets; what it does
 * every few seconds, or judges over minutes, can be seen in a test.
 */
import { createRealEnv, type Env, silentLog } from '../../src/base/index.ts'

export function createTimeLapse(speed: number): Env {
  const { clock, log, random, timers } = createRealEnv({ log: silentLog })
  const startedAt = clock.wall()
  return {
    log,
    random,
    clock: { wall: () => startedAt + (clock.wall() - startedAt) * speed, monotonic: () => clock.monotonic() * speed },
    timers: { after: (ms, fn) => timers.after(ms / speed, fn), every: (ms, fn) => timers.every(ms / speed, fn) },
  }
}
