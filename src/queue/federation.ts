/**
 * Queues of other nodes and clusters: messages for them, subscriptions to them, and what comes in from others about the queues of this node.
 *
 * What is for another cluster or node is passed on with new headers, its payload unread. A request for a queue that is not here goes to the node of
 * this cluster that announces it; nothing is ever made because somebody asked for it. Requests are taken once within five minutes, so that
 * whoever got no answer may repeat them.
 */
import { copiedText, type Env, matchesTopicGlob, RecentSet } from '../base/index.ts'
import type { CatalogChange } from '../fabric/index.ts'
import {
  compareCodePoints,
  decodeFabricPayload,
  encodeJson,
  errorLine,
  type FabricMessage,
  type FabricScan,
  type QueueAck,
  type QueueEntry,
  type QueueMessageGuarantee,
  type QueueRequest,
  type QueueSendOptions,
  type QueueSendResult,
  type QueueSubscribe,
  type QueueUnsubscribe,
  RawJson,
} from '../wire/index.ts'
import { checkGuarantee, checkMessageId, configFrom, defaultOptions, isMessageId, sendOptions } from './config.ts'
import { acknowledgesIn, createFabricWay, type Destination, type FabricWayDeps, targetNodeOf } from './fabric-way.ts'
import { createGlobalSubscriptions, type GlobalSubscriptionInit } from './global-subscriptions.ts'
import type { Queues } from './queues.ts'
import { createRemoteSends, type RemoteSendCounts } from './remote-sends.ts'
import { createRemoteSubscriptions } from './remote-subscriptions.ts'
import { sendResult } from './send-result.ts'

export interface QueueFederationDeps extends Omit<FabricWayDeps, 'log'> {
  readonly env: Env
  /** Undefined: this node has none, and only passes on. */
  readonly queues: Queues | undefined
  readonly catalog: {
    queues(name: string, clusterId?: string): QueueEntry[]
    list(kind: 'queues'): QueueEntry[]
    node(nodeId: string): object | undefined
    isVersioned(nodeId: string): boolean
    observe(observer: (change: CatalogChange) => void): () => void
  }
  /** Why a node that is announced can not be reached now. */
  nodeProblem(nodeId: string): string | undefined
  /** Whether anything is known of a cluster. */
  knowsCluster(clusterId: string): boolean
}

export interface RemoteSendInit {
  readonly topic?: string
  readonly guarantee?: QueueMessageGuarantee
  /** Default: this one if it has the queue, else the best that announces it. */
  readonly targetCluster?: string
  /** 0: do not wait for the queue's node to say that it has the message. */
  readonly requiredClusterAcks?: 0 | 1
  /**
   * Id of the message; default: a new one. A node of this implementation takes a message of an id and a cluster once in five minutes, so that
   * one whose fate is not known can be sent again.
   */
  readonly messageId?: string
  readonly options?: QueueSendOptions
}

export interface QueueFederationSnapshot extends RemoteSendCounts {
  readonly sends_pending: number
  readonly active_subscriptions: number
  readonly remote_subscriptions: number
  readonly subscriptions_refused: number
  readonly deliveries_sent: number
  readonly deliveries_received: number
  readonly known_remote_queues: number
  /** Requests of other nodes that were enqueued, or refused by their queue; sends of whomever that had been here before. */
  readonly requests_enqueued: number
  readonly requests_refused: number
  readonly requests_duplicate: number
  readonly passed_on: number
  /** Messages that could not go on: no way, or no hops left. */
  readonly stopped: number
  /** Messages that had been here before. */
  readonly returned: number
  readonly malformed: number
  /** Acknowledgements nothing waited for. */
  readonly late_acknowledgments: number
  /** Unix seconds of the latest message sent or received; null: none yet. */
  readonly last_activity: number | null
}

export interface QueueFederation {
  /**
   * Sends to a queue wherever it is. Resolves when its node has the message, or with why it has not.
   * @throws QueueOptionError, EncodingError (by way of the promise)
   */
  send(queue: string, payload: unknown, init?: RemoteSendInit): Promise<QueueSendResult>
  /** @returns its id. @throws TooManySubscriptionsError */
  subscribe(init: GlobalSubscriptionInit): string
  unsubscribe(subscriptionId: string): boolean
  /** Announced queues whose name matches, by cluster. */
  discover(pattern?: string): QueueEntry[]
  /** The best node for a queue besides this one that can be reached: of this cluster first, then the healthy, then by cluster and node. */
  find(queue: string, cluster?: string): QueueEntry | undefined
  /** What other nodes to which anything may be sent announce of a queue, whether they can be reached or not. */
  announced(queue: string, cluster?: string): QueueEntry[]
  /** Takes in a `queue` message of a link. @param scan of the text it came as */
  receive(from: string, message: FabricMessage, scan: FabricScan | undefined): void
  linkMade(nodeId: string): void
  linkLost(nodeId: string): void
  snapshot(): QueueFederationSnapshot
  close(): void
}

/** How long a request is known again. */
const REQUEST_WINDOW_MS = 5 * 60_000
const REQUESTS_REMEMBERED_MAX = 100_000
/** Kept of what a request says of its cluster. */
const CLUSTER_CHARACTERS_MAX = 256

export function createQueueFederation(deps: QueueFederationDeps): QueueFederation {
  const { catalog, clusterId, env, links, nodeId, queues } = deps
  const { clock, random } = env
  const log = env.log.scope('fabric.queue_federation')
  const way = createFabricWay({ ...deps, log })
  const sends = createRemoteSends({ env, log, way, locate })
  const subscriptions = createGlobalSubscriptions({
    ...deps,
    log,
    way,
    announced: () => catalog.list('queues'),
    isVersioned: catalog.isVersioned,
  })
  const subscribers =
    queues &&
    createRemoteSubscriptions({ log, clusterId, way, queues, isKnown: (id) => links.isConnected(id) || catalog.node(id) !== undefined })
  const enqueued = new RecentSet(clock, { windowMs: REQUEST_WINDOW_MS, keysMax: REQUESTS_REMEMBERED_MAX })
  const counts = {
    deliveries_received: 0,
    requests_enqueued: 0,
    requests_refused: 0,
    requests_duplicate: 0,
    returned: 0,
    malformed: 0,
    late_acknowledgments: 0,
  }
  let lastActivity: number | null = null
  /** Counted when asked for, after a change. */
  let knownRemoteQueues: number | undefined

  const stopObserving = catalog.observe(({ delta }) => {
    const { node_removals, queue_removals, queues: added } = delta
    for (const { node_id } of node_removals) subscribers?.nodeGone(node_id)
    if (node_removals.length + queue_removals.length > 0) sends.nodesChanged()
    if (node_removals.length + queue_removals.length + added.length === 0) return
    knownRemoteQueues = undefined
    subscriptions.queuesChanged()
  })

  // --- queues of others ---

  function announced(queue: string, cluster?: string): QueueEntry[] {
    return catalog
      .queues(queue, cluster)
      .filter(({ cluster_id, node_id }) => node_id !== nodeId && (cluster_id === clusterId || deps.allowsCluster(cluster_id)))
  }

  function find(queue: string, cluster?: string): QueueEntry | undefined {
    const rank = ({ cluster_id, health }: QueueEntry) => Number(cluster_id !== clusterId) * 2 + Number(health !== 'healthy')
    let best: QueueEntry | undefined
    for (const entry of announced(queue, cluster)) {
      if (deps.nodeProblem(entry.node_id) !== undefined) continue
      if (best === undefined || rank(entry) - rank(best) < 0 || (rank(entry) === rank(best) && precedes(entry, best))) best = entry
    }
    return best
  }

  function locate(queue: string, cluster: string, node: string | undefined): Destination {
    const isThere = node !== undefined && catalog.queues(queue, cluster).some(({ node_id }) => node_id === node)
    if (isThere && deps.nodeProblem(node) === undefined) return { cluster, node }
    return { cluster, node: find(queue, cluster)?.node_id ?? (isThere ? node : undefined) }
  }

  async function send(name: string, payload: unknown, init: RemoteSendInit = {}): Promise<QueueSendResult> {
    const { options = {}, requiredClusterAcks = 1, targetCluster, topic = name } = init
    const guarantee = checkGuarantee(name, init.guarantee ?? 'at_least_once')
    const id = init.messageId === undefined ? random.ulid() : checkMessageId(name, init.messageId)
    const known = announced(name, targetCluster)
    const entry = find(name, targetCluster)
    // While nodes that have it can not be reached, it is not made a second time here.
    const isHere = queues?.get(name) !== undefined || (known.length === 0 && queues?.autoCreates === true)
    if (queues !== undefined && isHere && (targetCluster ?? clusterId) === clusterId) {
      const key = init.messageId === undefined ? undefined : keyOf(clusterId, name, id)
      if (key !== undefined && enqueued.has(key)) {
        counts.requests_duplicate++
        return sendResult(clock, id, null, [clusterId])
      }
      const result = queues.send(name, topic, payload, guarantee, options, id)
      if (key !== undefined && result.success) enqueued.add(key)
      return result
    }
    const cluster = targetCluster ?? entry?.cluster_id
    const failed = (error: string) => sendResult(clock, id, error)
    if (entry === undefined && known.length > 0) {
      const where = known.map(({ node_id }) => `${node_id} (${deps.nodeProblem(node_id)})`).join(', ')
      return failed(`Queue ${name} can not be reached: it is on ${where}`)
    }
    if (cluster === undefined) return failed(`Queue ${name} not found in fabric catalog`)
    if (cluster === clusterId && entry === undefined) return failed(`Queue ${name} does not exist`)
    if (cluster !== clusterId && !deps.allowsCluster(cluster)) {
      return failed(deps.knowsCluster(cluster) ? `Target cluster ${cluster} not permitted` : `Target cluster ${cluster} is not known here`)
    }
    lastActivity = clock.wall()
    return sends.send({
      kind: 'queue_request',
      request_id: id,
      queue_name: name,
      topic,
      payload: payload instanceof RawJson ? payload : new RawJson(encodeJson(payload)),
      delivery_guarantee: guarantee,
      source_cluster: clusterId,
      target_cluster: cluster,
      subscription_id: null,
      subscriber_id: null,
      ack_token: requiredClusterAcks === 0 ? null : random.ulid(),
      required_cluster_acks: requiredClusterAcks,
      // Numbers throughout, those of the queue if it says them: nodes of the Python implementation break on a null.
      options: sendOptions(name, options, defaultOptions(configFrom(entry?.metadata))),
      created_at: clock.wall(),
    })
  }

  // --- what comes in ---

  function receive(from: string, message: FabricMessage, scan: FabricScan | undefined): void {
    const { headers } = message
    lastActivity = clock.wall()
    if (headers.routing_path.includes(nodeId)) {
      counts.returned++
      return
    }
    const cluster = headers.target_cluster ?? clusterId
    const target = targetNodeOf(headers)
    if (cluster !== clusterId || (target !== undefined && target !== nodeId)) {
      way.pass(from, message, scan, { cluster, node: target })
      return
    }
    const decoded = decode(message.payload)
    if ('rejected' in decoded) {
      counts.malformed++
      if (log.debugOn) log.debug(`message skipped from=${from} id=${message.message_id} reason=${decoded.rejected}`)
      return
    }
    const { payload } = decoded
    const [origin = from] = headers.routing_path
    switch (payload.kind) {
      case 'queue_request':
        return payload.subscription_id === null
          ? requested(from, origin, message, payload, scan)
          : delivered(from, origin, payload, payload.subscription_id)
      case 'queue_ack':
        if (!sends.acknowledged(payload) && subscribers?.acknowledged(payload) !== true) counts.late_acknowledgments++
        return
      case 'queue_subscribe':
        if (target === undefined) spread(from, message, payload, scan)
        return subscribers?.subscribe(payload, origin, acknowledgesIn(headers))
      case 'queue_unsubscribe':
        if (target === undefined) spread(from, message, payload, scan)
        subscribers?.unsubscribe(payload.subscription_id, origin)
        return
      default:
        counts.malformed++
    }
  }

  /** A node of the Python implementation means all of a cluster: those that have matching queues are told one by one. */
  function spread(
    from: string,
    message: FabricMessage,
    { queue_pattern }: QueueSubscribe | QueueUnsubscribe,
    scan: FabricScan | undefined,
  ): void {
    const nodes = new Set<string>()
    for (const { cluster_id, node_id, queue_name } of catalog.list('queues')) {
      if (cluster_id === clusterId && node_id !== nodeId && matchesTopicGlob(queue_pattern, queue_name)) nodes.add(node_id)
    }
    for (const node of nodes) way.pass(from, message, scan, { cluster: clusterId, node })
  }

  /** What lies in a payload need not even be JSON. */
  function decode(payload: RawJson): ReturnType<typeof decodeFabricPayload> {
    try {
      return decodeFabricPayload(payload, clock.wall())
    } catch (error) {
      return { rejected: errorLine(error) }
    }
  }

  /** A message for a queue: of this node, or of another one of this cluster. */
  function requested(from: string, origin: string, message: FabricMessage, request: QueueRequest, scan: FabricScan | undefined): void {
    const { delivery_guarantee: guarantee, options, payload, queue_name: name, request_id: id, source_cluster, topic } = request
    const queue = queues?.get(name)
    if (queue === undefined) {
      const other = catalog
        .queues(name, clusterId)
        .find(({ node_id }) => node_id !== nodeId && !message.headers.routing_path.includes(node_id))
      if (other !== undefined && way.pass(from, message, scan, { cluster: clusterId, node: other.node_id })) return
      counts.requests_refused++
      const where = source_cluster === clusterId ? '' : ` in cluster ${clusterId}`
      return acknowledge(from, origin, request, `Queue ${name} does not exist${where}`)
    }
    if (!isMessageId(id)) {
      counts.requests_refused++
      return acknowledge(from, origin, request, 'request_id must be short and visible ASCII: it is the id of the message')
    }
    const key = keyOf(source_cluster, name, id)
    if (enqueued.has(key)) {
      counts.requests_duplicate++
      return acknowledge(from, origin, request, null)
    }
    let error: string | null
    try {
      error = queue.send(topic, payload, guarantee, options, copiedText(id)).error_message
    } catch (refusal) {
      error = (refusal as Error).message
    }
    if (error === null) {
      enqueued.add(key)
      counts.requests_enqueued++
    } else counts.requests_refused++
    acknowledge(from, origin, request, error)
  }

  /** What a queue of another node has for a subscriber of this one. */
  function delivered(from: string, origin: string, request: QueueRequest, subscriptionId: string): void {
    counts.deliveries_received++
    if (!subscriptions.has(subscriptionId)) return acknowledge(from, origin, request, 'the subscription has ended')
    void subscriptions.deliver(request).then((error) => acknowledge(from, origin, request, error))
  }

  function acknowledge(from: string, origin: string, request: QueueRequest, error: string | null): void {
    const { ack_token: token, queue_name, request_id, source_cluster, subscriber_id } = request
    if (log.debugOn) log.debug(`request queue=${queue_name} id=${request_id} origin=${origin} from=${from} error=${error ?? '-'}`)
    if (token === null) return
    const ack: QueueAck = {
      kind: 'queue_ack',
      ack_token: token,
      message_id: request_id,
      acknowledging_cluster: clusterId,
      acknowledging_subscriber: subscriber_id ?? '',
      success: error === null,
      error_message: error,
      ack_timestamp: clock.wall(),
    }
    way.send(ack, `mpreg.queue.ack.${queue_name}`, token, { cluster: source_cluster, node: origin }, { via: from })
  }

  return {
    send,
    subscribe: subscriptions.subscribe,
    unsubscribe: subscriptions.unsubscribe,
    find,
    announced,
    discover: (pattern = '#') => discovered(catalog.list('queues'), pattern),
    receive,
    linkMade(id) {
      if (links.has(id, 'sync/1')) subscriptions.nodeLinked(id)
    },
    linkLost: sends.linkLost,

    snapshot() {
      knownRemoteQueues ??= catalog.list('queues').filter(({ node_id }) => node_id !== nodeId).length
      return {
        ...sends.counts,
        ...counts,
        ...way.counts,
        sends_pending: sends.size,
        active_subscriptions: subscriptions.size,
        remote_subscriptions: subscribers?.size ?? 0,
        subscriptions_refused: subscribers?.counts.subscriptions_refused ?? 0,
        deliveries_sent: subscribers?.counts.deliveries_sent ?? 0,
        known_remote_queues: knownRemoteQueues,
        last_activity: lastActivity,
      }
    },

    close() {
      stopObserving()
      sends.close()
      subscriptions.close()
      subscribers?.close()
    },
  }
}

/** A copy: it outlives the frame that its parts came in. */
function keyOf(cluster: string, queue: string, id: string): string {
  return copiedText(`${cluster.slice(0, CLUSTER_CHARACTERS_MAX)}\n${queue}\n${id}`)
}

/** By cluster, name and node. */
function discovered(entries: readonly QueueEntry[], pattern: string): QueueEntry[] {
  return entries
    .filter(({ queue_name }) => matchesTopicGlob(pattern, queue_name))
    .sort(
      (a, b) =>
        compareCodePoints(a.cluster_id, b.cluster_id) ||
        compareCodePoints(a.queue_name, b.queue_name) ||
        compareCodePoints(a.node_id, b.node_id),
    )
}

/** In case of doubt every node prefers the same. */
function precedes(a: QueueEntry, b: QueueEntry): boolean {
  return (compareCodePoints(a.cluster_id, b.cluster_id) || compareCodePoints(a.node_id, b.node_id)) < 0
}
