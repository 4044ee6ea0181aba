/**
 * The clusters this user has registered, kept in a file between commands.
 *
 * Readers see the file as it was before or after a change, never in between: it is replaced in one step. Writers take turns by a lock
 * file beside it, since two commands that both read, change and write would lose one of the changes. A lock whose holder has died is
 * taken over. Two who do that at once can, for a moment, lose a lock that lives: so a lock says whose it is, who writes makes sure that it
 * is still theirs, and nobody removes another's.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { isObject } from './json-value.ts'
import { CommandFailure } from './outcome.ts'

export interface RegisteredCluster {
  readonly cluster_id: string
  readonly cluster_name: string
  readonly region: string
  readonly server_url: string
  readonly bridge_url: string
  /** Where its monitoring service listens, if that is known. */
  readonly monitoring_url?: string
  /** Whether its health is looked at closely, or the cluster is only listed. */
  readonly resilience: boolean
  /** Seconds since the epoch. */
  readonly registered_at: number
  readonly tags: Readonly<Record<string, unknown>>
  readonly resources: readonly string[]
}

export type Clusters = Readonly<Record<string, RegisteredCluster>>

const VERSION = 1
/** A change takes milliseconds; who waits longer than this waits for something that hangs. */
const LOCK_PATIENCE_MS = 5_000
const LOCK_RETRY_MS = 20

/** The file can not be used. */
class RegistryError extends CommandFailure {
  readonly code = 'registry_unusable'

  constructor(what: string, options?: ErrorOptions) {
    super(`Error: Registry of clusters ${what}.`, options)
  }
}

/** Where the registry is: the option, `MPREG_REGISTRY`, or the user's configuration directory. */
export function registryPath(given: string | undefined): string {
  if (given !== undefined && given !== '') return given
  if (process.env.MPREG_REGISTRY) return process.env.MPREG_REGISTRY
  const directory =
    process.platform === 'win32'
      ? process.env.APPDATA || join(homedir(), 'AppData', 'Roaming')
      : process.env.XDG_CONFIG_HOME || join(homedir(), '.config')
  return join(directory, 'mpreg', 'registry.json')
}

/** All registered clusters by id; none when there is no file yet. @throws RegistryError */
export function readRegistry(file: string): Clusters {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new RegistryError(`${file}: ${(error as Error).message}`, { cause: error })
  }
  return parseRegistry(file, text)
}

/** Applies a change that nobody else's change can get lost by. Returns what `change` returns. @throws RegistryError */
export async function changeRegistry<T>(
  file: string,
  change: (clusters: Clusters) => { readonly clusters: Clusters; readonly result: T },
): Promise<T> {
  const held = await lock(file)
  try {
    const { clusters, result } = change(readRegistry(file))
    if (!held.isOwn()) throw new RegistryError(`${file} was taken over by another command in the middle of this one; do it again`)
    replace(file, `${JSON.stringify({ version: VERSION, clusters }, null, 2)}\n`)
    return result
  } finally {
    held.unlock()
  }
}

function parseRegistry(file: string, text: string): Clusters {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RegistryError(`${file} is no JSON (${(error as Error).message}); mend it or move it away`, { cause: error })
  }
  if (!isObject(value) || !isObject(value.clusters)) throw new RegistryError(`${file} has no object "clusters"; mend it or move it away`)
  if (value.version !== VERSION) {
    throw new RegistryError(`${file} has version ${JSON.stringify(value.version)}, and this program knows only ${VERSION}`)
  }
  const clusters = Object.entries(value.clusters).map(([id, entry]) => [id, parseCluster(file, id, entry)] as const)
  return Object.fromEntries(clusters)
}

function parseCluster(file: string, id: string, entry: unknown): RegisteredCluster {
  if (!isObject(entry)) throw new RegistryError(`${file}: the cluster '${id}' is no object`)
  for (const field of ['cluster_id', 'cluster_name', 'region', 'server_url', 'bridge_url']) {
    if (typeof entry[field] !== 'string') throw new RegistryError(`${file}: the cluster '${id}' has no text '${field}'`)
  }
  const { monitoring_url, registered_at, resilience, resources, tags } = entry
  return {
    ...(entry as unknown as RegisteredCluster),
    ...(typeof monitoring_url === 'string' && { monitoring_url }),
    resilience: resilience !== false,
    registered_at: typeof registered_at === 'number' ? registered_at : 0,
    tags: isObject(tags) ? tags : {},
    resources: Array.isArray(resources) ? resources.map(String) : [],
  }
}

/** Written beside the file and renamed over it: a crash leaves the old one whole. */
function replace(file: string, text: string): void {
  const temporary = `${file}.${randomUUID()}`
  try {
    const handle = openSync(temporary, 'w', 0o600)
    try {
      writeFileSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new RegistryError(`${file}: ${(error as Error).message}`, { cause: error })
  }
}

interface HeldLock {
  isOwn(): boolean
  unlock(): void
}

async function lock(file: string): Promise<HeldLock> {
  const lockFile = `${file}.lock`
  const id = randomUUID()
  const own = `${lockFile}.${id}`
  /** Of this lock and no other: the process may come back to the file, and its number to another process. */
  const content = `${process.pid} ${id}`
  const deadline = performance.now() + LOCK_PATIENCE_MS
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // Linked into place with its content: a lock that names nobody is never seen.
    writeFileSync(own, content)
    while (!taken(own, lockFile)) {
      breakDeadLock(lockFile)
      if (performance.now() > deadline) {
        throw new RegistryError(
          `${file} is being changed by process ${holder(contentOf(lockFile)) ?? 'unknown'}, which does not finish; if it is no mpreg, remove ${lockFile}`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS))
    }
  } catch (error) {
    throw error instanceof RegistryError ? error : new RegistryError(`${file}: ${(error as Error).message}`, { cause: error })
  } finally {
    rmSync(own, { force: true })
  }
  const isOwn = (): boolean => contentOf(lockFile) === content
  return {
    isOwn,
    unlock() {
      if (isOwn()) rmSync(lockFile, { force: true })
    },
  }
}

function taken(own: string, lockFile: string): boolean {
  try {
    linkSync(own, lockFile)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Renamed first, which only one of those who notice can do; a lock that came in the meantime is put back. Where yet another has come in
 * between it can not be, and its holder finds out before it writes.
 */
function breakDeadLock(lockFile: string): void {
  const content = contentOf(lockFile)
  const pid = holder(content)
  if (pid === undefined || isAlive(pid)) return
  const aside = `${lockFile}.${randomUUID()}`
  try {
    renameSync(lockFile, aside)
    if (readFileSync(aside, 'utf8') !== content) linkSync(aside, lockFile)
  } catch {
    // Somebody else was faster: the next round sees what there is.
  }
  rmSync(aside, { force: true })
}

function contentOf(lockFile: string): string | undefined {
  try {
    return readFileSync(lockFile, 'utf8')
  } catch {
    return undefined
  }
}

function holder(content: string | undefined): number | undefined {
  const pid = Number(content?.split(' ', 1)[0])
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
