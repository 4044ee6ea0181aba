/**
 * From "this channel should hear of it" to a delivery: may it, how is it worded, and what came of it.
 *
 * Each delivery runs by itself. One channel that hangs or fails is a failed delivery of that channel and nothing to the others.
 */
import type { Env } from '../../base/index.ts'
import type { Alert, AlertSeverity } from '../../wire/index.ts'
import { logOncePer } from '../once-per.ts'
import { deliver } from './delivery.ts'
import {
  type AlertAggregate,
  type AlertBackend,
  type AlertBackendName,
  type AlertChannel,
  type AlertNotification,
  type DeliveryOutcome,
  type NotifierConfig,
  refused,
} from './notification.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'
import { severityRank } from './records.ts'
import { createRedactor } from './redaction.ts'
import { createDeliveryLedger, type DeliveryLedger } from './statistics.ts'
import { DEFAULT_TEMPLATES, plainWording, render } from './template.ts'

export interface Dispatcher {
  /** Sends word of an alert if the channel takes it. */
  trigger(channelId: string, alert: Alert, aggregate: AlertAggregate | null): void
  /** Sends a last word, which opens no incident. */
  conclude(channelId: string, alert: Alert, aggregate: AlertAggregate): void
  /** Ends the incidents that were opened for an alert. */
  resolve(alert: Alert, aggregate: AlertAggregate | null): void
  statistics: DeliveryLedger['statistics']
  stop(): void
}

/** Deliveries under way at once, retries and their pauses included. */
const UNDER_WAY_MAX = 1_000
/** Alerts whose incidents are remembered. */
const INCIDENTS_MAX = 10_000
/** How often the log says that a channel fails. */
const FAILURE_LOG_MS = 60_000
const MESSAGE_CHARACTERS_MAX = 500

interface Outlet {
  readonly channel: AlertChannel
  readonly limit: RateLimit
  readonly redact: (text: string) => string
}

export function createDispatcher(
  env: Env,
  backends: Readonly<Partial<Record<AlertBackendName, AlertBackend>>>,
  config: NotifierConfig,
): Dispatcher {
  const log = env.log.scope('fabric.alerting')
  const outlets = new Map<string, Outlet>(
    config.channels.map((channel) => {
      const limit = createRateLimit(env.clock, channel.rate_limit_per_minute, config.rate_window_seconds * 1000)
      return [channel.channel_id, { channel, limit, redact: createRedactor(channel.config) }]
    }),
  )
  const templates = new Map([...DEFAULT_TEMPLATES, ...config.templates].map((template) => [template.template_id, template]))
  const ledger = createDeliveryLedger(env.clock)
  const failures = logOncePer({ clock: env.clock, intervalMs: FAILURE_LOG_MS })
  const stopping = new AbortController()
  /** By alert and channel: whether the incident was opened, once that is known. */
  const incidents = new Map<string, Map<string, Promise<boolean>>>()
  let underWay = 0

  /** Why a channel does not take a notification now; null when it does, and that is counted. */
  function refusal(outlet: Outlet | undefined, severity: AlertSeverity): string | null {
    if (outlet === undefined) return 'there is no such channel'
    const { enabled, min_severity } = outlet.channel
    if (!enabled) return 'the channel is disabled'
    if (severityRank(severity) < severityRank(min_severity)) return `${severity} is below ${min_severity}`
    if (underWay >= UNDER_WAY_MAX) return `${UNDER_WAY_MAX} deliveries are under way`
    return outlet.limit.tryPass() ? null : RATE_LIMITED
  }

  function admit(channelId: string, alert: Alert): Outlet | undefined {
    const outlet = outlets.get(channelId)
    const reason = refusal(outlet, alert.severity)
    if (reason === null) return outlet
    if (reason === RATE_LIMITED) ledger.countLimited()
    if (log.debugOn) log.debug(`Channel ${channelId} is not told of ${alert.alert_id}: ${reason}`)
    return undefined
  }

  function word(outlet: Outlet, action: AlertNotification['action'], alert: Alert, aggregate: AlertAggregate | null): AlertNotification {
    const { channel_id, backend, template_name } = outlet.channel
    const template = templates.get(template_name ?? `default_${backend}`)
    const wording = template === undefined ? plainWording(alert) : render(template, alert)
    return { channel_id, action, alert, aggregate, ...wording, templated: template !== undefined }
  }

  /** Resolves with whether it arrived; never rejects. */
  async function send(outlet: Outlet, notification: AlertNotification): Promise<boolean> {
    const { channel } = outlet
    underWay++
    const backend = backends[channel.backend] ?? absent(channel.backend)
    const { outcome, retryCount, durationMs } = await deliver(env, backend, notification, channel.config, stopping.signal)
    underWay--
    ledger.record(channel.backend, outcome.success, durationMs)
    tell(outlet, notification.alert.alert_id, outcome, retryCount)
    return outcome.success
  }

  function tell({ channel, redact }: Outlet, alertId: string, outcome: DeliveryOutcome, retries: number): void {
    const { code, message, success } = outcome
    const { channel_id } = channel
    if (success) {
      if (log.debugOn) log.debug(`Channel ${channel_id} was told of ${alertId} after ${retries} retries`)
      return
    }
    const answered = code === null ? '' : ` (${code})`
    const reason = message === null ? 'no reason given' : redact(message).slice(0, MESSAGE_CHARACTERS_MAX)
    failures.log(channel_id, (more) => log.error(`Channel ${channel_id} could not be told of ${alertId}${answered}: ${reason}${more}`))
  }

  function remember(alertId: string, channelId: string, opened: Promise<boolean>): void {
    const channels = incidents.get(alertId) ?? new Map<string, Promise<boolean>>()
    incidents.set(alertId, channels)
    // Told more than once, as aggregates and escalations are: it is open if any of them got through.
    const before = channels.get(channelId)
    channels.set(channelId, before === undefined ? opened : Promise.all([before, opened]).then((all) => all.includes(true)))
    const [oldest] = incidents.keys()
    if (incidents.size > INCIDENTS_MAX) incidents.delete(oldest as string)
  }

  return {
    trigger(channelId, alert, aggregate) {
      const outlet = admit(channelId, alert)
      if (outlet === undefined) return
      const sent = send(outlet, word(outlet, 'trigger', alert, aggregate))
      if (backends[outlet.channel.backend]?.keepsIncidents === true) remember(alert.alert_id, channelId, sent)
    },
    conclude(channelId, alert, aggregate) {
      const known = outlets.get(channelId)
      if (known !== undefined && backends[known.channel.backend]?.keepsIncidents === true) return
      const outlet = admit(channelId, alert)
      if (outlet !== undefined) void send(outlet, word(outlet, 'trigger', alert, aggregate))
    },
    resolve(alert, aggregate) {
      const channels = incidents.get(alert.alert_id)
      incidents.delete(alert.alert_id)
      for (const [channelId, opened] of channels ?? []) {
        // Not before the incident is open, or it would stay open for ever. Past the rate limit: it ends what the limit let through.
        void opened.then((isOpen) => {
          const outlet = outlets.get(channelId)
          if (isOpen && outlet !== undefined) void send(outlet, word(outlet, 'resolve', alert, aggregate))
        })
      }
    },
    statistics: ledger.statistics,
    stop: () => stopping.abort(),
  }
}

const RATE_LIMITED = 'the channel is over its rate limit'

function absent(name: AlertBackendName): AlertBackend {
  return { send: () => Promise.resolve(refused(`there is no ${name} backend in this process`)) }
}
