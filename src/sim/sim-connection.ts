/**
 * One connection of the modelled network: two ends, each with a queue of what is under way to the other.
 *
 * All that is sent in one instant leaves in one write and arrives together; nothing overtakes. An end whose peer can not be heard, because a
 * path is cut or the other program hangs or is gone, breaks when its keep-alive has gone unanswered for long enough.
 */
import type { Cancel, Random, VirtualTime } from '../base/index.ts'
import {
  CLOSE_ABNORMAL,
  CLOSE_KEEPALIVE_TIMEOUT,
  CLOSE_NORMAL,
  CLOSE_TOO_BIG,
  CLOSE_TRY_AGAIN_LATER,
  type CloseInfo,
  type Connection,
  type ConnectionHandlers,
  type ConnectionKind,
  type Limits,
  MessageTooLargeError,
  type OutboundObject,
  type ProtocolId,
  type RemoteIdentity,
  SlowConsumerError,
  StreamAbortedError,
  type StreamSource,
  StreamTooLargeError,
  TransportConnectionError,
  TransportTimeoutError,
} from '../transport/index.ts'
import { type Conditions, crossingMs } from './conditions.ts'
import type { Handover } from './handover.ts'
import type { Incarnation, SimHost } from './sim-host.ts'

/** A close that the other side does not answer is over after this time, ms. */
const CLOSE_TIMEOUT_MS = 10_000
/** A TCP connection has no pings: it breaks when data went unacknowledged for this long, ms. */
const TCP_SILENCE_MS = 120_000

/** What a connection needs of the network it is part of. */
export interface Wire {
  readonly time: VirtualTime
  readonly random: Random
  readonly handover: Handover
  isCut(from: SimHost, to: SimHost): boolean
  conditionsOf(from: SimHost, to: SimHost): Conditions
  sent(from: SimHost, to: SimHost, body: string | object, bytes: number): void
  received(to: SimHost, bytes: number): void
  gone(connection: SimConnection): void
  note(connection: SimConnection, line: string): void
}

export interface SimConnectionInit {
  readonly id: string
  readonly owner: Incarnation
  readonly kind: ConnectionKind
  readonly protocol: ProtocolId
  readonly dialed: boolean
  readonly remote: string
  readonly headers: Readonly<Record<string, string>>
  readonly identity: RemoteIdentity
  readonly limits: Limits
  /** How long a peer may be silent, ms: ping interval and pong timeout together. */
  readonly silenceMs: number
  readonly onGone: () => void
}

/** One thing under way to the other end. */
type Cargo =
  | { readonly kind: 'message'; readonly body: string | OutboundObject; readonly bytes: number; readonly stream: boolean }
  | { readonly kind: 'malformed'; readonly error: Error; readonly bytes: 0 }
  | { readonly kind: 'close'; readonly info: CloseInfo; readonly bytes: 0 }
  /** A signal of the transport itself: accepted, ping, pong, end of close. Called even where no program is left. */
  | { readonly kind: 'signal'; readonly run: () => void; readonly bytes: 0 }

interface UnderWay {
  readonly cargo: Cargo
  readonly arrivalMs: number
}

export function joinConnections(near: SimConnection, far: SimConnection): void {
  near.peer = far
  far.peer = near
}

export class SimConnection implements Connection {
  readonly id: string
  readonly owner: Incarnation
  readonly kind: ConnectionKind
  readonly protocol: ProtocolId
  readonly dialed: boolean
  readonly remote: string
  readonly headers: Readonly<Record<string, string>>
  readonly identity: RemoteIdentity
  peer: SimConnection | undefined
  readonly #wire: Wire
  readonly #limits: Limits
  readonly #silenceMs: number
  readonly #onGone: () => void
  #state: 'open' | 'closing' | 'closed' = 'open'
  #handlers: ConnectionHandlers | undefined
  /** What arrived before anybody was attached. */
  readonly #early: (() => void)[] = []
  #waitingBytes = 0
  /** To the peer, in order. `#underWay` is read from `#next` on. */
  #underWay: UnderWay[] = []
  #next = 0
  #lastSentMs = -1
  #writeArrivalMs = 0
  #lastArrivalMs = 0
  #lineFreeMs = 0
  #armed = false
  #cancelSilence: Cancel | undefined

  constructor(wire: Wire, init: SimConnectionInit) {
    this.#wire = wire
    this.id = init.id
    this.owner = init.owner
    this.kind = init.kind
    this.protocol = init.protocol
    this.dialed = init.dialed
    this.remote = init.remote
    this.headers = init.headers
    this.identity = init.identity
    this.#limits = init.limits
    this.#silenceMs = init.protocol.startsWith('tcp') ? TCP_SILENCE_MS : init.silenceMs
    this.#onGone = init.onGone
  }

  get isOpen(): boolean {
    return this.#state === 'open' && this.owner.alive
  }

  get bufferedBytes(): number {
    return this.#waitingBytes
  }

  attach(handlers: ConnectionHandlers): void {
    if (this.#early.length === 0) {
      this.#handlers = handlers
      return
    }
    // Never within the caller's turn; what arrives until then lines up behind.
    this.#wire.time.timers.after(0, () =>
      this.owner.enter(() => {
        this.#handlers = handlers
        for (const event of this.#early.splice(0)) event()
      }),
    )
  }

  send(text: string): boolean {
    if (!this.isOpen) return false
    const bytes = Buffer.byteLength(text)
    if (bytes > this.#limits.messageBytesMax) throw new MessageTooLargeError(bytes, this.#limits.messageBytesMax)
    return this.#transmit(text, bytes, false)
  }

  sendObject(frame: OutboundObject): boolean {
    if (!this.isOpen) return false
    const { body, bytes } = this.#wire.handover.pass(frame)
    if (bytes > this.#limits.messageBytesMax) throw new MessageTooLargeError(bytes, this.#limits.messageBytesMax)
    return this.#transmit(body, bytes, false)
  }

  async sendStream(source: StreamSource): Promise<void> {
    if (!this.isOpen) throw new TransportConnectionError('Connection not connected')
    let text = ''
    try {
      for await (const piece of typeof source === 'string' || source instanceof Uint8Array ? [source] : source) {
        text += typeof piece === 'string' ? piece : Buffer.from(piece).toString()
        if (text.length > this.#limits.streamBytesMax) throw new MessageTooLargeError(text.length, this.#limits.streamBytesMax)
      }
    } catch (error) {
      this.#ship({ kind: 'malformed', error: new StreamAbortedError(), bytes: 0 })
      throw error
    }
    if (!this.#transmit(text, Buffer.byteLength(text), true)) throw new TransportConnectionError('Connection closed')
  }

  #transmit(body: string | OutboundObject, bytes: number, stream: boolean): boolean {
    const { peer } = this
    if (!this.isOpen || peer === undefined) return false
    if (this.#waitingBytes > this.#limits.sendBufferBytesMax) {
      const error = new SlowConsumerError(this.#waitingBytes, `limit ${this.#limits.sendBufferBytesMax}`)
      this.#end({ code: CLOSE_TRY_AGAIN_LATER, reason: error.message, error })
      return false
    }
    this.#waitingBytes += bytes
    this.#wire.sent(this.owner.host, peer.owner.host, typeof body === 'string' ? body : body.value, bytes)
    this.#ship({ kind: 'message', body, bytes, stream })
    return true
  }

  ping(): Promise<number> {
    if (!this.isOpen) return Promise.reject(new TransportConnectionError('Connection not connected'))
    const { clock, timers } = this.owner.env
    const sentMs = clock.monotonic()
    return new Promise((resolve, reject) => {
      const cancel = timers.after(this.kind === 'internal' ? 5_000 : 10_000, () => reject(new TransportTimeoutError('No pong')))
      this.#ship({
        kind: 'signal',
        bytes: 0,
        run: () =>
          this.peer?.answer(() =>
            this.owner.enter(() => {
              cancel()
              resolve(clock.monotonic() - sentMs)
            }),
          ),
      })
    })
  }

  /** Sends a signal of the transport: an accepted connection, a pong, the echo of a close. */
  answer(run: () => void): void {
    this.#ship({ kind: 'signal', run, bytes: 0 })
  }

  close(code: number = CLOSE_NORMAL, reason = ''): void {
    if (this.isOpen) this.#end({ code, reason })
  }

  /** Says goodbye and waits for the echo; what was sent before leaves first. */
  #end(info: CloseInfo): void {
    this.#state = 'closing'
    this.#ship({ kind: 'close', info: { code: info.code, reason: info.reason }, bytes: 0 })
    const over = () => this.owner.enter(() => this.#closed(info))
    this.answer(() => this.peer?.answer(over))
    this.#wire.time.timers.after(CLOSE_TIMEOUT_MS, over)
  }

  /** Torn down under the program's hands. */
  reset(why: string): void {
    if (this.#state === 'closed') return
    const error = new TransportConnectionError(why, { code: 'CONNECTION' })
    this.owner.enter(() => this.#closed({ code: CLOSE_ABNORMAL, reason: '', error }))
  }

  /** The program is gone. Its kernel resets the connection, and what it had sent may or may not arrive; without power nothing is said. */
  abandon(silent: boolean): void {
    this.#state = 'closed'
    this.#forget()
    const { peer } = this
    if (silent) {
      this.#underWay.length = this.#next
      peer?.pathChanged()
      return
    }
    if (this.#wire.random.next() < 0.5) this.#underWay.length = this.#next
    this.answer(() => peer?.reset('connection reset by peer'))
  }

  /** Called when a cut, a stall or the end of either may have changed whether the two ends hear each other. */
  pathChanged(): void {
    const { peer } = this
    if (peer === undefined || this.#state === 'closed') return
    const here = this.owner.host
    const there = peer.owner.host
    if (!this.#wire.isCut(here, there)) this.#arm()
    // It may be closed, and its last word still held up.
    if (!this.#wire.isCut(there, here)) peer.#arm()
    const deaf = this.#wire.isCut(here, there) || this.#wire.isCut(there, here) || there.stalled || !peer.owner.alive
    if (!deaf) {
      this.#cancelSilence?.()
      this.#cancelSilence = undefined
    } else if (this.#cancelSilence === undefined) {
      // The last ping that was answered lies up to one interval back.
      const silenceMs = this.#silenceMs * (0.5 + 0.5 * this.#wire.random.next())
      this.#cancelSilence = this.#wire.time.timers.after(silenceMs, () => this.#brokenBySilence())
    }
  }

  #brokenBySilence(): void {
    this.#cancelSilence = undefined
    this.#wire.note(this, 'broken: no pong')
    const error = new TransportConnectionError('Keep-alive: no pong from the other side', { code: 'KEEPALIVE' })
    this.owner.enter(() => this.#closed({ code: CLOSE_KEEPALIVE_TIMEOUT, reason: 'keepalive ping timeout', error }))
    // The other side hears of it when it can be reached again.
    this.#underWay.length = this.#next
    this.answer(() => this.peer?.reset('connection reset by peer'))
  }

  /** Puts something on its way. */
  #ship(cargo: Cargo): void {
    const { peer } = this
    if (peer === undefined) return
    const now = this.#wire.time.clock.monotonic()
    const conditions = this.#wire.conditionsOf(this.owner.host, peer.owner.host)
    if (now !== this.#lastSentMs) {
      this.#lastSentMs = now
      const ms = crossingMs(conditions, this.#wire.random)
      if (!Number.isFinite(ms)) {
        // Every retransmission was lost: both kernels give up.
        this.#wire.time.timers.after(0, () => this.reset('connection timed out: too many retransmissions'))
        this.#wire.time.timers.after(0, () => peer.reset('connection timed out: too many retransmissions'))
        return
      }
      this.#writeArrivalMs = ms
    }
    let departsMs = now
    if (conditions.bytesPerSecond !== Number.POSITIVE_INFINITY) {
      const twice = conditions.duplication > 0 && this.#wire.random.next() < conditions.duplication ? 2 : 1
      departsMs = Math.max(now, this.#lineFreeMs) + (twice * cargo.bytes * 1000) / conditions.bytesPerSecond
      this.#lineFreeMs = departsMs
    }
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, departsMs + this.#writeArrivalMs)
    this.#underWay.push({ cargo, arrivalMs: this.#lastArrivalMs })
    this.#arm()
  }

  #arm(): void {
    const head = this.#underWay[this.#next]
    if (this.#armed || head === undefined) return
    this.#armed = true
    this.#wire.time.timers.after(head.arrivalMs - this.#wire.time.clock.monotonic(), this.#arrive)
  }

  /** The front of the queue has arrived: all that is there by now is read in one turn. */
  readonly #arrive = (): void => {
    this.#armed = false
    const { peer } = this
    if (peer === undefined) return
    // Held up where it is; `pathChanged` sends it on.
    if (this.#wire.isCut(this.owner.host, peer.owner.host)) return
    if (peer.owner.alive) peer.owner.enter(this.#deliver)
    else this.#deliver()
  }

  readonly #deliver = (): void => {
    const { peer } = this
    const now = this.#wire.time.clock.monotonic()
    while (peer !== undefined) {
      const head = this.#underWay[this.#next]
      if (head === undefined || head.arrivalMs > now) break
      this.#next++
      // What has arrived must not be kept by a line that has fallen silent.
      if (this.#next === this.#underWay.length || this.#next > 64) {
        this.#underWay.splice(0, this.#next)
        this.#next = 0
      }
      this.#waitingBytes -= head.cargo.bytes
      peer.#take(head.cargo, this)
    }
    this.#arm()
  }

  #take(cargo: Cargo, from: SimConnection): void {
    if (cargo.kind === 'signal') {
      cargo.run()
      return
    }
    if (!this.owner.alive) {
      // The kernel that came up meanwhile knows nothing of this connection.
      if (this.owner.host.powered) this.answer(() => from.reset('connection reset by peer'))
      return
    }
    if (cargo.kind === 'message') this.#receive(cargo.body, cargo.bytes, cargo.stream)
    else if (cargo.kind === 'close') this.#closed(cargo.info)
    else if (this.#state === 'open') this.#handlers?.malformed(cargo.error)
  }

  #receive(body: string | OutboundObject, bytes: number, stream: boolean): void {
    if (this.#state !== 'open') return
    if (this.#handlers === undefined) {
      this.#early.push(() => this.#receive(body, bytes, stream))
      return
    }
    const bytesMax = stream ? this.#limits.streamBytesMax : this.#limits.messageBytesMax
    if (bytes > bytesMax) {
      const error = stream ? new StreamTooLargeError(bytes, bytesMax) : new MessageTooLargeError(bytes, bytesMax)
      this.#end({ code: CLOSE_TOO_BIG, reason: error.message, error })
      return
    }
    this.#wire.received(this.owner.host, bytes)
    if (typeof body === 'string') this.#handlers.message(body)
    else if (this.#handlers.object === undefined) this.#handlers.message(body.text)
    else this.#handlers.object(body.value)
  }

  #closed(info: CloseInfo): void {
    if (this.#state === 'closed') return
    if (this.#handlers === undefined) {
      this.#early.push(() => this.#closed(info))
      this.#onGone()
      return
    }
    this.#state = 'closed'
    this.#forget()
    this.#handlers.close(info)
  }

  #forget(): void {
    this.#cancelSilence?.()
    this.#cancelSilence = undefined
    this.#wire.gone(this)
    this.#onGone()
  }
}
