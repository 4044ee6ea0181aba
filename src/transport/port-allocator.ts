/**
 * Ports for listeners nobody gave one, unique among all processes of this machine that ask the same way.
 *
 * A port is claimed by exclusively creating a lock file for it, then proven free by binding it once. Directory and format of the lock
 * files are shared with reference processes. The lock of a dead process is reclaimed; the operating system's own answer (the test
 * bind) always has the last word, so a lost lock costs a retry and not a conflict.
 *
 * Test workers running in parallel each get their own slice of every range; other processes have the whole range.
 */

import { createSocket } from 'node:dgram'
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TransportError } from './errors.ts'

export type PortCategory = 'servers' | 'clients' | 'federation' | 'testing' | 'research' | 'monitoring' | 'dns-udp' | 'dns-tcp'

export interface PortRange {
  /** Both inclusive. */
  readonly start: number
  readonly end: number
  readonly description: string
}

/** The DNS ranges lie above what Linux hands out to outgoing connections. */
export const PORT_RANGES: Readonly<Record<PortCategory, PortRange>> = {
  servers: { start: 10_000, end: 16_000, description: 'node listeners for clients' },
  clients: { start: 16_000, end: 20_000, description: 'listeners of client programs' },
  federation: { start: 20_000, end: 24_000, description: 'links between nodes and clusters' },
  testing: { start: 24_000, end: 30_000, description: 'tests' },
  research: { start: 30_000, end: 50_000, description: 'large simulations and benchmarks' },
  monitoring: { start: 50_000, end: 55_000, description: 'HTTP monitoring' },
  'dns-udp': { start: 61_000, end: 62_999, description: 'DNS gateway over UDP' },
  'dns-tcp': { start: 63_000, end: 64_999, description: 'DNS gateway over TCP' },
}

export class PortAllocationError extends TransportError {
  constructor(message: string) {
    super(message, { code: 'PORT_ALLOCATION' })
  }
}

export interface PortAllocatorOptions {
  /** Where the worker variables and the lock directory are looked up. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Base of the lock directory; wins over the environment. */
  readonly lockBase?: string
}

export interface PortAllocatorSnapshot {
  readonly worker_id: string
  readonly worker_offset: number
  readonly allocated_ports: readonly number[]
  /** The part of each range this process uses; `available_ports` are those without a lock file. */
  readonly port_ranges: Readonly<Record<PortCategory, PortRange & { readonly available_ports: number }>>
}

export interface PortAllocator {
  /**
   * A port nobody else has. `preferred` is taken when it lies in this process's part of the range and is free.
   * @throws PortAllocationError for an unknown category or an exhausted range (`testing` goes on in `research`).
   */
  allocate(category?: PortCategory, preferred?: number): Promise<number>
  /** `count` ports or none. */
  allocateMany(count: number, category?: PortCategory): Promise<number[]>
  /** Gives a port back; one that is not ours is left alone. */
  release(port: number): void
  /** Holds a port while `use` runs. */
  withPort<T>(category: PortCategory, use: (port: number) => T | Promise<T>): Promise<T>
  withPorts<T>(count: number, category: PortCategory, use: (ports: number[]) => T | Promise<T>): Promise<T>
  snapshot(): PortAllocatorSnapshot
  /** Releases everything. */
  close(): void
}

const LOCK_DIRECTORY = 'mpreg_port_locks'
/** A lock whose text can not be understood may be half written: it gets this long, s. */
const UNREADABLE_GRACE_S = 5
/** At start, locks older than this are swept whoever wrote them, s: a process that old has its port bound. */
const SWEEP_AGE_S = 3600
const SLICE_PORTS = 200
const SLICES = 20
const RESEARCH_SLICE_PORTS = 1000
const PART_PORTS_MIN = 100

export function createPortAllocator(options: PortAllocatorOptions = {}): PortAllocator {
  const environment = options.environment ?? process.env
  const directory = join(
    options.lockBase ?? environment.MPREG_PORT_LOCK_DIR ?? environment.PYTEST_CURRENT_TEST_DIR ?? tmpdir(),
    LOCK_DIRECTORY,
  )
  mkdirSync(directory, { recursive: true })
  const worker = workerOf(environment)
  const locks = new Map<number, string>()
  const next = new Map<PortCategory, number>()
  sweep(directory)
  // A lock left behind would be reclaimed, but only by those who look.
  process.on('exit', close)

  function close(): void {
    process.off('exit', close)
    for (const port of [...locks.keys()]) release(port)
  }

  function release(port: number): void {
    const text = locks.get(port)
    if (text === undefined) return
    locks.delete(port)
    const file = lockFile(directory, port)
    if (readText(file) === text) removeQuietly(file)
  }

  async function claim(port: number, category: PortCategory): Promise<boolean> {
    if (locks.has(port)) return false
    const file = lockFile(directory, port)
    const text = `${worker.id}:${process.pid}:${Date.now() / 1000}\n`
    if (!createLock(file, text)) {
      if (!reclaim(file) || !createLock(file, text)) return false
    }
    locks.set(port, text)
    if ((await isFree(port, category)) && readText(file) === text) return true
    release(port)
    return false
  }

  async function allocate(category: PortCategory = 'testing', preferred?: number): Promise<number> {
    const { start, end } = sliceOf(category, worker)
    if (preferred !== undefined && preferred >= start && preferred <= end && (await claim(preferred, category))) return preferred
    const size = end - start + 1
    // Going round: a port just released is not handed out again at once, late packets may still be under way to it.
    const from = next.get(category) ?? start
    for (let i = 0; i < size; i++) {
      const port = start + ((from - start + i) % size)
      if (await claim(port, category)) {
        next.set(category, port === end ? start : port + 1)
        return port
      }
    }
    if (category === 'testing') return allocate('research')
    throw new PortAllocationError(`No free port in ${start}-${end} (${category}): stop something, or name the port`)
  }

  async function allocateMany(count: number, category: PortCategory = 'testing'): Promise<number[]> {
    const ports: number[] = []
    try {
      while (ports.length < count) ports.push(await allocate(category))
      return ports
    } catch (error) {
      for (const port of ports) release(port)
      throw error
    }
  }

  return {
    allocate,
    allocateMany,
    release,
    async withPort(category, use) {
      const port = await allocate(category)
      try {
        return await use(port)
      } finally {
        release(port)
      }
    },
    async withPorts(count, category, use) {
      const ports = await allocateMany(count, category)
      try {
        return await use(ports)
      } finally {
        for (const port of ports) release(port)
      }
    },
    snapshot() {
      const locked = lockedPorts(directory)
      const ranges = Object.keys(PORT_RANGES).map((name) => {
        const category = name as PortCategory
        const { start, end } = sliceOf(category, worker)
        const taken = locked.filter((port) => port >= start && port <= end).length
        return [category, { start, end, description: PORT_RANGES[category].description, available_ports: end - start + 1 - taken }] as const
      })
      return {
        worker_id: worker.id,
        worker_offset: worker.offset,
        allocated_ports: [...locks.keys()].sort((a, b) => a - b),
        port_ranges: Object.fromEntries(ranges) as PortAllocatorSnapshot['port_ranges'],
      }
    },
    close,
  }
}

export interface Worker {
  readonly id: string
  readonly offset: number
  /** False when no variable says that this is one of several workers. */
  readonly sliced: boolean
}

/** Who we are among parallel test workers, from the variables their runners set. */
function workerOf(environment: Readonly<Record<string, string | undefined>>): Worker {
  const id = environment.PYTEST_XDIST_WORKER ?? ownWorkerId(environment) ?? namedWorkerId(environment)
  if (id === undefined) return { id: 'master', offset: 0, sliced: false }
  const number = /(\d+)$/.exec(id)?.[1]
  const offset = number === undefined ? 0 : SLICE_PORTS * ((Number(number) % SLICES) + 1)
  return { id, offset, sliced: true }
}

function ownWorkerId(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const number = environment.VITEST_POOL_ID ?? environment.VITEST_WORKER_ID
  return number === undefined ? undefined : `gw${number}`
}

function namedWorkerId(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  for (const name in environment) {
    const value = environment[name]
    if (name.startsWith('PYTEST_XDIST_WORKER_') && value !== undefined && /^(gw\d+|master)$/.test(value)) return value
  }
  return undefined
}

/** The ports of a category this worker may use, both ends inclusive. @throws PortAllocationError naming the known categories. */
function sliceOf(category: PortCategory, worker: Worker): { start: number; end: number } {
  const range: PortRange | undefined = PORT_RANGES[category]
  if (range === undefined) {
    throw new PortAllocationError(`Unknown port category ${category}: known are ${Object.keys(PORT_RANGES).join(', ')}`)
  }
  const { start, end } = range
  if (!worker.sliced) return { start, end }
  const index = worker.offset / SLICE_PORTS
  if (category === 'research') {
    const from = start + (index % SLICES) * RESEARCH_SLICE_PORTS
    return { start: from, end: Math.min(end, from + RESEARCH_SLICE_PORTS - 1) }
  }
  const size = end - start + 1
  if (size > worker.offset) {
    const from = start + worker.offset
    return { start: from, end: Math.min(end, from + SLICE_PORTS - 1) }
  }
  const parts = Math.max(1, Math.floor(size / PART_PORTS_MIN))
  const width = Math.floor(size / parts)
  const from = start + (index % parts) * width
  return { start: from, end: Math.min(end, from + width - 1) }
}

function lockFile(directory: string, port: number): string {
  return join(directory, `port_${port}.lock`)
}

function lockedPorts(directory: string): number[] {
  return readdirSync(directory).flatMap((name) => {
    const port = /^port_(\d+)\.lock$/.exec(name)?.[1]
    return port === undefined ? [] : [Number(port)]
  })
}

function createLock(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Removes a stale lock. Several processes may try at once: each moves the file aside first, and one that finds it has moved a fresh
 * lock puts it back.
 */
function reclaim(file: string): boolean {
  const seen = readText(file)
  if (seen === undefined) return true
  if (!isStale(file, seen)) return false
  const aside = `${file}.${process.pid}.stale`
  try {
    renameSync(file, aside)
  } catch {
    return false
  }
  const moved = readText(aside)
  if (moved !== seen) {
    try {
      linkSync(aside, file)
    } catch {
      // Somebody has locked the port meanwhile; the owner of the moved lock finds out when it reads its text back.
    }
  }
  removeQuietly(aside)
  return moved === seen
}

function isStale(file: string, text: string): boolean {
  const pid = Number(/^[^:]*:(\d+):/.exec(text)?.[1])
  if (Number.isInteger(pid) && pid > 0) return !isAlive(pid)
  return ageSeconds(file) > UNREADABLE_GRACE_S
}

function sweep(directory: string): void {
  for (const port of lockedPorts(directory)) {
    const file = lockFile(directory, port)
    if (ageSeconds(file) > SWEEP_AGE_S) removeQuietly(file)
  }
}

function ageSeconds(file: string): number {
  try {
    return (Date.now() - statSync(file).mtimeMs) / 1000
  } catch {
    return 0
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not permitted to signal it means that it exists.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function removeQuietly(file: string): void {
  try {
    unlinkSync(file)
  } catch {
    // Gone already.
  }
}

/** The last word: can the port be bound on the loopback address now? */
function isFree(port: number, category: PortCategory): Promise<boolean> {
  return new Promise((resolve) => {
    if (category === 'dns-udp') {
      const socket = createSocket('udp4')
      socket.once('error', () => socket.close(() => resolve(false)))
      socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => socket.close(() => resolve(true)))
      return
    }
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
