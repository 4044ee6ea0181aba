/**
 * The last ids that came by, to know a copy when it comes.
 *
 * Two generations take turns: when the younger is full the older is dropped whole. One set that gives up its oldest id each time would leave a
 * trail of holes at its beginning, which every look for the oldest has to cross.
 *
 * Nearly every id is new. Before each set stands a filter of one bit a mark (a Bloom filter with one hash function), small enough to stay in
 * the processor's cache: where it says that nothing with this mark came, the set, whose every look costs several misses, is not asked.
 */
import { copiedText } from '../base/index.ts'

export class RecentIds {
  readonly #halfMax: number
  readonly #markMask: number
  #young: Generation
  #old: Generation

  /** @param max ids kept at most; at least half of them are, once so many came */
  constructor(max: number) {
    this.#halfMax = Math.ceil(max / 2)
    const marks = 2 ** Math.ceil(Math.log2(Math.max(32, this.#halfMax * MARKS_PER_ID)))
    this.#markMask = marks - 1
    this.#young = new Generation(marks)
    this.#old = new Generation(marks)
  }

  has(id: string): boolean {
    const mark = markOf(id) & this.#markMask
    return this.#young.has(id, mark) || this.#old.has(id, mark)
  }

  add(id: string): void {
    this.#young.add(copiedText(id), markOf(id) & this.#markMask)
    if (this.#young.size < this.#halfMax) return
    const dropped = this.#old
    this.#old = this.#young
    this.#young = dropped
    dropped.clear()
  }
}

class Generation {
  #ids = new Set<string>()
  readonly #marks: Uint32Array

  constructor(marks: number) {
    this.#marks = new Uint32Array(marks / 32)
  }

  get size(): number {
    return this.#ids.size
  }

  has(id: string, mark: number): boolean {
    return ((this.#marks[mark >>> 5] as number) & (1 << (mark & 31))) !== 0 && this.#ids.has(id)
  }

  add(id: string, mark: number): void {
    this.#ids.add(id)
    this.#marks[mark >>> 5] = (this.#marks[mark >>> 5] as number) | (1 << (mark & 31))
  }

  clear(): void {
    this.#ids = new Set()
    this.#marks.fill(0)
  }
}

/** With so many marks for each id, about one new id in sixteen has the mark of another. */
const MARKS_PER_ID = 16
/** Ids differ at their ends: of a ULID and of a UUID the last of these are random. */
const MARKED_CHARACTERS = 8

/** FNV-1a over the end of the id. */
function markOf(id: string): number {
  let hash = 0x811c9dc5
  for (let i = Math.max(0, id.length - MARKED_CHARACTERS); i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
