/**
 * What can happen to a node, one thing after another: a node of the cluster `oak` that others join, call, fail and leave. Each event is
 * made to happen for real; which numbers it must move is said in number-sources.ts.
 */
import { freePorts } from '../../bench/free-port.ts'
import { type Client, connect } from '../../src/client-node.ts'
import { TIMESERIES_METRICS } from '../../src/wire/index.ts'
import { openSession, type WireSession } from '../interop/wire-session.ts'
import { bridgedTo, type MonitoredNode, startMonitored, until } from './real-fabric.ts'

export interface Scene {
  /** The node whose numbers are looked at. */
  readonly node: MonitoredNode
  /** In the order in which they must happen. */
  readonly events: Readonly<Record<NumberEvent, () => Promise<void>>>
  /** What to ask on paths that need a question. */
  readonly questions: Readonly<Record<string, readonly string[]>>
  stop(): Promise<void>
}

export const NUMBER_EVENTS = [
  'time passes',
  'client connects',
  'subscription',
  'publication',
  'calls',
  'failing calls',
  'more failing calls',
  'many failing calls',
  'acknowledgement',
  'call in steps',
  'refused unsubscription',
  'peers join',
  'calls to peers',
  'calls under way',
  'calls without answer',
  'calls from peers',
  'publication to peers',
  'unknown function',
  'worker call',
  'malformed frames',
  'process at work',
  'stall',
  'recovery',
  'log lines',
  'new settings',
  'function registered',
  'discovery queries',
  'peer leaves',
] as const
export type NumberEvent = (typeof NUMBER_EVENTS)[number]

/** Id of the request in steps. */
const STEPS = 'story-of-steps'
/** So many that the cluster, and the link to it, are taken for broken. */
const HANGING_FAR = 80
/** So many that the own cluster is taken for degraded. */
const HANGING_NEAR = 12
/** So few that the link is taken for degraded. */
const HANGING_SELDOM = 4
const CALLS = 40

export async function createScene(): Promise<Scene> {
  const stops: (() => unknown)[] = []
  const [portOfB, deadPort] = (await freePorts(2)) as [number, number]
  const linkState = {
    fabricLinkStateMode: 'prefer',
    fabricLinkStateAnnounceIntervalSeconds: 1,
    fabricRouteAnnounceIntervalSeconds: 1,
  } as const
  const discovery = {
    discoveryResolverMode: true,
    discoveryResolverPruneIntervalSeconds: 1,
    discoveryResolverResyncIntervalSeconds: 1,
    discoverySummaryResolverPruneIntervalSeconds: 1,
    discoverySummaryResolverMode: true,
    discoverySummaryExportEnabled: true,
    discoverySummaryExportIntervalSeconds: 0.5,
    discoverySummaryExportHoldDownSeconds: 0.8,
    discoverySummaryExportStoreForwardSeconds: 60,
  } as const
  const seeds = [`ws://127.0.0.1:${portOfB}`, `ws://127.0.0.1:${deadPort}`]
  const node = await startMonitored(
    { name: 'a', ...bridgedTo('oak', ['elm']), ...linkState, ...discovery, rpcRequestTimeoutSeconds: 4, logLevel: 'INFO', peers: seeds },
    (each) => {
      each.register('good', (value: unknown) => value)
      each.register('bad', () => {
        throw new Error('bad by design')
      })
      each.register('slow', () => sleep(40))
      each.register('busy', () => spin(STALL_MS))
      each.register('in.worker', { module: new URL('../node/fixtures/cpu.ts', import.meta.url), export: 'fibonacci' })
    },
    { logSink: () => {} },
  )
  const peers = new Map<string, MonitoredNode>()
  const client: Client = await connect(node.node.url)
  let underWay: Promise<unknown> | undefined

  async function join(name: string, clusterId: string, port?: number): Promise<void> {
    const others = ['oak', 'elm'].filter((id) => id !== clusterId)
    const settings = {
      name,
      ...bridgedTo(clusterId, others),
      ...linkState,
      ...(port === undefined ? { peers: [node.node.url] } : { port }),
    }
    const peer = await startMonitored(settings, (each) => {
      each.register(`${name}.good`, () => name)
      each.register(`${name}.hang`, () => new Promise(() => {}))
      each.subscribe([`news.${name}`], () => {})
    })
    peers.set(name, peer)
    await until(`${name} can be called`, () => succeeds(node, `${name}.good`))
  }

  const peer = (name: string) => peers.get(name) as MonitoredNode
  const bad = async (times: number) => {
    // Of a second so many requests are kept, and the share of correlations that succeed is that of the kept ones: a new second has room.
    await sleep(1_000)
    for (let i = 0; i < times; i++) await client.call('bad').catch(() => {})
  }

  return {
    node,
    get questions() {
      const named = (name: string) => `?name=${encodeURIComponent(name)}`
      return {
        '/health/clusters/{cluster_id}': ['/health/clusters/oak', '/health/clusters/elm'],
        '/performance/clusters/{cluster_id}': ['/performance/clusters/oak', '/performance/clusters/elm'],
        '/routing/trace': ['/routing/trace?destination=elm'],
        '/explain/function': [`/explain/function${named('c.good')}`],
        '/explain/route': [`/explain/route${named('elm')}`],
        '/explain/peer': ['b', 'd'].map((name) => `/explain/peer${named(peers.get(name)?.node.url ?? 'ws://127.0.0.1:1')}`),
        '/explain/topic': [`/explain/topic${named('news.today')}`],
        '/explain/queue': [`/explain/queue${named('jobs')}`],
        '/timelines/{id}': [`/timelines/${STEPS}`],
        '/metrics/timeseries': TIMESERIES_METRICS.map((metric) => `/metrics/timeseries?metric=${metric}`),
      }
    },
    events: {
      'time passes': () => sleep(1_000),
      async 'client connects'() {
        const second = await connect(node.node.url)
        stops.push(() => second.close())
      },
      async subscription() {
        await client.subscribe('news.#', () => {})
      },
      'refused unsubscription': () =>
        session((wire) => wire.send('{"role":"pubsub-unsubscribe","subscription_id":"nobody\'s","u":"refused-unsubscription"}'), 1),
      async publication() {
        for (let i = 0; i < 5; i++) await client.publish('news.today', { i })
      },
      async calls() {
        for (let i = 0; i < CALLS; i++) await client.call('good', i)
        // One call in ten, so that every percentile above the median sees them.
        for (let i = 0; i < CALLS / 10; i++) await client.call('slow')
      },
      async 'discovery queries'() {
        // Between the two rounds the resolver begins anew, which makes the kept answers stale.
        for (let round = 0; round < 2; round++) {
          if (round > 0) await sleep(1_100)
          for (let i = 0; i < 2; i++) {
            await client.call('catalog_query', { entry_type: 'functions' })
            await client.call('catalog_query', { entry_type: 'functions', function_name: 'nobody.has.this' })
            await client.call('cluster_map_v2')
            await client.call('cluster_map_v2', { cluster_id: 'nowhere' })
          }
        }
      },
      async 'failing calls'() {
        // Fewer than one in twenty, and more than the four nobody would be told of.
        for (let i = 0; i < 3 * CALLS; i++) await client.call('good', i)
        await bad(5)
      },
      'more failing calls': () => bad(6),
      'many failing calls': () => bad(10 * CALLS),
      async acknowledgement() {
        const { active_alerts: active } = (await node.json('/alerts')).body as { active_alerts: { alert_id: string }[] }
        for (const { alert_id } of active) await node.json('/alerts/acknowledge', { method: 'POST', body: JSON.stringify({ alert_id }) })
      },
      'call in steps': () =>
        session((wire) => {
          const told = { return_intermediate_results: true, intermediate_result_callback_topic: 'steps.of.it' }
          const step = { fun: 'good', kwargs: {}, locs: [] }
          const cmds = [
            { ...step, name: 'one', args: [1] },
            { ...step, name: 'two', args: ['one'] },
          ]
          wire.send(JSON.stringify({ role: 'rpc', cmds, u: STEPS, ...told }))
        }, 1),
      async 'peers join'() {
        await join('b', 'oak', portOfB)
        await join('c', 'elm')
        await join('d', 'oak')
      },
      async 'calls to peers'() {
        for (let i = 0; i < CALLS / 2; i++) for (const name of ['b', 'c', 'd']) await client.call(`${name}.good`)
      },
      async 'calls under way'() {
        const times = { 'b.hang': HANGING_NEAR, 'c.hang': HANGING_FAR, 'd.hang': HANGING_SELDOM }
        const hanging = Object.entries(times).flatMap(([fun, count]) => Array.from({ length: count }, () => fun))
        underWay = Promise.all(hanging.map((fun) => client.call(fun).catch(() => {})))
      },
      async 'calls without answer'() {
        await underWay
      },
      async 'calls from peers'() {
        for (let i = 0; i < 3; i++) await peer('b').node.call('good', i)
      },
      async 'publication to peers'() {
        await client.publish('news.b', 1)
      },
      async 'unknown function'() {
        await client.call('nobody.has.this').catch(() => {})
      },
      async 'worker call'() {
        await client.call('in.worker', 5)
      },
      'malformed frames': () =>
        session((wire) => {
          wire.send('{ this is no JSON')
          wire.send('{"role":"stranger","u":"strange"}')
        }, 1),
      async 'process at work'() {
        const endMs = performance.now() + 500
        while (performance.now() < endMs) {
          spin(20)
          await sleep(0)
        }
      },
      async stall() {
        await client.call('busy')
      },
      async recovery() {
        for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 10 * CALLS }, (_, value) => client.call('good', value)))
      },
      async 'log lines'() {
        await node.json('/log', { method: 'POST', body: JSON.stringify({ level: 'DEBUG' }) })
        await client.call('good', 1)
      },
      async 'new settings'() {
        node.node.reloadRouting('[fabric_route_export_policy]\nallowed_destinations = ["elm"]\n', 'toml')
      },
      async 'function registered'() {
        node.node.register('one.more', () => null)
      },
      async 'peer leaves'() {
        await peer('d').stop()
        await until('it is gone', () => node.node.listPeers().length === 2)
      },
    },
    async stop() {
      for (const stop of stops) await stop()
      await client.close()
      await Promise.all([...peers.values(), node].map((each) => each.stop()))
    },
  }

  /** Talks to the node as no client library would, until so many answers have come. */
  async function session(talk: (wire: WireSession) => void, answers: number): Promise<void> {
    const wire = await openSession(node.node.url)
    talk(wire)
    for (let i = 0; i < answers; i++) await wire.next()
    await wire.close()
  }
}

/** Longer than any turn of a healthy event loop. */
const STALL_MS = 1_200

function succeeds({ node }: MonitoredNode, fun: string): Promise<boolean> {
  return node.call(fun).then(
    () => true,
    () => false,
  )
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Holds up the event loop. */
function spin(ms: number): number {
  const endMs = performance.now() + ms
  let turns = 0
  while (performance.now() < endMs) turns++
  return turns
}
