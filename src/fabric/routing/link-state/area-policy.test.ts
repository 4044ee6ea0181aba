import { describe, expect, it } from 'vitest'
import { type AreaPolicyOptions, compareAreas, createAreaPolicy } from './area-policy.ts'
import type { LinkedPeer } from './ports.ts'

const NOTHING: AreaPolicyOptions = {
  localAreas: [],
  defaultArea: null,
  allowUnmappedNeighbors: true,
  neighborAreas: {},
  areaNeighborFilters: {},
  areaHierarchy: {},
  summaryFilters: [],
}

const peer = (clusterId: string): LinkedPeer => ({ nodeId: `ws://${clusterId}`, clusterId })

function groups(options: Partial<AreaPolicyOptions> | null, area: string | null, ...clusters: string[]) {
  const grouped = createAreaPolicy(options && { ...NOTHING, ...options }, area).group(clusters.map(peer))
  return Object.fromEntries([...grouped].map(([name, peers]) => [name ?? '-', peers.map(({ clusterId }) => clusterId)]))
}

describe('accepted areas', () => {
  it.each<[string, Partial<AreaPolicyOptions> | null, string | null, string[] | null]>([
    ['the local ones', { localAreas: ['a', 'b'], defaultArea: 'c' }, 'd', ['a', 'b']],
    ['else the default one', { defaultArea: 'c' }, 'd', ['c']],
    ["else the node's one", {}, 'd', ['d']],
    ["the node's one without a policy", null, 'd', ['d']],
    ['else all', {}, null, null],
  ])('are %s', (_, options, area, accepted) => {
    const policy = createAreaPolicy(options && { ...NOTHING, ...options }, area)
    expect(policy.accepted && [...policy.accepted]).toEqual(accepted)
    expect(policy.accepts('elsewhere')).toBe(accepted === null)
    expect(policy.accepts(null)).toBe(accepted === null)
    for (const name of accepted ?? []) expect(policy.accepts(name)).toBe(true)
  })
})

describe('the area of a neighbour', () => {
  it("is the node's own, or none, without a policy", () => {
    expect(groups(null, 'metro', 'oslo')).toEqual({ metro: ['oslo'] })
    expect(groups(null, null, 'oslo')).toEqual({ '-': ['oslo'] })
  })

  it('is what the policy maps it to, else the default, else none', () => {
    const neighborAreas = { oslo: ['a', 'b'] }
    expect(groups({ neighborAreas, defaultArea: 'c' }, null, 'oslo', 'moss')).toEqual({ a: ['oslo'], b: ['oslo'], c: ['moss'] })
    expect(groups({ neighborAreas }, 'd', 'moss')).toEqual({ d: ['moss'] })
    expect(groups({ neighborAreas }, null, 'moss')).toEqual({ '-': ['moss'] })
    expect(groups({ neighborAreas, allowUnmappedNeighbors: false }, null, 'oslo', 'moss')).toEqual({ a: ['oslo'], b: ['oslo'] })
  })

  it('counts only where this node takes part, and where the filter of the area lets it', () => {
    const options = { localAreas: ['a'], neighborAreas: { oslo: ['a', 'b'], moss: ['a'] }, areaNeighborFilters: { a: ['moss'] } }
    expect(groups(options, null, 'oslo', 'moss')).toEqual({ a: ['moss'] })
  })

  it('is looked up among the names of the policy only', () => {
    expect(groups({ defaultArea: 'c' }, null, 'constructor', '__proto__')).toEqual({ c: ['constructor', '__proto__'] })
  })
})

describe('a summary', () => {
  const base = { localAreas: ['a', 'b'], neighborAreas: { oslo: ['a'], voss: ['b'], bergen: ['b'] }, areaHierarchy: { b: 'a' } }
  const filter = { sourceArea: 'b', targetArea: 'a', allowedNeighbors: ['voss'], deniedNeighbors: null }

  it('routing check 27: tells the parent area of the neighbours the filter allows', () => {
    expect(groups({ ...base, summaryFilters: [filter] }, null, 'oslo', 'voss')).toEqual({ a: ['oslo', 'voss'], b: ['voss'] })
  })

  it('routing check 27: tells nothing without a filter', () => {
    expect(groups(base, null, 'oslo', 'voss')).toEqual({ a: ['oslo'], b: ['voss'] })
  })

  it('needs no hierarchy where a filter names both areas', () => {
    expect(groups({ ...base, areaHierarchy: {}, summaryFilters: [filter] }, null, 'voss')).toEqual({ a: ['voss'], b: ['voss'] })
  })

  it('leaves out what is denied, even when it is allowed', () => {
    const denying = { ...filter, allowedNeighbors: null, deniedNeighbors: ['voss'] }
    expect(groups({ ...base, summaryFilters: [denying] }, null, 'voss', 'bergen')).toEqual({ a: ['bergen'], b: ['voss', 'bergen'] })
    const both = { ...filter, deniedNeighbors: ['voss'] }
    expect(groups({ ...base, summaryFilters: [both] }, null, 'voss')).toEqual({ a: [], b: ['voss'] })
  })

  it('goes to areas this node takes part in only, and past the filter of the target', () => {
    expect(groups({ ...base, localAreas: ['b'], summaryFilters: [filter] }, null, 'voss')).toEqual({ b: ['voss'] })
    expect(groups({ ...base, areaNeighborFilters: { a: ['oslo'] }, summaryFilters: [filter] }, null, 'voss')).toEqual({
      a: [],
      b: ['voss'],
    })
  })

  it('is not summarised again', () => {
    const summaryFilters = [filter, { sourceArea: 'a', targetArea: 'c', allowedNeighbors: null, deniedNeighbors: null }]
    expect(groups({ ...base, localAreas: ['a', 'b', 'c'], summaryFilters }, null, 'voss')).toEqual({ a: ['voss'], b: ['voss'], c: [] })
  })
})

describe('areas', () => {
  it('are ordered by name, after "no area"', () => {
    expect(['b', null, 'a'].sort(compareAreas)).toEqual([null, 'a', 'b'])
  })
})
