import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Alert } from '../../wire/index.ts'
import type { AlertTemplate } from './notification.ts'
import { plainWording, render } from './template.ts'

const alert: Alert = {
  alert_id: 'eu_avg_latency_ms_error',
  severity: 'error',
  metric_name: 'avg_latency_ms',
  current_value: 612.5,
  threshold_value: 500,
  cluster_id: 'eu',
  node_id: null,
  timestamp: 1_700_000_000,
  message: 'High latency in cluster eu: 612.5ms',
  resolved: false,
}

function template(body_template: string, backend: AlertTemplate['backend'] = 'webhook'): AlertTemplate {
  return { template_id: 't', name: 't', backend, subject_template: '{severity} {unknown}', body_template, metadata: {} }
}

describe('alert templates', () => {
  it('put the values of the alert where its placeholders are, and leave other braces alone', () => {
    const body = '{severity}|{cluster_id}|{metric_name}|{current_value}|{threshold_value}|{message}|{timestamp}|{ severity }|{}'
    expect(render(template(body), alert)).toEqual({
      subject: 'ERROR {unknown}',
      body: 'ERROR|eu|avg_latency_ms|612.5|500|High latency in cluster eu: 612.5ms|2023-11-14T22:13:20.000Z|{ severity }|{}',
    })
  })

  it('do not look for placeholders within values', () => {
    expect(render(template('{message} {severity}'), { ...alert, message: '{severity}' }).body).toBe('{severity} ERROR')
  })

  it('that are JSON stay JSON, whatever the values are', () => {
    const awkward = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '\n', '\u0000', '\ud83d', 'a') })
    const json = template('{"text": "{severity} in {cluster_id}: {message}", "n": 1}')
    fc.assert(
      fc.property(awkward, awkward, (cluster_id, message) => {
        const body: unknown = JSON.parse(render(json, { ...alert, cluster_id, message }).body)
        expect(body).toEqual({ text: `ERROR in ${cluster_id}: ${message}`, n: 1 })
      }),
    )
  })

  it('for Slack let no value mention anybody', () => {
    expect(render(template('{cluster_id}', 'slack'), { ...alert, cluster_id: '<!channel> & co' }).body).toBe('&lt;!channel&gt; &amp; co')
  })
})

describe('an alert without a template', () => {
  it('is worded with everything there is to know', () => {
    const { subject, body } = plainWording(alert)
    expect(subject).toBe('ALERT: ERROR - avg_latency_ms')
    for (const value of ['High latency in cluster eu: 612.5ms', '612.5', '500', 'eu', '2023-11-14T22:13:20.000Z'])
      expect(body).toContain(value)
  })
})
