/**
 * Log scopes: the one table of component names, and the rule by which `log_debug_scopes` selects among them.
 *
 * A component logs under its operator scope (`fabric.gossip`). Deployments that come from the Python implementation name its modules
 * instead (`mpreg.core.message_queue`), so each component lists those as aliases and answers to either.
 */
import { nearestName } from './nearest-name.ts'

export interface LogComponent {
  /** What logs under this scope, as an operator would say it. */
  readonly component: string
  /** Module names of the Python implementation, without the leading `mpreg.`; none where they equal the scope. */
  readonly aliases: readonly string[]
  /** Why nothing logs here; undefined: something does. */
  readonly absence?: string
}

function logs(component: string, ...aliases: string[]): LogComponent {
  return { component, aliases }
}

/** A scope that has its name already, so that settings written for other nodes are understood, and nothing behind it in this version. */
function absent(absence: string, component: string, ...aliases: string[]): LogComponent {
  return { component, aliases, absence }
}

const NO_PROPOSALS = 'this version has no proposals and votes besides failure detection'
const NO_RESILIENCE = 'this version has no recovery strategies; breakers log under core.transport.circuit_breaker'
const NO_AUTO_DISCOVERY = 'a node of this version does not look for clusters; `mpreg discover` does, and prints what it finds'
const NO_HUBS = 'this version has no hubs'
const NO_QUEUE_QUORUM =
  'this version has no deliveries decided by several clusters; queues across the fabric log under fabric.queue_federation'
const NO_CACHE = 'this version has no cache'
const NO_LEDGER = 'this version has no ledger'
const NO_RAFT = 'this version has no Raft'
const NO_STORES = 'this version keeps nothing on disk'
const NO_DNS = 'this version has no DNS gateway'
const NO_TOPIC_DEPENDENCIES = 'commands of this version do not wait for topics'

/** Every component that logs, by its scope. `mpreg` is the root: its scope covers all of them. */
export const logComponents = {
  mpreg: logs('everything'),
  server: logs('the node: sessions, dispatch, requests, built-in commands'),
  pubsub: logs('topic exchange, backlog, forwarding', 'server'),
  cluster: logs("the node's view of functions and peers; the cluster client", 'client.cluster_client'),
  goodbye: logs('departures', 'server'),
  'connection.events': logs('links established and lost', 'core.connection_events'),
  port_allocator: logs('ports claimed and released', 'core.port_allocator'),
  tasks: logs('background work: worker threads, periodic work that failed', 'core.task_manager'),
  'fabric.gossip': logs('gossip'),
  'fabric.sync': logs('records compared and fetched', 'fabric.gossip'),
  'fabric.peer_directory': logs('peer directory'),
  'fabric.membership': logs('failure detection'),
  'fabric.router': logs('routing decisions and what catalog updates changed'),
  'fabric.route_control': logs('path-vector routes, route keys, withdrawals', 'fabric.route_key_gossip', 'fabric.route_withdrawal'),
  'fabric.link_state': logs('link-state routes'),
  'fabric.connection': logs('federation authorisation of peers', 'fabric.connection_manager'),
  'fabric.consensus': absent(NO_PROPOSALS, 'proposals and votes'),
  'fabric.resilience': absent(NO_RESILIENCE, 'health checks, breakers, recovery', 'fabric.federation_resilience'),
  'fabric.alerting': logs('alerts and their notification', 'fabric.federation_alerting'),
  'fabric.monitoring': logs('the HTTP service', 'fabric.monitoring_endpoints'),
  'fabric.auto_discovery': absent(NO_AUTO_DISCOVERY, 'discovery of clusters'),
  'fabric.hubs': absent(NO_HUBS, 'hubs'),
  'fabric.hub_registry': absent(NO_HUBS, 'hub registrations and assignments'),
  'fabric.hub_hierarchy': absent(NO_HUBS, 'routing through hubs'),
  'fabric.queue': absent(NO_QUEUE_QUORUM, 'deliveries decided by several clusters', 'fabric.queue_delivery'),
  'fabric.queue_federation': logs('queues of other nodes and clusters: sends, acknowledgements, subscriptions'),
  'fabric.cache': absent(NO_CACHE, 'cache across the fabric', 'fabric.cache_federation'),
  'fabric.federation': logs('next-hop planner: whom it asked, and what it chose', 'fabric.federation_optimized'),
  'fabric.blockchain': absent(NO_LEDGER, 'ledger queue bridge', 'fabric.blockchain_message_federation'),
  'fabric.metrics': logs('performance metrics', 'fabric.performance_metrics'),
  'fabric.persistence': absent(NO_STORES, 'catalog and route-key snapshots'),
  'core.connection': logs('dialling of one link'),
  'core.rpc_registry': logs('function registry'),
  'core.tracing': logs('traces that did not reach their collector'),
  'core.monitoring': logs('the unified monitor', 'core.monitoring.unified_monitoring'),
  'core.transport': logs('connections and who is admitted', 'core.transport.enhanced_adapter'),
  'core.transport.factory': logs('listeners and choice of transport'),
  'core.transport.adapter': logs('listeners that an application opens by itself', 'core.transport.enhanced_adapter'),
  'core.transport.circuit_breaker': logs('circuit breakers'),
  'core.cache_ops': absent(NO_CACHE, 'atomic, structure and namespace operations of the cache', 'core.advanced_cache_ops'),
  'core.cache_pubsub': absent(NO_CACHE, 'cache events', 'core.cache_pubsub_integration'),
  'core.location_consistency': absent(NO_CACHE, 'consistency between cache locations'),
  'core.timer': logs('timers that run late, because the process stood still'),
  'core.topic_dependency': absent(NO_TOPIC_DEPENDENCIES, 'topic dependencies of commands', 'core.topic_dependency_resolver'),
  'core.persistence': absent(NO_STORES, 'key-value and queue stores', 'core.persistence.kv_store', 'core.persistence.registry'),
  client: logs('client connection', 'client.client'),
  'client.api': logs('client calls', 'client.client_api'),
  'client.pubsub': logs('client subscriptions', 'client.pubsub_client'),
  queue: logs('messages of queues: deliveries, retries, dead letters', 'core.message_queue'),
  'queue.manager': logs('queues made and ended, topics routed to them', 'core.message_queue_manager'),
  cache: absent(NO_CACHE, 'cache levels', 'core.global_cache', 'core.cache_models'),
  'cache.store': absent(NO_CACHE, 'cache stores and eviction', 'core.caching'),
  'raft.impl': absent(NO_RAFT, 'Raft role and term', 'datastructures.production_raft_implementation', 'datastructures.leader_election'),
  'raft.rpc': absent(NO_RAFT, 'Raft messages', 'datastructures.production_raft_rpcs', 'fabric.raft_transport'),
  'raft.storage': absent(NO_RAFT, 'Raft storage', 'datastructures.raft_storage_adapters'),
  'raft.tasks': absent(NO_RAFT, 'Raft background work', 'datastructures.raft_task_manager'),
  dns: absent(NO_DNS, 'DNS gateway', 'dns.server'),
} as const satisfies Record<string, LogComponent>

const allScopes = Object.keys(logComponents)

/** Diagnostic channels. They are switched on by the same setting, by their exact name, but no component logs under them. */
export const diagnosticChannels = [
  'peer_dial',
  'peer_dial_policy',
  'discovery_loop',
  'summary_ingress',
  'discovery_summary',
  'catalog_snapshot',
  'peer_snapshot',
  'gossip_sched',
  'raft',
] as const

export type DiagnosticChannel = (typeof diagnosticChannels)[number]

/** Where a component's lines stand in the log: `mpreg.fabric.gossip`; the root's are `mpreg`. */
export function moduleName(scope: string): string {
  return scope === 'mpreg' ? 'mpreg' : `mpreg.${scope}`
}

/**
 * Whether a configured debug scope selects the component that logs under `scope`. A plain string prefix test, with or without the
 * leading `mpreg.`, against the scope and each alias: `fabric.queue` selects `fabric.queue_federation` too. Blank selects nothing.
 */
export function scopeSelects(configured: string, scope: string): boolean {
  const prefix = configured.trim()
  if (prefix === '') return false
  return componentNames(scope).some((name) => name.startsWith(prefix) || moduleName(name).startsWith(prefix))
}

/** One sentence for each configured debug scope that shows nothing: no component has that name, or none of those it selects exists. */
export function unknownScopeWarnings(configured: readonly string[]): string[] {
  return configured.flatMap((given) => {
    const scope = given.trim()
    if (scope === '' || isChannel(scope)) return []
    const selected = allScopes.filter((component) => scopeSelects(scope, component))
    if (selected.length === 0) return [unknownScope(scope)]
    const absences = selected.map((component) => componentOf(component)?.absence)
    if (absences.includes(undefined)) return []
    return [`nothing logs under "${scope}": ${[...new Set(absences)].join('; ')}`]
  })
}

function unknownScope(scope: string): string {
  const nearest = nearestName(scope.replace(/^mpreg\./, ''), [...allScopes, ...allScopes.flatMap(aliasesOf), ...diagnosticChannels])
  return `no component logs under "${scope}"${nearest === undefined ? '' : `, did you mean "${nearest}"?`}`
}

function isChannel(name: string): boolean {
  return (diagnosticChannels as readonly string[]).includes(name)
}

function componentNames(scope: string): readonly string[] {
  return [scope, ...aliasesOf(scope)]
}

function aliasesOf(scope: string): readonly string[] {
  return componentOf(scope)?.aliases ?? []
}

function componentOf(scope: string): LogComponent | undefined {
  return Object.hasOwn(logComponents, scope) ? logComponents[scope as keyof typeof logComponents] : undefined
}
