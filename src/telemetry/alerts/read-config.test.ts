import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { consoleChannel, severityRule, slackChannel } from './channels.ts'
import { DEFAULT_NOTIFIER_CONFIG } from './notification.ts'
import { NotifierConfigError, readNotifierConfig } from './read-config.ts'

function problemsOf(document: unknown): string[] {
  try {
    readNotifierConfig(document)
    return []
  } catch (error) {
    if (!(error instanceof NotifierConfigError)) throw error
    return error.problems.map(({ key, message }) => `${key}: ${message}`)
  }
}

describe('notifier settings', () => {
  it('are all optional', () => {
    expect(readNotifierConfig({})).toEqual(DEFAULT_NOTIFIER_CONFIG)
  })

  it('may leave out of a channel and a rule what the ready-made ones leave out', () => {
    const config = readNotifierConfig({
      channels: [
        { channel_id: 'desk', backend: 'console', template_name: 'default_console' },
        {
          channel_id: 'team',
          backend: 'slack',
          config: { webhook_url: 'https://hooks.slack.test/x' },
          min_severity: 'warning',
          template_name: 'default_slack',
        },
      ],
      routing_rules: [
        { rule_id: 'severe', name: 'Severity Routing - severe', conditions: { severity: 'critical' }, target_channels: 'team' },
      ],
    })
    expect(config.channels).toEqual([consoleChannel('desk'), slackChannel('team', 'https://hooks.slack.test/x')])
    expect(config.routing_rules).toEqual([severityRule('severe', ['critical'], ['team'])])
  })

  it('are refused with every problem at once, each with its place', () => {
    expect(
      problemsOf({
        aggregation_window_seconds: '300',
        chanels: [],
        channels: [
          { channel_id: 'a', backend: 'carrier-pigeon' },
          { channel_id: 'a', backend: 'webhook', rate_limit_per_minute: 0 },
          { channel_id: 'mail', backend: 'email', config: { smtp_server: 'mx', sender: 'a@b', username: 'a' }, template_name: 'nice' },
        ],
        routing_rules: [
          {
            rule_id: 'r',
            conditions: { severity: ['severe'], cluster_pattern: '(', labels: { zone: 'x' } },
            target_channels: ['a', 'b'],
            escalation_policy_id: 'p',
          },
        ],
        escalation_policies: [{ policy_id: 'q', escalation_levels: { first: ['c'], fourth: ['a'] } }],
      }),
    ).toEqual([
      'aggregation_window_seconds: expected a number of at least 1, got the text "300"',
      'channels[0].backend: expected one of email, webhook, slack, discord, pagerduty, console, file, got the text "carrier-pigeon"',
      'channels[1].channel_id: there is a "a" already',
      'channels[1].config.webhook_url: is required: the URL to post to',
      'channels[1].rate_limit_per_minute: expected an integer of at least 1, got the number 0',
      'channels[2].config.recipients: is required: one address or more',
      'channels[2].config: username and password go together: give both or neither',
      'routing_rules[0].conditions.severity: expected info, warning, error, critical, emergency, got "severe"',
      'routing_rules[0].conditions.cluster_pattern: is no regular expression: Invalid regular expression: /^(?:()/: Unterminated group',
      'routing_rules[0].conditions.labels.zone: unknown setting',
      'escalation_policies[0].escalation_levels.fourth: unknown setting',
      'chanels: unknown setting, did you mean "channels"?',
      'channels[2].template_name: there is no template "nice"',
      'routing_rules[0].target_channels: there is no channel "b"',
      'routing_rules[0].escalation_policy_id: there is no policy "p"',
      'escalation_policies[0].escalation_levels.first: there is no channel "c"',
    ])
  })

  it('are told apart by code, and located by names and indexes', () => {
    try {
      readNotifierConfig({ channels: [{ channel_id: 'a', backend: 'console', colour: 'red' }] })
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        code: 'notifier_config_invalid',
        message: 'channels[0].colour: unknown setting',
        problems: [{ code: 'settings_unknown_key', path: ['channels', 0, 'colour'] }],
      })
    }
  })

  it('keep secrets out of what is wrong with them', () => {
    const channel = (backend: string, config: unknown) => ({ channels: [{ channel_id: 'a', backend, config }] })
    const documents = [
      channel('slack', { webhook_url: 'hush://hush' }),
      channel('slack', { webhook_url: ['hush'] }),
      channel('slack', 'hush'),
      channel('webhook', { webhook_url: 'https://a.test', headers: 'hush' }),
      channel('webhook', { webhook_url: 'https://a.test', headers: { authorization: ['hush'] } }),
      channel('pagerduty', { routing_key: { hush: 'hush' } }),
      channel('email', { smtp_server: 'a', sender: 'b', recipient: 'c', username: 'd', password: ['hush'] }),
    ]
    for (const document of documents) {
      const problems = problemsOf(document)
      expect(problems).not.toEqual([])
      expect(problems.join()).not.toContain('hush')
    }
  })

  it('of any shape are either read or refused with problems, never with anything else', () => {
    const part = fc.jsonValue({ maxDepth: 4 })
    const document = fc.oneof(
      part,
      fc.record(
        { channels: part, routing_rules: fc.array(part), escalation_policies: part, templates: fc.array(part) },
        { requiredKeys: [] },
      ),
      fc.record({
        channels: fc.array(fc.record({ channel_id: fc.string(), backend: fc.constantFrom('email', 'webhook', 'file'), config: part })),
      }),
    )
    fc.assert(fc.property(document, (value) => Array.isArray(problemsOf(value))))
  })
})
