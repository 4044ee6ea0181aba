/** Commands about the clusters this user has registered: `register`, `unregister`, `topology`, `health`, `metrics`, `cleanup`. */
import { createInterface } from 'node:readline/promises'
import { type Command, Option } from 'commander'
import { bodyText, type Format, type FormatFlags, formatOption, notice } from './body-output.ts'
import { probeCluster, probeServer, type ServerProbe } from './cluster-probe.ts'
import type { JsonObject } from './json-value.ts'
import { createMonitorClient } from './monitor-client.ts'
import { isHttpUrl, type MonitoringFlags, tokenOf } from './monitoring-options.ts'
import { positiveSeconds } from './option-values.ts'
import { CommandFailure, EXIT_FAILURE, UsageError } from './outcome.ts'
import { type Clusters, changeRegistry, type RegisteredCluster, readRegistry, registryPath } from './registry-file.ts'
import { remark, tell } from './remark.ts'
import { colored, localTime, printable, tableText } from './table.ts'
import { type Watch, type WatchFlags, watch } from './watch.ts'

interface RegistryFlags {
  readonly registry?: string
}

type Credentials = Pick<MonitoringFlags, 'token' | 'tokenFile'>

interface ProbeFlags extends RegistryFlags, Credentials {
  readonly timeout: number
}

interface RegisterFlags extends RegistryFlags {
  readonly resilience: boolean
  readonly verify: boolean
  readonly monitoringUrl?: string
  readonly timeout: number
}

interface HealthFlags extends ProbeFlags, FormatFlags {
  readonly cluster?: string
  readonly output?: 'report' | 'json'
}

interface MetricsFlags extends ProbeFlags, FormatFlags {
  readonly cluster?: string
}

/** A cluster somewhere in the world answers sooner, if it does. */
const PROBE_TIMEOUT_SECONDS = 5

export function declareRegister(command: Command): void {
  inRegistry(command)
    .argument('<id>', 'id of the cluster')
    .argument('<name>', 'name for people')
    .argument('<region>', 'where it is')
    .argument('<server-url>', 'a node of it, such as ws://10.0.0.1:10000')
    .argument('<bridge-url>', 'where other clusters connect')
    .option('--monitoring-url <url>', 'its monitoring service')
    .option('--no-resilience', 'only list it, do not look at its health')
    .option('--no-verify', 'register it even if it can not be reached')
    .addOption(timeoutOption())
    .action(async (id: string, name: string, region: string, serverUrl: string, bridgeUrl: string, flags: RegisterFlags) => {
      const cluster: RegisteredCluster = {
        cluster_id: id,
        cluster_name: name,
        region,
        server_url: serverUrl,
        bridge_url: bridgeUrl,
        ...(flags.monitoringUrl !== undefined && { monitoring_url: flags.monitoringUrl }),
        resilience: flags.resilience,
        registered_at: Date.now() / 1000,
        tags: {},
        resources: [],
      }
      const wrong = urlComplaint(cluster)
      if (wrong !== undefined) throw new UsageError(wrong)
      if (flags.verify) await verify(cluster, flags.timeout)
      await changeRegistry(registryPath(flags.registry), (clusters) => {
        const known = clusters[id]
        if (known !== undefined)
          throw new CommandFailure(`Error: '${id}' is registered already, at ${known.server_url}. Unregister it first.`)
        return { clusters: { ...clusters, [id]: cluster }, result: undefined }
      })
      tell('✅', `Registered cluster: ${id}`)
    })
}

export function declareUnregister(command: Command): void {
  inRegistry(command)
    .argument('<id>', 'id of the cluster')
    .action(async (id: string, flags: RegistryFlags) => {
      const file = registryPath(flags.registry)
      await changeRegistry(file, (clusters) => {
        const { [id]: known, ...others } = clusters
        if (known === undefined) throw new CommandFailure(`Error: No cluster '${id}' is registered in ${file}.`)
        return { clusters: others, result: undefined }
      })
      tell('✅', `Unregistered cluster: ${id}`)
    })
}

export function declareTopology(command: Command): void {
  inRegistry(command)
    .addOption(formatOption('table'))
    .action(({ format = 'table', registry }: RegistryFlags & FormatFlags) => {
      const clusters = readRegistry(registryPath(registry))
      if (format !== 'table') return print({ clusters: Object.values(clusters) }, format)
      if (Object.keys(clusters).length === 0) return tell('⚠️', 'No clusters registered')
      process.stdout.write(`${topologyTree(clusters)}\n`)
    })
}

export function declareHealth(command: Command): void {
  probing(command)
    .option('-c, --cluster <id>', 'only this cluster')
    .addOption(new Option('-o, --output <format>', 'the older form of --format').choices(['report', 'json']))
    .addOption(formatOption('table'))
    .action(async (flags: HealthFlags) => {
      const clusters = selected(readRegistry(registryPath(flags.registry)), flags.cluster)
      await showHealth(clusters, flags, flags.format ?? (flags.output === 'json' ? 'json' : 'table'))
    })
}

export function declareMetrics(command: Command): void {
  probing(command)
    .option('-c, --cluster <id>', 'only this cluster')
    .addOption(formatOption('json'))
    .action(async (flags: MetricsFlags) => {
      const clusters = selected(readRegistry(registryPath(flags.registry)), flags.cluster)
      await showMetrics(clusters, flags, '/metrics/unified', flags.format ?? 'json')
    })
}

export function declareCleanup(command: Command): void {
  inRegistry(command)
    .option('--force', 'do not ask')
    .action(async ({ force, registry }: RegistryFlags & { force?: boolean }) => {
      if (force !== true && !(await confirmed('Forget all registered clusters?'))) return tell('⚠️', 'Cleanup cancelled')
      const removed = await changeRegistry(registryPath(registry), (clusters) => ({
        clusters: {},
        result: Object.keys(clusters).length,
      }))
      tell('✅', `Removed ${removed} clusters`)
    })
}

interface RegistryWatchFlags extends WatchFlags, FormatFlags, ProbeFlags {
  readonly clusters?: readonly string[]
}

/** `monitor health-watch` without a monitoring URL. */
export function watchHealth(flags: RegistryWatchFlags): Promise<void> {
  return watchRegistry(flags, { sign: '🏥', title: 'Fabric Health Monitor' }, (clusters) =>
    showHealth(clusters, flags, flags.format ?? 'json'),
  )
}

/** `monitor metrics-watch` without a monitoring URL. */
export function watchMetrics(flags: RegistryWatchFlags & { readonly system: string }): Promise<void> {
  const path = flags.system === 'federation' ? '/metrics' : `/metrics/${flags.system}`
  return watchRegistry(flags, { sign: '📊', title: 'Fabric Metrics Monitor' }, (clusters) =>
    showMetrics(clusters, flags, path, flags.format ?? 'json'),
  )
}

async function watchRegistry(
  flags: RegistryWatchFlags,
  heading: Pick<Watch, 'title' | 'sign'>,
  show: (clusters: Clusters) => Promise<void>,
): Promise<void> {
  const file = registryPath(flags.registry)
  if (Object.keys(readRegistry(file)).length === 0) {
    throw new UsageError('Provide --url or set MPREG_MONITORING_URL, or register clusters: none is registered yet.')
  }
  await watch(flags, { ...heading, clears: true, look: () => show(selected(readRegistry(file), ...(flags.clusters ?? []))) })
}

/** Looks whether a cluster is there and is the one that is meant. @throws CommandFailure */
export async function verify(cluster: RegisteredCluster, timeoutSeconds: number): Promise<ServerProbe> {
  const probe = await probeServer(cluster.server_url, timeoutSeconds * 1000)
  const { cluster_id, server_url } = cluster
  if (probe.error !== null) {
    throw new CommandFailure(`Error: ${server_url} did not answer as a node does: ${probe.error}. --no-verify registers it all the same.`)
  }
  if (probe.cluster_id !== cluster_id) {
    throw new CommandFailure(
      `Error: ${server_url} belongs to the cluster '${probe.cluster_id}', not to '${cluster_id}'. --no-verify registers it all the same.`,
    )
  }
  return probe
}

/** What is wrong with the URLs of a cluster, or undefined. */
export function urlComplaint({ bridge_url, monitoring_url, server_url }: RegisteredCluster): string | undefined {
  for (const url of [server_url, bridge_url]) {
    if (!/^(?:ws|tcp)s?:\/\/./i.test(url) || !URL.canParse(url)) {
      return `'${url}' is not the URL of a node; those look like ws://127.0.0.1:10000.`
    }
  }
  if (monitoring_url !== undefined && !isHttpUrl(monitoring_url)) {
    return `'${monitoring_url}' is not the URL of a monitoring service; those look like http://127.0.0.1:50000.`
  }
  return undefined
}

export function inRegistry(command: Command): Command {
  return command.option('--registry <file>', 'registry of clusters; default: MPREG_REGISTRY, or one in your configuration directory')
}

export function timeoutOption(): Option {
  return new Option('--timeout <seconds>', 'longest wait for a cluster').argParser(positiveSeconds).default(PROBE_TIMEOUT_SECONDS)
}

function probing(command: Command): Command {
  return inRegistry(command)
    .option('--token <token>', 'bearer token for the monitoring services')
    .option('--token-file <file>', 'file that holds the token; default: MPREG_MONITORING_TOKEN')
    .addOption(timeoutOption())
}

/** @throws CommandFailure when one of them is not registered */
function selected(clusters: Clusters, ...ids: (string | undefined)[]): Clusters {
  const wanted = ids.filter((id) => id !== undefined)
  if (wanted.length === 0) return clusters
  const chosen = wanted.map((id): [string, RegisteredCluster] => {
    const cluster = clusters[id]
    if (cluster === undefined) throw new CommandFailure(`Error: No cluster '${id}' is registered.`)
    return [id, cluster]
  })
  return Object.fromEntries(chosen)
}

async function showHealth(clusters: Clusters, flags: ProbeFlags, format: Format): Promise<void> {
  if (Object.keys(clusters).length === 0) return none('No clusters available for health check', format)
  const options = { token: tokenOf(flags), timeoutMs: flags.timeout * 1000 }
  const entries = await Promise.all(
    Object.entries(clusters).map(async ([id, cluster]): Promise<[string, JsonObject]> => {
      const { bridge_url, region, server_url } = cluster
      if (!cluster.resilience) return [id, { status: 'registered', server_url, bridge_url, region }]
      return [id, { ...(await probeCluster(cluster, options)) }]
    }),
  )
  if (format !== 'table') return print(Object.fromEntries(entries), format)
  const rows = entries.map(([id, health]) => healthRow(id, health))
  process.stdout.write(
    `${tableText({ title: 'Cluster Health', head: ['Cluster', 'Status', 'Server', 'Nodes', 'Latency (ms)', 'Monitoring', 'Remark'], rows })}\n`,
  )
}

function healthRow(id: string, health: JsonObject): string[] {
  const { monitoring, server, server_url, status } = health as unknown as Partial<Awaited<ReturnType<typeof probeCluster>>>
  return [
    printable(id),
    colored(String(status)),
    printable(server_url ?? '-'),
    String(server?.node_count ?? '-'),
    server?.latency_ms == null ? '-' : server.latency_ms.toFixed(1),
    monitoring == null ? '-' : printable(`${monitoring.status ?? 'n/a'} score=${monitoring.health_score ?? 'n/a'}`),
    printable([server?.error, monitoring?.error].filter((error) => error != null).join('; ') || '-'),
  ]
}

/** Clusters that can not be asked have an error in the place of their metrics. */
async function showMetrics(clusters: Clusters, flags: ProbeFlags, path: string, format: Format): Promise<void> {
  if (Object.keys(clusters).length === 0) return none('No clusters available for metrics', format)
  const options = { token: tokenOf(flags), timeoutMs: flags.timeout * 1000 }
  const members = await Promise.all(
    Object.entries(clusters).map(async ([id, { monitoring_url }]) => {
      const text = monitoring_url === undefined ? undefined : await metricsText(monitoring_url, path, options)
      const missing = JSON.stringify({
        status: 'error',
        error: 'no monitoring URL is registered; register the cluster with --monitoring-url',
      })
      return `${JSON.stringify(id)}:${text ?? missing}`
    }),
  )
  process.stdout.write(`${bodyText(`{${members.join(',')}}`, format)}\n`)
}

async function metricsText(url: string, path: string, options: { token: string | undefined; timeoutMs: number }): Promise<string> {
  try {
    return (await createMonitorClient({ url, ...options }).getJson(path)).text
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return JSON.stringify({ status: 'error', error: error.message.replace(/^Error: /, '') })
  }
}

/** That there is nothing is the result for people; for programs it is an empty object. */
function none(text: string, format: Format): void {
  if (format === 'table') return tell('⚠️', text)
  remark('⚠️', text)
  if (format === 'json') process.stdout.write('{}\n')
}

function print(value: JsonObject, format: Format): void {
  process.stdout.write(`${bodyText(JSON.stringify(value), format)}\n`)
}

function topologyTree(clusters: Clusters): string {
  const entries = Object.values(clusters)
  const lines = ['Fabric Topology']
  entries.forEach((cluster, index) => {
    const isLast = index === entries.length - 1
    const leaves = [
      `Region: ${cluster.region}`,
      `Server: ${cluster.server_url}`,
      `Bridge: ${cluster.bridge_url}`,
      ...(cluster.monitoring_url === undefined ? [] : [`Monitoring: ${cluster.monitoring_url}`]),
      `Resilience: ${cluster.resilience ? 'enabled' : 'disabled'}`,
      `Registered: ${localTime(cluster.registered_at)}`,
    ]
    lines.push(`${isLast ? '└──' : '├──'} ${printable(`${cluster.cluster_id} (${cluster.cluster_name})`)}`)
    leaves.forEach((leaf, at) => {
      lines.push(`${isLast ? '    ' : '│   '}${at === leaves.length - 1 ? '└──' : '├──'} ${printable(leaf)}`)
    })
  })
  return lines.join('\n')
}

/** Anything but a yes, and an interrupt, mean no. */
async function confirmed(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  lines.on('SIGINT', () => {
    notice('Aborted!')
    process.exit(EXIT_FAILURE)
  })
  try {
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
    return /^y(?:es)?$/i.test((await Promise.race([lines.question(`${question} [y/N]: `), ended])).trim())
  } finally {
    lines.close()
  }
}
