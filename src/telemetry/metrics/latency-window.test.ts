import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LatencyWindow } from './latency-window.ts'

describe('latency window', () => {
  it('forgets in the recent view what the lifetime view keeps', () => {
    const window = new LatencyWindow(0)
    window.record(5000, 0)
    window.record(10, 290_000)
    expect(window.recent(290_000).max).toBe(5000)
    expect(window.recent(310_000).max).toBe(10)
    expect(window.lifetime()).toMatchObject({ count: 2, max: 5000 })
    expect(window.recent(10_000_000).count).toBe(0)
    expect(window.lifetime().count).toBe(2)
  })

  it('covers the last five minutes less at most a slot, and everything ever, whatever the times', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(90_000), fc.integer({ min: 1, max: 1000 })), { maxLength: 50 }),
        fc.nat(1e6),
        (steps, startMs) => {
          const window = new LatencyWindow(startMs)
          const seen: number[] = []
          let nowMs = startMs
          for (const [ms, latencyMs] of steps) {
            nowMs += ms
            seen.push(nowMs)
            window.record(latencyMs, nowMs)
            const since = (fromMs: number) => seen.filter((atMs) => atMs > fromMs).length
            const { count } = window.recent(nowMs)
            expect(count).toBeGreaterThanOrEqual(since(nowMs - 270_000))
            expect(count).toBeLessThanOrEqual(since(nowMs - 300_000))
            expect(window.lifetime().count).toBe(seen.length)
          }
        },
      ),
    )
  })
})
