/** `mpreg monitor`: what the monitoring service of a node says, once or again and again. */
import { type Command, Option } from 'commander'
import { showAnswer } from './answers.ts'
import { type Format, type FormatFlags, formatOption } from './body-output.ts'
import { addAlertCommands } from './monitor-alerts.ts'
import type { MonitorClient } from './monitor-client.ts'
import { addLogCommands } from './monitor-log.ts'
import { addStatusCommands } from './monitor-status.ts'
import { isMonitoringNamed, type MonitoringFlags, monitorClient, monitoringOptions } from './monitoring-options.ts'
import { anyCase, collect } from './option-values.ts'
import { type Watch, type WatchFlags, watch, watchOptions } from './watch.ts'

interface ScopeFlags {
  readonly detail?: boolean
}

type OneFlags = MonitoringFlags & FormatFlags
type HealthFlags = OneFlags & ScopeFlags & { readonly cluster?: string }
type HealthWatchFlags = OneFlags & ScopeFlags & WatchFlags & { readonly clusters?: readonly string[]; readonly registry?: string }
type MetricsFlags = OneFlags & { readonly system: string }
type MetricsWatchFlags = MetricsFlags & WatchFlags & { readonly clusters?: readonly string[]; readonly registry?: string }
type TraceFlags = OneFlags & { readonly destination: string; readonly avoid?: readonly string[] }

type Heading = Pick<Watch, 'title' | 'sign'>

const systems = ['unified', 'rpc', 'pubsub', 'queue', 'cache', 'transport', 'federation'] as const

/** Commands that print one endpoint's answer. */
const plain: readonly (readonly [name: string, path: string, summary: string])[] = [
  ['topology', '/topology', 'Nodes, links and clusters as this node sees them, with what was measured of the links between clusters.'],
  ['topology-analysis', '/topology/analysis', 'What is weak in the topology, what would help, and how the graph of clusters is watched.'],
  ['link-state', '/routing/link-state', 'Link-state tables: mode, areas, updates accepted and refused.'],
  ['transport-endpoints', '/transport/endpoints', 'Addresses and ports the node listens on.'],
  ['persistence', '/metrics/persistence', 'Whether the node keeps snapshots, and when it saved and restored one.'],
  ['dns', '/dns/metrics', 'The DNS gateway and its queries.'],
  ['endpoints', '/endpoints', 'Everything this monitoring service can be asked.'],
]

export function declareMonitorCommands(monitor: Command): void {
  shown(scoped(monitor.command('health')))
    .description('Health of the node and its clusters.')
    .option('-c, --cluster <id>', 'only this cluster')
    .action((flags: HealthFlags) => showAnswer(monitorClient(flags), healthPath(flags, flags.cluster), formatOf(flags)))

  watched(scoped(monitor.command('health-watch')), 30)
    .description('Health, again and again; without a monitoring URL, of the registered clusters.')
    .option('-c, --clusters <id>', 'only this cluster; repeatable', collect)
    .option('--registry <file>', 'registry of clusters; default: MPREG_REGISTRY')
    .action(async (flags: HealthWatchFlags) => {
      if (!isMonitoringNamed(flags)) return (await import('./registry-commands.ts')).watchHealth(flags)
      const client = monitorClient(flags)
      await watchPaths(
        flags,
        client,
        { sign: '🏥', title: 'Fabric Health Monitor' },
        pathsFor(flags.clusters, (id) => healthPath(flags, id)),
      )
    })

  shown(monitor.command('metrics').addOption(systemOption()))
    .description('Rates, latencies and errors of a system.')
    .action((flags: MetricsFlags) => showAnswer(monitorClient(flags), metricsPath(flags.system), formatOf(flags)))

  watched(monitor.command('metrics-watch').addOption(systemOption()), 60)
    .description('Metrics, again and again; without a monitoring URL, of the registered clusters.')
    .option('-c, --clusters <id>', 'only the performance of this cluster; repeatable', collect)
    .option('--registry <file>', 'registry of clusters; default: MPREG_REGISTRY')
    .action(async (flags: MetricsWatchFlags) => {
      if (!isMonitoringNamed(flags)) return (await import('./registry-commands.ts')).watchMetrics(flags)
      const client = monitorClient(flags)
      const path = (id: string | undefined) =>
        id === undefined ? metricsPath(flags.system) : `/performance/clusters/${encodeURIComponent(id)}`
      await watchPaths(flags, client, { sign: '📊', title: 'Fabric Metrics Monitor' }, pathsFor(flags.clusters, path))
    })

  addStatusCommands(monitor)
  addAlertCommands(monitor)
  addLogCommands(monitor)

  shown(monitor.command('route-trace'))
    .description('How messages to a cluster are routed: every candidate, why it was refused, and which one wins.')
    .requiredOption('-d, --destination <cluster>', 'where to')
    .option('-a, --avoid <cluster>', 'as if this cluster could not be passed; repeatable', collect)
    .action((flags: TraceFlags) => showAnswer(monitorClient(flags), tracePath(flags), formatOf(flags)))

  for (const [name, path, summary] of plain) {
    shown(monitor.command(name))
      .description(summary)
      .action((flags: OneFlags) => showAnswer(monitorClient(flags), path, formatOf(flags)))
  }

  watched(monitor.command('persistence-watch'), 30)
    .description('Snapshots, again and again.')
    .action((flags: OneFlags & WatchFlags) =>
      watchPaths(flags, monitorClient(flags), { sign: '💾', title: 'Persistence Snapshots' }, ['/metrics/persistence']),
    )

  // This one scrolls: queries are compared over time.
  watched(monitor.command('dns-watch'), 5)
    .description('The DNS gateway, again and again.')
    .action((flags: OneFlags & WatchFlags) => watchPaths(flags, monitorClient(flags), undefined, ['/dns/metrics']))
}

function shown(command: Command): Command {
  return monitoringOptions(command).addOption(formatOption('json'))
}

function watched(command: Command, intervalSeconds: number): Command {
  return shown(watchOptions(command, intervalSeconds))
}

function scoped(command: Command): Command {
  return command
    .addOption(new Option('--summary', 'totals and each cluster (the default)').conflicts('detail'))
    .option('--detail', 'the whole record of the federation')
}

function systemOption(): Option {
  return new Option('--system <system>', `which system: ${systems.join(', ')}`).argParser(anyCase(systems)).default('unified')
}

function watchPaths(flags: OneFlags & WatchFlags, client: MonitorClient, heading: Heading | undefined, paths: readonly string[]) {
  return watch(flags, {
    ...heading,
    clears: heading !== undefined,
    look: async (signal) => {
      for (const path of paths) await showAnswer(client, path, formatOf(flags), signal)
    },
  })
}

function pathsFor(clusters: readonly string[] | undefined, path: (cluster: string | undefined) => string): readonly string[] {
  return clusters === undefined ? [path(undefined)] : clusters.map(path)
}

function healthPath({ detail }: ScopeFlags, cluster: string | undefined): string {
  if (cluster !== undefined) return `/health/clusters/${encodeURIComponent(cluster)}`
  return detail === true ? '/health' : '/health/summary'
}

function metricsPath(system: string): string {
  return system === 'federation' ? '/metrics' : `/metrics/${system}`
}

function tracePath({ avoid, destination }: TraceFlags): string {
  const query = new URLSearchParams({ destination })
  if (avoid !== undefined) query.set('avoid', avoid.join(','))
  return `/routing/trace?${query}`
}

function formatOf({ format = 'json' }: FormatFlags): Format {
  return format
}
