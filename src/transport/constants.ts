/**
 * Numbers the transports agree on, with their unit and the reason for each. What an operator may want to change is also a field of
 * the options; these are its defaults.
 */

import type { ConnectionKind, Limits } from './transport.ts'

const MIB = 1024 * 1024

/** Largest message, bytes. Reference nodes put a whole catalog into one frame, so peers get the same room as clients. */
export const MESSAGE_BYTES_MAX = 20 * MIB
/** Largest stream from a client, bytes. */
export const STREAM_BYTES_MAX = 100 * MIB
/**
 * Bytes that may wait for one connection before it counts as a slow consumer. Above the largest message, so that no single legal
 * message can cost a healthy connection its life.
 */
export const SEND_BUFFER_BYTES_MAX = 32 * MIB

/** One piece of a TCP stream, bytes. */
export const STREAM_CHUNK_BYTES = 64 * 1024

/** Time for TCP, TLS and WebSocket handshakes of an outgoing connection together, ms. */
export const CONNECT_TIMEOUT_MS = 30_000
/** Time an accepted socket has to complete its (TLS and) WebSocket handshake, ms: slow handshakes must not hold descriptors. */
export const HANDSHAKE_TIMEOUT_MS = 10_000
/** Time the other side has to answer our close before the socket is destroyed, ms. */
export const CLOSE_TIMEOUT_MS = 10_000
/** WebSocket keep-alive: time between pings and time a pong may take, ms. Reference peers use the same two numbers. */
export const PING_INTERVAL_MS = 20_000
export const PONG_TIMEOUT_MS = 20_000
/** Longest answer to an explicit `ping()`, ms, by kind: another node is expected to be quicker than a client far away. */
export const HEARTBEAT_TIMEOUT_MS: Readonly<Record<ConnectionKind, number>> = { client: 10_000, internal: 5_000 }
/** A connection held back because its peer reads too slowly gets this long to take something, ms, before it is dropped. */
export const STALL_TIMEOUT_MS = 120_000

/** TCP keep-alive of a dialed connection starts after this idle time, ms. */
export const TCP_KEEPALIVE_IDLE_MS = 300_000

/** Connections one listener holds unless told otherwise: far above a busy node's, far below what exhausts descriptors. */
export const CONNECTIONS_MAX = 20_000

/** WebSocket close codes used here (RFC 6455 §7.4.1 and its registry). */
export const CLOSE_NORMAL = 1000
export const CLOSE_GOING_AWAY = 1001
export const CLOSE_PROTOCOL_ERROR = 1002
export const CLOSE_ABNORMAL = 1006
export const CLOSE_TOO_BIG = 1009
export const CLOSE_KEEPALIVE_TIMEOUT = 1011
export const CLOSE_TRY_AGAIN_LATER = 1013

/** Size and time budget of a connection by what it serves, as published for tools that size their own buffers by it. */
export interface TransportProfile {
  readonly messageBytesMax: number
  readonly streamBytesMax: number
  readonly chunkBytes: number
  readonly connectTimeoutMs: number
  readonly readTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly heartbeatTimeoutMs: number
}

export const TRANSPORT_PROFILES: Readonly<Record<ConnectionKind, TransportProfile>> = {
  client: {
    messageBytesMax: 20 * MIB,
    streamBytesMax: 100 * MIB,
    chunkBytes: STREAM_CHUNK_BYTES,
    connectTimeoutMs: 30_000,
    readTimeoutMs: 120_000,
    writeTimeoutMs: 120_000,
    heartbeatTimeoutMs: 10_000,
  },
  internal: {
    messageBytesMax: 5 * MIB,
    streamBytesMax: 20 * MIB,
    chunkBytes: STREAM_CHUNK_BYTES,
    connectTimeoutMs: 30_000,
    readTimeoutMs: 30_000,
    writeTimeoutMs: 30_000,
    heartbeatTimeoutMs: 5_000,
  },
}

/**
 * The limits really enforced. They differ from the internal profile's 5 MiB on purpose: reference senders do not honour it, and a
 * receiver that did would drop peers with a large catalog for ever.
 */
export const DEFAULT_LIMITS: Limits = {
  messageBytesMax: MESSAGE_BYTES_MAX,
  streamBytesMax: STREAM_BYTES_MAX,
  sendBufferBytesMax: SEND_BUFFER_BYTES_MAX,
}
