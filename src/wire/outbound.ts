/**
 * A frame on its way to one or several nodes, printed at most once and only if somebody needs the text: connections inside one process
 * hand the value over as it is. Whoever makes one gives the value away: it is never changed afterwards.
 *
 * No function is made here, of all frames: V8 allocates one that is assigned to a property in the old generation, and what it holds on to, the
 * frame with its text, would outlive every collection but the full ones.
 */
export class OutboundFrame<T extends object = object> {
  readonly value: T
  /** Takes a `T`; said so, a frame of one kind would be no frame. */
  readonly #print: (value: never) => string
  #text: string | undefined

  constructor(value: T, print: (value: T) => string) {
    this.value = value
    this.#print = print
  }

  /** The frame as it crosses a socket. */
  get text(): string {
    this.#text ??= this.#print(this.value as never)
    return this.#text
  }
}
