/**
 * Timers that notice how late they fire.
 *
 * When a process stands still (a long computation, a collection of garbage, a starved or suspended machine), its timers fire late and all at
 * once, *before* the messages that arrived meanwhile are read. A failure detector must not take such a timeout for silence of the other
 * side. Each callback is told its lateness; one pause is reported once, by the timer that had to wait longest.
 */
import { type Clock, type DeadlineHandle, DeadlineQueue, type Timers } from '../../base/index.ts'

interface Alarm {
  readonly dueMs: number
  readonly ring: (latenessMs: number) => void
}

export type AlarmHandle = DeadlineHandle<Alarm>

export interface Alarms {
  /** Calls `ring` once, `afterMs` from now. */
  set(afterMs: number, ring: (latenessMs: number) => void): AlarmHandle
  cancel(handle: AlarmHandle | undefined): void
  /** Cancels all. */
  close(): void
}

export interface AlarmsDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly timers: Timers
  /** A pause has ended; `latenessMs` is at least what the first timer missed by. Called before that timer's own callback. */
  readonly onPause: (latenessMs: number) => void
  /** Lateness from which on it is a pause. */
  readonly pauseMs: number
}

export function createAlarms({ clock, timers, onPause, pauseMs }: AlarmsDeps): Alarms {
  let pauseEndedMs = Number.NEGATIVE_INFINITY
  const queue = new DeadlineQueue<Alarm>({
    clock,
    timers,
    onExpire: ({ dueMs, ring }) => {
      const nowMs = clock.monotonic()
      const latenessMs = Math.max(0, nowMs - dueMs)
      if (latenessMs > pauseMs && dueMs > pauseEndedMs) {
        pauseEndedMs = nowMs
        onPause(latenessMs)
      }
      ring(latenessMs)
    },
  })
  return {
    set(afterMs, ring) {
      const dueMs = clock.monotonic() + Math.max(0, afterMs)
      return queue.add({ dueMs, ring }, dueMs)
    },
    cancel(handle) {
      if (handle !== undefined) queue.remove(handle)
    },
    close: () => queue.close(),
  }
}
