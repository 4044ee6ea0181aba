import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeededRandom } from './random.ts'
import { createSystemRandom } from './real-env.ts'

const seeded = (seed: number | string) => createSeededRandom(seed, () => 0)
const draw = (seed: number | string) => {
  const random = seeded(seed)
  return Array.from({ length: 8 }, () => random.int(1_000_000))
}

describe('random', () => {
  it('repeats for a seed and differs between seeds', () => {
    const seeds = [0, 1, 2, 0.5, -1, 2 ** 53 - 1, '', '1', '1/node-1', '1/node-2']
    for (const seed of seeds) expect(draw(seed)).toEqual(draw(seed))
    expect(new Set(seeds.map((seed) => draw(seed).join())).size).toBe(seeds.length)
  })

  it('never changes what a seed means: recorded simulations depend on it', () => {
    expect(draw(7)).toMatchInlineSnapshot(`
      [
        452350,
        747490,
        733945,
        627082,
        314464,
        463806,
        244487,
        621786,
      ]
    `)
    expect(draw('7/node-1')).toMatchInlineSnapshot(`
      [
        250468,
        382802,
        899330,
        816239,
        998956,
        988235,
        645973,
        682067,
      ]
    `)
  })

  for (const [name, random] of [
    ['seeded', seeded(42)],
    ['system', createSystemRandom()],
  ] as const) {
    it(`is uniform (${name})`, () => {
      const counts = new Array(10).fill(0)
      let sum = 0
      for (let i = 0; i < 100_000; i++) {
        counts[random.int(10)]++
        sum += random.next()
      }
      // Five standard deviations: one false alarm in millions.
      for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(5 * Math.sqrt(9000))
      expect(Math.abs(sum / 100_000 - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / 100_000))
      const bytes = random.bytes(80_000)
      let ones = 0
      for (const byte of bytes) for (let bit = byte; bit > 0; bit &= bit - 1) ones++
      expect(Math.abs(ones - 320_000)).toBeLessThan(5 * Math.sqrt(160_000))
    })
  }

  it('samples distinct elements, all of them when asked for more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 50 }), fc.integer({ min: -1, max: 60 }), fc.integer(), (length, k, seed) => {
        const list = Array.from({ length }, (_, i) => i)
        const sample = seeded(seed).sample(list, k)
        expect(sample.length).toBe(Math.max(0, Math.min(k, length)))
        expect(new Set(sample).size).toBe(sample.length)
        for (const item of sample) expect(list).toContain(item)
        expect(list).toEqual(Array.from({ length }, (_, i) => i))
      }),
    )
  })

  it('gives every element the same chance to be sampled, in every position', () => {
    const random = seeded(3)
    for (const [length, k] of [
      [4, 2],
      [40, 2],
    ] as const) {
      const list = Array.from({ length }, (_, i) => i)
      const first = new Array(length).fill(0)
      const rounds = 2000 * length
      for (let i = 0; i < rounds; i++) first[random.sample(list, k)[0] as number]++
      for (const count of first) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(2000))
    }
  })

  it('picks one, or undefined from nothing', () => {
    expect(seeded(1).pick([])).toBeUndefined()
    expect(['a', 'b']).toContain(seeded(1).pick(['a', 'b']))
  })

  it('makes ulids for the given time', () => {
    expect(createSeededRandom(1, () => 1469918176385).ulid()).toMatch(/^01ARYZ6S41/)
  })

  it('fills bytes of any length', () => {
    for (let n = 0; n < 9; n++) expect(seeded(n).bytes(n).length).toBe(n)
  })
})
