/**
 * Whether the event loop turns, told by a timer: one that fires late proves that nothing else could happen meanwhile either.
 *
 * The same watch works in virtual time, where a stalled node's timers wait. A stall is seen whole only if it outlasts the rest of a tick,
 * so one is told up to a tick shorter than it was.
 */
import type { Env } from '../../base/index.ts'
import type { Stall } from './node-facts.ts'

export interface StallWatch {
  /** Of the last minute; null before the first tick. */
  delays(): { readonly p99_ms: number | null; readonly max_ms: number | null }
  /** The last ones, oldest first. */
  stalls(): readonly Stall[]
  stop(): void
}

/** Time between ticks, ms: half of the shortest stall that is a fault, which is then noted wherever it falls. */
const TICK_MS = 500
/** Ticks of a minute. */
const DELAYS_KEPT = 120
/** Later than this, ms, is a stall worth remembering: a probe's timeout. */
const STALL_NOTED_MS = 500
const STALLS_KEPT = 32

export function createStallWatch({ clock, log: root, timers }: Pick<Env, 'clock' | 'log' | 'timers'>): StallWatch {
  const log = root.scope('core.timer')
  const delays = new Float64Array(DELAYS_KEPT)
  const stalls: Stall[] = []
  let ticks = 0
  let dueMs = clock.monotonic() + TICK_MS

  const stop = timers.every(TICK_MS, () => {
    const now = clock.monotonic()
    const ms = Math.max(0, now - dueMs)
    // What was missed is not made up for: the next tick is due one tick from now.
    dueMs = now + TICK_MS
    delays[ticks % DELAYS_KEPT] = ms
    ticks++
    if (ms < STALL_NOTED_MS) return
    log.warn(`timers ran ${Math.round(ms)} ms late: the event loop stood still, and with it everything this node does`)
    stalls.push({ at: clock.wall(), ms })
    if (stalls.length > STALLS_KEPT) stalls.shift()
  })

  return {
    delays() {
      const known = delays.slice(0, Math.min(ticks, DELAYS_KEPT)).sort()
      if (known.length === 0) return { p99_ms: null, max_ms: null }
      return { p99_ms: known[Math.ceil(known.length * 0.99) - 1] as number, max_ms: known[known.length - 1] as number }
    },
    stalls: () => [...stalls],
    stop,
  }
}
