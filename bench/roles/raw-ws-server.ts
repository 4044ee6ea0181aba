/**
 * The bare `ws` library as a server, options at their defaults except that compression is off: the floor of what any WebSocket server in
 * Node.js costs. It looks at nothing and answers each message with a prepared frame of the size of ours, one `send` a message.
 *
 * As a broadcaster it sends the prepared notification to every other connection, then the acknowledgement.
 */
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { memoryOperations } from '../memory.ts'
import { roleInput, serveRole } from '../role.ts'

export interface RawServerInput {
  /** The answer to each message. */
  readonly answer: string
  /** What all others get for each message, before the answer. */
  readonly notification?: string
}

const { answer, notification } = roleInput<RawServerInput>()
const answerBytes = Buffer.from(answer)
const notificationBytes = notification === undefined ? undefined : Buffer.from(notification)

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
await new Promise((resolve) => server.once('listening', resolve))
server.on('connection', (socket) => {
  socket.on('message', () => {
    if (notificationBytes !== undefined) {
      for (const other of server.clients) if (other !== socket) other.send(notificationBytes)
    }
    socket.send(answerBytes)
  })
})

const operations = {
  url: () => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
  ...memoryOperations,
}
export type RawWsServer = typeof operations
serveRole(operations)
