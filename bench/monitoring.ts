/**
 * What it costs to be watched: calls to a node that is monitored and scraped beside one that is not, and how fast it tells under load.
 *
 * One process of a program is a few percent faster than the next, for as long as it runs: what its compiler chose first stays. So every few
 * pairs both contenders are started anew. Beside the calls a second stands the processor time a call costs the node. On a machine that others use too it is the steadier of the two.
 */
import type { LoadOperations } from './load.ts'
import type { BenchOptions } from './options.ts'
import { outcomeOf, type PairSamples, takePairs } from './pairs.ts'
import { PAYLOAD } from './payload.ts'
import { Report } from './report.ts'
import { type Role, startRole } from './role.ts'
import type { NodeServer, NodeServerInput } from './roles/node-server.ts'
import type { PathTimes, Scraper, ScraperInput } from './roles/scraper.ts'
import { summarize } from './statistics.ts'

const IN_FLIGHT = 64
const WARM_UP_SECONDS = 3
/** Long enough for a scrape. */
const RUN_SECONDS_MIN = 1
const SCRAPE_EVERY_MS = 1_000
/** Questions a second for the health of a node under load, and for how long. */
const HEALTH_EVERY_MS = 20
const HEALTH_SECONDS = 5
/** Pairs until both contenders are started anew. */
const PAIRS_OF_A_START = 4

export async function benchMonitoring({ runs, seconds }: BenchOptions): Promise<void> {
  const report = new Report('monitoring')
  const load = { seconds: Math.max(seconds, RUN_SECONDS_MIN), inFlight: IN_FLIGHT }
  const throughput: PairSamples[] = []
  const costs: PairSamples[] = []
  const health: PathTimes[] = []
  for (let left = runs; left > 0; left -= PAIRS_OF_A_START) {
    const pairs = Math.min(left, PAIRS_OF_A_START)
    const watched = await startNode(true)
    const plain = await startNode(false)
    const url = (await watched.node.ask('monitoringUrl', undefined)) as string
    const scraper = await startRole<Scraper>(role('scraper'), { url } satisfies ScraperInput)
    for (const { client } of [watched, plain]) await client.ask('throughput', { ...load, seconds: WARM_UP_SECONDS })

    const cost = { ours: [] as number[], theirs: [] as number[] }
    costs.push(cost)
    throughput.push(
      await takePairs(
        pairs,
        async () => {
          await scraper.ask('startScraping', { everyMs: SCRAPE_EVERY_MS })
          const rate = await measured(watched, cost.ours)
          await scraper.ask('stopScraping', undefined)
          return rate
        },
        () => measured(plain, cost.theirs),
      ),
    )
    const busy = watched.client.ask('throughput', { ...load, seconds: HEALTH_SECONDS + 1 })
    health.push(await scraper.ask('time', { path: '/health', seconds: HEALTH_SECONDS, everyMs: HEALTH_EVERY_MS }))
    await busy

    await scraper.stop()
    for (const each of [watched, plain]) {
      await each.client.stop()
      await each.node.stop()
    }
  }

  /** Calls a second; the microseconds each took of the node's processor time go to `costsUs`. */
  async function measured({ client, node }: Contender, costsUs: number[]): Promise<number> {
    const beforeMs = await node.ask('cpuMs', undefined)
    const rate = await client.ask('throughput', load)
    costsUs.push((1000 * ((await node.ask('cpuMs', undefined)) - beforeMs)) / (rate * load.seconds))
    return rate
  }

  report.pair('monitored_vs_plain', 'calls/s', ['calls_monitored', 'calls_plain'], outcomeOf(throughput), '>= 0.95')
  report.pair('monitored_cost_vs_plain', 'us', ['call_cost_monitored', 'call_cost_plain'], outcomeOf(costs), '<= 1.05')
  report.result('health_under_load_p50', 'ms', summarize(health.map(({ p50Ms }) => p50Ms)))
  report.result('health_under_load_p99', 'ms', summarize(health.map(({ p99Ms }) => p99Ms)))
  report.note(`the contenders were started ${throughput.length} times`)
  report.print()
}

interface Contender {
  readonly node: Role<NodeServer>
  readonly client: Role<LoadOperations>
}

async function startNode(monitored: boolean): Promise<Contender> {
  const node = await startRole<NodeServer>(role('node-server'), { monitored } satisfies NodeServerInput)
  const { ws: url } = await node.ask('endpoints', undefined)
  return { node, client: await startRole<LoadOperations>(role('node-client'), { url, payload: PAYLOAD }) }
}

function role(name: string): URL {
  return new URL(`./roles/${name}.ts`, import.meta.url)
}
