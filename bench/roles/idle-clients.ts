/** Thousands of WebSocket connections that say nothing after the handshake. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { roleInput, serveRole } from '../role.ts'

const { url } = roleInput<{ readonly url: string }>()
const sockets: WebSocket[] = []
/** Handshakes under way at once: fewer than a listener's backlog. */
const AT_ONCE = 50

const operations = {
  async open({ count }: { readonly count: number }): Promise<void> {
    for (let i = 0; i < count; i += AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - i) }, open))
    }
  },
  /** Connections still open. */
  alive: (): number => sockets.filter((socket) => socket.readyState === WebSocket.OPEN).length,
}
export type IdleClients = typeof operations
serveRole(operations)

async function open(): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await once(socket, 'open')
  sockets.push(socket)
}
