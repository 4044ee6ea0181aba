/**
 * Messages for queues of other nodes, until their nodes have said that they are enqueued.
 *
 * A request that is not acknowledged in time, or whose link or node was lost, is sent again under the same id; a node of this implementation
 * takes it once. It is given up after the message's retries.
 */
import { type DeadlineHandle, DeadlineQueue, type Env, type LogScope, TransientMap } from '../base/index.ts'
import { logOncePer } from '../telemetry/index.ts'
import type { QueueAck, QueueRequest, QueueSendResult } from '../wire/index.ts'
import type { Destination, FabricWay } from './fabric-way.ts'
import { sendResult } from './send-result.ts'

export interface RemoteSendsDeps {
  readonly env: Pick<Env, 'clock' | 'timers'>
  readonly log: LogScope
  readonly way: FabricWay
  /** Where a queue is now; the node given is kept if it has it still. */
  locate(queue: string, cluster: string, node: string | undefined): Destination
}

export interface RemoteSends {
  /** Resolves when the queue's node has answered, when the tries are used up, or at once where no answer is asked for. */
  send(request: QueueRequest): Promise<QueueSendResult>
  /** False when nothing waits for it. */
  acknowledged(ack: QueueAck): boolean
  linkLost(nodeId: string): void
  /** A queue, or all of a node, was taken back: what was on its way there may have to go elsewhere. */
  nodesChanged(): void
  readonly size: number
  readonly counts: RemoteSendCounts
  close(): void
}

export interface RemoteSendCounts {
  readonly total_federated_messages: number
  readonly successful_deliveries: number
  readonly failed_deliveries: number
  readonly acknowledgments_received: number
  readonly sends_repeated: number
  readonly sends_refused: number
}

/** Nobody answered; the node, or the way to it, may be dead. */
const ACK_TIMEOUT_MS = 60_000
/** Before a message is sent again that did not leave, or whose way broke; doubled each time. */
const RETRY_MS = 1_000
/** Sends under way at once. */
const SENDS_MAX = 10_000
/** Failures of one queue are logged once in this time. */
const FAILURE_LOG_INTERVAL_MS = 10_000

const UNKNOWN = 'not known whether the queue has the message; sent again with the same message_id it is taken once'

class RemoteSend {
  readonly request: QueueRequest
  readonly resolve: (result: QueueSendResult) => void
  readonly acknowledgedBy = new Set<string>()
  to: Destination
  /** The neighbour it went to; undefined while it has not left. */
  hop: string | undefined
  /** It may have got there. */
  hasLeft = false
  tries = 0
  deadline: DeadlineHandle<RemoteSend> | undefined

  constructor(request: QueueRequest, to: Destination, resolve: (result: QueueSendResult) => void) {
    this.request = request
    this.to = to
    this.resolve = resolve
  }
}

export function createRemoteSends({ env, locate, log, way }: RemoteSendsDeps): RemoteSends {
  const { clock } = env
  const failureLog = logOncePer({ clock, intervalMs: FAILURE_LOG_INTERVAL_MS })
  const pending = new TransientMap<RemoteSend>()
  const deadlines = new DeadlineQueue<RemoteSend>({ clock, timers: env.timers, onExpire: again })
  const counts = {
    total_federated_messages: 0,
    successful_deliveries: 0,
    failed_deliveries: 0,
    acknowledgments_received: 0,
    sends_repeated: 0,
    sends_refused: 0,
  }

  function transmit(send: RemoteSend): void {
    const { queue_name: queue, request_id: id, target_cluster: cluster } = send.request
    send.tries++
    send.to = locate(queue, cluster, send.to.node)
    send.hop = way.send(send.request, `mpreg.queue.${queue}`, id, send.to)
    if (send.hop !== undefined) send.hasLeft = true
    if (log.debugOn)
      log.debug(`sent queue=${queue} cluster=${cluster} node=${send.to.node ?? '-'} id=${id} try=${send.tries} next=${send.hop ?? 'none'}`)
  }

  function wait(send: RemoteSend, ms: number): void {
    if (send.deadline !== undefined) deadlines.remove(send.deadline)
    send.deadline = deadlines.add(send, clock.monotonic() + ms)
  }

  /** It need not wait for the end of its time: what it waits for is not likely to come. */
  function hasten(send: RemoteSend): void {
    if (send.deadline !== undefined && send.deadline.deadlineMs > clock.monotonic() + RETRY_MS) wait(send, RETRY_MS)
  }

  const waitAfterTry = (send: RemoteSend): void =>
    wait(send, send.hop === undefined ? RETRY_MS * 2 ** Math.min(send.tries - 1, 5) : ACK_TIMEOUT_MS)

  function again(send: RemoteSend): void {
    send.deadline = undefined
    const { delivery_guarantee: guarantee, options, queue_name, request_id } = send.request
    const retries = guarantee === 'fire_and_forget' ? 0 : (options.max_retries ?? 0)
    if (send.tries > retries) {
      const what = send.hasLeft ? `no acknowledgment after ${send.tries} tries: ${UNKNOWN}` : 'fabric_queue_send_failed'
      return settle(send, what)
    }
    counts.sends_repeated++
    if (log.debugOn) log.debug(`sending again queue=${queue_name} id=${request_id}`)
    transmit(send)
    waitAfterTry(send)
  }

  function settle(send: RemoteSend, error: string | null): void {
    if (send.deadline !== undefined) deadlines.remove(send.deadline)
    pending.delete(send.request.ack_token as string)
    send.resolve(resultOf(send.request, error))
  }

  function resultOf({ queue_name, request_id, target_cluster }: QueueRequest, error: string | null): QueueSendResult {
    if (error === null) counts.successful_deliveries++
    else {
      counts.failed_deliveries++
      failureLog.log(queue_name, (more) =>
        log.warn(`send failed queue=${queue_name} cluster=${target_cluster} id=${request_id} reason=${error}${more}`),
      )
    }
    return sendResult(clock, request_id, error, [target_cluster])
  }

  return {
    get size() {
      return pending.size
    },
    counts,

    send: (request) =>
      new Promise((resolve) => {
        counts.total_federated_messages++
        const send = new RemoteSend(request, locate(request.queue_name, request.target_cluster, undefined), resolve)
        const { ack_token: token } = request
        if (token === null) {
          transmit(send)
          return resolve(resultOf(request, send.hop === undefined ? 'fabric_queue_send_failed' : null))
        }
        if (pending.size >= SENDS_MAX) {
          counts.sends_refused++
          return resolve(resultOf(request, `${SENDS_MAX} sends wait for acknowledgment already; send more slowly`))
        }
        pending.set(token, send)
        transmit(send)
        waitAfterTry(send)
      }),

    acknowledged({ ack_token, acknowledging_cluster, error_message, success }) {
      const send = pending.get(ack_token)
      if (send === undefined) return false
      counts.acknowledgments_received++
      if (!success) settle(send, error_message ?? 'refused by its queue')
      else if (send.acknowledgedBy.add(acknowledging_cluster).size >= send.request.required_cluster_acks) settle(send, null)
      return true
    },

    linkLost(nodeId) {
      for (const send of pending.values()) if (send.hop === nodeId) hasten(send)
    },

    nodesChanged() {
      for (const send of pending.values()) {
        const { queue_name, target_cluster } = send.request
        if (send.to.node !== undefined && locate(queue_name, target_cluster, send.to.node).node !== send.to.node) hasten(send)
      }
    },

    close() {
      for (const send of pending.values()) settle(send, send.hasLeft ? `the node is stopping: ${UNKNOWN}` : 'the node is stopping')
      deadlines.close()
    },
  }
}
