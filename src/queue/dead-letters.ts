/** Messages that were given up, the oldest of which make room for newer ones. */
import type { DeadLetter } from '../wire/index.ts'
import { QueueMessageTooLargeError } from './errors.ts'
import { letterBytes } from './message-size.ts'

export class DeadLetters {
  readonly #queue: string
  readonly #max: number
  readonly #letters = new Map<string, DeadLetter>()
  /** Letters that made room. */
  dropped = 0

  constructor(queue: string, max: number) {
    this.#queue = queue
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

  /** Oldest first, as many as `bytesMax` bytes hold. @throws QueueMessageTooLargeError for less than the first */
  list(limit = Number.POSITIVE_INFINITY, bytesMax = Number.POSITIVE_INFINITY): DeadLetter[] {
    const out: DeadLetter[] = []
    let bytes = 0
    for (const letter of this.#letters.values()) {
      if (out.length >= limit) break
      if (bytesMax !== Number.POSITIVE_INFINITY) bytes += letterBytes(letter)
      if (bytes > bytesMax && out.length === 0) throw new QueueMessageTooLargeError(this.#queue, letter.message.message_id, bytes, bytesMax)
      if (bytes > bytesMax) break
      out.push(letter)
    }
    return out
  }
}
