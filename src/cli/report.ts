/** `mpreg report`: discovery in figures. */
import { type Command, Option } from 'commander'
import { bodyOf } from './answers.ts'
import { bodyText, type Format, type FormatFlags, formatOption } from './body-output.ts'
import { type JsonObject, listAt, numberAt, objectAt, textAt } from './json-value.ts'
import { type MonitoringFlags, monitorClient, monitoringOptions } from './monitoring-options.ts'
import { positiveInteger } from './option-values.ts'
import { localTime, printable, tableText } from './table.ts'

interface ReportFlags extends MonitoringFlags, FormatFlags {
  readonly output?: 'table' | 'json'
}

interface NamespaceFlags extends ReportFlags {
  readonly namespace?: string
  readonly limit?: number
}

export function declareReportCommands(report: Command): void {
  reporting(report.command('namespace-health'))
    .description('How often the summaries of each namespace went out.')
    .option('--namespace <prefix>', 'only namespaces that begin so')
    .addOption(new Option('--limit <n>', 'at most so many').argParser(positiveInteger))
    .action(async (flags: NamespaceFlags) => {
      const body = await bodyOf(monitorClient(flags), '/discovery/summary')
      const namespaces = selected(listAt(body, 'summary_export', 'per_namespace'), flags)
      write(formatOf(flags), { summary_export: objectAt(body, 'summary_export'), namespaces }, () => namespaceTable(namespaces), {
        namespaces,
      })
    })

  reporting(report.command('export-lag'))
    .description('How far discovery is behind.')
    .action(async (flags: ReportFlags) => {
      const lag = objectAt(await bodyOf(monitorClient(flags), '/discovery/lag'), 'lag')
      write(formatOf(flags), lag, () => lagTable(lag))
    })
}

function reporting(command: Command): Command {
  return monitoringOptions(command)
    .addOption(new Option('--output <format>', 'the older name of --format').choices(['table', 'json']))
    .addOption(formatOption('table'))
}

function formatOf({ format, output }: ReportFlags): Format {
  return format ?? output ?? 'table'
}

function write(format: Format, value: JsonObject, table: () => string, compact: JsonObject = value): void {
  const text = format === 'table' ? table() : bodyText(JSON.stringify(format === 'compact' ? compact : value), format)
  process.stdout.write(`${text}\n`)
}

/** Those with most summaries first. */
function selected(rows: readonly unknown[], { limit, namespace = '' }: NamespaceFlags): readonly unknown[] {
  return rows
    .map((row) => ({ row, name: textAt(row, 'namespace') ?? '', summaries: numberAt(row, 'summaries_exported') ?? 0 }))
    .filter(({ name }) => name.startsWith(namespace))
    .sort((a, b) => b.summaries - a.summaries || (a.name < b.name ? -1 : Number(a.name > b.name)))
    .slice(0, limit)
    .map(({ row }) => row)
}

function namespaceTable(rows: readonly unknown[]): string {
  return tableText({
    title: 'Namespace Export Health',
    head: ['Namespace', 'Exports', 'Summaries', 'Last Export Count', 'Last Export At'],
    rows: rows.map((row) => {
      const { exports_total, last_export_at, last_export_count, namespace, summaries_exported } = objectAt(row)
      return [...[namespace, exports_total, summaries_exported, last_export_count].map(cell), localTime(last_export_at)]
    }),
  })
}

function lagTable(lag: JsonObject): string {
  return tableText({
    title: 'Discovery Export Lag',
    head: ['Field', 'Value'],
    rows: [
      ['Resolver Enabled', cell(lag.resolver_enabled)],
      ['Summary Export Enabled', cell(lag.summary_export_enabled)],
      ['Delta Lag (s)', cell(lag.delta_lag_seconds)],
      ['Summary Export Lag (s)', cell(lag.summary_export_lag_seconds)],
      ['Last Delta At', localTime(lag.last_delta_at)],
      ['Last Summary Export At', localTime(lag.last_summary_export_at)],
    ],
  })
}

function cell(value: unknown): string {
  return value === null || value === undefined ? '-' : printable(String(value))
}
