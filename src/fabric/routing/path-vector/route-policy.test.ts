import { describe, expect, it } from 'vitest'
import { exportPolicyRefusal, exportRefusal } from './export-rules.ts'
import { DEFAULT_ROUTE_POLICY, fullPolicyRefusal, policyFor, policyRefusal, type RoutePolicy } from './route-policy.ts'

const route = { destination: 'bergen', advertiser: 'oslo', tags: ['silver', 'metro'], hops: 3 }
const policy = (given: Partial<RoutePolicy>): RoutePolicy => ({ ...DEFAULT_ROUTE_POLICY, ...given })

describe('a route policy', () => {
  it.each<[Partial<RoutePolicy>, string | undefined]>([
    [{}, undefined],
    [{ allowedTags: new Set(['silver']) }, undefined],
    [{ allowedTags: new Set(['gold']) }, 'tag_not_allowed'],
    [{ denyTags: new Set(['metro']) }, 'tag_denied'],
    [{ denyTags: new Set(['metro']), allowedTags: new Set(['silver']) }, 'tag_denied'],
    [{ denyTags: new Set() }, undefined],
    [{ allowedAdvertisers: new Set(['voss']) }, 'advertiser_not_allowed'],
    [{ allowedAdvertisers: new Set(['oslo']) }, undefined],
    [{ allowedDestinations: new Set(['moss']) }, 'destination_not_allowed'],
    [{ allowedAdvertisers: new Set() }, 'advertiser_not_allowed'],
    [{ allowedTags: new Set() }, 'tag_not_allowed'],
    [{ maxHops: 3 }, undefined],
    [{ maxHops: 2 }, 'too_many_hops'],
  ])('%o: %s', (given, refusal) => {
    expect(fullPolicyRefusal(policy(given), route)).toBe(refusal)
  })
})

describe('routing check 16: what an empty set means, and which policy a neighbour has', () => {
  it('an empty set of destinations refuses every announcement, none refuses no one', () => {
    expect(policyRefusal(policy({ allowedDestinations: new Set() }), route)).toBe('destination_not_allowed')
    expect(policyRefusal(policy({ allowedDestinations: null }), route)).toBeUndefined()
  })

  it('an entry of the directory beats its default; without a default an unknown neighbour has no policy', () => {
    const [special, general] = [policy({ maxHops: 1 }), policy({ maxHops: 2 })]
    const neighborPolicies = new Map([['oslo', special]])
    expect(policyFor({ defaultPolicy: general, neighborPolicies }, 'oslo')).toBe(special)
    expect(policyFor({ defaultPolicy: general, neighborPolicies }, 'voss')).toBe(general)
    expect(policyFor({ defaultPolicy: null, neighborPolicies }, 'voss')).toBeUndefined()
    expect(policyFor(null, 'oslo')).toBeUndefined()
  })
})

describe('export rules', () => {
  const open = { policy: null, neighborPolicies: null }

  it('keep a route from those it leads through', () => {
    expect(exportRefusal(open, route, ['moss', 'oslo', 'bergen'], 'oslo')).toBe('on_path')
    expect(exportRefusal(open, route, ['moss', 'oslo', 'bergen'], 'voss')).toBeUndefined()
  })

  it('count the hops of what is told, for all and for one neighbour', () => {
    expect(exportPolicyRefusal({ ...open, policy: policy({ maxHops: 2 }) }, route)).toBe('export_policy')
    expect(exportPolicyRefusal({ ...open, policy: policy({ maxHops: 3 }) }, route)).toBeUndefined()
    const neighborPolicies = { defaultPolicy: policy({ maxHops: 2 }), neighborPolicies: new Map() }
    expect(exportRefusal({ ...open, neighborPolicies }, route, ['moss'], 'voss')).toBe('export_neighbor_policy')
  })
})
