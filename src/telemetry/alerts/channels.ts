/** Ready-made channels, rules and policies for the common cases. What is not given is as in a settings file that does not give it. */
import type { AlertSeverity } from '../../wire/index.ts'
import type { AlertChannel, EscalationPolicy, RoutingRule } from './notification.ts'

/** What a channel and a rule are when nothing else is said. */
export const CHANNEL_DEFAULTS = { enabled: true, min_severity: 'info', rate_limit_per_minute: 10, template_name: null } as const
export const RULE_DEFAULTS = { escalation_policy_id: null, enabled: true, priority: 100 } as const

export function consoleChannel(channelId: string, minSeverity: AlertSeverity = 'info'): AlertChannel {
  const template_name = 'default_console'
  return { ...CHANNEL_DEFAULTS, channel_id: channelId, backend: 'console', config: {}, min_severity: minSeverity, template_name }
}

export function slackChannel(channelId: string, webhookUrl: string, minSeverity: AlertSeverity = 'warning'): AlertChannel {
  const config = { webhook_url: webhookUrl }
  return { ...CHANNEL_DEFAULTS, channel_id: channelId, backend: 'slack', config, min_severity: minSeverity, template_name: 'default_slack' }
}

export interface WebhookChannelOptions {
  readonly minSeverity?: AlertSeverity
  readonly headers?: Readonly<Record<string, string>>
}

export function webhookChannel(channelId: string, webhookUrl: string, options: WebhookChannelOptions = {}): AlertChannel {
  const { minSeverity = 'warning', headers } = options
  const config = { webhook_url: webhookUrl, ...(headers !== undefined && { headers }) }
  return { ...CHANNEL_DEFAULTS, channel_id: channelId, backend: 'webhook', config, min_severity: minSeverity }
}

/** `firstChannels` are told at once, `finalChannels` after five minutes without a reaction and once more after an hour. */
export function basicEscalationPolicy(
  policyId: string,
  firstChannels: readonly string[],
  finalChannels: readonly string[],
): EscalationPolicy {
  return {
    policy_id: policyId,
    name: `Basic Escalation - ${policyId}`,
    escalation_levels: { immediate: firstChannels, first: finalChannels, final: finalChannels },
    default_channels: firstChannels,
    enabled: true,
  }
}

export function severityRule(
  ruleId: string,
  severities: readonly AlertSeverity[],
  channels: readonly string[],
  escalationPolicyId: string | null = null,
): RoutingRule {
  return {
    ...RULE_DEFAULTS,
    rule_id: ruleId,
    name: `Severity Routing - ${ruleId}`,
    conditions: { severity: severities },
    target_channels: channels,
    escalation_policy_id: escalationPolicyId,
  }
}

export function clusterRule(
  ruleId: string,
  clusterPattern: string,
  channels: readonly string[],
  escalationPolicyId: string | null = null,
): RoutingRule {
  return {
    ...RULE_DEFAULTS,
    rule_id: ruleId,
    name: `Cluster Routing - ${ruleId}`,
    conditions: { cluster_pattern: clusterPattern },
    target_channels: channels,
    escalation_policy_id: escalationPolicyId,
  }
}
