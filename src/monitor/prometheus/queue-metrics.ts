/** Queues: one series for each, none on a node without queues. */
import type { FabricQueueCounts, QueueCounts } from './figures.ts'
import { counter, counterBy, gauge, gaugeBy, type MetricSection, type MetricSources } from './metric.ts'

function perQueue(read: (queue: QueueCounts) => number): (sources: MetricSources) => [string, number][] | undefined {
  return ({ figures }) => figures.node.queues?.queues.map((queue) => [queue.name, read(queue)])
}

/** Absent on a node without queues, which only passes on. */
function fabric<T>(read: (of: FabricQueueCounts) => T): (sources: MetricSources) => T | undefined {
  return ({ figures: { node } }) => (node.queues === undefined || node.reach === undefined ? undefined : read(node.reach.queues))
}

export const queueMetrics: readonly MetricSection[] = [
  {
    title: 'Queues',
    metrics: [
      gaugeBy(
        'queue',
        'queue_messages_waiting',
        'Messages that wait: for a consumer, or for their time.',
        perQueue((of) => of.current_queue_size),
      ),
      gaugeBy(
        'queue',
        'queue_messages_in_flight',
        'Messages delivered and not acknowledged yet.',
        perQueue((of) => of.current_in_flight_count),
      ),
      gaugeBy(
        'queue',
        'queue_subscriptions',
        'Subscribers that messages are pushed to.',
        perQueue((of) => of.subscriptions),
      ),
      gaugeBy(
        'queue',
        'queue_receivers_waiting',
        'Consumers that wait for a message.',
        perQueue((of) => of.waiting_receivers),
      ),
      gaugeBy(
        'queue',
        'queue_dead_letters',
        'Messages that were given up and are kept.',
        perQueue((of) => of.dead_letters),
      ),
      counterBy(
        'queue',
        'queue_messages_sent',
        'Messages taken in.',
        perQueue((of) => of.messages_sent),
      ),
      counterBy(
        'queue',
        'queue_messages_delivered',
        'Deliveries, one for each consumer a message went to.',
        perQueue((of) => of.messages_received),
      ),
      counterBy(
        'queue',
        'queue_messages_acknowledged',
        'Messages that were processed.',
        perQueue((of) => of.messages_acknowledged),
      ),
      counterBy(
        'queue',
        'queue_messages_failed',
        'Messages that were given up.',
        perQueue((of) => of.messages_failed),
      ),
      counterBy(
        'queue',
        'queue_messages_requeued',
        'Times a message came back to be delivered again.',
        perQueue((of) => of.messages_requeued),
      ),
      counterBy(
        'queue',
        'queue_messages_expired',
        'Messages that waited longer than they may.',
        perQueue((of) => of.messages_expired),
      ),
      counterBy(
        'queue',
        'queue_messages_refused',
        'Messages refused because the queue was full.',
        perQueue((of) => of.messages_refused),
      ),
      counterBy(
        'queue',
        'queue_messages_duplicate',
        'Messages refused because the same had been sent.',
        perQueue((of) => of.messages_duplicate),
      ),
      counterBy(
        'queue',
        'queue_messages_redriven',
        'Dead letters put back into the queue.',
        perQueue((of) => of.messages_redriven),
      ),
      counterBy(
        'queue',
        'queue_dead_letters_dropped',
        'Dead letters that made room for newer ones.',
        perQueue((of) => of.dead_letters_dropped),
      ),
      counterBy(
        'queue',
        'queue_in_flight_pauses',
        'Times deliveries paused because too many went without acknowledgement.',
        perQueue((of) => of.in_flight_pauses),
      ),
      gaugeBy(
        'queue',
        'queue_processing_time_average_seconds',
        'Mean time from delivery to acknowledgement since the start.',
        perQueue((of) => of.average_processing_time_seconds),
        { overflow: 'highest' },
      ),
    ],
  },
  {
    title: 'Queues of other nodes',
    metrics: [
      gauge(
        'queue_remote_queues',
        'Queues that other nodes announce.',
        fabric((of) => of.known_remote_queues),
      ),
      counterBy(
        'outcome',
        'queue_remote_sends',
        'Messages sent to queues of other nodes, by what became of them.',
        fabric((of) => [
          ['enqueued', of.successful_deliveries],
          ['failed', of.failed_deliveries],
        ]),
      ),
      gauge(
        'queue_remote_sends_pending',
        'Sends that wait for acknowledgement.',
        fabric((of) => of.sends_pending),
      ),
      counter(
        'queue_remote_sends_repeated',
        'Times a message was sent again.',
        fabric((of) => of.sends_repeated),
      ),
      counterBy(
        'outcome',
        'queue_remote_requests',
        'Messages of other nodes for queues of this one, by what became of them.',
        fabric((of) => [
          ['enqueued', of.requests_enqueued],
          ['refused', of.requests_refused],
          ['duplicate', of.requests_duplicate],
        ]),
      ),
      gauge(
        'queue_remote_subscriptions',
        'Subscriptions of other nodes to queues of this one.',
        fabric((of) => of.remote_subscriptions),
      ),
      counter(
        'queue_remote_deliveries_sent',
        'Messages pushed to subscribers of other nodes.',
        fabric((of) => of.deliveries_sent),
      ),
      gauge(
        'queue_fabric_subscriptions',
        'Subscriptions of this node to queues wherever they are.',
        fabric((of) => of.active_subscriptions),
      ),
      counter(
        'queue_remote_deliveries_received',
        'Messages that queues of other nodes pushed here.',
        fabric((of) => of.deliveries_received),
      ),
      counterBy(
        'reason',
        'queue_fabric_messages_dropped',
        'Messages about queues that went no further, by reason.',
        fabric((of) => [
          ['no_way', of.stopped],
          ['returned', of.returned],
          ['malformed', of.malformed],
          ['late_acknowledgment', of.late_acknowledgments],
          ['subscription_refused', of.subscriptions_refused],
          ['send_refused', of.sends_refused],
        ]),
      ),
      counter(
        'queue_fabric_messages_passed_on',
        'Messages about queues passed on between other nodes.',
        fabric((of) => of.passed_on),
      ),
    ],
  },
]
