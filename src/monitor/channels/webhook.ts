/** Webhooks of one's own: the alert's ten fields as JSON, with its wording where a template gives one. */
import { type AlertBackend, type AlertNotification, type ChannelConfig, refused } from '../../telemetry/index.ts'
import { postJson, webhookUrlOf } from './http-post.ts'

export const webhookBackend: AlertBackend = {
  send(notification, config, signal) {
    const url = webhookUrlOf(config)
    if (url === undefined) return Promise.resolve(refused('webhook_url is required'))
    const post = { url, document: webhookPayload(notification), headers: headersOf(config) }
    // A redirect is none: see http-post.ts.
    return postJson({ ...post, isSuccess: (status) => status < 300 }, signal)
  },
}

/** An aggregate comes in the shape of an alert, with the aggregate itself beside it. */
function webhookPayload({ alert, aggregate, subject, body, templated }: AlertNotification): Record<string, unknown> {
  return {
    ...alert,
    ...(templated && { formatted_subject: subject, formatted_body: body }),
    ...(aggregate !== null && { aggregate }),
  }
}

function headersOf({ headers }: ChannelConfig): Record<string, string> {
  if (typeof headers !== 'object' || headers === null) return {}
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}
