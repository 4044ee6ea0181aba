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
}

function logs(component: string, ...aliases: string[]): LogComponent {
  return { component, aliases }
}

/** Every component that logs, by its scope. `mpreg` is the root: its scope covers all of them. */
export const logComponents = {
  mpreg: logs('everything'),
  server: logs('the node: sessions, dispatch, requests, built-in commands'),
  pubsub: logs('topic exchange, backlog, forwarding', 'server'),
  cluster: logs("the node's view of functions and peers; the cluster client", 'client.cluster_client'),
  goodbye: logs('departures', 'server'),
  'connection.events': logs('links established and lost', 'core.connection_events'),
  port_allocator: logs('ports claimed and released', 'core.port_allocator'),
  tasks: logs('background work', 'core.task_manager'),
  'fabric.gossip': logs('gossip'),
  'fabric.sync': logs('records compared and fetched', 'fabric.gossip'),
  'fabric.peer_directory': logs('peer directory'),
  'fabric.membership': logs('failure detection'),
  'fabric.router': logs('routing decisions and what catalog updates changed'),
  'fabric.route_control': logs('path-vector routes, route keys, withdrawals', 'fabric.route_key_gossip', 'fabric.route_withdrawal'),
  'fabric.link_state': logs('link-state routes'),
  'fabric.connection': logs('federation authorisation of peers', 'fabric.connection_manager'),
  'fabric.consensus': logs('proposals and votes'),
  'fabric.resilience': logs('health checks, breakers, recovery', 'fabric.federation_resilience'),
  'fabric.alerting': logs('alerts and their notification', 'fabric.federation_alerting'),
  'fabric.monitoring': logs('the HTTP service', 'fabric.monitoring_endpoints'),
  'fabric.auto_discovery': logs('discovery of clusters'),
  'fabric.hubs': logs('hubs'),
  'fabric.hub_registry': logs('hub registrations and assignments'),
  'fabric.hub_hierarchy': logs('routing through hubs'),
  'fabric.queue': logs('queues across the fabric', 'fabric.queue_delivery'),
  'fabric.queue_federation': logs('queues across clusters'),
  'fabric.cache': logs('cache across the fabric', 'fabric.cache_federation'),
  'fabric.federation': logs('federation graph and next-hop planner', 'fabric.federation_optimized'),
  'fabric.blockchain': logs('ledger queue bridge', 'fabric.blockchain_message_federation'),
  'fabric.metrics': logs('performance metrics', 'fabric.performance_metrics'),
  'fabric.persistence': logs('catalog and route-key snapshots'),
  'core.connection': logs('dialling of one link'),
  'core.rpc_registry': logs('function registry'),
  'core.monitoring': logs('the unified monitor', 'core.monitoring.unified_monitoring'),
  'core.transport': logs('connections and who is admitted', 'core.transport.enhanced_adapter'),
  'core.transport.factory': logs('listeners and choice of transport'),
  'core.transport.adapter': logs('connections of one listener', 'core.transport.enhanced_adapter'),
  'core.transport.circuit_breaker': logs('circuit breakers'),
  'core.cache_ops': logs('atomic, structure and namespace operations of the cache', 'core.advanced_cache_ops'),
  'core.cache_pubsub': logs('cache events', 'core.cache_pubsub_integration'),
  'core.location_consistency': logs('consistency between cache locations'),
  'core.timer': logs('timers'),
  'core.topic_dependency': logs('topic dependencies of commands', 'core.topic_dependency_resolver'),
  'core.persistence': logs('key-value and queue stores', 'core.persistence.kv_store', 'core.persistence.registry'),
  client: logs('client connection', 'client.client'),
  'client.api': logs('client calls', 'client.client_api'),
  'client.pubsub': logs('client subscriptions', 'client.pubsub_client'),
  queue: logs('one queue', 'core.message_queue'),
  'queue.manager': logs('queue manager', 'core.message_queue_manager'),
  cache: logs('cache levels', 'core.global_cache', 'core.cache_models'),
  'cache.store': logs('cache stores and eviction', 'core.caching'),
  'raft.impl': logs('Raft role and term', 'datastructures.production_raft_implementation', 'datastructures.leader_election'),
  'raft.rpc': logs('Raft messages', 'datastructures.production_raft_rpcs', 'fabric.raft_transport'),
  'raft.storage': logs('Raft storage', 'datastructures.raft_storage_adapters'),
  'raft.tasks': logs('Raft background work', 'datastructures.raft_task_manager'),
  dns: logs('DNS gateway', 'dns.server'),
} as const satisfies Record<string, LogComponent>

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

/** One sentence for each configured debug scope that selects no component and names no channel. */
export function unknownScopeWarnings(configured: readonly string[]): string[] {
  const scopes = Object.keys(logComponents)
  const known = [...scopes, ...scopes.flatMap(aliasesOf), ...diagnosticChannels]
  return configured
    .map((scope) => scope.trim())
    .filter((scope) => scope !== '' && !isChannel(scope) && !scopes.some((component) => scopeSelects(scope, component)))
    .map((scope) => {
      const nearest = nearestName(scope.replace(/^mpreg\./, ''), known)
      return `no component logs under "${scope}"${nearest === undefined ? '' : `, did you mean "${nearest}"?`}`
    })
}

function isChannel(name: string): boolean {
  return (diagnosticChannels as readonly string[]).includes(name)
}

function componentNames(scope: string): readonly string[] {
  return [scope, ...aliasesOf(scope)]
}

function aliasesOf(scope: string): readonly string[] {
  return Object.hasOwn(logComponents, scope) ? logComponents[scope as keyof typeof logComponents].aliases : []
}
