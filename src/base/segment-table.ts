/**
 * The segments of topic patterns, interned: each text has a small number as long as someone uses it.
 *
 * A hash table of its own rather than a Map, so that a stretch of a topic can be looked up without cutting a string out of it. The hash is
 * FNV-1a; its start value changes when segments crowd together in the table, so texts made to collide slow down no one for long. Open
 * addressing with linear probing, at most half full; deletion moves later entries back (Knuth, TAOCP 6.4, algorithm R).
 */

/** Numbers start at 1; 0 means "no such segment". */
export class SegmentTable {
  /** What the hash of a segment starts from; see {@link hashStep}. */
  hashStart = 0x811c9dc5 | 0
  #slots = new Int32Array(16)
  #mask = 15
  #size = 0
  #characters = 0
  readonly #texts: string[] = ['']
  readonly #hashes: number[] = [0]
  readonly #users: number[] = [0]
  readonly #free: number[] = []

  /** The number of the segment `text[from .. to)`. */
  find(text: string, from: number, to: number): number {
    return this.findHashed(this.#hash(text, from, to), text, from, to)
  }

  /** The same for a caller who has computed the hash on the way. */
  findHashed(hash: number, text: string, from: number, to: number): number {
    const slots = this.#slots
    const mask = this.#mask
    for (let slot = home(hash) & mask; ; slot = (slot + 1) & mask) {
      const id = slots[slot] as number
      if (id === 0 || (this.#hashes[id] === hash && sameText(this.#texts[id] as string, text, from, to))) return id
    }
  }

  /** The number of the segment `text[from .. to)`, new or known, with one more user. */
  acquire(text: string, from: number, to: number): number {
    const hash = this.#hash(text, from, to)
    const known = this.findHashed(hash, text, from, to)
    if (known !== 0) {
      this.#users[known] = (this.#users[known] as number) + 1
      return known
    }
    const id = this.#free.pop() ?? this.#texts.length
    this.#texts[id] = text.slice(from, to)
    this.#hashes[id] = hash
    this.#users[id] = 1
    this.#size++
    this.#characters += to - from
    if (this.#size * 2 > this.#slots.length) this.#grow()
    else if (this.#insert(id) > CROWDED) this.#restart(hash)
    return id
  }

  /** One user less; the number is free for another text after the last. */
  release(id: number): void {
    const left = (this.#users[id] as number) - 1
    this.#users[id] = left
    if (left > 0) return
    const slots = this.#slots
    const mask = this.#mask
    let hole = home(this.#hashes[id] as number) & mask
    while (slots[hole] !== id) hole = (hole + 1) & mask
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const moved = slots[slot] as number
      const from = home(this.#hashes[moved] as number) & mask
      // It may move into the hole unless its home lies cyclically after the hole: it could then not be found.
      if (((slot - from) & mask) >= ((slot - hole) & mask)) {
        slots[hole] = moved
        hole = slot
      }
    }
    slots[hole] = 0
    this.#size--
    this.#characters -= (this.#texts[id] as string).length
    this.#texts[id] = ''
    this.#free.push(id)
  }

  /** Segments in use. */
  get size(): number {
    return this.#size
  }

  /** Bytes held, an estimate. */
  get bytes(): number {
    return this.#slots.byteLength + this.#size * 48 + this.#characters
  }

  #hash(text: string, from: number, to: number): number {
    let hash = this.hashStart
    for (let i = from; i < to; i++) hash = hashStep(hash, text.charCodeAt(i))
    return hash
  }

  /** Returns how far from its home the segment came to lie. */
  #insert(id: number): number {
    let slot = home(this.#hashes[id] as number) & this.#mask
    let distance = 0
    for (; this.#slots[slot] !== 0; distance++) slot = (slot + 1) & this.#mask
    this.#slots[slot] = id
    return distance
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2)
    this.#mask = this.#slots.length - 1
    for (let id = 1; id < this.#texts.length; id++) if ((this.#users[id] as number) > 0) this.#insert(id)
  }

  /** Hashes everything anew from a start value that depends on what crowded. */
  #restart(hash: number): void {
    this.hashStart = Math.imul(this.hashStart ^ hash, 0x9e3779b1) ^ this.#size
    this.#slots.fill(0)
    for (let id = 1; id < this.#texts.length; id++) {
      if ((this.#users[id] as number) === 0) continue
      const text = this.#texts[id] as string
      this.#hashes[id] = this.#hash(text, 0, text.length)
      this.#insert(id)
    }
  }
}

/** Half-full tables with honest hashes have no probe sequence nearly this long. */
const CROWDED = 128

/** Continues a hash with one more UTF-16 code unit. */
export function hashStep(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193)
}

function home(hash: number): number {
  return hash ^ (hash >>> 15)
}

function sameText(known: string, text: string, from: number, to: number): boolean {
  const length = to - from
  if (known.length !== length) return false
  for (let i = 0; i < length; i++) if (known.charCodeAt(i) !== text.charCodeAt(from + i)) return false
  return true
}
