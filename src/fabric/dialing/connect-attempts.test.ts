import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../../base/index.ts'
import type { Connection } from '../../transport/index.ts'
import { type ConnectorDeps, createConnector } from './connect-attempts.ts'

const url = 'ws://127.0.0.1:9001'
const policy = { retries: 2, baseDelaySeconds: 0.5, timeoutSeconds: 1 }

/** `dialOnce` answers each attempt with what the script says: a connection, or an error after the attempt's whole timeout. */
function attempts(script: readonly ('answers' | 'refuses' | 'is silent')[], more: Partial<ConnectorDeps> = {}, log: LogScope = silentLog) {
  const env = createVirtualEnv({ seed: 1, log })
  const lines: string[] = []
  const tried: { atMs: number; timeoutMs: number }[] = []
  const closed: number[] = []
  const connect = createConnector({
    env,
    diagnostics: { enabled: (kind) => kind === 'connection', line: (_, text) => lines.push(text) },
    dialOnce(_, timeoutMs, signal) {
      const answer = script[tried.length] ?? 'refuses'
      tried.push({ atMs: env.clock.monotonic(), timeoutMs })
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')))
        if (answer === 'answers') env.timers.after(10, () => resolve({ close: () => closed.push(1) } as unknown as Connection))
        else if (answer === 'refuses') reject(new Error('connect ECONNREFUSED\nmore'))
        else env.timers.after(timeoutMs, () => reject(new Error('connection timeout')))
      })
    },
    ...more,
  })
  return { env, lines, tried, closed, connect }
}

describe('a connection that is tried several times', () => {
  it('gives each attempt more time, and pauses twice as long after each', async () => {
    const { env, tried, connect } = attempts(['refuses', 'is silent', 'is silent'])
    const failed = connect(url, policy, new AbortController().signal).catch((error: unknown) => error)
    await env.advance(20_000)
    expect(tried).toEqual([
      { atMs: 0, timeoutMs: 1000 },
      { atMs: 500, timeoutMs: 2000 },
      { atMs: 3500, timeoutMs: 3000 },
    ])
    expect(await failed).toMatchObject({
      name: 'TransportConnectionError',
      message: 'Failed to connect to ws://127.0.0.1:9001 after 3 attempts.',
      cause: { message: 'connection timeout' },
    })
  })

  it('tells each attempt on the diagnostic channel', async () => {
    const { env, lines, connect } = attempts(['refuses', 'is silent', 'answers'])
    const connected = connect(url, policy, new AbortController().signal)
    await env.advance(20_000)
    await connected
    expect(lines).toEqual([
      `[DIAG_CONN] connect_start url=${url} retries=2 base_delay=0.500s connect_timeout=1.000s open_timeout=1.000s`,
      `[DIAG_CONN] connect_failure url=${url} attempt=1/3 timeout=1.000s elapsed=0.000s error=connect ECONNREFUSED`,
      `[DIAG_CONN] connect_failure url=${url} attempt=2/3 timeout=2.000s elapsed=2.000s error=connection timeout`,
      `[DIAG_CONN] connect_success url=${url} attempt=3/3 timeout=3.000s elapsed=0.010s`,
    ])
  })

  it.each([
    ['before it begins', 0],
    ['during an attempt', 700],
    ['between two attempts', 100],
  ])('ends when it is aborted %s', async (_, afterMs) => {
    const { env, tried, connect } = attempts(['refuses', 'is silent'])
    const abort = new AbortController()
    if (afterMs === 0) abort.abort()
    const failed = connect(url, policy, abort.signal).catch((error: unknown) => error)
    await env.advance(afterMs)
    const before = tried.length
    abort.abort()
    await env.advance(20_000)
    expect(await failed).toMatchObject({ name: 'AbortError' })
    expect(tried.length).toBe(before)
    expect(env.pendingTimers).toBeLessThanOrEqual(1)
  })

  it('closes a connection that comes after the abort', async () => {
    const closed: number[] = []
    const abort = new AbortController()
    const { connect } = attempts([], {
      dialOnce() {
        abort.abort()
        return Promise.resolve({ close: () => closed.push(1) } as unknown as Connection)
      },
    })
    await expect(connect(url, policy, abort.signal)).rejects.toMatchObject({ name: 'AbortError' })
    expect(closed).toEqual([1])
  })

  it('waits a moment, and says so once, while the process is short of file descriptors', async () => {
    const warnings: string[] = []
    const log: LogScope = { ...silentLog, warn: (message) => warnings.push(message), scope: () => log }
    const { env, tried, connect } = attempts(['answers', 'answers', 'answers'], { descriptors: () => ({ used: 81, limit: 100 }) }, log)
    const connected = Promise.all([1, 2].map(() => connect(url, policy, new AbortController().signal)))
    await env.advance(1000)
    await connected
    expect(tried.map(({ atMs }) => atMs)).toEqual([500, 500])
    expect(warnings).toEqual(['Approaching file descriptor limit: 81/100 used'])
  })
})
