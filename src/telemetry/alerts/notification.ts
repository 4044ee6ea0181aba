/**
 * The records of alert notification: where to (channel), when to whom (rule), and what if nobody reacts (escalation policy); how it is worded
 * (template); what came of it (delivery); and many alerts told as one (aggregate).
 *
 * They stand in settings files and are shown to operators under these very names.
 */
import type { Alert, AlertSeverity } from '../../wire/index.ts'

export const ALERT_BACKENDS = ['email', 'webhook', 'slack', 'discord', 'pagerduty', 'console', 'file'] as const
export type AlertBackendName = (typeof ALERT_BACKENDS)[number]

/** What one backend needs to know for one channel. Much of it is secret: it is never logged, shown or put into an error. */
export type ChannelConfig = Readonly<Record<string, unknown>>

export interface AlertChannel {
  readonly channel_id: string
  readonly backend: AlertBackendName
  readonly config: ChannelConfig
  readonly enabled: boolean
  /** Alerts below are not sent here. */
  readonly min_severity: AlertSeverity
  readonly rate_limit_per_minute: number
  /** Null: `default_<backend>`, if there is one. */
  readonly template_name: string | null
}

/** All that are given must hold. */
export interface RuleConditions {
  readonly severity?: AlertSeverity | readonly AlertSeverity[]
  /** Regular expression, anchored at the start of the cluster's id. */
  readonly cluster_pattern?: string
  readonly metric_name?: string | readonly string[]
  readonly labels?: Readonly<Partial<Record<AlertLabel, string>>>
}

export const ALERT_LABELS = ['cluster_id', 'node_id', 'metric_name'] as const
export type AlertLabel = (typeof ALERT_LABELS)[number]

export interface RoutingRule {
  readonly rule_id: string
  readonly name: string
  readonly conditions: RuleConditions
  readonly target_channels: readonly string[]
  readonly escalation_policy_id: string | null
  readonly enabled: boolean
  /** Lower is asked first. */
  readonly priority: number
}

/** Minutes after the alert at which each level is told. */
export const ESCALATION_MINUTES = { immediate: 0, first: 5, second: 15, third: 30, final: 60 } as const
export type EscalationLevel = keyof typeof ESCALATION_MINUTES
export const ESCALATION_LEVELS = Object.keys(ESCALATION_MINUTES) as readonly EscalationLevel[]

export interface EscalationPolicy {
  readonly policy_id: string
  readonly name: string
  /** Channels by level. */
  readonly escalation_levels: Readonly<Partial<Record<EscalationLevel, readonly string[]>>>
  /** Channels of a level that is there but names none. */
  readonly default_channels: readonly string[]
  readonly enabled: boolean
}

export interface AlertTemplate {
  readonly template_id: string
  readonly name: string
  readonly backend: AlertBackendName
  readonly subject_template: string
  readonly body_template: string
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface NotifierConfig {
  readonly enabled: boolean
  /** Alerts on one metric within this time are told as one, seconds. */
  readonly aggregation_window_seconds: number
  /** Escalation levels later than this after the alert are left out, seconds. */
  readonly max_escalation_seconds: number
  /** The time `rate_limit_per_minute` is counted over, seconds. */
  readonly rate_window_seconds: number
  readonly channels: readonly AlertChannel[]
  readonly routing_rules: readonly RoutingRule[]
  readonly escalation_policies: readonly EscalationPolicy[]
  readonly templates: readonly AlertTemplate[]
}

export const DEFAULT_NOTIFIER_CONFIG: NotifierConfig = {
  enabled: true,
  aggregation_window_seconds: 300,
  max_escalation_seconds: 3_600,
  rate_window_seconds: 60,
  channels: [],
  routing_rules: [],
  escalation_policies: [],
  templates: [],
}

/** Several alerts on one metric, told as one. */
export interface AlertAggregate {
  readonly aggregation_id: string
  readonly alert_count: number
  readonly first_alert: Alert
  readonly last_alert: Alert
  readonly affected_clusters: readonly string[]
  readonly common_metric: string
  /** The highest of them. */
  readonly severity: AlertSeverity
  readonly created_at: number
  readonly last_updated: number
  /** No further word before this time, unless it gets worse; null when closed. */
  readonly suppressed_until: number | null
}

/** One message for one channel, in words and as a record. */
export interface AlertNotification {
  readonly channel_id: string
  /** `trigger` tells of an alert; `resolve` takes that back, and goes only to backends that keep incidents open. */
  readonly action: 'trigger' | 'resolve'
  /** The alert, or the aggregate in the shape of one. */
  readonly alert: Alert
  readonly aggregate: AlertAggregate | null
  readonly subject: string
  readonly body: string
  /** Whether subject and body come from a template. */
  readonly templated: boolean
}

export interface DeliveryOutcome {
  readonly success: boolean
  /** HTTP status or SMTP reply; null when there was no answer. */
  readonly code: number | null
  readonly message: string | null
  /** Whether the same may go well a little later. */
  readonly retriable: boolean
}

/** Brings notifications to one kind of place. It knows no rules and no limits; those are the notifier's. */
export interface AlertBackend {
  /** It keeps incidents open, and wants to hear when one is over. */
  readonly keepsIncidents?: boolean
  /** Settles when `signal` aborts. A refusal or a missing config value is an outcome; only what nobody foresaw rejects. */
  send(notification: AlertNotification, config: ChannelConfig, signal: AbortSignal): Promise<DeliveryOutcome>
}

/** For what can not go well as long as the config stays as it is. */
export function refused(message: string): DeliveryOutcome {
  return { success: false, code: null, message, retriable: false }
}
