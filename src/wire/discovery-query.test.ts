import { describe, expect, it } from 'vitest'
import { pageOf, QueryError, queryFlag, queryList, queryName, queryScope } from './discovery-query.ts'

describe('discovery queries', () => {
  it('read scopes as clients write them', () => {
    expect(queryScope(undefined)).toBeUndefined()
    expect(queryScope(' Cluster ')).toBe('zone')
    expect(() => queryScope('planet')).toThrow(new QueryError('Unsupported discovery scope: planet'))
  })

  it('take no name that is too long to be remembered', () => {
    expect(queryName({ namespace: 'n'.repeat(512) }, 'namespace')).toHaveLength(512)
    expect(() => queryName({ namespace: 'n'.repeat(513) }, 'namespace')).toThrow('namespace has 513 characters, more than 512')
  })

  it('read what is true and what is false', () => {
    const flags = [true, 'False', 1, '0', null, undefined].map((enabled) => queryFlag({ enabled }, 'enabled'))
    expect(flags).toEqual([true, false, true, false, undefined, undefined])
    expect(() => queryFlag({ enabled: 'maybe' }, 'enabled')).toThrow('enabled must be true or false, not maybe')
  })

  it('take a scalar for a list of one', () => {
    expect(queryList('cpu')).toEqual(['cpu'])
    expect(queryList(['a', 1])).toEqual(['a', '1'])
    expect(queryList(null)).toEqual([])
  })

  it('cut pages by token and limit', () => {
    const list = [...'abcde']
    expect(pageOf(list, { limit: 2 })).toEqual({ items: ['a', 'b'], nextPageToken: '2:2' })
    expect(pageOf(list, { page_token: '2:2' })).toEqual({ items: ['c', 'd'], nextPageToken: '4:2' })
    expect(pageOf(list, { page_token: '4:2' })).toEqual({ items: ['e'] })
    expect(pageOf(list, { page_token: '2:2', limit: 3 })).toEqual({ items: ['c', 'd', 'e'] })
    expect(pageOf(list, { page_token: 'nonsense' })).toEqual({ items: list })
    expect(pageOf(list, { page_token: '0:0' })).toEqual({ items: ['a'], nextPageToken: '1:1' })
    expect(pageOf(list, { page_token: '99:5' })).toEqual({ items: [] })
    expect(pageOf(Array.from({ length: 5000 }), { limit: 9999 }).nextPageToken).toBe('2000:2000')
  })
})
