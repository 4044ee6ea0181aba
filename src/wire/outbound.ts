/**
 * A frame on its way to one or several nodes, printed at most once and only if somebody needs the text: connections inside one process
 * hand the value over as it is. Whoever makes one gives the value away: it is never changed afterwards.
 */
export class OutboundFrame<T extends object = object> {
  readonly value: T
  readonly #print: () => string
  #text: string | undefined

  constructor(value: T, print: (value: T) => string) {
    this.value = value
    this.#print = () => print(value)
  }

  /** The frame as it crosses a socket. */
  get text(): string {
    this.#text ??= this.#print()
    return this.#text
  }
}
