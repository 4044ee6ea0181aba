/**
 * TCP transport (`tcp`, `tcps`): the framing of framing.ts over a plain or TLS socket.
 *
 * Ping and pong are the transport's own business, and both ways of sending a message (regular and stream) arrive through one door.
 * Nothing is sent unasked: reference peers do not answer pings by themselves, so idle links rely on the kernel's keep-alive.
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import type { Cancel } from '../base/index.ts'
import { DEFAULT_ACCESS } from './access.ts'
import {
  CLOSE_ABNORMAL,
  CLOSE_NORMAL,
  CLOSE_TIMEOUT_MS,
  CLOSE_TOO_BIG,
  CONNECT_TIMEOUT_MS,
  CONNECTIONS_MAX,
  HANDSHAKE_TIMEOUT_MS,
  HEARTBEAT_TIMEOUT_MS,
  STREAM_CHUNK_BYTES,
  TCP_KEEPALIVE_IDLE_MS,
} from './constants.ts'
import type { TransportContext } from './context.ts'
import { CertificateError, firstLine, StreamAbortedError, TransportConnectionError, TransportTimeoutError } from './errors.ts'
import {
  encodePiece,
  encodeStream,
  type FrameEvents,
  FrameParser,
  lengthFraming,
  PING_FRAME,
  PONG_FRAME,
  STREAM_ABORT,
  STREAM_END,
  STREAM_START,
} from './framing.ts'
import type { KeepAliveSubject } from './keep-alive.ts'
import { AcceptedConnections, bind } from './listening.ts'
import { type ConnectionInit, NO_HEADERS, NO_IDENTITY, SocketConnection } from './socket-connection.ts'
import { bytesOf, wholeOf } from './stream-source.ts'
import { certificateErrorOf, clientCertificateName, loadClientTls, loadServerTls, TLS_VERSION_MIN, watchCertificates } from './tls.ts'
import type { Connection, DialOptions, Limits, Listener, ListenOptions, StreamSource } from './transport.ts'
import { type DialTarget, hostForUrl } from './url.ts'

/** Bytes of a stream that may wait in the socket before the source is asked for more. */
const STREAM_AHEAD_BYTES = 1024 * 1024

class TcpConnection extends SocketConnection implements FrameEvents, KeepAliveSubject {
  /** How often a held-back connection is looked at, ms; there are no pings here. */
  readonly pingIntervalMs = 4_000
  readonly pongTimeoutMs = 4_000
  readonly #parser: FrameParser
  /** Pings under way, oldest first: pongs carry nothing to tell them apart. */
  #pings: (() => void)[] = []
  /** The last stream to be sent; the next waits for it. */
  #stream: Promise<void> | undefined
  #closeTimer: Cancel | undefined
  #error: Error | undefined
  #ended = false
  #shutCode: number | undefined

  constructor(context: TransportContext, socket: Socket, init: ConnectionInit) {
    super(context, socket, lengthFraming, init)
    this.#parser = new FrameParser(this.limits, this)
    socket.on('data', (piece: Buffer) => this.#received(piece))
    socket.on('end', () => this.#end())
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => this.#closed())
  }

  async sendStream(source: StreamSource): Promise<void> {
    if (!this.isOpen) throw new TransportConnectionError('TCP not connected')
    const turn = (this.#stream ?? Promise.resolve()).then(() => this.#sendStream(source))
    const settled = turn.catch(() => {})
    this.#stream = settled
    try {
      await turn
    } finally {
      if (this.#stream === settled) this.#stream = undefined
    }
  }

  ping(): Promise<number> {
    if (!this.isOpen) return Promise.reject(new TransportConnectionError('TCP not connected'))
    const { clock, timers } = this.context.env
    const started = clock.monotonic()
    return new Promise((resolve, reject) => {
      const timeoutMs = HEARTBEAT_TIMEOUT_MS[this.kind]
      // A late pong must still be taken for this ping and not for the next, so the place in the queue stays.
      const answered = () => {
        cancel()
        resolve(clock.monotonic() - started)
      }
      const cancel = timers.after(timeoutMs, () =>
        reject(
          this.isOpen
            ? new TransportTimeoutError(`TCP ping timeout: no pong within ${timeoutMs} ms`)
            : new TransportConnectionError('TCP connection closed'),
        ),
      )
      this.#pings.push(answered)
      this.writer.sendFrame(PING_FRAME)
    })
  }

  message(data: Buffer): void {
    this.deliver(data)
  }

  pingReceived(): void {
    if (this.isOpen) this.writer.sendFrame(PONG_FRAME)
  }

  pongReceived(): void {
    this.#pings.shift()?.()
  }

  streamAborted(): void {
    this.deliverMalformed(new StreamAbortedError())
  }

  sweep(nowMs: number): void {
    this.sweepStall(nowMs)
  }

  protected shut(code: number): void {
    this.#parser.stop()
    this.socket.end()
    this.#shutCode = code
    this.#closeTimer = this.context.env.timers.after(CLOSE_TIMEOUT_MS, () => this.socket.destroy())
  }

  protected pauseReading(): void {
    this.socket.pause()
    this.context.keepAlive.add(this)
  }

  protected resumeReading(): void {
    this.socket.resume()
    this.context.keepAlive.delete(this)
  }

  #received(piece: Buffer): void {
    try {
      this.#parser.push(piece)
    } catch (error) {
      this.context.counters.oversized++
      this.drop(CLOSE_TOO_BIG, error as Error)
    }
  }

  #end(): void {
    this.#ended = true
    if (!this.#parser.atBoundary && this.isOpen) this.doom(CLOSE_ABNORMAL, new TransportConnectionError('TCP connection closed'))
    else if (this.isOpen) this.ending()
    this.writer.flush()
  }

  #closed(): void {
    this.#closeTimer?.()
    this.context.keepAlive.delete(this)
    if (this.#error !== undefined) {
      const error = new TransportConnectionError(`TCP connection closed: ${firstLine(this.#error)}`, { cause: this.#error })
      this.gone(CLOSE_ABNORMAL, firstLine(error), error)
    } else if (this.#ended || this.#shutCode !== undefined) {
      this.gone(this.#shutCode ?? CLOSE_NORMAL, '')
    } else {
      this.gone(CLOSE_ABNORMAL, '', new TransportConnectionError('TCP connection closed'))
    }
  }

  async #sendStream(source: StreamSource): Promise<void> {
    this.#assertConnected()
    this.writer.hold()
    try {
      const whole = wholeOf(source)
      if (whole !== undefined) {
        for (const bytes of encodeStream(whole, STREAM_CHUNK_BYTES)) await this.#write(bytes)
      } else {
        await this.#sendPieces(source as AsyncIterable<string | Uint8Array>)
      }
      this.context.counters.messagesSent++
    } finally {
      this.writer.release()
    }
  }

  async #sendPieces(source: AsyncIterable<string | Uint8Array>): Promise<void> {
    await this.#write(STREAM_START)
    try {
      for await (const piece of source) {
        for (const bytes of encodePiece(bytesOf(piece), STREAM_CHUNK_BYTES)) await this.#write(bytes)
      }
    } catch (error) {
      if (this.isOpen) await this.#write(STREAM_ABORT)
      throw error
    }
    await this.#write(STREAM_END)
  }

  async #write(bytes: Buffer): Promise<void> {
    this.#assertConnected()
    this.context.counters.bytesSent += bytes.length
    const { socket } = this
    socket.write(bytes)
    if (socket.writableLength <= STREAM_AHEAD_BYTES) return
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }

  #assertConnected(): void {
    if (!this.isOpen) throw new TransportConnectionError('TCP connection closed')
  }
}

export async function listenTcp(
  context: TransportContext,
  options: ListenOptions,
  accept: (connection: Connection) => void,
): Promise<Listener> {
  const { counters, log } = context
  const protocol = options.protocol === 'tcps' ? 'tcps' : 'tcp'
  const limits: Limits = { ...context.limits, ...options.limits }
  const access = options.access ?? DEFAULT_ACCESS
  const connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX
  const kind = options.kind ?? 'client'
  const connections = new AcceptedConnections()
  let closing: Promise<void> | undefined

  if (access.credentialsRequired === true && !(protocol === 'tcps' && options.tls?.verify === true)) {
    throw new CertificateError(
      `A ${protocol} listener can not ask for tokens or keys, TCP has no headers: use tcps with verify and caFile (client certificates)`,
    )
  }

  const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_IDLE_MS }
  const server: Server =
    protocol === 'tcps'
      ? createTlsServer({ ...socketOptions, handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ...(await loadServerTls(protocol, options.tls)) })
      : createServer(socketOptions)

  server.on(protocol === 'tcps' ? 'secureConnection' : 'connection', (socket: Socket) => {
    const remoteAddress = socket.remoteAddress ?? ''
    const clientCertificate = protocol === 'tcps' ? clientCertificateName(socket as TLSSocket) : undefined
    const identity =
      connections.isClosing || connections.size >= connectionsMax
        ? { status: 503, reason: 'too many connections' }
        : access.check({
            remoteAddress,
            headers: NO_HEADERS,
            path: '/',
            ...(clientCertificate === undefined ? {} : { clientCertificate }),
          })
    if ('status' in identity) {
      counters.refused++
      if (log.debugOn) log.debug(`Refused ${remoteAddress}: ${identity.reason}`)
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    const connection = new TcpConnection(context, socket, {
      kind,
      protocol,
      dialed: false,
      remote: `${hostForUrl(remoteAddress)}:${socket.remotePort}`,
      headers: NO_HEADERS,
      identity,
      limits,
      onGone: connections.onGone,
    })
    connections.add(connection)
    counters.accepted++
    accept(connection)
    connection.holdUntilAttached()
  })
  server.on('tlsClientError', (error: Error) => {
    counters.refused++
    if (log.debugOn) log.debug(`TLS handshake failed: ${firstLine(error)}`)
  })

  await bind(server, options)
  const port = (server.address() as AddressInfo).port
  const certificates =
    protocol === 'tcps' && options.tls !== undefined
      ? watchCertificates(context, options.tls, (material) => {
          ;(server as TlsServer).setSecureContext({ ...material, minVersion: TLS_VERSION_MIN })
        })
      : undefined

  return {
    protocol,
    url: `${protocol}://${hostForUrl(options.host)}:${port}`,
    port,
    get connections() {
      return connections.size
    },
    get connectionsTotal() {
      return connections.total
    },
    reloadCertificates: () => certificates?.reload() ?? Promise.resolve(false),
    close() {
      certificates?.stop()
      closing ??= Promise.all([new Promise((resolve) => server.close(resolve)), connections.closeAll()]).then(() => {})
      return closing
    },
  }
}

export async function dialTcp(
  context: TransportContext,
  target: DialTarget,
  options: DialOptions,
  onGone: (connection: Connection) => void,
): Promise<Connection> {
  const { signal } = options
  signal?.throwIfAborted()
  const { host, port, scheme } = target
  const secure = scheme === 'tcps'
  const shown = `${scheme}://${hostForUrl(host)}:${port}`
  const socketOptions = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_IDLE_MS }
  const tlsOptions = secure ? await loadClientTls(host, options.tls) : undefined
  signal?.throwIfAborted()

  return new Promise((resolve, reject) => {
    const socket: Socket = tlsOptions === undefined ? connect(socketOptions) : connectTls({ ...socketOptions, ...tlsOptions })
    const connected = secure ? 'secureConnect' : 'connect'

    function settle(): void {
      cancel()
      signal?.removeEventListener('abort', onAbort)
      socket.off(connected, onConnected)
      socket.off('error', onError)
      socket.off('close', onClose)
    }
    function fail(error: unknown): void {
      settle()
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    function onAbort(): void {
      fail(signal?.reason)
    }
    function onError(error: Error): void {
      fail(
        certificateErrorOf(error) ?? new TransportConnectionError(`TCP connection failed: ${shown}: ${firstLine(error)}`, { cause: error }),
      )
    }
    function onClose(): void {
      fail(new TransportConnectionError(`TCP connection failed: ${shown}: closed during the handshake`))
    }
    function onConnected(): void {
      settle()
      const connection = new TcpConnection(context, socket, {
        kind: options.kind ?? 'client',
        protocol: secure ? 'tcps' : 'tcp',
        dialed: true,
        remote: `${hostForUrl(host)}:${port}`,
        headers: NO_HEADERS,
        identity: NO_IDENTITY,
        limits: { ...context.limits, ...options.limits },
        onGone,
      })
      connection.holdUntilAttached()
      resolve(connection)
    }

    const cancel = context.env.timers.after(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, () =>
      fail(new TransportTimeoutError(`TCP connection timeout: ${shown}`)),
    )
    signal?.addEventListener('abort', onAbort)
    socket.on(connected, onConnected)
    socket.on('error', onError)
    socket.on('close', onClose)
  })
}
