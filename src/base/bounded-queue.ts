/**
 * A first-in, first-out queue that can not grow beyond its capacity, and says what it does when full.
 *
 * A ring buffer: pushing and shifting cost a few nanoseconds whatever the length. Memory grows with use up to the capacity, in powers of
 * two, and is given back by `clear`.
 */

/** `reject`: the new item is refused. `drop-oldest`: the item at the head makes room. */
export type WhenFull = 'reject' | 'drop-oldest'

export interface BoundedQueueOptions<T> {
  /** The most items held at once; at least 1. */
  readonly capacity: number
  readonly whenFull: WhenFull
  /** Told of each item that had to make room, so that whoever waits for it can be answered. */
  readonly onDrop?: (item: T) => void
}

const INITIAL_SLOTS = 16

export class BoundedQueue<T> {
  readonly capacity: number
  /** Items that made room for newer ones since the start. */
  dropped = 0
  /** Items refused since the start. */
  rejected = 0
  readonly #whenFull: WhenFull
  readonly #onDrop: ((item: T) => void) | undefined
  #slots: (T | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined)
  #head = 0
  #length = 0

  constructor(options: BoundedQueueOptions<T>) {
    if (!(options.capacity >= 1)) throw new RangeError(`Capacity must be at least 1, got ${options.capacity}`)
    this.capacity = Math.floor(options.capacity)
    this.#whenFull = options.whenFull
    this.#onDrop = options.onDrop
  }

  get length(): number {
    return this.#length
  }

  /** Appends `item`; false when the queue was full and refuses. */
  push(item: T): boolean {
    if (this.#length === this.capacity) {
      if (this.#whenFull === 'reject') {
        this.rejected++
        return false
      }
      const oldest = this.shift() as T
      this.dropped++
      // The item is in before the callback runs: it may look at the queue, or push.
      this.#append(item)
      this.#onDrop?.(oldest)
      return true
    }
    this.#append(item)
    return true
  }

  /** Removes and returns the oldest item; undefined when empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#length--
    return item
  }

  /** The oldest item, left in place; undefined when empty. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head]
  }

  /** Forgets all items without counting them as dropped, and gives their memory back. */
  clear(): void {
    this.#slots = new Array(INITIAL_SLOTS).fill(undefined)
    this.#head = 0
    this.#length = 0
  }

  /** The items, oldest first. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#length; i++) yield this.#slots[(this.#head + i) & (this.#slots.length - 1)] as T
  }

  #append(item: T): void {
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item
    this.#length++
  }

  #grow(): void {
    const wider: (T | undefined)[] = new Array(this.#slots.length * 2).fill(undefined)
    let i = 0
    for (const item of this) wider[i++] = item
    this.#slots = wider
    this.#head = 0
  }
}
