import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../../base/index.ts'
import type { Alert, AlertSeverity } from '../../wire/index.ts'
import { basicEscalationPolicy, CHANNEL_DEFAULTS, clusterRule, consoleChannel, severityRule, webhookChannel } from './channels.ts'
import {
  type AlertBackend,
  type AlertBackendName,
  type AlertChannel,
  type AlertNotification,
  type DeliveryOutcome,
  type NotifierConfig,
  refused,
} from './notification.ts'
import { createNotifier } from './notifier.ts'
import type { AlertHistoryRecord } from './records.ts'

const arrived: DeliveryOutcome = { success: true, code: 200, message: null, retriable: false }
const unreachable: DeliveryOutcome = { success: false, code: null, message: 'connect ECONNREFUSED', retriable: true }

function scene(config: Partial<NotifierConfig>, sendWith: Partial<Record<AlertBackendName, AlertBackend['send']>> = {}) {
  const lines: string[] = []
  const note = (message: string) => void lines.push(message)
  const log: LogScope = { ...silentLog, warn: note, error: note, scope: () => log }
  const env = createVirtualEnv({ seed: 1, log })
  const told: AlertNotification[] = []
  const backend = (name: AlertBackendName): AlertBackend => ({
    keepsIncidents: name === 'pagerduty',
    send(notification, channelConfig, signal) {
      told.push(notification)
      return sendWith[name]?.(notification, channelConfig, signal) ?? Promise.resolve(arrived)
    },
  })
  const backends = { console: backend('console'), webhook: backend('webhook'), pagerduty: backend('pagerduty') }
  const notifier = createNotifier(env, backends, config)
  const alertOf = (metric: string, severity: AlertSeverity = 'warning', cluster = 'eu'): Alert => ({
    alert_id: `${cluster}_${metric}_${severity}`,
    severity,
    metric_name: metric,
    current_value: 12,
    threshold_value: 10,
    cluster_id: cluster,
    node_id: null,
    timestamp: env.clock.wall(),
    message: `${metric} in cluster ${cluster}: 12.0`,
    resolved: false,
  })
  const fire = (...args: Parameters<typeof alertOf>) => {
    const alert = alertOf(...args)
    notifier.handle({ type: 'fired', alert })
    return alert
  }
  const resolve = (alert: AlertHistoryRecord) =>
    notifier.handle({ type: 'resolved', alert: { ...alert, resolved: true, state: 'resolved' } })
  const acknowledge = (alert: Alert) => notifier.handle({ type: 'acknowledged', alert })
  const heard = () => told.map(({ channel_id, action, alert }) => `${channel_id} ${action} ${alert.alert_id}`)
  const settle = () => env.advance(0)
  return { env, notifier, lines, told, alertOf, fire, resolve, acknowledge, heard, settle }
}

const everything = (channels: readonly string[], policy: string | null = null) => clusterRule('all', '', channels, policy)
const pager: AlertChannel = { ...CHANNEL_DEFAULTS, channel_id: 'pager', backend: 'pagerduty', config: { routing_key: 'hush-hush' } }

describe('notification of alerts', () => {
  it('goes to the channels of all matching rules, each once, by priority', async () => {
    const { fire, heard, settle } = scene({
      channels: [consoleChannel('a'), consoleChannel('b'), consoleChannel('c')],
      routing_rules: [
        everything(['b', 'a']),
        { ...severityRule('severe', ['warning'], ['a']), priority: 1 },
        clusterRule('asia', 'as', ['c']),
      ],
    })
    fire('avg_latency_ms')
    await settle()
    expect(heard()).toEqual(['a trigger eu_avg_latency_ms_warning', 'b trigger eu_avg_latency_ms_warning'])
  })

  it('passes over a channel that is disabled, asks for worse, or is not there', async () => {
    const { fire, heard, settle } = scene({
      channels: [{ ...consoleChannel('off'), enabled: false }, consoleChannel('loud', 'critical'), consoleChannel('on')],
      routing_rules: [everything(['off', 'loud', 'on', 'typo'])],
    })
    fire('avg_latency_ms')
    await settle()
    expect(heard()).toEqual(['on trigger eu_avg_latency_ms_warning'])
  })

  it('warns when no rule matches, and does nothing at all when disabled', async () => {
    const lost = scene({ routing_rules: [] })
    lost.fire('avg_latency_ms')
    expect(lost.lines).toEqual(['No routing rule sends alert eu_avg_latency_ms_warning anywhere: add a rule that matches it'])

    const off = scene({ enabled: false, channels: [consoleChannel('a')], routing_rules: [everything(['a'])] })
    off.fire('avg_latency_ms')
    await off.settle()
    expect(off.heard()).toEqual([])
    expect(off.notifier.statistics()).toMatchObject({ enabled: false, active_alerts: 0 })
  })

  it('stays within the rate of a channel, and an error outranks a warning (monitoring check 17)', async () => {
    const { env, notifier, fire, told, settle } = scene({
      channels: [{ ...consoleChannel('slow', 'warning'), rate_limit_per_minute: 2 }],
      routing_rules: [everything(['slow'])],
    })
    fire('m1', 'error')
    for (const metric of ['m2', 'm3', 'm4', 'm5']) fire(metric)
    await settle()
    expect(told.map(({ alert }) => alert.severity)).toEqual(['error', 'warning'])
    expect(notifier.statistics().delivery_stats).toMatchObject({ total_sent: 2, rate_limited: 3 })
    await env.advance(60_000)
    fire('m6')
    await settle()
    expect(told).toHaveLength(3)
  })

  it('does not let a failing channel hold up another of the same rule (monitoring check 18)', async () => {
    const { env, notifier, fire, heard, lines, settle } = scene(
      {
        channels: [webhookChannel('hook', 'https://hooks.test/T0/s3cr3t'), consoleChannel('desk')],
        routing_rules: [everything(['hook', 'desk'])],
      },
      { webhook: () => Promise.resolve(unreachable) },
    )
    fire('avg_latency_ms')
    await settle()
    expect(heard()).toContain('desk trigger eu_avg_latency_ms_warning')
    expect(notifier.statistics().delivery_stats).toMatchObject({ total_sent: 1, successful_deliveries: 1 })
    await env.advance(7_000)
    expect(heard().filter((line) => line.startsWith('hook'))).toHaveLength(4)
    expect(lines).toEqual(['Channel hook could not be told of eu_avg_latency_ms_warning: connect ECONNREFUSED'])
    expect(notifier.statistics()).toMatchObject({
      delivery_stats: {
        total_sent: 2,
        successful_deliveries: 1,
        failed_deliveries: 1,
        success_rate_percent: 50,
        average_latency_ms: 3_500,
      },
      backend_stats: { console: { sent: 1, success: 1, failed: 0 }, webhook: { sent: 1, success: 0, failed: 1 } },
      recent_deliveries: 2,
    })
  })

  it('tries again only what may pass by itself', async () => {
    const outcomes = [{ ...unreachable, code: 503 }, arrived]
    const { env, notifier, fire, heard } = scene(
      { channels: [webhookChannel('hook', 'https://hooks.test/x'), consoleChannel('desk')], routing_rules: [everything(['hook', 'desk'])] },
      { webhook: () => Promise.resolve(outcomes.shift() ?? refused('no')), console: () => Promise.resolve(refused('no such channel')) },
    )
    fire('avg_latency_ms')
    await env.advance(10_000)
    expect(heard().map((line) => line.split(' ')[0])).toEqual(['hook', 'desk', 'hook'])
    expect(notifier.statistics().backend_stats).toEqual({
      console: { sent: 1, success: 0, failed: 1 },
      webhook: { sent: 1, success: 1, failed: 0 },
    })
  })

  it('gives up on a backend that never answers, and takes one that throws for a failure', async () => {
    const { env, fire, heard, lines } = scene(
      { channels: [webhookChannel('hook', 'https://hooks.test/x'), consoleChannel('desk')], routing_rules: [everything(['hook', 'desk'])] },
      { webhook: () => new Promise(() => {}), console: () => Promise.reject(new TypeError('oops')) },
    )
    fire('avg_latency_ms')
    await env.advance(4 * 30_000 + 7_000)
    expect(heard().map((line) => line.split(' ')[0])).toEqual(['hook', 'desk', 'hook', 'hook', 'hook'])
    expect(lines).toEqual([
      'Channel desk could not be told of eu_avg_latency_ms_warning: TypeError: oops',
      'Channel hook could not be told of eu_avg_latency_ms_warning: no answer within 30 s',
    ])
  })

  it('shows no secret, whatever a server answers', async () => {
    const url = 'https://user:pa55word@hooks.test/services/T0/s3cr3t?key=k3y5'
    const { env, notifier, fire, lines } = scene(
      { channels: [webhookChannel('hook', url, { headers: { Authorization: 'Bearer t0ken' } })], routing_rules: [everything(['hook'])] },
      {
        webhook: () => Promise.resolve(refused(`no route ${url}; s3cr3t, t0ken, /services/T0/s3cr3t?key=k3y5 and pa55word unknown`)),
      },
    )
    fire('avg_latency_ms')
    await env.advance(1)
    const shown = JSON.stringify([notifier.statistics(), lines])
    for (const secret of ['s3cr3t', 't0ken', 'k3y5', 'pa55word']) expect(shown).not.toContain(secret)
    expect(lines[0]).toContain('no route ***; ***, ***, *** and *** unknown')
  })

  it('sends nothing any more once stopped', async () => {
    const { env, notifier, fire, heard } = scene(
      { channels: [webhookChannel('hook', 'https://hooks.test/x')], routing_rules: [everything(['hook'])] },
      { webhook: () => Promise.resolve(unreachable) },
    )
    fire('avg_latency_ms')
    await env.advance(500)
    notifier.stop()
    fire('health_score')
    await env.advance(3_600_000)
    expect(heard()).toHaveLength(1)
    expect(env.pendingTimers).toBe(0)
  })
})

describe('aggregation of alerts', () => {
  const config = { channels: [consoleChannel('desk')], routing_rules: [everything(['desk'])] }

  it('tells two on one metric as one, once (monitoring check 16)', async () => {
    const { env, notifier, fire, told } = scene(config)
    fire('avg_latency_ms', 'warning', 'eu')
    await env.advance(100_000)
    fire('avg_latency_ms', 'warning', 'us')
    await env.advance(1)
    expect(told.filter(({ aggregate }) => aggregate !== null)).toMatchObject([
      {
        aggregate: {
          alert_count: 2,
          affected_clusters: ['eu', 'us'],
          common_metric: 'avg_latency_ms',
          severity: 'warning',
          suppressed_until: 1_700_000_400,
        },
        alert: {
          alert_id: 'agg_us_avg_latency_ms_warning_1700000100',
          cluster_id: 'eu, us',
          message: '2 alerts on avg_latency_ms in 2 clusters (eu, us), the latest: avg_latency_ms in cluster us: 12.0',
        },
      },
    ])
    expect(notifier.statistics()).toMatchObject({ active_alerts: 2, aggregated_alerts: 1 })
  })

  it('counts the following ones, with one word a window and a last one', async () => {
    const { env, notifier, fire, told } = scene(config)
    for (const cluster of ['a', 'b', 'c', 'd']) fire('avg_latency_ms', 'warning', cluster)
    await env.advance(299_000)
    expect(told.map(({ aggregate }) => aggregate?.alert_count)).toEqual([undefined, 2])
    await env.advance(1_000)
    expect(told.at(-1)?.alert.message).toMatch(/^4 alerts on avg_latency_ms in 4 clusters \(a, b, c, d\)/)
    await env.advance(300_000)
    expect(told.map(({ aggregate }) => aggregate?.alert_count)).toEqual([undefined, 2, 4, 4])
    expect(told.at(-1)?.alert.message).toMatch(/^No new ones: 4 alerts/)
    await env.advance(3_600_000)
    expect(told).toHaveLength(4)
    expect(notifier.statistics().aggregated_alerts).toBe(0)
  })

  it('says at once that it got worse', async () => {
    const { env, fire, told } = scene(config)
    fire('avg_latency_ms', 'warning', 'a')
    fire('avg_latency_ms', 'warning', 'b')
    await env.advance(1_000)
    fire('avg_latency_ms', 'critical', 'c')
    await env.advance(1)
    expect(told.at(-1)?.aggregate).toMatchObject({ severity: 'critical', alert_count: 3, first_alert: { cluster_id: 'a' } })
  })

  it('closes when all its alerts are resolved', async () => {
    const { env, notifier, fire, resolve, told } = scene(config)
    const both = [fire('avg_latency_ms', 'warning', 'a'), fire('avg_latency_ms', 'warning', 'b')]
    for (const alert of both) resolve(alert)
    await env.advance(1)
    expect(told.at(-1)?.alert).toMatchObject({ resolved: true, message: 'All resolved: 2 alerts on avg_latency_ms in 2 clusters (a, b)' })
    expect(notifier.statistics().aggregated_alerts).toBe(0)
    expect(env.pendingTimers).toBe(0)
  })

  it('does not take the bands of one alert for two', async () => {
    const { env, notifier, alertOf, fire, resolve, heard } = scene(config)
    const warning = fire('avg_latency_ms')
    const critical = alertOf('avg_latency_ms', 'critical')
    resolve({ ...warning, replaced_by: critical.alert_id })
    notifier.handle({ type: 'fired', alert: { ...critical, replaces: warning.alert_id } })
    await env.advance(1)
    expect(heard()).toEqual(['desk trigger eu_avg_latency_ms_warning', 'desk trigger eu_avg_latency_ms_critical'])
  })

  it('stays open when its last alert changes its band, and closes when that one is over', async () => {
    const { env, notifier, alertOf, fire, resolve, told } = scene(config)
    const warning = fire('avg_latency_ms', 'warning', 'a')
    resolve(fire('avg_latency_ms', 'warning', 'b'))
    const critical = alertOf('avg_latency_ms', 'critical', 'a')
    resolve({ ...warning, replaced_by: critical.alert_id })
    notifier.handle({ type: 'fired', alert: { ...critical, replaces: warning.alert_id } })
    await env.advance(1)
    expect(told.at(-1)?.aggregate).toMatchObject({ alert_count: 3, severity: 'critical' })
    expect(notifier.statistics().aggregated_alerts).toBe(1)
    expect(told.some(({ alert }) => alert.resolved)).toBe(false)
    resolve(critical)
    await env.advance(1)
    expect(notifier.statistics().aggregated_alerts).toBe(0)
    expect(told.at(-1)?.alert.resolved).toBe(true)
  })

  it('ends the incident of a closed aggregate though one of its alerts went over to the next', async () => {
    const { env, notifier, alertOf, fire, resolve, heard } = scene({ channels: [pager], routing_rules: [everything(['pager'])] })
    const [moving, staying] = [fire('avg_latency_ms', 'warning', 'a'), fire('avg_latency_ms', 'warning', 'b')]
    await env.advance(600_000)
    for (const cluster of ['c', 'd']) fire('avg_latency_ms', 'warning', cluster)
    const worse = alertOf('avg_latency_ms', 'critical', 'a')
    resolve({ ...moving, replaced_by: worse.alert_id })
    notifier.handle({ type: 'fired', alert: { ...worse, replaces: moving.alert_id } })
    const incidents = () => heard().filter((line) => line.startsWith('pager resolve agg_'))
    expect(incidents()).toEqual([])
    resolve(staying)
    await env.advance(1)
    expect(incidents()).toEqual(['pager resolve agg_b_avg_latency_ms_warning_1700000000'])
  })

  it('does not take an alert into a second aggregate when the system clock is set back', async () => {
    const { env, notifier, fire } = scene(config)
    fire('avg_latency_ms', 'warning', 'a')
    fire('avg_latency_ms', 'warning', 'b')
    await env.advance(700_000)
    env.shiftWall(-700)
    fire('avg_latency_ms', 'warning', 'c')
    expect(notifier.statistics().aggregated_alerts).toBe(0)
  })

  it('keeps alerts apart that are further from one another than the window', async () => {
    const { env, notifier, fire } = scene(config)
    fire('avg_latency_ms', 'warning', 'a')
    await env.advance(301_000)
    fire('avg_latency_ms', 'warning', 'b')
    expect(notifier.statistics().aggregated_alerts).toBe(0)
  })
})

describe('escalation', () => {
  const config = {
    channels: [consoleChannel('desk'), consoleChannel('lead'), consoleChannel('boss')],
    routing_rules: [severityRule('critical', ['critical'], ['desk'], 'oncall')],
    escalation_policies: [{ ...basicEscalationPolicy('oncall', [], []), escalation_levels: { first: ['lead'], final: ['boss'] } }],
  }

  it('tells more people while nobody reacts, and stops once it is over (monitoring check 18)', async () => {
    const { env, notifier, fire, resolve, heard } = scene(config)
    const alert = fire('health_score', 'critical')
    await env.advance(299_999)
    expect(heard()).toEqual(['desk trigger eu_health_score_critical'])
    expect(notifier.statistics().pending_escalations).toBe(2)
    await env.advance(1)
    expect(heard().at(-1)).toBe('lead trigger eu_health_score_critical')
    resolve(alert)
    await env.advance(7_200_000)
    expect(heard()).toHaveLength(2)
    expect(notifier.statistics().pending_escalations).toBe(0)
  })

  it('reaches the last level after an hour without a reaction', async () => {
    const { env, fire, heard } = scene(config)
    fire('health_score', 'critical')
    await env.advance(3_600_000)
    expect(heard().map((line) => line.split(' ')[0])).toEqual(['desk', 'lead', 'boss'])
  })

  it('stops when somebody acknowledges', async () => {
    const { env, fire, acknowledge, heard } = scene(config)
    acknowledge(fire('health_score', 'critical'))
    await env.advance(3_600_000)
    expect(heard()).toHaveLength(1)
  })

  it('tells the immediate level at once, and default channels where a level names none', async () => {
    const policy = { ...basicEscalationPolicy('oncall', ['lead'], []), default_channels: ['boss'] }
    const { env, fire, heard } = scene({ ...config, escalation_policies: [policy] })
    fire('health_score', 'critical')
    await env.advance(300_000)
    expect(heard().map((line) => line.split(' ')[0])).toEqual(['desk', 'lead', 'boss'])
  })

  it('is not lost when alerts are told as one, and ends when all of them are looked after', async () => {
    const { env, fire, acknowledge, told, heard } = scene({
      ...config,
      routing_rules: [severityRule('warning', ['warning'], ['desk']), ...config.routing_rules],
    })
    const all = [fire('health_score', 'warning', 'a'), fire('health_score', 'critical', 'b')]
    await env.advance(200_000)
    all.push(fire('health_score', 'critical', 'c'))
    await env.advance(100_000)
    const last = told.findLast(({ channel_id }) => channel_id === 'lead')
    expect(heard().filter((line) => line.startsWith('lead'))).toEqual([`lead trigger ${last?.alert.alert_id}`])
    expect(last?.aggregate?.alert_count).toBe(3)
    for (const alert of all) acknowledge(alert)
    fire('health_score', 'critical', 'd')
    await env.advance(299_000)
    expect(heard().filter((line) => line.startsWith('lead'))).toHaveLength(1)
    await env.advance(1_000)
    expect(heard().filter((line) => line.startsWith('lead'))).toHaveLength(2)
    acknowledge({ ...(all[0] as Alert), alert_id: 'd_health_score_critical' })
    await env.advance(3_600_000)
    expect(heard().filter((line) => line.startsWith('boss'))).toEqual([])
  })

  it('is bounded, and says so once when there are too many', () => {
    const { notifier, fire, lines } = scene(config)
    for (let i = 0; i < 1_005; i++) fire(`m${i}`, 'critical')
    expect(notifier.statistics().pending_escalations).toBe(2_000)
    expect(lines.filter((line) => line.includes('will not escalate'))).toHaveLength(1)
  })

  it('leaves out levels that come later than is allowed', async () => {
    const { env, notifier, fire, heard } = scene({ ...config, max_escalation_seconds: 900 })
    fire('health_score', 'critical')
    expect(notifier.statistics().pending_escalations).toBe(1)
    await env.advance(3_600_000)
    expect(heard().map((line) => line.split(' ')[0])).toEqual(['desk', 'lead'])
  })
})

describe('incidents at a backend that keeps them', () => {
  const config = { channels: [pager, consoleChannel('desk')], routing_rules: [everything(['pager', 'desk'])] }

  it('are resolved with their alert, acknowledged or not, and only there', async () => {
    const { env, fire, resolve, acknowledge, heard } = scene(config)
    const alert = fire('avg_latency_ms')
    acknowledge(alert)
    await env.advance(1)
    resolve(alert)
    await env.advance(1)
    expect(heard()).toEqual([
      'pager trigger eu_avg_latency_ms_warning',
      'desk trigger eu_avg_latency_ms_warning',
      'pager resolve eu_avg_latency_ms_warning',
    ])
  })

  it('are not resolved before they were opened, nor when that failed', async () => {
    const outcomes = [unreachable, arrived]
    const { env, fire, resolve, heard } = scene(config, { pagerduty: () => Promise.resolve(outcomes.shift() ?? arrived) })
    resolve(fire('avg_latency_ms'))
    await env.advance(999)
    expect(heard().filter((line) => line.includes('resolve'))).toEqual([])
    await env.advance(1)
    expect(heard().at(-1)).toBe('pager resolve eu_avg_latency_ms_warning')

    const down = scene(config, { pagerduty: () => Promise.resolve(refused('invalid key')) })
    down.resolve(down.fire('avg_latency_ms'))
    await down.env.advance(10_000)
    expect(down.heard().filter((line) => line.includes('resolve'))).toEqual([])
  })

  it('are resolved once, even when telling of them a second time failed', async () => {
    const outcomes = [arrived, refused('duplicate')]
    const policy = { ...basicEscalationPolicy('oncall', [], []), escalation_levels: { first: ['pager'] } }
    const { env, fire, resolve, heard } = scene(
      { ...config, routing_rules: [everything(['pager'], 'oncall')], escalation_policies: [policy] },
      { pagerduty: () => Promise.resolve(outcomes.shift() ?? arrived) },
    )
    const alert = fire('avg_latency_ms')
    await env.advance(300_000)
    resolve(alert)
    resolve(alert)
    await env.advance(1)
    expect(heard().map((line) => line.split(' ')[1])).toEqual(['trigger', 'trigger', 'resolve'])
  })

  it('of an aggregate stay open after its last word, until its last alert is resolved', async () => {
    const { env, fire, resolve, heard } = scene(config)
    const both = [fire('avg_latency_ms', 'warning', 'a'), fire('avg_latency_ms', 'warning', 'b')]
    await env.advance(700_000)
    const ofAggregate = () => heard().filter((line) => /^pager \w+ agg_/.test(line))
    expect(ofAggregate()).toEqual(['pager trigger agg_b_avg_latency_ms_warning_1700000000'])
    for (const alert of both) resolve(alert)
    await env.advance(1)
    expect(ofAggregate().at(-1)).toBe('pager resolve agg_b_avg_latency_ms_warning_1700000000')
  })
})
