import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBroadcastQueue, retransmitLimit } from './broadcast-queue.ts'

const queueOf = (limit: number, capacity = 100) => createBroadcastQueue<string>({ capacity, transmitLimit: () => limit })

describe('the queue of news', () => {
  it.each([
    [4, 0, 1],
    [4, 1, 4],
    [4, 9, 4],
    [4, 99, 8],
    [4, 100, 12],
    [1, 999, 3],
  ])('lambda %d, %d members: sent %d times', (lambda, members, times) => {
    expect(retransmitLimit(lambda, members)).toBe(times)
  })

  it('sends each piece of news so many times and forgets it', () => {
    const queue = queueOf(3)
    queue.add('a', 'a is suspected')
    expect([1, 2, 3, 4].map(() => queue.take(5))).toEqual([['a is suspected'], ['a is suspected'], ['a is suspected'], []])
    expect(queue.size).toBe(0)
  })

  it('prefers what was sent least, and of that the newest', () => {
    const queue = queueOf(3)
    queue.add('a', 'a')
    queue.add('b', 'b')
    expect(queue.take(1)).toEqual(['b'])
    queue.add('c', 'c')
    expect(queue.take(2)).toEqual(['c', 'a'])
    queue.add('d', 'd')
    // All but d were sent once.
    expect(queue.take(1)).toEqual(['d'])
    expect(queue.take(3)).toHaveLength(3)
  })

  it('replaces older news about the same member', () => {
    const queue = queueOf(3)
    queue.add('a', 'suspected')
    queue.take(1)
    queue.add('a', 'confirmed')
    expect(queue.take(5)).toEqual(['confirmed'])
    expect(queue.snapshot()).toMatchObject({ waiting: 1, replaced_total: 1 })
  })

  it('sends news of less weight less often', () => {
    const queue = queueOf(8)
    queue.add('a', 'joined', 2)
    expect([1, 2, 3].map(() => queue.take(5))).toEqual([['joined'], ['joined'], []])
  })

  it('shows without counting', () => {
    const queue = queueOf(1)
    queue.add('a', 'a')
    queue.add('b', 'b')
    expect(queue.peek(1)).toEqual(['b'])
    expect(queue.take(2)).toEqual(['b', 'a'])
  })

  it('drops what was sent most when it is full', () => {
    const queue = queueOf(5, 2)
    queue.add('a', 'a')
    queue.take(1)
    queue.add('b', 'b')
    queue.add('c', 'c')
    expect(queue.take(5)).toEqual(['c', 'b'])
    expect(queue.snapshot()).toMatchObject({ waiting: 2, dropped_total: 1 })
  })

  it('keeps its bounds, sends the newest word only, and no word more often than allowed', () => {
    const step = fc.oneof(
      { weight: 2, arbitrary: fc.record({ add: fc.nat(12) }) },
      { weight: 1, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 6 }) }) },
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 200 }),
        (limit, capacity, steps) => {
          const queue = createBroadcastQueue<number>({ capacity, transmitLimit: () => limit })
          const newest = new Map<string, number>()
          const aboutOf = new Map<number, string>()
          const sent = new Map<number, number>()
          let serial = 0
          for (const next of steps) {
            if ('add' in next) {
              const about = `n${next.add}`
              newest.set(about, ++serial)
              aboutOf.set(serial, about)
              queue.add(about, serial)
            } else {
              const taken = queue.take(next.take)
              expect(taken.length).toBeLessThanOrEqual(next.take)
              for (const item of taken) {
                expect(newest.get(aboutOf.get(item) as string)).toBe(item)
                sent.set(item, (sent.get(item) ?? 0) + 1)
                expect(sent.get(item)).toBeLessThanOrEqual(limit)
              }
            }
            expect(queue.size).toBeLessThanOrEqual(capacity)
          }
          const { added_total, replaced_total, dropped_total, finished_total, waiting } = queue.snapshot()
          expect(added_total).toBe(replaced_total + dropped_total + finished_total + waiting)
          // What waits can all be taken.
          expect(queue.take(1_000)).toHaveLength(waiting)
        },
      ),
    )
  })
})
