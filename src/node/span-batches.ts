/**
 * Spans on their way to an exporter: gathered, sent in batches one after another, and counted when there are more than the exporter takes. The SDK's
 * own processor drops those without a word.
 */
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Timers } from '../base/index.ts'

export interface SpanBatchesOptions {
  /** Spans that wait; more are lost. */
  readonly queueMax: number
  readonly batchMax: number
  /** Longest wait of a span, while the exporter keeps up, milliseconds. */
  readonly intervalMs: number
  /** Resolves when the batch is done with, taken or not. */
  readonly send: (spans: readonly ReadableSpan[]) => Promise<void>
  readonly onLost: (spans: number) => void
}

export function createSpanBatches(timers: Timers, { batchMax, intervalMs, onLost, queueMax, send }: SpanBatchesOptions): SpanProcessor {
  let queue: ReadableSpan[] = []
  let sending: Promise<void> | undefined
  let isStopped = false
  const stopTimer = timers.every(intervalMs, () => void flush())

  function flush(): Promise<void> {
    sending ??= sendAll().finally(() => {
      sending = undefined
    })
    return sending
  }

  /** All there is, and what comes meanwhile if it fills a batch. */
  async function sendAll(): Promise<void> {
    do {
      const batch = queue.slice(0, batchMax)
      queue = queue.slice(batchMax)
      if (batch.length > 0) await send(batch)
    } while (queue.length >= batchMax || (isStopped && queue.length > 0))
  }

  return {
    onStart() {},
    onEnd(span) {
      if (isStopped || queue.length >= queueMax) return onLost(1)
      queue.push(span)
      if (queue.length >= batchMax && sending === undefined) void flush()
    },
    forceFlush: flush,
    async shutdown() {
      isStopped = true
      stopTimer()
      await sending
      await flush()
    },
  }
}
