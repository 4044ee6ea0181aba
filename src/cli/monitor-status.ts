/** `mpreg monitor status`: health, persistence, transport and systems of a node on one screen. */
import { type Command, Option } from 'commander'
import { commands, lossOf } from '../telemetry/index.ts'
import { answerFailure } from './answers.ts'
import { type Format, type FormatFlags, formatOption, printBody } from './body-output.ts'
import { shapedFacts } from './facts-shape.ts'
import { at, type JsonObject, numberAt, objectAt, textAt } from './json-value.ts'
import type { JsonAnswer, MonitorClient } from './monitor-client.ts'
import { type MonitoringFlags, monitorClient, monitoringOptions } from './monitoring-options.ts'
import { colored, localTime, printable, tableText } from './table.ts'
import { type WatchFlags, watch, watchOptions } from './watch.ts'

type StatusFlags = MonitoringFlags & FormatFlags & { readonly cluster?: string; readonly output?: 'table' | 'json' }

/** Above these, an endpoint is healthy or at least degraded. */
const HEALTHY_SCORE = 0.9
const DEGRADED_SCORE = 0.7
/** Of a line in a cell: a table wider than the terminal is none. What is cut off `explain` tells. */
const CELL_CHARACTERS_MAX = 80

export function addStatusCommands(monitor: Command): void {
  statusOptions(monitor.command('status'))
    .description('The state of a node on one screen.')
    .action((flags: StatusFlags) => showStatus(monitorClient(flags), flags))

  statusOptions(watchOptions(monitor.command('status-watch'), 30))
    .description('The same, again and again.')
    .action((flags: StatusFlags & WatchFlags) => {
      const client = monitorClient(flags)
      return watch(flags, { title: 'Fabric Status Monitor', clears: true, look: (signal) => showStatus(client, flags, signal) })
    })
}

function statusOptions(command: Command): Command {
  return monitoringOptions(command)
    .option('-c, --cluster <id>', 'health of this cluster instead of all')
    .addOption(new Option('-o, --output <format>', 'the older name of --format').choices(['table', 'json']))
    .addOption(formatOption('table'))
}

type Section = 'health' | 'persistence' | 'transport' | 'unified'
type Sections = Readonly<Record<Section, JsonAnswer>>

async function showStatus(client: MonitorClient, { cluster, format, output }: StatusFlags, signal?: AbortSignal): Promise<void> {
  const healthPath = cluster === undefined ? '/health/summary' : `/health/clusters/${encodeURIComponent(cluster)}`
  const paths = [healthPath, '/metrics/persistence', '/metrics/transport', '/metrics/unified', '/diagnosis']
  const [health, persistence, transport, unified, diagnosis] = await Promise.all(paths.map((path) => client.getJson(path, { signal })))
  const sections = { health, persistence, transport, unified } as Sections
  print(sections, diagnosis?.body.diagnosis, cluster, format ?? output ?? 'table')
  // Parts that this node has not are shown as such. That its health is not known is a failure.
  if (sections.health.status !== 200) throw answerFailure(sections.health)
}

function print(sections: Sections, diagnosis: unknown, cluster: string | undefined, format: Format): void {
  if (format === 'table') {
    const rows = [...statusRows(sections, cluster), ...deadRows(diagnosis)].map((row) => [...row])
    process.stdout.write(`${tableText({ title: 'MPREG Monitoring Status', head: ['Section', 'Value'], rows })}\n`)
    return
  }
  // Put together from the texts, so that numbers stay as the node wrote them.
  const members = Object.entries(sections).map(
    ([name, { status, text }]) => `${JSON.stringify(name)}:{"status_code":${status},"payload":${text}}`,
  )
  printBody(`{${members.join(',')}}`, format)
}

function statusRows({ health, persistence, transport, unified }: Sections, cluster: string | undefined): (readonly [string, string])[] {
  return [
    ['Health', unlessFailed(health, (body) => healthText(body, cluster))],
    ...(cluster === undefined ? [['Clusters', unlessFailed(health, clustersText)] as const] : []),
    ...persistenceRows(persistence),
    ['Transport', unlessFailed(transport, transportText)],
    ['Unified', unlessFailed(unified, unifiedText)],
  ]
}

/** One for each node that ended without a goodbye; none where the asked node does not tell whom it misses. */
function deadRows(diagnosis: unknown): (readonly [string, string])[] {
  const told = shapedFacts(diagnosis)
  if ('missing' in told) return []
  const { peers, wall_clock: now } = told.facts
  return peers
    .filter(({ departed, liveness }) => liveness === 'failed' && !departed)
    .map((peer) => {
      const who = `${peer.node_id} (${peer.cluster_id ?? 'cluster unknown'}), last seen ${localTime(peer.last_seen_at, 'n/a')}`
      const lines = [who, ...lossOf(peer, now).map(clipped), `$ ${commands.explainPeer(peer.node_id)}`]
      return [colored('critical', 'Dead node'), printable(lines.join('\n'))]
    })
}

function clipped(line: string): string {
  return line.length > CELL_CHARACTERS_MAX ? `${line.slice(0, CELL_CHARACTERS_MAX - 1)}…` : line
}

function unlessFailed({ body, status }: JsonAnswer, text: (body: JsonObject) => string): string {
  return status === 200 ? text(body) : printable(`n/a (${status}: ${textAt(body, 'message') ?? 'no reason given'})`)
}

function healthText(body: JsonObject, cluster: string | undefined): string {
  if (cluster !== undefined) return `${status(at(body, 'cluster', 'status'))} (cluster=${cluster})`
  const overall = objectAt(body, 'health_summary', 'overall')
  return `${status(overall.status)} score=${text(overall.health_score)}`
}

function clustersText(body: JsonObject): string {
  return `${text(at(body, 'health_summary', 'cluster_counts', 'total'))} total`
}

function persistenceRows(answer: JsonAnswer): (readonly [string, string])[] {
  if (answer.status !== 200) return [['Persistence', unlessFailed(answer, String)]]
  const snapshots = objectAt(answer.body, 'persistence_snapshots')
  if (snapshots.enabled !== true) return [['Persistence', 'disabled']]
  const fabric = objectAt(snapshots, 'fabric')
  const time = (value: unknown) => localTime(value, 'n/a')
  return [
    ['Persistence', `${text(snapshots.mode)} dir=${text(snapshots.data_dir)}`],
    ['Snapshots', `saved=${time(fabric.snapshot_last_saved_at)} restored=${time(fabric.snapshot_last_restored_at)}`],
  ]
}

function transportText(body: JsonObject): string {
  const scores = Object.values(objectAt(body, 'transport_health_snapshots')).map((snapshot) => numberAt(snapshot, 'overall_health_score'))
  const known = scores.filter((score) => score !== undefined)
  const healthy = known.filter((score) => score >= HEALTHY_SCORE).length
  const degraded = known.filter((score) => score >= DEGRADED_SCORE && score < HEALTHY_SCORE).length
  return `${scores.length} endpoints (healthy=${healthy}, degraded=${degraded})`
}

function unifiedText(body: JsonObject): string {
  const overall = objectAt(body, 'unified_metrics', 'overall_health')
  return `health=${status(overall.status)} score=${text(overall.health_score)}`
}

function status(value: unknown): string {
  return typeof value === 'string' ? colored(printable(value)) : 'n/a'
}

function text(value: unknown): string {
  return value === null || value === undefined ? 'n/a' : printable(String(value))
}
