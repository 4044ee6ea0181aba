/**
 * Processes of a benchmark. Every contender's server and client is a process of its own ("role", one file in roles/), so that no two
 * share a heap, a compiler's view of the types or an event loop. The bench asks for one thing at a time; whoever is not asked sleeps.
 *
 * This is both ends of the conversation: {@link startRole} for the bench, {@link serveRole} for the role.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'

/** What a role can be asked for; each takes and returns plain data. */
export type Operations = Readonly<Record<string, (input: never) => unknown>>

export interface Role<O extends Operations> {
  readonly pid: number
  ask<K extends keyof O & string>(operation: K, input: Parameters<O[K]>[0]): Promise<Awaited<ReturnType<O[K]>>>
  stop(): Promise<void>
}

interface Question {
  readonly operation: string
  readonly input: unknown
}

type Answer = { readonly result: unknown } | { readonly failure: string }

/**
 * Starts a role and waits until it serves.
 * @param input given to the role's {@link roleInput}
 * @param environment variables on top of those of this process
 */
export async function startRole<O extends Operations>(
  file: URL,
  input: unknown = null,
  nodeOptions: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Role<O>> {
  const env = { ...process.env, ...environment }
  const child = fork(file, [JSON.stringify(input)], { env, execArgv: [...nodeOptions], serialization: 'json' })
  const name = file.pathname.replace(/.*\//, '')
  await answerOf(child, name)
  return {
    pid: child.pid as number,
    async ask(operation, question) {
      child.send({ operation, input: question } satisfies Question)
      return (await answerOf(child, name)) as never
    },
    stop() {
      if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.disconnect()
      return gone
    },
  }
}

/**
 * Keeps the event loop of a role on one processor, where the system knows `taskset` and has that many; a system without goes on as it was. Its other
 * threads stay free. Who shares a processor with whom is otherwise up to the scheduler, and for a server and its client worth more than the few
 * percent some benchmarks look for.
 */
export function pin({ pid }: { readonly pid: number }, processor: number): void {
  spawnSync('taskset', ['--cpu-list', '--pid', String(processor), String(pid)], { stdio: 'ignore' })
}

function answerOf(child: ChildProcess, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    function onMessage(answer: Answer): void {
      child.off('exit', onExit)
      if ('failure' in answer) reject(new Error(`${name}: ${answer.failure}`))
      else resolve(answer.result)
    }
    function onExit(code: number | null, signal: string | null): void {
      child.off('message', onMessage)
      reject(new Error(`${name} ended unasked (${signal ?? code})`))
    }
    child.once('message', onMessage)
    child.once('exit', onExit)
  })
}

/** What the bench gave this role when it started it. */
export function roleInput<T>(): T {
  return JSON.parse(process.argv[2] ?? 'null') as T
}

/** Tells the bench that the role is ready, answers its questions one after another, and ends the process when the bench goes. */
export function serveRole(operations: Operations): void {
  process.on('message', async ({ operation, input }: Question) => {
    try {
      const perform = operations[operation] as ((input: unknown) => unknown) | undefined
      if (perform === undefined) throw new Error(`no operation '${operation}'`)
      process.send?.({ result: (await perform(input)) ?? null } satisfies Answer)
    } catch (error) {
      process.send?.({ failure: (error as Error).stack ?? String(error) } satisfies Answer)
    }
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ result: null } satisfies Answer)
}
