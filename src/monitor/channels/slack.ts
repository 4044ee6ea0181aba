/** Slack, by an incoming webhook (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). */

import { type AlertBackend, type AlertNotification, refused } from '../../telemetry/index.ts'
import type { Alert } from '../../wire/index.ts'
import { postJson, webhookUrlOf } from './http-post.ts'

export const slackBackend: AlertBackend = {
  send(notification, config, signal) {
    const url = webhookUrlOf(config)
    if (url === undefined) return Promise.resolve(refused('webhook_url is required'))
    return postJson({ url, document: slackPayload(notification), isSuccess: (status) => status === 200 }, signal)
  },
}

/** A body that is a JSON object is the message itself; any other is its text. Without a template the alert is an attachment. */
function slackPayload({ alert, body, templated }: AlertNotification): unknown {
  if (templated) return parsedObject(body) ?? { text: body }
  return { attachments: [attachment(alert)] }
}

const COLOURS: Readonly<Record<Alert['severity'], string>> = {
  info: 'good',
  warning: 'warning',
  error: 'danger',
  critical: '#ff0000',
  emergency: '#ff0000',
}

function attachment(alert: Alert): unknown {
  const field = (title: string, value: string | number, short: boolean) => ({ title, value: escaped(String(value)), short })
  return {
    color: COLOURS[alert.severity],
    title: escaped(`${alert.severity.toUpperCase()}: ${alert.metric_name}`),
    fields: [
      field('Cluster', alert.cluster_id, true),
      field('Metric', alert.metric_name, true),
      field('Current Value', alert.current_value, true),
      field('Threshold', alert.threshold_value, true),
      field('Message', alert.message, false),
    ],
    ts: Math.floor(alert.timestamp),
  }
}

/** Angle brackets would mention a channel or fake a link. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function parsedObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
