/** The functions nodes have by themselves. Whoever registers one takes its name from here. */

/** Commands about a node itself. */
const ABOUT_THE_NODE = [
  'catalog_query',
  'catalog_watch',
  'cluster_map',
  'cluster_map_v2',
  'dns_describe',
  'dns_list',
  'dns_register',
  'dns_unregister',
  'discovery_access_audit',
  'list_peers',
  'namespace_policy_apply',
  'namespace_policy_audit',
  'namespace_policy_export',
  'namespace_policy_validate',
  'namespace_status',
  'resolver_cache_stats',
  'resolver_resync',
  'rpc_describe',
  'rpc_describe_local',
  'rpc_list',
  'rpc_report',
  'summary_query',
  'summary_watch',
] as const

const OF_EVERY_NODE = ['echo', 'echos'] as const

/** Of a node with queues. */
const OF_QUEUES = [
  'queue_ack',
  'queue_create',
  'queue_dead_letters',
  'queue_delete',
  'queue_info',
  'queue_list',
  'queue_nack',
  'queue_receive',
  'queue_redrive',
  'queue_route_topic',
  'queue_send',
  'queue_unroute_topic',
] as const

export type BuiltinName = (typeof ABOUT_THE_NODE | typeof OF_EVERY_NODE | typeof OF_QUEUES)[number]

const aboutTheNode: ReadonlySet<string> = new Set(ABOUT_THE_NODE)
const all: ReadonlySet<string> = new Set([...ABOUT_THE_NODE, ...OF_EVERY_NODE, ...OF_QUEUES])

/** Whether a command runs on the node it arrives at, unless it names another cluster. */
export function runsWhereItArrives(name: string): boolean {
  return aboutTheNode.has(name)
}

/** Whether nodes have a function of this name by themselves, all of them or those with the system it is for: it is no service of anybody. */
export function isBuiltin(name: string): boolean {
  return all.has(name)
}
