/** What can go wrong on the caller's side of the wire. Every class has a stable `code`. */
import { MpregError, RPC_CODES, RpcError } from '../wire/browser.ts'

/** The connection ended while the call was under way. Whether the function ran is unknown: repeating the call is up to the caller. */
export class ConnectionLostError extends MpregError {
  override readonly name = 'ConnectionLostError'
  readonly code = 'connection_lost'
}

/**
 * The connection to a node ended after the request was sent and before its answer came, and the request may have been carried out. A cluster
 * client repeats it elsewhere only if the caller has said that it is idempotent.
 */
export class ResultUnknownError extends MpregError {
  override readonly name = 'ResultUnknownError'
  readonly code = 'result_unknown'
  /** URL of the node that had the request. */
  readonly endpoint: string

  constructor(message: string, endpoint: string, options: ErrorOptions) {
    super(message, options)
    this.endpoint = endpoint
  }
}

/** There was no connection, so nothing was sent: repeating the call is safe. */
export class NotConnectedError extends MpregError {
  override readonly name = 'NotConnectedError'
  readonly code = 'not_connected'
}

/** No answer within the time the caller allows. The node may still be running the function. */
export class RequestTimeoutError extends MpregError {
  override readonly name = 'RequestTimeoutError'
  readonly code = 'request_timeout'
}

/** The client was closed by its owner. */
export class ClientClosedError extends MpregError {
  override readonly name = 'ClientClosedError'
  readonly code = 'client_closed'
}

/** Too many requests wait for their answers already; await some of them first. */
export class TooManyPendingError extends MpregError {
  override readonly name = 'TooManyPendingError'
  readonly code = 'too_many_pending'
}

/** The node refused to publish or to subscribe; the text says why. */
export class OperationRefusedError extends MpregError {
  override readonly name = 'OperationRefusedError'
  readonly code = 'operation_refused'
}

/** The node sent an answer that is none. */
export class InvalidAnswerError extends MpregError {
  override readonly name = 'InvalidAnswerError'
  readonly code = 'invalid_answer'
}

/** No function fits the call. `explanation` lists the candidates and what was wrong with each, when the node explained itself. */
export class CommandNotFoundError extends RpcError {
  override readonly name = 'CommandNotFoundError'
}

/** The node is too busy; try again after `retryAfterMs`. */
export class OverloadedError extends RpcError {
  override readonly name = 'OverloadedError'
  readonly retryAfterMs: number

  constructor(error: { code: number; message: string; details?: unknown }) {
    super(error)
    this.retryAfterMs = Number(/retry after ([\d.]+) s/.exec(String(error.details))?.[1] ?? 1) * 1000
  }
}

/** The error object of a response as the class that fits it. */
export function rpcErrorOf(error: { code: number; message: string; details?: unknown; explanation?: unknown }): MpregError {
  if (typeof error?.code !== 'number' || typeof error.message !== 'string') {
    return new InvalidAnswerError(`the node answered with an error of no known form: ${JSON.stringify(error)}`)
  }
  if (error.code === RPC_CODES.commandNotFound) return new CommandNotFoundError(error)
  if (error.code === RPC_CODES.overloaded) return new OverloadedError(error)
  return new RpcError(error)
}

/** An error of the connection, which another attempt may not meet. */
export function isPassing(error: unknown): boolean {
  return error instanceof RequestTimeoutError || error instanceof ConnectionLostError || error instanceof NotConnectedError
}
