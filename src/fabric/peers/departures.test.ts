import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { DEPARTURES_MAX } from './constants.ts'
import { createDepartures } from './departures.ts'

const departure = (node_url: string, instance_id = 'i1') => ({ node_url, instance_id, cluster_id: 'c', reason: 'maintenance' as const })

describe('departures', () => {
  it('hold for the grace period from reception, whatever the wall clock does', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const departures = createDepartures(env.clock, 5)
    departures.record(departure('ws://a:1'))
    env.shiftWall(3600)
    await env.advance(4_999)
    expect(departures.isDeparted('ws://a:1', 'i1')).toBe(true)
    expect(departures.list()).toMatchObject([{ node_url: 'ws://a:1', reason: 'maintenance' }])
    await env.advance(1)
    expect(departures.isDeparted('ws://a:1', 'i1')).toBe(false)
    expect(departures.snapshot()).toMatchObject({ remembered: 0, expired_total: 1 })
  })

  it('let a new process in at once, and only that', () => {
    const departures = createDepartures(createVirtualEnv({ seed: 1 }).clock, 5)
    departures.record(departure('ws://a:1'))
    expect(departures.isDeparted('ws://a:1')).toBe(true)
    expect(departures.isDeparted('ws://a:1', 'i2')).toBe(false)
    expect(departures.isDeparted('ws://a:1', 'i1')).toBe(false)
    expect(departures.snapshot().superseded_total).toBe(1)
    departures.record(departure('ws://b:1', ''))
    expect(departures.isDeparted('ws://b:1', 'i2')).toBe(true)
  })

  it('are not recorded without a grace period', () => {
    const departures = createDepartures(createVirtualEnv({ seed: 1 }).clock, 0)
    expect(departures.record(departure('ws://a:1'))).toBe(false)
    expect(departures.isDeparted('ws://a:1')).toBe(false)
  })

  it('stay bounded', () => {
    const departures = createDepartures(createVirtualEnv({ seed: 1 }).clock, 5)
    for (let i = 0; i < DEPARTURES_MAX + 10; i++) departures.record(departure(`ws://a:${i}`))
    expect(departures.snapshot()).toMatchObject({ remembered: DEPARTURES_MAX, forgotten_total: 10 })
    expect(departures.isDeparted('ws://a:0')).toBe(false)
    expect(departures.isDeparted('ws://a:10')).toBe(true)
  })
})
