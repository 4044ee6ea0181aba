import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createMemoryNetwork } from './memory.ts'
import { createReconnector, type Waiting } from './reconnect.ts'
import type { Connection, Listener } from './transport.ts'

function setUp() {
  const env = createVirtualEnv({ seed: 1 })
  const network = createMemoryNetwork({ env })
  const accepted: Connection[] = []
  const waits: Waiting[] = []
  const closes: number[] = []
  const texts: string[] = []
  const link = createReconnector(
    { env, dial: (signal) => network.dial('ws://memory:7', { signal }) },
    {
      handlers: () => ({ message: (text) => void texts.push(text), malformed: () => {}, close: (info) => void closes.push(info.code) }),
      onWaiting: (waiting) => void waits.push(waiting),
    },
  )
  const listen = (): Promise<Listener> =>
    network.listen({ protocol: 'ws', host: 'memory', port: 7 }, (connection) => {
      accepted.push(connection)
      connection.attach({ message: () => {}, malformed: () => {}, close: () => {} })
      connection.send(`welcome ${accepted.length}`)
    })
  return { env, listen, link, accepted, waits, closes, texts }
}

describe('reconnector', () => {
  it('tries again with growing, jittered delays until somebody listens', async () => {
    const { env, listen, link, waits, texts } = setUp()
    link.start()
    await env.advance(20_000)
    expect(link.state).toBe('waiting')
    for (const [i, { failures, delayMs, error }] of waits.entries()) {
      const full = Math.min(30_000, 1000 * 2 ** i)
      expect(failures).toBe(i + 1)
      expect(delayMs).toBeGreaterThanOrEqual(full / 2)
      expect(delayMs).toBeLessThanOrEqual(full)
      expect(error.message).toContain('nobody listens')
    }
    expect(waits.length).toBeGreaterThanOrEqual(4)
    await listen()
    await env.advance(30_000)
    expect(link.state).toBe('connected')
    expect(texts).toEqual(['welcome 1'])
  })

  it('comes back after a loss; a connection that lived starts from the shortest delay', async () => {
    const { env, listen, link, accepted, waits, closes } = setUp()
    await listen()
    link.start()
    await env.advance(10_000)
    accepted[0]?.close(1001, 'restart')
    await env.advance(1_000)
    expect(closes).toEqual([1001])
    expect(waits.map((waiting) => waiting.failures)).toEqual([1])
    expect(link.state).toBe('connected')
    expect(link.snapshot()).toMatchObject({ connects: 2, attempts: 2, nextAttemptInMs: null, lastError: 'Connection closed: 1001 restart' })
  })

  it('does not hammer a server that drops every newcomer', async () => {
    const { env, listen, link, accepted, waits } = setUp()
    await listen()
    link.start()
    for (let i = 0; i < 6; i++) {
      await env.runUntil(() => accepted.length > i, 60_000)
      accepted[i]?.close()
      await env.runUntil(() => waits.length > i, 60_000)
    }
    expect(waits.map((waiting) => waiting.failures)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('tries at once when woken, and is still when stopped', async () => {
    const { env, listen, link } = setUp()
    link.start()
    await env.advance(10_000)
    await listen()
    link.wake()
    await env.advance(0)
    expect(link.state).toBe('connected')
    link.stop()
    await env.advance(60_000)
    expect(link.state).toBe('stopped')
    expect(link.connection).toBeUndefined()
    expect(env.pendingTimers).toBe(0)
  })
})
