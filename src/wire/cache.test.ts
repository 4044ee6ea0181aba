import { describe, expect, it } from 'vitest'
import {
  decodeCacheAnalytics,
  decodeCacheRequest,
  decodeCacheResponse,
  encodeCacheAnalytics,
  encodeCacheRequest,
  encodeCacheResponse,
} from './cache.ts'
import { RawJson } from './json.ts'

const NOW = 1_790_000_000.5
const request = (text: string) => decodeCacheRequest(JSON.parse(text), text, NOW)

describe('a cache request', () => {
  it.each([
    '{"role":"cache-request","u":"1","timestamp":1790000070.0,"version":"2.0","operation":"get","key":{"namespace":"fx","identifier":"eurusd","version":"v1.0.0","tags":[]},"options":{"include_metadata":true,"consistency_level":"eventual","timeout_ms":5000,"cache_levels":["L1","L2"],"replication_factor":2,"prefer_local":true,"max_staleness_seconds":300.0}}',
    '{"role":"cache-request","u":"1","timestamp":1.0,"version":"2.0","operation":"atomic","options":{"include_metadata":true,"consistency_level":"weak","timeout_ms":5000,"cache_levels":["L1","L2","L3","L4"],"replication_factor":2,"prefer_local":true,"max_staleness_seconds":300.0},"value":1.0,"atomic_operation":{"operation_type":"increment","expected_value":-0,"new_value":null,"increment_by":1.0,"ttl_seconds":null,"conditions":{"a":1.0},"initial_value":2.0}}',
  ])('%s survives reading and writing', (text) => {
    expect(encodeCacheRequest(request(text))).toBe(text)
  })

  it('may leave out options and key, and say pattern for invalidation_pattern', () => {
    const { options, ...rest } = request('{"role":"cache-request","u":"1","operation":"invalidate","pattern":"a*"}')
    expect(rest).toEqual({
      role: 'cache-request',
      u: '1',
      timestamp: NOW,
      version: '2.0',
      operation: 'invalidate',
      invalidation_pattern: 'a*',
    })
    expect(options).toEqual({
      include_metadata: true,
      consistency_level: 'eventual',
      timeout_ms: 5000,
      cache_levels: ['L1', 'L2', 'L3', 'L4'],
      replication_factor: 2,
      prefer_local: true,
      max_staleness_seconds: 300,
    })
  })

  it('tells a null value from none', () => {
    expect(request('{"role":"cache-request","u":"1","operation":"get"}')).not.toHaveProperty('value')
    expect(request('{"role":"cache-request","u":"1","operation":"put","value":1.0}').value).toEqual(new RawJson('1.0'))
  })

  it('names the offending field', () => {
    expect(() => request('{"role":"cache-request","operation":"get"}')).toThrow('u is required')
    expect(() => request('{"role":"cache-request","u":"1","operation":"put","key":7}')).toThrow('key must be an object, not a number')
  })
})

describe('cache responses and analytics', () => {
  it('survive reading and writing', () => {
    const response =
      '{"role":"cache-response","u":"1","timestamp":1.0,"version":"2.0","status":"hit","operation_id":"o","cache_level":"L1","entry":{"key":{"namespace":"fx","identifier":"a","version":"v1.0.0","tags":[]},"value":1.0,"creation_time":1.0,"access_count":2,"last_access_time":3.0,"computation_cost_ms":0.0,"size_bytes":3,"dependencies":["fx:b:v1.0.0"],"ttl_seconds":null},"performance":{"lookup_time_ms":0.5,"network_hops":0,"cache_efficiency":1.0}}'
    expect(encodeCacheResponse(decodeCacheResponse(JSON.parse(response), response, NOW))).toBe(response)
    const miss = '{"role":"cache-response","u":"1","timestamp":1.0,"version":"2.0","status":"miss","operation_id":"o"}'
    expect(encodeCacheResponse(decodeCacheResponse(JSON.parse(miss), miss, NOW))).toBe(miss)
    const analytics =
      '{"role":"cache-analytics","u":"1","timestamp":1.0,"version":"2.0","period":{"start":0.0,"end":1.0,"duration_seconds":1.0},"statistics":{"operations":{"get":1},"performance":{"ms":1.0},"cost_savings":{}}}'
    expect(encodeCacheAnalytics(decodeCacheAnalytics(JSON.parse(analytics), analytics, NOW))).toBe(analytics)
  })
})
