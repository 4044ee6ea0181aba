/**
 * CPU-bound functions, run in worker threads so that they hold up nobody.
 *
 * A worker imports the user's module once and calls one of its exports for each call. The pool starts with the first call, never
 * before: a node without such functions has no threads.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Piscina } from 'piscina'
import { MpregError } from '../wire/index.ts'
import type { WorkerTask } from './worker.ts'

/** Where a function lives that runs in a worker: an exported function of a module. Arguments and result are copied between threads. */
export interface WorkerFunction {
  /** File path, or `file:` URL, of an ES module. */
  readonly module: string | URL
  readonly export: string
}

/** The waiting line of the pool is full. */
class WorkerPoolOverloadedError extends MpregError {
  override readonly name = 'OverloadedError'
  readonly code = 'overloaded'
}

export interface WorkerPoolOptions {
  /** Null: one fewer than the machine has cores, at least one. */
  readonly threadsMax: number | null
  /** Calls that may wait for a thread. */
  readonly queueMax: number
}

export interface WorkerPoolSnapshot {
  readonly threads: number
  readonly waiting: number
  readonly completed: number
}

export interface WorkerPool {
  run(target: WorkerFunction, args: readonly unknown[], signal: AbortSignal): Promise<unknown>
  snapshot(): WorkerPoolSnapshot
  close(): Promise<void>
}

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  let pool: Promise<Piscina<WorkerTask>> | undefined
  let started: Piscina<WorkerTask> | undefined

  async function start(): Promise<Piscina<WorkerTask>> {
    const { Piscina } = await import('piscina')
    const filename = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url))
    const maxThreads = options.threadsMax ?? Math.max(1, availableParallelism() - 1)
    started = new Piscina<WorkerTask>({ filename, minThreads: 0, maxThreads, maxQueue: options.queueMax, idleTimeout: 30_000 })
    return started
  }

  return {
    async run(target, args, signal) {
      pool ??= start()
      const piscina = await pool
      try {
        return await piscina.run({ module: moduleUrl(target.module), exported: target.export, args }, { signal })
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (error instanceof Error && error.message === 'Task queue is at limit') {
          throw new WorkerPoolOverloadedError(`${options.queueMax} calls wait for a worker thread already; retry after 1 s`, {
            cause: error,
          })
        }
        throw error
      }
    },
    snapshot: () => ({
      threads: started?.threads.length ?? 0,
      waiting: started?.queueSize ?? 0,
      completed: started?.completed ?? 0,
    }),
    async close() {
      if (pool !== undefined) await (await pool).destroy()
    },
  }
}

function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href
  return module.startsWith('file:') ? module : pathToFileURL(module).href
}
