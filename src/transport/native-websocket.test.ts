import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { dialNativeWebSocket } from './native-websocket.ts'

/** A platform socket whose peer has gone: it opens, and never closes. */
class DeadPeerSocket extends EventTarget {
  binaryType = ''
  bufferedAmount = 0
  onopen: (() => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onerror: (() => void) | null = null

  constructor() {
    super()
    queueMicrotask(() => this.onopen?.())
  }

  send(): void {}

  close(): void {}
}

describe('a page’s connection', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.stubGlobal('WebSocket', DeadPeerSocket)
  })

  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('is over ten seconds after it was closed, whether or not the other side answers', async () => {
    const connection = await dialNativeWebSocket('ws://gone.example:1')
    const closes: number[] = []
    connection.attach({ message: () => {}, malformed: () => {}, close: ({ code }) => closes.push(code) })
    connection.close()
    await vi.advanceTimersByTimeAsync(9_999)
    expect(closes).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(closes).toEqual([1006])
  })
})
