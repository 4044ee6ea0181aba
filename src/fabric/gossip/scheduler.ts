/**
 * When to pass messages on, and how many at once.
 *
 * The interval falls while the queue is long and rises while it is short, within a tenth and ten times of what is configured.
 */
import type { Clock } from '../../base/index.ts'
import { BYTES_PER_MESSAGE_ESTIMATE } from './constants.ts'
import type { GossipDiagnostics } from './ports.ts'

const QUEUE_LONG = 10
const QUEUE_SHORT = 3
/** Cycles whose bandwidth is averaged. */
const BANDWIDTH_SAMPLES = 100
/** Timers may fire a rounding early. */
const EARLY_MS = 0.5

/** The interval after one that found `pending` messages in the queue; both in seconds. */
export function nextInterval(interval: number, base: number, pending: number): number {
  if (pending > QUEUE_LONG) return Math.max(interval * 0.8, base * 0.1)
  if (pending < QUEUE_SHORT) return Math.min(interval * 1.2, base * 10)
  return interval
}

/** How many of `pending` messages one cycle takes, with `peers` connected: more per peer the longer the queue is. */
export function dequeueBudget(peers: number, pending: number): number {
  if (peers <= 0) return 0
  const ratio = pending / peers
  const perPeer = ratio >= 8 ? 8 : ratio >= 4 ? 6 : ratio >= 2 ? 4 : 2
  return Math.min(Math.max(10, 2 * peers, perPeer * peers), ratio >= 8 ? 512 : 256)
}

export interface SchedulerOptions {
  /** Seconds. */
  readonly interval: number
  readonly fanout: number
  readonly strategy: string
}

export interface SchedulerSnapshot {
  readonly gossip_interval: number
  readonly adaptive_interval: number
  readonly fanout: number
  readonly strategy: string
  readonly gossip_cycles: number
  readonly pending_messages: number
  /** Bytes per cycle, over the latest hundred cycles; an estimate from message counts. */
  readonly avg_bandwidth_usage: number
  /** Unix seconds; 0 before the first cycle. */
  readonly last_gossip_time: number
}

export interface Scheduler {
  /** Whether a cycle is due with that many messages waiting. */
  shouldGossip(pending: number): boolean
  /** Adapts the interval and returns it, in seconds. */
  nextInterval(pending: number): number
  /** Makes the next cycle due at once. */
  hurry(): void
  recordCycle(messagesSent: number, pendingBefore: number, pendingAfter: number): void
  /** The queue changed outside a cycle. */
  updatePending(pendingBefore: number, pendingAfter: number): void
  snapshot(pending: number): SchedulerSnapshot
}

export function createScheduler(
  { clock, nodeId, diagnostics }: { readonly clock: Clock; readonly nodeId: string; readonly diagnostics: GossipDiagnostics },
  { interval: base, fanout, strategy }: SchedulerOptions,
): Scheduler {
  let interval = base
  let cycles = 0
  let lastWall = 0
  let lastMs = Number.NEGATIVE_INFINITY
  const bandwidth: number[] = []

  function line(text: () => string): void {
    if (diagnostics.enabled('gossip_sched')) diagnostics.line('gossip_sched', `[DIAG_GOSSIP_SCHED] node=${nodeId} ${text()}`)
  }

  return {
    shouldGossip(pending) {
      const elapsed = lastMs === Number.NEGATIVE_INFINITY ? clock.wall() - lastWall : (clock.monotonic() - lastMs) / 1000
      const figures = (): string =>
        `pending=${pending} elapsed=${elapsed.toFixed(4)}s interval=${interval.toFixed(4)}s cycles=${cycles} fanout=${fanout} strategy=${strategy}`
      if (clock.monotonic() - lastMs < interval * 1000 - EARLY_MS) {
        if (pending > 0) line(() => `action=should_gossip decision=false reason=interval_guard ${figures()}`)
        return false
      }
      line(() => `action=should_gossip decision=${pending > 0} reason=ready_check ${figures()}`)
      return pending > 0
    },
    nextInterval(pending) {
      const before = interval
      interval = nextInterval(interval, base, pending)
      line(
        () =>
          `action=next_interval pending=${pending} prev_interval=${before.toFixed(4)}s new_interval=${interval.toFixed(4)}s ` +
          `min_interval=${(base * 0.1).toFixed(4)}s max_interval=${(base * 10).toFixed(4)}s`,
      )
      return interval
    },
    hurry() {
      lastMs = Number.NEGATIVE_INFINITY
      lastWall = 0
    },
    recordCycle(messagesSent, pendingBefore, pendingAfter) {
      cycles++
      lastMs = clock.monotonic()
      lastWall = clock.wall()
      const used = messagesSent * BYTES_PER_MESSAGE_ESTIMATE
      bandwidth.push(used)
      if (bandwidth.length > BANDWIDTH_SAMPLES) bandwidth.shift()
      line(
        () =>
          `action=record_cycle messages_sent=${messagesSent} bandwidth_used=${used} pending_before=${pendingBefore} ` +
          `pending_after=${pendingAfter} cycles_before=${cycles - 1} cycles_after=${cycles} last_gossip_time=${lastWall.toFixed(6)}`,
      )
    },
    updatePending(pendingBefore, pendingAfter) {
      line(() => `action=update_pending pending_before=${pendingBefore} pending_after=${pendingAfter} requested=${pendingAfter}`)
    },
    snapshot: (pending) => ({
      gossip_interval: base,
      adaptive_interval: interval,
      fanout,
      strategy,
      gossip_cycles: cycles,
      pending_messages: pending,
      avg_bandwidth_usage: bandwidth.length === 0 ? 0 : bandwidth.reduce((sum, bytes) => sum + bytes, 0) / bandwidth.length,
      last_gossip_time: lastWall,
    }),
  }
}
