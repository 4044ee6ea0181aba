/** Routing rules: which channels hear of an alert, and who is told when nobody reacts. Decides; sends nothing. */
import type { Alert } from '../../wire/index.ts'
import type { AlertLabel, EscalationPolicy, RoutingRule, RuleConditions } from './notification.ts'

export interface Route {
  /** In the order of the rules, each once. */
  readonly channels: readonly string[]
  /** Of the first matching rule that names one which is there and enabled. */
  readonly policy: EscalationPolicy | null
}

export type Router = (alert: Alert) => Route

/** @throws SyntaxError when a `cluster_pattern` is no regular expression; those from settings have been checked */
export function createRouter(rules: readonly RoutingRule[], policies: readonly EscalationPolicy[]): Router {
  const policyOf = new Map(policies.filter(({ enabled }) => enabled).map((policy) => [policy.policy_id, policy]))
  const asked = rules
    .toSorted((a, b) => a.priority - b.priority)
    .map((rule) => ({ rule, clusterPattern: anchored(rule.conditions.cluster_pattern) }))

  return (alert) => {
    const channels = new Set<string>()
    let policy: EscalationPolicy | null = null
    for (const { rule, clusterPattern } of asked) {
      if (!matches(rule, clusterPattern, alert)) continue
      for (const channel of rule.target_channels) channels.add(channel)
      policy ??= policyOf.get(rule.escalation_policy_id ?? '') ?? null
    }
    return { channels: [...channels], policy }
  }
}

function anchored(pattern: string | undefined): RegExp | undefined {
  return pattern === undefined ? undefined : new RegExp(`^(?:${pattern})`)
}

function matches({ enabled, conditions }: RoutingRule, clusterPattern: RegExp | undefined, alert: Alert): boolean {
  return (
    enabled &&
    admits(conditions.severity, alert.severity) &&
    (clusterPattern === undefined || clusterPattern.test(alert.cluster_id)) &&
    admits(conditions.metric_name, alert.metric_name) &&
    hasLabels(conditions.labels, alert)
  )
}

function admits(wanted: string | readonly string[] | undefined, value: string): boolean {
  return wanted === undefined || (typeof wanted === 'string' ? wanted === value : wanted.includes(value))
}

function hasLabels(labels: RuleConditions['labels'], alert: Alert): boolean {
  return Object.entries(labels ?? {}).every(([label, wanted]) => alert[label as AlertLabel] === wanted)
}
