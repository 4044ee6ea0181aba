/** Queues: one series for each, none on a node without queues. */
import type { QueueCounts } from './figures.ts'
import { counterBy, gaugeBy, type MetricSection, type MetricSources } from './metric.ts'

function perQueue(read: (queue: QueueCounts) => number): (sources: MetricSources) => [string, number][] | undefined {
  return ({ figures }) => figures.node.queues?.queues.map((queue) => [queue.name, read(queue)])
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
]
