/** Messages that were given up, the oldest of which make room for newer ones. */
import type { DeadLetter } from '../wire/index.ts'

export class DeadLetters {
  readonly #max: number
  readonly #letters = new Map<string, DeadLetter>()
  /** Letters that made room. */
  dropped = 0

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#letters.size
  }

  add(letter: DeadLetter): void {
    const { message_id: id } = letter.message
    // One that came back and died again is as young as a new one.
    this.#letters.delete(id)
    this.#letters.set(id, letter)
    if (this.#letters.size <= this.#max) return
    const [oldest] = this.#letters.keys()
    this.#letters.delete(oldest as string)
    this.dropped++
  }

  get(id: string): DeadLetter | undefined {
    return this.#letters.get(id)
  }

  remove(id: string): void {
    this.#letters.delete(id)
  }

  /** Oldest first. */
  list(limit = Number.POSITIVE_INFINITY): DeadLetter[] {
    const out: DeadLetter[] = []
    for (const letter of this.#letters.values()) {
      if (out.length >= limit) break
      out.push(letter)
    }
    return out
  }
}
