/** What the notifier counts: deliveries by outcome and backend, and what was not sent. */
import { BoundedQueue, type Clock, SlidingWindow } from '../../base/index.ts'
import type { AlertBackendName, AlertDelivery } from './notification.ts'

export interface DeliveryStats {
  readonly total_sent: number
  readonly successful_deliveries: number
  readonly failed_deliveries: number
  /** Null before the first delivery, as is the latency. */
  readonly success_rate_percent: number | null
  readonly average_latency_ms: number | null
  /** Notifications a channel's rate limit held back. */
  readonly rate_limited: number
}

export interface BackendStats {
  readonly sent: number
  readonly success: number
  readonly failed: number
}

export interface NotifierStatistics {
  readonly enabled: boolean
  readonly active_alerts: number
  /** Open aggregates. */
  readonly aggregated_alerts: number
  /** Escalation levels still to come. */
  readonly pending_escalations: number
  readonly configured_channels: number
  readonly routing_rules: number
  readonly escalation_policies: number
  readonly delivery_stats: DeliveryStats
  /** Of those backends that were used. */
  readonly backend_stats: Readonly<Partial<Record<AlertBackendName, BackendStats>>>
  /** Deliveries of the last hour. */
  readonly recent_deliveries: number
}

export interface DeliveryLedger {
  /** A notification was held back by its channel's rate limit. */
  countLimited(): void
  record(delivery: AlertDelivery): void
  /** The latest `limit`, newest last. */
  deliveries(limit?: number): readonly AlertDelivery[]
  statistics(): Pick<NotifierStatistics, 'delivery_stats' | 'backend_stats' | 'recent_deliveries'>
}

const HISTORY_MAX = 10_000

export function createDeliveryLedger(clock: Pick<Clock, 'monotonic'>): DeliveryLedger {
  const history = new BoundedQueue<AlertDelivery>({ capacity: HISTORY_MAX, whenFull: 'drop-oldest' })
  const lastHour = new SlidingWindow(clock, { windowMs: 3_600_000, buckets: 60 })
  const backends = new Map<AlertBackendName, { sent: number; success: number; failed: number }>()
  let sent = 0
  let successful = 0
  let totalMs = 0
  let rateLimited = 0

  return {
    countLimited() {
      rateLimited++
    },
    record(delivery) {
      const { backend, success, delivery_time_ms } = delivery
      const counts = backends.get(backend) ?? { sent: 0, success: 0, failed: 0 }
      backends.set(backend, counts)
      sent++
      counts.sent++
      counts[success ? 'success' : 'failed']++
      if (success) successful++
      totalMs += delivery_time_ms
      lastHour.record()
      history.push(delivery)
    },
    deliveries(limit = HISTORY_MAX) {
      const all = [...history]
      return all.slice(Math.max(0, all.length - limit))
    },
    statistics() {
      return {
        delivery_stats: {
          total_sent: sent,
          successful_deliveries: successful,
          failed_deliveries: sent - successful,
          success_rate_percent: sent === 0 ? null : (100 * successful) / sent,
          average_latency_ms: sent === 0 ? null : totalMs / sent,
          rate_limited: rateLimited,
        },
        backend_stats: Object.fromEntries([...backends].map(([backend, counts]) => [backend, { ...counts }])),
        recent_deliveries: lastHour.total(),
      }
    },
  }
}
