/**
 * Where log records go by default: standard error, one write per record.
 *
 * A log must not bring its node down: a reader that went away (EPIPE) loses records, which the log counts, and nothing else. On pipes
 * that are written asynchronously, records are lost rather than kept without bound when the reader is too slow.
 */
import type { LogSink } from '../telemetry/index.ts'

/** Bytes that may wait in the stream before records are dropped. */
const waitingBytesMax = 8 * 1024 * 1024

/** The part of a writable stream this needs. */
export interface RecordStream {
  readonly writable: boolean
  readonly writableLength: number
  write(text: string): boolean
  on(event: 'error', listener: () => void): unknown
  listenerCount(event: 'error'): number
}

/** A sink for the log of one node; any number of them may share the stream. */
export function createStderrSink(stream: RecordStream = process.stderr): LogSink {
  if (stream.listenerCount('error') === 0) stream.on('error', ignore)
  return (record) => {
    if (!stream.writable || stream.writableLength > waitingBytesMax) return false
    stream.write(`${record}\n`)
    // Standard streams come back to life after an error: only right after the write does `writable` tell that it failed.
    return stream.writable
  }
}

/** Without a listener the stream's error would end the process. */
function ignore(): void {}
