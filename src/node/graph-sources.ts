/**
 * What a node measures of the clusters next door: round trips, answers to probes, how full its send buffers are, who is alive, and how many clients
 * each has. Every value is read where it arises; what nobody measures is left out.
 *
 * Clusters with several links are as good as the best of them, since a message takes that one. Each source passes once over the links or nodes.
 */
import { BoundedQueue, type Clock } from '../base/index.ts'
import type { Catalog, MetricSample, MetricSource, PeerSender, Peers, ProbeRecord } from '../fabric/index.ts'
import type { Settings } from './settings/index.ts'

export interface GraphSourcesDeps {
  readonly clock: Clock
  readonly nodeId: string
  readonly settings: Pick<Settings, 'clusterId' | 'connectionsMax' | 'sendBufferBytesMax'>
  readonly links: Pick<PeerSender, 'bufferedBytes' | 'roundTripAtMs' | 'roundTripMs'>
  readonly catalog: Pick<Catalog, 'nodes'>
  readonly statusOf: Peers['statusOf']
  /** Accepted connections of this node. */
  ownClients(): number
  isAlive(nodeId: string): boolean
  /** Linked nodes that are alive, of any cluster. */
  neighbors(): Iterable<{ readonly nodeId: string; readonly clusterId: string }>
  /** What the operator says of the links to a cluster. */
  linkCost(clusterId: string): Settings['fabricRouteLinkCosts'][string] | undefined
}

export interface GraphSources {
  readonly sources: readonly MetricSource[]
  /** A probe of a linked node has ended. */
  probed(record: ProbeRecord): void
  /** The link to it is gone. */
  forget(nodeId: string): void
}

/** Probes of a link that tell how many get lost: at one a second and link, half a minute. */
const PROBES_COUNTED = 32

interface Outcome {
  readonly atMs: number
  /** Undefined: no answer in time. */
  readonly roundTripMs: number | undefined
}

export function createGraphSources(deps: GraphSourcesDeps): GraphSources {
  const { catalog, clock, links, nodeId: self, settings } = deps
  const { clusterId: own } = settings
  const outcomes = new Map<string, BoundedQueue<Outcome>>()

  function edge(
    kind: MetricSample['kind'],
    targetId: string,
    value: number,
    measuredAtMs = clock.monotonic(),
    confidence = 1,
  ): MetricSample {
    return { kind, sourceId: own, targetId, value, measuredAtMs, confidence }
  }

  function node(kind: MetricSample['kind'], sourceId: string, value: number): MetricSample {
    return { kind, sourceId, targetId: null, value, measuredAtMs: clock.monotonic(), confidence: 1 }
  }

  /** The lowest value of the links to each other cluster; a link without one is left out. */
  function* bestOfLinks(read: (nodeId: string, clusterId: string) => MetricSample | undefined): Generator<MetricSample> {
    const best = new Map<string, MetricSample>()
    for (const { clusterId, nodeId } of deps.neighbors()) {
      if (clusterId === own) continue
      const sample = read(nodeId, clusterId)
      const known = best.get(clusterId)
      if (sample !== undefined && (known === undefined || sample.value < known.value)) best.set(clusterId, sample)
    }
    yield* best.values()
  }

  /** One way is half of the round trip, for want of anything better. What the operator says is true goes before. */
  function latencyOf(nodeId: string, clusterId: string): MetricSample | undefined {
    const known = deps.linkCost(clusterId)?.latency_ms
    if (known !== undefined && known !== null) return edge('latency', clusterId, known)
    const roundTripMs = links.roundTripMs(nodeId)
    const atMs = links.roundTripAtMs(nodeId)
    return roundTripMs === undefined || atMs === undefined ? undefined : edge('latency', clusterId, roundTripMs / 2, atMs)
  }

  function bandwidthOf(_nodeId: string, clusterId: string): MetricSample | undefined {
    const known = deps.linkCost(clusterId)?.bandwidth_mbps
    return known === undefined || known === null ? undefined : edge('bandwidth', clusterId, known)
  }

  function utilizationOf(nodeId: string, clusterId: string): MetricSample | undefined {
    const waiting = links.bufferedBytes(nodeId)
    return waiting === undefined ? undefined : edge('utilization', clusterId, Math.min(1, waiting / settings.sendBufferBytesMax))
  }

  /** Of a single probe lost nothing follows; three or more say something. */
  function lossOf(nodeId: string, clusterId: string): MetricSample | undefined {
    const probes = [...(outcomes.get(nodeId) ?? [])]
    const last = probes.at(-1)
    if (last === undefined) return undefined
    const lost = probes.filter(({ roundTripMs }) => roundTripMs === undefined).length
    return edge('packet_loss', clusterId, lost / probes.length, last.atMs, probes.length / (probes.length + 1))
  }

  /** Mean difference between the one-way times of answers that follow each other. */
  function jitterOf(nodeId: string, clusterId: string): MetricSample | undefined {
    const answered = [...(outcomes.get(nodeId) ?? [])].filter((outcome): outcome is Required<Outcome> => outcome.roundTripMs !== undefined)
    const last = answered.at(-1)
    if (last === undefined || answered.length < 2) return undefined
    let sum = 0
    for (const [at, { roundTripMs }] of answered.entries()) {
      if (at > 0) sum += Math.abs((roundTripMs as number) - (answered[at - 1]?.roundTripMs as number)) / 2
    }
    return edge('jitter', clusterId, sum / (answered.length - 1), last.atMs)
  }

  /** Part of the nodes of each cluster that are alive, and of their room for clients that is taken: they are counted on to have as much as this one. */
  function* clusters(): Generator<MetricSample> {
    const counts = new Map<string, { nodes: number; alive: number; told: number; clients: number }>()
    for (const { cluster_id: clusterId, node_id: id } of catalog.nodes()) {
      const count = counts.get(clusterId) ?? { nodes: 0, alive: 0, told: 0, clients: 0 }
      counts.set(clusterId, count)
      count.nodes++
      if (id !== self && !deps.isAlive(id)) continue
      count.alive++
      const clients = id === self ? deps.ownClients() : deps.statusOf(id)?.active_clients
      if (clients === undefined) continue
      count.told++
      count.clients += clients
    }
    const nextDoor = new Set(Array.from(deps.neighbors(), ({ clusterId }) => clusterId).concat(own))
    for (const [clusterId, { alive, clients, nodes, told }] of counts) {
      if (!nextDoor.has(clusterId)) continue
      yield node('health', clusterId, alive / nodes)
      if (told > 0) yield node('utilization', clusterId, Math.min(1, clients / (told * settings.connectionsMax)))
    }
  }

  return {
    sources: [
      { name: 'latency of links', samples: () => bestOfLinks(latencyOf) },
      { name: 'bandwidth of links', samples: () => bestOfLinks(bandwidthOf) },
      { name: 'utilization of links', samples: () => bestOfLinks(utilizationOf) },
      { name: 'loss of probes', samples: () => bestOfLinks(lossOf) },
      { name: 'jitter of probes', samples: () => bestOfLinks(jitterOf) },
      { name: 'health and load of clusters', samples: clusters },
    ],

    probed({ cause, duration_ms, extended, result, target_node: target }) {
      // A node that stood still has not measured anything, and a probe about a lost link has no link to measure.
      // One that ends after its link would be remembered for ever.
      if (cause !== 'round' || extended || links.bufferedBytes(target) === undefined) return
      const probes = outcomes.get(target) ?? new BoundedQueue<Outcome>({ capacity: PROBES_COUNTED, whenFull: 'drop-oldest' })
      outcomes.set(target, probes)
      probes.push({ atMs: clock.monotonic(), roundTripMs: result === 'success' ? duration_ms : undefined })
    },
    forget: (nodeId) => void outcomes.delete(nodeId),
  }
}
