/**
 * Start of a node from an installed package: `npm pack`, `npm install` of the result into an empty folder, then `mpreg server start` as a user
 * would type it, until the line with the node's URL is there. Beside it, a Node.js process that prints one line: what no program of
 * this runtime can go below.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from './free-port.ts'
import type { BenchOptions } from './options.ts'
import { Report } from './report.ts'
import { summarize } from './statistics.ts'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '..')
/** A server that has said nothing after this long is not starting. */
const START_TIMEOUT_MS = 20_000

export async function benchStartup({ runs }: BenchOptions): Promise<void> {
  const report = new Report('startup')
  const folder = await mkdtemp(path.join(tmpdir(), 'mpreg-bench-'))
  try {
    const command = await install(folder)
    const [port] = await freePorts(1)
    const args = ['server', 'start', '--port', String(port)]
    // The first start fills the compile cache, as it does once on a user's machine.
    const first = await start(command, args, /\bwss?:\/\/\S+:\d+/)
    const starts: Started[] = []
    const bare: Started[] = []
    for (let i = 0; i < runs; i++) {
      starts.push(await start(command, args, /\bwss?:\/\/\S+:\d+/))
      bare.push(await start(process.execPath, ['-e', 'console.log("ready"); setInterval(() => {}, 1000)'], /ready/))
    }
    report.result('first_start', 'ms', summarize([first.ms]))
    report.result('start_mpreg', 'ms', summarize(starts.map(({ ms }) => ms)))
    report.result('start_node', 'ms', summarize(bare.map(({ ms }) => ms)))
    report.result('rss_mpreg', 'MB', summarize(starts.map(({ rssMb }) => rssMb)))
    report.result('rss_node', 'MB', summarize(bare.map(({ rssMb }) => rssMb)))
    report.ratio('startup_vs_node', summarize(starts.map(({ ms }, i) => ms / (bare[i] as Started).ms)), '')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  report.print()
}

/** Path of the installed command. */
async function install(folder: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [{ readonly filename: string }]
  await writeFile(path.join(folder, 'package.json'), '{"private":true}')
  await run('npm', ['install', '--no-audit', '--no-fund', path.join(folder, packed.filename)], { cwd: folder })
  return path.join(folder, 'node_modules', '.bin', 'mpreg')
}

interface Started {
  readonly ms: number
  readonly rssMb: number
}

/** Runs a command until its output holds `sign`, reads its memory, and ends it. */
async function start(command: string, args: readonly string[], sign: RegExp): Promise<Started> {
  const began = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let output = ''
  try {
    const ms = await new Promise<number>((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`no sign of a start in: ${output}`)), START_TIMEOUT_MS)
      function look(chunk: Buffer): void {
        output += chunk
        if (!sign.test(output)) return
        clearTimeout(timeout)
        resolve(performance.now() - began)
      }
      child.stdout.on('data', look)
      child.stderr.on('data', look)
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`${command} ended (${code}): ${output}`)))
    })
    return { ms, rssMb: await residentMb(child.pid as number) }
  } finally {
    child.kill('SIGTERM')
    await gone
  }
}

/** From /proc, or from `ps` where there is none. */
async function residentMb(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
  } catch {
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)])
    return Number(stdout) / 1024
  }
}
