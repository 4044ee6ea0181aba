import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import type { MetricSample, ProbeRecord } from '../fabric/index.ts'
import { createGraphSources, type GraphSourcesDeps } from './graph-sources.ts'

const MIB = 2 ** 20

/** This node is a1 of cluster a; b1 and b2 of cluster b are linked to it, b3 is not, and c1 is of a cluster further away. */
function world(change: Partial<GraphSourcesDeps> = {}) {
  const env = createVirtualEnv({ seed: 1 })
  const dead = new Set<string>()
  const buffered: Record<string, number> = { b1: 0, b2: MIB }
  const nodes = ['a1', 'b1', 'b2', 'b3', 'c1'].map((node_id) => ({ node_id, cluster_id: node_id[0] }))
  const { probed, sources } = createGraphSources({
    clock: env.clock,
    nodeId: 'a1',
    settings: { clusterId: 'a', connectionsMax: 100, sendBufferBytesMax: 4 * MIB },
    links: {
      roundTripMs: (id) => ({ b1: 30, b2: 20 })[id],
      roundTripAtMs: (id) => ({ b1: 5, b2: 4 })[id],
      bufferedBytes: (id) => buffered[id],
    },
    catalog: { nodes: () => nodes } as unknown as GraphSourcesDeps['catalog'],
    statusOf: ((id: string) => (id === 'b1' ? { active_clients: 40 } : undefined)) as GraphSourcesDeps['statusOf'],
    ownClients: () => 7,
    isAlive: (id) => !dead.has(id),
    neighbors: () => [
      { nodeId: 'b1', clusterId: 'b' },
      { nodeId: 'b2', clusterId: 'b' },
      { nodeId: 'a2', clusterId: 'a' },
    ],
    linkCost: () => undefined,
    ...change,
  })
  return {
    env,
    dead,
    buffered,
    probe: (target_node: string, roundTripMs: number | undefined, more: Partial<ProbeRecord> = {}) =>
      probed({
        probe_id: 'p',
        target_node,
        cause: 'round',
        result: roundTripMs === undefined ? 'indirect_success' : 'success',
        started_at: 0,
        duration_ms: roundTripMs ?? 900,
        relays_asked: 0,
        nacks: 0,
        extended: false,
        ...more,
      }),
    said: (kind: MetricSample['kind']) => sources.flatMap((source) => [...source.samples()]).filter((sample) => sample.kind === kind),
  }
}

describe('what a node measures of the clusters next door', () => {
  it('is half the round trip of the fastest link, at the time it was measured', () => {
    expect(world().said('latency')).toEqual([{ kind: 'latency', sourceId: 'a', targetId: 'b', value: 10, measuredAtMs: 4, confidence: 1 }])
  })

  it('is what the operator says where the operator says it', () => {
    const { said } = world({ linkCost: () => ({ latency_ms: 80, bandwidth_mbps: 200, reliability_score: null, cost_score: 0 }) })
    expect(said('latency')).toMatchObject([{ value: 80 }])
    expect(said('bandwidth')).toMatchObject([{ value: 200 }])
    expect(world().said('bandwidth')).toEqual([])
  })

  it('is how full the emptiest send buffer is', () => {
    const { buffered, said } = world()
    expect(said('utilization').find(({ targetId }) => targetId === 'b')).toMatchObject({ value: 0 })
    buffered.b1 = 2 * MIB
    expect(said('utilization').find(({ targetId }) => targetId === 'b')).toMatchObject({ value: 0.25 })
  })

  it('is the part of the probes without a direct answer, the more certain the more probes there were', () => {
    const { probe, said } = world()
    expect(said('packet_loss')).toEqual([])
    probe('b1', undefined)
    expect(said('packet_loss')).toMatchObject([{ targetId: 'b', value: 1, confidence: 0.5 }])
    for (const ms of [4, 8, 4]) probe('b1', ms)
    expect(said('packet_loss')).toMatchObject([{ value: 0.25, confidence: 0.8 }])
    probe('b2', 3)
    expect(said('packet_loss')).toMatchObject([{ value: 0, confidence: 0.5 }])
  })

  it('is how much one-way times differ from answer to answer', () => {
    const { probe, said } = world()
    probe('b1', 4)
    expect(said('jitter')).toEqual([])
    for (const ms of [8, 4, 12]) probe('b1', ms)
    expect(said('jitter')).toMatchObject([{ targetId: 'b', value: 8 / 3 }])
  })

  it('is nothing that a node could not measure: it stood still, or the link was gone', () => {
    const { probe, said } = world()
    probe('b1', undefined, { extended: true })
    probe('b1', undefined, { cause: 'link_lost' })
    expect(said('packet_loss')).toEqual([])
  })

  it('is who of a cluster is alive, and how much of its room for clients is taken as far as its nodes tell', () => {
    const { dead, said } = world()
    dead.add('b2')
    const ofNodes = (kind: MetricSample['kind']) => said(kind).filter(({ targetId }) => targetId === null)
    expect(ofNodes('health')).toMatchObject([
      { sourceId: 'a', value: 1 },
      { sourceId: 'b', value: 2 / 3 },
    ])
    expect(ofNodes('utilization')).toMatchObject([
      { sourceId: 'a', value: 0.07 },
      { sourceId: 'b', value: 0.4 },
    ])
  })
})
