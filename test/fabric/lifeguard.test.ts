import { describe, expect, it } from 'vitest'
import { quantile, runCrashes, runPartial, runStalls } from './lifeguard-model.ts'

const SWIM = { lifeguard: false, consensus: false }
const LIFEGUARD = { lifeguard: true }

describe('Lifeguard among 32 members', () => {
  it('accuses the healthy far less than SWIM does when members stand still again and again', () => {
    const wrong = { swim: 0, lifeguard: 0 }
    for (const stallMs of [2_000, 8_000]) {
      const stalls = { count: 8, stallMs, runMs: 16, forMs: 60_000 }
      wrong.swim += runStalls({ nodes: 32, seed: 1, membership: SWIM }, stalls).falsePositives
      wrong.lifeguard += runStalls({ nodes: 32, seed: 1, membership: LIFEGUARD }, stalls).falsePositives
    }
    expect(wrong.swim).toBeGreaterThan(40)
    expect(wrong.lifeguard * 20).toBeLessThanOrEqual(wrong.swim)
  })

  it('accuses nobody at all who stands still for a moment', () => {
    const stalls = { count: 16, stallMs: 512, runMs: 250, forMs: 60_000 }
    expect(runStalls({ nodes: 32, seed: 2, membership: LIFEGUARD }, stalls)).toMatchObject({ falsePositives: 0 })
  })

  it('finds true failures as soon', () => {
    const found = { swim: [] as number[], lifeguard: [] as number[] }
    for (const seed of [1, 2, 3]) {
      found.swim.push(...runCrashes({ nodes: 32, seed, membership: SWIM }, 4).allMs)
      found.lifeguard.push(...runCrashes({ nodes: 32, seed, membership: LIFEGUARD }, 4).allMs)
    }
    expect(quantile(found.lifeguard, 1)).toBeLessThan(60_000)
    expect(quantile(found.lifeguard, 0.5)).toBeLessThan(1.2 * quantile(found.swim, 0.5))
    expect(quantile(found.lifeguard, 0.99)).toBeLessThan(1.2 * quantile(found.swim, 0.99))
  })
})

describe('a partial mesh', () => {
  it('has everybody know everybody, and learn of a failure that only neighbours could see', () => {
    const { known, detectedMs, falsePositives } = runPartial({ nodes: 60, seed: 5, chords: 2, membership: LIFEGUARD })
    expect(known).toBeGreaterThan(0.9)
    expect(detectedMs).toBeLessThan(60_000)
    expect(falsePositives).toBe(0)
  })
})
