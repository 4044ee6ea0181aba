/** The numbers that a node shows of its queues: each moves with an event of its own, and none is without one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NodeQueues } from '../../src/node/index.ts'
import { movedBetween, numbersOf } from './number-leaves.ts'
import { bridgedTo, type MonitoredNode, startMonitored, until } from './real-fabric.ts'

const prometheus = (...names: readonly string[]) => names.map((name) => `/metrics/prometheus mpreg_${name}`)
const perQueue = (...names: readonly string[]) => prometheus(...names.map((name) => `queue_${name}{queue=*}`))
const system = (...fields: readonly string[]) =>
  fields.flatMap((field) => [`/metrics/queue metrics.${field}`, `/metrics/unified unified_metrics.queue.${field}`])
const correlation = (field: string) => `/metrics/unified unified_metrics.correlation_metrics.${field}`

/** What moves each, in the order of the scene. */
const MOVED_BY = {
  'queues are made': prometheus('catalog_entries{kind=queues}'),
  sends: [
    ...perQueue('messages_waiting', 'messages_sent_total'),
    ...system('total_operations', 'total_operations_last_hour', 'requests_per_second', 'last_updated'),
    ...system('operations_last_5_minutes'),
    ...prometheus('system_requests_per_second{system=queue}', 'system_operations_last_hour{system=queue}'),
    correlation('rpc_to_queue_events'),
  ],
  'refused sends': perQueue('messages_refused_total', 'messages_duplicate_total'),
  'a receiver waits': perQueue('receivers_waiting'),
  expiry: perQueue('messages_expired_total'),
  processing: [
    ...perQueue('messages_delivered_total', 'messages_acknowledged_total', 'processing_time_average_seconds'),
    ...system('average_latency_ms', 'p50_latency_ms', 'p95_latency_ms', 'p99_latency_ms'),
    ...system('outcomes_last_5_minutes', 'total_outcomes'),
    ...system('lifetime_average_latency_ms', 'lifetime_p95_latency_ms'),
    ...prometheus('system_latency_average_seconds', 'system_latency_p95_seconds', 'system_latency_p99_seconds').map(
      (name) => `${name}{system=queue}`,
    ),
    ...prometheus('operation_duration_seconds_bucket{system=queue,le=*}'),
    ...prometheus('operation_duration_seconds_sum{system=queue}', 'operation_duration_seconds_count{system=queue}'),
  ],
  'deliveries pause': perQueue('messages_in_flight', 'in_flight_pauses_total'),
  failures: [
    ...perQueue('messages_requeued_total', 'messages_failed_total', 'dead_letters', 'dead_letters_dropped_total'),
    ...system('error_rate_percent', 'failures_last_5_minutes', 'total_failures', 'lifetime_error_rate_percent'),
    ...prometheus('system_error_ratio{system=queue}'),
    '/explain/queue explanation.since',
  ],
  redrive: perQueue('messages_redriven_total'),
  subscription: [
    ...perQueue('subscriptions'),
    ...system('active_connections'),
    ...prometheus('system_connections{system=queue}'),
    '/explain/queue explanation.candidates[].facts.current_subscribers',
  ],
  publication: [correlation('pubsub_to_queue_events')],
  'queue of a peer': prometheus('queue_remote_queues'),
  'sends to the peer': prometheus('queue_remote_sends_total{outcome=enqueued}', 'queue_remote_sends_total{outcome=failed}'),
  'sends of the peer': prometheus('queue_remote_requests_total{outcome=enqueued}', 'queue_remote_requests_total{outcome=refused}'),
  'subscription of the peer': prometheus('queue_remote_subscriptions', 'queue_remote_deliveries_sent_total'),
  'subscription at the peer': prometheus('queue_fabric_subscriptions', 'queue_remote_deliveries_received_total'),
} as const satisfies Record<string, readonly string[]>
type Event = keyof typeof MOVED_BY

/** Too rare or too rough for this scene: the test that moves it, and what stands there. */
const ELSEWHERE = [
  {
    names: prometheus('queue_remote_sends_pending', 'queue_remote_sends_repeated_total', 'queue_remote_requests_total{outcome=duplicate}'),
    file: 'test/queue/queue-federation.test.ts',
    text: 'requests_duplicate).toBeGreaterThanOrEqual(1)',
  },
  {
    names: prometheus('queue_fabric_messages_passed_on_total'),
    file: 'test/queue/queue-federation.test.ts',
    text: 'passed_on).toBeGreater',
  },
  {
    names: prometheus(
      ...['no_way', 'returned', 'malformed', 'late_acknowledgment', 'subscription_refused', 'send_refused'].map(
        (reason) => `queue_fabric_messages_dropped_total{reason=${reason}}`,
      ),
    ),
    file: 'src/queue/federation.test.ts',
    text: 'sends_refused: 1',
  },
]

/** They have "queue" in their name and are about something else. */
const OF_OTHERS = /store_forward_queued|queue_to_cache_events|resolver_cache|\/explain\/queue timestamp|\/metrics\/queue timestamp/

describe('the numbers a node shows of its queues', () => {
  let node: MonitoredNode
  let peer: MonitoredNode
  const queues = () => node.node.queues as NodeQueues
  const far = () => peer.node.queues as NodeQueues
  const questions = Object.fromEntries(
    ['/health/clusters/{cluster_id}', '/performance/clusters/{cluster_id}', '/routing/trace', '/timelines/{id}', '/metrics/timeseries']
      .concat(['function', 'route', 'peer', 'topic'].map((kind) => `/explain/${kind}`))
      .map((path): [string, string[]] => [path, []]),
  )
  const look = async () => {
    const all = await numbersOf(node, { ...questions, '/explain/queue': ['/explain/queue?name=jobs'] })
    return new Map([...all].filter(([name]) => name.includes('queue') && !OF_OTHERS.test(name)))
  }
  const take = async (max = 1, name = 'jobs') => (await queues().get(name)?.receive({ subscriberId: 'w', max })) ?? []

  const events: Readonly<Record<Event, () => unknown>> = {
    'queues are made'() {
      queues().create('jobs', { max_size: 3, max_retries: 1, max_in_flight: 1, dead_letters_max: 1, enable_deduplication: true })
      queues().create('brief', { message_ttl_seconds: 0.02 })
    },
    async sends() {
      for (let n = 0; n < 3; n++) await node.node.call('queue_send', 'jobs', { n })
    },
    'refused sends'() {
      queues().send('jobs', 'jobs', { n: 2 })
      queues().send('jobs', 'jobs', { n: 3 })
    },
    'a receiver waits'() {
      void queues().get('brief')?.receive({ subscriberId: 'w', waitSeconds: 15 })
    },
    expiry() {
      queues().send('brief', 'later', 1, 'at_least_once', { delay_seconds: 1 })
    },
    async processing() {
      const [message] = await take()
      await new Promise((resolve) => setTimeout(resolve, 20))
      queues()
        .get('jobs')
        ?.acknowledge(message?.message_id ?? '', 'w')
    },
    'deliveries pause': () => take(2),
    async failures() {
      const jobs = queues().get('jobs')
      await node.node.call('queue_dead_letters', 'jobs')
      // The one in flight, and then the other: each twice.
      const inFlight = async () => ((await take())[0] ?? { message_id: '' }).message_id
      for (const id of flown) jobs?.reject(id, 'w', {})
      for (let i = 0; i < 3; i++) jobs?.reject(await inFlight(), 'w', {})
    },
    redrive: () => queues().get('jobs')?.redrive(),
    subscription: () =>
      queues()
        .get('jobs')
        ?.subscribe({ subscriberId: 's', topicPattern: 'nothing', deliver: () => {} }),
    publication() {
      queues().routeTopic('user.#', 'jobs')
      node.node.publish('user.new', 1)
    },
    'queue of a peer': () => far().create('far', { max_size: 1 }),
    async 'sends to the peer'() {
      for (let n = 0; n < 2; n++) await queues().sendAnywhere('far', n)
    },
    async 'sends of the peer'() {
      queues().create('open', { max_size: 1 })
      await until('the peer has heard', () => far().discover('open').length === 1)
      for (let n = 0; n < 2; n++) await far().sendAnywhere('open', n)
    },
    'subscription of the peer': () => far().subscribeAnywhere({ subscriberId: 's', queuePattern: 'open', deliver: () => {} }),
    'subscription at the peer': () => queues().subscribeAnywhere({ subscriberId: 's', queuePattern: 'far', deliver: () => {} }),
  }
  const flown: string[] = []

  beforeAll(async () => {
    node = await startMonitored({ name: 'a', enableDefaultQueue: true, ...bridgedTo('oak', ['elm']) })
    peer = await startMonitored({ name: 'b', enableDefaultQueue: true, peers: [node.node.url], ...bridgedTo('elm', ['oak']) })
    await until('they are linked', () => node.node.snapshot().fabric?.peers.links.peers === 1)
  })
  afterAll(() => Promise.all([node.stop(), peer.stop()]))

  it('each move with the event that is their source, and none is without one', async () => {
    const unmoved: Record<string, readonly string[]> = {}
    const seen = new Set<string>()
    let before = await look()
    for (const event of Object.keys(MOVED_BY) as Event[]) {
      const done = await events[event]()
      if (event === 'deliveries pause') flown.push(...(done as { message_id: string }[]).map(({ message_id }) => message_id))
      const due = new Set<string>(MOVED_BY[event])
      const endMs = performance.now() + 15_000
      let after = before
      while (due.size > 0 && performance.now() < endMs) {
        after = await look()
        for (const name of movedBetween(before, after)) due.delete(name)
        for (const name of after.keys()) seen.add(name)
      }
      if (due.size > 0) unmoved[event] = [...due]
      before = after
    }
    expect(unmoved).toEqual({})
    const known = new Set<string>([...Object.values(MOVED_BY).flat(), ...ELSEWHERE.flatMap(({ names }) => names)])
    expect([...seen].filter((name) => !known.has(name)).sort()).toEqual([])
    expect([...known].filter((name) => !seen.has(name)).sort()).toEqual([])
  }, 120_000)

  it.each(ELSEWHERE)('$names are moved in $file', ({ file, text }) => {
    expect(readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8')).toContain(text)
  })
})
