/** The functions every node has by itself. */

/** Commands about a node itself. */
const ABOUT_THE_NODE: ReadonlySet<string> = new Set([
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
])

/** Whether a command runs on the node it arrives at, unless it names another cluster. */
export function runsWhereItArrives(name: string): boolean {
  return ABOUT_THE_NODE.has(name)
}

/** Whether every node has a function of this name. */
export function isBuiltin(name: string): boolean {
  return ABOUT_THE_NODE.has(name) || name === 'echo' || name === 'echos'
}
