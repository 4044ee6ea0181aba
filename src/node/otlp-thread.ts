/**
 * The thread of the OTLP exporter, as its node sees it: takes one batch after another and says what became of each. One that has ended is started
 * again with a later batch, once a minute at most.
 */
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/index.ts'
import { errorLine } from '../wire/index.ts'
import type { OtlpWorkerAnswer, OtlpWorkerData } from './otlp-worker.ts'

/** What is used of a worker thread. */
export interface Thread {
  on(event: 'message', listener: (answer: OtlpWorkerAnswer) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  postMessage(text: string): void
  terminate(): Promise<unknown>
  unref(): void
}

export interface OtlpThread {
  /** Resolves with why the batch was not taken, undefined when it was. Batches go one at a time. Never rejects. */
  send(text: string): Promise<string | undefined>
  stop(): Promise<void>
}

const RESTART_INTERVAL_MS = 60_000

export function createOtlpThread(clock: Pick<Clock, 'monotonic'>, start: () => Thread): OtlpThread {
  let thread: Thread | undefined
  let startedAtMs = Number.NEGATIVE_INFINITY
  let whyEnded = 'the exporter has no thread'
  let isStopped = false
  /** Of the batch under way: there is none between two batches, whatever happens to the thread then. */
  let answer: ((failure: string | undefined) => void) | undefined

  function settle(failure: string | undefined): void {
    const waiting = answer
    answer = undefined
    waiting?.(failure)
  }

  function open(): Thread {
    const opened = start()
    const ended = (why: string): void => {
      if (thread !== opened) return
      thread = undefined
      whyEnded = `the exporter's thread ended: ${why}`
      settle(whyEnded)
    }
    opened.on('message', ({ failure }) => {
      if (thread === opened) settle(failure)
    })
    opened.on('error', (error) => ended(errorLine(error)))
    opened.on('exit', (code) => ended(`exit code ${code}`))
    // Spans under way keep no process alive; a node that stops waits for them by itself.
    opened.unref()
    return opened
  }

  function ready(): Thread | undefined {
    const nowMs = clock.monotonic()
    if (thread !== undefined || isStopped || nowMs - startedAtMs < RESTART_INTERVAL_MS) return thread
    startedAtMs = nowMs
    thread = open()
    return thread
  }

  // It takes a while to load what it needs.
  ready()
  return {
    send: (text) =>
      new Promise((resolve) => {
        const taking = ready()
        if (taking === undefined) {
          resolve(whyEnded)
          return
        }
        answer = resolve
        taking.postMessage(text)
      }),
    async stop() {
      isStopped = true
      await thread?.terminate()
    },
  }
}

export function startOtlpWorker(data: OtlpWorkerData): Thread {
  const file = import.meta.url.endsWith('.ts') ? './otlp-worker.ts' : './otlp-worker.js'
  return new Worker(new URL(file, import.meta.url), { workerData: data })
}
