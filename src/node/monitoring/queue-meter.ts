/**
 * What queues do, for the unified monitor. An operation is a message that was sent; its outcome is known when it is acknowledged or given up.
 * Latency is the time from delivery to acknowledgement, and error rates are the share of those given up among outcomes: a message that waits has
 * neither succeeded nor failed.
 */
import type { Clock, Histogram } from '../../base/index.ts'
import type { QueueObserver } from '../../queue/index.ts'
import { createSystemMeter, type EventLog, type SystemReading } from '../../telemetry/index.ts'

export interface QueueMeterDeps {
  readonly clock: Clock
  /** The node's name. */
  readonly systemName: string
  readonly events: Pick<EventLog, 'answered' | 'tell'>
  subscriptions(): number
}

export interface QueueMeter extends QueueObserver {
  metrics(): SystemReading
  /** Processing times in ms since the start. */
  lifetimeLatencies(): Histogram
}

export function createQueueMeter({ clock, events, subscriptions, systemName }: QueueMeterDeps): QueueMeter {
  const init = { system: 'queue', systemName, activeConnections: subscriptions } as const
  const sends = createSystemMeter(clock, init)
  const ends = createSystemMeter(clock, init)

  return {
    sent: () => sends.record(null, true),
    acknowledged(queue, { message_id }, processingMs) {
      const nowMs = clock.monotonic()
      ends.record(processingMs, true, nowMs)
      events.answered(message_id, 'queue', queue, processingMs, nowMs)
    },
    failed(queue, { message_id }, reason) {
      const nowMs = clock.monotonic()
      ends.record(null, false, nowMs)
      events.answered(message_id, 'queue', queue, 0, nowMs, reason)
    },
    routed: (queue, { messageId }, { error_message: error, message_id, success: ok }) => {
      events.tell({
        kind: 'enqueue',
        id: messageId,
        queue,
        messageId: message_id,
        from: 'pubsub',
        latencyMs: 0,
        ok,
        ...(error !== null && { error }),
      })
    },
    metrics() {
      const { operations_last_5_minutes, requests_per_second, total_operations, total_operations_last_hour } = sends.metrics()
      return { ...ends.metrics(), operations_last_5_minutes, requests_per_second, total_operations, total_operations_last_hour }
    },
    lifetimeLatencies: ends.lifetimeLatencies,
  }
}
