/**
 * The last ids that came by, to know a copy when it comes.
 *
 * Two sets take turns: when the younger is full the older is dropped whole. One set that gives up its oldest id each time would leave a trail
 * of holes at its beginning, which every look for the oldest has to cross.
 */
export class RecentIds {
  readonly #halfMax: number
  #young = new Set<string>()
  #old = new Set<string>()

  /** @param max ids kept at most; at least half of them are, once so many came */
  constructor(max: number) {
    this.#halfMax = Math.ceil(max / 2)
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id)
  }

  add(id: string): void {
    this.#young.add(copied(id))
    if (this.#young.size < this.#halfMax) return
    this.#old = this.#young
    this.#young = new Set()
  }
}

/** The id by itself. As read it is a view into the text of its frame, which would be kept whole along with it. */
function copied(id: string): string {
  return ` ${id}`.slice(1)
}
