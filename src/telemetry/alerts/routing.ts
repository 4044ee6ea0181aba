/** Routing rules: which channels hear of an alert, who is told when nobody reacts, and why. Decides; sends nothing. */
import type { Alert } from '../../wire/index.ts'
import type { AlertLabel, EscalationPolicy, RoutingRule, RuleConditions } from './notification.ts'

export interface RuleVerdict {
  readonly rule_id: string
  readonly matches: boolean
  /** What kept it from matching. */
  readonly reason: string | null
}

export interface Route {
  /** Every rule, in the order they are asked. */
  readonly rules: readonly RuleVerdict[]
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
    const verdicts: RuleVerdict[] = []
    const channels = new Set<string>()
    let policy: EscalationPolicy | null = null
    for (const { rule, clusterPattern } of asked) {
      const reason = mismatch(rule, clusterPattern, alert)
      verdicts.push({ rule_id: rule.rule_id, matches: reason === null, reason })
      if (reason !== null) continue
      for (const channel of rule.target_channels) channels.add(channel)
      policy ??= policyOf.get(rule.escalation_policy_id ?? '') ?? null
    }
    return { rules: verdicts, channels: [...channels], policy }
  }
}

function anchored(pattern: string | undefined): RegExp | undefined {
  return pattern === undefined ? undefined : new RegExp(`^(?:${pattern})`)
}

function mismatch({ enabled, conditions }: RoutingRule, clusterPattern: RegExp | undefined, alert: Alert): string | null {
  if (!enabled) return 'the rule is disabled'
  if (!admits(conditions.severity, alert.severity)) return `severity is ${alert.severity}`
  if (clusterPattern !== undefined && !clusterPattern.test(alert.cluster_id)) return `cluster_id is ${alert.cluster_id}`
  if (!admits(conditions.metric_name, alert.metric_name)) return `metric_name is ${alert.metric_name}`
  return labelMismatch(conditions.labels, alert)
}

function admits(wanted: string | readonly string[] | undefined, value: string): boolean {
  return wanted === undefined || (typeof wanted === 'string' ? wanted === value : wanted.includes(value))
}

function labelMismatch(labels: RuleConditions['labels'], alert: Alert): string | null {
  for (const [label, wanted] of Object.entries(labels ?? {}) as [AlertLabel, string][]) {
    if (alert[label] !== wanted) return `${label} is ${alert[label]}`
  }
  return null
}
