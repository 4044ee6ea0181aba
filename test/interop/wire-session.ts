/** A bare WebSocket session for tests: frames in, frames out, no client library in between. */
import { once } from 'node:events'
import { WebSocket } from 'ws'

export interface WireSession {
  send(text: string, opcode?: 'text' | 'binary'): void
  /** The next frame, in order of arrival. Rejects when the connection closes first. */
  next(): Promise<string>
  /** Frames that have arrived and were not taken. */
  readonly waiting: number
  /** Whether every frame so far came as a binary message. */
  readonly allBinary: boolean
  readonly closed: Promise<number>
  close(): Promise<void>
}

export async function openSession(url: string, headers: Record<string, string> = {}): Promise<WireSession> {
  const ws = new WebSocket(url, { headers, perMessageDeflate: false })
  const frames: string[] = []
  const takers: { resolve(text: string): void; reject(error: Error): void }[] = []
  let allBinary = true
  let closedCode: number | undefined
  ws.on('message', (data, isBinary) => {
    allBinary &&= isBinary
    const taker = takers.shift()
    if (taker === undefined) frames.push(data.toString())
    else taker.resolve(data.toString())
  })
  const closed = new Promise<number>((resolve) => {
    ws.on('close', (code) => {
      closedCode = code
      for (const taker of takers.splice(0)) taker.reject(new Error(`connection closed with ${code}`))
      resolve(code)
    })
  })
  await once(ws, 'open')
  ws.on('error', () => {})
  return {
    send: (text, opcode = 'binary') => ws.send(opcode === 'binary' ? Buffer.from(text) : text),
    next: () =>
      new Promise((resolve, reject) => {
        const frame = frames.shift()
        if (frame !== undefined) resolve(frame)
        else if (closedCode !== undefined) reject(new Error(`connection closed with ${closedCode}`))
        else takers.push({ resolve, reject })
      }),
    get waiting() {
      return frames.length
    },
    get allBinary() {
      return allBinary
    },
    closed,
    close: async () => {
      ws.close()
      await closed
    },
  }
}
