/** Nodes of a fabric in this process: one by default, several for the benchmarks of discovery and of a quiet fabric. */

import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { createNode, type Node } from '../../src/node/index.ts'
import { createSocketNetwork, type Network } from '../../src/transport/index.ts'
import { memoryOperations } from '../memory.ts'
import { roleInput, serveRole } from '../role.ts'

export interface FabricNodeInput {
  readonly gossipInterval: number
  readonly peers: readonly string[]
  /** Nodes the first one may dial; undefined: any. A chain of nodes is made by forbidding the shortcuts. */
  readonly mayDial?: readonly string[]
  /** Functions the first node offers. */
  readonly functions: readonly string[]
}

const { functions, gossipInterval, mayDial, peers } = roleInput<FabricNodeInput>()
const env = createRealEnv({ log: silentLog })
const sockets = createSocketNetwork({ env })
const network: Network = {
  listen: (options, accept) => sockets.listen(options, accept),
  async dial(url, options) {
    if (mayDial !== undefined && !mayDial.includes(url)) throw new Error(`${url} is out of reach in this benchmark`)
    return sockets.dial(url, options)
  },
}
const nodes: Node[] = []

async function startNode(seeds: readonly string[]): Promise<Node> {
  const node = await createNode({ gossipInterval, peers: [...seeds], monitoringEnabled: false, logLevel: 'CRITICAL' }, { network })
  nodes.push(node)
  return node
}

const node = await startNode(peers)
for (const name of functions) node.register(name, (value: unknown) => value)
await node.start()

const operations = {
  url: () => node.url,
  peerCount: () => node.listPeers().length,
  /** Starts more nodes that know the first one. */
  async more({ count }: { readonly count: number }): Promise<null> {
    for (let i = 0; i < count; i++) await (await startNode([node.url])).start()
    return null
  },
  /** Seconds until every node here lists all others. */
  async discovered({ limitSeconds }: { readonly limitSeconds: number }): Promise<number> {
    const started = performance.now()
    while (!nodes.every((one) => one.listPeers().length >= nodes.length - 1)) {
      if (performance.now() - started > limitSeconds * 1000) return Number.POSITIVE_INFINITY
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return (performance.now() - started) / 1000
  },
  /** Share of one core this process used over a while. */
  async cpuShare({ seconds }: { readonly seconds: number }): Promise<number> {
    const before = process.cpuUsage()
    const started = performance.now()
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    const { system, user } = process.cpuUsage(before)
    return (system + user) / 1000 / (performance.now() - started)
  },
  ...memoryOperations,
}
export type FabricNodes = typeof operations
serveRole(operations)
