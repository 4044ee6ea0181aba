import { describe, expect, it } from 'vitest'
import {
  backoffBounds,
  failureDelaySeconds,
  lostDelaySeconds,
  refusalDelaySeconds,
  unreachedSeedBounds,
  urlSpread,
} from './dial-backoff.ts'

const rounded = (value: number) => Number(value.toPrecision(4))

describe('back-off between rounds', () => {
  it.each([
    [9, 1, 1.667, 15],
    [9, 0, 2.917, 15],
    [16, 1, 1.25, 20],
    [25, 0.4, 2.938, 25],
    [49, 0.3, 8.881, 35],
    [49, 0.8, 4.287, 35],
    [20, 0.1, 2.984, 22.36],
  ])('control plane check 28: with g=5, n=%d, c=%d starts at %d s and ends at %d s', (n, c, base, cap) => {
    const { baseSeconds, capSeconds } = backoffBounds({ targets: n, connectedRatio: c }, 5)
    // 4.2875 lies between two numbers of four digits.
    expect(Math.abs(baseSeconds - base)).toBeLessThan(0.00051)
    expect(rounded(capSeconds)).toBe(cap)
  })

  it('control plane check 29: failures 1 to 6 with base 0.5, cap 8, spread 0.1', () => {
    const delays = [1, 2, 3, 4, 5, 6].map((failures) => failureDelaySeconds(failures, { baseSeconds: 0.5, capSeconds: 8 }, 0.1))
    expect(delays.map(rounded)).toEqual([0.55, 1.1, 2.2, 4.4, 8.8, 8.8])
  })

  it('is spread by the url, by a quarter at most', () => {
    expect(urlSpread('ws://127.0.0.1:9001')).toBe(0.02075)
    expect(failureDelaySeconds(1, { baseSeconds: 1, capSeconds: 1 }, 0.9)).toBe(1.25)
    expect(urlSpread('ws://\u{10ffff}')).toBeLessThan(0.25)
  })

  it('is short for a configured peer that was never reached', () => {
    expect(unreachedSeedBounds({ baseSeconds: 2.917, capSeconds: 15 }, 5)).toEqual({ baseSeconds: 2.5, capSeconds: 10 })
    expect(unreachedSeedBounds({ baseSeconds: 2.917, capSeconds: 15 }, 0.1)).toEqual({ baseSeconds: 0.2, capSeconds: 1 })
    expect(unreachedSeedBounds({ baseSeconds: 0.3, capSeconds: 0.5 }, 5)).toEqual({ baseSeconds: 0.3, capSeconds: 0.5 })
  })

  it('is longer after a refusal, and ends at five minutes', () => {
    const bounds = { baseSeconds: 2, capSeconds: 15 }
    expect([1, 2, 3, 9, 1000].map((refusals) => refusalDelaySeconds(refusals, bounds, 0))).toEqual([8, 16, 32, 300, 300])
    expect(refusalDelaySeconds(1, { baseSeconds: 0.2, capSeconds: 0.4 }, 0)).toBe(5)
  })

  it('of a vanished node is half a minute at least', () => {
    expect([lostDelaySeconds(2, 0), lostDelaySeconds(2, 0.1), lostDelaySeconds(70, 0.1)]).toEqual([30, 33, 70])
  })
})
