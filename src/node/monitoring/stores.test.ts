import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import type { RpcRequest } from '../../wire/index.ts'
import type { Fabric } from '../fabric.ts'
import { resolveSettings } from '../settings/index.ts'
import { telemetryStores } from './stores.ts'
import { createNodeTelemetry } from './telemetry.ts'

const MINUTES = 10
const MINUTE_MS = 60_000
/** Together enough to fill every store of events well before the end. */
const PEERS_PER_SECOND = 6
const CALLS_PER_PEER = 20
/** Of what can be reached, between two looks at full stores. What keeps a hundred bytes of each call would grow by three times as much. */
const GROWTH_BYTES_MAX = 1_000_000

type ConnectionEvent = Parameters<Parameters<Fabric['peers']['events']['observe']>[0]>[0]

/** What a running node measures, in virtual time, of a fabric whose peers come and go as the test says. */
function setup() {
  const env = createVirtualEnv({ seed: 36 })
  let observer: ((event: ConnectionEvent) => void) | undefined
  const events = {
    observe(listener: (event: ConnectionEvent) => void) {
      observer = listener
      return () => {}
    },
  }
  const telemetry = createNodeTelemetry({
    env,
    settings: resolveSettings({ clusterId: 'oak' }).settings,
    nodeId: 'ws://here:1',
    probe: { start() {}, stop() {}, read: () => READING },
    fabric: {
      peers: { events, sender: { connected: () => [], clusterOf: () => undefined }, federationAllows: () => ({ verdict: 'authorized' }) },
      routing: { routes: { observe: () => () => {} } },
    } as unknown as Fabric,
    connections: () => 1,
    subscribers: () => 1,
    requestsInFlight: () => 0,
    queues: undefined,
    print() {},
  })
  const stamp = { local_node_url: 'ws://here:1', timestamp: 0, cluster_id: 'elm', link: 'dialed' } as const

  /** A second of peers that come, are called, and are lost, and of publications; one call in ten fails. */
  function work(second: number): void {
    for (let number = 0; number < PEERS_PER_SECOND; number++) {
      const id = `${second} ${number}`
      const peer = `ws://peer:${id}`
      observer?.({ ...stamp, type: 'connection_established', node_url: peer, instance_id: 'i' })
      for (let call = 0; call < CALLS_PER_PEER; call++) {
        const u = `request ${id} ${call}`
        const error = call % 10 === 0 ? new Error('by design') : undefined
        telemetry.callEnded({ requestId: u, hop: peer, target: peer, cluster: 'elm', hopCount: 1, durationMs: 3, error })
        telemetry.requests.ended({ u, cmds: [{ fun: 'f' }] } as unknown as RpcRequest, 5, env.clock.monotonic(), error)
      }
      telemetry.published('news', `message ${id}`, 2, 1, env.clock.monotonic())
      observer?.({ ...stamp, type: 'connection_lost', node_url: peer, why: 'closed', code: 1006, reason: '' })
    }
  }

  return { env, telemetry, work }
}

const READING = {
  cpu_usage_percent: 10,
  cpu_seconds_total: 1,
  rss_bytes: 1,
  heap_used_bytes: 1,
  memory_limit_bytes: 2,
  event_loop_delay_ms: null,
  gc: { count: 0, total_ms: 0, max_ms: 0 },
  started_at: 0,
}

describe('what telemetry remembers', () => {
  it('stays within its bounds through ten idle minutes and ten under load, and so does memory (monitoring check 36)', {
    timeout: 60_000,
  }, async () => {
    const { env, telemetry, work } = setup()
    const stores = () => telemetryStores(telemetry)
    const beyond = () => Object.entries(stores()).filter(([, { entries, max }]) => !(entries <= max))
    telemetry.start()

    for (let minute = 0; minute < MINUTES; minute++) {
      await env.advance(MINUTE_MS)
      expect(beyond()).toEqual([])
    }
    const idle = stores()
    expect([idle.events?.entries, idle.running_requests?.entries, idle.alert_history?.entries]).toEqual([0, 0, 0])
    // Of what it does itself there is so much: a look at each of four systems every ten seconds, and the start.
    expect([idle.upkeep_events?.entries, idle.chains?.entries, idle.timelines?.entries]).toEqual([241, 241, 241])

    let settledBytes = 0
    for (let second = 0; second < MINUTES * 60; second++) {
      work(second)
      await env.advance(1_000)
      expect(beyond()).toEqual([])
      if (second === (MINUTES - 4) * 60) settledBytes = reachableBytes()
    }
    const full = stores()
    for (const name of ['events', 'upkeep_events']) expect(full[name]?.entries, name).toBe(full[name]?.max)
    expect(full.alert_history?.entries).toBeGreaterThan(0)
    expect(reachableBytes() - settledBytes).toBeLessThan(GROWTH_BYTES_MAX)

    telemetry.stop()
    expect(env.pendingTimers).toBe(0)
  })
})

function reachableBytes(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
