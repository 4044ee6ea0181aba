/**
 * Many deadlines, one timer.
 *
 * Requests nearly always finish before their deadline, so what must be cheap is adding and removing. Deadlines with the same timeout
 * arrive in order: they go to the end of a linked list, and removing one unlinks it at once, leaving nothing behind. A few lists
 * ("lanes") serve a few different timeouts side by side, as in patience sorting: a deadline joins the lane with the latest end that is not
 * after it. Only what fits no lane goes to a binary heap. One timer is armed for the earliest deadline; removals leave it armed, and if
 * it then finds nothing due it is armed anew.
 */
import type { Cancel, Clock, Timers } from './env.ts'

export interface DeadlineQueueDeps<T> {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly timers: Timers
  /** Called once for each item whose deadline has passed, earliest first; the item is no longer in the queue. */
  readonly onExpire: (item: T) => void
}

/** What `add` returns and `remove` takes. */
export interface DeadlineHandle<T> {
  readonly item: T
  /** On the clock's monotonic scale. */
  readonly deadlineMs: number
}

interface Entry<T> extends DeadlineHandle<T> {
  /** Adding order: the tie-breaker between equal deadlines. */
  readonly order: number
  /** The lane's number, IN_HEAP or GONE. */
  place: number
  prev: Entry<T> | undefined
  next: Entry<T> | undefined
  heapIndex: number
}

interface Lane<T> {
  head: Entry<T> | undefined
  tail: Entry<T> | undefined
}

const LANES = 4
const IN_HEAP = -1
const GONE = -2
/** Adding and subtracting milliseconds as doubles may miss by a rounding: a deadline this near counts as reached. */
const ROUNDING_MS = 0.001

export class DeadlineQueue<T> {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #timers: Timers
  readonly #onExpire: (item: T) => void
  readonly #lanes: Lane<T>[] = Array.from({ length: LANES }, () => ({ head: undefined, tail: undefined }))
  readonly #heap: Entry<T>[] = []
  #size = 0
  #order = 0
  #armedForMs = Number.POSITIVE_INFINITY
  #cancelTimer: Cancel | undefined

  constructor(deps: DeadlineQueueDeps<T>) {
    this.#clock = deps.clock
    this.#timers = deps.timers
    this.#onExpire = deps.onExpire
  }

  /** Items waiting. */
  get size(): number {
    return this.#size
  }

  /** Adds `item`, to expire at `deadlineMs` on the clock's monotonic scale (a deadline in the past expires on the next timer turn). */
  add(item: T, deadlineMs: number): DeadlineHandle<T> {
    const entry: Entry<T> = { item, deadlineMs, order: this.#order++, place: IN_HEAP, prev: undefined, next: undefined, heapIndex: 0 }
    const lane = this.#laneFor(deadlineMs)
    if (lane === IN_HEAP) this.#heapPush(entry)
    else this.#append(lane, entry)
    this.#size++
    if (deadlineMs < this.#armedForMs) this.#arm(deadlineMs)
    return entry
  }

  /** Takes the item out before its deadline; false when it has expired or was removed already. */
  remove(handle: DeadlineHandle<T>): boolean {
    const entry = handle as Entry<T>
    if (entry.place === GONE) return false
    if (entry.place === IN_HEAP) this.#heapRemove(entry)
    else this.#unlink(entry)
    entry.place = GONE
    this.#size--
    return true
  }

  /** Cancels the timer and forgets all items without expiring them. Adding again starts anew. */
  close(): void {
    for (const lane of this.#lanes) {
      for (let entry = lane.head; entry !== undefined; entry = entry.next) entry.place = GONE
      lane.head = undefined
      lane.tail = undefined
    }
    for (const entry of this.#heap) entry.place = GONE
    this.#heap.length = 0
    this.#size = 0
    this.#disarm()
  }

  #laneFor(deadlineMs: number): number {
    let best = IN_HEAP
    let bestEndMs = Number.NEGATIVE_INFINITY
    for (let i = 0; i < LANES; i++) {
      const tail = (this.#lanes[i] as Lane<T>).tail
      if (tail === undefined) {
        // An empty lane takes everything, but only if no lane in use does.
        if (best === IN_HEAP) best = i
      } else if (tail.deadlineMs <= deadlineMs && tail.deadlineMs > bestEndMs) {
        best = i
        bestEndMs = tail.deadlineMs
      }
    }
    return best
  }

  #append(number: number, entry: Entry<T>): void {
    const lane = this.#lanes[number] as Lane<T>
    entry.place = number
    entry.prev = lane.tail
    if (lane.tail === undefined) lane.head = entry
    else lane.tail.next = entry
    lane.tail = entry
  }

  #unlink(entry: Entry<T>): void {
    const lane = this.#lanes[entry.place] as Lane<T>
    if (entry.prev === undefined) lane.head = entry.next
    else entry.prev.next = entry.next
    if (entry.next === undefined) lane.tail = entry.prev
    else entry.next.prev = entry.prev
    entry.prev = undefined
    entry.next = undefined
  }

  #earliest(): Entry<T> | undefined {
    let first = this.#heap[0]
    for (const { head } of this.#lanes) {
      if (head !== undefined && (first === undefined || expiresBefore(head, first))) first = head
    }
    return first
  }

  #arm(deadlineMs: number): void {
    this.#disarm()
    this.#armedForMs = deadlineMs
    this.#cancelTimer = this.#timers.after(Math.max(0, deadlineMs - this.#clock.monotonic()), () => this.#onTimer())
  }

  #disarm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#armedForMs = Number.POSITIVE_INFINITY
  }

  #onTimer(): void {
    this.#disarm()
    const dueMs = this.#clock.monotonic() + ROUNDING_MS
    try {
      for (let first = this.#earliest(); first !== undefined && first.deadlineMs <= dueMs; first = this.#earliest()) {
        this.remove(first)
        this.#onExpire(first.item)
      }
    } finally {
      // Also when a callback threw: the others must not wait for ever.
      const next = this.#earliest()
      if (next !== undefined && next.deadlineMs < this.#armedForMs) this.#arm(next.deadlineMs)
    }
  }

  #heapPush(entry: Entry<T>): void {
    entry.heapIndex = this.#heap.length
    this.#heap.push(entry)
    this.#siftUp(entry)
  }

  #heapRemove(entry: Entry<T>): void {
    const last = this.#heap.pop() as Entry<T>
    if (last === entry) return
    last.heapIndex = entry.heapIndex
    this.#heap[last.heapIndex] = last
    this.#siftUp(last)
    this.#siftDown(last)
  }

  #siftUp(entry: Entry<T>): void {
    let at = entry.heapIndex
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = this.#heap[up] as Entry<T>
      if (!expiresBefore(entry, parent)) break
      this.#place(parent, at)
      at = up
    }
    this.#place(entry, at)
  }

  #siftDown(entry: Entry<T>): void {
    let at = entry.heapIndex
    for (;;) {
      let down = 2 * at + 1
      const right = this.#heap[down + 1]
      let child = this.#heap[down]
      if (child === undefined) break
      if (right !== undefined && expiresBefore(right, child)) {
        child = right
        down++
      }
      if (!expiresBefore(child, entry)) break
      this.#place(child, at)
      at = down
    }
    this.#place(entry, at)
  }

  #place(entry: Entry<T>, at: number): void {
    this.#heap[at] = entry
    entry.heapIndex = at
  }
}

function expiresBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.deadlineMs < b.deadlineMs || (a.deadlineMs === b.deadlineMs && a.order < b.order)
}
