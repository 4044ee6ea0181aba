import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedQueue, type WhenFull } from './bounded-queue.ts'

describe('bounded queue', () => {
  it('behaves as a list that is cut to its capacity', () => {
    const step = fc.oneof(
      { weight: 30, arbitrary: fc.integer().map((item) => ({ item })) },
      { weight: 15, arbitrary: fc.constant('shift' as const) },
      { weight: 1, arbitrary: fc.constant('clear' as const) },
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom<WhenFull>('reject', 'drop-oldest'),
        fc.array(step, { maxLength: 200, size: 'max' }),
        (capacity, whenFull, steps) => {
          const evicted: number[] = []
          const queue = new BoundedQueue<number>({ capacity, whenFull, onDrop: (item) => evicted.push(item) })
          let model: number[] = []
          const expectedEvicted: number[] = []
          let rejected = 0
          for (const step of steps) {
            if (step === 'clear') {
              queue.clear()
              model = []
            } else if (step === 'shift') {
              expect(queue.peek()).toBe(model[0])
              expect(queue.shift()).toBe(model.shift())
            } else if (model.length < capacity) {
              expect(queue.push(step.item)).toBe(true)
              model.push(step.item)
            } else if (whenFull === 'reject') {
              expect(queue.push(step.item)).toBe(false)
              rejected++
            } else {
              expect(queue.push(step.item)).toBe(true)
              expectedEvicted.push(model.shift() as number)
              model.push(step.item)
            }
            expect(queue.length).toBe(model.length)
            expect([...queue]).toEqual(model)
          }
          expect(evicted).toEqual(expectedEvicted)
          expect([queue.dropped, queue.rejected]).toEqual([evicted.length, rejected])
        },
      ),
    )
  })

  it('can be pushed to while told of a dropped item', () => {
    const queue: BoundedQueue<number> = new BoundedQueue({
      capacity: 2,
      whenFull: 'drop-oldest',
      onDrop: (item) => void (item === 1 && queue.push(9)),
    })
    queue.push(1)
    queue.push(2)
    queue.push(3)
    expect([...queue]).toEqual([3, 9])
  })

  it('refuses a capacity below one', () => {
    for (const capacity of [0, -1, Number.NaN]) expect(() => new BoundedQueue({ capacity, whenFull: 'reject' })).toThrow(RangeError)
  })
})
