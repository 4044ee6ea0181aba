/** The node as a process and a server: identity, health, resources, connections, log, alerts, and this service itself. */
import { HEALTH_STATUSES } from '../../wire/index.ts'
import { counter, counterBy, entriesOf, gauge, gaugeBy, histogramBy, info, type MetricSection } from './metric.ts'

export const nodeMetrics: readonly MetricSection[] = [
  {
    title: 'Node',
    metrics: [
      info('node_info', 'Who this node is; always 1.', ['node_id', 'cluster_id', 'version'], ({ identity }) => [
        identity.node_id,
        identity.cluster_id,
        identity.version,
      ]),
      gauge('node_uptime_seconds', 'Time since the node started.', ({ figures }) => figures.node.uptime_seconds),
      gauge('node_ready', '1 when the node can take work, 0 when it can not.', ({ readiness }) => (readiness.ready ? 1 : 0)),
      gaugeBy('check', 'node_readiness_check', 'Each part of readiness by itself: 1 when met.', ({ readiness }) =>
        readiness.checks.map(({ name, ok }) => [name, ok ? 1 : 0]),
      ),
      gauge('health_score_ratio', 'Overall health of the systems, 0 to 1.', ({ unified }) => unified.overall_health.health_score),
      gaugeBy('status', 'health_status', '1 for the status the node is in, 0 for the others.', ({ unified }) =>
        HEALTH_STATUSES.map((status) => [status, unified.overall_health.status === status ? 1 : 0]),
      ),
      gauge('functions', 'Functions registered on this node.', ({ figures }) => figures.node.functions),
    ],
  },
  {
    title: 'Process',
    metrics: [
      counter('process_cpu_seconds', 'Processor time used, user and system.', ({ figures }) => figures.process?.cpu_seconds_total),
      gauge('process_resident_memory_bytes', 'Memory resident in RAM.', ({ figures }) => figures.process?.resident_memory_bytes),
      gauge('process_heap_used_bytes', 'Heap in use by live objects.', ({ figures }) => figures.process?.heap_used_bytes),
      gauge('process_event_loop_delay_p99_seconds', 'How late the event loop runs, 99th percentile.', ({ figures }) => {
        return figures.process?.event_loop_delay_p99_seconds
      }),
      gauge('process_start_time_seconds', 'Unix time at which the process started.', ({ figures }) => figures.process?.start_time_seconds),
    ],
  },
  {
    title: 'Connections and transport',
    metrics: [
      gauge('connections', 'Inbound connections open, of clients and peers.', ({ figures }) => figures.node.connections),
      counter('connections_accepted', 'Inbound connections accepted since the start.', ({ figures }) => figures.node.connections_total),
      counterBy('role', 'frames_received', 'Frames received, by role.', ({ figures }) => entriesOf(figures.node.frames)),
      counter('transport_received_bytes', 'Bytes received, payload only.', ({ figures }) => figures.transport?.bytesReceived),
      counter('transport_sent_bytes', 'Bytes sent, headers included.', ({ figures }) => figures.transport?.bytesSent),
      counter('transport_messages_received', 'Messages received.', ({ figures }) => figures.transport?.messagesReceived),
      counter('transport_messages_sent', 'Messages sent.', ({ figures }) => figures.transport?.messagesSent),
      counter('transport_dials', 'Connections dialled that came about.', ({ figures }) => figures.transport?.dialed),
      counter('transport_dial_failures', 'Connections dialled that did not come about.', ({ figures }) => figures.transport?.dialFailures),
      counter('transport_refused', 'Connections refused: credentials, origin, certificate, or no room.', ({ figures }) => {
        return figures.transport?.refused
      }),
      counter('transport_malformed', 'Messages that were not text.', ({ figures }) => figures.transport?.malformed),
      gaugeBy(
        'endpoint',
        'transport_health_score_ratio',
        'Health of the connections of an endpoint, 0 to 1.',
        ({ transport }) => Object.values(transport).map((snapshot) => [snapshot.endpoint, snapshot.overall_health_score]),
        { overflow: 'lowest' },
      ),
      gaugeBy('endpoint', 'transport_failed_connections', 'Connections of an endpoint in bad health.', ({ transport }) => {
        return Object.values(transport).map((snapshot) => [snapshot.endpoint, snapshot.failed_connections])
      }),
    ],
  },
  {
    title: 'Log and alerts',
    metrics: [
      counterBy('level', 'log_lines', 'Log lines written, by level.', ({ figures }) => entriesOf(figures.log?.lines)),
      counter('log_lines_dropped', 'Log lines lost because the sink failed.', ({ figures }) => figures.log?.dropped),
      gaugeBy('severity', 'alerts_active', 'Alerts that fire, by severity.', ({ alerts }) => {
        const counts = { info: 0, warning: 0, error: 0, critical: 0, emergency: 0 }
        for (const { severity } of alerts) counts[severity]++
        return Object.entries(counts)
      }),
      counterBy('outcome', 'alert_notifications', 'Alert notifications, by what became of them.', ({ figures }) => {
        return entriesOf(figures.notifications && { ...figures.notifications })
      }),
    ],
  },
  {
    title: 'Monitoring service',
    metrics: [
      gaugeBy('store', 'telemetry_store_entries', 'What telemetry remembers, by store.', ({ figures }) =>
        Object.entries(figures.stores ?? {}).map(([store, { entries }]) => [store, entries]),
      ),
      gaugeBy('store', 'telemetry_store_entries_max', 'How much there is room for in each store; the oldest makes room.', ({ figures }) =>
        Object.entries(figures.stores ?? {}).map(([store, { max }]) => [store, max]),
      ),
      histogramBy('route', 'monitor_request_duration_seconds', 'Time to answer a request of this service, by route.', ({ requests }) => {
        return requests
      }),
    ],
  },
]
