/** A plain socket that shows exactly what a transport puts on the wire, and says exactly what a test wants. */

import { connect, createServer, type Server, type Socket } from 'node:net'

export class RawSocket implements Disposable {
  readonly socket: Socket
  received = Buffer.alloc(0)
  ended = false
  #wake: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk])
      this.#notify()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.ended = true
      this.#notify()
    })
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<RawSocket> {
    const socket = connect({ port, host })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawSocket(socket)
  }

  write(bytes: Buffer | string): void {
    this.socket.write(typeof bytes === 'string' && /^[0-9a-f\s]+$/i.test(bytes) ? Buffer.from(bytes.replace(/\s/g, ''), 'hex') : bytes)
  }

  /** The next `count` bytes in hex; they are taken off what was received. */
  async take(count: number): Promise<string> {
    while (this.received.length < count) {
      if (this.ended) throw new Error(`Closed after ${this.received.length} of ${count} bytes: ${this.received.toString('hex')}`)
      await this.#change()
    }
    const taken = this.received.subarray(0, count)
    this.received = this.received.subarray(count)
    return taken.toString('hex')
  }

  /** Text up to and including `mark`. */
  async takeUntil(mark: string): Promise<string> {
    while (!this.received.includes(mark)) {
      if (this.ended) throw new Error(`Closed before ${JSON.stringify(mark)}: ${this.received.toString()}`)
      await this.#change()
    }
    return Buffer.from(await this.take(this.received.indexOf(mark) + mark.length), 'hex').toString()
  }

  async closed(): Promise<void> {
    while (!this.ended) await this.#change()
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = []
    for (const each of wake) each()
  }
}

/** A bare TCP server; each accepted socket is handed over as a {@link RawSocket}. */
export async function rawServer(accept: (socket: RawSocket) => void = () => {}): Promise<{ port: number; server: Server } & Disposable> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    accept(new RawSocket(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    server,
    [Symbol.dispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const WEBSOCKET_KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** An upgrade request as a client would write it (RFC 6455 §1.3). */
export function upgradeRequest(path = '/', headers: Record<string, string> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${WEBSOCKET_KEY}\r\nSec-WebSocket-Version: 13\r\n${lines.join('')}\r\n`
}
