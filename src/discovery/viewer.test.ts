import { describe, expect, it } from 'vitest'
import { createViewers, type TenantOptions, viewerLabel } from './viewer.ts'

const off: TenantOptions = { enabled: false, allowRequestOverride: true, defaultId: null, header: null, credentials: [], adminToken: null }
const credentials = [
  { tenantId: 't1', token: 'tok', scheme: 'Bearer' },
  { tenantId: 't2', token: 'key', scheme: 'api-key' },
]

function tenant(options: Partial<TenantOptions>, headers: Record<string, string>): string | null {
  return createViewers({ ...off, enabled: true, ...options }, (a, b) => a === b).identify(headers).tenantId
}

describe('the tenant of a connection', () => {
  it('is the one whose credential it shows', () => {
    const shown = (headers: Record<string, string>) => tenant({ credentials, header: 'x-tenant' }, headers)
    expect(shown({ authorization: 'Bearer tok' })).toBe('t1')
    expect(shown({ authorization: 'bEARER tok' })).toBe('t1')
    expect(shown({ authorization: 'tok' })).toBe('t1')
    expect(shown({ authorization: 'Basic tok' })).toBeNull()
    expect(shown({ authorization: 'Bearer key' })).toBeNull()
    expect(shown({ 'x-api-key': 'key' })).toBe('t2')
    expect(shown({ authorization: 'Bearer wrong', 'x-api-key': 'key' })).toBe('t2')
    expect(shown({ 'x-api-key': 'tok' })).toBeNull()
  })

  it('is not what a trusted header says once there are credentials', () => {
    expect(tenant({ header: 'x-tenant' }, { 'x-tenant': ' acme , other' })).toBe('acme')
    expect(tenant({ header: 'x-tenant', credentials }, { 'x-tenant': 'acme' })).toBeNull()
    expect(tenant({ header: null }, { 'x-tenant': 'acme' })).toBeNull()
    expect(tenant({ header: 'x-tenant' }, { 'x-tenant': ' ' })).toBeNull()
  })

  it('is nobody while tenants are not told apart', () => {
    expect(tenant({ enabled: false, credentials }, { authorization: 'Bearer tok' })).toBeNull()
  })
})

describe('the viewer of a request', () => {
  const viewer = (options: Partial<TenantOptions>, viewerTenant: string | null, request: object) =>
    createViewers({ ...off, ...options }, () => false).of({ viewerCluster: 'moss', viewerTenant }, { ...request })

  it('is of the cluster it is bound to, whatever it says', () => {
    expect(viewer({}, null, { viewer_cluster_id: 'fern' })).toEqual({ clusterId: 'moss', tenantId: null })
  })

  it('is the tenant of its connection, else the one it names where that is allowed, else the default', () => {
    const tenantOf = (options: Partial<TenantOptions>, bound: string | null) =>
      viewer({ enabled: true, defaultId: 'public', ...options }, bound, { viewer_tenant_id: 'named' }).tenantId
    expect(tenantOf({}, 'bound')).toBe('bound')
    expect(tenantOf({}, null)).toBe('named')
    expect(tenantOf({ allowRequestOverride: false }, null)).toBe('public')
    expect(tenantOf({ enabled: false }, null)).toBeNull()
  })

  it('is counted by tenant, or by cluster without one', () => {
    expect([viewerLabel({ clusterId: 'a', tenantId: 't' }), viewerLabel({ clusterId: 'a', tenantId: null })]).toEqual([
      'tenant:t',
      'cluster:a',
    ])
  })
})

describe('the admin', () => {
  it('is who shows the token, either way', () => {
    const isAdmin = (adminToken: string | null, headers: Record<string, string>) =>
      createViewers({ ...off, adminToken }, (a, b) => a === b).identify(headers).isAdmin
    expect(isAdmin('root', { authorization: 'Bearer root' })).toBe(true)
    expect(isAdmin('root', { 'x-api-key': 'root' })).toBe(true)
    expect(isAdmin('root', { authorization: 'Bearer other' })).toBe(false)
    expect(isAdmin('root', {})).toBe(false)
    expect(isAdmin(null, { authorization: 'Bearer ' })).toBe(false)
  })
})
