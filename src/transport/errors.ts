/**
 * What can go wrong between two processes: one class per cause, each with a stable `code` and one line that says what happened.
 *
 * {@link TransportError} is the root; {@link TransportConnectionError} means "no usable connection", {@link TransportTimeoutError}
 * "the deadline passed". No error of this room carries a credential, a query string or a stack of the other side.
 */

export interface TransportErrorOptions extends ErrorOptions {
  /** Stable, for programs. */
  readonly code?: string
}

export class TransportError extends Error {
  readonly code: string

  constructor(message: string, options: TransportErrorOptions = {}) {
    super(message, options)
    this.code = options.code ?? 'TRANSPORT'
  }

  override get name(): string {
    return this.constructor.name
  }
}

/** Refused, unreachable, torn down, or not open in the first place. */
export class TransportConnectionError extends TransportError {
  constructor(message: string, options: TransportErrorOptions = {}) {
    super(message, { code: 'CONNECTION', ...options })
  }
}

export class TransportTimeoutError extends TransportError {
  constructor(message: string) {
    super(message, { code: 'TIMEOUT' })
  }
}

/** A message over the size limit. Thrown by `send` it leaves the connection unharmed; inbound it closes the connection with 1009. */
export class MessageTooLargeError extends TransportError {
  readonly bytes: number
  readonly bytesMax: number

  constructor(bytes: number, bytesMax: number) {
    super(`Message too large: ${bytes} > ${bytesMax}`, { code: 'MESSAGE_TOO_LARGE' })
    this.bytes = bytes
    this.bytesMax = bytesMax
  }
}

/** An inbound stream over the size limit; the connection is closed with 1009. */
export class StreamTooLargeError extends TransportError {
  readonly bytes: number
  readonly bytesMax: number

  constructor(bytes: number, bytesMax: number) {
    super(`Stream too large: ${bytes} > ${bytesMax}`, { code: 'STREAM_TOO_LARGE' })
    this.bytes = bytes
    this.bytesMax = bytesMax
  }
}

/** The sender of an inbound stream gave up in the middle of it. The connection stays usable. */
export class StreamAbortedError extends TransportError {
  constructor() {
    super('Stream error received from sender', { code: 'STREAM_ABORTED' })
  }
}

/** The other side does not read fast enough: its outbound buffer passed the limit, or it took nothing for too long. */
export class SlowConsumerError extends TransportConnectionError {
  readonly bufferedBytes: number

  constructor(bufferedBytes: number, why: string) {
    super(`Slow consumer: ${bufferedBytes} bytes waiting, ${why}`, { code: 'SLOW_CONSUMER' })
    this.bufferedBytes = bufferedBytes
  }
}

/** The bytes are not what the protocol allows: framing broken, or a message that is not UTF-8. */
export class ProtocolViolationError extends TransportError {
  constructor(message: string) {
    super(message, { code: 'PROTOCOL_VIOLATION' })
  }
}

/** The other side's door refused us: missing or wrong credentials, a forbidden origin, or no room. */
export class AccessDeniedError extends TransportConnectionError {
  /** HTTP status of the refusal. */
  readonly status: number

  constructor(message: string, status: number) {
    super(message, { code: 'ACCESS_DENIED' })
    this.status = status
  }
}

/** A certificate or key that is missing, unreadable, expired, untrusted or issued for another name. */
export class CertificateError extends TransportConnectionError {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { code: 'CERTIFICATE', ...options })
  }
}

/** A URL no transport of this process can dial or advertise. */
export class InvalidUrlError extends TransportError {
  constructor(message: string) {
    super(message, { code: 'INVALID_URL' })
  }
}

/** The first line of whatever was thrown, for messages that must stay on one line. */
export function firstLine(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || ((thrown as { code?: string }).code ?? thrown.name) : String(thrown)
  const end = text.indexOf('\n')
  return end < 0 ? text : text.slice(0, end)
}
