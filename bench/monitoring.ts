/**
 * What it costs to be watched: calls to a node that is monitored and scraped beside one that is not, and how fast it tells under load.
 *
 * Beside the calls a second stands the processor time a call costs the node. On a machine that others use too it is the steadier of the two.
 */
import type { LoadOperations } from './load.ts'
import type { BenchOptions } from './options.ts'
import { measureFreshPairs, outcomeOf } from './pairs.ts'
import { PAYLOAD } from './payload.ts'
import { Report } from './report.ts'
import { pin, type Role, startRole } from './role.ts'
import type { NodeServer, NodeServerInput } from './roles/node-server.ts'
import type { PathTimes, Scraper, ScraperInput } from './roles/scraper.ts'
import { summarize } from './statistics.ts'

const IN_FLIGHT = 64
/** Of a turn of warming up. */
const WARM_UP_SECONDS = 0.75
/** Questions a second for the health of a node under load, and for how long. */
const HEALTH_EVERY_MS = 20
const HEALTH_SECONDS = 5
const HEALTH_RUNS_MAX = 6

export async function benchMonitoring({ runs, seconds }: BenchOptions): Promise<void> {
  const report = new Report('monitoring')
  const load = { seconds, inFlight: IN_FLIGHT }
  let watchedSeconds = 0
  const costs = { ours: [] as number[], theirs: [] as number[] }
  const health: PathTimes[] = []

  const throughput = await measureFreshPairs(
    runs,
    async () => {
      const watched = await startNode(true)
      const url = (await watched.node.ask('monitoringUrl', undefined)) as string
      const scraper = await startRole<Scraper>(role('scraper'), { url } satisfies ScraperInput)
      return {
        async warmUp() {
          await warmUp(watched)
          // A node that is watched has been asked thousands of times.
          await scraper.ask('time', { path: '/metrics/prometheus', seconds: WARM_UP_SECONDS, everyMs: 5 })
        },
        async measure() {
          // One for each second of being watched.
          const before = Math.floor(watchedSeconds)
          watchedSeconds += seconds
          const scrapes = Math.floor(watchedSeconds) - before
          const scraping = scraper.ask('scrape', { scrapes, afterMs: (seconds * 1000) / 2 })
          const rate = await measured(watched, costs.ours)
          await scraping
          return rate
        },
        async stop() {
          if (health.length < HEALTH_RUNS_MAX) {
            const busy = watched.client.ask('throughput', { ...load, seconds: HEALTH_SECONDS + 1 })
            health.push(await scraper.ask('time', { path: '/health', seconds: HEALTH_SECONDS, everyMs: HEALTH_EVERY_MS }))
            await busy
          }
          await scraper.stop()
          await stopNode(watched)
        },
      }
    },
    async () => {
      const plain = await startNode(false)
      return { warmUp: () => warmUp(plain), measure: () => measured(plain, costs.theirs), stop: () => stopNode(plain) }
    },
  )

  function warmUp({ client }: Served): Promise<number> {
    return client.ask('throughput', { ...load, seconds: WARM_UP_SECONDS })
  }

  /** Calls a second; the microseconds each took of the node's processor time go to `costsUs`. */
  async function measured({ client, node }: Served, costsUs: number[]): Promise<number> {
    const beforeMs = await node.ask('cpuMs', undefined)
    const rate = await client.ask('throughput', load)
    costsUs.push((1000 * ((await node.ask('cpuMs', undefined)) - beforeMs)) / (rate * load.seconds))
    return rate
  }

  report.pair('monitored_vs_plain', 'calls/s', ['calls_monitored', 'calls_plain'], throughput, '>= 0.95')
  report.pair('monitored_cost_vs_plain', 'us', ['call_cost_monitored', 'call_cost_plain'], outcomeOf(costs), '<= 1.05')
  report.result('health_under_load_p50', 'ms', summarize(health.map(({ p50Ms }) => p50Ms)))
  report.result('health_under_load_p99', 'ms', summarize(health.map(({ p99Ms }) => p99Ms)))
  report.print()
}

interface Served {
  readonly node: Role<NodeServer>
  readonly client: Role<LoadOperations>
}

async function startNode(monitored: boolean): Promise<Served> {
  const node = await startRole<NodeServer>(role('node-server'), { monitored } satisfies NodeServerInput)
  const { ws: url } = await node.ask('endpoints', undefined)
  const client = await startRole<LoadOperations>(role('node-client'), { url, payload: PAYLOAD })
  pin(node, 0)
  pin(client, 1)
  return { node, client }
}

async function stopNode({ client, node }: Served): Promise<void> {
  await client.stop()
  await node.stop()
}

function role(name: string): URL {
  return new URL(`./roles/${name}.ts`, import.meta.url)
}
