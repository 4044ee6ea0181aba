/**
 * Monitoring for ten minutes without anything to do, and ten under load (BOUNDS_MINUTES for another time each; from four on the history of events is full in time): no store of telemetry grows beyond
 * its bound, and the memory of the node stays flat. The node has a process of its own.
 */
import { describe, expect, it, onTestFinished } from 'vitest'
import { startRole } from '../../bench/role.ts'
import type { NodeServer, NodeServerInput } from '../../bench/roles/node-server.ts'
import { connect } from '../../src/client-node.ts'
import { parseExposition } from './exposition-parser.ts'

const MINUTES = Number(process.env.BOUNDS_MINUTES ?? 10)
const SAMPLES = 20
/** Of each stretch: the process still grows to its working size, and stores fill up to their bounds. */
const WARM_UP_SHARE = 0.4
/** Of what can be reached. Several hundred thousand operations must not leave more than this behind. */
const GROWTH_BYTES_MAX = 3_000_000
/** An event with its ids and metadata, for stores that are not full yet when the run is a short one. */
const ENTRY_BYTES_MAX = 2_000
/** The resident set also holds what V8 keeps in reserve. */
const RSS_GROWTH_SHARE_MAX = 0.1
const IN_FLIGHT = 16

interface Sample {
  readonly reachableBytes: number
  readonly rssBytes: number
  readonly stores: ReadonlyMap<string, { readonly entries: number; readonly max: number }>
}

describe('telemetry', () => {
  it('stays within its bounds while nothing happens, and under load', { timeout: 2 * MINUTES * 60_000 + 120_000 }, async () => {
    const node = await startRole<NodeServer>(
      new URL('../../bench/roles/node-server.ts', import.meta.url),
      { monitored: true } satisfies NodeServerInput,
      ['--expose-gc'],
    )
    onTestFinished(() => node.stop())
    const url = (await node.ask('monitoringUrl', undefined)) as string
    const { ws } = await node.ask('endpoints', undefined)

    async function look(): Promise<Sample> {
      const text = await (await fetch(`${url}/metrics/prometheus`)).text()
      const families = new Map(parseExposition(text, 'prometheus').map((family) => [family.name, family.samples]))
      const entriesMax = new Map(families.get('mpreg_telemetry_store_entries_max')?.map(({ labels, value }) => [labels.store, value]))
      const stores = new Map(
        (families.get('mpreg_telemetry_store_entries') ?? []).map(({ labels: { store = '' }, value }) => [
          store,
          { entries: value, max: entriesMax.get(store) ?? Number.NaN },
        ]),
      )
      const reachableBytes = await node.ask('reachableBytes', undefined)
      return { reachableBytes, rssBytes: await node.ask('residentBytes', { collect: false }), stores }
    }

    async function watch(what: string): Promise<void> {
      const samples: Sample[] = []
      for (let i = 0; i < SAMPLES; i++) {
        await new Promise((resolve) => setTimeout(resolve, (MINUTES * 60_000) / SAMPLES))
        samples.push(await look())
      }
      for (const { stores } of samples) {
        expect(stores.size).toBeGreaterThan(5)
        for (const [name, { entries, max }] of stores) expect(entries, `${name} ${what}`).toBeLessThanOrEqual(max)
      }
      const [first, last] = [samples[Math.floor(SAMPLES * WARM_UP_SHARE)] as Sample, samples.at(-1) as Sample]
      const growth = last.reachableBytes - first.reachableBytes
      const rssGrowth = last.rssBytes - first.rssBytes
      const full = [...last.stores].map(([name, { entries, max }]) => `${name} ${entries}/${max}`).join(', ')
      console.log(
        `${what}, ${MINUTES} min: reachable ${megabytes(first.reachableBytes)} -> ${megabytes(last.reachableBytes)}, ` +
          `rss ${megabytes(first.rssBytes)} -> ${megabytes(last.rssBytes)} over the settled part; ${full}`,
      )
      const roomForEvents = ENTRY_BYTES_MAX * Math.max(0, entriesOf(last) - entriesOf(first))
      expect(growth, `reachable, ${what}`).toBeLessThan(GROWTH_BYTES_MAX + roomForEvents)
      // While stores fill up, in a run that is too short for them, V8 widens its heap by several times what they take.
      if (roomForEvents === 0 || what === 'idle') {
        expect(rssGrowth, `resident, ${what}`).toBeLessThan(RSS_GROWTH_SHARE_MAX * first.rssBytes)
      }
    }

    await watch('idle')

    const client = await connect(ws)
    let isLoaded = true
    async function load(): Promise<void> {
      for (let i = 0; isLoaded; i++) {
        const operation =
          i % 50 === 0 ? client.call('nobody.has.this') : i % 10 === 0 ? client.publish('bounds.t', i) : client.call('bench.echo', 'x')
        await Promise.resolve(operation).catch(() => {})
      }
    }
    const loads = Array.from({ length: IN_FLIGHT }, load)
    await watch('under load')
    isLoaded = false
    await Promise.all(loads)
    await client.close()
  })
})

/** Chains and timelines only point at these. */
function entriesOf({ stores }: Sample): number {
  return (stores.get('events')?.entries ?? 0) + (stores.get('upkeep_events')?.entries ?? 0)
}

function megabytes(bytes = Number.NaN): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
