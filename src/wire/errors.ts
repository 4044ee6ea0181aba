/**
 * Errors: one class per cause, a stable `code`, and a sentence that says what happened, to what, and what to do next.
 * The RPC error object and its numbers are what crosses the wire; the classes are what code catches.
 */

/** Base of every error this package throws on purpose. */
export abstract class MpregError extends Error {
  abstract readonly code: string
}

/** The `error` member of an RPC response. */
export interface RpcErrorObject {
  readonly code: number
  readonly message: string
  readonly details: unknown
  /** Additive: candidates and reasons of a decision. Readers that do not know it ignore it. */
  readonly explanation?: unknown
}

/** Numbers of RPC errors. Two of them carry two meanings on the wire; the message tells them apart. */
export const RPC_CODES = {
  /** A `server` frame with an unknown `what`. */
  unknownServerMessage: 1000,
  commandNotFound: 1001,
  /** Handling a `server` frame failed. */
  internal: 1002,
  /** The function raised, the request is malformed, or a peer was refused. */
  executionFailed: 1003,
  /** The request's deadline passed, or the frame has an unknown role. */
  timedOut: 1004,
  /** The caller may not run this function. */
  forbidden: 403,
  rateLimited: 429,
  /** A bounded queue of the node is full; the details say when to try again. */
  overloaded: 503,
  unset: -1,
} as const

/**
 * A failure that crosses the wire as it is. Handlers throw it to answer with their own code, message and details; the client throws it
 * for every error response.
 */
export class RpcError extends MpregError {
  override readonly name: string = 'RpcError'
  readonly code: string
  /** The number on the wire. */
  readonly rpcCode: number
  readonly details: unknown
  /** Candidates and reasons, where the node explained its decision. */
  readonly explanation?: unknown

  constructor(error: { code: number; message: string; details?: unknown; explanation?: unknown }) {
    super(error.message)
    this.rpcCode = error.code
    this.code = CODE_NAMES.get(error.code) ?? `rpc_${error.code}`
    this.details = error.details ?? null
    if (error.explanation !== undefined) this.explanation = error.explanation
  }

  toObject(): RpcErrorObject {
    const object = { code: this.rpcCode, message: this.message, details: this.details }
    return this.explanation === undefined ? object : { ...object, explanation: this.explanation }
  }
}

const CODE_NAMES = new Map<number, string>([
  [RPC_CODES.unknownServerMessage, 'unknown_server_message'],
  [RPC_CODES.commandNotFound, 'command_not_found'],
  [RPC_CODES.internal, 'internal'],
  [RPC_CODES.executionFailed, 'execution_failed'],
  [RPC_CODES.timedOut, 'timed_out'],
  [RPC_CODES.forbidden, 'forbidden'],
  [RPC_CODES.rateLimited, 'rate_limited'],
  [RPC_CODES.overloaded, 'overloaded'],
])

/** A frame that is JSON but not what its role demands. `where` is the path of the first offence, `what` its predicate: "is required". */
export class FrameError extends MpregError {
  override readonly name = 'ValidationError'
  readonly code = 'invalid_frame'
  readonly where: string
  readonly what: string

  constructor(where: string, what: string) {
    super(where === '' ? what : `${where} ${what}`)
    this.where = where
    this.what = what
  }

  /** The same complaint, seen from the value that holds the offender as `member`. */
  within(member: string | number): FrameError {
    return new FrameError(this.where === '' ? String(member) : `${member}.${this.where}`, this.what)
  }
}

/** `<ErrorClass>: <text>`: the last line of an execution error's details. */
export function errorLine(error: unknown): string {
  const line = error instanceof Error ? `${error.name || error.constructor.name}: ${error.message}` : `Error: ${String(error)}`
  return line.replace(/\s*[\r\n]+\s*/g, ' ')
}
