/**
 * Memory of idle connections: 5,000 clients connect and then say nothing; the growth of the server's resident set, by connection.
 *
 * The first reading is of a server that has never seen a client, so the code that a first handshake loads and compiles counts as well. The
 * kernel's socket buffers are not in the set. It is read twice at the end: as it is when the last client is in, with the litter of the
 * handshakes still in the heap, and after a garbage collection.
 */
import type { BenchOptions } from './options.ts'
import { Report } from './report.ts'
import { type Role, startRole } from './role.ts'
import type { IdleClients } from './roles/idle-clients.ts'
import type { NodeServer } from './roles/node-server.ts'
import type { RawServerInput, RawWsServer } from './roles/raw-ws-server.ts'
import { summarize } from './statistics.ts'

const CONNECTIONS = 5000
const RUNS_MAX = 5

export async function benchIdle({ runs }: BenchOptions): Promise<void> {
  const report = new Report('idle')
  const ours: Growth[] = []
  const raw: Growth[] = []
  for (let i = 0; i < Math.min(runs, RUNS_MAX); i++) {
    const node = await startRole<NodeServer>(role('node-server'), null, ['--expose-gc'])
    ours.push(await growth(node, (await node.ask('endpoints', undefined)).ws))
    const server = await startRole<RawWsServer>(role('raw-ws-server'), { answer: '' } satisfies RawServerInput, ['--expose-gc'])
    raw.push(await growth(server, await server.ask('url', undefined)))
  }
  for (const [name, growths] of [
    ['mpreg', ours],
    ['raw_ws', raw],
  ] as const) {
    report.result(`rss_per_connection_${name}`, 'KB', summarize(growths.map(({ settled }) => settled)))
    report.result(`rss_per_connection_${name}_before_gc`, 'KB', summarize(growths.map(({ atOnce }) => atOnce)))
  }
  const settled = summarize(ours.map((one, i) => one.settled / (raw[i] as Growth).settled))
  report.ratio('idle_rss_vs_raw_ws', settled, '')
  report.note(`${CONNECTIONS} idle connections; target for mpreg <= 16 KB each`)
  report.print()
}

/** KB a connection. */
interface Growth {
  readonly atOnce: number
  readonly settled: number
}

interface Measured {
  readonly [operation: string]: (input: never) => unknown
  readonly residentBytes: (input: { readonly collect: boolean }) => Promise<number>
}

async function growth(server: Role<NodeServer> | Role<RawWsServer>, url: string): Promise<Growth> {
  const { ask } = server as Role<Measured>
  const clients = await startRole<IdleClients>(role('idle-clients'), { url })
  const before = await ask('residentBytes', { collect: true })
  await clients.ask('open', { count: CONNECTIONS })
  const atOnce = await ask('residentBytes', { collect: false })
  const settled = await ask('residentBytes', { collect: true })
  const alive = await clients.ask('alive', undefined)
  if (alive !== CONNECTIONS) throw new Error(`${alive} connections are left; is 'ulimit -n' above ${CONNECTIONS + 500}?`)
  await clients.stop()
  await server.stop()
  return { atOnce: perConnection(atOnce - before), settled: perConnection(settled - before) }
}

function perConnection(bytes: number): number {
  return bytes / 1024 / CONNECTIONS
}

function role(name: string): URL {
  return new URL(`./roles/${name}.ts`, import.meta.url)
}
