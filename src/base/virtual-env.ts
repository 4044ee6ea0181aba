/**
 * Virtual time: an {@link Env} in which nothing happens until a test or a simulation says so.
 *
 *     const env = createVirtualEnv({ seed: 7 })
 *     env.timers.after(30_000, () => expire())
 *     await env.advance(30_000)            // expire() has run, and every promise it settled has been followed
 *
 * Due timers run in the order (time, insertion), one at a time; after each one promise continuations run dry before the next, so a
 * program's behaviour depends on the seed and on nothing else.
 */
import { heapPop, heapPush } from './binary-heap.ts'
import type { Cancel, Clock, Env, LogScope, Timers } from './env.ts'
import { createSeededRandom } from './random.ts'
import { macroTurn } from './real-env.ts'
import { silentLog } from './silent-log.ts'

export interface VirtualTimeOptions {
  /** Unix seconds at the start; default 1 700 000 000. */
  readonly startWall?: number
  /**
   * Runs what a timer does; true when that left no promise continuations behind, so that there is nothing to wait for before the next. By
   * default nobody knows, and it is always waited for.
   */
  readonly ranDry?: (step: () => void) => boolean
}

/** Timers run on end, without a look at the real event loop, at most so many. */
const DRY_STEPS_MAX = 1_000

/** One time line: a clock and its timers. Several Envs (the nodes of a simulation) may share it. */
export interface VirtualTime {
  readonly clock: Clock
  readonly timers: Timers
  /** Timers armed and neither fired nor cancelled; a periodic timer counts as one. */
  readonly pendingTimers: number
  /** Lets `ms` milliseconds pass. Rejects with the first error a callback threw, after all due timers have run. */
  advance(ms: number): Promise<void>
  /**
   * Lets time pass, event by event, until `condition` holds; resolves with whether it came to hold within `limitMs` milliseconds.
   * Checked before the first and after every event.
   */
  runUntil(condition: () => boolean, limitMs: number): Promise<boolean>
  /** Steps the wall clock by `seconds` (may be negative) as an operator or NTP would; monotonic time and timers do not notice. */
  shiftWall(seconds: number): void
}

export interface VirtualEnvOptions extends VirtualTimeOptions {
  /** Fixes every random decision; text seeds make independent streams. */
  readonly seed: number | string
  /** Default: {@link silentLog}. */
  readonly log?: LogScope
}

export interface VirtualEnv extends Env, VirtualTime {}

/** An Env in virtual time, with all chance fixed by `seed`. */
export function createVirtualEnv(options: VirtualEnvOptions): VirtualEnv {
  const time = createVirtualTime(options)
  const random = createSeededRandom(options.seed, () => time.clock.wall() * 1000)
  return {
    clock: time.clock,
    timers: time.timers,
    random,
    log: options.log ?? silentLog,
    get pendingTimers() {
      return time.pendingTimers
    },
    advance: time.advance,
    runUntil: time.runUntil,
    shiftWall: time.shiftWall,
  }
}

interface Timer {
  dueMs: number
  order: number
  /** Undefined once cancelled or fired: the heap is cleaned lazily. */
  fn: (() => void) | undefined
  /** The period of `every`; 0 for `after`. */
  readonly everyMs: number
}

/** A clock at 0 monotonic milliseconds and no timers. */
export function createVirtualTime(options: VirtualTimeOptions = {}): VirtualTime {
  let startWall = options.startWall ?? 1_700_000_000
  let nowMs = 0
  let order = 0
  let pending = 0
  let running = false
  let drySteps = 0
  const { ranDry = neverDry } = options
  const heap: Timer[] = []

  const schedule = (ms: number, everyMs: number, fn: () => void): Cancel => {
    const timer: Timer = { dueMs: nowMs + Math.max(0, ms), order: order++, fn, everyMs }
    heapPush(heap, timer, runsBefore)
    pending++
    return () => {
      if (timer.fn === undefined) return
      timer.fn = undefined
      pending--
    }
  }

  const nextTimer = (): Timer | undefined => {
    while (heap.length > 0 && heap[0]?.fn === undefined) heapPop(heap, runsBefore)
    return heap[0]
  }

  /** Runs the earliest timer due by `limitMs`, if there is one. `left`: what follows from it has still to run. */
  const step = (limitMs: number, errors: unknown[]): 'none' | 'done' | 'left' => {
    const timer = nextTimer()
    if (timer?.fn === undefined || timer.dueMs > limitMs) return 'none'
    const fn = timer.fn
    heapPop(heap, runsBefore)
    nowMs = Math.max(nowMs, timer.dueMs)
    if (timer.everyMs > 0) {
      timer.dueMs += timer.everyMs
      timer.order = order++
      heapPush(heap, timer, runsBefore)
    } else {
      timer.fn = undefined
      pending--
    }
    const isDry = ranDry(() => {
      try {
        fn()
      } catch (error) {
        errors.push(error)
      }
    })
    if (isDry && ++drySteps < DRY_STEPS_MAX) return 'done'
    drySteps = 0
    return 'left'
  }

  const run = async (limitMs: number, done: () => boolean): Promise<boolean> => {
    if (running) throw new Error('Virtual time is already being advanced; a callback must not advance it')
    running = true
    const errors: unknown[] = []
    try {
      // What the caller did just before may have continuations that arm timers.
      await macroTurn()
      let reached = done()
      while (!reached) {
        const outcome = step(limitMs, errors)
        if (outcome === 'none') break
        if (outcome === 'left') await macroTurn()
        reached = done()
      }
      if (!reached) {
        nowMs = Math.max(nowMs, limitMs)
        reached = done()
      }
      if (errors.length > 0) throw errors[0]
      return reached
    } finally {
      running = false
    }
  }

  return {
    clock: { wall: () => startWall + nowMs / 1000, monotonic: () => nowMs },
    timers: {
      after: (ms, fn) => schedule(ms, 0, fn),
      every: (ms, fn) => schedule(Math.max(1, ms), Math.max(1, ms), fn),
    },
    get pendingTimers() {
      return pending
    },
    advance: async (ms) => {
      await run(nowMs + ms, () => false)
    },
    runUntil: (condition, limitMs) => run(nowMs + limitMs, condition),
    shiftWall: (seconds) => {
      startWall += seconds
    },
  }
}

function neverDry(step: () => void): boolean {
  step()
  return false
}

const runsBefore = (a: Timer, b: Timer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
