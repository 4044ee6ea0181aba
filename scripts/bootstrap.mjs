/**
 * Installs the dependencies when they are not what the lockfile says, so that a fresh clone needs no separate set-up step.
 *
 * This file and run.mjs are the only code that must run on whatever Node.js happens to be on the PATH (18 or newer), before
 * anything is installed. Everything else runs on the pinned Node.js that the installation brings along.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/** The Node.js that runs this project: a devDependency, so that the lockfile pins it. */
export const pinnedNode = path.join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

/** Outside node_modules, because `npm ci` begins by deleting that. */
const lockFile = path.join(root, '.install.lock')

/** How long another process's installation may take before we stop waiting for it. */
const INSTALL_PATIENCE_MS = 10 * 60_000

/**
 * Brings node_modules into the state the lockfile describes; returns at once (a few milliseconds) when it already is.
 * Safe to run from several processes at the same time: one installs, the others wait for it.
 *
 * @param {(child: import('node:child_process').ChildProcess) => void} [onChild] is told of the npm process, to pass signals on
 * @throws {Error} with a sentence for the user when the installation fails
 */
export async function ensureInstalled(onChild = () => {}) {
  if (isCurrent()) return
  await takeLock()
  try {
    if (!isCurrent()) await install(onChild)
  } finally {
    rmSync(lockFile, { force: true })
  }
}

/**
 * npm records what it installed in node_modules/.package-lock.json, as its last act. Every required package must be there in the
 * locked version. Optional ones may be absent: they are binaries for other platforms.
 */
function isCurrent() {
  if (!existsSync(pinnedNode)) return false
  const wanted = readPackages(path.join(root, 'package-lock.json'))
  const present = readPackages(path.join(root, 'node_modules', '.package-lock.json'))
  if (!wanted || !present) return false
  return Object.entries(wanted).every(([place, want]) => {
    if (place === '') return true
    const have = present[place]
    return have ? have.version === want.version && have.integrity === want.integrity : want.optional === true
  })
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

async function install(onChild) {
  // stderr: the standard output of `mpreg … --json` belongs to its reader.
  console.error('mpreg: installing dependencies (first run, or the lockfile changed) …')
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--ignore-scripts=false', '--engine-strict=false', '--loglevel=error']
  const [command, ...before] = npmCommand()
  const child = spawn(command, [...before, ...args], {
    cwd: root,
    stdio: ['inherit', 2, 2],
    env: installEnv(),
    shell: command.endsWith('.cmd'),
  })
  onChild(child)
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(-1))
    child.on('exit', resolve)
  })
  if (code !== 0) throw new Error('npm ci failed (see above): no network, or package.json and package-lock.json disagree')
  if (spawnSync(pinnedNode, ['--version']).status !== 0) {
    throw new Error(`${pinnedNode} does not run. Were install scripts disabled? Try: npm rebuild node`)
  }
}

/** The npm that started us, where there is one; else the one on the PATH. Other package managers would ignore our lockfile. */
function npmCommand() {
  const execPath = process.env.npm_execpath
  if (execPath && path.basename(execPath).startsWith('npm')) return [process.execPath, execPath]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm']
}

/** A user's npm settings arrive here as variables, and some would leave out just the packages that are needed. */
function installEnv() {
  const unwanted = /^npm_config_(omit|production|only|ignore_scripts|engine_strict|dry_run|global|prefix|local_prefix)$/i
  const kept = Object.entries(process.env).filter(([name]) => !unwanted.test(name))
  return { ...Object.fromEntries(kept), NODE_ENV: 'development' }
}

/** The lock names its owner, so that a killed installation does not block the next. Linking makes name and content appear at once. */
async function takeLock() {
  const claim = `${lockFile}.${process.pid}`
  writeFileSync(claim, String(process.pid))
  try {
    const giveUp = Date.now() + INSTALL_PATIENCE_MS
    while (!tryLink(claim)) {
      if (!ownerAlive()) rmSync(lockFile, { force: true })
      else if (Date.now() > giveUp) throw new Error(`another installation holds ${lockFile}; remove it if none is running`)
      else await sleep(200)
    }
  } finally {
    rmSync(claim, { force: true })
  }
}

function tryLink(claim) {
  try {
    linkSync(claim, lockFile)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function ownerAlive() {
  try {
    process.kill(Number(readFileSync(lockFile, 'utf8')), 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
