/**
 * Spans on their way to an exporter: gathered in bodies of requests, sent one after another, and counted when there are more than the exporter takes.
 *
 * They are written into the body some at a time: often enough that they do not outlive the young generation of the heap, as what waits for a request
 * would, and so many at once that the code which does it is warm.
 */
import type { Timers } from '../base/index.ts'
import type { EndedSpan } from '../telemetry/index.ts'

export interface SpanBatchesOptions {
  /** What stands before and after the spans of a request, which are separated by commas. */
  readonly head: string
  readonly tail: string
  /** Of a request. */
  readonly spansMax: number
  readonly bytesMax: number
  /** Requests that wait; spans beyond them are lost, and so is one that is too large for any. */
  readonly batchesMax: number
  /** Spans that are written at once. */
  readonly writtenAtOnce: number
  /** Longest wait of a span, while the exporter keeps up, milliseconds. */
  readonly intervalMs: number
  /** Resolves when the batch is done with, taken or not. Must not reject. */
  readonly send: (batch: SpanBatch) => Promise<void>
  readonly onLost: (spans: number) => void
}

export interface SpanBatch {
  readonly body: Uint8Array
  readonly spans: number
}

export interface SpanBatches {
  add(span: EndedSpan): void
  /** Sends all there is. Spans that end after that are lost. */
  stop(): Promise<void>
}

/** Bytes of UTF-8 for a unit of a string, at most. */
const BYTES_PER_UNIT = 3

export function createSpanBatches(timers: Timers, options: SpanBatchesOptions): SpanBatches {
  const { batchesMax, bytesMax, head, intervalMs, onLost, send, spansMax, tail, writtenAtOnce } = options
  /** Full ones. */
  let waiting: SpanBatch[] = []
  /** Not written yet. */
  let ended: EndedSpan[] = []
  let body = Buffer.alloc(0)
  let used = 0
  let spans = 0
  let sending: Promise<void> | undefined
  let isStopped = false
  const stopTimer = timers.every(intervalMs, () => {
    if (sending === undefined) flush()
  })

  function close(): void {
    if (spans === 0) return
    used += body.write(tail, used)
    waiting.push({ body: body.subarray(0, used), spans })
    spans = 0
  }

  function flush(): void {
    writeEnded()
    dispatch()
  }

  function dispatch(): void {
    close()
    sending ??= sendAll().finally(() => {
      sending = undefined
    })
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const [batch, ...more] = waiting as [SpanBatch, ...SpanBatch[]]
      waiting = more
      await send(batch)
    }
  }

  function hasRoomFor(span: string): boolean {
    return used + 1 + BYTES_PER_UNIT * (span.length + tail.length) <= bytesMax
  }

  function writeEnded(): void {
    const list = ended
    ended = []
    for (const span of list) write(span.text())
  }

  function write(span: string): void {
    if (spans > 0 && !hasRoomFor(span)) dispatch()
    if (waiting.length >= batchesMax) return onLost(1)
    if (spans === 0) {
      body = Buffer.allocUnsafeSlow(bytesMax)
      used = body.write(head)
      if (!hasRoomFor(span)) return onLost(1)
    } else used += body.write(',', used)
    used += body.write(span, used)
    if (++spans >= spansMax) dispatch()
  }

  return {
    add(span) {
      if (isStopped) return onLost(1)
      ended.push(span)
      if (ended.length >= writtenAtOnce) writeEnded()
    },
    async stop() {
      isStopped = true
      stopTimer()
      flush()
      await sending
    },
  }
}
