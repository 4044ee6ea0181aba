/** Runs the `mpreg` command as a user does, and waits for what it prints rather than for time to pass. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const EXECUTABLE = fileURLToPath(new URL('../../bin/mpreg', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly process: ChildProcess
  readonly stdout: string
  readonly stderr: string
  /** Resolves when standard output matches; rejects when the process ends first. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  readonly finished: Promise<Finished>
}

/** What a developer's shell may hold for the command, and a test must not see. */
const BLANKED = { MPREG_URL: '', MPREG_MONITORING_URL: '', MPREG_MONITORING_TOKEN: '', MPREG_REGISTRY: '', MPREG_FEDERATION_CONFIG: '' }

/** Those that have not ended. */
const running = new Set<ChildProcess>()

/** Ends what a failed test left behind. */
export function endLeftovers(): void {
  for (const child of running) child.kill('SIGKILL')
}

export function startMpreg(args: readonly string[], env: Record<string, string> = {}): Running {
  return startProgram(EXECUTABLE, args, env)
}

export function startProgram(file: string, args: readonly string[] = [], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, ...BLANKED, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.on('exit', () => running.delete(child))
  const out = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
      out[stream] += chunk
      for (const watcher of watchers) watcher()
    })
  }
  const finished = new Promise<Finished>((resolve) => child.on('close', (code) => resolve({ code, ...out })))
  return {
    process: child,
    get stdout() {
      return out.stdout
    },
    get stderr() {
      return out.stderr
    },
    finished,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const watcher = () => {
          const match = pattern.exec(out.stdout)
          if (match === null) return
          watchers.delete(watcher)
          resolve(match)
        }
        watchers.add(watcher)
        watcher()
        void finished.then(({ code, stderr }) => reject(new Error(`ended with ${code} before printing ${pattern}: ${stderr}`)))
      }),
  }
}

export function mpreg(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return startMpreg(args, env).finished
}
