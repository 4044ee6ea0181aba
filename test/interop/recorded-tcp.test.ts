/** Bytes recorded on a TCP connection of the Python implementation: ours are the same. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { createNode } from '../../src/node/index.ts'
import { type Connection, createSocketNetwork } from '../../src/transport/index.ts'

type Bytes = { readonly from: 'client' | 'server'; readonly hex: string }
const { echo, pingAndStream } = JSON.parse(readFileSync(new URL('../vectors/tcp-bytes.json', import.meta.url), 'utf8')) as Record<
  string,
  Bytes[]
>

/** Reads exactly so many bytes. */
async function take(socket: ReturnType<typeof connect>, bytes: number): Promise<string> {
  for (;;) {
    const chunk = socket.read(bytes) as Buffer | null
    if (chunk !== null) return chunk.toString('hex')
    await once(socket, 'readable')
  }
}

describe('recorded TCP bytes', () => {
  it('a request is answered byte for byte', async () => {
    const node = await createNode({ listen: ['tcp://127.0.0.1:0'], monitoringEnabled: false, logLevel: 'CRITICAL' })
    await node.start()
    const { hostname, port } = new URL(node.endpoints[1] as string)
    const socket = connect(Number(port), hostname)
    const [request, answer] = echo as [Bytes, Bytes]
    socket.write(Buffer.from(request.hex, 'hex'))
    expect(await take(socket, answer.hex.length / 2)).toBe(answer.hex)
    socket.destroy()
    await node.stop()
  })

  it('messages, pings and streams in both directions are those of the recording', async () => {
    const network = createSocketNetwork({ env: createRealEnv({ log: silentLog }) })
    const received: string[] = []
    const accepted = Promise.withResolvers<Connection>()
    const listener = await network.listen({ protocol: 'tcp', host: '127.0.0.1', port: 0 }, (connection) => {
      connection.attach({ message: (text) => received.push(text), malformed: () => {}, close: () => {} })
      accepted.resolve(connection)
    })
    const socket = connect(listener.port, '127.0.0.1')
    const [hello, helloAnswer, ping, , stream, streamAnswer] = pingAndStream as [Bytes, Bytes, Bytes, Bytes, Bytes, Bytes]
    const connection = await accepted.promise
    socket.write(Buffer.from(hello.hex, 'hex'))
    await expect.poll(() => received).toEqual(['hello'])
    connection.send('re:hello')
    expect(await take(socket, helloAnswer.hex.length / 2)).toBe(helloAnswer.hex)
    socket.write(Buffer.from(ping.hex, 'hex'))
    // The recorded server left a ping to its application; here the transport answers.
    expect(await take(socket, 8)).toBe('00000004504f4e47')
    socket.write(Buffer.from(stream.hex, 'hex'))
    await expect.poll(() => received).toEqual(['hello', '0123456789012345678901234567890123456789'.slice(0, 30)])
    await connection.sendStream(['abcd', 'efgh', 'ij'])
    const sent = await take(socket, streamAnswer.hex.length / 2)
    // Pieces of unknown number end with an empty chunk; the recording, which knew its end, marked the last one.
    expect(sent.slice(0, 56)).toBe(streamAnswer.hex.slice(0, 56))
    socket.destroy()
    await listener.close()
  })
})
