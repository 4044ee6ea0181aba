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
}

export interface Subscription {
  readonly patterns: readonly string[]
  unsubscribe(): Promise<void>
}

/** Message ids remembered, since nodes may deliver a message more than once. */
const SEEN_MAX = 1000

export class SubscriptionRecord {
  /** On the present connection. */
  id = ''
  readonly patterns: readonly string[]
  readonly wantsBacklog: boolean
  readonly #receive: (message: Message) => void
  readonly #onEnd: (() => void) | undefined
  readonly #seen = new Set<string>()

  constructor(patterns: readonly string[], receive: (message: Message) => void, options: SubscribeOptions, onEnd?: () => void) {
    this.patterns = patterns
    this.wantsBacklog = (options.backlogSeconds ?? 0) > 0
    this.#receive = receive
    this.#onEnd = onEnd
  }

  /** Hands on a message, unless it came before. Throws what the receiver throws. */
  accept(wire: Record<string, unknown>): void {
    const messageId = String(wire['message_id'])
    if (this.#seen.has(messageId)) return
    this.#seen.add(messageId)
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.values().next().value as string)
    this.#receive({
      topic: wire['topic'] as string,
      payload: wire['payload'],
      timestamp: wire['timestamp'] as number,
      messageId,
      publisher: wire['publisher'] as string,
      headers: (wire['headers'] ?? {}) as Record<string, unknown>,
    })
  }

  end(): void {
    this.#onEnd?.()
  }
}

/** Messages waiting for one consumer; the oldest go first when there are too many. */
export function createInbox(capacity = 1000): { put(message: Message): void; take(): Promise<Message | undefined>; end(): void } {
  const queue = new BoundedQueue<Message>({ capacity, whenFull: 'drop-oldest' })
  let waiting: ((message: Message | undefined) => void) | undefined
  let ended = false
  return {
    put(message) {
      if (waiting === undefined) queue.push(message)
      else {
        waiting(message)
        waiting = undefined
      }
    },
    take() {
      const message = queue.shift()
      if (message !== undefined || ended) return Promise.resolve(message)
      return new Promise((resolve) => {
        waiting = resolve
      })
    },
    end() {
      ended = true
      waiting?.(undefined)
    },
  }
}
