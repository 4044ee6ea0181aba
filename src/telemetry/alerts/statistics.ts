/** What the notifier counts: deliveries by outcome and backend, and what was not sent. */
import { type Clock, SlidingWindow } from '../../base/index.ts'
import type { AlertBackendName } from './notification.ts'

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
  /** A notification was sent to its channel, retries included, and arrived or did not. */
  record(backend: AlertBackendName, success: boolean, durationMs: number): void
  statistics(): Pick<NotifierStatistics, 'delivery_stats' | 'backend_stats' | 'recent_deliveries'>
}

export function createDeliveryLedger(clock: Pick<Clock, 'monotonic'>): DeliveryLedger {
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
    record(backend, success, durationMs) {
      const counts = backends.get(backend) ?? { sent: 0, success: 0, failed: 0 }
      backends.set(backend, counts)
      sent++
      counts.sent++
      counts[success ? 'success' : 'failed']++
      if (success) successful++
      totalMs += durationMs
      lastHour.record()
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
