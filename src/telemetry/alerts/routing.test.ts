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

function matches(conditions: RuleConditions, changes: Partial<RoutingRule> = {}): boolean {
  const rule: RoutingRule = { ...RULE_DEFAULTS, rule_id: 'r', name: 'r', conditions, target_channels: ['a'], ...changes }
  return createRouter([rule], [])(alert).channels.length > 0
}

describe('a routing rule', () => {
  it('without conditions matches everything', () => {
    expect(matches({})).toBe(true)
  })

  it('matches when it is enabled and all of its conditions hold', () => {
    const holding: RuleConditions = {
      severity: ['error', 'critical'],
      cluster_pattern: 'eu-|us-',
      metric_name: 'avg_latency_ms',
      labels: { cluster_id: 'eu-west' },
    }
    expect(matches(holding)).toBe(true)
    expect(matches({ ...holding, severity: 'critical' })).toBe(false)
    expect(matches({ ...holding, cluster_pattern: 'us-' })).toBe(false)
    expect(matches({ ...holding, metric_name: ['health_score'] })).toBe(false)
    expect(matches({ ...holding, labels: { node_id: 'n1' } })).toBe(false)
    expect(matches(holding, { enabled: false })).toBe(false)
  })

  it('looks for its pattern at the start of the cluster only, in every alternative', () => {
    expect(matches({ cluster_pattern: 'west' })).toBe(false)
    expect(matches({ cluster_pattern: 'us|west' })).toBe(false)
    expect(matches({ cluster_pattern: 'eu' })).toBe(true)
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
