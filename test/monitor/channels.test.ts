import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { createAlertBackends } from '../../src/monitor/channels/index.ts'
import {
  type AlertBackendName,
  type AlertNotification,
  type ChannelConfig,
  clusterRule,
  consoleChannel,
  createNotifier,
  webhookChannel,
} from '../../src/telemetry/alerts/index.ts'
import type { Alert } from '../../src/wire/index.ts'
import { mintCertificate } from '../transport/mint-certificate.ts'
import { httpSink } from './http-sink.ts'
import { smtpSink } from './smtp-sink.ts'

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

const plain: AlertNotification = {
  channel_id: 'here',
  action: 'trigger',
  alert,
  aggregate: null,
  subject: 'ALERT: ERROR - avg_latency_ms',
  body: 'High latency',
  templated: false,
}
const templated: AlertNotification = { ...plain, templated: true }

const printed: string[] = []
const backends = createAlertBackends((text) => void printed.push(text))

function send(name: AlertBackendName, config: ChannelConfig, notification = plain, signal = new AbortController().signal) {
  return backends[name].send(notification, config, signal)
}

const json = ({ text }: { text: string }): unknown => JSON.parse(text)

describe('the webhook channel', () => {
  it('posts the ten fields of the alert, and its wording where a template gives one', async () => {
    await using sink = await httpSink()
    const config = { webhook_url: `${sink.url}/hook?x=1`, headers: { Authorization: 'Bearer abc' } }
    expect(await send('webhook', config)).toEqual({ success: true, code: 200, message: 'ok', retriable: false })
    await send('webhook', config, templated)
    expect(sink.posted[0]).toMatchObject({
      method: 'POST',
      path: '/hook?x=1',
      headers: { 'content-type': 'application/json', authorization: 'Bearer abc' },
    })
    expect(sink.posted.map(json)).toEqual([
      alert,
      { ...alert, formatted_subject: 'ALERT: ERROR - avg_latency_ms', formatted_body: 'High latency' },
    ])
  })

  it('tells a server in trouble, worth another try, from one that refuses', async () => {
    await using sink = await httpSink()
    sink.answerWith({ status: 503, text: 'busy' }, { status: 404, text: 'x'.repeat(100_000) }, { status: 302, headers: { location: '/' } })
    const config = { webhook_url: sink.url }
    expect(await send('webhook', config)).toEqual({ success: false, code: 503, message: 'busy', retriable: true })
    expect(await send('webhook', config)).toEqual({ success: false, code: 404, message: 'x'.repeat(500), retriable: false })
    expect(await send('webhook', config)).toMatchObject({
      success: false,
      code: 302,
      message: expect.stringContaining('redirects are not followed'),
    })
    expect(sink.posted).toHaveLength(3)
  })

  it('says why there was no answer, and ends when it is told to', async () => {
    const sink = await httpSink()
    sink.answerWith('never')
    const giveUp = new AbortController()
    const waiting = send('webhook', { webhook_url: sink.url }, plain, giveUp.signal)
    giveUp.abort()
    expect(await waiting).toMatchObject({ success: false, code: null, retriable: true })
    await sink[Symbol.asyncDispose]()
    const refused = await send('webhook', { webhook_url: sink.url })
    expect(refused).toMatchObject({ success: false, code: null, retriable: true, message: expect.stringContaining('ECONNREFUSED') })
  })

  it('takes a request that can not be made for a failed delivery', async () => {
    expect(await send('webhook', {})).toEqual({ success: false, code: null, message: 'webhook_url is required', retriable: false })
    expect(await send('webhook', { webhook_url: 'ftp://a.test/' })).toMatchObject({ success: false, retriable: false })
    expect(await send('webhook', { webhook_url: 'http://a.test/', headers: { a: 'b\nc' } })).toMatchObject({
      success: false,
      retriable: false,
    })
  })
})

describe('the Slack channel', () => {
  it('sends an attachment in the colour of the severity, or what the template says', async () => {
    await using sink = await httpSink()
    const config = { webhook_url: sink.url }
    await send('slack', config, { ...plain, alert: { ...alert, cluster_id: '<!channel>' } })
    await send('slack', config, templated)
    await send('slack', config, { ...templated, body: '{"text":"hello","blocks":[]}' })
    expect(sink.posted.map(json)).toEqual([
      {
        attachments: [
          {
            color: 'danger',
            title: 'ERROR: avg_latency_ms',
            fields: [
              { title: 'Cluster', value: '&lt;!channel&gt;', short: true },
              { title: 'Metric', value: 'avg_latency_ms', short: true },
              { title: 'Current Value', value: '612.5', short: true },
              { title: 'Threshold', value: '500', short: true },
              { title: 'Message', value: 'High latency in cluster eu: 612.5ms', short: false },
            ],
            ts: 1_700_000_000,
          },
        ],
      },
      { text: 'High latency' },
      { text: 'hello', blocks: [] },
    ])
  })

  it('takes nothing but 200 for success', async () => {
    await using sink = await httpSink()
    sink.answerWith({ status: 202 })
    expect(await send('slack', { webhook_url: sink.url })).toMatchObject({ success: false, code: 202 })
  })
})

describe('the Discord channel', () => {
  it('sends a text of at most 2000 characters that mentions nobody', async () => {
    await using sink = await httpSink()
    sink.answerWith({ status: 204 })
    const outcome = await send('discord', { webhook_url: sink.url }, { ...plain, body: '@everyone '.repeat(500) })
    expect(outcome).toMatchObject({ success: true, code: 204 })
    const { content, allowed_mentions } = json(sink.posted[0] as { text: string }) as { content: string; allowed_mentions: unknown }
    expect(content).toHaveLength(2_000)
    expect(content).toMatch(/^\*\*ALERT: ERROR - avg_latency_ms\*\*\n@everyone/)
    expect(allowed_mentions).toEqual({ parse: [] })
  })
})

describe('the PagerDuty channel', () => {
  it('opens an incident under the id of the alert, and resolves that very one', async () => {
    await using sink = await httpSink()
    sink.answerWith({ status: 202, text: '{"status":"success"}' })
    const config = { routing_key: 'key', events_url: sink.url }
    expect(await send('pagerduty', config)).toMatchObject({ success: true, code: 202 })
    await send('pagerduty', config, { ...plain, action: 'resolve' })
    expect(sink.posted.map(json)).toEqual([
      {
        routing_key: 'key',
        event_action: 'trigger',
        dedup_key: alert.alert_id,
        payload: {
          summary: alert.message,
          source: 'eu',
          severity: 'error',
          timestamp: '2023-11-14T22:13:20.000Z',
          class: 'avg_latency_ms',
          custom_details: alert,
        },
      },
      { routing_key: 'key', event_action: 'resolve', dedup_key: alert.alert_id },
    ])
  })

  it('needs a routing key', async () => {
    expect(await send('pagerduty', {})).toMatchObject({ success: false, message: 'routing_key is required' })
  })
})

describe('the console channel', () => {
  it('prints a framed block without anything that could steer a terminal', async () => {
    printed.length = 0
    expect(await send('console', {}, { ...plain, body: 'first\nsecond \u001b[2J' })).toMatchObject({ success: true, code: 200 })
    const frame = '='.repeat(72)
    const block = [frame, 'ALERT NOTIFICATION [here]', plain.subject, '-'.repeat(72), 'first', 'second  [2J', frame, '']
    expect(printed.join('')).toBe(block.join('\n'))
  })
})

describe('the file channel', () => {
  it('appends one line of JSON for each notification', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mpreg-alerts-'))
    try {
      const path = join(folder, 'alerts.jsonl')
      await send('file', { path })
      expect(await send('file', { path }, { ...plain, body: 'two\nlines' })).toMatchObject({ success: true })
      const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        { channel_id: 'here', action: 'trigger', ...alert, body: 'High latency' },
        { body: 'two\nlines' },
      ])
      expect(await send('file', { path: join(folder, 'missing', 'a') })).toMatchObject({
        success: false,
        message: expect.stringContaining('ENOENT'),
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('the mail channel', () => {
  const addresses = { smtp_server: '127.0.0.1', sender: 'mpreg@a.test', recipients: ['ops@a.test', 'lead@a.test'] }

  it('sends plain text to every recipient', async () => {
    await using sink = await smtpSink()
    const outcome = await send('email', { ...addresses, smtp_port: sink.port, use_tls: false })
    expect(outcome).toMatchObject({ success: true, code: 250 })
    expect(sink.mails).toMatchObject([{ from: 'mpreg@a.test', to: ['ops@a.test', 'lead@a.test'], isEncrypted: false }])
    expect(sink.mails[0]?.source).toMatch(/Subject: ALERT: ERROR - avg_latency_ms\r\n/)
    expect(sink.mails[0]?.source).toMatch(/Content-Type: text\/plain[\s\S]*High latency/)
  })

  it('encrypts by STARTTLS and logs in, with a certificate it trusts', async () => {
    const ca = mintCertificate({ name: 'Mail CA', isCa: true })
    const { certPem, keyPem } = mintCertificate({ name: 'localhost', issuer: ca, dnsNames: ['localhost'] })
    const onAuth = (auth: { username?: string; password?: string }, _: unknown, done: (error: Error | null, answer?: object) => void) =>
      auth.password === 'good' ? done(null, { user: auth.username }) : done(new Error('go away'))
    await using sink = await smtpSink({ cert: certPem, key: keyPem, disabledCommands: [], authOptional: false, onAuth } as object)
    const config = { ...addresses, smtp_server: 'localhost', smtp_port: sink.port, username: 'mpreg', password: 'good' }

    const untrusted = await send('email', config)
    expect(untrusted).toMatchObject({ success: false, code: null })
    expect(sink.mails).toEqual([])

    const trusted = getCACertificates('default')
    setDefaultCACertificates([...trusted, ca.certPem])
    try {
      expect(await send('email', config)).toMatchObject({ success: true, code: 250 })
      expect(await send('email', { ...config, password: 'bad' })).toMatchObject({ success: false, code: 535, retriable: false })
    } finally {
      setDefaultCACertificates(trusted)
    }
    expect(sink.mails).toMatchObject([{ user: 'mpreg', isEncrypted: true }])
  })

  it('never sends in the clear what should be encrypted', async () => {
    await using sink = await smtpSink()
    expect(await send('email', { ...addresses, smtp_port: sink.port })).toMatchObject({ success: false })
    expect(sink.mails).toEqual([])
  })

  it('tells a server that asks for patience, worth another try, from one that refuses', async () => {
    const replies = [451, 550]
    const refuse = (_address: unknown, _session: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error('no'), { responseCode: replies.shift() }))
    await using sink = await smtpSink({ onRcptTo: refuse })
    const config = { ...addresses, recipients: 'ops@a.test', smtp_port: sink.port, use_tls: false }
    expect(await send('email', config)).toMatchObject({ success: false, code: 451, retriable: true })
    expect(await send('email', config)).toMatchObject({ success: false, code: 550, retriable: false })
  })

  it('says why there is no server, and what is missing', async () => {
    const sink = await smtpSink()
    await sink[Symbol.asyncDispose]()
    const config = { ...addresses, smtp_port: sink.port, use_tls: false }
    expect(await send('email', config)).toMatchObject({ success: false, retriable: true, message: expect.stringContaining('ECONNREFUSED') })
    expect(await send('email', { ...config, recipients: [] })).toMatchObject({ success: false, message: 'recipients is required' })
  })
})

describe('a notifier with real channels', () => {
  it('tries a server in trouble again, and delivers elsewhere meanwhile (monitoring check 18)', async () => {
    await using sink = await httpSink()
    sink.answerWith({ status: 500 })
    printed.length = 0
    const notifier = createNotifier(createRealEnv({ log: silentLog }), backends, {
      channels: [webhookChannel('hook', sink.url), consoleChannel('desk')],
      routing_rules: [clusterRule('all', '.*', ['hook', 'desk'])],
    })
    notifier.handle({ type: 'fired', alert })
    await expect
      .poll(() => notifier.statistics().backend_stats, { timeout: 10_000 })
      .toEqual({ console: { sent: 1, success: 1, failed: 0 }, webhook: { sent: 1, success: 1, failed: 0 } })
    notifier.stop()
    expect(sink.posted).toHaveLength(2)
    expect(printed.join('')).toContain('High latency in cluster eu: 612.5ms')
  })
})
