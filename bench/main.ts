/**
 * `npm run bench -- NAME [--runs N] [--seconds S]`: measures one thing beside its peers, prints a table and, as the last line, JSON.
 * docs/benchmarks.md says what each contender does and how to read the numbers.
 */
import { parseArgs } from 'node:util'
import { benchFabric } from './fabric.ts'
import { benchIdle } from './idle.ts'
import { benchMonitoring } from './monitoring.ts'
import type { BenchOptions } from './options.ts'
import { benchPubsub } from './pubsub.ts'
import { benchRouting } from './routing.ts'
import { benchRpc } from './rpc.ts'
import { benchStartup } from './startup.ts'
import { benchTopics } from './topics.ts'
import { benchTracing } from './tracing.ts'

const benches: Readonly<Record<string, { readonly about: string; readonly run: (options: BenchOptions) => Promise<void> }>> = {
  rpc: { about: 'calls over WebSocket and TCP beside raw sockets, Moleculer and NATS', run: benchRpc },
  idle: { about: 'memory of 5,000 idle connections', run: benchIdle },
  startup: { about: 'start of an installed package until its URL is printed, and its memory', run: benchStartup },
  pubsub: { about: 'one publisher, ten subscribers, beside a raw broadcaster', run: benchPubsub },
  fabric: { about: 'calls over hops, a quiet node, discovery, what a hop does to 100 KB', run: benchFabric },
  topics: { about: 'matching of topics against 10,000 wildcard subscriptions, and its memory', run: benchTopics },
  routing: { about: 'path-vector routes: selecting, taking in announcements, signatures, memory', run: benchRouting },
  monitoring: { about: 'calls to a node that is watched beside one that is not; /health under load', run: benchMonitoring },
  tracing: { about: 'calls with none, 1 % and all of them traced', run: benchTracing },
}

const RUNS = 20
const SECONDS = 0.6

const usage = `usage: npm run bench -- NAME [--runs N] [--seconds S]

${Object.entries(benches)
  .map(([name, { about }]) => `  ${name.padEnd(12)}${about}`)
  .join('\n')}

  --runs N      runs of each contender, interleaved (${RUNS})
  --seconds S   length of a run (${SECONDS})`

async function main(args: string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { runs: { type: 'string' }, seconds: { type: 'string' }, help: { type: 'boolean' } },
  })
  const [name = ''] = positionals
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
  const runs = Number(values.runs ?? RUNS)
  const seconds = Number(values.seconds ?? SECONDS)
  if (bench === undefined || positionals.length !== 1 || values.help || !Number.isInteger(runs) || runs < 1 || !(seconds > 0)) {
    console.error(usage)
    process.exitCode = values.help ? 0 : 2
    return
  }
  await bench.run({ runs, seconds })
}

await main(process.argv.slice(2))
