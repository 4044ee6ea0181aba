/**
 * Requests that wait for their answers, by correlation id.
 *
 * A map that empties with each answer gives its storage back and asks for it again with the next request, which costs a caller of one
 * thing at a time more than the look-up. So the places of answered requests stay, empty, until there are many of them.
 */
import type { DeadlineHandle } from '../base/index.ts'

/**
 * What becomes of a response. `upkeep` is an acknowledgement of what the client does for itself on one connection: it means nothing on
 * the next one, and must not fail because the owner has too much under way.
 */
export type Kind = 'value' | 'raw' | 'results' | 'full' | 'ack' | 'upkeep'

export interface Pending {
  readonly u: string
  readonly kind: Kind
  /** The frame, until it is sent. */
  text: string
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
  readonly timeoutMs: number
  handle: DeadlineHandle<Pending> | undefined
  sent: boolean
  place: Place | undefined
  unhook: (() => void) | undefined
}

/** Where a request stands while it waits. */
interface Place {
  pending: Pending | undefined
}

/** Empty places that may lie around. */
const EMPTY_MAX = 64

export class PendingRequests {
  readonly #places = new Map<string, Place>()
  #waiting = 0

  /** How many wait for an answer. */
  get size(): number {
    return this.#waiting
  }

  add(pending: Pending): void {
    pending.place = { pending }
    this.#places.set(pending.u, pending.place)
    this.#waiting++
  }

  get(u: string): Pending | undefined {
    return this.#places.get(u)?.pending
  }

  /** Takes a request off the books; its promise is the caller's business. */
  settle({ place }: Pending): void {
    if (place?.pending === undefined) return
    place.pending = undefined
    this.#waiting--
    if (this.#places.size - this.#waiting < EMPTY_MAX) return
    if (this.#waiting === 0) this.#places.clear()
    else for (const [u, other] of this.#places) if (other.pending === undefined) this.#places.delete(u)
  }

  /** Those that wait, oldest first; settling them meanwhile is fine. */
  waiting(): Pending[] {
    return [...this.#places.values()].flatMap(({ pending }) => pending ?? [])
  }
}
