import { describe, expect, it } from 'vitest'
import { serviceSummary } from '../wire/index.ts'
import { healthBand, latencyBand, summarise, summaryNamespace } from './service-summaries.ts'
import { functionSample, N1, N2 } from './summary-samples.ts'

describe('service summaries', () => {
  it('say of a function where it runs, how well, and how far away, once for each cluster', () => {
    const functions = [
      functionSample('svc.a'),
      functionSample('svc.a', { node_id: N2 }),
      functionSample('svc.a', { node_id: 'ws://far:1', cluster_id: 'fern' }),
      functionSample('plain', { node_id: N2 }),
    ]
    const summaries = summarise(
      functions,
      {
        regionOf: (id) => (id === N1 ? 'us' : id === N2 ? 'eu' : ''),
        healthOf: (id) => (id === N2 ? 'doubtful' : 'up'),
        roundTripMs: (id) => (id === N1 ? 3 : id === N2 ? 42 : undefined),
      },
      { now: 100, ttlSeconds: 60, scope: 'global', policyVersion: (namespace) => (namespace === 'svc' ? '7' : undefined) },
    )
    expect(summaries.map((summary) => JSON.parse(serviceSummary.write(summary)))).toEqual([
      {
        namespace: 'svc',
        service_id: 'svc.a',
        regions: ['eu', 'us'],
        endpoint_count: 2,
        health_band: 'degraded',
        latency_band_ms: [2, 50],
        ttl_seconds: 60,
        generated_at: 100,
        scope: 'global',
        policy_version: '7',
        source_cluster: 'moss',
      },
      {
        namespace: 'svc',
        service_id: 'svc.a',
        regions: [],
        endpoint_count: 1,
        health_band: 'healthy',
        latency_band_ms: [0, 0],
        ttl_seconds: 60,
        generated_at: 100,
        scope: 'global',
        policy_version: '7',
        source_cluster: 'fern',
      },
      {
        namespace: 'plain',
        service_id: 'plain',
        regions: ['eu'],
        endpoint_count: 1,
        health_band: 'degraded',
        latency_band_ms: [20, 50],
        ttl_seconds: 60,
        generated_at: 100,
        scope: 'global',
        source_cluster: 'moss',
      },
    ])
  })

  it('are healthy when all hosts are up, critical when none is', () => {
    expect(healthBand(['up', 'up'])).toBe('healthy')
    expect(healthBand(['up', 'down'])).toBe('degraded')
    expect(healthBand(['doubtful'])).toBe('degraded')
    expect(healthBand(['down', 'down'])).toBe('critical')
  })

  it('give latencies in steps, around what was measured', () => {
    expect(latencyBand([undefined])).toEqual([0, 0])
    expect(latencyBand([0.4])).toEqual([0, 1])
    expect(latencyBand([undefined, 7, 120])).toEqual([5, 200])
    expect(latencyBand([60_000.5])).toEqual([50_000, 60_001])
  })

  it('count a name without a dot as its own namespace', () => {
    expect([summaryNamespace('plain'), summaryNamespace('a.b.c')]).toEqual(['plain', 'a.b'])
  })
})
