/**
 * Alert channels: how a notification reaches a person. One file for each kind of place; the notifier of telemetry decides what goes where.
 */
import type { AlertBackend, AlertBackendName } from '../../telemetry/index.ts'
import { createConsoleBackend } from './console.ts'
import { discordBackend } from './discord.ts'
import { emailBackend } from './email.ts'
import { fileBackend } from './file.ts'
import { pagerdutyBackend } from './pagerduty.ts'
import { slackBackend } from './slack.ts'
import { webhookBackend } from './webhook.ts'

/**
 * Every backend there is.
 * @param print writes a text to the console
 */
export function createAlertBackends(print: (text: string) => void): Readonly<Record<AlertBackendName, AlertBackend>> {
  return {
    console: createConsoleBackend(print),
    webhook: webhookBackend,
    slack: slackBackend,
    discord: discordBackend,
    pagerduty: pagerdutyBackend,
    email: emailBackend,
    file: fileBackend,
  }
}
