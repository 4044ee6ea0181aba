/**
 * How messages cross a simulated connection: most as the objects they are, a seeded sample of them printed, parsed and compared.
 *
 * Printing and parsing every gossip message of a thousand nodes would be most of the work of a simulation. Handing objects over instead has
 * two dangers, and the sample watches both: a codec that loses something (the parsed text must equal the value), and a receiver that changes
 * what others hold too (the value is frozen, so that changing it throws).
 */
import type { Random } from '../base/index.ts'
import type { OutboundObject } from '../transport/index.ts'
import {
  decodeFabricMessage,
  decodeGossip,
  decodeSync,
  encodeBundle,
  encodeFabricMessage,
  encodeGossip,
  encodeSync,
  type Frame,
  parseJson,
  RawJson,
  scanBundle,
} from '../wire/index.ts'

export interface Handover {
  /** What the receiver gets: the value, or its text. */
  pass(frame: OutboundObject): { readonly body: string | OutboundObject; readonly bytes: number }
}

export interface HandoverDeps {
  readonly random: Random
  /** Told where value and text differ. */
  readonly mismatch: (path: string, frame: OutboundObject) => void
}

export interface HandoverOptions {
  /** Part of the messages that are printed and parsed, 0 to 1. */
  readonly sample: number
  /** Print every message to know its size; else sizes are those of the last one printed of its kind. */
  readonly exactBytes: boolean
}

export function createHandover({ mismatch, random }: HandoverDeps, { exactBytes, sample }: HandoverOptions): Handover {
  /** Size of the last message printed, by kind. */
  const sizes = new Map<string, number>()

  return {
    pass(frame) {
      const kind = kindOf(frame.value)
      const known = sizes.get(kind)
      const sampled = known === undefined || random.next() < sample
      if (!sampled && !exactBytes) return { body: frame, bytes: known }
      const bytes = Buffer.byteLength(frame.text)
      sizes.set(kind, bytes)
      if (!sampled) return { body: frame, bytes }
      deepFreeze(frame.value)
      const path = codecDifference(frame)
      if (path !== undefined) mismatch(path, frame)
      return { body: frame.text, bytes }
    },
  }
}

/** Role, and type of the payload where there is one: messages of one kind have about one size. */
function kindOf(value: object): string {
  const { payload, role } = value as { role?: unknown; payload?: { message_type?: unknown } }
  return `${String(role)} ${typeof payload === 'object' && payload !== null ? String(payload.message_type) : ''}`
}

/**
 * Where what a receiver reads differs from what was sent. Frames of the fabric are not what their JSON looks like, and the order within
 * their lists is the printer's: they are read by the wire room's readers and printed again, which must give the same text.
 */
function codecDifference({ text, value }: OutboundObject): string | undefined {
  const frame = parseJson(text) as Frame & { readonly payload?: unknown }
  const printed = printedAgain(frame, text)
  if (printed === undefined) return difference(value, frame, '')
  if (printed === text) return undefined
  let at = 0
  while (printed[at] === text[at]) at++
  return `'${text.slice(Math.max(0, at - 30), at + 30)}' is read as '${printed.slice(Math.max(0, at - 30), at + 30)}'`
}

function printedAgain(frame: Frame & { readonly payload?: unknown }, text: string): string | undefined {
  switch (frame.role) {
    case 'fabric-sync': {
      const result = decodeSync(frame, text, 0)
      return 'message' in result ? encodeSync(result.message) : result.rejected
    }
    case 'fabric-gossip': {
      const result = decodeGossip(frame, text, 0)
      return 'message' in result ? encodeGossip(result.message) : result.rejected
    }
    case 'fabric-message': {
      const result = decodeFabricMessage(frame, text, 0)
      return 'message' in result ? encodeFabricMessage(result.message) : result.rejected
    }
    case 'fabric-bundle': {
      const scan = scanBundle(text)
      return scan === undefined ? 'a bundle that can not be read' : encodeBundle(scan.bundle)
    }
    default:
      return undefined
  }
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
}

/** Where a value and what its text parses to differ; undefined when they are the same message. */
function difference(value: unknown, parsed: unknown, path: string): string | undefined {
  if (value instanceof RawJson) return difference(value.parse(), parsed, path)
  if (Object.is(value, parsed) || (value === undefined && parsed === null)) return undefined
  if (typeof value === 'number' && typeof parsed === 'number') return value === parsed ? undefined : path
  if (typeof value === 'number' && !Number.isFinite(value) && parsed === null) return undefined
  if (typeof value !== 'object' || typeof parsed !== 'object' || value === null || parsed === null) return path
  if (Array.isArray(value) !== Array.isArray(parsed)) return path
  if (Array.isArray(value) && value.length !== (parsed as unknown[]).length) return `${path}.length`
  const left = value as Record<string, unknown>
  const right = parsed as Record<string, unknown>
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    if (left[key] === undefined && !(key in right)) continue
    const found = difference(left[key], right[key], `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}
