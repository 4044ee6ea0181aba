/**
 * A map whose entries come and go by the thousand a second, of which few are there at a time: requests that wait for their answers.
 *
 * A plain Map gives its table up for another one again and again while entries are added and deleted, and an abandoned table holds on to what it
 * contained and to the table after it. Once one of them has reached the old generation, everything that passes through the map survives there
 * until the next full collection. So entries are emptied here instead of deleted, and the empty ones are swept out together.
 */
export class TransientMap<V extends object> {
  readonly #places = new Map<string, Place<V>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): V | undefined {
    return this.#places.get(key)?.value
  }

  set(key: string, value: V): void {
    const place = this.#places.get(key)
    if (place?.value !== undefined) {
      place.value = value
      return
    }
    // A key that comes back is as young as a new one.
    if (place !== undefined) this.#places.delete(key)
    this.#places.set(key, { value })
    this.#size++
  }

  /** True when there was something. */
  delete(key: string): boolean {
    const place = this.#places.get(key)
    if (place?.value === undefined) return false
    place.value = undefined
    this.#size--
    // As many as there are entries at least, or sweeping would cost more the more there are.
    if (this.#places.size - this.#size >= Math.max(EMPTY_MAX, this.#size)) this.#sweep()
    return true
  }

  /** What is there now, in the order it came; deleting meanwhile is fine. */
  values(): V[] {
    return [...this.#places.values()].flatMap(({ value }) => value ?? [])
  }

  #sweep(): void {
    if (this.#size === 0) this.#places.clear()
    else for (const [key, { value }] of this.#places) if (value === undefined) this.#places.delete(key)
  }
}

interface Place<V> {
  value: V | undefined
}

/** Empty places that may lie around in a map of few entries. */
const EMPTY_MAX = 64
