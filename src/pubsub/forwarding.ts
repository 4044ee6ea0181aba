/**
 * Publish/subscribe across nodes: a message goes to every node with a matching subscription, once.
 *
 * The node where it is published sends a copy to each of them it has a link with. For the others it makes one (waiting-copies.ts), and where
 * that fails it leaves them to a neighbour that may lead there; each receiver delivers, and passes on what was left to it. Nothing is flooded. Copies are suppressed on receipt, before delivery;
 * a node in the path of a message never gets it again. A receiver plans by its own catalog, so a subscriber that the sender has not heard
 * of yet is served by the first node that has.
 *
 * Where there is a link nothing waits or makes promises: the links gather what one turn writes.
 */
import type { Env, LogScope, TraceContext, Tracer, TraceSpan } from '../base/index.ts'
import { logOncePer } from '../telemetry/index.ts'
import {
  encodeFabricMessage,
  errorLine,
  type FabricHeaders,
  type FabricMessage,
  FrameError,
  type Message,
  messageObject,
  OutboundFrame,
  RawJson,
  renderMessage,
  traceContextIn,
  withTraceContext,
} from '../wire/index.ts'
import { topicProblem } from './exchange.ts'
import { nodeToken, TOKEN_LENGTH } from './node-token.ts'
import { createReplyRoutes } from './reply-routes.ts'
import { createSeenMessages } from './seen-messages.ts'
import { readLeft, readServed, servedText, servesNewcomer, tokensIn, withServed } from './served-nodes.ts'
import { deliverTraced, relaySpan } from './spans.ts'
import { createTopicPlans, type PlanReason, reasonOf, type TopicCatalog, type TopicPlan, type TopicTarget } from './topic-plan.ts'
import { createWaitingCopies } from './waiting-copies.ts'

/** The links, as far as messages need them. */
export interface ForwardingLinks {
  isConnected(nodeId: string): boolean
  /** False when the frame did not leave; never throws. */
  send(nodeId: string, frame: OutboundFrame): boolean
  /** Whether the node announced an extension of this implementation. */
  has(nodeId: string, extension: 'sync/1'): boolean
}

export interface PubsubForwardingDeps {
  readonly env: Pick<Env, 'clock' | 'log'>
  readonly nodeId: string
  readonly catalog: TopicCatalog
  readonly links: ForwardingLinks
  /** Delivers to subscribers of this node, and keeps the message for late ones; the number of deliveries. Must not throw. */
  readonly deliver: (message: Message) => number
  /** Headers for the next hop: of a message that sets out here, or of one that came in; undefined = it must not go on. */
  readonly nextHeaders: (inbound: FabricHeaders | undefined, correlationId: string) => FabricHeaders | undefined
  /** The neighbour that leads to a node without a link, given the headers the message leaves with; undefined = no route. */
  readonly nextHop: (target: { readonly nodeId: string; readonly clusterId: string }, headers: FabricHeaders) => string | undefined
  /** Makes a link to a node; false: not now. Never rejects. Without this, nodes without a link are reached by {@link nextHop} alone. */
  readonly connect?: (nodeId: string) => Promise<boolean>
  /** Whether links are made to nodes of a cluster; default: of all. */
  readonly connectsTo?: (clusterId: string) => boolean
  /** Clusters whose subscribers may get messages; default: all. */
  readonly allowsCluster?: (clusterId: string) => boolean
  readonly tracer?: Tracer
}

export interface PubsubForwardingOptions {
  /** A copy is recognised at least this long, ms. */
  readonly seenWindowMs?: number
  /** Messages remembered at once for it. */
  readonly seenMax?: number
}

/** What became of an inbound message. */
export type Reception = 'delivered' | 'loop' | 'duplicate' | 'malformed'

/** Why a node gets messages of a topic from here, or does not. */
export type TopicNodeReason =
  | 'local'
  | 'direct'
  /** There is no link yet: the first message waits for it to be made. */
  | 'dial_on_demand'
  | 'next_hop'
  | 'reply_route'
  | 'no_route'
  | 'next_hop_not_connected'
  | 'cluster_not_allowed'
  | 'no_matching_subscription'

export interface TopicNode {
  readonly node_id: string
  readonly cluster_id: string
  readonly served: boolean
  readonly reason: TopicNodeReason
  /** The peer the copy is sent to; null when none is. */
  readonly via: string | null
  readonly subscriptions_total: number
  /** Ids of the first few. */
  readonly subscriptions: readonly string[]
}

export interface TopicExplanation {
  readonly topic: string
  readonly reason: PlanReason
  readonly nodes_total: number
  /** Those served first, then by id; the first thousand. */
  readonly nodes: readonly TopicNode[]
}

export interface PubsubForwardingSnapshot {
  /** Local publications by what their topic's plan came to. */
  readonly published: Readonly<Record<PlanReason, number>>
  /** Inbound messages by what became of them. */
  readonly received: Readonly<Record<Reception, number>>
  readonly deliveries: number
  /** Inbound messages that went on to other nodes, and those of them that had no subscriber here. */
  readonly relayed: number
  readonly transits: number
  readonly copies_sent: number
  readonly copies_failed: number
  /** Copies that waited for a link to be made, and those waiting now. */
  readonly copies_delayed: number
  readonly copies_waiting: number
  /** Copies not made: the node that leads on has had the message, or others serve a subscriber that its sender did not know. */
  readonly copies_spared: number
  readonly hop_budget_exhausted: number
  /** Nodes with a subscriber that could not be reached, counted for each message. */
  readonly unreachable: number
  /** Messages without an id or topic, which can not travel. */
  readonly unaddressable: number
  readonly messages_remembered: number
  readonly reply_routes: number
  readonly plans_kept: number
  readonly plans_made: number
}

export interface PubsubForwarding {
  /** Sends a message that was published here, by a client or in-process, to the other nodes with subscribers. @param span if it is traced */
  published(message: Message, span?: TraceSpan): PlanReason
  /** Takes in a `pubsub` message of a link, delivers it and passes it on. */
  receive(from: string, message: FabricMessage): Reception
  /** Who would get a message on this topic if it were published here now, and why others would not. */
  explainTopic(topic: string): TopicExplanation
  snapshot(): PubsubForwardingSnapshot
}

/** Twice what the protocol asks for would do no harm; less would. */
const SEEN_WINDOW_MS = 5 * 60_000
const SEEN_MAX = 100_000
const BAD_MESSAGE_LOG_INTERVAL_MS = 10_000
const EXPLAINED_NODES_MAX = 1_000
const EXPLAINED_SUBSCRIPTIONS_MAX = 20

/** What one message came in as. */
interface Inbound {
  readonly from: string
  readonly headers: FabricHeaders
  /** The nodes left to this one, as {@link servedText}. */
  readonly left: string | undefined
  /** False: another copy has been here; only what is left to this node is still to do. */
  readonly isNews: boolean
}

/** The copies of one message that are to leave. */
interface Dispatch {
  /** Peers that only have to deliver. */
  readonly direct: string[]
  /** Peers that also lead to others, with the tokens of these. */
  readonly hops: Map<string, string[]>
  /** Nodes to which a link is made first. */
  readonly unlinked: TopicTarget[]
  /** Tokens of nodes that nobody serves from here. */
  readonly unserved: string[]
}

/** A copy on its way to one node, while the link is made. */
interface WaitingCopy {
  readonly message: Message
  readonly headers: FabricHeaders
  readonly target: TopicTarget
  /** As {@link servedText}, the node itself included. */
  readonly served: string
}

export function createPubsubForwarding(deps: PubsubForwardingDeps, options: PubsubForwardingOptions = {}): PubsubForwarding {
  const { env, nodeId, catalog, links, deliver, nextHeaders, nextHop, allowsCluster = () => true, connectsTo = () => true } = deps
  const log: LogScope = env.log.scope('pubsub')
  const oncePerPeer = logOncePer({ clock: env.clock, intervalMs: BAD_MESSAGE_LOG_INTERVAL_MS })
  const plans = createTopicPlans({ clock: env.clock, nodeId, catalog, allowsCluster })
  const replies = createReplyRoutes(env.clock)
  const seen = createSeenMessages(env.clock, {
    windowMs: options.seenWindowMs ?? SEEN_WINDOW_MS,
    keysMax: options.seenMax ?? SEEN_MAX,
  })
  const published: Record<PlanReason, number> = { no_subscribers: 0, local_only: 0, remote_only: 0, local_and_remote: 0 }
  const received: Record<Reception, number> = { delivered: 0, loop: 0, duplicate: 0, malformed: 0 }
  const counts = {
    deliveries: 0,
    relayed: 0,
    transits: 0,
    copies_sent: 0,
    copies_failed: 0,
    copies_delayed: 0,
    copies_spared: 0,
    hop_budget_exhausted: 0,
    unreachable: 0,
    unaddressable: 0,
  }

  const ownToken = nodeToken(nodeId)
  const waiting = deps.connect && createWaitingCopies<WaitingCopy>({ connect: deps.connect, release })

  /** Sends the copies of a message that are this node's to send; how many left. */
  function forward(message: Message, plan: TopicPlan, inbound: Inbound | undefined, trace?: TraceContext): number {
    const reply = replyTarget(message.topic, plan)
    if (plan.targets.length === 0 && reply === undefined) return 0
    const servedBefore = inbound && readServed(inbound.headers.metadata)
    const left = inbound?.left === undefined ? undefined : tokensIn(inbound.left)
    if (servedBefore === plan.everyone && left === undefined && reply === undefined) return 0
    const allowed = nextHeaders(inbound?.headers, message.messageId)
    if (allowed === undefined) {
      counts.hop_budget_exhausted++
      return 0
    }
    const next = trace === undefined ? allowed : { ...allowed, metadata: withTraceContext(allowed.metadata, trace) }
    const headers = left === undefined ? next : { ...next, metadata: withServed(next.metadata, servedBefore) }
    const dispatch: Dispatch = { direct: [], hops: new Map(), unlinked: [], unserved: [] }
    const before = servedBefore === undefined ? undefined : tokensIn(servedBefore)
    const excluded = (peer: string) => peer === inbound?.from || headers.routing_path.includes(peer)
    const isNews = inbound?.isNews !== false
    for (const target of plan.targets) {
      if (left?.has(target.token) !== true) {
        if (!isNews || before?.has(target.token) === true) continue
        if (before !== undefined && !servesNewcomer(ownToken, target.token, before)) {
          counts.copies_spared++
          continue
        }
      }
      if (!excluded(target.nodeId)) assign(target, undefined, headers, excluded, dispatch)
    }
    if (reply !== undefined && isNews && !excluded(reply.nodeId)) assign(reply, reply.via, headers, excluded, dispatch)
    return send(message, plan, headers, before, dispatch)
  }

  const mayWait = (target: Pick<TopicTarget, 'nodeId' | 'clusterId'>): boolean =>
    waiting?.hasRoom(target.nodeId) === true && connectsTo(target.clusterId)

  /** Decides how a target gets its copy. */
  function assign(
    target: TopicTarget,
    wayBack: string | undefined,
    headers: FabricHeaders,
    excluded: (peer: string) => boolean,
    { direct, hops, unlinked, unserved }: Dispatch,
  ): void {
    const isWaitedFor = waiting !== undefined && waiting.size > 0 && waiting.has(target.nodeId)
    if (!isWaitedFor && links.isConnected(target.nodeId)) {
      direct.push(target.nodeId)
      return
    }
    const isKnownWay = wayBack !== undefined && links.isConnected(wayBack)
    if (!isKnownWay && mayWait(target)) {
      unlinked.push(target)
      return
    }
    const hop = isKnownWay ? wayBack : nextHop(target, headers)
    if (hop === undefined || !links.isConnected(hop)) {
      counts.unreachable++
      unserved.push(target.token)
      if (log.debugOn) log.debug(`no route topic subscriber=${target.nodeId} cluster=${target.clusterId} hop=${hop ?? '-'}`)
    } else if (excluded(hop)) {
      // It plans by a catalog of its own, and has had its turn.
      counts.copies_spared++
    } else {
      const tokens = hops.get(hop)
      if (tokens === undefined) hops.set(hop, [target.token])
      else tokens.push(target.token)
    }
  }

  function send(
    message: Message,
    plan: TopicPlan,
    headers: FabricHeaders,
    before: ReadonlySet<string> | undefined,
    { direct, hops, unlinked, unserved }: Dispatch,
  ): number {
    if (direct.length + hops.size + unlinked.length === 0) return 0
    const plain = frameOf(message, headers)
    // A single subscriber has nobody to forward to.
    const alone = before === undefined && plan.targets.length <= 1 && direct.length === 1
    let served: string | undefined
    let servedFrame: OutboundFrame | undefined
    let sent = 0
    const hand = (peer: string, frame: OutboundFrame) => {
      if (links.send(peer, frame)) sent++
      else counts.copies_failed++
    }
    const servedNodes = () => {
      if (served === undefined) {
        if (before === undefined && unserved.length === 0) served = plan.everyone
        else {
          const tokens = new Set(before)
          if (plan.ownToken !== undefined) tokens.add(plan.ownToken)
          for (const { token } of plan.targets) tokens.add(token)
          for (const token of unserved) if (before?.has(token) !== true) tokens.delete(token)
          served = servedText(tokens)
        }
      }
      return served
    }
    for (const peer of direct) {
      if (hops.has(peer)) continue
      if (alone || !links.has(peer, 'sync/1')) hand(peer, plain)
      else {
        servedFrame ??= frameOf(message, { ...headers, metadata: withServed(headers.metadata, servedNodes()) })
        hand(peer, servedFrame)
      }
    }
    for (const [peer, left] of hops) hand(peer, frameOf(message, leftTo(peer, headers, servedNodes(), left)))
    for (const target of unlinked) waiting?.add(target.nodeId, { message, headers, target, served: servedNodes() })
    counts.copies_sent += sent
    counts.copies_delayed += unlinked.length
    if (log.debugOn) {
      const ways = [
        ...direct,
        ...[...hops].map(([peer, tokens]) => `${peer}(for ${tokens.length})`),
        ...unlinked.map(({ nodeId: id }) => `${id}(link first)`),
      ]
      log.debug(
        `forwarded topic=${message.topic} id=${message.messageId} to=${ways.join(',')} sent=${sent} path=${headers.routing_path.join(',')}`,
      )
    }
    return sent + unlinked.length
  }

  /** Headers of a copy for a neighbour, to which nodes without a link are left. */
  function leftTo(peer: string, headers: FabricHeaders, served: string, left: readonly string[]): FabricHeaders {
    // Where nobody else is served, the neighbour has not had the message, and finds out by itself who is to get it.
    if (!links.has(peer, 'sync/1') || left.length * TOKEN_LENGTH === served.length) return headers
    return { ...headers, metadata: withServed(headers.metadata, served, servedText(left)) }
  }

  /** The link is there, or will not be: then the copies take their chance with a neighbour. */
  function release(node: string, copies: readonly WaitingCopy[], isLinked: boolean): void {
    for (const { headers, message, served, target } of copies) {
      const peer = isLinked ? node : nextHop(target, headers)
      if (peer === undefined) {
        counts.unreachable++
        continue
      }
      let copy = headers
      if (!isLinked) copy = leftTo(peer, headers, served, [target.token])
      else if (links.has(peer, 'sync/1')) copy = { ...headers, metadata: withServed(headers.metadata, served) }
      if (links.send(peer, frameOf(message, copy))) counts.copies_sent++
      else counts.copies_failed++
    }
  }

  /** A node that waits for this reply, though the catalog does not know it yet. */
  function replyTarget(topic: string, plan: TopicPlan): (TopicTarget & { readonly via: string }) | undefined {
    const route = replies.find(topic)
    if (route === undefined || plan.targets.some((target) => target.nodeId === route.nodeId)) return undefined
    return { ...route, token: nodeToken(route.nodeId) }
  }

  function learnReplyRoute(replyTo: unknown, from: string, headers: FabricHeaders): void {
    const [origin] = headers.routing_path
    if (typeof replyTo !== 'string' || origin === undefined || topicProblem(replyTo) !== undefined) return
    // A topic somebody subscribes to for good needs no way back of its own.
    if (plans.for(replyTo).reason !== 'no_subscribers') return
    replies.learn(replyTo, { nodeId: origin, clusterId: headers.federation_path[0] ?? headers.source_cluster ?? '', via: from })
  }

  function deliverOf(context: TraceContext, message: Message): number {
    return deliverTraced(
      (init) => deps.tracer?.start(context, init),
      () => deliver(message),
      message,
    )
  }

  function countReception(reception: Reception): Reception {
    received[reception]++
    return reception
  }

  return {
    published(message, span) {
      const plan = plans.for(message.topic)
      published[plan.reason]++
      if (message.messageId !== '' && message.topic !== '') forward(message, plan, undefined, span?.context)
      else if (plan.targets.length > 0) counts.unaddressable++
      return plan.reason
    },

    receive(from, { headers, payload }) {
      if (headers.routing_path.includes(nodeId)) return countReception('loop')
      let read: ReturnType<typeof readMessage>
      try {
        read = readMessage(payload)
      } catch (error) {
        oncePerPeer.log(from, (more) => log.warn(`message skipped from=${from} reason=${errorLine(error)}${more}`))
        return countReception('malformed')
      }
      const { message, replyTo } = read
      const isNews = seen.add(message, headers.source_cluster)
      const left = readLeft(headers.metadata)
      if (!isNews && left === undefined) return countReception('duplicate')
      const context = deps.tracer && traceContextIn(headers.metadata)
      const deliveries = isNews ? (context === undefined ? deliver(message) : deliverOf(context, message)) : 0
      counts.deliveries += deliveries
      if (isNews && replyTo !== undefined) learnReplyRoute(replyTo, from, headers)
      const span = context && relaySpan(deps.tracer as Tracer, context, message, from)
      if (forward(message, plans.for(message.topic), { from, headers, left, isNews }, span?.context) > 0) {
        span?.end()
        counts.relayed++
        if (deliveries === 0) counts.transits++
      }
      return countReception(isNews ? 'delivered' : 'duplicate')
    },

    explainTopic(topic) {
      const headers = nextHeaders(undefined, 'explanation')
      const matching = new Map<string, { cluster_id: string; ids: string[] }>()
      for (const { node_id, cluster_id, subscription_id } of catalog.matchTopics(topic)) {
        const known = matching.get(node_id)
        if (known === undefined) matching.set(node_id, { cluster_id, ids: [subscription_id] })
        else known.ids.push(subscription_id)
      }
      const nodes: TopicNode[] = []
      const explain = (node_id: string, cluster_id: string, ids: readonly string[], [reason, via]: [TopicNodeReason, string | null]) =>
        nodes.push({
          node_id,
          cluster_id,
          served: via !== null || reason === 'local',
          reason,
          via,
          subscriptions_total: ids.length,
          subscriptions: ids.slice(0, EXPLAINED_SUBSCRIPTIONS_MAX),
        })
      const wayTo = (target: { nodeId: string; clusterId: string }): [TopicNodeReason, string | null] => {
        if (target.nodeId === nodeId) return ['local', null]
        if (!allowsCluster(target.clusterId)) return ['cluster_not_allowed', null]
        if (links.isConnected(target.nodeId)) return ['direct', target.nodeId]
        if (mayWait(target)) return ['dial_on_demand', target.nodeId]
        const hop = headers && nextHop(target, headers)
        if (hop === undefined) return ['no_route', null]
        return links.isConnected(hop) ? ['next_hop', hop] : ['next_hop_not_connected', null]
      }
      for (const [node_id, { cluster_id, ids }] of matching)
        explain(node_id, cluster_id, ids, wayTo({ nodeId: node_id, clusterId: cluster_id }))
      const reply = replies.find(topic)
      if (reply !== undefined && !matching.has(reply.nodeId)) {
        const [reason, via] = wayTo(reply)
        const way = links.isConnected(reply.via) ? reply.via : via
        matching.set(reply.nodeId, { cluster_id: reply.clusterId, ids: [] })
        explain(reply.nodeId, reply.clusterId, [], [way === null ? reason : 'reply_route', reason === 'direct' ? via : way])
      }
      for (const { node_id, cluster_id } of catalog.nodes()) {
        if (!matching.has(node_id)) explain(node_id, cluster_id, [], ['no_matching_subscription', null])
      }
      nodes.sort((a, b) => Number(b.served) - Number(a.served) || (a.node_id < b.node_id ? -1 : 1))
      const isRemote = ({ reason }: TopicNode) =>
        reason !== 'local' && reason !== 'cluster_not_allowed' && reason !== 'no_matching_subscription'
      return {
        topic,
        reason: reasonOf(matching.has(nodeId), nodes.some(isRemote)),
        nodes_total: nodes.length,
        nodes: nodes.slice(0, EXPLAINED_NODES_MAX),
      }
    },

    snapshot: () => ({
      published: { ...published },
      received: { ...received },
      ...counts,
      copies_waiting: waiting?.size ?? 0,
      messages_remembered: seen.size,
      reply_routes: replies.size,
      ...plans.snapshot(),
    }),
  }
}

function frameOf(message: Message, headers: FabricHeaders): OutboundFrame {
  const payload: FabricMessage = {
    message_id: message.messageId,
    topic: message.topic,
    message_type: 'pubsub',
    delivery: 'broadcast',
    payload: new RawJson(message.text),
    headers,
    timestamp: message.timestamp,
  }
  return new OutboundFrame<object>({ role: 'fabric-message', payload }, () => encodeFabricMessage(payload))
}

/** The message in a payload, complete with all eight fields. @throws FrameError, SyntaxError */
function readMessage({ text }: RawJson): { message: Message; replyTo: unknown } {
  const fields = messageObject.parse(JSON.parse(text))
  const problem = topicProblem(fields.topic)
  if (problem !== undefined) throw new FrameError('', problem)
  const { reply_to: replyTo } = (fields.headers ?? {}) as { reply_to?: unknown }
  return { message: renderMessage(fields, text, 0), replyTo: replyTo ?? undefined }
}
