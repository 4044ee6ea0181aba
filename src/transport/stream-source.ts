/** Sources of streamed messages: a whole text or byte string, or its pieces. */

import { MessageTooLargeError } from './errors.ts'
import type { StreamSource } from './transport.ts'

/** A source whose size is known before the first byte is sent. */
export function wholeOf(source: StreamSource): Buffer | undefined {
  if (typeof source === 'string') return Buffer.from(source)
  return source instanceof Uint8Array ? bytesOf(source) : undefined
}

/** The bytes of one piece, sharing the memory of a piece that is bytes already. */
export function bytesOf(piece: string | Uint8Array): Buffer {
  return typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
}

/** The whole source as one text. @throws MessageTooLargeError as soon as it exceeds `bytesMax`. */
export async function collectStream(source: StreamSource, bytesMax: number): Promise<string> {
  const whole = wholeOf(source)
  if (whole !== undefined) return whole.toString()
  const parts: Buffer[] = []
  let bytes = 0
  for await (const piece of source as AsyncIterable<string | Uint8Array>) {
    // A producer may fill the same buffer again for its next piece.
    const part = Buffer.from(piece as string)
    bytes += part.length
    if (bytes > bytesMax) throw new MessageTooLargeError(bytes, bytesMax)
    parts.push(part)
  }
  return Buffer.concat(parts, bytes).toString()
}
