import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { RpcError } from '../wire/index.ts'
import { createAuditTrail } from './audit.ts'
import { createRateLimit } from './rate-limit.ts'
import { nobody, rule, world } from './sample-world.ts'

const moss = { clusterId: 'moss', tenantId: null }

describe('the rate limit', () => {
  it('lets so many through in any window, and says when the next may come', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const limit = createRateLimit(env.clock, { callsMax: 2, windowSeconds: 10, keysMax: 5 })
    expect(limit.take('a')).toBeUndefined()
    await env.advance(4_000)
    expect(limit.take('a')).toBeUndefined()
    expect(limit.take('a')).toBe(6_000)
    expect(limit.take('b')).toBeUndefined()
    await env.advance(6_000)
    // The rejected call did not count.
    expect(limit.take('a')).toBeUndefined()
    expect(limit.take('a')).toBe(4_000)
  })

  it.each([
    { callsMax: 0, windowSeconds: 60 },
    { callsMax: 1, windowSeconds: 0 },
  ])('is off with %o', (options) => {
    const limit = createRateLimit(createVirtualEnv({ seed: 1 }).clock, { ...options, keysMax: 5 })
    for (let call = 0; call < 100; call++) expect(limit.take('a')).toBeUndefined()
  })

  it('keeps to its number of keys: the idle ones go first, then those used longest ago', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const limit = createRateLimit(env.clock, { callsMax: 1, windowSeconds: 10, keysMax: 2 })
    limit.take('idle')
    await env.advance(10_000)
    limit.take('a')
    limit.take('b')
    expect(limit.evictedEarly).toBe(0)
    limit.take('c')
    expect(limit.evictedEarly).toBe(1)
    expect(limit.take('b')).toBe(10_000)
    expect(limit.take('a')).toBeUndefined()
  })
})

describe('the audit trail', () => {
  it('keeps the latest, oldest first, and counts all', () => {
    const trail = createAuditTrail<number>(3)
    for (const entry of [1, 2, 3, 4, 5]) trail.add(entry)
    expect([trail.latest(), trail.latest(2), trail.latest(9), trail.latest(0), trail.latest(-1), trail.total]).toEqual([
      [3, 4, 5],
      [4, 5],
      [3, 4, 5],
      [],
      [],
      5,
    ])
  })

  it('keeps nothing when it may not', () => {
    const trail = createAuditTrail<number>(0)
    trail.add(1)
    expect([trail.latest(), trail.total]).toEqual([[], 1])
  })
})

describe('the access gate', () => {
  it('rpc check 25: the third call of two is refused with 429, and on record', () => {
    const { access, denied } = world({ access: { callsMax: 2 } })
    access.admit('catalog_query', moss, 'svc', nobody)
    access.admit('catalog_query', moss, 'svc', nobody)
    access.admit('catalog_query', { clusterId: 'moss', tenantId: 't' }, 'svc', nobody)
    access.admit('rpc_describe', moss, 'svc', nobody)
    let refusal: unknown
    try {
      access.admit('catalog_query', moss, 'svc', nobody)
    } catch (error) {
      refusal = error
    }
    expect((refusal as RpcError).toObject()).toEqual({
      code: 429,
      message: 'discovery_rate_limited',
      details: 'catalog_query by viewer cluster:moss for namespace svc: 2 calls in 60 s are allowed; ask again in 60.0 s',
    })
    const audited = {
      event: 'catalog_query',
      timestamp: 1_700_000_000,
      viewer_cluster_id: 'moss',
      namespace: 'svc',
      allowed: false,
      reason: 'rate_limited',
    }
    expect(denied).toEqual([audited])
    expect(access.denials()).toEqual([audited])
  })

  it('puts denials on record, and only those', () => {
    const { access } = world({ policy: { rules: [rule('s', { visibility: ['fern'] })] } })
    expect(access.decide('catalog_query', moss, 's.a', nobody)).toEqual({ allowed: false, reason: 'viewer_denied' })
    expect(access.decide('catalog_query', { clusterId: 'fern', tenantId: 't' }, 's.a', nobody).allowed).toBe(true)
    expect(access.denials()).toEqual([expect.objectContaining({ namespace: 's.a', reason: 'viewer_denied' })])
    access.decide('catalog_query', moss, 's.b', { ...nobody, credential: 'ci' })
    expect(access.denials(1)).toEqual([expect.objectContaining({ namespace: 's.b', viewer_credential: 'ci' })])
    expect(access.denialsTotal).toBe(2)
    expect(access.snapshot()).toEqual({ denials: { viewer_denied: 2 }, rate_limit_keys_evicted: 0 })
  })

  it('demands the token for changes where there is one', () => {
    world().access.admitChange('namespace_policy_apply', moss, nobody)
    const { access } = world({ access: { adminRequired: true } })
    access.admitChange('namespace_policy_apply', moss, { ...nobody, isAdmin: true })
    expect(() => access.admitChange('namespace_policy_apply', moss, nobody)).toThrow(RpcError)
    expect(access.denials()).toEqual([expect.objectContaining({ event: 'namespace_policy_apply', reason: 'admin_required' })])
  })
})
