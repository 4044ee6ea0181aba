/** `/alerts…`: what fires, what has fired, and acknowledging it. */
import { type Alert, monitoringAnswers, type SeverityBreakdown } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { RequestRefusal } from '../errors.ts'
import type { MonitorRoute } from '../route.ts'
import { answer } from './answer.ts'

export function alertRoutes(context: MonitorContext): MonitorRoute[] {
  const { views } = context
  return [
    {
      method: 'GET',
      path: '/alerts',
      description: 'Alerts that fire and that nobody has acknowledged',
      answer: monitoringAnswers['/alerts'],
      reply() {
        const active = views.alerts?.active() ?? []
        return answer(context, { active_alerts: active, alert_count: active.length, severity_breakdown: severityBreakdown(active) })
      },
    },
    {
      method: 'GET',
      path: '/alerts/history',
      description: 'The latest alerts, resolved ones included, newest last',
      answer: monitoringAnswers['/alerts/history'],
      reply() {
        const history = views.alerts?.history() ?? []
        return answer(context, { alert_history: history, total_alerts: history.length })
      },
    },
    {
      method: 'POST',
      path: '/alerts/acknowledge',
      description: 'Take notice of an alert, so that it is no longer shown while its cause lasts',
      body: {
        type: 'object',
        required: ['alert_id'],
        properties: { alert_id: { type: 'string' } },
      },
      answer: monitoringAnswers['/alerts/acknowledge'],
      reply({ body }) {
        const alertId = textMember(body, 'alert_id')
        if (alertId === undefined) throw new RequestRefusal(400, 'alert_id required')
        if (views.alerts === undefined) throw new RequestRefusal(503, 'alerting not configured')
        if (!views.alerts.acknowledge(alertId)) throw new RequestRefusal(404, 'alert not found', activeIds(views.alerts.active()))
        return answer(context, { message: `Alert ${alertId} acknowledged`, alert_id: alertId })
      },
    },
  ]
}

/** Alerts named to somebody who acknowledged an unknown one. */
const ALERTS_NAMED_MAX = 50

function activeIds(alerts: readonly Alert[]): string[] {
  return alerts.slice(0, ALERTS_NAMED_MAX).map(({ alert_id }) => alert_id)
}

function textMember(body: unknown, name: string): string | undefined {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}

function severityBreakdown(alerts: readonly Alert[]): SeverityBreakdown {
  const counts = { critical: 0, error: 0, warning: 0, info: 0 }
  let emergency = 0
  for (const { severity } of alerts) {
    if (severity === 'emergency') emergency++
    else counts[severity]++
  }
  return emergency > 0 ? { ...counts, emergency } : counts
}
