/**
 * `npm test`: everything that must hold before a change is done. All of it runs even when an early part fails.
 *
 *   npm test                  the static checks, then all tests but the long ones
 *   npm test -- PATTERN …     only the tests whose path matches (further options go to vitest as they are)
 *   npm run test:long         only the long ones
 *
 * The last line reads `N passed, N failed`. It counts tests, and each failed check as one failure more, so that a red run never
 * ends with "0 failed".
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { root } from './bootstrap.mjs'
import type { Totals } from './totals-reporter.ts'

interface Check {
  readonly title: string
  /** A script for this Node.js, and its arguments. */
  readonly script: readonly string[]
}

interface Outcome {
  readonly ok: boolean
  readonly seconds: number
  readonly output: string
}

const colour = process.stdout.isTTY === true && !process.env.NO_COLOR

const checks: readonly Check[] = [
  { title: 'types', script: ['node_modules/typescript/bin/tsc', '--noEmit', '--pretty', String(colour)] },
  { title: 'lint', script: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', `--colors=${colour ? 'force' : 'off'}`] },
  { title: 'import rules', script: ['scripts/import-rules.ts'] },
  { title: 'dead code', script: ['node_modules/knip/bin/knip.js', '--no-progress'] },
  { title: 'generated docs', script: ['scripts/gen-docs.ts', '--check'] },
]

const running = new Set<ChildProcess>()

async function main(args: string[]): Promise<void> {
  stopChildrenOnSignal()
  const long = args[0] === '--long'
  const selection = long ? args.slice(1) : args
  const failedChecks = long || selection.length > 0 ? [] : await runChecks(checks.filter(({ script }) => existsSync(script[0] ?? '')))

  heading(long ? 'long tests' : 'tests')
  const tests = await runVitest(long ? 'vitest.long.config.ts' : 'vitest.config.ts', selection)

  console.log()
  if (failedChecks.length > 0) console.log(`Failed checks: ${failedChecks.join(', ')}`)
  const failed = tests.failed + failedChecks.length
  console.log(`${tests.passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

/** Starts as many checks at a time as there are cores, and tells of them in their order. */
async function runChecks(todo: readonly Check[]): Promise<string[]> {
  const waiting: (() => void)[] = []
  let free = availableParallelism()
  const results = todo.map(async ({ script }) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    const outcome = await runNode(script, 'collect')
    const next = waiting.shift()
    if (next) next()
    else free++
    return outcome
  })

  const failed: string[] = []
  for (const [index, { title }] of todo.entries()) {
    const outcome = await results[index]
    if (!outcome) continue
    heading(title)
    if (!outcome.ok) failed.push(title)
    if (!outcome.ok && outcome.output) console.log(outcome.output.trimEnd())
    console.log(`${outcome.ok ? paint('ok', 32) : paint('FAILED', 31)} in ${outcome.seconds.toFixed(1)} s`)
  }
  return failed
}

/** A failure that left no totals behind, such as a broken configuration, still counts as one. */
async function runVitest(config: string, selection: readonly string[]): Promise<Totals> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mpreg-test-'))
  const report = path.join(folder, 'totals.json')
  try {
    const reporters = ['--reporter=default', '--reporter=./scripts/totals-reporter.ts']
    const args = ['node_modules/vitest/vitest.mjs', 'run', `--config=${config}`, ...reporters, ...selection]
    const { ok } = await runNode(args, 'show', { MPREG_TEST_TOTALS: report })
    const totals: Totals = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : { passed: 0, failed: 0 }
    return ok ? totals : { ...totals, failed: Math.max(1, totals.failed) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Each child leads its own process group, because some tools are launchers that would leave the real program behind. */
function runNode(args: readonly string[], mode: 'collect' | 'show', variables: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const began = performance.now()
  const env = { ...process.env, ...(colour ? { FORCE_COLOR: '1' } : { NO_COLOR: '1', FORCE_COLOR: undefined }), ...variables }
  const stdio: StdioOptions = mode === 'show' ? 'inherit' : ['ignore', 'pipe', 'pipe']
  const child = spawn(process.execPath, [...process.execArgv, ...args], { cwd: root, env, stdio, detached: process.platform !== 'win32' })
  running.add(child)
  let output = ''
  const collect = (chunk: Buffer): void => {
    output += chunk
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  return new Promise((resolve) => {
    const end = (ok: boolean): void => {
      running.delete(child)
      resolve({ ok, seconds: (performance.now() - began) / 1000, output })
    }
    child.on('error', (error) => {
      output += error.message
      end(false)
    })
    child.on('close', (code) => end(code === 0))
  })
}

function stopChildrenOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const { pid } of running) {
        if (pid === undefined) continue
        try {
          process.kill(process.platform === 'win32' ? pid : -pid, signal)
        } catch {
          // It has just ended by itself.
        }
      }
      process.kill(process.pid, signal)
    })
  }
}

function heading(title: string): void {
  console.log(`\n${paint(`── ${title} ${'─'.repeat(Math.max(0, 60 - title.length))}`, 36)}`)
}

function paint(text: string, code: number): string {
  return colour ? `\u001b[${code}m${text}\u001b[0m` : text
}

await main(process.argv.slice(2))
