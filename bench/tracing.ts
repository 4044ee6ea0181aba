/** What tracing costs: calls of a local function, and over one hop, with 1 % and with all of them traced, beside a node that does not trace. */
import type { SettingsInput } from '../src/node/index.ts'
import type { LoadOperations, ThroughputInput } from './load.ts'
import type { BenchOptions } from './options.ts'
import { measureFreshPairs } from './pairs.ts'
import { PAYLOAD } from './payload.ts'
import { Report } from './report.ts'
import { pin, type Role, startRole } from './role.ts'
import type { CallClientInput } from './roles/fabric-client.ts'
import type { OtlpSinkRole } from './roles/otlp-sink.ts'
import type { SettingsNode, SettingsNodeInput } from './roles/settings-node.ts'

const IN_FLIGHT = 64
const WARM_UP_SECONDS = 0.5

/** A client with its nodes behind it. */
interface Setting {
  readonly client: Role<LoadOperations>
  readonly entry: Role<SettingsNode>
  stop(): Promise<void>
}

export async function benchTracing({ runs, seconds }: BenchOptions): Promise<void> {
  const report = new Report('tracing')
  const sink = await startRole<OtlpSinkRole>(role('otlp-sink'))
  const otlpEndpoint = await sink.ask('url', undefined)
  const traced = (tracingSampleRatio: number): SettingsInput => ({ otlpEndpoint, tracingSampleRatio })
  const load = { seconds, inFlight: IN_FLIGHT }
  for (const [way, start] of [
    ['local', startLocal],
    ['hop1', startHop],
  ] as const) {
    for (const [name, settings, target] of [
      // What two nodes without tracing differ by is what the others may differ by, too.
      ['off', {}, '~ 1'],
      ['at_1_percent', traced(0.01), '>= 0.95'],
      ['at_100_percent', traced(1), ''],
    ] as const) {
      let exported = 0
      let lost = 0
      const outcome = await measureFreshPairs(
        runs,
        async () => {
          const ours = contender(await start(settings), load)
          return {
            ...ours,
            async stop() {
              exported += await ours.entry.ask('spansExported', undefined)
              lost += await ours.entry.ask('spansLost', undefined)
              await ours.stop()
            },
          }
        },
        async () => contender(await start({}), load),
      )
      report.pair(`${way}_${name}_vs_off`, 'calls/s', [`${way}_${name}`, `${way}_off_beside_${name}`], outcome, target)
      report.note(`${way} ${name}: ${exported} spans exported by the first nodes, ${lost} lost`)
    }
  }
  await sink.stop()
  report.print()
}

function contender(setting: Setting, load: ThroughputInput) {
  const { client } = setting
  return {
    ...setting,
    warmUp: () => client.ask('throughput', { ...load, seconds: WARM_UP_SECONDS }),
    measure: () => client.ask('throughput', load),
  }
}

async function startLocal(settings: SettingsInput): Promise<Setting> {
  const entry = await startNode(settings, ['bench.echo'])
  const client = await startClient(entry)
  pin(entry, 0)
  pin(client, 1)
  return {
    client,
    entry,
    async stop() {
      await client.stop()
      await entry.stop()
    },
  }
}

async function startHop(settings: SettingsInput): Promise<Setting> {
  const far = await startNode({ ...settings, gossipInterval: 1 }, ['bench.echo'])
  const entry = await startNode({ ...settings, gossipInterval: 1, peers: [await far.ask('url', undefined)] }, [])
  const client = await startClient(entry)
  // The node between does the most.
  pin(entry, 0)
  pin(client, 1)
  pin(far, 1)
  return {
    client,
    entry,
    async stop() {
      await client.stop()
      await entry.stop()
      await far.stop()
    },
  }
}

function startNode(settings: SettingsInput, functions: readonly string[]): Promise<Role<SettingsNode>> {
  return startRole<SettingsNode>(role('settings-node'), { settings, functions } satisfies SettingsNodeInput)
}

async function startClient(entry: Role<SettingsNode>): Promise<Role<LoadOperations>> {
  const url = await entry.ask('url', undefined)
  return await startRole<LoadOperations>(role('fabric-client'), { url, payload: PAYLOAD, fun: 'bench.echo' } satisfies CallClientInput)
}

function role(name: string): URL {
  return new URL(`./roles/${name}.ts`, import.meta.url)
}
