import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../../../base/index.ts'
import { sampleCrypto, samplePublicKey } from './crypto-sample.ts'
import { createFileKeyProvider, createKeyRefresher, type KeyProvider, type KeyRefresh } from './key-provider.ts'
import { createKeyRegistry, type KeyDocument } from './key-registry.ts'

function setUp(provider: KeyProvider | KeyRefresh, intervalSeconds = 60) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const registry = createKeyRegistry({ clock: env.clock, crypto: sampleCrypto }, { pinning: true })
  const errors: string[] = []
  const refreshed: number[] = []
  const log: LogScope = { ...silentLog, error: (message) => errors.push(message) }
  const refresher = createKeyRefresher(
    { env, log, provider, keys: registry.as('provider'), onRefreshed: () => refreshed.push(env.clock.wall()) },
    { intervalSeconds },
  )
  return { env, registry, refresher, errors, refreshed }
}

const providers: [string, (calls: number[]) => KeyProvider | KeyRefresh][] = [
  ['an object', (calls) => ({ refresh: () => void calls.push(1) })],
  ['a function', (calls) => () => void calls.push(1)],
  ['an asynchronous object', (calls) => ({ refresh: async () => void calls.push(await Promise.resolve(1)) })],
  ['an asynchronous function', (calls) => async () => void calls.push(await Promise.resolve(1))],
]

describe.each(providers)('routing check 23: a key provider that is %s', (_kind, make) => {
  it('is called once per refresh: at the start and every interval', async () => {
    const calls: number[] = []
    const { env, refresher, refreshed } = setUp(make(calls))
    refresher.start()
    await env.advance(0)
    expect(calls).toHaveLength(1)
    await env.advance(120_000)
    expect(calls).toHaveLength(3)
    expect(refreshed).toEqual([100, 160, 220])
    refresher.stop()
    await env.advance(120_000)
    expect(calls).toHaveLength(3)
  })
})

describe('a key provider', () => {
  it('writes keys that gossip can not change', () => {
    const { registry, refresher } = setUp((keys) => void keys.register('lyon', { key_id: 'a', public_key: samplePublicKey(1) }))
    refresher.start()
    expect(registry.activeKeys('lyon')).toHaveLength(1)
    expect(registry.as('gossip').register('lyon', { key_id: 'a', public_key: samplePublicKey(2) })).toBe('pinned')
  })

  it('can rotate keys', () => {
    let byte = 1
    const { registry, refresher } = setUp((keys) => void keys.rotate('lyon', { public_key: samplePublicKey(byte++) }, 30))
    refresher.start()
    refresher.stop()
    refresher.start()
    expect(registry.activeKeys('lyon').map(({ expires_at }) => expires_at)).toEqual([null, 130])
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('unreachable')
      },
    ],
    ['rejects', () => Promise.reject(new Error('unreachable'))],
  ])('that %s is logged and asked again', async (_name, fail) => {
    let failing = true
    const { env, refresher, errors, refreshed } = setUp(() => (failing ? fail() : undefined))
    refresher.start()
    await env.advance(0)
    expect(refresher.snapshot()).toMatchObject({ refreshes_total: 1, failures_total: 1, last_error: 'unreachable', last_success_at: null })
    expect(errors).toHaveLength(1)
    failing = false
    await env.advance(60_000)
    expect(refresher.snapshot()).toMatchObject({ refreshes_total: 2, failures_total: 1, last_error: null, last_success_at: 160 })
    expect(refreshed).toEqual([160])
  })

  it('that is still at work is not asked a second time', async () => {
    let finish = () => {}
    const { env, refresher } = setUp(() => new Promise<void>((resolve) => (finish = resolve)))
    refresher.start()
    await env.advance(120_000)
    expect(refresher.snapshot()).toMatchObject({ refreshes_total: 1, skipped_total: 2 })
    finish()
    await env.advance(60_000)
    expect(refresher.snapshot()).toMatchObject({ refreshes_total: 2, skipped_total: 2 })
  })

  it('is asked once a second at most', async () => {
    const { env, refresher } = setUp(() => {}, 0.01)
    refresher.start()
    await env.advance(2000)
    expect(refresher.snapshot().refreshes_total).toBe(3)
  })
})

describe('keys from a file', () => {
  const documentOf = (...bytes: number[]): KeyDocument => ({
    clusters: { lyon: { primary_key_id: null, keys: bytes.map((byte) => ({ key_id: `k${byte}`, public_key: samplePublicKey(byte) })) } },
  })

  function withFile() {
    const disk = { version: '1', text: JSON.stringify(documentOf(1)), reads: 0 }
    const file = {
      version() {
        if (disk.version === '') throw new Error('no such file')
        return disk.version
      },
      read() {
        disk.reads++
        return disk.text
      },
    }
    const warnings: string[] = []
    const log: LogScope = { ...silentLog, warn: (line) => warnings.push(line) }
    const provider = createFileKeyProvider({ file, log, parse: (text) => JSON.parse(text) as KeyDocument })
    const fixture = setUp(provider)
    const ids = () => fixture.registry.activeKeys('lyon').map(({ key_id }) => key_id)
    return { ...fixture, disk, ids, warnings }
  }

  it('are read again when the file has changed, and only then', async () => {
    const { env, refresher, disk, ids } = withFile()
    refresher.start()
    expect(ids()).toEqual(['k1'])
    await env.advance(120_000)
    expect(disk.reads).toBe(1)
    disk.version = '2'
    disk.text = JSON.stringify(documentOf(2, 3))
    await env.advance(60_000)
    expect([disk.reads, ids()]).toEqual([2, ['k2', 'k3']])
  })

  it('stay as they are while the file is broken or gone', async () => {
    const { env, refresher, disk, ids, errors } = withFile()
    refresher.start()
    disk.version = '2'
    disk.text = '{"clusters": {"lyon"'
    await env.advance(60_000)
    disk.version = ''
    await env.advance(60_000)
    expect([ids(), errors.length]).toEqual([['k1'], 2])
    expect(refresher.snapshot().last_error).toBe('no such file')
    disk.version = '3'
    disk.text = JSON.stringify(documentOf(4))
    await env.advance(60_000)
    expect(ids()).toEqual(['k4'])
  })

  it('that are no keys are named', () => {
    const { refresher, disk, warnings } = withFile()
    disk.text = JSON.stringify({ clusters: { lyon: { primary_key_id: null, keys: [{ key_id: 'short', public_key: 'ab' }] } } })
    refresher.start()
    expect(warnings[0]).toBe('route key short of cluster lyon in the key file was not taken: malformed')
  })
})
