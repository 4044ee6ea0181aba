/** Nodes in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { SettingsInput } from '../../src/node/index.ts'
import type { Question } from './process-node.ts'

export interface ProcessNode {
  readonly name: string
  readonly url: string
  /** Null unless its settings switch monitoring on. */
  readonly monitoringUrl: string | null
  readonly child: ChildProcess
  /** URLs of the peers it lists. */
  peers(): Promise<string[]>
  /** Names of functions it knows under a prefix. */
  functions(namespace: string): Promise<string[]>
  /** Calls a function without arguments, wherever it is. */
  call(name: string): Promise<unknown>
}

export interface ProcessFabric {
  readonly nodes: Map<string, ProcessNode>
  /** @param namespace the network namespace it runs in; default: the one of the test */
  start(name: string, settings?: SettingsInput, namespace?: string): Promise<ProcessNode>
  kill(name: string, signal?: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

export function createProcessFabric(shared: SettingsInput): ProcessFabric {
  const nodes = new Map<string, ProcessNode>()
  const entry = fileURLToPath(new URL('./process-node.ts', import.meta.url))

  async function end(node: ProcessNode, signal: NodeJS.Signals): Promise<void> {
    nodes.delete(node.name)
    const exited = new Promise((resolve) => node.child.once('exit', resolve))
    node.child.kill(signal)
    const impatience = setTimeout(() => node.child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(impatience)
  }

  return {
    nodes,
    async start(name, settings, namespace) {
      const command = [process.execPath, entry, JSON.stringify({ ...shared, name, ...settings })]
      if (namespace !== undefined) command.unshift('ip', 'netns', 'exec', namespace)
      const [file, ...args] = command as [string, ...string[]]
      const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      const { monitoringUrl, url } = await new Promise<Pick<ProcessNode, 'url' | 'monitoringUrl'>>((resolve, reject) => {
        child.once('message', (ready) => resolve(ready as Pick<ProcessNode, 'url' | 'monitoringUrl'>))
        child.once('error', reject)
        child.once('exit', (code) => reject(new Error(`node ${name} ended with ${code}`)))
      })
      const ask = asking(child)
      const node: ProcessNode = {
        name,
        url,
        monitoringUrl,
        child,
        peers: async () => (await ask({ ask: 'peers' })) as string[],
        async functions(prefix) {
          const items = (await ask({ ask: 'functions', name: prefix })) as { identity: { name: string } }[]
          return [...new Set(items.map((item) => item.identity.name))].sort()
        },
        call: (called) => ask({ ask: 'call', name: called }),
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

function asking(child: ChildProcess): (question: Omit<Question, 'id'>) => Promise<unknown> {
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let asked = 0
  child.on('message', (message) => {
    const { error, id, value } = message as { id: number; value?: unknown; error?: string }
    const waiting = open.get(id)
    open.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(error))
  })
  child.once('exit', () => {
    for (const { reject } of open.values()) reject(new Error('the process has ended'))
    open.clear()
  })
  return (question) =>
    new Promise((resolve, reject) => {
      const id = asked++
      open.set(id, { resolve, reject })
      child.send({ ...question, id })
    })
}
