/**
 * Alerts: what is wrong (createAlerts), and who is told (createNotifier).
 *
 * Start at alerts.ts for thresholds and the life of an alert, and at notifier.ts for the way to people. Both are pure over `Env`; what reaches the
 * outside are backends (see {@link AlertBackend}), which monitor/channels brings.
 */

export { type Alerts, type AlertsOptions, createAlerts, type ThroughputOptions } from './alerts.ts'
export {
  basicEscalationPolicy,
  clusterRule,
  consoleChannel,
  severityRule,
  slackChannel,
  type WebhookChannelOptions,
  webhookChannel,
} from './channels.ts'
export type { ConfigProblem, ConfigProblemCode } from './config-reader.ts'
export { AlertNotFoundError } from './errors.ts'
export type { AlertSubscriber } from './feed.ts'
export {
  type AlertAggregate,
  type AlertBackend,
  type AlertBackendName,
  type AlertChannel,
  type AlertNotification,
  type AlertTemplate,
  type ChannelConfig,
  type DeliveryOutcome,
  type EscalationLevel,
  type EscalationPolicy,
  type NotifierConfig,
  type RoutingRule,
  type RuleConditions,
  refused,
} from './notification.ts'
export { createNotifier, type Notifier } from './notifier.ts'
export { NotifierConfigError, readNotifierConfig } from './read-config.ts'
export type {
  AlertEvent,
  AlertHistoryRecord,
  AlertsSnapshot,
  ClusterMeasurements,
  SubscriberSnapshot,
} from './records.ts'
export type { NotifierStatistics } from './statistics.ts'
export { isoTime } from './template.ts'
export { ALERT_PRESETS, type AlertLimits, type AlertPreset, type AlertThresholds } from './thresholds.ts'
export type { Arming } from './throughput-baseline.ts'
