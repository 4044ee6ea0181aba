/** Our node, as `createNode` makes it: one WebSocket and one TCP listener, one function. */
import { createNode } from '../../src/node/index.ts'
import { memoryOperations } from '../memory.ts'
import { serveRole } from '../role.ts'

const node = await createNode({ host: '127.0.0.1', listen: ['tcp://127.0.0.1:0'], monitoringEnabled: false, logLevel: 'ERROR' })
node.register('bench.echo', (text: string) => text)
await node.start()

const operations = {
  endpoints: () => ({ ws: endpoint('ws:'), tcp: endpoint('tcp:') }),
  ...memoryOperations,
}
export type NodeServer = typeof operations
serveRole(operations)

function endpoint(scheme: string): string {
  return node.endpoints.find((url) => url.startsWith(scheme)) as string
}
