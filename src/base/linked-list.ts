/**
 * A doubly linked list: adding at the end and taking out anywhere cost the same, whatever its length, and what was taken out leaves nothing
 * behind, neither holes nor references that would keep its neighbours alive.
 */
export class LinkedList<T extends object> {
  #first: Item<T> | undefined
  #last: Item<T> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The value that was added before all others. */
  get first(): T | undefined {
    return this.#first?.value
  }

  /** @returns what {@link remove} takes */
  add(value: T): ListHandle {
    const item: Item<T> = { value, before: this.#last, after: undefined }
    if (this.#last === undefined) this.#first = item
    else this.#last.after = item
    this.#last = item
    this.#size++
    return item
  }

  /** False when it is not in the list any more. @param handle of this list */
  remove(handle: ListHandle): boolean {
    const item = handle as Item<T>
    if (item.value === undefined) return false
    if (item.before === undefined) this.#first = item.after
    else item.before.after = item.after
    if (item.after === undefined) this.#last = item.before
    else item.after.before = item.before
    item.value = undefined
    item.before = undefined
    item.after = undefined
    this.#size--
    return true
  }

  /** What is in the list now, in the order it was added; removing meanwhile is fine. */
  values(): T[] {
    const out: T[] = []
    for (let item = this.#first; item !== undefined; item = item.after) out.push(item.value as T)
    return out
  }
}

/** Where a value stands in a list. */
export interface ListHandle {
  readonly value: object | undefined
}

interface Item<T> extends ListHandle {
  value: (T & object) | undefined
  before: Item<T> | undefined
  after: Item<T> | undefined
}
