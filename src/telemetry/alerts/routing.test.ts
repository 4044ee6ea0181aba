import { describe, expect, it } from 'vitest'
import type { Alert } from '../../wire/index.ts'
import { basicEscalationPolicy, clusterRule, RULE_DEFAULTS, severityRule } from './channels.ts'
import type { RoutingRule, RuleConditions } from './notification.ts'
import { createRouter } from './routing.ts'

const alert: Alert = {
  alert_id: 'eu-west_avg_latency_ms_error',
  severity: 'error',
  metric_name: 'avg_latency_ms',
  current_value: 600,
  threshold_value: 500,
  cluster_id: 'eu-west',
  node_id: null,
  timestamp: 1_700_000_000,
  message: '',
  resolved: false,
}

function reasonAgainst(conditions: RuleConditions, changes: Partial<RoutingRule> = {}): string | null | undefined {
  const rule: RoutingRule = { ...RULE_DEFAULTS, rule_id: 'r', name: 'r', conditions, target_channels: ['a'], ...changes }
  return createRouter([rule], [])(alert).rules[0]?.reason
}

describe('a routing rule', () => {
  it('without conditions matches everything', () => {
    expect(reasonAgainst({})).toBe(null)
  })

  it('matches when all of its conditions hold, and says which one does not', () => {
    const holding: RuleConditions = {
      severity: ['error', 'critical'],
      cluster_pattern: 'eu-|us-',
      metric_name: 'avg_latency_ms',
      labels: { cluster_id: 'eu-west' },
    }
    expect(reasonAgainst(holding)).toBe(null)
    expect(reasonAgainst({ ...holding, severity: 'critical' })).toBe('severity is error')
    expect(reasonAgainst({ ...holding, metric_name: ['health_score'] })).toBe('metric_name is avg_latency_ms')
    expect(reasonAgainst({ ...holding, labels: { node_id: 'n1' } })).toBe('node_id is null')
    expect(reasonAgainst(holding, { enabled: false })).toBe('the rule is disabled')
  })

  it('looks for its pattern at the start of the cluster only, in every alternative', () => {
    expect(reasonAgainst({ cluster_pattern: 'west' })).toBe('cluster_id is eu-west')
    expect(reasonAgainst({ cluster_pattern: 'us|west' })).toBe('cluster_id is eu-west')
    expect(reasonAgainst({ cluster_pattern: 'eu' })).toBe(null)
  })
})

describe('the escalation policy of an alert', () => {
  it('is that of the first matching rule which names one that is there and enabled', () => {
    const rules = [
      clusterRule('none', 'eu', ['a']),
      clusterRule('unknown', 'eu', ['a'], 'typo'),
      clusterRule('off', 'eu', ['a'], 'off'),
      severityRule('severe', ['error'], ['b'], 'on'),
      clusterRule('late', 'eu', ['c'], 'other'),
    ]
    const policies = [
      { ...basicEscalationPolicy('off', [], []), enabled: false },
      basicEscalationPolicy('on', [], []),
      basicEscalationPolicy('other', [], []),
    ]
    const route = createRouter(rules, policies)(alert)
    expect(route.policy?.policy_id).toBe('on')
    expect(route.channels).toEqual(['a', 'b', 'c'])
  })
})
