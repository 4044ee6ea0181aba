/**
 * In-process network for tests: same promises as the socket transports, no sockets.
 *
 * Two connections form a pair; what one sends the other gets in a later turn, in order, through the Env's timers, so a virtual clock
 * drives it too. Size limits are enforced on both sides and the outbound buffer is bounded: bytes count as waiting until delivered.
 */

import type { Env } from '../base/index.ts'
import { DEFAULT_ACCESS } from './access.ts'
import { nextConnectionId } from './connection-id.ts'
import { CLOSE_GOING_AWAY, CLOSE_NORMAL, CLOSE_TOO_BIG, CLOSE_TRY_AGAIN_LATER, CONNECTIONS_MAX, DEFAULT_LIMITS } from './constants.ts'
import {
  AccessDeniedError,
  firstLine,
  InvalidUrlError,
  MessageTooLargeError,
  SlowConsumerError,
  StreamAbortedError,
  StreamTooLargeError,
  TransportConnectionError,
} from './errors.ts'
import { NO_HEADERS, NO_IDENTITY } from './socket-connection.ts'
import { collectStream } from './stream-source.ts'
import type {
  CloseInfo,
  Connection,
  ConnectionHandlers,
  ConnectionKind,
  DialOptions,
  Limits,
  Listener,
  ListenOptions,
  Network,
  RemoteIdentity,
  StreamSource,
} from './transport.ts'

export interface MemoryNetworkOptions {
  readonly env: Env
  readonly limits?: Partial<Limits>
  /** One-way delay of every delivery, ms. Default 0: a later turn. */
  readonly delayMs?: number
}

export interface MemoryNetworkSnapshot {
  readonly listeners: number
  readonly connectionsOpen: number
  readonly messagesDelivered: number
}

export interface MemoryNetwork extends Network {
  snapshot(): MemoryNetworkSnapshot
}

interface BoundListener {
  readonly options: ListenOptions
  readonly accept: (connection: Connection) => void
  readonly connections: Set<MemoryConnection>
  total: number
}

export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  const { env } = options
  const delayMs = options.delayMs ?? 0
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits }
  const listeners = new Map<number, BoundListener>()
  const stats = { delivered: 0, open: 0 }
  let nextPort = 1

  function later(fn: () => void): void {
    env.timers.after(delayMs, fn)
  }

  return {
    async listen(listenOptions, accept): Promise<Listener> {
      const port = listenOptions.port === 0 ? nextFreePort() : listenOptions.port
      if (listeners.has(port)) throw new TransportConnectionError(`Cannot listen on memory port ${port}: in use`, { code: 'LISTEN' })
      const bound: BoundListener = { options: listenOptions, accept, connections: new Set(), total: 0 }
      listeners.set(port, bound)
      return {
        protocol: 'memory',
        url: `memory://${listenOptions.host}:${port}`,
        port,
        get connections() {
          return bound.connections.size
        },
        get connectionsTotal() {
          return bound.total
        },
        reloadCertificates: async () => false,
        close: () =>
          new Promise((resolve) => {
            listeners.delete(port)
            for (const connection of bound.connections) connection.close(CLOSE_GOING_AWAY, 'listener shutdown')
            const wait = () => (bound.connections.size === 0 ? resolve() : later(wait))
            wait()
          }),
      }
    },

    async dial(url: string, dialOptions: DialOptions = {}): Promise<Connection> {
      dialOptions.signal?.throwIfAborted()
      const match = /^(?:memory|wss?|tcps?):\/\/([^/?]+):(\d+)/i.exec(url)
      if (match === null) throw new InvalidUrlError(`Invalid memory URL: ${url}`)
      const bound = listeners.get(Number(match[2]))
      if (bound === undefined) throw new TransportConnectionError(`Memory connection failed: ${url}: nobody listens`)
      const headers: Record<string, string> = {}
      if (dialOptions.authToken !== undefined) headers.authorization = `Bearer ${dialOptions.authToken}`
      if (dialOptions.apiKey !== undefined) headers['x-api-key'] = dialOptions.apiKey
      const identity =
        bound.connections.size >= (bound.options.connectionsMax ?? CONNECTIONS_MAX)
          ? ({ status: 503, reason: 'too many connections' } as const)
          : (bound.options.access ?? DEFAULT_ACCESS).check({ remoteAddress: 'memory', headers, path: '/' })
      if ('status' in identity) {
        throw new AccessDeniedError(`Memory connection failed: ${url} answered ${identity.status}`, identity.status)
      }
      const kept = Object.keys(headers).length === 0 ? NO_HEADERS : headers
      const near = new MemoryConnection(dialOptions.kind, true, `${match[1]}:${match[2]}`, NO_HEADERS, NO_IDENTITY, {
        ...limits,
        ...dialOptions.limits,
      })
      const far = new MemoryConnection(bound.options.kind, false, `memory:${near.id}`, kept, identity, {
        ...limits,
        ...bound.options.limits,
      })
      const wire = {
        later,
        delivered: () => {
          stats.delivered++
        },
      }
      near.join(far, wire, () => {
        stats.open--
      })
      far.join(near, wire, () => bound.connections.delete(far))
      stats.open++
      bound.connections.add(far)
      bound.total++
      bound.accept(far)
      return near
    },

    snapshot: () => ({ listeners: listeners.size, connectionsOpen: stats.open, messagesDelivered: stats.delivered }),
  }

  function nextFreePort(): number {
    while (listeners.has(nextPort)) nextPort++
    return nextPort++
  }
}

interface MemoryWire {
  later(fn: () => void): void
  delivered(): void
}

class MemoryConnection implements Connection {
  readonly id = nextConnectionId('memory')
  readonly kind: ConnectionKind
  readonly protocol = 'memory'
  readonly dialed: boolean
  readonly remote: string
  readonly headers: Readonly<Record<string, string>>
  readonly identity: RemoteIdentity
  readonly #limits: Limits
  #state: 'open' | 'closing' | 'closed' = 'open'
  #handlers: ConnectionHandlers | undefined
  #peer: MemoryConnection | undefined
  #wire: MemoryWire | undefined
  #onGone: (() => void) | undefined
  #waitingBytes = 0
  /** What arrived before anybody was attached. */
  #early: (() => void)[] = []

  constructor(
    kind: ConnectionKind | undefined,
    dialed: boolean,
    remote: string,
    headers: Readonly<Record<string, string>>,
    identity: RemoteIdentity,
    limits: Limits,
  ) {
    this.kind = kind ?? 'client'
    this.dialed = dialed
    this.remote = remote
    this.headers = headers
    this.identity = identity
    this.#limits = limits
  }

  join(peer: MemoryConnection, wire: MemoryWire, onGone: () => void): void {
    this.#peer = peer
    this.#wire = wire
    this.#onGone = onGone
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get bufferedBytes(): number {
    return this.#waitingBytes
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    const early = this.#early
    this.#early = []
    for (const event of early) this.#wire?.later(event)
  }

  send(text: string): boolean {
    if (this.#state !== 'open') return false
    const bytes = Buffer.byteLength(text)
    if (bytes > this.#limits.messageBytesMax) throw new MessageTooLargeError(bytes, this.#limits.messageBytesMax)
    return this.#transmit(text, bytes, false)
  }

  async sendStream(source: StreamSource): Promise<void> {
    if (this.#state !== 'open') throw new TransportConnectionError('Memory connection not connected')
    let text: string
    try {
      text = await collectStream(source, this.#limits.streamBytesMax)
    } catch (error) {
      const peer = this.#peer
      this.#wire?.later(() => peer?.receiveMalformed(new StreamAbortedError()))
      throw error
    }
    if (!this.#transmit(text, Buffer.byteLength(text), true)) throw new TransportConnectionError('Memory connection closed')
  }

  #transmit(text: string, bytes: number, stream: boolean): boolean {
    if (this.#state !== 'open') return false
    if (this.#waitingBytes > this.#limits.sendBufferBytesMax) {
      const error = new SlowConsumerError(this.#waitingBytes, `limit ${this.#limits.sendBufferBytesMax}`)
      this.#end({ code: CLOSE_TRY_AGAIN_LATER, reason: firstLine(error), error })
      return false
    }
    this.#waitingBytes += bytes
    const peer = this.#peer
    this.#wire?.later(() => {
      this.#waitingBytes -= bytes
      peer?.receive(text, bytes, stream)
    })
    return true
  }

  async ping(): Promise<number> {
    if (this.#state !== 'open') throw new TransportConnectionError('Memory connection not connected')
    return new Promise((resolve) => this.#wire?.later(() => this.#wire?.later(() => resolve(0))))
  }

  close(code: number = CLOSE_NORMAL, reason = ''): void {
    if (this.#state === 'open') this.#end({ code, reason })
  }

  receive(text: string, bytes: number, stream: boolean): void {
    if (this.#state !== 'open') return
    if (this.#handlers === undefined) {
      this.#early.push(() => this.receive(text, bytes, stream))
      return
    }
    const bytesMax = stream ? this.#limits.streamBytesMax : this.#limits.messageBytesMax
    if (bytes > bytesMax) {
      const error = stream ? new StreamTooLargeError(bytes, bytesMax) : new MessageTooLargeError(bytes, bytesMax)
      this.#end({ code: CLOSE_TOO_BIG, reason: firstLine(error), error })
      return
    }
    this.#wire?.delivered()
    this.#handlers.message(text)
  }

  receiveMalformed(error: Error): void {
    if (this.#state === 'open') this.#handlers?.malformed(error)
  }

  /** Ends both sides in later turns, this one after the other has had everything sent before. */
  #end(info: CloseInfo): void {
    this.#state = 'closing'
    const peer = this.#peer
    this.#wire?.later(() => {
      peer?.closed({ code: info.code, reason: info.reason })
      this.#wire?.later(() => this.closed(info))
    })
  }

  closed(info: CloseInfo): void {
    if (this.#state === 'closed') return
    if (this.#handlers === undefined) {
      this.#early.push(() => this.closed(info))
      return
    }
    this.#state = 'closed'
    this.#onGone?.()
    this.#handlers.close(info)
  }
}
