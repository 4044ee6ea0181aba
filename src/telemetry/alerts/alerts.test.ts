import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../../base/index.ts'
import { type AlertsOptions, createAlerts } from './alerts.ts'
import { AlertIdRequiredError, AlertNotFoundError } from './errors.ts'
import type { AlertEvent, ClusterMeasurements } from './records.ts'
import { ALERT_PRESETS } from './thresholds.ts'

function scene(options: AlertsOptions = {}) {
  const lines: string[] = []
  const note = (level: string) => (message: string) => void lines.push(`${level} ${message}`)
  const log: LogScope = {
    ...silentLog,
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
    critical: note('critical'),
    scope: () => log,
  }
  const env = createVirtualEnv({ seed: 1, log })
  const alerts = createAlerts(env, options)
  const events: string[] = []
  alerts.subscribe('test', ({ type, alert }: AlertEvent) => void events.push(`${type} ${alert.alert_id}`))
  const check = (values: Omit<ClusterMeasurements, 'cluster_id'>, times = 1, cluster_id = 'eu') => {
    for (let i = 0; i < times; i++) alerts.check({ cluster_id, ...values })
  }
  const ids = () => alerts.active().map(({ alert_id }) => alert_id)
  return { env, alerts, lines, events, check, ids }
}

const sensitive = { thresholds: { ...ALERT_PRESETS.default, avg_latency_ms: { warning: 1, error: 500, critical: 1000 } } }

describe('threshold alerts', () => {
  it('fire, hide once acknowledged while the condition lasts, and fire again after it was gone (monitoring check 12)', () => {
    const { alerts, check, ids } = scene(sensitive)
    check({ avg_latency_ms: 2 })
    expect(alerts.active()).toEqual([
      {
        alert_id: 'eu_avg_latency_ms_warning',
        severity: 'warning',
        metric_name: 'avg_latency_ms',
        current_value: 2,
        threshold_value: 1,
        cluster_id: 'eu',
        node_id: null,
        timestamp: 1_700_000_000,
        message: 'Elevated latency in cluster eu: 2.0ms',
        resolved: false,
      },
    ])
    alerts.acknowledge('eu_avg_latency_ms_warning', 'ada')
    expect(ids()).toEqual([])
    check({ avg_latency_ms: 2 })
    expect(ids()).toEqual([])
    check({ avg_latency_ms: 0.5 })
    check({ avg_latency_ms: 2 })
    expect(ids()).toEqual(['eu_avg_latency_ms_warning'])
  })

  it('refuse to acknowledge what is not active, naming what is (monitoring check 13)', () => {
    const { alerts, check } = scene()
    check({ avg_latency_ms: 120 })
    expect(() => alerts.acknowledge('', 'ada')).toThrow(AlertIdRequiredError)
    try {
      alerts.acknowledge('nonsense', 'ada')
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(AlertNotFoundError)
      expect(error).toMatchObject({ code: 'alert_not_found', activeIds: ['eu_avg_latency_ms_warning'] })
      expect(String(error)).toContain('active are eu_avg_latency_ms_warning')
    }
  })

  it('stay quiet on a young cluster and an idle one, and speak up when a busy one falls (monitoring check 14)', () => {
    const { alerts, check, ids } = scene()
    check({ throughput_rps: 2 }, 4)
    expect(ids()).toEqual([])
    expect(alerts.snapshot().throughput_rules.eu).toMatchObject({ armed: false, reason: '4 of 5 samples with traffic so far' })

    check({ throughput_rps: 20 }, 20, 'busy')
    check({ throughput_rps: 9 }, 2, 'busy')
    expect(ids()).toEqual([])
    check({ throughput_rps: 9 }, 1, 'busy')
    expect(ids()).toEqual(['busy_throughput_rps_warning'])
    check({ throughput_rps: 0.5 }, 3, 'busy')
    expect(alerts.active()).toMatchObject([{ alert_id: 'busy_throughput_rps_critical', threshold_value: 1, current_value: 0.5 }])

    check({ throughput_rps: 4 }, 20, 'idle')
    check({ throughput_rps: 0 }, 10, 'idle')
    expect(ids()).toEqual(['busy_throughput_rps_critical'])
  })

  it('begin the count anew when a drop does not last', () => {
    const { check, ids } = scene()
    check({ throughput_rps: 20 }, 10)
    for (let i = 0; i < 5; i++) {
      check({ throughput_rps: 9 }, 2)
      check({ throughput_rps: 20 })
    }
    expect(ids()).toEqual([])
  })

  it('do not take a drop for the new normal within the hour, but do after it', async () => {
    const { env, alerts, check, ids } = scene()
    check({ throughput_rps: 20 }, 20)
    for (let minute = 0; minute < 59; minute++) {
      check({ throughput_rps: 8 }, 12)
      await env.advance(60_000)
    }
    expect(ids()).toEqual(['eu_throughput_rps_warning'])
    expect(alerts.snapshot().throughput_rules.eu).toMatchObject({ armed: true, samples: 20, baseline_rps: 20 })
    await env.advance(60_000)
    check({ throughput_rps: 8 }, 22)
    expect(ids()).toEqual([])
    expect(alerts.history()).toMatchObject([{ state: 'resolved', resolved: true }])
  })

  it('keep the normal of a cluster through an outage, and through a second drop long after the first', async () => {
    const { env, alerts, check, ids } = scene()
    const normal = () => alerts.snapshot().throughput_rules.eu?.baseline_rps
    check({ throughput_rps: 20 }, 20)
    check({ throughput_rps: 9 }, 5)
    check({ throughput_rps: 20 })
    await env.advance(7_200_000)
    check({ throughput_rps: 9 }, 200)
    expect(normal()).toBe(20)
    await env.advance(7_200_000)
    check({ throughput_rps: 0 }, 200)
    expect(normal()).toBe(20)
    expect(ids()).toEqual(['eu_throughput_rps_critical'])
  })

  it('end when a cluster has become one that idles', async () => {
    const { env, alerts, check, ids } = scene()
    check({ throughput_rps: 20 }, 20)
    check({ throughput_rps: 2 }, 10)
    await env.advance(3_600_000)
    check({ throughput_rps: 2 }, 20)
    expect(ids()).toEqual(['eu_throughput_rps_error'])
    check({ throughput_rps: 2 }, 2)
    expect(alerts.snapshot().throughput_rules.eu).toMatchObject({ armed: false, baseline_rps: 2 })
    expect(ids()).toEqual([])
  })

  it('judge throughput by fixed limits where asked to', () => {
    const { check, ids } = scene({ throughput: { adaptive: false } })
    check({ throughput_rps: 4 })
    expect(ids()).toEqual(['eu_throughput_rps_error'])
  })

  it('give the error band its own severity, and watch processor and memory', () => {
    const { alerts, check } = scene()
    check({ error_rate_percent: 5, cpu_usage_percent: 96, memory_usage_percent: 85, health_score: 39.96 })
    expect(alerts.active().map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      'error: High error rate in cluster eu: 5.0%',
      'critical: Critical health score in cluster eu: 40.0',
      'critical: Critical CPU usage in cluster eu: 96.0%',
      'warning: Elevated memory usage in cluster eu: 85.0%',
    ])
    expect(alerts.snapshot().severity_breakdown).toEqual({ critical: 2, error: 1, warning: 1, info: 0 })
  })

  it('leave alone what was not measured', () => {
    const { check, ids } = scene()
    check({ cpu_usage_percent: 99, health_score: Number.NaN })
    check({ cpu_usage_percent: null })
    check({})
    expect(ids()).toEqual(['eu_cpu_usage_percent_critical'])
  })

  it('keep the value current, and resolve only when it is well back', () => {
    const { alerts, check, ids } = scene()
    check({ avg_latency_ms: 120 })
    check({ avg_latency_ms: 95 })
    expect(alerts.active()).toMatchObject([
      { current_value: 95, message: 'Elevated latency in cluster eu: 95.0ms', timestamp: 1_700_000_000 },
    ])
    check({ avg_latency_ms: 90 })
    expect(ids()).toEqual([])
  })

  it('can resolve however close the limit is to the best value', () => {
    const { check, ids } = scene({ thresholds: { ...ALERT_PRESETS.default, health_score: { warning: 95, error: 60, critical: 40 } } })
    check({ health_score: 94 })
    check({ health_score: 97 })
    expect(ids()).toEqual(['eu_health_score_warning'])
    check({ health_score: 98 })
    expect(ids()).toEqual([])
  })

  it('take the place of one another when the band changes, and say so', async () => {
    const { env, alerts, check, events, ids } = scene()
    check({ avg_latency_ms: 120 })
    check({ avg_latency_ms: 600 })
    check({ avg_latency_ms: 950 })
    check({ avg_latency_ms: 460 })
    expect(ids()).toEqual(['eu_avg_latency_ms_error'])
    check({ avg_latency_ms: 440 })
    expect(ids()).toEqual(['eu_avg_latency_ms_warning'])
    expect(alerts.history().map(({ state, replaces, replaced_by }) => [state, replaces, replaced_by])).toEqual([
      ['resolved', undefined, 'eu_avg_latency_ms_error'],
      ['resolved', 'eu_avg_latency_ms_warning', 'eu_avg_latency_ms_warning'],
      ['firing', 'eu_avg_latency_ms_error', undefined],
    ])
    await env.advance(1)
    expect(events).toEqual([
      'fired eu_avg_latency_ms_warning',
      'resolved eu_avg_latency_ms_warning',
      'fired eu_avg_latency_ms_error',
      'resolved eu_avg_latency_ms_error',
      'fired eu_avg_latency_ms_warning',
    ])
  })

  it('come back after an acknowledgement when it gets worse, not when it gets better', () => {
    const { alerts, check, ids } = scene()
    check({ avg_latency_ms: 600 })
    alerts.acknowledge('eu_avg_latency_ms_error', 'ada')
    check({ avg_latency_ms: 120 })
    expect(ids()).toEqual([])
    expect(alerts.history(1)).toMatchObject([{ severity: 'warning', state: 'acknowledged', acknowledged_by: 'ada' }])
    check({ avg_latency_ms: 1500 })
    expect(ids()).toEqual(['eu_avg_latency_ms_critical'])
  })

  it('keep who acknowledged first when it is done twice', async () => {
    const { env, alerts, check, events } = scene()
    check({ avg_latency_ms: 120 })
    const first = alerts.acknowledge('eu_avg_latency_ms_warning', 'ada')
    await env.advance(5_000)
    expect(alerts.acknowledge('eu_avg_latency_ms_warning', 'bob')).toEqual(first)
    await env.advance(1)
    expect(events).toEqual(['fired eu_avg_latency_ms_warning', 'acknowledged eu_avg_latency_ms_warning'])
  })

  it('are logged once each, at the level of their severity', () => {
    const { lines, check } = scene()
    check({ avg_latency_ms: 120 }, 3)
    check({ health_score: 10 })
    expect(lines).toEqual([
      'warn ALERT [WARNING]: Elevated latency in cluster eu: 120.0ms',
      'critical ALERT [CRITICAL]: Critical health score in cluster eu: 10.0',
    ])
  })

  it('are kept in a history of the latest thousand, newest last', () => {
    const { alerts, check } = scene()
    for (let i = 0; i < 1_010; i++) {
      check({ avg_latency_ms: 100 + i / 10 })
      check({ avg_latency_ms: 1 })
    }
    const history = alerts.history()
    expect(history).toHaveLength(1_000)
    expect(history.at(0)?.current_value).toBe(101)
    expect(alerts.history(2).map(({ current_value }) => current_value)).toEqual([200.8, 200.9])
    expect(alerts.history(0)).toEqual([])
  })

  it('follow a bounded number of clusters, and end with theirs', () => {
    const { alerts, check, ids } = scene()
    check({ health_score: 10 }, 1, 'first')
    check({ health_score: 10 }, 1, 'second')
    check({}, 1, 'first')
    for (let i = 0; i < 999; i++) check({ health_score: 100 }, 1, `c${i}`)
    expect(ids()).toEqual(['first_health_score_critical'])
    expect(alerts.snapshot()).toMatchObject({ clusters: 1_000, clusters_forgotten: 1, resolved_total: 1 })
  })
})

describe('alert subscribers', () => {
  it('are never called within a check, and a slow or failing one holds up nobody', async () => {
    const { env, alerts, check, events, lines } = scene()
    alerts.subscribe('stuck', () => new Promise(() => {}))
    alerts.subscribe('broken', () => {
      throw new Error('no')
    })
    check({ avg_latency_ms: 120 })
    expect(events).toEqual([])
    await env.advance(1)
    for (let i = 0; i < 600; i++) {
      check({ avg_latency_ms: 1 })
      check({ avg_latency_ms: 120 })
    }
    await env.advance(1)
    expect(events).toHaveLength(1_001)
    expect(alerts.snapshot().subscribers).toEqual([
      { name: 'test', pending: 0, delivered: 1_001, failed: 0, dropped: 200 },
      { name: 'stuck', pending: 1_000, delivered: 0, failed: 0, dropped: 200 },
      { name: 'broken', pending: 0, delivered: 0, failed: 1_001, dropped: 200 },
    ])
    expect(lines).toContain('error Alert subscriber broken failed on eu_avg_latency_ms_warning; the next event is tried')
  })

  it('hear nothing after they stopped', async () => {
    const { env, alerts, check } = scene()
    const heard: AlertEvent[] = []
    const stop = alerts.subscribe('brief', (event) => void heard.push(event))
    check({ avg_latency_ms: 120 })
    stop()
    alerts.stop()
    expect(env.pendingTimers).toBe(0)
    await env.advance(1)
    expect(heard).toEqual([])
    expect(alerts.snapshot().subscribers).toEqual([])
  })
})
