/** Nodes in processes of their own, and a client on each. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Client, connect } from '../../src/client-node.ts'
import type { SettingsInput } from '../../src/node/index.ts'

export interface ProcessNode {
  readonly name: string
  readonly url: string
  readonly child: ChildProcess
  readonly client: Client
  /** URLs of the peers it lists. */
  peers(): Promise<string[]>
  /** Names of functions it knows under a prefix. */
  functions(namespace: string): Promise<string[]>
}

export interface ProcessFabric {
  readonly nodes: Map<string, ProcessNode>
  start(name: string, settings?: SettingsInput): Promise<ProcessNode>
  kill(name: string, signal?: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

export function createProcessFabric(shared: SettingsInput): ProcessFabric {
  const nodes = new Map<string, ProcessNode>()
  const entry = fileURLToPath(new URL('./process-node.ts', import.meta.url))

  async function end(node: ProcessNode, signal: NodeJS.Signals): Promise<void> {
    nodes.delete(node.name)
    const exited = new Promise((resolve) => node.child.once('exit', resolve))
    void node.client.close()
    node.child.kill(signal)
    const impatience = setTimeout(() => node.child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(impatience)
  }

  return {
    nodes,
    async start(name, settings = {}) {
      const child = fork(entry, [JSON.stringify({ ...shared, name, ...settings })], { execArgv: [] })
      const { url } = await new Promise<{ url: string }>((resolve, reject) => {
        child.once('message', (ready) => resolve(ready as { url: string }))
        child.once('exit', (code) => reject(new Error(`node ${name} ended with ${code}`)))
      })
      const client = await connect({ url })
      const node: ProcessNode = {
        name,
        url,
        child,
        client,
        peers: async () => ((await client.call('list_peers')) as { url: string }[]).map((peer) => peer.url),
        functions: async (namespace) => {
          const { items } = (await client.call('rpc_list', { namespace, limit: 2000 })) as { items: { identity: { name: string } }[] }
          return [...new Set(items.map((item) => item.identity.name))].sort()
        },
      }
      nodes.set(name, node)
      return node
    },
    async kill(name, signal = 'SIGKILL') {
      await end(nodes.get(name) as ProcessNode, signal)
    },
    async stop() {
      await Promise.all([...nodes.values()].map((node) => end(node, 'SIGKILL')))
    },
  }
}

/** Milliseconds until the condition held. */
export async function elapsedUntil(condition: () => Promise<boolean>, limitMs: number): Promise<number> {
  const started = performance.now()
  while (!(await condition())) {
    if (performance.now() - started > limitMs) throw new Error(`not within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return performance.now() - started
}
