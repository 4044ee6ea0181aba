/** `mpreg trace`: a real call, and what everybody on its way did for it. */
import type { Command } from 'commander'
import type { RpcError, TracedCall } from '../client/index.ts'
import { type FormatFlags, formatOption } from './body-output.ts'
import { type CallFlags, callable, callOptions, value, withClient } from './client.ts'
import { indentJson } from './json-output.ts'
import { CommandFailure } from './outcome.ts'
import { rpcFailureLines } from './rpc-failure.ts'
import { colors, printable, tableText } from './table.ts'
import { type TimelineRow, timelineOf } from './trace-timeline.ts'

export function declareTraceCommands(trace: Command): void {
  callable(trace.command('call'))
    .description('Call a function, and show who did what for it and how long that took. Needs no collector.')
    .addOption(formatOption('table'))
    .action((fun: string, words: string[], { format = 'table', ...flags }: CallFlags & FormatFlags) =>
      withClient(flags, async (client) => {
        const call = await client.callTraced(callOptions(flags), fun, ...words.map(value))
        const rows = timelineOf(call.trace)
        const text = format === 'json' ? jsonText(call, rows) : format === 'compact' ? compactText(rows) : timelineText(call, rows)
        process.stdout.write(`${text}\n`)
        if (call.error !== undefined) throw new CommandFailure(rpcFailureLines(call.error).join('\n'), { cause: call.error })
      }),
    )
}

const HEAD = ['hop', 'node', 'event', 'offset ms', 'took ms', 'network ms']

function timelineText({ result, traceId }: TracedCall, rows: readonly TimelineRow[]): string {
  return [
    ...(result === undefined ? [] : [indentJson(result.text), '']),
    tableText({ head: HEAD, rows: rows.map(cellsOf) }),
    `trace ${traceId}`,
    colors.dim("took: by each node's own clock. network: between two nodes, there and back: the difference of what they took."),
    colors.dim('offset: with ~ an estimate, as if the way there took as long as the way back; clocks of nodes are not compared.'),
  ].join('\n')
}

function cellsOf(row: TimelineRow): string[] {
  const { error, hop, network_ms, node, offset_estimated, offset_ms, took_ms } = row
  const what = `${eventText(row)}${error === null ? '' : ` ${colors.red(printable(error))}`}`
  return [
    String(hop),
    printable(node),
    what,
    `${offset_estimated && offset_ms !== null ? '~' : ''}${shown(offset_ms)}`,
    shown(took_ms),
    shown(network_ms),
  ]
}

function eventText({ attributes, event, subject }: TimelineRow): string {
  const words = [event, subject]
  const command = attributes['mpreg.command']
  // The label nobody chose says nothing.
  if (event === 'command' && typeof command === 'string' && !command.startsWith('@')) words.push(`as ${command}`)
  if (event === 'call' && typeof attributes['mpreg.next_hop'] === 'string') words.push(`on ${String(attributes['mpreg.target_node'])}`)
  if (event === 'dial') words.push(String(attributes['mpreg.target_node']), attributes['mpreg.linked'] === true ? '' : 'in vain')
  return printable(
    words
      .filter((word) => word !== null)
      .join(' ')
      .trimEnd(),
  )
}

function shown(ms: number | null): string {
  return ms === null ? '-' : ms.toFixed(2)
}

function compactText(rows: readonly TimelineRow[]): string {
  return rows
    .map(({ error, hop, network_ms, node, offset_ms, took_ms, ...row }) => {
      const measures = `offset_ms=${shown(offset_ms)} took_ms=${shown(took_ms)} network_ms=${shown(network_ms)}`
      return `hop=${hop} node=${printable(node)} event=${JSON.stringify(eventText({ error, hop, network_ms, node, offset_ms, took_ms, ...row }))} ${measures}${error === null ? '' : ` error=${JSON.stringify(error)}`}`
    })
    .join('\n')
}

function jsonText({ error, result, trace, traceId }: TracedCall, timeline: readonly TimelineRow[]): string {
  const head = JSON.stringify({ trace_id: traceId, error: error === undefined ? null : errorOf(error), timeline, trace })
  return indentJson(`${head.slice(0, -1)},"result":${result?.text ?? 'null'}}`)
}

function errorOf({ details, message, rpcCode }: RpcError) {
  return { code: rpcCode, message, details: details ?? null }
}
