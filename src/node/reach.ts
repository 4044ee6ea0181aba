/** What a node does beyond itself: calls on other nodes and theirs here, and publications to subscribers elsewhere. */
import type { Env, Tracer } from '../base/index.ts'
import { type DialContext, nextHeaders, originHeaders, type RoleHandler } from '../fabric/index.ts'
import { createPubsubForwarding, type Exchange, type PubsubForwarding, type PubsubForwardingSnapshot } from '../pubsub/index.ts'
import { createQueueFederation, type QueueFederation, type QueueFederationSnapshot, type Queues } from '../queue/index.ts'
import {
  type Absence,
  type Call,
  type CallNode,
  createForwarder,
  createNodeCalls,
  createPlacements,
  type Executor,
  type ForwarderDeps,
  type ForwarderSnapshot,
  type Placements,
  type Registry,
} from '../rpc/index.ts'
import { type RefusalLedger, remoteCall } from '../telemetry/index.ts'
import { type CallBundle, type FabricMessage, scanBundle, scanCall, scanFabricFrame } from '../wire/index.ts'
import { type AdmissionRefusal, createAdmission } from './admission.ts'
import type { Fabric } from './fabric.ts'
import { nodeProblem } from './node-problem.ts'
import type { Settings } from './settings/index.ts'

export interface ReachDeps {
  readonly env: Env
  readonly settings: Settings
  readonly nodeId: string
  readonly fabric: Fabric
  readonly registry: Registry
  readonly executor: Executor
  readonly exchange: Exchange
  /** Of this node; undefined: it has none. */
  readonly queues: Queues | undefined
  readonly tracer: Tracer
  readonly refusals: RefusalLedger
  readonly absence: Absence
  activeClients(): number
  readonly onOutcome: ForwarderDeps['onOutcome']
}

export interface Reach {
  readonly placements: Placements
  readonly pubsub: PubsubForwarding
  readonly queues: QueueFederation
  readonly callNode: CallNode
  readonly onMessage: RoleHandler
  readonly onBundle: RoleHandler
  /** Runs a function of a certain other node as part of a call; undefined when it offers none of this name. */
  runOn(node: string, fun: string, kwargs: Readonly<Record<string, unknown>>, call: Call): Promise<unknown> | undefined
  snapshot(): ReachSnapshot
  close(): void
}

export interface ReachSnapshot {
  readonly rpc: ForwarderSnapshot
  readonly pubsub: PubsubForwardingSnapshot
  readonly queues: QueueFederationSnapshot
  /** Fabric messages that could not be read. */
  readonly malformed: number
  /** Requests and messages of other clusters that were not served, by reason. */
  readonly refused: Readonly<Record<AdmissionRefusal, number>>
}

/** How often a node that can not be reached is tried on demand while there is a way around, ms. */
const RETRY_MS = 1_000
/** Nodes remembered as out of reach. */
const OUT_OF_REACH_MAX = 10_000

export function createReach(deps: ReachDeps): Reach {
  const { env, exchange, executor, fabric, nodeId, registry, settings, tracer } = deps
  const { catalog, dialing, membership, peers, routing } = fabric
  const { clusterId } = settings
  const links = peers.sender
  const place = { nodeId, clusterId, hopsMax: settings.fabricRoutingMaxHops }
  const allowsCluster = (id: string): boolean => peers.federationAllows(id).allowed
  const admission = createAdmission(env.clock, settings, allowsCluster, (reason, cluster, command) =>
    deps.refusals.record('admission', command === '' ? cluster : command, reason, `from cluster ${cluster}`),
  )
  let malformed = 0

  /** Not through other clusters: what stays within one is nobody else's business, nor theirs to carry. */
  function isNear(peer: string): boolean {
    return links.isConnected(peer) && links.clusterOf(peer) === clusterId && fabric.isAlive(peer)
  }

  /**
   * A node of another cluster is reached by the plan for its cluster. Within the own one neighbours are taken in an order that starts somewhere
   * else for every target, so that detours spread.
   */
  function nextHop(target: string, visited: readonly string[], cluster = catalog.node(target)?.cluster_id): string | undefined {
    if (cluster !== undefined && cluster !== clusterId) {
      return routing.plan({ targetCluster: cluster, visitedNodes: visited }).next_peer_url ?? undefined
    }
    const neighbours = links.connected().filter((peer) => peer !== target && !visited.includes(peer) && isNear(peer))
    if (neighbours.length === 0) return undefined
    let sum = 0
    for (let i = 0; i < target.length; i++) sum += target.charCodeAt(i)
    return neighbours[sum % neighbours.length]
  }

  /** Nodes whose last dial on demand failed: when, monotonic ms, and the way around that was found then. */
  const outOfReach = new Map<string, { readonly failedMs: number; readonly hop: string | undefined }>()

  /** Waits for a link, but not again for a node that could not be reached lately while there is a way around: that dial goes on beside. */
  async function connect(id: string, context: DialContext): Promise<boolean> {
    const dial = dialing.dial(id, context).then(({ kind }) => {
      if (kind === 'linked') outOfReach.delete(id)
      else if (outOfReach.has(id) || outOfReach.size < OUT_OF_REACH_MAX) {
        outOfReach.set(id, { failedMs: env.clock.monotonic(), hop: nextHop(id, [nodeId]) })
      }
      return kind === 'linked'
    })
    return outOfReach.has(id) && !links.isConnected(id) && nextHop(id, [nodeId]) !== undefined ? false : dial
  }

  /** Within a while after a dial that failed nobody need try again before a call takes the way around. */
  function detour(id: string): string | undefined {
    const found = outOfReach.get(id)
    if (found === undefined || env.clock.monotonic() - found.failedMs >= RETRY_MS) return undefined
    return found.hop !== undefined && isNear(found.hop) ? found.hop : nextHop(id, [nodeId])
  }

  const problemOf = (id: string): string | undefined => nodeProblem(fabric, id)?.text

  const placements = createPlacements({
    nodeId,
    clusterId,
    registry,
    catalog,
    nodeProblem: problemOf,
    loadScore: (id) => peers.views.loadScoreOf(id),
    ownLoad: deps.activeClients,
    allowsCluster,
    ...deps.absence,
    call: (entry) => forwarder.caller(entry),
  })
  const forwarder = createForwarder({
    ...place,
    env,
    links,
    executor,
    registry,
    tracer,
    place: (selector, tried) => placements.next(selector, tried),
    nextHop: (target, visited) => nextHop(target, visited),
    detour,
    plan: routing.plan,
    isRoutingEnabled: settings.fabricRoutingEnabled,
    allowsCluster,
    refusalOf: admission.requestRefusal,
    connect,
    dial: (id) => dialing.dial(id, 'rpc_remote_execute').then(({ kind }) => kind === 'linked'),
    onOutcome: deps.onOutcome,
    onRefused: ({ by, fun, reason, target }) => deps.refusals.record('remote_call', remoteCall(fun, target), reason, by),
  })
  const callNode = createNodeCalls({ env, caller: forwarder.caller })
  const pubsub = createPubsubForwarding({
    env,
    nodeId,
    catalog,
    links,
    tracer,
    deliver: (message) => exchange.publish(message),
    nextHeaders(inbound, correlationId) {
      const headers = inbound === undefined ? originHeaders(place, correlationId) : nextHeaders(place, inbound)
      return typeof headers === 'string' ? undefined : headers
    },
    nextHop: ({ clusterId: cluster, nodeId: id }, headers) => nextHop(id, headers.routing_path, cluster),
    // To another cluster a copy goes by the plan: there is one for all its subscribers, and one link may serve them.
    connect: (id) => connect(id, 'cluster_get_or_open'),
    connectsTo: (cluster) => cluster === clusterId,
    allowsCluster: (id) => settings.fabricRoutingEnabled && allowsCluster(id),
  })

  const queues = createQueueFederation({
    ...place,
    env,
    queues: deps.queues,
    catalog,
    links,
    nodeProblem: problemOf,
    knowsCluster: (id) => catalog.list('nodes').some(({ cluster_id }) => cluster_id === id),
    nextHop: (target, visited, cluster) => (settings.fabricRoutingEnabled ? nextHop(target, visited, cluster) : undefined),
    allowsCluster: (id) => settings.fabricRoutingEnabled && allowsCluster(id),
  })

  /** A message over a link to another cluster is not of this one, whatever it says of itself: the operator's rules go by where it comes from. */
  function identified(from: string, message: FabricMessage): FabricMessage {
    const { source_cluster: source } = message.headers
    const cluster = links.clusterOf(from)
    if (cluster === undefined || cluster === clusterId || (source !== null && source !== clusterId)) return message
    return { ...message, headers: { ...message.headers, source_cluster: cluster } }
  }

  const stopEvents = peers.events.observe((event) => {
    if (event.type === 'connection_lost') {
      forwarder.linkLost(event.node_url)
      queues.linkLost(event.node_url)
    } else {
      outOfReach.delete(event.node_url)
      queues.linkMade(event.node_url)
    }
  })
  const stopChanges = membership.observe(({ event, state }) => {
    if (state === 'failed') forwarder.nodeLost(event.node_id)
  })

  return {
    placements,
    pubsub,
    callNode,
    queues,
    snapshot: () => ({
      rpc: forwarder.snapshot(),
      pubsub: pubsub.snapshot(),
      queues: queues.snapshot(),
      malformed,
      refused: admission.snapshot(),
    }),

    runOn(node, fun, kwargs, call) {
      const entry = catalog.functionsNamed(fun).find(({ node_id }) => node_id === node)
      return entry && callNode(entry, { kwargs }, call)
    },

    onBundle(from, frame, text) {
      // Calls between clusters do not travel together: whoever sends them so is no node of ours.
      const scan = text === undefined ? undefined : scanBundle(text)
      if (links.clusterOf(from) !== clusterId || (text !== undefined && scan === undefined)) malformed++
      else forwarder.receiveBundle(from, scan?.bundle ?? (frame.payload as CallBundle), scan)
    },

    onMessage(from, frame, text) {
      const call = text === undefined ? undefined : scanCall(text)
      if (call !== undefined) return forwarder.receive(from, identified(from, call.message), call)
      const result = text === undefined ? undefined : scanFabricFrame(text, env.clock.wall())
      if (result !== undefined && 'rejected' in result) {
        malformed++
        return
      }
      const message = identified(from, result === undefined ? (frame.payload as FabricMessage) : result.scan.message)
      if (message.message_type === 'rpc') forwarder.receive(from, message, result?.scan)
      else if (!admission.admits(message.headers.source_cluster)) return
      else if (message.message_type === 'pubsub') pubsub.receive(from, message)
      else if (message.message_type === 'queue') queues.receive(from, message, result?.scan)
    },

    close() {
      stopEvents()
      stopChanges()
      forwarder.close()
      queues.close()
    },
  }
}
