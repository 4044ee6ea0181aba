/** Calls over no, one and three hops; what a quiet node costs; how fast nodes in one process find each other; what a hop does to 100 KB. */
import path from 'node:path'
import { measureSplice } from './fabric-splice.ts'
import type { LoadOperations } from './load.ts'
import type { BenchOptions } from './options.ts'
import { measurePairs } from './pairs.ts'
import { PAYLOAD } from './payload.ts'
import { Report } from './report.ts'
import { type Role, startRole } from './role.ts'
import type { CallClientInput } from './roles/fabric-client.ts'
import type { FabricNodeInput, FabricNodes } from './roles/fabric-node.ts'
import { summarize } from './statistics.ts'

const IN_FLIGHT = 64
const WARM_UP_SECONDS = 2
const QUIET_NODES = 50
const QUIET_SECONDS = 20
const DISCOVERY_SIZES = [10, 20, 30]
const DISCOVERY_LIMIT_SECONDS = 60

export async function benchFabric({ runs, seconds }: BenchOptions): Promise<void> {
  const report = new Report('fabric')
  await benchHops(report, runs, seconds)
  measureSplice(report, runs)
  await benchQuiet(report)
  await benchDiscovery(report)
  report.print()
}

/** A chain a-b-c-d: each may dial its neighbours only. Functions: `local` on a, `one` on b, `three` on d. */
async function benchHops(report: Report, runs: number, seconds: number): Promise<void> {
  const nodes: Role<FabricNodes>[] = []
  const urls: string[] = []
  for (const functions of [['bench.local'], ['bench.one'], ['bench.two'], ['bench.three']]) {
    const before = urls.at(-1)
    const neighbours = before === undefined ? [] : [before]
    const input: FabricNodeInput = { gossipInterval: 1, peers: neighbours, mayDial: neighbours, functions }
    const node = await startRole<FabricNodes>(role('fabric-node'), input)
    nodes.push(node)
    urls.push(await node.ask('url', undefined))
  }
  const client = async (fun: string) =>
    await startRole<LoadOperations>(role('fabric-client'), { url: urls[0] as string, payload: PAYLOAD, fun } satisfies CallClientInput)
  const local = await client('bench.local')
  const one = await client('bench.one')
  const three = await client('bench.three')
  const load = { seconds, inFlight: IN_FLIGHT }
  for (const each of [local, one, three]) await each.ask('throughput', { ...load, seconds: WARM_UP_SECONDS })
  for (const [name, far, target] of [
    ['hop1', one, ''],
    ['hop3', three, '>= 0.25'],
  ] as const) {
    const throughput = await measurePairs(
      runs,
      () => far.ask('throughput', load),
      () => local.ask('throughput', load),
    )
    report.pair(`${name}_vs_local`, 'calls/s', [`${name}_calls`, `local_calls_beside_${name}`], throughput, target)
    const latency = await measurePairs(
      Math.min(runs, 5),
      () => far.ask('latency', { seconds }),
      () => local.ask('latency', { seconds }),
    )
    report.result(`${name}_seq_p50`, 'us', latency.ours)
    report.result(`local_seq_p50_beside_${name}`, 'us', latency.theirs)
  }
  for (const each of [local, one, three]) await each.stop()
  for (const node of nodes.reverse()) await node.stop()
}

/**
 * One node in a process of its own, in a fabric of fifty. It starts as `bin/mpreg` does, with a compile cache that an earlier start has
 * filled: without one, a fifth of its memory is the compiler that strips the types of the sources, which no installed node has.
 */
async function benchQuiet(report: Report): Promise<void> {
  const input: FabricNodeInput = { gossipInterval: 5, peers: [], functions: ['bench.local'] }
  const cached = { NODE_COMPILE_CACHE: path.join(import.meta.dirname, '..', 'node_modules', '.cache', 'compile') }
  await (await startRole<FabricNodes>(role('fabric-node'), input, [], cached)).stop()
  const others = await startRole<FabricNodes>(role('fabric-node'), input)
  await others.ask('more', { count: QUIET_NODES - 2 })
  const watchedInput = { ...input, peers: [await others.ask('url', undefined)] }
  const watched = await startRole<FabricNodes>(role('fabric-node'), watchedInput, [], cached)
  await others.ask('discovered', { limitSeconds: DISCOVERY_LIMIT_SECONDS })
  await watched.ask('cpuShare', { seconds: QUIET_SECONDS })
  const share = await watched.ask('cpuShare', { seconds: QUIET_SECONDS })
  report.result('quiet_node_cpu_percent', '%', summarize([share * 100]))
  report.result('quiet_node_rss', 'MB', summarize([(await watched.ask('residentBytes', { collect: false })) / 1e6]))
  report.note(
    `quiet node: in a fabric of ${QUIET_NODES}, knows ${await watched.ask('peerCount', undefined)} peers; targets < 1 % of a core, < 130 MB`,
  )
  await watched.stop()
  await others.stop()
}

async function benchDiscovery(report: Report): Promise<void> {
  for (const size of DISCOVERY_SIZES) {
    const nodes = await startRole<FabricNodes>(role('fabric-node'), {
      gossipInterval: 5,
      peers: [],
      functions: ['bench.local'],
    } satisfies FabricNodeInput)
    const started = performance.now()
    await nodes.ask('more', { count: size - 1 })
    const took = await nodes.ask('discovered', { limitSeconds: DISCOVERY_LIMIT_SECONDS })
    report.result(`discovery_${size}_nodes`, 's', summarize([took === null ? Number.NaN : (performance.now() - started) / 1000]))
    await nodes.stop()
  }
}

function role(name: string): URL {
  return new URL(`./roles/${name}.ts`, import.meta.url)
}
