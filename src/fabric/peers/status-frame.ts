/** The STATUS this node tells its peers: who it is, how busy, what it offers. One frame serves every peer of a round. */
import type { Env } from '../../base/index.ts'
import { encodeServerFrame, float, OutboundFrame, type RawJson, type StatusBody } from '../../wire/index.ts'

/** What this node says about itself. Each is asked again for every frame. */
export interface LocalNode {
  /** In order of registration. */
  functions(): readonly AnnouncedFunction[]
  resources(): readonly string[]
  /** What the operator configured; empty: the node id. */
  advertisedUrls(): readonly string[]
  /** Accepted connections that are open. */
  activeClients(): number
  /** Where it can be asked about itself over HTTP; null or absent: nowhere. */
  monitoringUrl?(): string | null
  /** Optional groups `cache_metrics`, `queue_metrics`, `route_metrics`, as plain numbers. */
  metrics?(): Readonly<Record<string, unknown>>
}

export interface AnnouncedFunction {
  readonly name: string
  readonly function_id: string
  readonly version: string
  readonly resources: readonly string[]
}

/** Frames read on links this node dialed, which is what the metrics of a STATUS have always meant; the last three add up to the first. */
export interface DialedTraffic {
  readonly messages_processed: number
  /** Acknowledgements, which nobody waits for. */
  readonly rpc_responses_skipped: number
  readonly server_messages: number
  /** All others: gossip, calls, publications. */
  readonly other_messages: number
}

export interface StatusIdentity {
  readonly nodeId: string
  readonly clusterId: string
  readonly instanceId: string
  readonly extensions: readonly string[]
}

/** @param peerCount nodes in the directory, this one included */
export function statusBody(
  identity: StatusIdentity,
  local: LocalNode,
  { peerCount, traffic, now }: { readonly peerCount: number; readonly traffic: DialedTraffic; readonly now: number },
): StatusBody {
  const functions = local.functions()
  const urls = local.advertisedUrls()
  const monitoringUrl = local.monitoringUrl?.() ?? null
  return {
    what: 'STATUS',
    server_url: identity.nodeId,
    cluster_id: identity.clusterId,
    instance_id: identity.instanceId,
    timestamp: now,
    status: 'ok',
    active_clients: local.activeClients(),
    peer_count: peerCount,
    funs: [...new Set(functions.map(({ name }) => name))].sort(),
    locs: [...local.resources()],
    function_catalog: functions.map(({ name, function_id, version, resources }) => ({
      name,
      function_id,
      version,
      resources: [...resources],
    })),
    advertised_urls: urls.length > 0 ? [...urls] : [identity.nodeId],
    metrics: { ...traffic, ...(markFloats(local.metrics?.() ?? {}) as Record<string, unknown>) },
    ...(identity.extensions.length > 0 ? { extensions: [...identity.extensions] } : {}),
    ...(monitoringUrl === null ? {} : { monitoring_url: monitoringUrl }),
  }
}

/** What of a status is worth telling at once to nodes that are not told every round. Functions are not: they spread with the catalog. */
export function statusSignature(local: LocalNode): string {
  return JSON.stringify([local.activeClients(), local.resources(), local.advertisedUrls(), local.monitoringUrl?.() ?? null])
}

export interface ServerFrameValue<B extends StatusBody> {
  readonly role: 'server'
  readonly server: B
  readonly u: string
}

export function statusFrame(env: Pick<Env, 'random'>, body: StatusBody): OutboundFrame<ServerFrameValue<StatusBody>> {
  return new OutboundFrame({ role: 'server', server: body, u: env.random.ulid() } as const, ({ u, server }) => encodeServerFrame(u, server))
}

/** Members of the metrics that are floats on the wire even when they are whole. */
const FLOAT_METRICS: ReadonlySet<string> = new Set([
  'cache_latitude',
  'cache_longitude',
  'cache_utilization_percent',
  'cache_avg_latency_ms',
  'cache_reliability_score',
  'success_rate',
  'convergence_seconds_avg',
  'convergence_seconds_max',
])

function markFloats(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const marked: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    marked[name] =
      typeof member === 'number' && FLOAT_METRICS.has(name) ? (float(member) as RawJson) : isRecord(member) ? markFloats(member) : member
  }
  return marked
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
