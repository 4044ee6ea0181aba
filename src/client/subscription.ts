/** A subscription as the client keeps it: what to ask for again after a reconnect, and which messages were seen already. */
import { BoundedQueue } from '../base/index.ts'

export interface Message {
  readonly topic: string
  readonly payload: unknown
  /** Publisher's clock, Unix seconds. */
  readonly timestamp: number
  readonly messageId: string
  readonly publisher: string
  readonly headers: Readonly<Record<string, unknown>>
}

export interface SubscribeOptions {
  /** Also deliver messages of the last so many seconds. After a reconnect, what was missed meanwhile is asked for too. */
  readonly backlogSeconds?: number
  /** Called once when the subscription ends without `unsubscribe`: the client ended, or the node refused it after a reconnect. */
  readonly onLost?: (cause: Error) => void
}

export interface Subscription {
  /** What the node knows it by. Every connection brings a new one. */
  readonly id: string
  readonly patterns: readonly string[]
  unsubscribe(): Promise<void>
}

/** Message ids remembered, since nodes may deliver a message more than once. */
const SEEN_MAX = 1000
/** A replay after a reconnect reaches back this much further than what was missed, for clocks that differ. */
const BACKLOG_MARGIN_SECONDS = 5

export class SubscriptionRecord {
  /** On the present connection. */
  id = ''
  /** The node has accepted it once: from then on it comes back with every new connection. */
  acknowledged = false
  ended = false
  /** Unix seconds from which on messages may have been missed; undefined while none are. */
  missedSince: number | undefined
  readonly patterns: readonly string[]
  /** Nothing older was asked for, Unix seconds; undefined when no backlog is wanted at all. */
  readonly #notBefore: number | undefined
  readonly #receive: (message: Message) => void
  readonly #onEnd: ((cause: Error) => void) | undefined
  readonly #seen = new Set<string>()

  constructor(
    patterns: readonly string[],
    notBefore: number | undefined,
    receive: (message: Message) => void,
    onEnd?: (cause: Error) => void,
  ) {
    this.patterns = patterns
    this.#notBefore = notBefore
    this.#receive = receive
    this.#onEnd = onEnd
  }

  /** How much backlog brings what was missed, asked for at `now`. */
  backlogSecondsAt(now: number): number {
    if (this.#notBefore === undefined || this.missedSince === undefined) return 0
    return Math.max(0, now - Math.max(this.#notBefore, this.missedSince - BACKLOG_MARGIN_SECONDS))
  }

  /** Hands on a message as it came, unless it came before. Returns what the receiver returns, throws what it throws. */
  accept(wire: Readonly<Record<string, unknown>>): unknown {
    const { message_id: messageId } = wire
    if (typeof messageId === 'string' && !this.#isNew(messageId)) return undefined
    return this.#hand({
      topic: wire.topic as string,
      payload: wire.payload,
      timestamp: wire.timestamp as number,
      messageId: String(messageId),
      publisher: wire.publisher as string,
      headers: (wire.headers ?? {}) as Record<string, unknown>,
    })
  }

  /** The same with one that a client has read already. */
  acceptMessage(message: Message): unknown {
    return this.#isNew(message.messageId) ? this.#hand(message) : undefined
  }

  #isNew(messageId: string): boolean {
    if (this.#seen.has(messageId)) return false
    this.#seen.add(messageId)
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.values().next().value as string)
    return true
  }

  #hand(message: Message): unknown {
    return this.ended ? undefined : this.#receive(message)
  }

  /** Ends it; the owner is told when it was not their doing. Returns what the owner's callback returns. */
  end(cause?: Error): unknown {
    this.ended = true
    return cause === undefined ? undefined : this.#onEnd?.(cause)
  }
}

export interface Inbox {
  put(message: Message): void
  /** The next message; undefined when it has ended. Rejects when it has ended with an error. */
  take(): Promise<Message | undefined>
  end(error?: Error): void
}

/** Messages waiting for one consumer; the oldest go first when there are too many. */
export function createInbox(capacity = 1000): Inbox {
  const queue = new BoundedQueue<Message>({ capacity, whenFull: 'drop-oldest' })
  let waiting: { resolve(message: Message | undefined): void; reject(error: Error): void } | undefined
  let ended = false
  let failure: Error | undefined
  return {
    put(message) {
      if (waiting === undefined) queue.push(message)
      else waiting.resolve(message)
      waiting = undefined
    },
    take() {
      const message = queue.shift()
      if (message !== undefined) return Promise.resolve(message)
      if (ended) return failure === undefined ? Promise.resolve(undefined) : Promise.reject(failure)
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
      })
    },
    end(error) {
      if (ended) return
      ended = true
      failure = error
      if (error === undefined) waiting?.resolve(undefined)
      else waiting?.reject(error)
      waiting = undefined
    },
  }
}
