/** What each backend needs in the `config` of a channel. A backend checks it once more when it sends; here it is found before anything fires. */
import type { ConfigReader } from './config-reader.ts'
import type { AlertBackendName, ChannelConfig } from './notification.ts'

/** Checks one config, reporting to it. */
export function checkChannelConfig(backend: AlertBackendName, config: ConfigReader): ChannelConfig {
  config.number('timeout', 0.001)
  CHECKS[backend](config)
  config.refuseOthers()
  return config.raw()
}

const CHECKS: Readonly<Record<AlertBackendName, (config: ConfigReader) => void>> = {
  console: () => {},
  webhook(config) {
    webhookUrl(config)
    const headers = config.object('headers')
    for (const name of headers?.keys() ?? []) headers?.text(name, { secret: true })
  },
  slack: webhookUrl,
  discord: webhookUrl,
  pagerduty(config) {
    config.require({ routing_key: 'the integration key of an Events API v2 integration' })
    config.text('routing_key', { secret: true })
    httpUrl(config, 'events_url')
  },
  file(config) {
    config.require({ path: 'the file to append to' })
    config.text('path')
  },
  email(config) {
    config.require({ smtp_server: 'the host of the mail server', sender: "the sender's address" })
    config.text('smtp_server')
    config.text('sender')
    config.number('smtp_port', 1, true)
    config.text('username')
    config.text('password', { secret: true })
    config.boolean('use_tls')
    config.boolean('use_ssl')
    const recipients = [config.texts('recipients'), config.texts('recipient')]
    const isGiven = config.has('recipients') || config.has('recipient')
    if (!isGiven || recipients.some((list) => list?.length === 0)) {
      config.report('recipients', 'settings_missing_key', 'is required: one address or more')
    }
    if (config.has('username') !== config.has('password')) {
      config.report(undefined, 'settings_bad_value', 'username and password go together: give both or neither')
    }
  },
}

function webhookUrl(config: ConfigReader): void {
  config.require({ webhook_url: 'the URL to post to' })
  httpUrl(config, 'webhook_url')
}

/** The URL of a webhook is a secret, so it is not quoted. */
function httpUrl(config: ConfigReader, key: string): void {
  const given = config.text(key, { secret: true })
  if (given === undefined || /^https?:$/.test(URL.parse(given)?.protocol ?? '')) return
  config.report(key, 'settings_bad_value', 'expected a URL that begins with http:// or https://')
}
