/**
 * Subscriptions of other nodes to queues of this one. Each is a subscriber of every queue whose name matches, those made later included; what it
 * is handed is sent to its node. A node of this implementation acknowledges it there; for others it is acknowledged when it has left.
 */
import { type LogScope, matchesTopicGlob } from '../base/index.ts'
import { errorLine, type QueueAck, type QueueRequest, type QueueSubscribe, type ReceivedQueueMessage } from '../wire/index.ts'
import { deliveryToken, readDeliveryToken } from './delivery-token.ts'
import type { FabricWay } from './fabric-way.ts'
import type { Queue } from './queue.ts'
import type { Queues } from './queues.ts'

export interface RemoteSubscriptionsDeps {
  readonly log: LogScope
  readonly clusterId: string
  readonly way: FabricWay
  readonly queues: Queues
  /** Whether a node is known to be there. */
  isKnown(nodeId: string): boolean
}

export interface RemoteSubscriptions {
  readonly size: number
  /** @param node that has the subscriber; @param acknowledges it says when the subscriber has taken a message */
  subscribe(record: QueueSubscribe, node: string, acknowledges: boolean): void
  unsubscribe(subscriptionId: string, node: string): boolean
  /** What became of a delivery. False when the acknowledgement is not one of a delivery. */
  acknowledged(ack: QueueAck): boolean
  /** A node has gone: nothing is kept in flight for it. */
  nodeGone(nodeId: string): void
  readonly counts: { readonly deliveries_sent: number; readonly subscriptions_refused: number }
  close(): void
}

const SUBSCRIPTIONS_MAX = 10_000

interface RemoteSubscription {
  readonly record: QueueSubscribe
  readonly node: string
  readonly acknowledges: boolean
  /** Its name at the queues: no two nodes or subscriptions have the same. */
  readonly subscriber: string
  readonly here: Map<Queue, string>
}

/** The way to a subscriber's node is broken: the message stays in its queue. */
const UNSENT = new Error('fabric_queue_send_failed')

export function createRemoteSubscriptions({ clusterId, isKnown, log, queues, way }: RemoteSubscriptionsDeps): RemoteSubscriptions {
  const all = new Map<string, RemoteSubscription>()
  const counts = { deliveries_sent: 0, subscriptions_refused: 0 }
  const stopObserving = queues.observe({
    created: (queue) => {
      for (const subscription of all.values()) attach(subscription, queue)
    },
    removed: (queue) => {
      for (const { here } of all.values()) here.delete(queue)
    },
  })

  function attach(subscription: RemoteSubscription, queue: Queue): void {
    const { acknowledges, here, record, subscriber: subscriberId } = subscription
    if (!matchesTopicGlob(record.queue_pattern, queue.name)) return
    const deliver = (message: ReceivedQueueMessage) => send(subscription, queue.name, message)
    try {
      here.set(queue, queue.subscribe({ subscriberId, topicPattern: record.topic_pattern, autoAcknowledge: !acknowledges, deliver }))
    } catch (error) {
      counts.subscriptions_refused++
      log.warn(`subscription refused id=${record.subscription_id} queue=${queue.name}: ${errorLine(error)}`)
    }
  }

  function send({ acknowledges, node, record, subscriber }: RemoteSubscription, queue: string, message: ReceivedQueueMessage): void {
    const { message_id: id } = message
    const request: QueueRequest = {
      kind: 'queue_request',
      request_id: id,
      queue_name: queue,
      topic: message.topic,
      payload: message.payload,
      delivery_guarantee: record.delivery_guarantee,
      source_cluster: clusterId,
      target_cluster: record.source_cluster,
      subscription_id: record.subscription_id,
      subscriber_id: record.subscriber_id,
      ack_token: acknowledges ? deliveryToken({ queue, messageId: id, subscriber, attempt: message.attempt }) : null,
      required_cluster_acks: acknowledges ? 1 : 0,
      options: message.options,
      created_at: message.created_at,
    }
    const hop = way.send(request, `mpreg.queue.${queue}`, id, { cluster: record.source_cluster, node: node === '' ? undefined : node })
    if (log.debugOn) log.debug(`delivery queue=${queue} id=${id} subscriber=${subscriber} next=${hop ?? 'none'}`)
    if (hop !== undefined) {
      counts.deliveries_sent++
      return
    }
    // Nobody answers for it any more: the queue is for others.
    if (!isKnown(node)) end(record.subscription_id, 'its node is gone', true)
    throw UNSENT
  }

  function end(id: string, why: string, isGone: boolean): void {
    const subscription = all.get(id)
    if (subscription === undefined) return
    all.delete(id)
    for (const [queue, local] of subscription.here) queue.unsubscribe(local, isGone)
    log.info(`subscription ended id=${id} subscriber=${subscription.subscriber} reason=${why}`)
  }

  return {
    get size() {
      return all.size
    },
    counts,

    subscribe(record, node, acknowledges) {
      const { source_cluster, subscriber_id, subscription_id: id } = record
      const known = all.get(id)
      // Told again, or somebody else's id.
      if (known !== undefined) {
        if (known.node !== node) counts.subscriptions_refused++
        return
      }
      if (all.size >= SUBSCRIPTIONS_MAX) {
        counts.subscriptions_refused++
        log.warn(`subscription refused id=${id} from=${node}: there are ${SUBSCRIPTIONS_MAX} of other nodes already`)
        return
      }
      const subscriber = `${source_cluster}/${subscriber_id}/${id}`
      const subscription: RemoteSubscription = { record, node, acknowledges, subscriber, here: new Map() }
      all.set(id, subscription)
      for (const queue of queues.list()) attach(subscription, queue)
      log.info(
        `subscription made id=${id} subscriber=${subscriber} node=${node} queues=${record.queue_pattern} topics=${record.topic_pattern}`,
      )
    },

    unsubscribe(id, node) {
      if (all.get(id)?.node !== node) return false
      end(id, 'it was ended by its subscriber', false)
      return true
    },

    acknowledged({ ack_token, error_message, success }) {
      const token = readDeliveryToken(ack_token)
      if (token === undefined) return false
      const { attempt, messageId, queue, subscriber } = token
      const found = queues.get(queue)
      if (success) found?.acknowledge(messageId, subscriber, attempt)
      else found?.reject(messageId, subscriber, { attempt, detail: error_message })
      return true
    },

    nodeGone(nodeId) {
      for (const [id, { node }] of all) if (node === nodeId) end(id, 'its node has gone', true)
    },

    close() {
      stopObserving()
      for (const id of [...all.keys()]) end(id, 'this node stops', false)
    },
  }
}
