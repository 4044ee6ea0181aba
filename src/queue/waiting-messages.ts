/**
 * Messages that wait in the order in which they are to be delivered: by rank (a priority), among equals those that came back from a consumer
 * first, and then in the order of sending. Putting in and taking the first cost O(log n). A message that expires is left where it is and passed over; when half of them are such, all are thrown out.
 */
import { heapPop, heapPush } from '../base/index.ts'

/** As much of a message as its place depends on. */
export interface Ordered {
  /** Higher goes first. */
  readonly rank: number
  /** Among equal ranks those that were delivered before go first. */
  readonly hasReturned: boolean
  /** The order of sending: lower goes first. No two messages of a queue have the same. */
  readonly order: number
  /** It is not to be delivered any more. */
  readonly isGone: boolean
}

export function comesBefore(a: Ordered, b: Ordered): boolean {
  if (a.rank !== b.rank) return a.rank > b.rank
  return a.hasReturned === b.hasReturned ? a.order < b.order : a.hasReturned
}

/** Leavings that may lie around among few messages. */
const GONE_MAX = 64

export class WaitingMessages<T extends Ordered> {
  #heap: T[] = []
  #gone = 0

  get size(): number {
    return this.#heap.length - this.#gone
  }

  add(message: T): void {
    heapPush(this.#heap, message, comesBefore)
  }

  first(): T | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || !first.isGone) return first
      heapPop(this.#heap, comesBefore)
      this.#gone--
    }
  }

  takeFirst(): T | undefined {
    const first = this.first()
    if (first !== undefined) heapPop(this.#heap, comesBefore)
    return first
  }

  /** One of these messages has gone. */
  noteGone(): void {
    this.#gone++
    if (this.#gone <= GONE_MAX || this.#gone * 2 <= this.#heap.length) return
    const left = this.#heap.filter((message) => !message.isGone)
    this.#heap = []
    this.#gone = 0
    for (const message of left) this.add(message)
  }

  /** Takes all of them out, in no order. */
  drain(): T[] {
    const all = this.#heap.filter((message) => !message.isGone)
    this.#heap = []
    this.#gone = 0
    return all
  }
}
