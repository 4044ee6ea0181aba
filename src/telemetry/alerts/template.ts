/**
 * How an alert is worded: templates with placeholders in braces, and what is said without one.
 *
 * Values come from anywhere (a cluster names itself), so they are escaped for the place they go to: within JSON they can not end a string,
 * and in Slack they can not mention a channel.
 */
import type { Alert } from '../../wire/index.ts'
import type { AlertBackendName, AlertTemplate } from './notification.ts'

const PLACEHOLDERS = ['severity', 'cluster_id', 'metric_name', 'current_value', 'threshold_value', 'message', 'timestamp'] as const
type Placeholder = (typeof PLACEHOLDERS)[number]

export interface Wording {
  readonly subject: string
  readonly body: string
}

/** Used by channels that name no template, and replaced by a configured one of the same id. */
export const DEFAULT_TEMPLATES: readonly AlertTemplate[] = [
  {
    template_id: 'default_console',
    name: 'Console',
    backend: 'console',
    subject_template: '{severity}: {metric_name} in cluster {cluster_id}',
    body_template: '{message}\nvalue {current_value}, limit {threshold_value}, since {timestamp}',
    metadata: {},
  },
  {
    template_id: 'default_slack',
    name: 'Slack',
    backend: 'slack',
    subject_template: '{severity}: {metric_name} in cluster {cluster_id}',
    body_template: '*{severity}* {message}\n`{metric_name}` is {current_value}, limit {threshold_value}, since {timestamp}',
    metadata: {},
  },
]

/** The wording of an alert by a template. A body that is JSON with placeholders in its strings stays JSON. */
export function render(template: AlertTemplate, alert: Alert): Wording {
  const look = values(alert, template.backend)
  const inJson = isJson(template.body_template) ? (name: Placeholder) => JSON.stringify(look(name)).slice(1, -1) : look
  return { subject: fill(template.subject_template, look), body: fill(template.body_template, inJson) }
}

export function plainWording(alert: Alert): Wording {
  const { severity, metric_name, cluster_id, current_value, threshold_value, message } = alert
  return {
    subject: `ALERT: ${severity.toUpperCase()} - ${metric_name}`,
    body: [
      message,
      '',
      `Cluster:   ${cluster_id}`,
      `Metric:    ${metric_name}`,
      `Value:     ${current_value}`,
      `Threshold: ${threshold_value}`,
      `Since:     ${isoTime(alert.timestamp)}`,
    ].join('\n'),
  }
}

function values(alert: Alert, backend: AlertBackendName): (name: Placeholder) => string {
  return (name) => {
    const value = rawValue(alert, name)
    return backend === 'slack' ? value.replace(/[&<>]/g, (character) => SLACK_ESCAPES[character] as string) : value
  }
}

const SLACK_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

function rawValue(alert: Alert, name: Placeholder): string {
  if (name === 'severity') return alert.severity.toUpperCase()
  if (name === 'timestamp') return isoTime(alert.timestamp)
  return String(alert[name])
}

const placeholder = new RegExp(`\\{(${PLACEHOLDERS.join('|')})\\}`, 'g')

/** Braces around anything else stay as they are. */
function fill(template: string, look: (name: Placeholder) => string): string {
  return template.replace(placeholder, (_, name: Placeholder) => look(name))
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Unix seconds as `2026-01-31T09:05:07.042Z`. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
