/**
 * Requests that succeeded and of which no story is kept: of each only its duration counts. They are written down one after another, and told to those
 * who measure by the hundred, or when one of them is read: each by itself would fetch what a busy node has long replaced in its caches.
 */
import type { EventLog } from './event-log.ts'
import type { SystemMeter } from './system-meter.ts'

export interface RequestTally {
  /** @param nowMs monotonic, when it ended */
  add(durationMs: number, nowMs: number): void
  /** Tells what was written down. To be called before anything is read, and before they are told of what came later. */
  settle(): void
}

const WAITING_MAX = 256
/** What waits ended within one of these stretches: windows move by whole ones. */
const STRETCH_MS = 1_000

export function createRequestTally(meter: Pick<SystemMeter, 'recordAll'>, events: Pick<EventLog, 'leftOut'>): RequestTally {
  const durations = new Float64Array(WAITING_MAX)
  let waiting = 0
  let stretchEndMs = Number.NEGATIVE_INFINITY

  function settle(): void {
    if (waiting === 0) return
    const told = durations.subarray(0, waiting)
    waiting = 0
    const atMs = stretchEndMs - STRETCH_MS
    meter.recordAll(told, atMs)
    events.leftOut(told, atMs)
  }

  return {
    add(durationMs, nowMs) {
      if (nowMs >= stretchEndMs) {
        settle()
        stretchEndMs = (Math.floor(nowMs / STRETCH_MS) + 1) * STRETCH_MS
      }
      durations[waiting++] = durationMs
      if (waiting === WAITING_MAX) settle()
    },
    settle,
  }
}
