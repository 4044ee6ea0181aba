/** The first look at a frame: is it a JSON object at all? */
import { FrameError } from './errors.ts'

/** What every frame may have, before its role says what else. */
export interface Frame {
  readonly role?: unknown
  readonly u?: unknown
  readonly [field: string]: unknown
}

const NOT_JSON = Symbol('not JSON')

/** @throws FrameError when the text is not JSON, or JSON but no object */
export function parseFrame(text: string): Frame {
  const frame = parsed(text)
  if (frame === NOT_JSON) throw new FrameError('', 'the frame is not JSON')
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) throw new FrameError('', 'the frame is not a JSON object')
  return frame as Frame
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return NOT_JSON
  }
}

const FABRIC_MESSAGE_HEAD = '{"role":"fabric-message",'
const FABRIC_MESSAGE_FRAME: Frame = Object.freeze({ role: 'fabric-message' })
const FABRIC_BUNDLE_HEAD = '{"role":"fabric-bundle",'
const FABRIC_BUNDLE_FRAME: Frame = Object.freeze({ role: 'fabric-bundle' })

/**
 * Like {@link parseFrame}, but of a `fabric-message` or `fabric-bundle` only the role is read: a node that passes it on needs neither its
 * payload nor that it is valid JSON throughout.
 * @throws FrameError
 */
export function glanceAtFrame(text: string): Frame {
  if (text.startsWith(FABRIC_MESSAGE_HEAD)) return FABRIC_MESSAGE_FRAME
  return text.startsWith(FABRIC_BUNDLE_HEAD) ? FABRIC_BUNDLE_FRAME : parseFrame(text)
}
