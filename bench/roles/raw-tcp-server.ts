/** A bare TCP server with a four-byte length before each message: answers each with a prepared frame of the size of ours, one write each. */
import { type AddressInfo, createServer } from 'node:net'
import { frameOf, onFrames } from '../raw-tcp.ts'
import { roleInput, serveRole } from '../role.ts'
import type { RawServerInput } from './raw-ws-server.ts'

const answer = frameOf(roleInput<RawServerInput>().answer)
const server = createServer({ noDelay: true }, (socket) => {
  onFrames(socket, () => socket.write(answer))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

const operations = {
  url: () => `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
}
export type RawTcpServer = typeof operations
serveRole(operations)
