/** Nodes in a chain, over real sockets: each may dial the one before it only, so that a call from one end to the other passes all. */
import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { createNode, type Node, type SettingsInput } from '../../src/node/index.ts'
import { createSocketNetwork, type Network } from '../../src/transport/index.ts'

export interface Chain extends AsyncDisposable {
  readonly nodes: readonly Node[]
}

/** @param prepare registers functions before the node starts */
export async function startChain(
  names: readonly string[],
  settings: SettingsInput,
  prepare: (node: Node, name: string) => void = () => {},
): Promise<Chain> {
  const nodes: Node[] = []
  const sockets = createSocketNetwork({ env: createRealEnv({ log: silentLog }) })
  for (const name of names) {
    const before = nodes.at(-1)?.url
    const network: Network = {
      listen: (options, accept) => sockets.listen(options, accept),
      async dial(url, options) {
        if (url !== before) throw new Error(`${url} is out of reach in this test`)
        return sockets.dial(url, options)
      },
    }
    const peers = before === undefined ? [] : [before]
    const node = await createNode(
      { name, peers, gossipInterval: 0.2, monitoringEnabled: false, logLevel: 'CRITICAL', ...settings },
      { network },
    )
    prepare(node, name)
    await node.start()
    nodes.push(node)
  }
  return {
    nodes,
    async [Symbol.asyncDispose]() {
      for (const node of nodes.toReversed()) await node.stop()
    },
  }
}
