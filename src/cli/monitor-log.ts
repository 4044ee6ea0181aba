/** `mpreg monitor log` and `log-lines`: the log of a running node, its switches and its latest lines. */
import { type Command, Option } from 'commander'
import { LOG_LINES_MAX, logLevels } from '../telemetry/index.ts'
import { answerFailure, showAnswer } from './answers.ts'
import { type FormatFlags, formatOption, printBody } from './body-output.ts'
import { listAt, textAt } from './json-value.ts'
import { type MonitoringFlags, monitorClient, monitoringOptions } from './monitoring-options.ts'
import { anyCase, collect, positiveInteger } from './option-values.ts'
import { colored, localTime, printable } from './table.ts'

type Flags = MonitoringFlags & FormatFlags

interface SwitchFlags extends Flags {
  readonly level?: string
  /** False: none any more. */
  readonly scope?: readonly string[] | false
}

interface LinesFlags extends Flags {
  readonly level?: string
  readonly scope?: string
  readonly limit?: number
}

const LEVEL_COLOURS: Readonly<Record<string, string>> = { SUCCESS: 'ok', WARNING: 'warning', ERROR: 'error', CRITICAL: 'critical' }

export function addLogCommands(monitor: Command): void {
  monitoringOptions(monitor.command('log'))
    .description('Log level and debug scopes of the node; with --level or --scope, changes them until it restarts.')
    .addOption(new Option('--level <level>', `lines of this level and above: ${logLevels.join(', ')}`).argParser(anyCase(logLevels)))
    .option('--scope <scope>', 'DEBUG lines of these components, in place of those so far; repeatable', collect)
    .option('--no-scope', 'no DEBUG lines of components any more')
    .addOption(formatOption('json'))
    .action(async ({ format = 'json', level, scope, ...flags }: SwitchFlags) => {
      const client = monitorClient(flags)
      const scopes = scope === false ? [] : Array.isArray(scope) ? scope : undefined
      if (level === undefined && scopes === undefined) return showAnswer(client, '/log', format)
      const change = { ...(level !== undefined && { level }), ...(scopes !== undefined && { debug_scopes: scopes }) }
      const answer = await client.postJson('/log', change)
      printBody(answer.text, format)
      if (answer.status !== 200) throw answerFailure(answer)
    })

  monitoringOptions(monitor.command('log-lines'))
    .description('The latest lines of the log, without a way to where the node writes it.')
    .option('--scope <scope>', 'only lines of scopes that begin so')
    .addOption(new Option('--level <level>', 'only lines of at least this level').argParser(anyCase(logLevels)))
    .addOption(new Option('--limit <n>', `how many at most, up to ${LOG_LINES_MAX}`).argParser(positiveInteger))
    .addOption(formatOption('table'))
    .action(async ({ format = 'table', level, limit, scope, ...flags }: LinesFlags) => {
      const query = new URLSearchParams({
        ...(scope !== undefined && { scope }),
        ...(level !== undefined && { level }),
        ...(limit !== undefined && { limit: String(limit) }),
      })
      const answer = await monitorClient(flags).getJson(`/log/lines?${query}`)
      if (format !== 'table' || answer.status !== 200) printBody(answer.text, format)
      else for (const line of listAt(answer.body, 'lines')) process.stdout.write(`${lineText(line)}\n`)
      if (answer.status !== 200) throw answerFailure(answer)
    })
}

function lineText(line: unknown): string {
  const level = textAt(line, 'level') ?? ''
  const kind = LEVEL_COLOURS[level]
  const padded = level.padEnd(8)
  const error = textAt(line, 'error')
  const head = `${localTime((line as { timestamp?: unknown }).timestamp)} ${kind === undefined ? padded : colored(kind, padded)}`
  return `${head} ${printable(`${textAt(line, 'scope') ?? ''}: ${textAt(line, 'message') ?? ''}${error === undefined ? '' : `\n  ${error.replaceAll('\n', '\n  ')}`}`)}`
}
