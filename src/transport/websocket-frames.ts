/**
 * WebSocket data frames (RFC 6455 §5.2) as this transport sends them: one unfragmented, uncompressed binary frame a message.
 *
 * Servers send unmasked frames, clients masked ones. Control frames, fragments and everything inbound are left to the WebSocket
 * library; because each frame is written whole, the two never mix.
 */

import { randomFillSync } from 'node:crypto'
import { BATCH_BYTES, type Framing } from './turn-writer.ts'

/** FIN and opcode 2. */
const BINARY_FRAME = 0x82
const MASKED = 0x80
const LENGTH_16 = 126
const LENGTH_64 = 127

export const serverFraming: Framing = {
  headerBytesMax: 10,
  encode(text, bytes, target, offset) {
    const header = headerBytes(text, bytes)
    if (header === 0) return serverFraming.encode(text, Buffer.byteLength(text), target, offset)
    const written = target.write(text, offset + header)
    writeHeader(target, offset, header, written, 0)
    return offset + header + written
  },
}

export const clientFraming: Framing = {
  headerBytesMax: 14,
  encode(text, bytes, target, offset) {
    const header = headerBytes(text, bytes)
    if (header === 0) return clientFraming.encode(text, Buffer.byteLength(text), target, offset)
    const start = offset + header + 4
    const written = target.write(text, start)
    writeHeader(target, offset, header, written, MASKED)
    const key = nextMask()
    target[start - 4] = key & 0xff
    target[start - 3] = (key >>> 8) & 0xff
    target[start - 2] = (key >>> 16) & 0xff
    target[start - 1] = key >>> 24
    applyMask(target, start, start + written, key)
    return start + written
  },
}

/** 2, 4 or 10; 0 when that depends on a byte count nobody has taken yet. */
function headerBytes(text: string, bytes: number): number {
  if (bytes >= 0) return bytes <= 125 ? 2 : bytes <= 0xffff ? 4 : 10
  const units = text.length
  if (units > 125) return units * 3 <= 0xffff ? 4 : 0
  return units * 3 <= 125 ? 2 : 0
}

function writeHeader(target: Buffer, offset: number, header: number, payload: number, masked: number): void {
  target[offset] = BINARY_FRAME
  if (header === 2) {
    target[offset + 1] = masked | payload
  } else if (header === 4) {
    target[offset + 1] = masked | LENGTH_16
    target[offset + 2] = payload >>> 8
    target[offset + 3] = payload & 0xff
  } else {
    target[offset + 1] = masked | LENGTH_64
    target.writeUInt32BE(0, offset + 2)
    target.writeUInt32BE(payload, offset + 6)
  }
}

/** XORs the bytes from `start` to `end` with the four bytes of `key` (first byte lowest), most of them a word at a time. */
export function applyMask(target: Buffer, start: number, end: number, key: number): void {
  let at = start
  const alignedFrom = target.byteOffset + start
  let rotated = key
  while (at < end && ((alignedFrom + (at - start)) & 3) !== 0) {
    target[at] = (target[at] as number) ^ (rotated & 0xff)
    rotated = (rotated >>> 8) | (rotated << 24)
    at++
  }
  const words = (end - at) >>> 2
  if (words > 0) {
    const view = wordsOf(target)
    let word = (target.byteOffset + at) >>> 2
    const last = word + words
    for (; word < last; word++) view[word] = (view[word] as number) ^ rotated
    at += words * 4
  }
  for (; at < end; at++) {
    target[at] = (target[at] as number) ^ (rotated & 0xff)
    rotated = (rotated >>> 8) | (rotated << 24)
  }
}

const wordViews = new WeakMap<ArrayBufferLike, Uint32Array>()
let lastBuffer: ArrayBufferLike | undefined
let lastView: Uint32Array | undefined

/** A word view of the buffer below `target`; made once for the pooled buffers, which come round again and again. */
function wordsOf(target: Buffer): Uint32Array {
  const buffer = target.buffer
  if (buffer === lastBuffer) return lastView as Uint32Array
  if (buffer.byteLength > BATCH_BYTES) return new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
  let view = wordViews.get(buffer)
  if (view === undefined) {
    view = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
    wordViews.set(buffer, view)
  }
  lastBuffer = buffer
  lastView = view
  return view
}

/** Masks must be unpredictable to the page or program that chose the payload (RFC 6455 §10.3): taken from a secure source, in bulk. */
const masks = new Int32Array(2048)
let masksUsed = masks.length

function nextMask(): number {
  if (masksUsed === masks.length) {
    randomFillSync(masks)
    masksUsed = 0
  }
  return masks[masksUsed++] as number
}
