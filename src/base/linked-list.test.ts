import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LinkedList, type ListHandle } from './linked-list.ts'

describe('a linked list', () => {
  it('keeps the order of adding whatever is taken out of it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 })), (steps) => {
        const list = new LinkedList<{ readonly n: number }>()
        const handles: ListHandle[] = []
        let model: { readonly n: number }[] = []
        const values: { readonly n: number }[] = []
        for (const [n, step] of steps.entries()) {
          if (step >= 0 || handles.length === 0) {
            const value = { n }
            handles.push(list.add(value))
            values.push(value)
            model.push(value)
          } else {
            const at = -step % handles.length
            const value = values[at] as { readonly n: number }
            expect(list.remove(handles[at] as ListHandle)).toBe(model.includes(value))
            model = model.filter((other) => other !== value)
          }
          expect(list.values()).toEqual(model)
          expect(list.size).toBe(model.length)
        }
      }),
    )
  })
})
