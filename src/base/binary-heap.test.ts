import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { heapPop, heapPush } from './binary-heap.ts'

const before = (a: number, b: number): boolean => a < b

describe('a binary heap', () => {
  it('gives out what was put in, the least of what is there each time', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer(), { nil: null })), (steps) => {
        const heap: number[] = []
        let model: number[] = []
        for (const step of steps) {
          if (step === null) {
            model.sort((a, b) => a - b)
            expect(heapPop(heap, before)).toBe(model[0])
            model = model.slice(1)
          } else {
            heapPush(heap, step, before)
            model.push(step)
          }
          expect(heap).toHaveLength(model.length)
        }
      }),
    )
  })
})
