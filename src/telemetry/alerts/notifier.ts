/**
 * The notifier: brings alerts to people.
 *
 * An alert that fires is told of by itself or as part of an aggregate (aggregation.ts), to the channels its rules name (routing.ts), each within
 * its rate limit, all at the same time and independent of one another (delivery.ts). While nobody reacts, more people are told (escalation.ts).
 *
 * It does no I/O: how a notification gets to Slack is a backend's business, and backends are handed in. Channel configs hold secrets and never
 * leave it other than to their backend.
 *
 * @example
 * const notifier = createNotifier(env, backends, readNotifierConfig(document))
 * alerts.subscribe('notifier', notifier.handle)
 */
import type { Env } from '../../base/index.ts'
import type { Alert } from '../../wire/index.ts'
import { logOncePer } from '../once-per.ts'
import { aggregateAlert } from './aggregate-alert.ts'
import { type Aggregated, type AggregateReport, createAggregation } from './aggregation.ts'
import { createDispatcher } from './dispatcher.ts'
import { channelsOf, createEscalations } from './escalation.ts'
import {
  type AlertAggregate,
  type AlertBackend,
  type AlertBackendName,
  DEFAULT_NOTIFIER_CONFIG,
  type EscalationPolicy,
  type NotifierConfig,
} from './notification.ts'
import { type AlertEvent, bareAlert } from './records.ts'
import { createRouter } from './routing.ts'
import type { NotifierStatistics } from './statistics.ts'

export interface Notifier {
  /** Takes one event of the alerts' life and returns at once. */
  handle(event: AlertEvent): void
  statistics(): NotifierStatistics
  /** Ends what is under way; nothing is sent any more. */
  stop(): void
}

/** Alerts remembered at once; one more, and the oldest is treated as resolved. */
const ACTIVE_MAX = 10_000
/** How often the log repeats what is wrong with the rules or the load. */
const COMPLAINT_LOG_MS = 3_600_000

export function createNotifier(
  env: Env,
  backends: Readonly<Partial<Record<AlertBackendName, AlertBackend>>>,
  options: Partial<NotifierConfig> = {},
): Notifier {
  const config: NotifierConfig = { ...DEFAULT_NOTIFIER_CONFIG, ...options }
  const log = env.log.scope('fabric.alerting')
  const route = createRouter(config.routing_rules, config.escalation_policies)
  const dispatcher = createDispatcher(env, backends, config)
  const escalations = createEscalations(env.timers, config.max_escalation_seconds)
  const aggregation = createAggregation(env, config.aggregation_window_seconds, tellAggregate)
  const complaints = logOncePer({ clock: env.clock, intervalMs: COMPLAINT_LOG_MS })
  /** Neither acknowledged nor resolved. */
  const active = new Map<string, Alert>()
  /** Aggregates whose escalation has begun. */
  const escalated = new WeakSet<Aggregated>()
  let isStopped = false

  /** Where an alert goes at once. */
  function targetsOf(alert: Alert): readonly string[] {
    const { channels, policy } = route(alert)
    return policy === null ? channels : [...new Set([...channels, ...channelsOf(policy, 'immediate')])]
  }

  function fire(alert: Alert): void {
    const others = [...active.values()]
    active.set(alert.alert_id, alert)
    if (active.size > ACTIVE_MAX) end((others[0] as Alert).alert_id)
    const { policy } = route(alert)
    const part = aggregation.add(alert, others, targetsOf)
    if (part !== undefined) {
      if (policy !== null && !escalated.has(part)) {
        escalated.add(part)
        escalate(part.id, policy, (channels) => {
          const aggregate = part.record()
          tell(channels, aggregateAlert({ aggregate, resolved: false }), aggregate)
        })
      }
      return
    }
    const targets = targetsOf(alert)
    if (targets.length === 0) {
      complaints.log(`unrouted ${alert.metric_name}`, (more) =>
        log.warn(`No routing rule sends alert ${alert.alert_id} anywhere: add a rule that matches it${more}`),
      )
    }
    tell(targets, alert, null)
    if (policy !== null) escalate(alert.alert_id, policy, (channels) => tell(channels, alert, null))
  }

  function escalate(subjectId: string, policy: EscalationPolicy, tellThem: (channels: readonly string[]) => void): void {
    const isScheduled = escalations.schedule(subjectId, policy, (level, channels) => {
      log.info(`Alert ${subjectId} escalates: level ${level} of policy ${policy.policy_id}`)
      tellThem(channels)
    })
    if (isScheduled) return
    complaints.log('escalation', (more) =>
      log.error(`Alert ${subjectId} will not escalate, because too many others do: acknowledge those that are looked after${more}`),
    )
  }

  function tell(channels: readonly string[], alert: Alert, aggregate: AlertAggregate | null): void {
    for (const channel of channels) dispatcher.trigger(channel, alert, aggregate)
  }

  function tellAggregate(report: AggregateReport): void {
    const { news, aggregate, channels, resolved } = report
    const alert = aggregateAlert(report)
    if (news === 'closed') for (const channel of channels) dispatcher.conclude(channel, alert, aggregate)
    else if (news !== 'settled') tell(channels, alert, aggregate)
    if (resolved) dispatcher.resolve(alert, aggregate)
  }

  /** Somebody reacted, or there is no need to any more. */
  function attend(alertId: string): void {
    active.delete(alertId)
    escalations.cancel(alertId)
    const attended = aggregation.attend(alertId)
    if (attended === undefined) return
    escalations.cancel(attended.id)
    escalated.delete(attended)
  }

  function end(alertId: string): void {
    attend(alertId)
    aggregation.resolve(alertId)
  }

  return {
    handle({ type, alert }) {
      if (!config.enabled || isStopped) return
      const bare = bareAlert(alert)
      if (type === 'resolved') {
        // An alert that merely changed its band stays part of its aggregate, until the one that took its place is known.
        if (alert.replaced_by === undefined) end(alert.alert_id)
        else attend(alert.alert_id)
        dispatcher.resolve(bare, null)
        return
      }
      if (alert.replaces !== undefined) aggregation.supersede(alert.replaces, alert.alert_id)
      if (type === 'fired') fire(bare)
      else attend(alert.alert_id)
    },
    statistics: () => ({
      enabled: config.enabled,
      active_alerts: active.size,
      aggregated_alerts: aggregation.open,
      pending_escalations: escalations.pending,
      configured_channels: config.channels.length,
      routing_rules: config.routing_rules.length,
      escalation_policies: config.escalation_policies.length,
      ...dispatcher.statistics(),
    }),
    stop() {
      isStopped = true
      escalations.stop()
      aggregation.stop()
      dispatcher.stop()
      active.clear()
    },
  }
}
