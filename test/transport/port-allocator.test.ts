import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPortAllocator, PORT_RANGES, type PortAllocator, type PortCategory } from '../../src/transport/index.ts'

let base: string
let allocator: PortAllocator | undefined
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'mpreg-ports-'))
})
afterEach(() => {
  allocator?.close()
  rmSync(base, { recursive: true, force: true })
})

function open(environment: Record<string, string> = {}): PortAllocator {
  allocator = createPortAllocator({ lockBase: base, environment })
  return allocator
}

function lockPath(port: number): string {
  return join(base, 'mpreg_port_locks', `port_${port}.lock`)
}

/** A server on the first free port from `port` on. */
async function listenFrom(port: number): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer()
  const isBound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  return isBound ? { server, port } : listenFrom(port + 1)
}

/** A pid no process has. */
const DEAD_PID = 2 ** 22 + 1

describe('port allocator', () => {
  it('wire check 37: two processes never get the same port', async () => {
    const program = new URL('./port-allocator-child.ts', import.meta.url)
    const children = [1, 2].map(() => fork(program, [base, '40']))
    const ports = await Promise.all(
      children.map(
        (child: ChildProcess) =>
          new Promise<number[]>((resolve, reject) => {
            child.once('message', (message) => resolve(message as number[]))
            child.once('error', reject)
            child.once('exit', (code) => reject(new Error(`child ended with ${code}`)))
          }),
      ),
    )
    for (const child of children) child.disconnect()
    expect(ports.flat()).toHaveLength(80)
    expect(new Set(ports.flat()).size).toBe(80)
  })

  it('wire check 37: a bound port is skipped, and leaves no lock', async () => {
    const first = await open().allocate('research')
    allocator?.release(first)
    // Any port of the category will do that nobody on this machine has taken meanwhile; no server of a test uses this one.
    const taken = await listenFrom(first + 1)
    const next = await allocator?.allocate('research', taken.port)
    expect(next).not.toBe(taken.port)
    expect(readdirSync(join(base, 'mpreg_port_locks'))).toEqual([`port_${next}.lock`])
    await new Promise((resolve) => taken.server.close(resolve))
  })

  it('wire check 37: the lock says worker, process and time', async () => {
    const port = await open().allocate('servers')
    expect(readFileSync(lockPath(port), 'utf8')).toMatch(new RegExp(`^master:${process.pid}:\\d+(\\.\\d+)?\\n$`))
    allocator?.release(port)
    expect(() => readFileSync(lockPath(port))).toThrow('ENOENT')
  })

  it('wire check 37: the lock of a dead process is taken over, that of a living one is not', async () => {
    const ports = open()
    const port = await ports.allocate('servers')
    ports.release(port)
    writeFileSync(lockPath(port), `gw3:${DEAD_PID}:1700000000.5\n`)
    expect(await ports.allocate('servers', port)).toBe(port)
    ports.release(port)
    writeFileSync(lockPath(port), `gw3:${process.ppid}:1700000000.5\n`)
    expect(await ports.allocate('servers', port)).not.toBe(port)
    expect(readFileSync(lockPath(port), 'utf8')).toContain('gw3')
  })

  it('gives a half-written lock five seconds, and sweeps those of the last hour at start', async () => {
    const ports = open()
    const [first, second] = [...(await ports.allocateMany(2, 'servers'))] as [number, number]
    ports.close()
    writeFileSync(lockPath(first), '')
    expect(await ports.allocate('servers', first)).not.toBe(first)
    const sixSecondsAgo = Date.now() / 1000 - 6
    utimesSync(lockPath(first), sixSecondsAgo, sixSecondsAgo)
    expect(await ports.allocate('servers', first)).toBe(first)
    const longAgo = Date.now() / 1000 - 3700
    writeFileSync(lockPath(second), `gw1:${process.pid}:1\n`)
    utimesSync(lockPath(second), longAgo, longAgo)
    expect(await open().allocate('servers', second)).toBe(second)
  })

  it.each<[string, Record<string, string>, PortCategory, number, number]>([
    ['gw0 (wire check 37)', { PYTEST_XDIST_WORKER: 'gw0' }, 'servers', 10_200, 10_399],
    ['gw1', { PYTEST_XDIST_WORKER: 'gw1' }, 'servers', 10_400, 10_599],
    ['gw20 wraps to gw0', { PYTEST_XDIST_WORKER: 'gw20' }, 'servers', 10_200, 10_399],
    ['master', { PYTEST_XDIST_WORKER: 'master' }, 'servers', 10_000, 10_199],
    ['gw19 at the end of a range', { PYTEST_XDIST_WORKER: 'gw19' }, 'federation', 24_000, 24_000],
    ['gw19 where its offset is longer than the range', { PYTEST_XDIST_WORKER: 'gw19' }, 'dns-udp', 61_000, 61_099],
    ['gw2 in research', { PYTEST_XDIST_WORKER: 'gw2' }, 'research', 33_000, 33_999],
    ['gw19 in research', { PYTEST_XDIST_WORKER: 'gw19' }, 'research', 30_000, 30_999],
    ['a vitest worker', { VITEST_POOL_ID: '2' }, 'testing', 24_600, 24_799],
    ['a plain process', {}, 'servers', 10_000, 16_000],
  ])('gives %s its slice', (_name, environment, category, start, end) => {
    expect(open(environment).snapshot().port_ranges[category]).toMatchObject({ start, end })
  })

  it('honours a preferred port inside its slice only', async () => {
    const ports = open({ PYTEST_XDIST_WORKER: 'gw0' })
    expect(await ports.allocate('servers', 10_399)).toBe(10_399)
    expect(await ports.allocate('servers', 10_400)).toBeLessThan(10_399)
  })

  it('allocates all or none, and says what is left', async () => {
    const ports = open({ PYTEST_XDIST_WORKER: 'gw19' })
    await expect(ports.allocateMany(2, 'federation')).rejects.toThrow(/^No free port in 24000-24000 \(federation\)/)
    expect(ports.snapshot().allocated_ports).toEqual([])
    const port = await ports.allocate('federation')
    expect(ports.snapshot()).toMatchObject({
      worker_id: 'gw19',
      worker_offset: 4000,
      allocated_ports: [port],
      port_ranges: { federation: { available_ports: 0 } },
    })
  })

  it('goes on in research when testing is exhausted', async () => {
    const ports = open({ PYTEST_XDIST_WORKER: 'gw0' })
    for (let port = 24_200; port <= 24_399; port++) writeFileSync(lockPath(port), `gw0:${process.pid}:1\n`)
    const port = await ports.allocate()
    expect(port).toBeGreaterThanOrEqual(31_000)
    expect(port).toBeLessThanOrEqual(31_999)
  })

  it('gives ports back after use, also when the use fails', async () => {
    const ports = open()
    expect(await ports.withPort('clients', (port) => port >= 16_000)).toBe(true)
    await expect(
      ports.withPorts(3, 'monitoring', () => {
        throw new Error('failed')
      }),
    ).rejects.toThrow('failed')
    expect(ports.snapshot().allocated_ports).toEqual([])
  })

  it('does not release what is not its own', async () => {
    const ports = open()
    const port = await ports.allocate('servers')
    writeFileSync(lockPath(port), `gw5:${process.ppid}:1\n`)
    ports.release(port)
    expect(readFileSync(lockPath(port), 'utf8')).toContain('gw5')
  })

  it('names the categories when asked for another', async () => {
    await expect(open().allocate('mail' as PortCategory)).rejects.toThrow(
      /^Unknown port category mail: known are servers, clients, .*dns-tcp$/,
    )
  })

  it('has ranges that do not overlap but at their ends', () => {
    const ranges = Object.values(PORT_RANGES).toSorted((a, b) => a.start - b.start)
    for (const [i, range] of ranges.entries()) {
      expect(range.end).toBeGreaterThan(range.start)
      if (i > 0) expect(range.start).toBeGreaterThanOrEqual(ranges[i - 1]?.end ?? 0)
    }
  })
})
