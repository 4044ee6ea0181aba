/**
 * Records the frames that our client and our node really exchange, so that the bare contenders can carry the same bytes: a WebSocket
 * proxy in front of the node that keeps every message that passes through.
 */
import type { AddressInfo } from 'node:net'
import { type RawData, WebSocket, WebSocketServer } from 'ws'

export interface RecordingProxy {
  readonly url: string
  /** Texts in the order they passed, from any client. */
  readonly fromClients: readonly string[]
  readonly fromServer: readonly string[]
  close(): Promise<void>
}

export async function startRecordingProxy(serverUrl: string): Promise<RecordingProxy> {
  const fromClients: string[] = []
  const fromServer: string[] = []
  const listener = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  await new Promise((resolve) => listener.once('listening', resolve))

  listener.on('connection', (client) => {
    const server = new WebSocket(serverUrl, { perMessageDeflate: false })
    const opened = new Promise((resolve) => server.once('open', resolve))
    client.on('message', async (data: RawData, isBinary) => {
      fromClients.push(data.toString())
      await opened
      server.send(data, { binary: isBinary })
    })
    server.on('message', (data: RawData, isBinary) => {
      fromServer.push(data.toString())
      client.send(data, { binary: isBinary })
    })
    client.on('close', () => server.close())
    server.on('close', () => client.close())
  })

  return {
    url: `ws://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    fromClients,
    fromServer,
    close() {
      for (const client of listener.clients) client.close()
      return new Promise((resolve) => listener.close(() => resolve()))
    },
  }
}
