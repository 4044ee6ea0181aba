/** Our node, as `createNode` makes it: one WebSocket and one TCP listener, one function; monitored where the bench asks for it. */
import { createNode } from '../../src/node/index.ts'
import { memoryOperations } from '../memory.ts'
import { roleInput, serveRole } from '../role.ts'

export interface NodeServerInput {
  readonly monitored: boolean
}

const monitoringEnabled = roleInput<NodeServerInput | null>()?.monitored ?? false
const node = await createNode({ host: '127.0.0.1', listen: ['tcp://127.0.0.1:0'], monitoringEnabled, logLevel: 'ERROR' })
node.register('bench.echo', (text: string) => text)
await node.start()

const operations = {
  endpoints: () => ({ ws: endpoint('ws:'), tcp: endpoint('tcp:') }),
  monitoringUrl: () => node.monitoringUrl,
  /** Processor time of this process so far. */
  cpuMs() {
    const { system, user } = process.cpuUsage()
    return (system + user) / 1000
  },
  ...memoryOperations,
}
export type NodeServer = typeof operations
serveRole(operations)

function endpoint(scheme: string): string {
  return node.endpoints.find((url) => url.startsWith(scheme)) as string
}
