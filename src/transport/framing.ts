/**
 * Length-prefixed framing of the TCP transport: a pure machine over bytes, no I/O.
 *
 * ```
 * message   uint32 length, length bytes
 * stream    uint32 0xFFFFFFFF, then chunks: uint32 length, uint32 flags, length bytes
 *           flags: 1 CONTINUE, 2 END (its bytes belong to the message), 4 ERROR (the sender gives up)
 * ping      the message `PING`, answered by the message `PONG`; neither is ever handed on
 * ```
 *
 * All integers are big-endian. However a byte stream is cut into pieces, {@link FrameParser} reports the same events. A message that
 * lies within one piece is handed over without a copy; one that spans pieces is collected in a buffer that grows with what really
 * arrived, so that a length nobody fills costs nothing.
 */

import { MessageTooLargeError, StreamTooLargeError } from './errors.ts'
import type { Framing } from './turn-writer.ts'

const STREAM_MARKER = 0xffff_ffff
export const FLAG_CONTINUE = 1
export const FLAG_END = 2
export const FLAG_ERROR = 4

const HEADER_BYTES = 4
const CHUNK_HEADER_BYTES = 8
/** `PING` and `PONG` as one big-endian word. */
const PING_WORD = 0x50494e47
const PONG_WORD = 0x504f4e47

export interface FrameEvents {
  /** One message; `data` is valid only during the call. */
  message(data: Buffer): void
  pingReceived(): void
  pongReceived(): void
  /** The sender gave up the stream it had begun; framing is intact. */
  streamAborted(): void
}

export interface FrameLimits {
  readonly messageBytesMax: number
  readonly streamBytesMax: number
}

type Expecting = 'length' | 'message' | 'chunk-header' | 'chunk' | 'nothing'

export class FrameParser {
  readonly #limits: FrameLimits
  readonly #events: FrameEvents
  #expecting: Expecting = 'length'
  /** Header under way: its first word, and bytes of it seen. */
  #word = 0
  #firstWord = 0
  #headerSeen = 0
  /** Body under way: bytes still to come. */
  #missing = 0
  /** What has been collected of a message that spans pieces, or of a stream. */
  #body = EMPTY
  #bodyUsed = 0
  #flags = 0

  constructor(limits: FrameLimits, events: FrameEvents) {
    this.#limits = limits
    this.#events = events
  }

  /** True between frames: the only place where a byte stream may end. */
  get atBoundary(): boolean {
    return this.#expecting === 'length' && this.#headerSeen === 0
  }

  /** Reports nothing any more; the owner has closed the connection. */
  stop(): void {
    this.#expecting = 'nothing'
    this.#body = EMPTY
    this.#bodyUsed = 0
  }

  /**
   * Takes the next bytes of the stream and reports what they complete.
   * @throws MessageTooLargeError | StreamTooLargeError when a limit is exceeded: framing is lost, and the parser has stopped.
   */
  push(piece: Buffer): void {
    let at = 0
    const end = piece.length
    while (at < end) {
      switch (this.#expecting) {
        case 'length':
          at = this.#header(piece, at, HEADER_BYTES)
          if (this.#headerSeen === HEADER_BYTES) this.#begin()
          break
        case 'chunk-header':
          at = this.#header(piece, at, CHUNK_HEADER_BYTES)
          if (this.#headerSeen === CHUNK_HEADER_BYTES) this.#beginChunk()
          break
        case 'message': {
          const take = Math.min(this.#missing, end - at)
          if (this.#bodyUsed === 0 && take === this.#missing) {
            this.#expecting = 'length'
            this.#report(piece.subarray(at, at + take))
          } else {
            this.#collect(piece, at, take, this.#bodyUsed + this.#missing)
            if (this.#missing === 0) this.#finish()
          }
          at += take
          break
        }
        case 'chunk': {
          const take = Math.min(this.#missing, end - at)
          if ((this.#flags & FLAG_ERROR) === 0) this.#collect(piece, at, take, this.#limits.streamBytesMax)
          else this.#missing -= take
          at += take
          if (this.#missing === 0) this.#endChunk()
          break
        }
        case 'nothing':
          return
      }
    }
  }

  #header(piece: Buffer, from: number, bytes: number): number {
    let at = from
    if (this.#headerSeen === 0 && bytes === HEADER_BYTES && piece.length - at >= HEADER_BYTES) {
      this.#word = piece.readUInt32BE(at)
      this.#headerSeen = HEADER_BYTES
      return at + HEADER_BYTES
    }
    while (at < piece.length && this.#headerSeen < bytes) {
      if (this.#headerSeen === HEADER_BYTES) this.#firstWord = this.#word
      this.#word = ((this.#word << 8) | (piece[at++] as number)) >>> 0
      this.#headerSeen++
    }
    return at
  }

  #begin(): void {
    const length = this.#word
    this.#headerSeen = 0
    if (length === STREAM_MARKER) {
      this.#expecting = 'chunk-header'
      return
    }
    if (length > this.#limits.messageBytesMax) this.#fail(new MessageTooLargeError(length, this.#limits.messageBytesMax))
    if (length === 0) {
      this.#events.message(EMPTY)
      return
    }
    this.#missing = length
    this.#expecting = 'message'
  }

  #beginChunk(): void {
    const length = this.#firstWord
    this.#flags = this.#word
    this.#headerSeen = 0
    this.#missing = length
    const total = this.#bodyUsed + length
    // Before its bytes are read: they would only be thrown away.
    if (total > this.#limits.streamBytesMax) this.#fail(new StreamTooLargeError(total, this.#limits.streamBytesMax))
    if (length === 0) this.#endChunk()
    else this.#expecting = 'chunk'
  }

  #endChunk(): void {
    if ((this.#flags & FLAG_ERROR) !== 0) {
      this.#reset()
      this.#events.streamAborted()
    } else if ((this.#flags & FLAG_END) !== 0) {
      const data = this.#body.subarray(0, this.#bodyUsed)
      this.#reset()
      this.#events.message(data)
    } else {
      this.#expecting = 'chunk-header'
    }
  }

  #finish(): void {
    const data = this.#body.subarray(0, this.#bodyUsed)
    this.#reset()
    this.#report(data)
  }

  #reset(): void {
    this.#expecting = 'length'
    this.#body = EMPTY
    this.#bodyUsed = 0
  }

  #report(data: Buffer): void {
    if (data.length === 4) {
      const word = data.readUInt32BE(0)
      if (word === PING_WORD) this.#events.pingReceived()
      else if (word === PONG_WORD) this.#events.pongReceived()
      else this.#events.message(data)
    } else {
      this.#events.message(data)
    }
  }

  /** Appends to the collected body, whose final size is at most `bytesMax`; doubling keeps the copying linear. */
  #collect(piece: Buffer, at: number, take: number, bytesMax: number): void {
    const used = this.#bodyUsed + take
    if (used > this.#body.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(bytesMax, Math.max(used, this.#body.length * 2, COLLECT_BYTES_MIN)))
      this.#body.copy(grown, 0, 0, this.#bodyUsed)
      this.#body = grown
    }
    piece.copy(this.#body, this.#bodyUsed, at, at + take)
    this.#bodyUsed = used
    this.#missing -= take
  }

  #fail(error: MessageTooLargeError | StreamTooLargeError): never {
    this.stop()
    throw error
  }
}

const EMPTY = Buffer.alloc(0)
/** First size of the collecting buffer, bytes. */
const COLLECT_BYTES_MIN = 4096

export const PING_FRAME = Buffer.from([0, 0, 0, 4, 0x50, 0x49, 0x4e, 0x47])
export const PONG_FRAME = Buffer.from([0, 0, 0, 4, 0x50, 0x4f, 0x4e, 0x47])
export const STREAM_START = Buffer.from([0xff, 0xff, 0xff, 0xff])
export const STREAM_END = encodeChunk(EMPTY, FLAG_END)
export const STREAM_ABORT = encodeChunk(EMPTY, FLAG_ERROR)

export const lengthFraming: Framing = {
  headerBytesMax: HEADER_BYTES,
  encode(text, _bytes, target, offset) {
    const written = target.write(text, offset + HEADER_BYTES)
    target[offset] = written >>> 24
    target[offset + 1] = (written >>> 16) & 0xff
    target[offset + 2] = (written >>> 8) & 0xff
    target[offset + 3] = written & 0xff
    return offset + HEADER_BYTES + written
  },
}

export function encodeChunk(data: Uint8Array, flags: number): Buffer {
  const chunk = Buffer.allocUnsafe(CHUNK_HEADER_BYTES + data.length)
  chunk.writeUInt32BE(data.length, 0)
  chunk.writeUInt32BE(flags, 4)
  chunk.set(data, CHUNK_HEADER_BYTES)
  return chunk
}

/** A whole message in stream mode: marker, full chunks, the last one marked as such. An empty message is one empty last chunk. */
export function* encodeStream(data: Buffer, chunkBytes: number): Generator<Buffer> {
  yield STREAM_START
  let at = 0
  while (data.length - at > chunkBytes) {
    yield encodeChunk(data.subarray(at, at + chunkBytes), FLAG_CONTINUE)
    at += chunkBytes
  }
  yield encodeChunk(data.subarray(at), FLAG_END)
}

/** One piece of a source of unknown length; never the last. */
export function* encodePiece(piece: Buffer, chunkBytes: number): Generator<Buffer> {
  for (let at = 0; at < piece.length; at += chunkBytes) {
    yield encodeChunk(piece.subarray(at, at + chunkBytes), FLAG_CONTINUE)
  }
}
