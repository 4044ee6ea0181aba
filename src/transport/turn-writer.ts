/**
 * The outbound half of a connection: many sends, few writes.
 *
 * A system call costs more than encoding a small message, so the messages of one turn of the event loop are put together: they are encoded
 * back to back into one buffer, which leaves when the turn ends, after all messages of the inbound chunk have been handled and all promise
 * continuations they caused have run. A lone request or answer waits for nobody: the first message of a turn leaves at once, unless the
 * turn before showed that more will follow.
 *
 * A turn with much to say hands over a piece now and then, so that the other side works on the beginning while the rest is being made.
 * Without that, a client and a server with full pipelines take turns, and one of two cores is always idle.
 *
 * Nothing is allocated per message. Texts are encoded straight into pooled buffers, and a buffer goes back to the pool as soon as the
 * socket says that the kernel took everything (`writableLength` is 0); only a busy socket makes a buffer change hands.
 *
 * An idle connection holds no buffer here.
 */

/** How one kind of connection frames a text. */
export interface Framing {
  /** Most bytes a frame adds to its payload. */
  readonly headerBytesMax: number
  /**
   * Writes one whole frame at `offset` and returns where it ends. `target` has room for {@link headerBytesMax} plus the payload.
   * `bytes` is the UTF-8 length of `text`, or -1 when nobody has counted yet and there is room for three bytes a UTF-16 unit.
   */
  encode(text: string, bytes: number, target: Buffer, offset: number): number
}

/** What a socket must offer; `net.Socket`, `tls.TLSSocket` and any `Duplex` do. */
export interface ByteSink {
  readonly writableLength: number
  write(chunk: Uint8Array): boolean
}

/** One batch, bytes: what a kernel socket buffer takes in one go, and small enough to keep a few dozen around. */
export const BATCH_BYTES = 64 * 1024
/** What has gathered is handed over at this size already, if the kernel takes it: large enough to be worth a system call. */
const PIECE_BYTES = 8 * 1024
/** Buffers kept for reuse, and connections that may hold one before all are flushed early: bounds memory of a fan-out to thousands. */
const BATCHES_MAX = 64

export class TurnWriter {
  readonly #sink: ByteSink
  readonly #framing: Framing
  #batch: Buffer | undefined
  #used = 0
  /** Messages of this turn. */
  #sent = 0
  /** The last turn had no more than one message, so the first of this one is likely alone, too. */
  #quiet = true
  /** Frames that wait for the end of a stream (see {@link hold}). */
  #held: Uint8Array[] | undefined
  #heldBytes = 0

  constructor(sink: ByteSink, framing: Framing) {
    this.#sink = sink
    this.#framing = framing
  }

  /** Bytes the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.#sink.writableLength + this.#used + this.#heldBytes
  }

  /** Queues one message; returns the size of its frame. */
  send(text: string): number {
    const framing = this.#framing
    let bytes = -1
    let room = framing.headerBytesMax + text.length * 3
    if (room > BATCH_BYTES) {
      bytes = Buffer.byteLength(text)
      room = framing.headerBytesMax + bytes
    }
    if (this.#held !== undefined || room > BATCH_BYTES) return this.#sendApart(text, bytes)

    let batch = this.#batch
    if (batch === undefined) batch = this.#open()
    else if (BATCH_BYTES - this.#used < room) {
      this.flush()
      batch = this.#open()
    }
    const start = this.#used
    const end = framing.encode(text, bytes, batch, start)
    this.#used = end
    this.#sent++
    const isLone = this.#sent === 1 && this.#quiet
    if ((isLone || end >= PIECE_BYTES) && this.#sink.writableLength === 0) this.flush()
    return end - start
  }

  /** Queues one frame that is encoded already, in order with everything sent before; the caller gives the buffer away. */
  sendFrame(frame: Uint8Array): void {
    if (this.#held !== undefined) {
      this.#held.push(frame)
      this.#heldBytes += frame.length
      return
    }
    this.flush()
    this.#sink.write(frame)
  }

  /** Hands over what is waiting now, before the turn ends. */
  flush(): void {
    const batch = this.#batch
    if (batch === undefined) return
    const used = this.#used
    this.#batch = undefined
    this.#used = 0
    if (used === 0) {
      batches.push(batch)
      return
    }
    const sink = this.#sink
    if (sink.writableLength !== 0 && used < BATCH_BYTES / 2) {
      // The socket is behind and will keep the bytes for a while: keep no more than needed.
      sink.write(Buffer.from(batch.subarray(0, used)))
      batches.push(batch)
      return
    }
    sink.write(batch.subarray(0, used))
    if (sink.writableLength === 0) batches.push(batch)
  }

  endTurn(): void {
    this.flush()
    if (this.#sent === 0) return
    this.#quiet = this.#sent === 1
    this.#sent = 0
  }

  /** Until {@link release}, messages wait: the connection belongs to a stream, whose bytes are written to the sink directly. */
  hold(): void {
    this.flush()
    this.#held = []
  }

  release(): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.#heldBytes = 0
    for (const frame of held) this.#sink.write(frame)
  }

  #open(): Buffer {
    if (open.length >= BATCHES_MAX) flushOpen()
    openTurn()
    open.push(this)
    this.#batch = batches.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES)
    return this.#batch
  }

  /** A message too large for a batch, or one that must wait for a stream: its own buffer, exactly as large as needed. */
  #sendApart(text: string, counted: number): number {
    const bytes = counted < 0 ? Buffer.byteLength(text) : counted
    const frame = Buffer.allocUnsafeSlow(this.#framing.headerBytesMax + bytes)
    const end = this.#framing.encode(text, bytes, frame, 0)
    this.sendFrame(frame.subarray(0, end))
    return end
  }
}

/** True from the first message of a turn to the turn's end. */
let turnOpen = false
/** Writers with a batch under way, in the order they opened it. */
const open: TurnWriter[] = []
/** Buffers waiting for their next use. */
const batches: Buffer[] = []

function openTurn(): void {
  if (turnOpen) return
  turnOpen = true
  // A tick callback runs before promise continuations, so going through a microtask first puts the end of the turn behind all of them.
  queueMicrotask(armEndOfTurn)
}

function armEndOfTurn(): void {
  process.nextTick(endTurn)
}

function endTurn(): void {
  turnOpen = false
  flushOpen()
}

function flushOpen(): void {
  for (let i = 0; i < open.length; i++) open[i]?.endTurn()
  open.length = 0
  if (batches.length > BATCHES_MAX) batches.length = BATCHES_MAX
}
