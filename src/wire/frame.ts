/** The first look at a frame: is it a JSON object, and which role does it claim? */
import { MpregError } from './errors.ts'

/** The text is not JSON. */
export class NotJsonError extends MpregError {
  override readonly name = 'NotJsonError'
  readonly code = 'not_json'
}

/** JSON, but an array or a scalar. */
export class NotAnObjectError extends MpregError {
  override readonly name = 'NotAnObjectError'
  readonly code = 'not_an_object'

  constructor() {
    super('the frame is not a JSON object')
  }
}

export interface ParsedFrame {
  /** Undefined where it is missing or not a string. */
  readonly role: string | undefined
  readonly frame: Record<string, unknown>
}

/** @throws NotJsonError, NotAnObjectError */
export function parseFrame(text: string): ParsedFrame {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch (error) {
    throw new NotJsonError('the frame is not JSON', { cause: error })
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) throw new NotAnObjectError()
  const { role } = frame as { role?: unknown }
  return { role: typeof role === 'string' ? role : undefined, frame: frame as Record<string, unknown> }
}
