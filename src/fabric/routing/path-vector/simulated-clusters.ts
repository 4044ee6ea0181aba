/** Clusters of nodes in virtual time, for tests: real route control on each node, messages that take a millisecond, links to cut. */
import { createSeededRandom, createVirtualTime, silentLog, type VirtualTime } from '../../../base/index.ts'
import type { RouteMessage, RoutePeer } from './ports.ts'
import { createRouteControl, type RouteControl, type RouteControlOptions } from './route-control.ts'
import { UNKNOWN_LINK } from './route-metrics.ts'

export interface SimulatedNode extends RoutePeer {
  readonly control: RouteControl
}

export interface Delivery {
  readonly from: string
  readonly to: string
  readonly message: RouteMessage
}

export interface SimulatedClusters {
  readonly time: VirtualTime
  readonly nodes: ReadonlyMap<string, SimulatedNode>
  /** Every copy of a message that left, in order. */
  readonly sent: Delivery[]
  /** `oslo.1` is a node of `oslo`. */
  add(nodeId: string, options?: Partial<RouteControlOptions>): SimulatedNode
  /** Both ends know at once. */
  link(a: string, b: string, latencyMs?: number): void
  cut(a: string, b: string): void
  node(nodeId: string): SimulatedNode
  /** The path on which a message would travel now, node by node; what follows `!` is why it ends early. */
  travel(from: string, destination: string): string[]
}

const LATENCY_MS = 1

export function simulateClusters(): SimulatedClusters {
  const time = createVirtualTime()
  const nodes = new Map<string, SimulatedNode>()
  const links = new Map<string, Map<string, number>>()
  const sent: Delivery[] = []
  const clusterOf = (nodeId: string): string => nodeId.replace(/\..*/, '')
  const linksOf = (nodeId: string): Map<string, number> => links.get(nodeId) ?? new Map()
  const node = (nodeId: string): SimulatedNode => {
    const found = nodes.get(nodeId)
    if (found === undefined) throw new Error(`there is no node ${nodeId}`)
    return found
  }

  function add(nodeId: string, options: Partial<RouteControlOptions> = {}): SimulatedNode {
    const clusterId = clusterOf(nodeId)
    const peers = new Map<string, number>()
    links.set(nodeId, peers)
    const control = createRouteControl(
      {
        env: { clock: time.clock, timers: time.timers, random: createSeededRandom(nodeId, () => 0), log: silentLog },
        neighbors: {
          clusterOf,
          connectedPeers: () => Array.from(peers.keys(), (peer) => ({ nodeId: peer, clusterId: clusterOf(peer) })),
          has: () => true,
          linkMetrics(cluster) {
            const latencies = [...peers].filter(([peer]) => clusterOf(peer) === cluster).map(([, latency]) => latency)
            return latencies.length === 0 ? undefined : { ...UNKNOWN_LINK, latency_ms: Math.min(...latencies) }
          },
        },
        transmitter: {
          send(message, targets) {
            for (const to of targets) {
              sent.push({ from: nodeId, to, message })
              time.timers.after(LATENCY_MS, () => {
                if (peers.has(to)) nodes.get(to)?.control.receive(message, nodeId)
              })
            }
          },
        },
        security: { verify: () => 'ok' },
      },
      { clusterId, nodeId, routeTtlSeconds: 30, announceIntervalSeconds: 10, shareInside: true, ...options },
    )
    const made = { nodeId, clusterId, control }
    nodes.set(nodeId, made)
    return made
  }

  function travel(from: string, destination: string): string[] {
    const way = [from]
    for (let at = from; clusterOf(at) !== destination; ) {
      const route = node(at).control.table.select(destination, [], way)
      if (route === undefined) return [...way, '!no_route']
      const next = route.via ?? [...linksOf(at).keys()].find((peer) => clusterOf(peer) === route.nextHop)
      if (next === undefined || !linksOf(at).has(next)) return [...way, '!no_peer']
      if (way.includes(next)) return [...way, '!loop']
      way.push(next)
      at = next
    }
    return way
  }

  return {
    time,
    nodes,
    sent,
    add,
    link(a, b, latencyMs = 5) {
      linksOf(a).set(b, latencyMs)
      linksOf(b).set(a, latencyMs)
      node(a).control.connected(b)
      node(b).control.connected(a)
    },
    cut(a, b) {
      linksOf(a).delete(b)
      linksOf(b).delete(a)
      node(a).control.connectionLost(b)
      node(b).control.connectionLost(a)
    },
    node,
    travel,
  }
}
