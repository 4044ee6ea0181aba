import { describe, expect, it } from 'vitest'
import { createHoldDown } from './hold-down.ts'
import { summarySample } from './summary-samples.ts'

describe('hold-down', () => {
  const one = [summarySample('svc.a')]
  const two = [...one, summarySample('svc.b')]

  it('takes a namespace at once, and refreshes what has not changed', () => {
    const holdDown = createHoldDown(10)
    expect(holdDown.decide('svc', one, 100)).toEqual({ verdict: 'new', summaries: one, gone: [] })
    const again = [summarySample('svc.a', { generated_at: 101 })]
    expect(holdDown.decide('svc', again, 101)).toEqual({ verdict: 'unchanged', summaries: again, gone: [] })
  })

  it('puts off a change until the time since the last accepted one is over', () => {
    const holdDown = createHoldDown(10)
    holdDown.decide('svc', one, 100)
    expect(holdDown.decide('svc', two, 109)).toEqual({
      verdict: 'held',
      summaries: [summarySample('svc.a', { generated_at: 109 })],
      gone: [],
    })
    expect(holdDown.decide('svc', two, 110)).toEqual({ verdict: 'changed', summaries: two, gone: [] })
    expect(holdDown.decide('svc', one, 119).verdict).toBe('held')
    expect(holdDown.decide('svc', one, 120)).toEqual({ verdict: 'changed', summaries: one, gone: [summarySample('svc.b')] })
  })

  it('is not longer for a clock that was put back', () => {
    const holdDown = createHoldDown(10)
    holdDown.decide('svc', one, 4000)
    expect(holdDown.decide('svc', two, 400).verdict).toBe('changed')
    expect(holdDown.decide('svc', one, 409).verdict).toBe('held')
  })

  it('compares all that matters to readers, whatever the order', () => {
    const holdDown = createHoldDown(0)
    holdDown.decide('svc', two, 100)
    expect(holdDown.decide('svc', [...two].reverse(), 101).verdict).toBe('unchanged')
    for (const change of [
      { endpoint_count: 2 },
      { regions: ['eu', 'us'] },
      { health_band: 'degraded' },
      { latency_band_ms: [1, 2] },
      { policy_version: '2' },
      { source_cluster: 'fern' },
      { scope: 'global' },
    ] as const) {
      expect(holdDown.decide('svc', [summarySample('svc.a', change), summarySample('svc.b')], 102).verdict).toBe('changed')
    }
  })

  it('forgets a namespace, and begins anew with it', () => {
    const holdDown = createHoldDown(10)
    holdDown.decide('svc', one, 100)
    expect([...holdDown.namespaces]).toEqual(['svc'])
    expect(holdDown.forget('svc')).toEqual(one)
    expect([...holdDown.namespaces]).toEqual([])
    expect(holdDown.decide('svc', two, 101).verdict).toBe('new')
  })
})
