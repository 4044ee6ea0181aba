/**
 * PagerDuty, by its Events API v2 (developer.pagerduty.com/docs/events-api-v2-overview).
 *
 * An alert opens an incident under its own id, so that being told twice is one incident, and resolving the alert resolves the incident.
 */

import { type AlertBackend, type AlertNotification, isoTime, refused } from '../../telemetry/index.ts'
import type { Alert } from '../../wire/index.ts'
import { postJson } from './http-post.ts'

/** Accounts of the EU service region set `events_url`. */
const EVENTS_URL = 'https://events.pagerduty.com/v2/enqueue'
const SUMMARY_CHARACTERS_MAX = 1_024

export const pagerdutyBackend: AlertBackend = {
  keepsIncidents: true,
  send(notification, { routing_key, events_url }, signal) {
    if (typeof routing_key !== 'string' || routing_key === '') return Promise.resolve(refused('routing_key is required'))
    const url = typeof events_url === 'string' ? events_url : EVENTS_URL
    return postJson({ url, document: pagerdutyEvent(notification, routing_key), isSuccess: (status) => status < 300 }, signal)
  },
}

function pagerdutyEvent({ action, alert, aggregate }: AlertNotification, routingKey: string): unknown {
  const event = { routing_key: routingKey, event_action: action, dedup_key: alert.alert_id }
  if (action === 'resolve') return event
  const payload = {
    summary: alert.message.slice(0, SUMMARY_CHARACTERS_MAX),
    source: alert.cluster_id,
    severity: SEVERITIES[alert.severity],
    timestamp: isoTime(alert.timestamp),
    class: alert.metric_name,
    custom_details: aggregate === null ? alert : { ...alert, aggregate },
  }
  return { ...event, payload }
}

/** PagerDuty knows four. */
const SEVERITIES: Readonly<Record<Alert['severity'], string>> = {
  info: 'info',
  warning: 'warning',
  error: 'error',
  critical: 'critical',
  emergency: 'critical',
}
