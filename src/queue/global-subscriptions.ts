/**
 * Subscriptions of this node to queues wherever they are: those of this node, and those of other nodes, which are told once each as soon as they
 * announce a queue whose name matches. What their queues have is sent here and acknowledged when the subscriber has taken it.
 */
import { type Cancel, type Env, type LogScope, matchesTopicGlob } from '../base/index.ts'
import { errorLine, type QueueEntry, type QueueMessageGuarantee, type QueueRequest } from '../wire/index.ts'
import { configFrom, defaultOptions, sendOptions } from './config.ts'
import { attemptIn } from './delivery-token.ts'
import { TooManySubscriptionsError } from './errors.ts'
import type { FabricWay } from './fabric-way.ts'
import type { Queue } from './queue.ts'
import type { Queues } from './queues.ts'
import type { DeliverMessage } from './subscriptions.ts'

export interface GlobalSubscriptionInit {
  readonly subscriberId: string
  /** Of names of queues; wildcards as for topics. */
  readonly queuePattern: string
  /** Default: all. */
  readonly topicPattern?: string
  readonly guarantee?: QueueMessageGuarantee
  /** A message is acknowledged when this has returned, or its promise has resolved; else it comes back. */
  readonly deliver: DeliverMessage
  /** Default: every cluster that is admitted. */
  readonly targetClusters?: readonly string[]
}

export interface GlobalSubscriptionsDeps {
  readonly env: Pick<Env, 'clock' | 'timers' | 'random'>
  readonly log: LogScope
  readonly nodeId: string
  readonly clusterId: string
  readonly way: FabricWay
  readonly queues: Queues | undefined
  /** Queues of all nodes, as announced. */
  announced(): readonly QueueEntry[]
  allowsCluster(clusterId: string): boolean
  /** Whether a node is one of this implementation, which bears to be told twice. */
  isVersioned(nodeId: string): boolean
}

export interface GlobalSubscriptions {
  readonly size: number
  /** @returns its id. @throws TooManySubscriptionsError */
  subscribe(init: GlobalSubscriptionInit): string
  unsubscribe(id: string): boolean
  has(id: string): boolean
  /** Hands a message that another node's queue has sent to its subscriber. Resolves with what went wrong; null: nothing. */
  deliver(request: QueueRequest): Promise<string | null>
  /** Queues were announced or taken back. */
  queuesChanged(): void
  /** A link to a node was made: the node may be another process than before, and know nothing. */
  nodeLinked(nodeId: string): void
  close(): void
}

const SUBSCRIPTIONS_MAX = 10_000
/** Before a node that could not be told is tried again. */
const RETRY_MS = 5_000
/** A subscription that got lost on its way is missing for so long at most. */
const RETELL_MS = 60_000

interface GlobalSubscription extends GlobalSubscriptionInit {
  readonly id: string
  /** Subscription ids at queues of this node. */
  readonly here: Map<Queue, string>
  /** Nodes that know, with their clusters. */
  readonly told: Map<string, string>
}

export function createGlobalSubscriptions(deps: GlobalSubscriptionsDeps): GlobalSubscriptions {
  const { clusterId, env, log, queues, way } = deps
  const all = new Map<string, GlobalSubscription>()
  const stopObserving = queues?.observe({
    created: (queue) => {
      for (const subscription of all.values()) {
        try {
          attach(subscription, queue)
        } catch (error) {
          log.warn(`subscription id=${subscription.id} does not hear queue ${queue.name}: ${errorLine(error)}`)
        }
      }
    },
    removed: (queue) => {
      for (const { here } of all.values()) here.delete(queue)
    },
  })
  let cancelLook: Cancel | undefined
  let cancelRetelling: Cancel | undefined

  const wants = ({ targetClusters }: GlobalSubscription, cluster: string): boolean =>
    (targetClusters === undefined || targetClusters.includes(cluster)) && (cluster === clusterId || deps.allowsCluster(cluster))

  function attach(subscription: GlobalSubscription, queue: Queue): void {
    const { deliver, queuePattern, subscriberId, topicPattern = '#' } = subscription
    if (!wants(subscription, clusterId) || !matchesTopicGlob(queuePattern, queue.name)) return
    subscription.here.set(queue, queue.subscribe({ subscriberId, topicPattern, deliver }))
  }

  /** Tells nodes that have matching queues and do not know of a subscription. */
  function look(): void {
    cancelLook = undefined
    const announced = deps.announced()
    let isUntold = false
    for (const subscription of all.values()) if (!tell(subscription, announced)) isUntold = true
    if (isUntold) lookIn(RETRY_MS)
  }

  function tellAgain(): void {
    for (const subscription of all.values()) {
      for (const [node, cluster] of subscription.told) if (deps.isVersioned(node)) say('queue_subscribe', subscription, node, cluster)
    }
  }

  function lookIn(ms: number): void {
    cancelLook?.()
    cancelLook = env.timers.after(ms, look)
  }

  /** False when somebody could not be told. */
  function tell(subscription: GlobalSubscription, announced: readonly QueueEntry[]): boolean {
    const { id, queuePattern, told } = subscription
    const matching = new Map<string, string>()
    for (const { cluster_id, node_id, queue_name } of announced) {
      if (node_id !== deps.nodeId && wants(subscription, cluster_id) && matchesTopicGlob(queuePattern, queue_name)) {
        matching.set(node_id, cluster_id)
      }
    }
    for (const node of told.keys()) if (!matching.has(node)) told.delete(node)
    let isDone = true
    for (const [node, cluster] of matching) {
      if (told.has(node)) continue
      if (say('queue_subscribe', subscription, node, cluster)) told.set(node, cluster)
      else isDone = false
    }
    if (log.debugOn) log.debug(`subscription id=${id} queues=${queuePattern} told=${[...told.keys()].join(',') || '-'} complete=${isDone}`)
    return isDone
  }

  function say(kind: 'queue_subscribe' | 'queue_unsubscribe', subscription: GlobalSubscription, node: string, cluster: string): boolean {
    const { guarantee = 'at_least_once', id, queuePattern, subscriberId, topicPattern = '#' } = subscription
    const record = {
      subscription_id: id,
      subscriber_id: subscriberId,
      queue_pattern: queuePattern,
      topic_pattern: topicPattern,
      delivery_guarantee: guarantee,
      auto_acknowledge: true,
      source_cluster: clusterId,
      target_cluster: cluster,
      created_at: env.clock.wall(),
    } as const
    const payload = kind === 'queue_subscribe' ? { kind, ...record } : { kind, ...record }
    return way.send(payload, 'mpreg.queue.subscription', id, { cluster, node }, { acknowledges: true }) !== undefined
  }

  function end(id: string): boolean {
    const subscription = all.get(id)
    if (subscription === undefined) return false
    all.delete(id)
    for (const [queue, local] of subscription.here) queue.unsubscribe(local)
    for (const [node, cluster] of subscription.told) say('queue_unsubscribe', subscription, node, cluster)
    if (all.size === 0) {
      cancelRetelling?.()
      cancelRetelling = undefined
    }
    return true
  }

  return {
    get size() {
      return all.size
    },

    subscribe(init) {
      if (all.size >= SUBSCRIPTIONS_MAX) throw new TooManySubscriptionsError('this node', SUBSCRIPTIONS_MAX)
      const subscription: GlobalSubscription = { ...init, id: env.random.ulid(), here: new Map(), told: new Map() }
      all.set(subscription.id, subscription)
      cancelRetelling ??= env.timers.every(RETELL_MS, tellAgain)
      try {
        for (const queue of queues?.list() ?? []) attach(subscription, queue)
      } catch (error) {
        // Nobody would know its id to end it.
        end(subscription.id)
        throw error
      }
      if (!tell(subscription, deps.announced())) lookIn(RETRY_MS)
      return subscription.id
    },

    unsubscribe: end,

    has: (id) => all.has(id),

    async deliver(request) {
      const subscription = all.get(request.subscription_id ?? '')
      if (subscription === undefined) return 'the subscription has ended'
      try {
        await subscription.deliver({
          message_id: request.request_id,
          topic: request.topic,
          payload: request.payload,
          delivery_guarantee: subscription.guarantee ?? 'at_least_once',
          options: sendOptions(request.queue_name, request.options, defaultOptions(configFrom(undefined))),
          created_at: request.created_at,
          attempt: attemptIn(request.ack_token) ?? 1,
        })
        return null
      } catch (error) {
        return errorLine(error)
      }
    },

    queuesChanged() {
      // Announcements come in bursts.
      if (all.size > 0) lookIn(0)
    },

    nodeLinked(nodeId) {
      for (const subscription of all.values()) if (subscription.told.delete(nodeId)) lookIn(0)
    },

    close() {
      stopObserving?.()
      cancelLook?.()
      cancelRetelling?.()
      for (const { here } of all.values()) for (const [queue, local] of here) queue.unsubscribe(local)
      all.clear()
    },
  }
}
