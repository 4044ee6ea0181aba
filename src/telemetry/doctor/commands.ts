/** The commands findings and explanations point to, in one place, so that they are those the command line has. */

export const commands = {
  explainPeer: (nodeId: string): string => `mpreg explain peer ${shellWord(nodeId)}`,
  explainRoute: (cluster: string): string => `mpreg explain route ${shellWord(cluster)}`,
  explainTopic: (topic: string): string => `mpreg explain topic ${shellWord(topic)}`,
  explainFunction: (name: string): string => `mpreg explain function ${shellWord(name)}`,
  describeFunction: (name: string): string => `mpreg client call rpc_describe --kwarg ${shellWord(`function_name=${name}`)}`,
  clusterMap: (nodeId: string): string => `mpreg discovery cluster-map --url ${shellWord(nodeId)}`,
  listPeers: (nodeId: string): string => `mpreg client list-peers --url ${shellWord(nodeId)}`,
  acknowledge: (alertId: string): string => `mpreg monitor acknowledge ${shellWord(alertId)}`,
  health: 'mpreg monitor health --summary',
  linkState: 'mpreg monitor link-state',
  transportMetrics: 'mpreg monitor metrics --system transport',
  routeTrace: (cluster: string): string => `mpreg monitor route-trace --destination ${shellWord(cluster)}`,
  startWithPeer: 'mpreg server start --peer ws://<host>:<port>',
  clock: 'timedatectl status',
} as const

/** As a POSIX shell reads it back as one word. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
