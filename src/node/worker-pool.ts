/**
 * CPU-bound functions, run in worker threads so that they hold up nobody.
 *
 * A worker imports the user's module once and calls one of its exports for each call. The pool starts with the first call, never
 * before: a node without such functions has no threads.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Piscina } from 'piscina'
import { type LogScope, silentLog } from '../base/index.ts'
import { errorLine, RPC_CODES, RpcError } from '../wire/index.ts'
import type { WorkerFailure, WorkerOutcome, WorkerTask } from './worker.ts'

/** Where a function lives that runs in a worker: an exported function of a module. Arguments and result are copied between threads. */
export interface WorkerFunction {
  /** File path, or `file:` URL, of an ES module. */
  readonly module: string | URL
  readonly export: string
}

export interface WorkerPoolOptions {
  /** Null: one fewer than the machine has cores, at least one. 0: no threads, every call fails. */
  readonly threadsMax: number | null
  /** Calls that may wait for a thread. */
  readonly queueMax: number
  /** Default: none. */
  readonly log?: LogScope
}

export interface WorkerPoolSnapshot {
  readonly threads: number
  readonly waiting: number
  readonly completed: number
}

export interface WorkerPool {
  /**
   * @throws RpcError 503 when too many calls wait, 1003 when no threads are allowed, or what the function threw as its own answer
   * @throws Error with the name and message of what the function threw; the signal's reason once it has aborted
   */
  run(target: WorkerFunction, args: readonly unknown[], signal: AbortSignal): Promise<unknown>
  /** False while as many calls wait as may: one more would be refused. */
  readonly hasRoom: boolean
  snapshot(): WorkerPoolSnapshot
  /** Ends the threads and what runs in them. Never rejects. */
  close(): Promise<void>
}

type Pool = Piscina<WorkerTask, WorkerOutcome>

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  let pool: Promise<Pool> | undefined
  let started: Pool | undefined
  const log = (options.log ?? silentLog).scope('tasks')

  /** Calls handed to Piscina that have not ended: those that run and those that wait. */
  let calls = 0
  const threadsMax = options.threadsMax ?? Math.max(1, availableParallelism() - 1)

  const hasRoom = (): boolean => calls < threadsMax + options.queueMax

  async function start(): Promise<Pool> {
    try {
      const { Piscina } = await import('piscina')
      const filename = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url))
      // At least one: Piscina ends the thread of an aborted call, and only this minimum makes it start another for the calls that wait.
      started = new Piscina({ filename, minThreads: 1, maxThreads: threadsMax, idleTimeout: 30_000 }) as Pool
      log.info(`worker threads started max=${threadsMax}`)
      return started
    } catch (error) {
      // The next call tries again.
      pool = undefined
      throw error
    }
  }

  async function outcomeOf(task: WorkerTask, signal: AbortSignal): Promise<WorkerOutcome> {
    // Counted here, because Piscina's `maxQueue` does not hold for tasks with a signal: they wait in a line of their own.
    if (!hasRoom()) throw overloaded(calls - threadsMax)
    calls++
    try {
      pool ??= start()
      const piscina = await pool
      return await piscina.run(task, { signal })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw error
    } finally {
      calls--
    }
  }

  return {
    async run(target, args, signal) {
      if (threadsMax === 0) throw noThreads()
      const task = `${target.export} of ${moduleUrl(target.module)}`
      if (log.debugOn) log.debug(`task started ${task}`)
      try {
        const outcome = await outcomeOf({ module: moduleUrl(target.module), exported: target.export, args }, signal)
        if (!outcome.ok) throw errorOf(outcome)
        if (log.debugOn) log.debug(`task ended ${task}`)
        return outcome.value
      } catch (error) {
        if (log.debugOn) log.debug(`task failed ${task}: ${errorLine(error)}`)
        throw error
      }
    },
    get hasRoom() {
      return hasRoom()
    },
    snapshot: () => ({
      threads: started?.threads.length ?? 0,
      waiting: started?.queueSize ?? 0,
      completed: started?.completed ?? 0,
    }),
    async close() {
      try {
        await (await pool)?.destroy()
      } catch {
        // A pool that did not start has told its callers; one that fails to end its threads leaves nothing else to do.
      }
    },
  }
}

function overloaded(waiting: number): RpcError {
  return new RpcError({
    code: RPC_CODES.overloaded,
    message: 'overloaded',
    details: `OverloadedError: ${waiting} calls wait for a worker thread already; retry after 1 s`,
  })
}

function noThreads(): RpcError {
  return new RpcError({
    code: RPC_CODES.executionFailed,
    message: 'RPC execution failed',
    details: 'WorkerPoolError: no worker threads are allowed (rpc_worker_threads_max is 0)',
  })
}

/** The error as the function threw it, as far as it crosses threads. */
function errorOf({ name, message, stack, rpc }: WorkerFailure): Error {
  const error = rpc === undefined ? Object.assign(new Error(message), { name }) : new RpcError(rpc)
  if (stack !== undefined) error.stack = stack
  return error
}

function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href
  return module.startsWith('file:') ? module : pathToFileURL(module).href
}
