/**
 * Where the messages of a queue wait: for their time (delayed), for a subscriber or whoever pulls (ready), or, when no subscriber wants them,
 * for whoever pulls and for new subscribers (parked). It also keeps every message's next deadline, in flight or not, with one timer for all.
 */
import { DeadlineQueue, type Env } from '../base/index.ts'
import type { StoredMessage } from './stored-message.ts'
import { comesBefore, WaitingMessages } from './waiting-messages.ts'

export interface WaitingRoomDeps {
  readonly env: Pick<Env, 'clock' | 'timers'>
  /** There is something to deliver. */
  onReady(): void
  /** It has waited longer than it may, and is gone. */
  onExpired(stored: StoredMessage): void
  /** Nobody acknowledged it in time; it is in flight still. */
  onTimeout(stored: StoredMessage): void
}

export interface WaitingRoom {
  readonly size: number
  /** Something is ready or parked. */
  readonly hasReady: boolean
  /** Takes in a message: it is delayed, ready, or expired already. */
  enter(stored: StoredMessage): void
  /** The first that is ready, taken out; one that is only parked is not looked at. */
  takeReady(): StoredMessage | undefined
  /** The first that is ready or parked; it stays. */
  first(): StoredMessage | undefined
  /** The same, taken out. */
  takeFirst(): StoredMessage | undefined
  park(stored: StoredMessage): void
  /** All that are parked are ready again. */
  unpark(): void
  /** The message is due at `dueMs`, and not at any other time. */
  arm(stored: StoredMessage, dueMs: number): void
  disarm(stored: StoredMessage): void
  close(): void
}

export function createWaitingRoom({ env: { clock, timers }, onExpired, onReady, onTimeout }: WaitingRoomDeps): WaitingRoom {
  const ready = new WaitingMessages<StoredMessage>()
  const parked = new WaitingMessages<StoredMessage>()
  const deadlines = new DeadlineQueue<StoredMessage>({ clock, timers, onExpire: due })
  let delayed = 0

  function put(stored: StoredMessage, place: 'delayed' | 'ready' | 'parked'): void {
    stored.place = place
    if (place === 'ready') ready.add(stored)
    else if (place === 'parked') parked.add(stored)
    else delayed++
    const dueMs = place === 'delayed' ? Math.min(stored.readyMs, stored.expiresMs) : stored.expiresMs
    if (dueMs !== Number.POSITIVE_INFINITY) arm(stored, dueMs)
  }

  function arm(stored: StoredMessage, dueMs: number): void {
    disarm(stored)
    stored.deadline = deadlines.add(stored, dueMs)
  }

  function disarm(stored: StoredMessage): void {
    if (stored.deadline !== undefined) deadlines.remove(stored.deadline)
    stored.deadline = undefined
  }

  function due(stored: StoredMessage): void {
    stored.deadline = undefined
    const { place } = stored
    if (place === 'in_flight') return onTimeout(stored)
    if (place === 'delayed') {
      delayed--
      if (stored.expiresMs <= stored.readyMs) return expire(stored)
      put(stored, 'ready')
      return onReady()
    }
    expire(stored)
    const room = place === 'ready' ? ready : parked
    room.noteGone()
  }

  function expire(stored: StoredMessage): void {
    disarm(stored)
    stored.place = 'gone'
    onExpired(stored)
  }

  /** The first one that has not expired: the timer may be late. */
  function firstOf(room: () => WaitingMessages<StoredMessage>): StoredMessage | undefined {
    for (;;) {
      const stored = room().first()
      if (stored === undefined || stored.expiresMs > clock.monotonic()) return stored
      room().takeFirst()
      expire(stored)
    }
  }

  function takeFrom(room: () => WaitingMessages<StoredMessage>): StoredMessage | undefined {
    const stored = firstOf(room)
    if (stored === undefined) return undefined
    room().takeFirst()
    disarm(stored)
    return stored
  }

  const onlyReady = () => ready

  function eitherRoom(): WaitingMessages<StoredMessage> {
    const a = ready.first()
    const b = parked.first()
    return b !== undefined && (a === undefined || comesBefore(b, a)) ? parked : ready
  }

  return {
    get size() {
      return ready.size + parked.size + delayed
    },
    get hasReady() {
      return ready.size + parked.size > 0
    },
    enter(stored) {
      const nowMs = clock.monotonic()
      if (stored.expiresMs <= nowMs) expire(stored)
      else if (stored.readyMs > nowMs) put(stored, 'delayed')
      else {
        put(stored, 'ready')
        onReady()
      }
    },
    takeReady: () => takeFrom(onlyReady),
    first: () => firstOf(eitherRoom),
    takeFirst: () => takeFrom(eitherRoom),
    park: (stored) => put(stored, 'parked'),
    unpark() {
      for (const stored of parked.drain()) put(stored, 'ready')
    },
    arm,
    disarm,
    close: () => deadlines.close(),
  }
}
