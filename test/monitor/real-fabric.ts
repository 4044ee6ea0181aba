/** Real nodes in this process, each with its monitoring service, linked over real sockets. */
import { createNode, type Node, type NodeDeps, type SettingsInput } from '../../src/node/index.ts'

export interface MonitoredNode {
  readonly node: Node
  /** Of the monitoring service. */
  readonly url: string
  get(path: string, init?: RequestInit): Promise<Response>
  json(path: string, init?: RequestInit): Promise<MonitoringReply>
  stop(): Promise<void>
}

export interface MonitoringReply {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any
}

/** Quick to find each other, silent, and open to tests that acknowledge alerts. */
const SETTINGS: SettingsInput = { host: '127.0.0.1', gossipInterval: 0.25, logLevel: 'CRITICAL', monitoringRequireToken: false }

/** Prepares a node; `prepare` registers what it offers before it starts. */
export async function startMonitored(
  settings: SettingsInput = {},
  prepare: (node: Node) => void = () => {},
  deps: Pick<NodeDeps, 'logSink'> = {},
): Promise<MonitoredNode> {
  const node = await createNode({ ...SETTINGS, ...settings }, deps)
  prepare(node)
  await node.start()
  const url = node.monitoringUrl
  if (url === null) throw new Error('the node is not monitored')
  return {
    node,
    url,
    get: (path, init) => fetch(`${url}${path}`, init),
    async json(path, init) {
      const response = await fetch(`${url}${path}`, init)
      return { status: response.status, body: await response.json() }
    },
    stop: () => node.stop(),
  }
}

/** Settings of a node of `clusterId` that may talk to the clusters of `others`. */
export function bridgedTo(clusterId: string, others: readonly string[]): SettingsInput {
  return {
    clusterId,
    federationConfig: {
      federationMode: 'explicit_bridging',
      explicitBridges: others.map((remoteClusterId) => ({ remoteClusterId })),
      allowedForeignClusterIds: [...others],
    },
  }
}

/** Waits until the condition holds; what it is for makes the error. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs / 1000} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
