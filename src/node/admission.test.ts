import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createAdmission } from './admission.ts'
import { resolveSettings, type SettingsInput } from './settings/index.ts'

type Policy = NonNullable<NonNullable<SettingsInput['federationConfig']>['securityPolicy']>

function admission(securityPolicy: Policy = {}) {
  const env = createVirtualEnv({ seed: 1 })
  const { settings } = resolveSettings({ clusterId: 'home', federationConfig: { securityPolicy } })
  return { env, admission: createAdmission(env.clock, settings, (cluster) => cluster === 'friend') }
}

describe('what other clusters may ask', () => {
  it('is everything for the own cluster, and for requests that do not say where they come from', () => {
    const { admission: rules } = admission({ allowedFunctionsCrossFederation: ['add'], maxCrossFederationRequestsPerMinute: 0 })
    expect(rules.requestRefusal('home', 'secret')).toBeUndefined()
    expect(rules.requestRefusal(null, 'secret')).toBeUndefined()
    expect(rules.admits('home')).toBe(true)
  })

  it('is nothing for a cluster that is not admitted', () => {
    const { admission: rules } = admission()
    expect(rules.requestRefusal('stranger', 'add')).toBe('cluster_not_admitted')
    expect(rules.admits('stranger')).toBe(false)
    expect(rules.requestRefusal('friend', 'add')).toBeUndefined()
    expect(rules.snapshot()).toMatchObject({ cluster_not_admitted: 2 })
  })

  it('follows the lists of functions; blocked wins', () => {
    const { admission: rules } = admission({ allowedFunctionsCrossFederation: ['add', 'wipe'], blockedFunctionsCrossFederation: ['wipe'] })
    expect(['add', 'wipe', 'sub'].map((name) => rules.requestRefusal('friend', name))).toEqual([
      undefined,
      'function_blocked',
      'function_not_allowed',
    ])
  })

  it('is limited to so many requests a minute for each cluster', async () => {
    const { admission: rules, env } = admission({ maxCrossFederationRequestsPerMinute: 2 })
    const ask = () => rules.requestRefusal('friend', 'add')
    expect([ask(), ask(), ask()]).toEqual([undefined, undefined, 'rate_limited'])
    await env.advance(30_000)
    expect([ask(), ask()]).toEqual([undefined, 'rate_limited'])
  })
})
