/** RPC, publish/subscribe, and what all systems have in common. */
import { MONITORED_SYSTEMS, type SystemMetrics } from '../../wire/index.ts'
import { counter, counterBy, entriesOf, gauge, gaugeBy, histogramBy, type MetricSection, type MetricSources } from './metric.ts'

/** One series for each system the node has. */
function perSystem(read: (metrics: SystemMetrics) => number): (sources: MetricSources) => Iterable<readonly [string, number | undefined]> {
  return ({ unified }) =>
    MONITORED_SYSTEMS.map((system) => {
      const metrics = unified[system]
      return [system, metrics === null ? undefined : read(metrics)]
    })
}

export const systemMetrics: readonly MetricSection[] = [
  {
    title: 'Systems',
    metrics: [
      gaugeBy(
        'system',
        'system_requests_per_second',
        'Operations a second over the last minute.',
        perSystem((of) => of.requests_per_second),
      ),
      gaugeBy(
        'system',
        'system_error_ratio',
        'Share of operations that failed lately, 0 to 1.',
        perSystem((of) => of.error_rate_percent / 100),
      ),
      gaugeBy(
        'system',
        'system_latency_average_seconds',
        'Mean latency of recent operations.',
        perSystem((of) => of.average_latency_ms / 1000),
      ),
      gaugeBy(
        'system',
        'system_latency_p95_seconds',
        '95th percentile of recent latencies.',
        perSystem((of) => of.p95_latency_ms / 1000),
      ),
      gaugeBy(
        'system',
        'system_latency_p99_seconds',
        '99th percentile of recent latencies.',
        perSystem((of) => of.p99_latency_ms / 1000),
      ),
      gaugeBy(
        'system',
        'system_connections',
        'Connections the system uses.',
        perSystem((of) => of.active_connections),
      ),
      gaugeBy(
        'system',
        'system_operations_last_hour',
        'Operations in the last hour.',
        perSystem((of) => of.total_operations_last_hour),
      ),
      histogramBy('system', 'operation_duration_seconds', 'Duration of operations since the start.', ({ figures }) => {
        return entriesOf(figures.durations)
      }),
      gauge('correlations_active', 'Requests under way that cross systems.', ({ unified }) => {
        return unified.performance_summary.total_active_correlations
      }),
      gauge('correlations', 'Correlation chains remembered.', ({ unified }) => unified.correlation_metrics.total_cross_system_correlations),
    ],
  },
  {
    title: 'RPC',
    metrics: [
      counter('rpc_requests', 'Requests answered.', ({ figures }) => figures.node.rpc.requests_total),
      counter('rpc_requests_failed', 'Requests answered with an error.', ({ figures }) => figures.node.rpc.requests_failed),
      counter('rpc_requests_timed_out', 'Requests whose deadline passed.', ({ figures }) => figures.node.rpc.requests_timed_out),
      counter('rpc_requests_overloaded', 'Requests refused because too many were under way.', ({ figures }) => {
        return figures.node.rpc.requests_overloaded
      }),
      gauge('rpc_requests_in_flight', 'Requests under way.', ({ figures }) => figures.node.rpc.requests_in_flight),
      counter('rpc_commands', 'Commands run, several of which one request may hold.', ({ figures }) => figures.node.rpc.commands_total),
      gauge('rpc_worker_threads', 'Worker threads running.', ({ figures }) => figures.node.workers.threads),
      gauge('rpc_worker_calls_waiting', 'Calls waiting for a worker thread.', ({ figures }) => figures.node.workers.waiting),
      counter('rpc_worker_calls', 'Calls that worker threads completed.', ({ figures }) => figures.node.workers.completed),
      counter('rpc_calls_sent', 'Calls sent to other nodes.', ({ figures }) => figures.node.reach?.rpc.calls_sent),
      counter('rpc_calls_answered', 'Calls that other nodes answered.', ({ figures }) => figures.node.reach?.rpc.calls_answered),
      counter('rpc_calls_moved', 'Calls sent to a second node because the first could not be reached.', ({ figures }) => {
        return figures.node.reach?.rpc.calls_moved
      }),
      counter('rpc_calls_lost', 'Calls whose node was lost before it answered.', ({ figures }) => figures.node.reach?.rpc.calls_lost),
      gauge('rpc_calls_pending', 'Calls waiting for the answer of another node.', ({ figures }) => figures.node.reach?.rpc.calls_pending),
      counter('rpc_remote_requests', 'Calls of other nodes run here.', ({ figures }) => figures.node.reach?.rpc.requests_executed),
      counter(
        'rpc_remote_requests_refused',
        'Calls of other nodes refused here.',
        ({ figures }) => figures.node.reach?.rpc.requests_refused,
      ),
      counter('rpc_relayed', 'Calls and answers passed on between other nodes.', ({ figures }) => figures.node.reach?.rpc.relayed),
      counter('rpc_loops', 'Calls dropped because they had been here before.', ({ figures }) => figures.node.reach?.rpc.loops),
      counter('rpc_hop_budget_exhausted', 'Calls dropped because they had travelled too far.', ({ figures }) => {
        return figures.node.reach?.rpc.hop_budget_exhausted
      }),
      counter(
        'rpc_replies_undeliverable',
        'Answers that no way led back for.',
        ({ figures }) => figures.node.reach?.rpc.replies_undeliverable,
      ),
      counter(
        'fabric_messages_malformed',
        'Messages of other nodes that could not be read.',
        ({ figures }) => figures.node.reach?.malformed,
      ),
      counterBy('reason', 'fabric_messages_refused', 'Messages of other nodes that were refused, by reason.', ({ figures }) => {
        return entriesOf(figures.node.reach?.refused)
      }),
    ],
  },
  {
    title: 'Publish and subscribe',
    metrics: [
      gauge('pubsub_subscriptions', 'Subscriptions held.', ({ figures }) => figures.node.pubsub.active_subscriptions),
      gauge('pubsub_subscribers', 'Connections that hold subscriptions.', ({ figures }) => figures.node.pubsub.active_subscribers),
      counter('pubsub_messages_published', 'Messages published here.', ({ figures }) => figures.node.pubsub.messages_published),
      counter(
        'pubsub_messages_delivered',
        'Notifications delivered to subscribers.',
        ({ figures }) => figures.node.pubsub.messages_delivered,
      ),
      gauge(
        'pubsub_backlog_messages',
        'Messages kept for late subscribers.',
        ({ figures }) => figures.node.pubsub.backlog_stats.total_messages,
      ),
      gauge('pubsub_backlog_bytes', 'Size of the messages kept for late subscribers.', ({ figures }) => {
        return figures.node.pubsub.backlog_stats.total_size_bytes
      }),
      counter(
        'pubsub_backlog_dropped',
        'Messages the backlog had no room for.',
        ({ figures }) => figures.node.pubsub.backlog_stats.dropped_total,
      ),
      counter('pubsub_copies_sent', 'Copies sent to other nodes.', ({ figures }) => figures.node.reach?.pubsub.copies_sent),
      counter('pubsub_copies_failed', 'Copies that could not be sent.', ({ figures }) => figures.node.reach?.pubsub.copies_failed),
      gauge('pubsub_copies_waiting', 'Copies waiting for a slow link.', ({ figures }) => figures.node.reach?.pubsub.copies_waiting),
      counter('pubsub_relayed', 'Messages passed on between other nodes.', ({ figures }) => figures.node.reach?.pubsub.relayed),
    ],
  },
]
