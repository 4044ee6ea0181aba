/** Ways between nodes that can be cut: passes TCP on, and ends all that is open when told to. New connections come through. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface CuttingProxy {
  /** A port that leads to another one of this machine. */
  wayTo(port: number): Promise<number>
  /** Ends all connections without a word, as a machine between the two does that loses its memory. */
  cut(): void
  close(): Promise<void>
}

export function createCuttingProxy(): CuttingProxy {
  const servers: Server[] = []
  const sockets = new Set<Socket>()

  function keep(socket: Socket, other: Socket): void {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
  }

  function cut(): void {
    for (const socket of sockets) socket.resetAndDestroy()
  }

  return {
    async wayTo(port) {
      const server = createServer((incoming) => {
        const outgoing = connect(port, '127.0.0.1')
        keep(incoming, outgoing)
        keep(outgoing, incoming)
        incoming.pipe(outgoing).pipe(incoming)
      })
      servers.push(server)
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return (server.address() as AddressInfo).port
    },
    cut,
    async close() {
      cut()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}
