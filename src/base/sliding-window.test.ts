import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlidingWindow } from './sliding-window.ts'

function setup(windowMs: number, buckets: number, startMs = 0) {
  let nowMs = startMs
  const window = new SlidingWindow({ monotonic: () => nowMs }, { windowMs, buckets })
  return {
    window,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('sliding window', () => {
  it('forgets what is older than the window, one bucket at a time', () => {
    const { window, pass } = setup(1000, 10)
    window.record()
    pass(500)
    window.record(2)
    expect(window.total()).toBe(3)
    pass(499)
    expect(window.total()).toBe(3)
    pass(1)
    expect(window.total()).toBe(2)
    pass(500)
    expect(window.total()).toBe(0)
  })

  it('forgets everything after a long silence', () => {
    const { window, pass } = setup(1000, 10)
    window.record(5)
    pass(1e9)
    expect(window.total()).toBe(0)
    expect(window.ratePerSecond()).toBe(0)
  })

  it('covers between all of the window and one bucket less, whatever the times', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), fc.nat(5))), fc.nat(5000), (steps, startMs) => {
        const { window, pass } = setup(1000, 5, startMs)
        const events: [number, number][] = []
        let nowMs = startMs
        for (const [ms, amount] of steps) {
          pass(ms)
          nowMs += ms
          window.record(amount)
          events.push([nowMs, amount])
          const since = (fromMs: number) => events.filter(([at]) => at > fromMs).reduce((sum, [, amount]) => sum + amount, 0)
          expect(window.total()).toBeGreaterThanOrEqual(since(nowMs - 800))
          expect(window.total()).toBeLessThanOrEqual(since(nowMs - 1000))
        }
      }),
    )
  })

  it('reports a steady rate as it is, young or old, at any moment', () => {
    const { window, pass } = setup(10_000, 10, 12_345)
    for (let i = 1; i < 5000; i++) {
      pass(7)
      window.record()
      if (i * 7 > 2000) expect(window.ratePerSecond()).toBeCloseTo(1000 / 7, -1)
    }
  })

  it('does not call a single event at the start a flood', () => {
    const { window, pass } = setup(10_000, 10)
    window.record()
    pass(1)
    expect(window.ratePerSecond()).toBe(1)
  })

  it('takes the time of an event from who has already read the clock', () => {
    const { window, pass } = setup(1000, 10)
    window.record(1, 700)
    window.record(1, 1500)
    pass(1600)
    expect(window.total()).toBe(2)
    pass(100)
    expect(window.total()).toBe(1)
  })

  it('leaves no residue of fractions', () => {
    const { window, pass } = setup(1000, 10)
    for (let i = 0; i < 1000; i++) {
      window.record(0.1)
      pass(37)
    }
    pass(1000)
    expect(window.total()).toBe(0)
  })
})
