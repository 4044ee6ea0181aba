/** `mpreg monitor alerts` and `acknowledge`: what fires, what has fired, and taking notice of it. */
import type { Command } from 'commander'
import { commands } from '../telemetry/index.ts'
import { answerFailure, bodyOf } from './answers.ts'
import { bodyText, type FormatFlags, formatOption, printBody, printJson } from './body-output.ts'
import { isObject, type JsonObject, listAt, numberAt, textAt } from './json-value.ts'
import type { MonitorClient } from './monitor-client.ts'
import { type MonitoringFlags, monitorClient, monitoringOptions } from './monitoring-options.ts'
import { colored, colors, localTime, printable } from './table.ts'

type Flags = MonitoringFlags & FormatFlags
type AlertsFlags = Flags & { readonly history?: boolean }

/** Of figures in a sentence; `json` has them whole. */
const DECIMALS = 2

export function addAlertCommands(monitor: Command): void {
  monitoringOptions(monitor.command('alerts'))
    .description('The alerts whose cause lasts: how severe, since when, what is beyond which limit, and whether somebody has taken notice.')
    .option('--history', 'all the node remembers, those that are over included, newest last')
    .addOption(formatOption('table'))
    .action(async ({ format = 'table', history, ...flags }: AlertsFlags) => {
      const client = monitorClient(flags)
      const alerts = history === true ? await remembered(client) : await lasting(client)
      if (format === 'json') printJson({ alerts })
      else if (alerts.length === 0) process.stdout.write('no alerts\n')
      else if (format === 'compact') process.stdout.write(`${bodyText(JSON.stringify({ alert: alerts }), 'compact')}\n`)
      else process.stdout.write(`${alerts.map(alertText).join('\n\n')}\n`)
    })

  monitoringOptions(monitor.command('acknowledge'))
    .description('Take notice of an alert, so that it is not told of any more while its cause lasts; wants the token.')
    .argument('<id>', 'the alert, as `monitor alerts` names it')
    .addOption(formatOption('json'))
    .action(async (id: string, { format = 'json', ...flags }: Flags) => {
      const answer = await monitorClient(flags).postJson('/alerts/acknowledge', { alert_id: id })
      printBody(answer.text, format)
      if (answer.status !== 200) throw answerFailure(answer)
    })
}

/** The node lists those that nobody has acknowledged; the others are in its history only. */
async function lasting(client: MonitorClient): Promise<readonly JsonObject[]> {
  const firing = listAt(await bodyOf(client, '/alerts'), 'active_alerts').filter(isObject)
  const acknowledged = (await remembered(client)).filter(({ state }) => state === 'acknowledged')
  const ids = new Set(acknowledged.map(({ alert_id }) => alert_id))
  const since = (alert: JsonObject): number => numberAt(alert, 'timestamp') ?? 0
  return [...acknowledged, ...firing.filter(({ alert_id }) => !ids.has(alert_id))].sort((a, b) => since(a) - since(b))
}

async function remembered(client: MonitorClient): Promise<readonly JsonObject[]> {
  return listAt(await bodyOf(client, '/alerts/history'), 'alert_history').filter(isObject)
}

function alertText(alert: JsonObject): string {
  const text = (field: string) => textAt(alert, field) ?? '-'
  const figure = (field: string) =>
    numberAt(alert, field)
      ?.toFixed(DECIMALS)
      .replace(/\.?0+$/, '') ?? '-'
  const acknowledgedBy = textAt(alert, 'acknowledged_by')
  const isOver = alert.resolved === true
  const since = numberAt(alert, 'timestamp')
  const until = isOver ? numberAt(alert, 'resolved_at') : Date.now() / 1000
  const lasted = since === undefined || until === undefined ? '' : `, for ${Math.max(0, Math.round(until - since))} s`
  const replacedBy = textAt(alert, 'replaced_by')
  const lines = [
    `${text('alert_id')} since ${localTime(since)}${lasted}`,
    `- ${text('metric_name')} is ${figure('current_value')}, the limit is ${figure('threshold_value')}`,
    ...(acknowledgedBy === undefined ? [] : [`- acknowledged by ${acknowledgedBy} at ${localTime(alert.acknowledged_at)}`]),
    ...(isOver ? [`- ${replacedBy === undefined ? 'resolved' : `replaced by ${replacedBy}`} at ${localTime(alert.resolved_at)}`] : []),
    ...(isOver || acknowledgedBy !== undefined ? [] : ['- nobody has acknowledged it', `$ ${commands.acknowledge(text('alert_id'))}`]),
  ]
  const head = `${colored(printable(text('severity')))}: ${colors.bold(printable(text('message')))}`
  return [head, ...lines.map((line) => `  ${printable(line)}`)].join('\n')
}
