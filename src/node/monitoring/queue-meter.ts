/**
 * What queues do, for the unified monitor: as much as is sent to them, as fast as it is processed (from delivery to acknowledgement), and
 * failing as often as a message that came to an end is dead.
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
      const { requests_per_second, total_operations, total_operations_last_hour } = sends.metrics()
      return { ...ends.metrics(), requests_per_second, total_operations, total_operations_last_hour }
    },
    lifetimeLatencies: ends.lifetimeLatencies,
  }
}
