/** Discord, by a channel's webhook (discord.com/developers/docs/resources/webhook#execute-webhook). */
import { type AlertBackend, type AlertNotification, refused } from '../../telemetry/index.ts'
import { postJson, webhookUrlOf } from './http-post.ts'

/** Discord refuses longer messages. */
const CONTENT_CHARACTERS_MAX = 2_000

export const discordBackend: AlertBackend = {
  send(notification, config, signal) {
    const url = webhookUrlOf(config)
    if (url === undefined) return Promise.resolve(refused('webhook_url is required'))
    return postJson({ url, document: discordPayload(notification), isSuccess: (status) => status < 300 }, signal)
  },
}

/** Nobody is mentioned, whatever a cluster calls itself. */
function discordPayload({ subject, body }: AlertNotification): unknown {
  return { content: `**${subject}**\n${body}`.slice(0, CONTENT_CHARACTERS_MAX), allowed_mentions: { parse: [] } }
}
