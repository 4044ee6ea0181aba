/**
 * `node scripts/run.mjs FILE [ARGUMENT …]`: installs what is missing, then runs FILE on the pinned Node.js.
 *
 * All npm scripts go through here instead of through prestart/pretest hooks, which npm skips under `ignore-scripts=true`.
 * This process stays only to stand for the real one: it passes signals down, passes the exit status up, and goes when its own
 * parent goes. It may run on any Node.js from 18 on.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureInstalled, pinnedNode, root } from './bootstrap.mjs'

/** How often a vanished parent is looked for. */
const PARENT_POLL_MS = 250
/** What a child gets to end in good order before it is killed, once nobody is left to wait for it. */
const ORPHAN_GRACE_MS = 10_000

const followParent = pathToFileURL(path.join(root, 'scripts', 'follow-parent.mjs')).href

/**
 * Runs a file on the pinned Node.js and ends this process as that one ended: same exit code, or same signal.
 *
 * @param {string[]} args the file and its arguments
 * @param {NodeJS.ProcessEnv} [env] extra variables for it
 * @param {boolean} [outlivesParent] go on when whoever started this has ended: npm leaves orphans behind, an operator's shell means it
 */
export async function run(args, env = {}, outlivesParent = false) {
  let child
  let stopping

  const pass = (signal) => {
    stopping = signal
    if (child) child.kill(signal)
  }
  const onSignal = (signal) => {
    // Ctrl-C in a terminal reaches the whole process group. Passing it on would make it two, and the second of two means "at once".
    if (signal === 'SIGINT' && process.stdin.isTTY && child) return
    pass(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, onSignal)

  const stopWatching = outlivesParent
    ? () => {}
    : whenOrphaned(() => {
        pass('SIGTERM')
        setTimeout(() => child?.kill('SIGKILL'), ORPHAN_GRACE_MS).unref()
      })

  try {
    await ensureInstalled((npm) => {
      child = npm
    })
  } catch (error) {
    if (!stopping) {
      console.error(`mpreg: ${error.message}`)
      process.exit(1)
    }
  }

  const ended = stopping ? { signal: stopping } : await start()
  stopWatching()
  for (const signal of signals) process.off(signal, onSignal)
  if (ended.signal) process.kill(process.pid, ended.signal)
  else process.exitCode = ended.code

  function start() {
    const searchPath = `${path.dirname(pinnedNode)}${path.delimiter}${process.env.PATH ?? ''}`
    child = spawn(pinnedNode, ['--import', followParent, ...args], {
      stdio: 'inherit',
      env: { ...process.env, PATH: searchPath, ...env },
    })
    return new Promise((resolve) => {
      child.on('exit', (code, signal) => resolve({ code, signal }))
      child.on('error', (error) => {
        console.error(`mpreg: can not start ${pinnedNode}: ${error.message}. Remove node_modules and try again.`)
        resolve({ code: 1 })
      })
    })
  }
}

/**
 * Calls `then` once, when the process that started us has gone.
 *
 * npm starts a script through a shell. A SIGTERM to npm ends that shell and never reaches us: our parent changes. A SIGKILL to npm
 * leaves the shell, which waits for us, so under npm the parent of our parent counts as well (only Linux can be asked cheaply;
 * elsewhere the shell usually replaces itself by us).
 */
function whenOrphaned(then) {
  const parent = process.ppid
  const grandparent = process.env.npm_lifecycle_event ? parentOf(parent) : undefined
  const timer = setInterval(() => {
    if (process.ppid === parent && (grandparent === undefined || parentOf(parent) === grandparent)) return
    clearInterval(timer)
    then()
  }, PARENT_POLL_MS)
  timer.unref()
  return () => clearInterval(timer)
}

function parentOf(pid) {
  try {
    // The command name stands in parentheses and may hold anything, so count the fields from its end: state, parent.
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    )
  } catch {
    return undefined
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await run(process.argv.slice(2))
