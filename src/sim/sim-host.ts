/**
 * A simulated machine: its clocks, its luck, its log, and whether the program on it runs.
 *
 * All hosts share one time line; each sees it through clocks of its own that may be wrong (skew) and run fast or slow (drift). What a
 * program has running is its incarnation. A crash ends the incarnation: whatever it still had pending, timers, deliveries, continuations,
 * comes to nothing, and the next start is a new program. A stall holds an incarnation up as SIGSTOP does: its timers and its inbox wait,
 * clocks go on, and afterwards everything that has come due happens in order.
 */
import type { Cancel, Env, LogScope, Random } from '../base/index.ts'
import { createLog } from '../telemetry/index.ts'
import { runStep, type StepOwner } from './real-io.ts'
import type { World } from './world.ts'

/** Log records a host keeps; the oldest go first. */
const LOG_RECORDS_MAX = 500

/** Steps of one program at one instant; an honest one has a few hundred. */
const STEPS_AT_ONCE_MAX = 100_000

export interface LogRecord {
  readonly atMs: number
  readonly level: string
  readonly scope: string
  readonly message: string
}

export class SimHost {
  readonly name: string
  readonly world: World
  /** The program now on it; undefined while the host is down. */
  incarnation: Incarnation | undefined
  /** Programs started so far. */
  incarnations = 0
  /** False after a power failure: nothing answers for the host, not even with a refusal. */
  powered = true
  /** Hosts on different islands do not hear each other. */
  island = 0
  /** Called when a stall begins and when the host is running again. */
  onStall: ((stalled: boolean) => void) | undefined
  readonly #records: LogRecord[] = []
  #skewSeconds = 0
  /** Rate of the clocks: 1.0001 gains 0.1 ms a second. */
  #rate = 1
  /** Local monotonic time at `#rateSinceMs` of the time line. */
  #localMs = 0
  #rateSinceMs = 0
  /** Steps that wait; undefined while nothing has to. */
  #backlog: (() => void)[] | undefined
  #draining = false
  #drained = 0
  #stalls = 0

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
  }

  get stalled(): boolean {
    return this.#backlog !== undefined
  }

  /** Puts a new program on the host. */
  boot(): Incarnation {
    if (this.incarnation !== undefined) throw new Error(`host ${this.name} is up already`)
    this.powered = true
    this.incarnation = new Incarnation(this, ++this.incarnations)
    return this.incarnation
  }

  /** Ends the program, in the middle of whatever it was doing. */
  kill(): void {
    if (this.incarnation !== undefined) this.incarnation.alive = false
    this.incarnation = undefined
    this.#endStall()
  }

  /** Holds the program up for `ms`; a stall during a stall lengthens it. */
  stall(ms: number): void {
    const stall = ++this.#stalls
    const running = this.#backlog === undefined
    // A stall that begins before the last one's backlog is through takes over what is left of it.
    this.#backlog = this.#backlog?.slice(this.#drained) ?? []
    this.#draining = false
    this.#drained = 0
    if (running) this.onStall?.(true)
    this.world.time.timers.after(ms, () => {
      if (stall === this.#stalls) this.resume()
    })
  }

  /** Ends a stall: what waited happens now, one thing after another, and what arrives meanwhile after it. */
  resume(): void {
    this.#stalls++
    if (this.#backlog !== undefined && !this.#draining) this.#drain(this.#backlog)
  }

  #drain(backlog: (() => void)[]): void {
    this.#draining = true
    // Each in an event of its own, so that the continuations of one have run before the next.
    const one = () => {
      if (this.#backlog !== backlog) return
      backlog[this.#drained++]?.()
      if (this.#backlog !== backlog) return
      if (this.#drained < backlog.length) this.world.time.timers.after(0, one)
      else this.#endStall()
    }
    this.world.time.timers.after(0, one)
  }

  #endStall(): void {
    if (this.#backlog === undefined) return
    this.#backlog = undefined
    this.#draining = false
    this.#drained = 0
    this.onStall?.(false)
  }

  /** Keeps a step for when the stall is over. */
  defer(step: () => void): void {
    this.#backlog?.push(step)
  }

  /** Moves the wall clock, as an operator or NTP would. */
  skew(seconds: number): void {
    this.#skewSeconds += seconds
  }

  /** Makes both clocks, and timers armed from now on, run fast (positive) or slow, in parts per million. */
  drift(partsPerMillion: number): void {
    const now = this.world.time.clock.monotonic()
    this.#localMs = this.monotonic()
    this.#rateSinceMs = now
    this.#rate = 1 + partsPerMillion / 1e6
  }

  monotonic(): number {
    return this.#localMs + (this.world.time.clock.monotonic() - this.#rateSinceMs) * this.#rate
  }

  wall(): number {
    const { clock } = this.world.time
    return clock.wall() + (this.monotonic() - clock.monotonic()) / 1000 + this.#skewSeconds
  }

  /** Milliseconds of the time line in `ms` of this host's clock. */
  lineMs(ms: number): number {
    return ms / this.#rate
  }

  /** A record of a program's log (JSON format). */
  logged(record: string): void {
    const { error, level, message, scope } = JSON.parse(record) as { level: string; scope: string; message: string; error?: string }
    const told = error === undefined ? message : `${message}: ${error.split('\n', 1)[0]}`
    if (this.#records.length === LOG_RECORDS_MAX) this.#records.shift()
    this.#records.push({ atMs: this.world.time.clock.monotonic(), level, scope, message: told })
    this.world.note(this.name, `${level} ${scope}: ${told}`)
  }

  /** The newest records of all its programs. */
  get records(): readonly LogRecord[] {
    return this.#records
  }
}

interface HostTimer {
  /** Undefined once cancelled or fired. */
  fn: (() => void) | undefined
}

/** One run of a program on a host, and its view of the world. */
export class Incarnation implements StepOwner {
  readonly host: SimHost
  readonly number: number
  readonly env: Env
  alive = true
  #instantMs = -1
  #stepsNow = 0

  constructor(host: SimHost, number: number) {
    this.host = host
    this.number = number
    const { world } = host
    const random: Random = world.random(`${host.name}/${number}`)
    const clock = { wall: () => host.wall(), monotonic: () => host.monotonic() }
    const log: LogScope = createLog({ clock, level: 'WARNING', debugScopes: [], format: 'json', sink: (line) => this.log(line) }).root
    this.env = { clock, random, log, timers: { after: (ms, fn) => this.#after(ms, fn), every: (ms, fn) => this.#every(ms, fn) } }
  }

  /** Runs a step of the program: now, after the stall, or never when the program is gone. */
  enter(fn: () => void): void {
    if (!this.alive) return
    if (this.host.stalled) this.host.defer(() => this.#step(fn))
    else this.#step(fn)
  }

  #step(fn: () => void): void {
    if (!this.alive || this.#isStuck()) return
    runStep(this, () => {
      try {
        fn()
      } catch (error) {
        this.host.world.fault('uncaught_error', this.host.name, whereOf(error))
      }
    })
  }

  /** A program that does more and more at one instant never lets time go on: it is ended. */
  #isStuck(): boolean {
    const { world } = this.host
    const nowMs = world.time.clock.monotonic()
    if (nowMs !== this.#instantMs) {
      this.#instantMs = nowMs
      this.#stepsNow = 0
    }
    if (++this.#stepsNow <= STEPS_AT_ONCE_MAX) return false
    world.fault('livelock', this.host.name, `${STEPS_AT_ONCE_MAX} steps without time going on`)
    this.alive = false
    return true
  }

  log(record: string): void {
    if (this.alive) this.host.logged(record)
  }

  realIo(resource: string): void {
    if (this.alive) this.host.world.fault('real_io', this.host.name, `${resource}: simulated code may use only its Env`)
  }

  #after(ms: number, fn: () => void): Cancel {
    const timer: HostTimer = { fn }
    if (!this.alive) return () => {}
    const cancel = this.host.world.time.timers.after(this.host.lineMs(Math.max(0, ms)), () => {
      // Cancelled while it waited for the end of a stall: then there is nothing left to run.
      this.enter(() => {
        const due = timer.fn
        timer.fn = undefined
        due?.()
      })
    })
    return () => {
      timer.fn = undefined
      cancel()
    }
  }

  /** A periodic timer that is late goes on from where it is, as the platform's do; it does not catch up. */
  #every(ms: number, fn: () => void): Cancel {
    const periodMs = Math.max(1, ms)
    let cancel: Cancel
    const arm = () => {
      cancel = this.#after(periodMs, () => {
        arm()
        fn()
      })
    }
    arm()
    return () => cancel()
  }
}

/** Message and first own line of the stack: enough to find the place, and the same on every machine. */
function whereOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const frame = /\/((?:src|test)\/[^\s)]+:\d+):\d+/.exec(error.stack ?? '')
  return `${error.name}: ${error.message.split('\n', 1)[0]}${frame === null ? '' : ` (${frame[1]})`}`
}
