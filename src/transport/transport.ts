/**
 * The transport interface: what every kind of connection (WebSocket, TCP, TLS over either, memory) looks like to the rest of a node.
 *
 * A connection carries whole messages; a message is one text (a UTF-8 JSON document). `send` never waits and never throws for a slow
 * peer: all writes of one turn of the event loop leave together, into a bounded buffer whose overflow is a typed disconnect.
 */

/** Whom a connection serves; selects size limits and back-pressure policy. */
export type ConnectionKind = 'client' | 'internal'
export type ProtocolId = 'ws' | 'wss' | 'tcp' | 'tcps' | 'memory'

export interface CloseInfo {
  /** WebSocket close code; for TCP its nearest equivalent: 1000 orderly, 1006 torn down, 1009 message too large. */
  readonly code: number
  readonly reason: string
  /** Why, when it was not an orderly close. */
  readonly error?: Error
}

export interface ConnectionHandlers {
  /** One inbound message; called in order, one after another, never re-entrantly. */
  message(text: string): void
  /** One inbound message that can not be had: not valid UTF-8, or a stream its sender gave up. The connection stays open. */
  malformed(error: Error): void
  /** One inbound message of a connection inside this process that was sent with `sendObject`. Never changed by the receiver. */
  object?(value: object): void
  /** Called exactly once, after the last message. */
  close(info: CloseInfo): void
}

/** What the listener's access check learned about the other side. */
export interface RemoteIdentity {
  /** How the credential was presented, or `none` where none is required. */
  readonly method: 'none' | 'bearer' | 'api-key' | 'client-cert'
  /** Name given to the credential in the settings, or the certificate's common name. */
  readonly name?: string
}

/** A message that can be handed over as a value, or printed. */
export interface OutboundObject {
  readonly value: object
  readonly text: string
}

export interface Connection {
  /** Unique within the process, for logs and maps. */
  readonly id: string
  readonly kind: ConnectionKind
  readonly protocol: ProtocolId
  /** True when this side opened it. */
  readonly dialed: boolean
  /** `host:port` of the other side. */
  readonly remote: string
  /** Upgrade request headers, names in lower case; empty on TCP and on dialed connections. */
  readonly headers: Readonly<Record<string, string>>
  readonly identity: RemoteIdentity
  readonly isOpen: boolean
  /** Bytes accepted by `send` that the kernel has not taken yet. */
  readonly bufferedBytes: number
  /** Sets the receiver of messages; must be called in the turn the connection was handed over. */
  attach(handlers: ConnectionHandlers): void
  /**
   * Queues one message. False (and nothing queued) when the connection is not open.
   * @throws MessageTooLargeError when the text exceeds the connection's outbound limit; the connection is unharmed.
   */
  send(text: string): boolean
  /** Only on connections inside one process: hands a message over as it is, without printing and parsing it. Otherwise like {@link send}. */
  sendObject?(frame: OutboundObject): boolean
  /**
   * Sends one message of unknown or very large size piece by piece (TCP stream mode; one ordinary message on WebSocket). Other messages
   * sent meanwhile leave after it. When the source fails, the receiver is told and the promise rejects with the source's error.
   */
  sendStream(source: StreamSource): Promise<void>
  /** Of the last ping that keeps the connection alive, ms; undefined before its pong, and where none is sent (TCP). */
  readonly roundTripMs?: number | undefined
  /** Round trip of a transport-level ping, in milliseconds. @throws TransportTimeoutError after the heartbeat timeout. */
  ping(): Promise<number>
  /** Orderly close: what was sent before is flushed first. Idempotent. */
  close(code?: number, reason?: string): void
}

/** A whole text or byte string, or its pieces in order. */
export type StreamSource = string | Uint8Array | AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>

/** Refuses a connection at the door: answered with this HTTP status on WebSocket, by closing on TCP. */
export interface AccessRefused {
  readonly status: 401 | 403 | 503
  readonly reason: string
}

export interface Listener {
  readonly protocol: ProtocolId
  /** URL with the port really bound. */
  readonly url: string
  readonly port: number
  /** Open connections. */
  readonly connections: number
  readonly connectionsTotal: number
  /** Looks at the certificate files now instead of at the next poll. True when new certificates are in use. */
  reloadCertificates(): Promise<boolean>
  /** Stops accepting, closes every connection with 1001, resolves when all are gone. */
  close(): Promise<void>
}

/** Everything a node needs of the network. Production: sockets; simulation: a modelled network. */
export interface Network {
  listen(options: ListenOptions, accept: (connection: Connection) => void): Promise<Listener>
  dial(url: string, options?: DialOptions): Promise<Connection>
}

export interface TlsOptions {
  /** PEM files. `certFile` and `keyFile`: own certificate (server identity, or client certificate for mutual TLS). */
  readonly certFile?: string
  readonly keyFile?: string
  /** Extra trust anchor. */
  readonly caFile?: string
  /** Dialer: verify chain and host name (default true). Listener: require and verify a client certificate (default false). */
  readonly verify?: boolean
}

export interface Limits {
  /** Largest inbound and outbound message, bytes. */
  readonly messageBytesMax: number
  /** Largest inbound stream, bytes. */
  readonly streamBytesMax: number
  /** Bytes waiting in one connection's outbound buffer before it is dropped as a slow consumer. */
  readonly sendBufferBytesMax: number
}

export interface ListenOptions {
  readonly protocol: Exclude<ProtocolId, 'memory'>
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly kind?: ConnectionKind
  readonly tls?: TlsOptions
  readonly limits?: Partial<Limits>
  /** Most connections at once; one more is refused with 503. */
  readonly connectionsMax?: number
  readonly access?: AccessPolicy
  /** WebSocket keep-alive: ping period and how long a pong may take. */
  readonly pingIntervalMs?: number
  readonly pongTimeoutMs?: number
}

/** Decides at the door; see access.ts. */
export interface AccessPolicy {
  /** True when every connection must show a credential. TCP has no headers: such a listener then needs client certificates. */
  readonly credentialsRequired?: boolean
  check(request: AccessRequest): RemoteIdentity | AccessRefused
}

export interface AccessRequest {
  readonly remoteAddress: string
  readonly headers: Readonly<Record<string, string>>
  /** Path and query of the upgrade request; `/` on TCP. */
  readonly path: string
  /** Verified client certificate's common name. */
  readonly clientCertificate?: string
}

export interface DialOptions {
  readonly kind?: ConnectionKind
  readonly connectTimeoutMs?: number
  readonly signal?: AbortSignal
  readonly tls?: TlsOptions
  readonly limits?: Partial<Limits>
  readonly authToken?: string
  readonly apiKey?: string
  readonly pingIntervalMs?: number
  readonly pongTimeoutMs?: number
}
