/**
 * Finds clusters: through the discovery back ends of a configuration and its own list, or, without a configuration, in a file all users
 * of this machine share and by DNS. A back end that fails is told of and skipped.
 */

import { Resolver } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { at, isObject, type JsonObject, listAt, numberAt, objectAt, textAt } from './json-value.ts'
import { createMonitorClient } from './monitor-client.ts'

export interface DiscoveredCluster {
  readonly cluster_id: string
  readonly cluster_name: string
  readonly region: string
  readonly bridge_url: string
  readonly server_url: string
  readonly status: string
  readonly health: string
  readonly discovery_source: string
  readonly health_score: number
}

/** Clusters, each id once (the first source wins), and why back ends found nothing. */
export interface Discovery {
  readonly clusters: readonly DiscoveredCluster[]
  readonly failures: readonly string[]
}

/** Below, a cluster that is not healthy counts as inactive. */
const INACTIVE_SCORE = 25
/** Of a Consul instance one of whose checks does not pass. */
const FAILING_CHECK_SCORE = 50
/** A bridge listens this many ports above its server unless something says otherwise. */
const BRIDGE_PORT_OFFSET = 1000
const HTTP_TIMEOUT_MS = 10_000
const DNS_TIMEOUT_SECONDS = 2

/** Without a configuration. */
const defaultBackends: readonly JsonObject[] = [
  { protocol: 'static_config', config_path: join(tmpdir(), 'mpreg-clusters.json') },
  { protocol: 'dns_srv', domain: 'mpreg.local', service: '_mpreg._tcp' },
]

export async function discoverClusters(config: JsonObject | undefined): Promise<Discovery> {
  const backends = config === undefined ? defaultBackends : backendsOf(config)
  const found = await Promise.allSettled(backends.map(ask))
  const clusters = new Map<string, DiscoveredCluster>()
  const failures: string[] = []
  const take = (cluster: DiscoveredCluster) => {
    if (!clusters.has(cluster.cluster_id)) clusters.set(cluster.cluster_id, cluster)
  }
  found.forEach((outcome, index) => {
    if (outcome.status === 'fulfilled') outcome.value.forEach(take)
    else failures.push(`${textAt(backends[index], 'protocol') ?? 'a back end without protocol'}: ${firstLine(outcome.reason)}`)
  })
  for (const entry of listAt(config, 'clusters')) {
    const cluster = discovered(entry, 'config')
    if (cluster !== undefined) take({ ...cluster, status: textAt(entry, 'status') ?? 'active' })
  }
  return { clusters: [...clusters.values()], failures }
}

function backendsOf(config: JsonObject): readonly JsonObject[] {
  if (!isObject(config.auto_discovery) || config.auto_discovery.enabled === false) return []
  return listAt(config.auto_discovery, 'backends').filter(isObject)
}

function ask(backend: JsonObject): Promise<readonly DiscoveredCluster[]> {
  switch (backend.protocol) {
    case 'static_config':
      return askFile(backend)
    case 'dns_srv':
      return askDns(backend)
    case 'consul':
      return askConsul(backend)
    case 'http_endpoint':
      return askHttp(backend)
    default:
      return Promise.reject(new Error('there is no such back end; known are static_config, dns_srv, consul and http_endpoint'))
  }
}

/** A file that is not there holds no clusters. */
async function askFile(backend: JsonObject): Promise<readonly DiscoveredCluster[]> {
  const path = textAt(backend, 'config_path') ?? ''
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return clustersIn(JSON.parse(text), 'static_config')
}

async function askHttp(backend: JsonObject): Promise<readonly DiscoveredCluster[]> {
  const url = textAt(backend, 'discovery_url') ?? ''
  const { body, status } = await createMonitorClient({ url, timeoutMs: HTTP_TIMEOUT_MS }).getJson('')
  if (status !== 200) throw new Error(`${url} answered ${status}`)
  return clustersIn(body, 'http_endpoint')
}

/** A domain without such records holds no clusters; a name server that does not answer is a failure. */
async function askDns(backend: JsonObject): Promise<readonly DiscoveredCluster[]> {
  const name = `${textAt(backend, 'service') ?? '_mpreg._tcp'}.${textAt(backend, 'domain') ?? 'mpreg.local'}`
  const resolver = new Resolver({ timeout: (numberAt(backend, 'timeout_seconds') ?? DNS_TIMEOUT_SECONDS) * 1000, tries: 1 })
  const host = textAt(backend, 'resolver_host')
  if (host !== undefined) resolver.setServers([`${host.includes(':') ? `[${host}]` : host}:${numberAt(backend, 'resolver_port') ?? 53}`])
  try {
    const records = await resolver.resolveSrv(name)
    return records.map(({ name: target, port }) => {
      const id = target.replace(/\.$/, '')
      return {
        cluster_id: id,
        cluster_name: `DNS Cluster ${id}`,
        region: 'unknown',
        server_url: `ws://${id}:${port}`,
        bridge_url: `ws://${id}:${port + BRIDGE_PORT_OFFSET}`,
        ...judged('unknown', 100),
        discovery_source: 'dns_srv',
      }
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTFOUND' || code === 'ENODATA') return []
    throw new Error(`${name}: the name server did not answer (${code ?? firstLine(error)})`, { cause: error })
  }
}

async function askConsul(backend: JsonObject): Promise<readonly DiscoveredCluster[]> {
  const agent = `http://${textAt(backend, 'host') ?? 'localhost'}:${numberAt(backend, 'port') ?? 8500}`
  const service = textAt(backend, 'service_name') ?? 'mpreg-federation'
  const query = new URLSearchParams({ passing: '1', ...datacenter(backend) })
  const path = `/v1/health/service/${encodeURIComponent(service)}?${query}`
  const { bytes, status, url } = await createMonitorClient({ url: agent, timeoutMs: HTTP_TIMEOUT_MS }).get(path)
  if (status !== 200) throw new Error(`${url} answered ${status}`)
  const instances: unknown = JSON.parse(bytes.toString('utf8'))
  return (Array.isArray(instances) ? instances : []).flatMap((instance) => {
    const id = textAt(instance, 'Service', 'ID')
    const port = numberAt(instance, 'Service', 'Port')
    const host = textAt(instance, 'Service', 'Address') || textAt(instance, 'Node', 'Address')
    if (id === undefined || port === undefined || host === undefined) return []
    const meta = objectAt(instance, 'Service', 'Meta')
    const isPassing = listAt(instance, 'Checks').every((check) => at(check, 'Status') === 'passing')
    return {
      cluster_id: id,
      cluster_name: textAt(meta, 'cluster_name') ?? id,
      region: textAt(meta, 'region') ?? 'unknown',
      server_url: `ws://${host}:${port}`,
      bridge_url: textAt(meta, 'bridge_url') ?? `ws://${host}:${Number(meta.bridge_port ?? port + BRIDGE_PORT_OFFSET)}`,
      ...(isPassing ? judged('healthy', 100) : judged('degraded', FAILING_CHECK_SCORE)),
      discovery_source: 'consul',
    }
  })
}

function datacenter(backend: JsonObject): Record<string, string> {
  const name = textAt(backend, 'datacenter')
  return name === undefined ? {} : { dc: name }
}

function clustersIn(body: unknown, source: string): readonly DiscoveredCluster[] {
  return listAt(body, 'clusters').flatMap((entry) => discovered(entry, source) ?? [])
}

/** Nothing without an id and both URLs. */
function discovered(entry: unknown, source: string): DiscoveredCluster | undefined {
  const cluster_id = textAt(entry, 'cluster_id')
  const server_url = textAt(entry, 'server_url')
  const bridge_url = textAt(entry, 'bridge_url')
  if (cluster_id === undefined || server_url === undefined || bridge_url === undefined) return undefined
  return {
    cluster_id,
    cluster_name: textAt(entry, 'cluster_name') ?? cluster_id,
    region: textAt(entry, 'region') ?? 'unknown',
    bridge_url,
    server_url,
    ...judged(textAt(entry, 'health_status') ?? 'unknown', numberAt(entry, 'health_score') ?? 100),
    discovery_source: source,
  }
}

function judged(health: string, score: number): Pick<DiscoveredCluster, 'status' | 'health' | 'health_score'> {
  const status = score < INACTIVE_SCORE ? 'inactive' : health === 'healthy' ? 'active' : 'degraded'
  return { status, health, health_score: score }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/^Error: /, '').split('\n', 1)[0] ?? ''
}
