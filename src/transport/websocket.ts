/**
 * WebSocket transport (`ws`, `wss`): listener and dialer.
 *
 * The `ws` library does the handshake, the parsing of what arrives and the control frames. Our own messages bypass its sender: they are
 * framed in {@link TurnWriter} and written to the very socket the library reads from, which both HTTP upgrade events hand out. Every
 * frame is written whole and nothing is compressed, so the two writers can not interleave within a frame.
 *
 * Any path is accepted, queries are ignored, no subprotocol is ever selected, messages leave as binary and arrive as either kind.
 */

import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type ClientOptions, type RawData, type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { DEFAULT_ACCESS, refusalResponse } from './access.ts'
import {
  CLOSE_ABNORMAL,
  CLOSE_KEEPALIVE_TIMEOUT,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_TIMEOUT_MS,
  CLOSE_TOO_BIG,
  CONNECT_TIMEOUT_MS,
  CONNECTIONS_MAX,
  HANDSHAKE_TIMEOUT_MS,
  HEARTBEAT_TIMEOUT_MS,
  PING_INTERVAL_MS,
  PONG_TIMEOUT_MS,
} from './constants.ts'
import type { TransportContext } from './context.ts'
import {
  AccessDeniedError,
  firstLine,
  ProtocolViolationError,
  TransportConnectionError,
  TransportError,
  TransportTimeoutError,
} from './errors.ts'
import type { KeepAliveSubject } from './keep-alive.ts'
import { AcceptedConnections, bind } from './listening.ts'
import { type ConnectionInit, NO_HEADERS, NO_IDENTITY, SocketConnection } from './socket-connection.ts'
import { collectStream } from './stream-source.ts'
import { certificateErrorOf, clientCertificateName, loadClientTls, loadServerTls, TLS_VERSION_MIN, watchCertificates } from './tls.ts'
import type { Connection, DialOptions, Limits, Listener, ListenOptions, StreamSource } from './transport.ts'
import { hostForUrl, withoutQuery } from './url.ts'
import { clientFraming, serverFraming } from './websocket-frames.ts'

interface WebSocketInit extends ConnectionInit {
  readonly pingIntervalMs: number
  readonly pongTimeoutMs: number
}

/** A library socket that knows our connection, so that listeners are shared functions instead of five closures each. */
class OwnedWebSocket extends WebSocket {
  connection: WebSocketConnection | undefined = undefined
}

class WebSocketConnection extends SocketConnection implements KeepAliveSubject {
  readonly pingIntervalMs: number
  readonly pongTimeoutMs: number
  roundTripMs: number | undefined = undefined
  readonly #ws: OwnedWebSocket
  #pingDueMs: number
  /** When the pong of the last keep-alive ping is overdue; 0 while none is awaited. */
  #pongDueMs = 0
  /** When the last keep-alive ping left, by the clock; NaN once it was answered. */
  #pingSentMs = Number.NaN
  #pings: Map<string, () => void> | undefined

  constructor(context: TransportContext, ws: OwnedWebSocket, socket: Socket, init: WebSocketInit) {
    super(context, socket, init.dialed ? clientFraming : serverFraming, init)
    this.pingIntervalMs = init.pingIntervalMs
    this.pongTimeoutMs = init.pongTimeoutMs
    this.#ws = ws
    ws.connection = this
    ws.on('message', onMessage)
    ws.on('pong', onPong)
    ws.on('error', onError)
    ws.on('close', onClose)
    this.#pingDueMs = context.keepAlive.add(this)
  }

  /** Closed for sending as soon as a close frame has gone either way: nothing may follow one. */
  override get isOpen(): boolean {
    return super.isOpen && this.#ws.readyState === WebSocket.OPEN
  }

  async sendStream(source: StreamSource): Promise<void> {
    if (!this.isOpen) throw new TransportConnectionError('WebSocket not connected')
    const text = await collectStream(source, this.limits.messageBytesMax)
    if (!this.send(text)) throw new TransportConnectionError('WebSocket connection closed')
  }

  ping(): Promise<number> {
    if (!this.isOpen) return Promise.reject(new TransportConnectionError('WebSocket not connected'))
    const { clock, timers, random } = this.context.env
    const started = clock.monotonic()
    const payload = Buffer.from(random.bytes(8))
    const key = payload.toString('latin1')
    this.#pings ??= new Map()
    const pings = this.#pings
    return new Promise((resolve, reject) => {
      const timeoutMs = HEARTBEAT_TIMEOUT_MS[this.kind]
      const cancel = timers.after(timeoutMs, () => {
        pings.delete(key)
        reject(
          this.isOpen
            ? new TransportTimeoutError(`WebSocket ping timeout: no pong within ${timeoutMs} ms`)
            : new TransportConnectionError('WebSocket connection closed'),
        )
      })
      pings.set(key, () => {
        cancel()
        resolve(clock.monotonic() - started)
      })
      this.writer.flush()
      this.#ws.ping(payload)
    })
  }

  sweep(nowMs: number): void {
    if (this.isHeldBack) {
      // Pongs may be waiting unread behind the requests we refuse to read: only progress of our own writing counts.
      this.#pongDueMs = 0
      this.sweepStall(nowMs)
      return
    }
    if (this.#pongDueMs !== 0) {
      if (nowMs <= this.#pongDueMs) return
      this.context.counters.keepAliveTimeouts++
      this.drop(CLOSE_KEEPALIVE_TIMEOUT, new TransportConnectionError('keepalive ping timeout', { code: 'KEEPALIVE_TIMEOUT' }))
    } else if (nowMs >= this.#pingDueMs && this.isOpen) {
      this.#pingDueMs = nowMs + this.pingIntervalMs
      this.#pongDueMs = nowMs + this.pongTimeoutMs
      this.#pingSentMs = this.context.env.clock.monotonic()
      this.#ws.ping()
    }
  }

  received(data: Buffer): void {
    // A peer that talks is alive, even while its pong queues behind what it says.
    this.#pongDueMs = 0
    this.deliver(data)
  }

  pongReceived(data: Buffer): void {
    this.#pongDueMs = 0
    if (data.length === 0) return this.#keptAlive()
    if (this.#pings === undefined) return
    const key = data.toString('latin1')
    const done = this.#pings.get(key)
    if (done === undefined) return
    this.#pings.delete(key)
    done()
  }

  #keptAlive(): void {
    const ms = this.context.env.clock.monotonic() - this.#pingSentMs
    if (ms >= 0) this.roundTripMs = ms
    this.#pingSentMs = Number.NaN
  }

  failed(error: Error & { code?: string }): void {
    if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
      this.context.counters.oversized++
      this.doom(
        CLOSE_TOO_BIG,
        new TransportError(`Message too large: over ${this.limits.messageBytesMax} bytes`, { code: 'MESSAGE_TOO_LARGE' }),
      )
    } else if (error.code?.startsWith('WS_ERR')) {
      this.doom(CLOSE_PROTOCOL_ERROR, new ProtocolViolationError(firstLine(error)))
    } else {
      this.doom(CLOSE_ABNORMAL, new TransportConnectionError(`WebSocket connection closed: ${firstLine(error)}`, { cause: error }))
    }
  }

  ended(code: number, reason: string): void {
    this.context.keepAlive.delete(this)
    const lost = code === CLOSE_ABNORMAL ? new TransportConnectionError('WebSocket connection closed') : undefined
    this.gone(code, reason, lost)
  }

  protected shut(code: number, reason: string): void {
    this.#ws.close(code, reason)
  }

  protected pauseReading(): void {
    this.#ws.pause()
  }

  protected resumeReading(): void {
    this.#ws.resume()
  }
}

function onMessage(this: WebSocket, data: RawData): void {
  ;(this as OwnedWebSocket).connection?.received(data as Buffer)
}

function onPong(this: WebSocket, data: Buffer): void {
  ;(this as OwnedWebSocket).connection?.pongReceived(data)
}

function onError(this: WebSocket, error: Error): void {
  ;(this as OwnedWebSocket).connection?.failed(error)
}

function onClose(this: WebSocket, code: number, reason: Buffer): void {
  ;(this as OwnedWebSocket).connection?.ended(code, reason.toString())
}

export async function listenWebSocket(
  context: TransportContext,
  options: ListenOptions,
  accept: (connection: Connection) => void,
): Promise<Listener> {
  const { counters, log } = context
  const protocol = options.protocol === 'wss' ? 'wss' : 'ws'
  const limits: Limits = { ...context.limits, ...options.limits }
  const access = options.access ?? DEFAULT_ACCESS
  const connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX
  const kind = options.kind ?? 'client'
  const pingIntervalMs = options.pingIntervalMs ?? PING_INTERVAL_MS
  const pongTimeoutMs = options.pongTimeoutMs ?? PONG_TIMEOUT_MS
  const connections = new AcceptedConnections()
  let closing: Promise<void> | undefined

  const httpOptions = {
    // A request that never ends would hold its socket for ever.
    headersTimeout: HANDSHAKE_TIMEOUT_MS,
    requestTimeout: HANDSHAKE_TIMEOUT_MS,
    connectionsCheckingInterval: HANDSHAKE_TIMEOUT_MS / 2,
    noDelay: true,
    keepAlive: true,
  }
  const server: Server =
    protocol === 'wss'
      ? createHttpsServer(
          { ...httpOptions, handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ...(await loadServerTls(protocol, options.tls)) },
          onPlainRequest,
        )
      : createHttpServer(httpOptions, onPlainRequest)

  const serverOptions: ServerOptions<typeof OwnedWebSocket> & WithCloseTimeout = {
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: limits.messageBytesMax,
    // Checked by us, so that a bad message costs one message and not the connection.
    skipUTF8Validation: true,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: () => false,
    WebSocket: OwnedWebSocket,
  }
  const wss = new WebSocketServer(serverOptions)

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const tcp = socket as Socket
    if (connections.isClosing) return refuse(tcp, 503, 'shutting down')
    if (connections.size >= connectionsMax) return refuse(tcp, 503, 'too many connections')
    const remoteAddress = tcp.remoteAddress ?? ''
    const headers = keptHeaders(request)
    const clientCertificate = protocol === 'wss' ? clientCertificateName(tcp as TLSSocket) : undefined
    const identity = access.check({
      remoteAddress,
      headers: request.headers as Record<string, string>,
      path: request.url ?? '/',
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
    })
    if ('status' in identity) return refuse(tcp, identity.status, identity.reason)
    const remote = `${hostForUrl(remoteAddress)}:${tcp.remotePort}`
    wss.handleUpgrade(request, tcp, head, (ws) => {
      const connection = new WebSocketConnection(context, ws as OwnedWebSocket, tcp, {
        kind,
        protocol,
        dialed: false,
        remote,
        headers,
        identity,
        limits,
        onGone: connections.onGone,
        pingIntervalMs,
        pongTimeoutMs,
      })
      connections.add(connection)
      counters.accepted++
      accept(connection)
      connection.holdUntilAttached()
    })
  })

  function refuse(socket: Socket, status: 401 | 403 | 503, reason: string): void {
    counters.refused++
    if (log.debugOn) log.debug(`Refused ${socket.remoteAddress}: ${status} ${reason}`)
    socket.on('error', ignore)
    socket.end(refusalResponse(status, reason), () => socket.destroy())
  }

  server.on('clientError', (_error: Error, socket: Duplex) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n', () => socket.destroy())
    else socket.destroy()
  })
  server.on('tlsClientError', (error: Error) => {
    counters.refused++
    if (log.debugOn) log.debug(`TLS handshake failed: ${firstLine(error)}`)
  })

  await bind(server, options)
  const port = (server.address() as AddressInfo).port

  const certificates =
    protocol === 'wss' && options.tls !== undefined
      ? watchCertificates(context, options.tls, (material) => {
          ;(server as unknown as TlsServer).setSecureContext({ ...material, minVersion: TLS_VERSION_MIN })
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
      server.closeAllConnections()
      return closing
    },
  }
}

/** Known to the library, not yet to its types. */
interface WithCloseTimeout {
  readonly closeTimeout: number
}

interface TlsServer {
  setSecureContext(options: object): void
}

function onPlainRequest(_request: IncomingMessage, response: ServerResponse): void {
  const body = 'This port speaks WebSocket.\n'
  response.writeHead(426, {
    Upgrade: 'websocket',
    Connection: 'Upgrade, close',
    'Content-Type': 'text/plain',
    'Content-Length': body.length,
  })
  response.end(body)
}

/** Of the handshake itself; nobody asks for them later, and thousands of idle connections need not remember them. */
const FORGOTTEN_HEADERS = new Set([
  'host',
  'connection',
  'upgrade',
  'origin',
  'cookie',
  'pragma',
  'cache-control',
  'user-agent',
  'accept',
  'accept-encoding',
  'accept-language',
  'content-length',
])

function keptHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  let kept: Record<string, string> | undefined
  for (const name in request.headers) {
    if (FORGOTTEN_HEADERS.has(name) || name.startsWith('sec-')) continue
    const value = request.headers[name]
    kept ??= {}
    if (value !== undefined) kept[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return kept ?? NO_HEADERS
}

function ignore(): void {}

export async function dialWebSocket(
  context: TransportContext,
  url: URL,
  options: DialOptions,
  onGone: (connection: Connection) => void,
): Promise<Connection> {
  const { signal } = options
  signal?.throwIfAborted()
  const shown = withoutQuery(url)
  const limits: Limits = { ...context.limits, ...options.limits }
  const headers: Record<string, string> = {}
  if (options.authToken !== undefined) headers.Authorization = `Bearer ${options.authToken}`
  if (options.apiKey !== undefined) headers['X-API-Key'] = options.apiKey
  const secure = url.protocol === 'wss:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const clientOptions: ClientOptions & WithCloseTimeout = {
    perMessageDeflate: false,
    maxPayload: limits.messageBytesMax,
    skipUTF8Validation: true,
    closeTimeout: CLOSE_TIMEOUT_MS,
    headers,
    ...(secure ? await loadClientTls(host, options.tls) : {}),
  }
  signal?.throwIfAborted()

  return new Promise((resolve, reject) => {
    const ws = new OwnedWebSocket(url, clientOptions)
    let socket: Socket | undefined
    let settled = false

    function settle(): boolean {
      if (settled) return false
      settled = true
      cancel()
      signal?.removeEventListener('abort', onAbort)
      return true
    }
    function fail(error: unknown): void {
      if (!settle()) return
      ws.on('error', ignore)
      ws.terminate()
      reject(error)
    }
    function onAbort(): void {
      fail(signal?.reason)
    }

    const cancel = context.env.timers.after(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, () =>
      fail(new TransportTimeoutError(`WebSocket connection timeout: ${shown}`)),
    )
    signal?.addEventListener('abort', onAbort)
    ws.once('upgrade', (response) => {
      socket = response.socket
    })
    ws.once('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0
      fail(new AccessDeniedError(`WebSocket connection failed: ${shown} answered ${status}`, status))
    })
    ws.once('error', (error) => {
      fail(
        certificateErrorOf(error) ??
          new TransportConnectionError(`WebSocket connection failed: ${shown}: ${firstLine(error)}`, { cause: error }),
      )
    })
    ws.once('open', () => {
      if (socket === undefined || !settle()) return
      ws.removeAllListeners()
      const connection = new WebSocketConnection(context, ws, socket, {
        kind: options.kind ?? 'client',
        protocol: secure ? 'wss' : 'ws',
        dialed: true,
        remote: url.host,
        headers: NO_HEADERS,
        identity: NO_IDENTITY,
        limits,
        onGone,
        pingIntervalMs: options.pingIntervalMs ?? PING_INTERVAL_MS,
        pongTimeoutMs: options.pongTimeoutMs ?? PONG_TIMEOUT_MS,
      })
      connection.holdUntilAttached()
      resolve(connection)
    })
  })
}
