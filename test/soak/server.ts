/** The node under a soak test, in a process of its own: tells its memory when asked, and what is left of it after it stopped. */
import { createNode } from '../../src/node/index.ts'

/** `reachable`: memory after a full collection, which stops the node for a moment. */
export type SoakQuestion = 'usage' | 'reachable' | 'stop'
export type SoakAnswer =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'usage'; readonly rss: number }
  | { readonly kind: 'reachable'; readonly heapUsed: number; readonly external: number }
  | { readonly kind: 'stopped'; readonly resources: readonly string[] }

const node = await createNode({ monitoringEnabled: false, logLevel: 'WARNING' })
node.register('add', (a: number, b: number) => a + b, { params: { a: 'float', b: 'float' } })
node.register('later', (value: unknown) => new Promise((resolve) => setTimeout(resolve, 1, value)))
await node.start()

process.on('message', (question: SoakQuestion) => {
  if (question === 'usage') answer({ kind: 'usage', rss: process.memoryUsage.rss() })
  else if (question === 'reachable') {
    globalThis.gc?.()
    const { external, heapUsed } = process.memoryUsage()
    answer({ kind: 'reachable', heapUsed, external })
  } else void stop()
})
answer({ kind: 'ready', url: node.url })

async function stop(): Promise<void> {
  await node.stop()
  // What ends with the turn may end; what is left after it keeps the process alive.
  await new Promise((resolve) => setImmediate(resolve))
  const standing = new Set(['PipeWrap', 'TTYWrap', 'Immediate'])
  answer({ kind: 'stopped', resources: process.getActiveResourcesInfo().filter((name) => !standing.has(name)) })
  process.disconnect()
}

function answer(message: SoakAnswer): void {
  process.send?.(message)
}
