/**
 * What every connection over a real socket has in common, whatever its framing: handing over messages, the bounded outbound buffer,
 * and ending exactly once.
 *
 * Back-pressure: an accepted client that pipelines requests without reading its answers is not read from while more than half of its
 * buffer is in use, and is dropped when the buffer overflows all the same or nothing moves for two minutes. Links between nodes are
 * never held back: two nodes holding each other back would wait for ever.
 *
 * There are thousands of these and most are idle, so state lives in plain fields and event listeners are shared functions.
 */

import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { nextConnectionId } from './connection-id.ts'
import { CLOSE_NORMAL, CLOSE_TRY_AGAIN_LATER, STALL_TIMEOUT_MS } from './constants.ts'
import type { TransportContext } from './context.ts'
import { firstLine, MessageTooLargeError, ProtocolViolationError, SlowConsumerError } from './errors.ts'
import type {
  CloseInfo,
  Connection,
  ConnectionHandlers,
  ConnectionKind,
  Limits,
  ProtocolId,
  RemoteIdentity,
  StreamSource,
} from './transport.ts'
import { type Framing, TurnWriter } from './turn-writer.ts'

/** Everything a connection is told when it is made. */
export interface ConnectionInit {
  readonly kind: ConnectionKind
  readonly protocol: ProtocolId
  readonly dialed: boolean
  readonly remote: string
  readonly headers: Readonly<Record<string, string>>
  readonly identity: RemoteIdentity
  readonly limits: Limits
  /** Told once, when the connection is gone: how a listener or network keeps count. */
  readonly onGone: (connection: Connection) => void
}

/** Shared by all connections without upgrade headers. */
export const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})
export const NO_IDENTITY: RemoteIdentity = Object.freeze({ method: 'none' })

export abstract class SocketConnection implements Connection {
  readonly id: string
  readonly kind: ConnectionKind
  readonly protocol: ProtocolId
  readonly dialed: boolean
  readonly remote: string
  readonly headers: Readonly<Record<string, string>>
  readonly identity: RemoteIdentity

  protected readonly context: TransportContext
  protected readonly limits: Limits
  protected readonly socket: Socket
  protected readonly writer: TurnWriter

  readonly #onGone: (connection: Connection) => void
  #handlers: ConnectionHandlers | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #paused = false
  /** Messages of the last piece read that arrived while reading was held back; at most what one read brings. */
  #inbox: (Buffer | Error)[] | undefined
  /** Set while {@link #paused} for back-pressure: what was waiting at the last look, and when that number last fell. */
  #stalledBytes = 0
  #stalledSinceMs = 0
  /** Why we end it, decided before the socket is gone. */
  #verdict: CloseInfo | undefined
  #closeInfo: CloseInfo | undefined

  constructor(context: TransportContext, socket: Socket, framing: Framing, init: ConnectionInit) {
    this.id = nextConnectionId(init.protocol)
    this.kind = init.kind
    this.protocol = init.protocol
    this.dialed = init.dialed
    this.remote = init.remote
    this.headers = init.headers
    this.identity = init.identity
    this.context = context
    this.limits = init.limits
    this.socket = socket
    this.writer = new TurnWriter(socket, framing)
    this.#onGone = init.onGone
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get bufferedBytes(): number {
    return this.writer.bufferedBytes
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    if (this.#closeInfo !== undefined) queueMicrotask(() => this.#deliverClose())
    else if (this.#paused) this.#resume()
  }

  /** Reads nothing until somebody is attached: what arrives meanwhile stays in the kernel. */
  holdUntilAttached(): void {
    if (this.#handlers === undefined && this.#state === 'open') this.#pause()
  }

  send(text: string): boolean {
    if (!this.isOpen) return false
    const { limits } = this
    if (text.length * 3 > limits.messageBytesMax) assertFits(text, limits.messageBytesMax)
    const waiting = this.writer.bufferedBytes
    if (waiting > limits.sendBufferBytesMax / 2 && !this.#slow(waiting)) return false
    const { counters } = this.context
    counters.messagesSent++
    counters.bytesSent += this.writer.send(text)
    return true
  }

  abstract sendStream(source: StreamSource): Promise<void>
  abstract ping(): Promise<number>

  close(code: number = CLOSE_NORMAL, reason = ''): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.writer.flush()
    this.#inbox = undefined
    if (this.#paused) this.#resume()
    this.shut(code, reason)
  }

  /** Ends the connection for a reason of our own, which the receiver of `close` is told whatever the other side answers. */
  protected drop(code: number, error: Error): void {
    if (this.#state === 'closed') return
    const wasOpen = this.#state === 'open'
    this.#verdict ??= { code, reason: firstLine(error), error }
    this.#state = 'closing'
    if (wasOpen) {
      this.writer.flush()
      this.#inbox = undefined
      if (this.#paused) this.#resume()
      this.shut(code, firstLine(error))
    }
    // Whatever is still queued gets its chance, but we wait for no answer.
    this.socket.destroySoon()
  }

  /** Remembers why the connection is ending, when something below us has begun to end it. */
  protected doom(code: number, error: Error): void {
    this.#verdict ??= { code, reason: firstLine(error), error }
    if (this.#state === 'open') this.#state = 'closing'
  }

  /** The other side is closing in good order: nothing is sent any more. */
  protected ending(): void {
    if (this.#state === 'open') this.#state = 'closing'
  }

  /** Starts the orderly end of the protocol below, and destroys the socket when the other side takes too long. */
  protected abstract shut(code: number, reason: string): void
  protected abstract pauseReading(): void
  protected abstract resumeReading(): void

  /** Hands one message to the receiver. */
  protected deliver(data: Buffer): void {
    if (this.#state !== 'open') return
    const { counters } = this.context
    counters.messagesReceived++
    counters.bytesReceived += data.length
    if (!isUtf8(data)) {
      this.deliverMalformed(new ProtocolViolationError(`Message from ${this.remote} is not valid UTF-8`))
    } else if (this.#paused) {
      this.#keep(data)
    } else {
      this.#hand(data)
    }
  }

  /** Tells the receiver of a message that can not be had. */
  protected deliverMalformed(error: Error): void {
    if (this.#state !== 'open') return
    this.context.counters.malformed++
    if (this.#paused) this.#keep(error)
    else this.#hand(error)
  }

  #hand(item: Buffer | Error): void {
    try {
      if (item instanceof Error) this.#handlers?.malformed(item)
      else this.#handlers?.message(item.toString())
    } catch (error) {
      this.#handlerFailed('Receiver', error)
    }
  }

  #keep(item: Buffer | Error): void {
    this.#inbox ??= []
    this.#inbox.push(item)
  }

  /** The socket is gone. */
  protected gone(code: number, reason: string, error?: Error): void {
    if (this.#state === 'closed') return
    const inbox = this.#inbox ?? []
    this.#inbox = undefined
    this.#state = 'closed'
    // The other side closed behind its last messages: they come first.
    for (const item of inbox) this.#hand(item)
    this.context.counters.closed++
    this.#closeInfo = this.#verdict ?? (error === undefined ? { code, reason } : { code, reason, error })
    this.#onGone(this)
    this.#deliverClose()
  }

  /** Drops a connection that has taken nothing for too long. Called by the keep-alive sweep while reading is held back. */
  protected sweepStall(nowMs: number): void {
    if (!this.#paused || this.#stalledBytes === 0) return
    const waiting = this.writer.bufferedBytes
    if (this.#stalledSinceMs === 0 || waiting < this.#stalledBytes) {
      this.#stalledSinceMs = nowMs
      this.#stalledBytes = waiting
    } else if (nowMs - this.#stalledSinceMs > STALL_TIMEOUT_MS) {
      this.context.counters.slowConsumers++
      this.drop(CLOSE_TRY_AGAIN_LATER, new SlowConsumerError(waiting, `none taken for ${STALL_TIMEOUT_MS / 1000} s`))
    }
  }

  /** True while reading is held back for back-pressure; nothing can be heard from the other side then, not even a pong. */
  protected get isHeldBack(): boolean {
    return this.#paused
  }

  #slow(waiting: number): boolean {
    const { sendBufferBytesMax } = this.limits
    if (waiting > sendBufferBytesMax) {
      this.context.counters.slowConsumers++
      this.drop(CLOSE_TRY_AGAIN_LATER, new SlowConsumerError(waiting, `limit ${sendBufferBytesMax}`))
      return false
    }
    // Only when the socket promises a drain event: that is what ends the pause.
    if (this.kind === 'client' && !this.dialed && !this.#paused && this.socket.writableNeedDrain) {
      this.context.counters.backpressurePauses++
      this.#stalledBytes = waiting
      this.#stalledSinceMs = 0
      this.#pause()
      this.socket.once('drain', () => {
        if (this.#paused) this.#resume()
      })
    }
    return true
  }

  #pause(): void {
    this.#paused = true
    this.pauseReading()
  }

  #resume(): void {
    this.#paused = false
    this.#stalledBytes = 0
    const inbox = this.#inbox
    this.#inbox = undefined
    for (let i = 0; inbox !== undefined && i < inbox.length; i++) {
      this.#hand(inbox[i] as Buffer | Error)
      if (this.#state !== 'open') break
      if (this.#paused) {
        // Its answer has filled the buffer again.
        this.#inbox = inbox.slice(i + 1)
        return
      }
    }
    this.resumeReading()
  }

  #deliverClose(): void {
    const info = this.#closeInfo
    const handlers = this.#handlers
    if (info === undefined || handlers === undefined) return
    this.#handlers = undefined
    try {
      handlers.close(info)
    } catch (error) {
      this.#handlerFailed('Close handler', error)
    }
  }

  #handlerFailed(what: string, error: unknown): void {
    this.context.counters.handlerFailures++
    this.context.log.error(`${what} of ${this.id} (${this.remote}) failed: ${firstLine(error)}`, error)
  }
}

function assertFits(text: string, bytesMax: number): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > bytesMax) throw new MessageTooLargeError(bytes, bytesMax)
}
