/** The commands findings and explanations point to, in one place, so that they are those the command line has. */

import type { WantedFunction } from '../refusals.ts'

export const commands = {
  explainPeer: (nodeId: string): string => `mpreg explain peer ${shellWord(nodeId)}`,
  explainRoute: (cluster: string): string => `mpreg explain route ${shellWord(cluster)}`,
  explainTopic: (topic: string): string => `mpreg explain topic ${shellWord(topic)}`,
  /** @param wanted what the call asked for besides the name: without it the answer may be about a function that runs */
  explainFunction: (name: string, wanted?: WantedFunction): string =>
    ['mpreg explain function', shellWord(name), ...optionsOf(wanted)].join(' '),
  queueInfo: (name: string, nodeId: string): string => `mpreg queue info ${shellWord(name)} --url ${shellWord(nodeId)}`,
  queueDeadLetters: (name: string, nodeId: string): string => `mpreg queue dead-letters ${shellWord(name)} --url ${shellWord(nodeId)}`,
  queueList: (nodeId: string): string => `mpreg queue list --url ${shellWord(nodeId)}`,
  describeFunction: (name: string): string => `mpreg client call rpc_describe --kwarg ${shellWord(`function_name=${name}`)}`,
  clusterMap: (nodeId: string): string => `mpreg discovery cluster-map --url ${shellWord(nodeId)}`,
  listPeers: (nodeId: string): string => `mpreg client list-peers --url ${shellWord(nodeId)}`,
  /** @param url of the monitoring service; null: the one the command line is set to */
  alerts: (url: string | null): string => `mpreg monitor alerts${url === null ? '' : ` --url ${shellWord(url)}`}`,
  acknowledge: (alertId: string): string => `mpreg monitor acknowledge ${shellWord(alertId)}`,
  discoveryPolicy: 'mpreg discovery policy status',
  health: 'mpreg monitor health --summary',
  linkState: 'mpreg monitor link-state',
  transportMetrics: 'mpreg monitor metrics --system transport',
  routeTrace: (cluster: string): string => `mpreg monitor route-trace --destination ${shellWord(cluster)}`,
  startWithPeer: 'mpreg server start --peer ws://<host>:<port>',
  clock: 'timedatectl status',
} as const

function optionsOf(wanted: WantedFunction | undefined): string[] {
  if (wanted === undefined) return []
  const { function_id, resources, target_cluster, version_constraint } = wanted
  return [
    ...resources.flatMap((resource) => ['--locs', shellWord(resource)]),
    ...(function_id === null ? [] : ['--function-id', shellWord(function_id)]),
    ...(version_constraint === null ? [] : ['--version-constraint', shellWord(version_constraint)]),
    ...(target_cluster === null ? [] : ['--target-cluster', shellWord(target_cluster)]),
  ]
}

/** As a POSIX shell reads it back as one word. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
