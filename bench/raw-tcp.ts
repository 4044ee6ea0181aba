/** Length-prefixed messages over a bare socket, as little code as does it right. */
import type { Socket } from 'node:net'

export function frameOf(text: string): Buffer {
  const frame = Buffer.alloc(4 + Buffer.byteLength(text))
  frame.writeUInt32BE(frame.length - 4, 0)
  frame.write(text, 4)
  return frame
}

/** Calls `receive` once for each complete message, whatever pieces the stream arrives in. */
export function onFrames(socket: Socket, receive: (message: Buffer) => void): void {
  let rest: Buffer | undefined
  socket.on('data', (piece: Buffer) => {
    const data = rest === undefined ? piece : Buffer.concat([rest, piece])
    let at = 0
    while (data.length - at >= 4) {
      const end = at + 4 + data.readUInt32BE(at)
      if (end > data.length) break
      receive(data.subarray(at + 4, end))
      at = end
    }
    rest = at === data.length ? undefined : data.subarray(at)
  })
}
