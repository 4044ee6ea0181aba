import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TransientMap } from './transient-map.ts'

describe('a map of what comes and goes', () => {
  it('holds what a Map holds, in the same order, through any history', () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 200 }).map(String), remove: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const map = new TransientMap<{ readonly n: number }>()
        const model = new Map<string, { readonly n: number }>()
        for (const [n, { key, remove }] of steps.entries()) {
          if (remove) {
            expect(map.delete(key)).toBe(model.delete(key))
          } else {
            map.set(key, { n })
            model.set(key, { n })
          }
          expect(map.size).toBe(model.size)
          expect(map.get(key)).toEqual(model.get(key))
        }
        expect(map.values()).toEqual([...model.values()])
      }),
    )
  })

  it('costs the same for each entry, however many there are', () => {
    // Sweeping after every few deletions would look at all that is left each time.
    const looks = { count: 0 }
    const map = new TransientMap<{ readonly key: string }>()
    const entries = 20_000
    for (let i = 0; i < entries; i++) map.set(`k${i}`, { key: `k${i}` })
    const original = Map.prototype.entries
    const iterate = Map.prototype[Symbol.iterator]
    Map.prototype[Symbol.iterator] = function* (this: Map<unknown, unknown>) {
      for (const entry of original.call(this)) {
        looks.count++
        yield entry
      }
    } as never
    try {
      for (let i = 0; i < entries; i++) map.delete(`k${i}`)
    } finally {
      Map.prototype[Symbol.iterator] = iterate
    }
    expect(looks.count).toBeLessThan(2 * entries)
  })

  it('deleting while going through the values disturbs nothing', () => {
    const map = new TransientMap<{ readonly key: string }>()
    for (let i = 0; i < 500; i++) map.set(`k${i}`, { key: `k${i}` })
    for (const { key } of map.values()) expect(map.delete(key)).toBe(true)
    expect(map.values()).toEqual([])
  })
})
