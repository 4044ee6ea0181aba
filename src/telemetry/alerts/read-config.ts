/**
 * From a settings document to the configuration of a notifier.
 *
 * Everything that would otherwise come to light when an alert is on and nobody hears of it is found here: keys misspelt, values of a wrong type,
 * rules that name channels there are not, config a backend needs.
 */
import { ALERT_SEVERITIES, type AlertSeverity, MpregError } from '../../wire/index.ts'
import { checkChannelConfig } from './channel-config.ts'
import { CHANNEL_DEFAULTS, RULE_DEFAULTS } from './channels.ts'
import { type ConfigProblem, ConfigReader, quote } from './config-reader.ts'
import {
  ALERT_BACKENDS,
  ALERT_LABELS,
  type AlertChannel,
  type AlertTemplate,
  DEFAULT_NOTIFIER_CONFIG,
  ESCALATION_LEVELS,
  type EscalationPolicy,
  type NotifierConfig,
  type RoutingRule,
  type RuleConditions,
} from './notification.ts'
import { DEFAULT_TEMPLATES } from './template.ts'

/** Everything that is wrong with one document. */
export class NotifierConfigError extends MpregError {
  override readonly name = 'NotifierConfigError'
  readonly code = 'notifier_config_invalid'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ key, message }) => (key === '' ? message : `${key}: ${message}`)).join('; '))
    this.problems = problems
  }
}

/**
 * A document with `channels`, `routing_rules`, `escalation_policies`, `templates` and the notifier's own settings, all of them optional.
 *
 * @throws NotifierConfigError naming every problem
 */
export function readNotifierConfig(document: unknown): NotifierConfig {
  const problems: ConfigProblem[] = []
  const root = new ConfigReader(document, problems)
  const defaults = DEFAULT_NOTIFIER_CONFIG
  const config: NotifierConfig = {
    enabled: root.boolean('enabled') ?? defaults.enabled,
    aggregation_window_seconds: root.number('aggregation_window_seconds', 1) ?? defaults.aggregation_window_seconds,
    max_escalation_seconds: root.number('max_escalation_seconds', 0) ?? defaults.max_escalation_seconds,
    rate_window_seconds: root.number('rate_window_seconds', 1) ?? defaults.rate_window_seconds,
    channels: unique(root.objects('channels'), 'channel_id', readChannel),
    routing_rules: unique(root.objects('routing_rules'), 'rule_id', readRule),
    escalation_policies: unique(root.objects('escalation_policies'), 'policy_id', readPolicy),
    templates: unique(root.objects('templates'), 'template_id', readTemplate),
  }
  root.refuseOthers()
  checkReferences(config, root)
  if (problems.length > 0) throw new NotifierConfigError(problems)
  return config
}

/** Items with an id, each only once. */
function unique<T>(readers: readonly ConfigReader[], idKey: string, read: (reader: ConfigReader) => T): T[] {
  const seen = new Set<string>()
  return readers.map((reader) => {
    reader.require({ [idKey]: 'a name to refer to it by' })
    const id = reader.text(idKey)
    if (id !== undefined && seen.has(id)) reader.report(idKey, 'settings_bad_value', `there is a ${quote(id)} already`)
    if (id !== undefined) seen.add(id)
    const item = read(reader)
    reader.refuseOthers()
    return item
  })
}

function readChannel(reader: ConfigReader): AlertChannel {
  reader.require({ backend: `one of ${ALERT_BACKENDS.join(', ')}` })
  const backend = reader.oneOf('backend', ALERT_BACKENDS)
  const config = reader.section('config')
  return {
    channel_id: reader.text('channel_id') ?? '',
    backend: backend ?? 'console',
    config: backend === undefined ? {} : checkChannelConfig(backend, config),
    enabled: reader.boolean('enabled') ?? CHANNEL_DEFAULTS.enabled,
    min_severity: reader.oneOf('min_severity', ALERT_SEVERITIES) ?? CHANNEL_DEFAULTS.min_severity,
    rate_limit_per_minute: reader.number('rate_limit_per_minute', 1, true) ?? CHANNEL_DEFAULTS.rate_limit_per_minute,
    template_name: reader.text('template_name') ?? CHANNEL_DEFAULTS.template_name,
  }
}

function readRule(reader: ConfigReader): RoutingRule {
  reader.require({ target_channels: 'the channels to send to' })
  const conditions = reader.object('conditions')
  const rule_id = reader.text('rule_id') ?? ''
  return {
    rule_id,
    name: reader.text('name') ?? rule_id,
    conditions: conditions === undefined ? {} : readConditions(conditions),
    target_channels: reader.texts('target_channels') ?? [],
    escalation_policy_id: reader.text('escalation_policy_id') ?? RULE_DEFAULTS.escalation_policy_id,
    enabled: reader.boolean('enabled') ?? RULE_DEFAULTS.enabled,
    priority: reader.number('priority', Number.MIN_SAFE_INTEGER, true) ?? RULE_DEFAULTS.priority,
  }
}

function readConditions(reader: ConfigReader): RuleConditions {
  const severity = reader.texts('severity')
  for (const name of severity ?? []) {
    if ((ALERT_SEVERITIES as readonly string[]).includes(name)) continue
    reader.report('severity', 'settings_bad_value', `expected ${ALERT_SEVERITIES.join(', ')}, got ${quote(name)}`)
  }
  const cluster_pattern = reader.text('cluster_pattern')
  if (cluster_pattern !== undefined) checkPattern(cluster_pattern, reader)
  const metric_name = reader.texts('metric_name')
  const labels = reader.object('labels')
  const labelled = ALERT_LABELS.map((label) => [label, labels?.text(label)] as const).filter(([, value]) => value !== undefined)
  labels?.refuseOthers()
  reader.refuseOthers()
  return {
    ...(severity !== undefined && { severity: severity as readonly AlertSeverity[] }),
    ...(cluster_pattern !== undefined && { cluster_pattern }),
    ...(metric_name !== undefined && { metric_name }),
    ...(labels !== undefined && { labels: Object.fromEntries(labelled) }),
  }
}

function checkPattern(pattern: string, reader: ConfigReader): void {
  try {
    new RegExp(`^(?:${pattern})`)
  } catch (error) {
    reader.report('cluster_pattern', 'settings_bad_value', `is no regular expression: ${(error as Error).message}`)
  }
}

function readPolicy(reader: ConfigReader): EscalationPolicy {
  reader.require({ escalation_levels: 'the channels of each level' })
  const levels = reader.object('escalation_levels')
  const given = ESCALATION_LEVELS.map((level) => [level, levels?.texts(level)] as const).filter(([, channels]) => channels !== undefined)
  levels?.refuseOthers()
  const policy_id = reader.text('policy_id') ?? ''
  return {
    policy_id,
    name: reader.text('name') ?? policy_id,
    escalation_levels: Object.fromEntries(given),
    default_channels: reader.texts('default_channels') ?? [],
    enabled: reader.boolean('enabled') ?? true,
  }
}

function readTemplate(reader: ConfigReader): AlertTemplate {
  reader.require({ backend: 'the backend it is written for', body_template: 'what is said' })
  const template_id = reader.text('template_id') ?? ''
  return {
    template_id,
    name: reader.text('name') ?? template_id,
    backend: reader.oneOf('backend', ALERT_BACKENDS) ?? 'console',
    subject_template: reader.text('subject_template') ?? '{severity}: {metric_name}',
    body_template: reader.text('body_template') ?? '',
    metadata: reader.object('metadata')?.raw() ?? {},
  }
}

/** A name that leads nowhere is an alert that goes nowhere. */
function checkReferences(config: NotifierConfig, root: ConfigReader): void {
  const channels = new Set(config.channels.map(({ channel_id }) => channel_id))
  const policies = new Set(config.escalation_policies.map(({ policy_id }) => policy_id))
  const templates = new Set([...DEFAULT_TEMPLATES, ...config.templates].map(({ template_id }) => template_id))
  const check = (known: ReadonlySet<string>, what: string, names: readonly string[], ...at: (string | number)[]): void => {
    for (const name of names) if (!known.has(name)) root.reportAt(at, 'settings_bad_value', `there is no ${what} ${quote(name)}`)
  }
  config.channels.forEach(({ template_name }, index) => {
    if (template_name !== null) check(templates, 'template', [template_name], 'channels', index, 'template_name')
  })
  config.routing_rules.forEach(({ target_channels, escalation_policy_id }, index) => {
    check(channels, 'channel', target_channels, 'routing_rules', index, 'target_channels')
    if (escalation_policy_id !== null) check(policies, 'policy', [escalation_policy_id], 'routing_rules', index, 'escalation_policy_id')
  })
  config.escalation_policies.forEach(({ escalation_levels, default_channels }, index) => {
    const at = ['escalation_policies', index] as const
    for (const [level, names] of Object.entries(escalation_levels)) check(channels, 'channel', names, ...at, 'escalation_levels', level)
    check(channels, 'channel', default_channels, ...at, 'default_channels')
  })
}
