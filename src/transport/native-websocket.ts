/**
 * Dialer over the platform's own WebSocket, for pages (and any other runtime that has one).
 *
 * What a page can not do is missing here: request headers (a token travels as the query parameter `access_token`, an API key not at
 * all), transport pings, pausing, TCP.
 */

import { nextConnectionId } from './connection-id.ts'
import {
  CLOSE_ABNORMAL,
  CLOSE_NORMAL,
  CLOSE_TIMEOUT_MS,
  CLOSE_TOO_BIG,
  CLOSE_TRY_AGAIN_LATER,
  CONNECT_TIMEOUT_MS,
  DEFAULT_LIMITS,
} from './constants.ts'
import {
  firstLine,
  InvalidUrlError,
  MessageTooLargeError,
  ProtocolViolationError,
  SlowConsumerError,
  TransportConnectionError,
  TransportError,
  TransportTimeoutError,
} from './errors.ts'
import type { CloseInfo, Connection, ConnectionHandlers, ConnectionKind, DialOptions, Limits, StreamSource } from './transport.ts'
import { parseDialUrl, withoutQuery } from './url.ts'

/** Opens a WebSocket with what the platform offers. Options a page has no say in (TLS files, keep-alive) are ignored. */
export function dialNativeWebSocket(url: string, options: DialOptions = {}): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const { signal } = options
    signal?.throwIfAborted()
    const target = parseDialUrl(url)
    if (target.scheme !== 'ws' && target.scheme !== 'wss') throw new InvalidUrlError(`A browser can not dial ${target.scheme}: ${url}`)
    if (options.apiKey !== undefined) throw new TransportError('A browser can not send an API key: use a token')
    if (options.authToken !== undefined) target.url.searchParams.set('access_token', options.authToken)
    const shown = withoutQuery(target.url)

    const socket = new WebSocket(target.url)
    socket.binaryType = 'arraybuffer'
    const timer = setTimeout(
      () => fail(new TransportTimeoutError(`WebSocket connection timeout: ${shown}`)),
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    )
    const onAbort = () => fail(signal?.reason)

    function settle(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.onopen = socket.onerror = socket.onclose = null
    }
    function fail(error: unknown): void {
      settle()
      socket.onerror = () => {}
      socket.close()
      reject(error)
    }
    signal?.addEventListener('abort', onAbort)
    // The platform tells pages nothing about why: neither status nor system error.
    socket.onerror = () => fail(new TransportConnectionError(`WebSocket connection failed: ${shown}`))
    socket.onclose = () => fail(new TransportConnectionError(`WebSocket connection failed: ${shown}: closed during the handshake`))
    socket.onopen = () => {
      settle()
      resolve(new NativeWebSocketConnection(socket, target.scheme as 'ws' | 'wss', target.url.host, options))
    }
  })
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})

class NativeWebSocketConnection implements Connection {
  readonly id: string
  readonly kind: ConnectionKind
  readonly protocol: 'ws' | 'wss'
  readonly dialed = true
  readonly remote: string
  readonly headers = NO_HEADERS
  readonly identity = { method: 'none' } as const
  readonly #socket: WebSocket
  readonly #limits: Limits
  readonly #encoder = new TextEncoder()
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #handlers: ConnectionHandlers | undefined
  #isOpen = true
  #verdict: CloseInfo | undefined
  /** What arrived before anybody was attached; pages can not pause a socket. */
  #early: (() => void)[] = []

  constructor(socket: WebSocket, protocol: 'ws' | 'wss', remote: string, options: DialOptions) {
    this.id = nextConnectionId(protocol)
    this.kind = options.kind ?? 'client'
    this.protocol = protocol
    this.remote = remote
    this.#socket = socket
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    socket.onmessage = (event) => this.#whenAttached(() => this.#received(event.data))
    socket.onclose = (event) => this.#whenAttached(() => this.#closed(event.code, event.reason))
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    const early = this.#early
    this.#early = []
    if (early.length > 0) {
      queueMicrotask(() => {
        for (const event of early) event()
      })
    }
  }

  send(text: string): boolean {
    if (!this.#isOpen) return false
    const { messageBytesMax, sendBufferBytesMax } = this.#limits
    const bytes = this.#encoder.encode(text)
    if (bytes.length > messageBytesMax) throw new MessageTooLargeError(bytes.length, messageBytesMax)
    const waiting = this.#socket.bufferedAmount
    if (waiting > sendBufferBytesMax) {
      this.#drop(CLOSE_TRY_AGAIN_LATER, new SlowConsumerError(waiting, `limit ${sendBufferBytesMax}`))
      return false
    }
    this.#socket.send(bytes)
    return true
  }

  async sendStream(source: StreamSource): Promise<void> {
    if (!this.#isOpen) throw new TransportConnectionError('WebSocket not connected')
    if (!this.send(await this.#collect(source))) throw new TransportConnectionError('WebSocket connection closed')
  }

  ping(): Promise<number> {
    return Promise.reject(new TransportError('The platform offers no WebSocket ping'))
  }

  close(code: number = CLOSE_NORMAL, reason = ''): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    // Pages may give 1000 or a private code, nothing else.
    this.#socket.close(code === CLOSE_NORMAL || code >= 3000 ? code : CLOSE_NORMAL, reason)
    // A browser waits a minute for a dead peer to answer; the owner should know sooner.
    const overdue = setTimeout(() => this.#closed(CLOSE_ABNORMAL, ''), CLOSE_TIMEOUT_MS)
    this.#socket.addEventListener('close', () => clearTimeout(overdue))
  }

  #drop(code: number, error: Error): void {
    this.#verdict ??= { code, reason: firstLine(error), error }
    this.close(CLOSE_NORMAL, firstLine(error).slice(0, 120))
  }

  async #collect(source: StreamSource): Promise<string> {
    if (typeof source === 'string') return source
    const decoder = new TextDecoder()
    if (source instanceof Uint8Array) return decoder.decode(source)
    let text = ''
    for await (const piece of source as AsyncIterable<string | Uint8Array>) {
      text += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })
      if (text.length > this.#limits.messageBytesMax) throw new MessageTooLargeError(text.length, this.#limits.messageBytesMax)
    }
    return text + decoder.decode()
  }

  #whenAttached(event: () => void): void {
    if (this.#handlers === undefined || this.#early.length > 0) this.#early.push(event)
    else event()
  }

  #received(data: unknown): void {
    if (!this.#isOpen) return
    let text: string
    try {
      text = typeof data === 'string' ? data : this.#decoder.decode(data as ArrayBuffer)
    } catch {
      this.#handlers?.malformed(new ProtocolViolationError(`Message from ${this.remote} is not valid UTF-8`))
      return
    }
    if (text.length > this.#limits.messageBytesMax) {
      this.#drop(CLOSE_TOO_BIG, new MessageTooLargeError(text.length, this.#limits.messageBytesMax))
      return
    }
    this.#handlers?.message(text)
  }

  #closed(code: number, reason: string): void {
    this.#isOpen = false
    this.#socket.onmessage = this.#socket.onclose = null
    const lost = code === CLOSE_ABNORMAL ? { error: new TransportConnectionError('WebSocket connection closed') } : {}
    this.#handlers?.close(this.#verdict ?? { code, reason, ...lost })
  }
}
