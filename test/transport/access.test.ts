import { afterEach, describe, expect, it } from 'vitest'
import { createAccess, createSocketNetwork, type Listener } from '../../src/transport/index.ts'
import { Recorder } from './cases.ts'
import { recordedEnv } from './environment.ts'
import { RawSocket, upgradeRequest } from './raw-socket.ts'

const env = recordedEnv()
const network = createSocketNetwork({ env })
let listener: Listener | undefined
afterEach(async () => {
  await listener?.close()
  listener = undefined
})

async function listen(options: Parameters<typeof createAccess>[1]): Promise<Recorder[]> {
  const accepted: Recorder[] = []
  const access = createAccess(env, options)
  listener = await network.listen({ protocol: 'ws', host: '127.0.0.1', port: 0, access }, (connection) =>
    accepted.push(new Recorder(connection)),
  )
  return accepted
}

describe('the door of a WebSocket listener', () => {
  it('answers 401 with a challenge before there is a connection', async () => {
    const accepted = await listen({ tokens: { ci: 'right' } })
    using raw = await RawSocket.connect(listener?.port ?? 0)
    raw.socket.write(upgradeRequest('/', { Authorization: 'Bearer wrong' }))
    const head = await raw.takeUntil('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 401 /)
    expect(head).toContain('WWW-Authenticate: Bearer')
    await raw.closed()
    expect(accepted).toEqual([])
    expect(network.snapshot().refused).toBeGreaterThan(0)
  })

  it('tells a dialer what it was refused for', async () => {
    await listen({ tokens: { ci: 'right' } })
    await expect(network.dial(listener?.url ?? '', { authToken: 'wrong' })).rejects.toMatchObject({
      name: 'AccessDeniedError',
      status: 401,
    })
  })

  it('lets in token, key and query token, each under its name', async () => {
    const accepted = await listen({ tokens: { ci: 'right' }, apiKeys: { robot: 'key' } })
    const url = listener?.url ?? ''
    for (const connection of [
      await network.dial(url, { authToken: 'right' }),
      await network.dial(url, { apiKey: 'key' }),
      await network.dial(`${url}/?access_token=right`),
    ]) {
      new Recorder(connection).connection.close()
    }
    expect(accepted.map((each) => each.connection.identity.name)).toEqual(['ci', 'robot', 'ci'])
  })

  it('answers 403 to a page from elsewhere, and lets in one from this machine', async () => {
    const accepted = await listen({})
    for (const [origin, status] of [
      ['https://evil.example', 403],
      ['http://localhost:5173', 101],
    ] as const) {
      using raw = await RawSocket.connect(listener?.port ?? 0)
      raw.socket.write(upgradeRequest('/', { Origin: origin }))
      expect(await raw.takeUntil('\r\n')).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    }
    expect(accepted).toHaveLength(1)
  })

  it('writes no credential into the log', async () => {
    await listen({ tokens: { ci: 'right' } })
    await network.dial(`${listener?.url}/?access_token=hunter2`, { authToken: 'hunter3' }).catch(() => {})
    expect(env.lines.join('\n')).not.toMatch(/hunter/)
  })
})

describe('the door of a TCP listener', () => {
  it('does not open when tokens are required that TCP can not carry', async () => {
    const access = createAccess(env, { tokens: { ci: 'right' } })
    await expect(network.listen({ protocol: 'tcp', host: '127.0.0.1', port: 0, access }, () => {})).rejects.toThrow(
      /tcp listener can not ask for tokens/,
    )
  })
})
